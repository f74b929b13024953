"""Verdicts on the thesis's claims, from records and from its own printed numbers."""

from dataclasses import replace

import numpy as np
import pandas as pd

from pruneproxy.errors import UserError, choose
from pruneproxy.evidence.claims import Verdict
from pruneproxy.evidence.verdicts import Weighed, beside, judged, status_by_part
from pruneproxy.recipes.sparse_tradeoff.claims.evidence import BASES, decided_by_one_seed, evidence
from pruneproxy.recipes.sparse_tradeoff.claims.printed import Printed, cautions, remarks
from pruneproxy.recipes.sparse_tradeoff.claims.rules import RULES
from pruneproxy.recipes.sparse_tradeoff.claims.study import Quantities, Study
from pruneproxy.recipes.sparse_tradeoff.claims.texts import CLAIMS
from pruneproxy.recipes.sparse_tradeoff.frames import COLUMNS, select

__all__ = ["CLAIMS", "by_dataset", "by_network", "check", "evaluate", "printed_verdicts", "quantity"]


def evaluate(frames, *, scale: str, replicates: int = 10_000, seed: int = 0) -> list[Verdict]:
    """The verdicts on ST-01 to ST-20 from the part's `Frames`, corrected over the claims that were tested.

    "Every data set" means every one in the tables. A claim whose experiments are missing is `not run`; one that rests
    on accuracies of a single seed is `inconclusive`. The searches are taken as they are: what would come of other
    searches is not resampled.
    """
    return _decided(frames, _study(frames, replicates, seed), scale)


def by_dataset(frames, *, scale: str, replicates: int = 10_000, seed: int = 0) -> dict[str, dict[str, str]]:
    """Claim -> data set -> status from the records of that data set alone, each with its own correction.

    Claims that compare data sets with each other (ST-04, ST-06, ST-11) are then `not run`.
    """
    study = _study(frames, replicates, seed)
    names = list(dict.fromkeys(name for table in COLUMNS for name in getattr(frames, table)["dataset"]))
    found = {name: _decided(select(frames, dataset=name), study.alone(name), scale) for name in names}
    return status_by_part(found)


by_network = by_dataset  # what the other parts call it


def quantity(frames, name: str, *, replicates: int = 10_000, seed: int = 0) -> pd.DataFrame:
    """A quantity of the claims, such as `sweep_gains`: a row per effect with its 95 % interval, and as printed.

    The names are those of the methods of `claims.study.Study`.
    """
    known = {key: value for key, value in vars(Printed).items() if not key.startswith("_")}
    choose(name, known, "quantity")
    here, printed = (
        _by_label(found) for found in (getattr(_study(frames, replicates, seed), name)(), getattr(Printed(), name)())
    )
    rows = {}
    for label in dict.fromkeys([*printed, *here]):
        low, high = (here[label].interval if label in here else None) or (np.nan, np.nan)
        values = (found[label].value if label in found else np.nan for found in (here, printed))
        rows[label] = dict(zip(("here", "printed"), values, strict=True)) | {"low": low, "high": high}
    columns = ["here", "low", "high", "printed"]
    return (
        pd.DataFrame.from_dict(rows, orient="index", columns=None)
        .reindex(columns=columns)
        .rename_axis(name.replace("_", " "))
    )


def _by_label(found) -> dict:
    effects = (effect for one in found.values() for effect in (one if isinstance(one, list) else [one]))
    return {effect.label.replace("_", " "): effect for effect in effects}


def check() -> list[Verdict]:
    """The verdicts that follow from the thesis's printed numbers alone; `inconclusive` where too little is printed.

    Printed numbers are taken as exact, so that a verdict says whether the tables agree with the sentence; what their
    deviations and counts allow is in `reanalysis`, and in the note where it tells against a verdict.
    """
    printed, partly, notes = Printed(), remarks(), cautions()
    weighed = {name: rule(printed) for name, rule in RULES.items()}
    found = judged(weighed, scale="published", evidence={}, apart=True)
    return [
        replace(
            found[name],
            p=None,
            effect="; ".join(filter(None, (found[name].effect, partly.get(name)))),
            note="; ".join(filter(None, ("printed numbers, taken as exact", notes.get(name)))),
        )
        if name in found
        else Verdict(claim=name, status="inconclusive", effect=partly[name], scale="published")
        for name in CLAIMS
    ]


def printed_verdicts(*ids: str) -> pd.DataFrame:
    """What the thesis's printed numbers say about some claims: one row per claim, for showing beside our verdicts."""
    return beside(CLAIMS, check(), ids)


def _study(frames, replicates: int, seed: int) -> Quantities:
    """The quantities of the frames, kept with them: verdicts on all data sets and on each rest on the same ones."""
    _check_columns(frames)
    key = "study", replicates, seed
    if key not in frames.known:
        frames.known[key] = Quantities(Study(frames, replicates=replicates, seed=seed))
    return frames.known[key]


def _decided(frames, study: Quantities, scale: str) -> list[Verdict]:
    weighed = {name: rule(study) for name, rule in RULES.items()}
    tested = {name: _sure(frames, name, result) for name, result in weighed.items() if result is not None}
    found = judged(tested, scale=scale, evidence={name: evidence(frames, name) for name in tested}, apart=True)
    return [found.get(name) or _not_run(name, scale) for name in CLAIMS]


def _sure(frames, name: str, weighed: Weighed) -> Weighed:
    """Undecided if the claim rests on a single seed."""
    return replace(weighed, confirm=1.0, refute=1.0) if decided_by_one_seed(frames, name) else weighed


def _not_run(name: str, scale: str) -> Verdict:
    return Verdict(claim=name, status="not run", effect="", scale=scale, note=f"needs {BASES[name].need}")


def _check_columns(frames) -> None:
    for name, wanted in COLUMNS.items():
        table = getattr(frames, name)
        missing = [column for column in wanted if column not in table]
        if missing:
            raise UserError(
                f"expected the table {name} to have the columns {', '.join(missing)}, got {', '.join(map(str, table))}"
            )
