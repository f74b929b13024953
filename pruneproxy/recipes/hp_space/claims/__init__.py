"""Verdicts on the thesis's claims, from records and from its own printed numbers."""

from dataclasses import replace

import pandas as pd

from pruneproxy.errors import UserError
from pruneproxy.evidence.claims import Verdict
from pruneproxy.evidence.verdicts import beside, judged, status_by_part
from pruneproxy.recipes.hp_space.claims.printed import Printed
from pruneproxy.recipes.hp_space.claims.rules import BASIC_NEED, NEEDS, RULES, SCOPE
from pruneproxy.recipes.hp_space.claims.study import Study
from pruneproxy.recipes.hp_space.claims.texts import CLAIMS
from pruneproxy.recipes.hp_space.noise import describe, describe_cross_fitted
from pruneproxy.stats.landscapes import finished

__all__ = ["CLAIMS", "by_network", "check", "evaluate", "printed_verdicts"]

COLUMNS = ("network", "variant", "method", "target", "lr", "weight_decay", "seed", "top1", "id")


def evaluate(frame: pd.DataFrame, *, scale: str, replicates: int = 10_000, seed: int = 0) -> list[Verdict]:
    """The verdicts on HS-01 to HS-16 from a frame with one row per run, corrected over the claims that were tested.

    "Every variant" means every variant in the frame. A claim whose networks, variants or metrics are missing is `not
    run`.
    """
    missing = [name for name in COLUMNS if name not in frame]
    if missing:
        raise UserError(
            f"expected a frame of hp_space records with the columns {', '.join(missing)}, "
            f"got {', '.join(map(str, frame))}"
        )
    rows = finished(frame)
    study = Study(rows, replicates=replicates, seed=seed)
    weighed = {name: rule(study) if len(rows) else None for name, rule in RULES.items()}
    found = judged(weighed, scale=scale, evidence=_evidence(study) if len(rows) else {})
    return [found.get(name) or _not_run(name, scale) for name in CLAIMS]


def by_network(frame: pd.DataFrame, *, scale: str, **choices) -> dict[str, dict[str, str]]:
    """Claim -> network -> status from that network's records alone, each network with its own correction.

    A claim about every network is as uncertain as the least certain one; this shows which one that is.
    """
    found = {name: evaluate(rows, scale=scale, **choices) for name, rows in frame.groupby("network", sort=False)}
    return status_by_part(found)


def check() -> list[Verdict]:
    """The verdicts that follow from the thesis's printed numbers alone; `inconclusive` where too little is printed."""
    printed = Printed()
    weighed = {name: rule(printed) for name, rule in RULES.items()}
    found, remarks = judged(weighed, scale="published", evidence={}), printed.remarks()
    return [
        replace(found[name], p=None)
        if name in found
        else Verdict(claim=name, status="inconclusive", effect=remarks[name], scale="published")
        for name in CLAIMS
    ]


def printed_verdicts(*ids: str) -> pd.DataFrame:
    """What the thesis's printed numbers say about some claims: one row per claim, for showing beside our verdicts."""
    return beside(CLAIMS, check(), ids)


def _evidence(study: Study) -> dict[str, dict]:
    """What the verdict on each claim rests on: fewest runs of a setting, record ids, and the noise of its networks."""
    parts = {network: study.frame[study.frame["network"] == network] for network in study.networks()}
    noise = {network: describe(rows, study.draws[network].by) for network, rows in parts.items()}
    crossed = [text for rows in parts.values() if (text := describe_cross_fitted(rows))]
    found = {}
    for name in CLAIMS:
        networks = study.networks(*SCOPE.get(name, ()))
        notes = [noise[network] for network in networks] + (crossed if name == "HS-09" else [])
        found[name] = {
            "seeds": min((study.draws[network].runs for network in networks), default=0),
            "note": "; ".join(notes),
            "records": tuple(sorted({record for network in networks for record in parts[network]["id"]})),
        }
    return found


def _not_run(name: str, scale: str) -> Verdict:
    return Verdict(claim=name, status="not run", effect="", scale=scale, note=f"needs {NEEDS.get(name, BASIC_NEED)}")
