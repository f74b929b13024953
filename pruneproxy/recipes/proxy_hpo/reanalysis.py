"""What the paper's own Table 3 shows, from its printed means and deviations alone; nothing here was trained.

Both columns are taken as independent groups of five seeds with equal weight (Sec. 5.2); the deviation is taken as the
one that divides by n - 1.
"""

import numpy as np
import pandas as pd

from pruneproxy import published
from pruneproxy.errors import UserError, choose
from pruneproxy.stats import HYPOTHESES, Comparison, Summary, holm, p_value, seeds_needed, weighted_mean, welch

SEEDS = 5
MARGINS = (0.5, 1.0)
ALPHA = 0.05
CELL = ["dataset", "optimizer", "network"]
NEED_MARGIN = ("equivalent", "non-inferior")
WEIGHTS = {  # of the cells in a pooled mean
    "equal": lambda errors: np.ones_like(errors),
    "fixed effect": lambda errors: errors**-2.0,
}


def cells() -> pd.DataFrame:
    """Table 3 with the difference (with pruning minus typical), its Welch error, and its 95 % interval, per cell."""
    rows = published.read("proxy_hpo", "table-3").rename(
        columns={
            "hyperparameter_optimizer": "optimizer",
            "neural_network": "network",
            "typical_hpo_val_accuracy_mean_pct": "typical",
            "typical_hpo_val_accuracy_std_pct": "typical_sd",
            "with_pruning_val_accuracy_mean_pct": "pruned",
            "with_pruning_val_accuracy_std_pct": "pruned_sd",
        }
    )[[*CELL, "typical", "typical_sd", "pruned", "pruned_sd"]]
    found = welch(
        *(
            Summary(mean=rows[name].to_numpy(), sd=rows[f"{name}_sd"].to_numpy(), n=SEEDS)
            for name in ("pruned", "typical")
        )
    )
    return rows.assign(**_columns(found))


def judged(rows: pd.DataFrame | None = None, *, margins=MARGINS, alpha: float = ALPHA) -> pd.DataFrame:
    """One row per cell, margin and hypothesis: p, p by Holm over the cells, and whether either is at most `alpha`.

    `better` and `worse` are one-sided and need no margin (NaN). `rows` are those of `cells` or `pooled`; Holm corrects
    over them within a margin and hypothesis.
    """
    rows = cells() if rows is None else rows
    labels = [name for name in ("dataset", "optimizer", "network", "over", "weights") if name in rows]
    found = []
    for hypothesis in HYPOTHESES:
        for margin in margins if hypothesis in NEED_MARGIN else (np.nan,):
            p = np.atleast_1d(p_value(_comparison(rows), hypothesis, margin=0.0 if np.isnan(margin) else margin))
            corrected = holm(p)
            shown = {"p": p, "shown": p <= alpha, "p_holm": corrected, "shown_holm": corrected <= alpha}
            found.append(rows[[*labels, "difference"]].assign(hypothesis=hypothesis, margin=margin, **shown))
    return pd.concat(found, ignore_index=True)


def counts(rows: pd.DataFrame | None = None, *, margins=MARGINS, alpha: float = ALPHA) -> pd.DataFrame:
    """How many cells are shown to be equivalent, non-inferior, better or worse, without and with Holm's correction."""
    table = judged(rows, margins=margins, alpha=alpha)
    groups = table.groupby(["hypothesis", "margin"], sort=False, dropna=False)
    return groups.agg(shown=("shown", "sum"), with_holm=("shown_holm", "sum"), cells=("shown", "size")).reset_index()


def needed(*, margins=MARGINS, power: float = 0.8, alpha: float = ALPHA) -> pd.DataFrame:
    """Seeds per side that each cell needs for a power, if its deviations are as printed and the true difference is 0.

    One column per margin and hypothesis, beside the five seeds that were run.
    """
    rows = cells()
    deviations = rows[["typical_sd", "pruned_sd"]].to_numpy()
    return rows[[*CELL, "typical_sd", "pruned_sd"]].assign(
        **_needed(deviations, margins=margins, power=power, alpha=alpha), run=SEEDS
    )


def pooled(by: str | None = None, *, weights: str = "equal") -> pd.DataFrame:
    """The mean difference over the cells, or per `dataset`, `optimizer` or `network`, with the error that follows.

    "equal" is the plain mean; "fixed effect" weighs a cell by its inverse squared error, which lets cells of small
    deviation decide and holds only if all cells share one true difference.
    """
    weigh = choose(weights, WEIGHTS, "weights")
    rows = cells()
    found = []
    for name, group in _groups(rows, by):
        comparison = weighted_mean(_comparison(group), weigh(group["error"].to_numpy()))
        found.append({"over": name, "weights": weights, "cells": len(group)} | _columns(comparison))
    return pd.DataFrame(found)


def needed_pooled(by: str | None = None, *, margins=MARGINS, power: float = 0.8, alpha: float = ALPHA) -> pd.DataFrame:
    """Seeds per cell and side that the plain mean of `pooled` needs for a power, as in `needed`."""
    rows = cells()
    groups = _groups(rows, by)
    deviations = [group[["typical_sd", "pruned_sd"]].to_numpy().ravel() / len(group) for _, group in groups]
    return pd.DataFrame({"over": [name for name, _ in groups], "cells": [len(group) for _, group in groups]}).assign(
        **_needed(deviations, margins=margins, power=power, alpha=alpha), run=SEEDS
    )


def feasibility() -> pd.DataFrame:
    """Table 1 with its differences. It prints neither deviations nor seeds, so nothing can be tested from it."""
    rows = published.read("proxy_hpo", "table-1").rename(
        columns={
            "pruning_method": "method",
            "model": "network",
            "typical_hpo_accuracy_pct": "typical",
            "with_pruning_accuracy_pct": "pruned",
        }
    )[["method", "network", "dataset", "typical", "pruned"]]
    difference = (rows["pruned"] - rows["typical"]).round(2)
    return rows.assign(difference=difference, test="none: no deviations and no seeds are printed")


def _groups(rows: pd.DataFrame, by: str | None) -> list[tuple[str, pd.DataFrame]]:
    if by is not None and by not in CELL:
        raise UserError(f"expected by as one of {', '.join(CELL)} or None, got {by!r}")
    return list(rows.groupby(by, sort=False)) if by else [("all cells", rows)]


def _columns(comparison: Comparison) -> dict:
    low, high = comparison.interval()
    return {
        "difference": comparison.difference,
        "error": comparison.error,
        "freedom": comparison.freedom,
        "low": low,
        "high": high,
    }


def _comparison(rows: pd.DataFrame) -> Comparison:
    return Comparison(**{name: rows[name].to_numpy(dtype=float) for name in ("difference", "error", "freedom")})


def _needed(deviations, *, margins, power, alpha) -> dict[str, list[int]]:
    return {
        f"{hypothesis} within {margin:g}": [
            seeds_needed(list(sd), margin, power, alpha, hypothesis=hypothesis) for sd in deviations
        ]
        for hypothesis in NEED_MARGIN
        for margin in margins
    }
