"""Importance between objectives: fANOVA of weighted sums (Theodorakopoulos et al. 2024), and the scale of Fig. 6.1."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pruneproxy import pareto
from pruneproxy.errors import UserError, choose
from pruneproxy.importance.fanova import fanova
from pruneproxy.pareto import Objective

STEPS = 11  # of evenly spread weights


def _costs(costs, ties):
    """As released: what a point of the front costs weighs most, so that its worst objective counts most."""
    points = costs[pareto.front(costs, direction="minimize", ties=ties)]
    return _divided(points)


def _merits(costs, ties):
    """The other way around: the point with the least error puts the most weight on error."""
    return _divided(1 - costs[pareto.front(costs, direction="minimize", ties=ties)])


def _even(costs, ties):
    second = np.arange(STEPS) / (STEPS - 1)
    return np.column_stack([1 - second, second])


WEIGHTS = {"costs": _costs, "merits": _merits, "even": _even}


def weights(costs, *, kind: str = "costs", ties: str = "keep") -> np.ndarray:
    """The weights of two normalised objectives, a row each, from a sole focus on the first to one on the second.

    Each point of their front gives one, its costs divided by their sum as in the released code (`costs`), or what
    these costs lack to 1 (`merits`); `even` spreads 11 weights evenly instead. Equal weights are returned once.
    """
    costs = np.asarray(costs, dtype=float)
    if costs.ndim != 2 or costs.shape[1] != 2 or not len(costs) or costs.min() < 0 or costs.max() > 1:
        raise UserError("expected two objectives per configuration, normalised to 0 (best) .. 1 (worst)")
    choose(ties, pareto.TIES, "treatment of ties")
    return np.unique(choose(kind, WEIGHTS, "kind of weights")(costs, ties), axis=0)[::-1]


def multi_objective(
    settings: pd.DataFrame, costs: pd.DataFrame, *, kind: str = "costs", ties: str = "keep", **choices
) -> pd.DataFrame:
    """The importance of every hyperparameter for weighted sums of two objectives, normalised over all configurations.

    A row per weight (of the second objective) and hyperparameter, with `importance` and `sd` over the trees; the other
    choices are those of `fanova`.
    """
    tables = []
    for first, second in weights(costs, kind=kind, ties=ties):
        combined = first * costs.iloc[:, 0].to_numpy() + second * costs.iloc[:, 1].to_numpy()
        tables.append(fanova(settings, combined, **choices).reset_index().assign(weight=second))
    if not tables:
        raise UserError("expected points in the front, got none but exact ties: keep ties, or take even weights")
    return pd.concat(tables, ignore_index=True)[["weight", "hyperparameter", "importance", "sd"]]


def importance_scale(settings: pd.DataFrame, frame: pd.DataFrame, objectives: Sequence[Objective], **choices):
    """Fig. 6.1: importance on the way from each objective to the next, and from the last one back to the first.

    `frame` has the objectives of the configurations of `settings`, row by row; they are normalised over all of these
    rows. Section k of the table leads from objective `first` to `second`, and `position` = k + weight. The other
    choices are those of `multi_objective` and `fanova`.
    """
    if len(objectives) < 2:
        raise UserError(f"expected two or more objectives, got {len(objectives)}")
    costs = pareto.normalised(frame, objectives, over=frame)
    pairs = list(zip(costs, [*costs.columns[1:], costs.columns[0]], strict=True))
    sections = []
    for section, (first, second) in enumerate(pairs[: 1 if len(pairs) == 2 else None]):
        table = multi_objective(settings, costs[[first, second]], **choices)
        sections.append(table.assign(section=section, first=first, second=second, position=section + table["weight"]))
    columns = ["section", "first", "second", "weight", "position", "hyperparameter", "importance", "sd"]
    return pd.concat(sections, ignore_index=True)[columns]


def _divided(points) -> np.ndarray:
    total = points.sum(axis=1, keepdims=True)
    if (total == 0).any():
        raise UserError(
            "expected a trade-off, got a configuration that is best (or one of the front that is worst) in both "
            "objectives, which gives no weights: take even ones"
        )
    return points / total
