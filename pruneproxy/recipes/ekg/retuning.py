"""The question of the book: what settings that are good for the unpruned network lose on what was found in it."""

import numpy as np

from pruneproxy.evidence.effects import Effect, from_seeds
from pruneproxy.recipes.ekg.quantities import Quantities
from pruneproxy.stats import crossfit

RISK_REGION = 0.5  # points, as in paper 001


def losses(quantities: Quantities) -> dict[str, dict[str, list[Effect]]]:
    """By case and start: mean risk over the unpruned network's 0.5-ROI, and what its best setting loses."""
    found = {}
    for case in quantities.cases("retune"):
        base, weights = landscape(quantities, case, "unpruned", "fresh")
        found[case] = {"unpruned": [_effect("risk", crossfit.risk(base, base, RISK_REGION, weights))]}
        for start in ("fresh", "kept"):
            table, _ = landscape(quantities, case, "none", start)
            lost = crossfit.best(table, weights) - crossfit.at_best(base, table, weights)
            risk = crossfit.risk(base, table, RISK_REGION, weights)
            found[case][start] = [_effect("risk", risk), _effect("lost", lost)]
    return found


def landscape(quantities: Quantities, case: str, knowledge: str, start: str) -> tuple[np.ndarray, np.ndarray]:
    """Accuracies, a row per setting and a column per seed, and the weights of each setting's neighbours."""
    rows = quantities.rows(case, "retune", knowledge=knowledge, start=start)
    wide = rows.pivot_table(index=["lr", "weight_decay"], columns="seed", values="top1")
    return wide.to_numpy(), crossfit.neighbours(np.log10(wide.index.to_frame().to_numpy()))


def _effect(label: str, values: np.ndarray) -> Effect:
    return from_seeds(label, values, crossfitted=True)
