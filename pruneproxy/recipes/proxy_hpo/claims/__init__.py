"""Verdicts on the paper's claims, from records and from its own printed numbers."""

from collections.abc import Mapping
from dataclasses import fields, replace

import pandas as pd

from pruneproxy.errors import UserError
from pruneproxy.evidence.claims import Verdict
from pruneproxy.evidence.verdicts import beside, judged, status_by_part
from pruneproxy.recipes.proxy_hpo.claims.printed import EXACT, REMARKS, SEEDS, Printed
from pruneproxy.recipes.proxy_hpo.claims.rules import BASIC_NEED, NEEDS, RULES, TABLES
from pruneproxy.recipes.proxy_hpo.claims.study import CASE, FIVE, Study
from pruneproxy.recipes.proxy_hpo.claims.texts import CLAIMS

__all__ = ["CLAIMS", "by_network", "check", "evaluate", "printed_verdicts"]

SEARCH = ["experiment", "source", "search_seed"]
COLUMNS = {  # what is read of each table
    "winners": [*CASE, *SEARCH, "optimizer", "seed", "top1", *FIVE, "id", "status"],
    "trials": [*CASE, *SEARCH, "value", "state", *FIVE],
    "curves": [*CASE, "arm", "seed", "epoch", "train_loss", "id"],
    "timings": [*CASE, "arm", "batch_size", "samples", "parameters", "id"],
    "widths": [*CASE, "source", "place", "share"],
}


def evaluate(frames, *, scale: str, replicates: int = 10_000, seed: int = 0) -> list[Verdict]:
    """The verdicts on PH-01 to PH-15 from the part's `Frames`, corrected over the claims that were tested.

    "Every network" means every one in the tables. A claim whose experiments are missing is `not run`; one that rests
    on a single search seed is `inconclusive`.
    """
    _check_columns(frames)
    study = Study(frames, replicates=replicates, seed=seed)
    weighed = {name: rule(study) for name, rule in RULES.items()}
    evidence = {name: _evidence(frames, name) for name, result in weighed.items() if result is not None}
    found = judged(weighed, scale=scale, evidence=evidence)
    return [found.get(name) or _not_run(name, scale) for name in CLAIMS]


def by_network(frames, *, scale: str, **choices) -> dict[str, dict[str, str]]:
    """Claim -> network -> status from the records of that network alone, each network with its own correction.

    Claims that compare networks with each other (PH-09, PH-10) are then `not run`.
    """
    names = list(dict.fromkeys(name for table in COLUMNS for name in getattr(frames, table)["network"]))
    found = {name: evaluate(_of_network(frames, name), scale=scale, **choices) for name in names}
    return status_by_part(found)


def check() -> list[Verdict]:
    """The verdicts that follow from the paper's printed numbers alone; `inconclusive` where too little is printed.

    Means with deviations (Tables 3 and 4, Sec. 5.3) are judged by draws from the sampling distribution that normal
    seeds would have: mean + deviation / sqrt(5) * t with 4 degrees of freedom, with a fixed seed, both sides
    independent, corrected over the claims. Numbers printed without a deviation (Tables 1 and 5, times) are taken as
    exact, so that the verdict only says whether the table agrees with the sentence; these have no interval and no p.
    """
    printed = Printed()
    found = judged({name: rule(printed) for name, rule in RULES.items()}, scale="published", evidence={})
    return [_printed(name, found) for name in CLAIMS]


def printed_verdicts(*ids: str) -> pd.DataFrame:
    """What the paper's printed numbers say about some claims: one row per claim, for showing beside our verdicts."""
    return beside(CLAIMS, check(), ids)


def _printed(name: str, found: Mapping[str, Verdict]) -> Verdict:
    if name not in found:
        return Verdict(claim=name, status="inconclusive", effect=REMARKS[name], scale="published")
    if name in EXACT:
        return replace(found[name], note="printed without deviations, taken as exact", p=None)
    return replace(found[name], seeds=SEEDS, note="from printed means and deviations")


def _evidence(frames, name: str) -> dict:
    """What a verdict rests on: the fewest seeds of a setting, record ids, and what diverged."""
    parts = [_part(frames, table, experiment) for table, experiment in TABLES[name]]
    rows = parts[0]
    if "search_seed" in rows:
        counts = rows.groupby([*CASE, "optimizer", "source"])["search_seed"].nunique()
        diverged = rows.loc[rows["status"] == "diverged", "id"].nunique()
        note = (
            f"{counts.min()} to {counts.max()} search seeds" if counts.nunique() > 1 else f"{counts.min()} search seeds"
        )
        note += f"; {diverged} trainings diverged and count as guessing" if diverged else ""
    elif "seed" in rows:
        counts, note = rows.groupby([*CASE, "arm"])["seed"].nunique(), ""
    else:
        counts, note = rows["samples"].map(len), "measured times are resampled"
    records = tuple(sorted({record for part in parts for record in part["id"]}))
    return {"seeds": int(counts.min()), "records": records, "note": note}


def _part(frames, table: str, experiment: str) -> pd.DataFrame:
    rows = getattr(frames, table)
    return rows[rows["experiment"] == experiment] if experiment else rows


def _not_run(name: str, scale: str) -> Verdict:
    return Verdict(claim=name, status="not run", effect="", scale=scale, note=f"needs {NEEDS.get(name, BASIC_NEED)}")


def _of_network(frames, network: str):
    kept = {item.name: getattr(frames, item.name) for item in fields(frames)}
    return replace(frames, **{name: rows[rows["network"] == network] for name, rows in kept.items()})


def _check_columns(frames) -> None:
    for name, wanted in COLUMNS.items():
        table = getattr(frames, name)
        missing = [column for column in wanted if column not in table]
        if missing:
            raise UserError(
                f"expected the table {name} to have the columns {', '.join(missing)}, got {', '.join(map(str, table))}"
            )
