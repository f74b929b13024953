"""What the paper's own Table 3 shows, from its printed means and deviations alone; nothing here was trained.

Both columns are taken as independent groups of five seeds with equal weight (Sec. 5.2); the deviation is taken as the
one that divides by n - 1.
"""

import numpy as np
import pandas as pd

from pruneproxy import published
from pruneproxy.errors import UserError, choose
from pruneproxy.stats import HYPOTHESES, Comparison, holm, p_value, printed_summary, seeds_needed, weighted_mean, welch

SEEDS = 5
MARGINS = (0.5, 1.0)
ALPHA = 0.05
CELL = ["dataset", "optimizer", "network"]
COMPARISON = ["difference", "error", "freedom"]
JUDGED = ["difference", "hypothesis", "margin", "p", "shown", "p_holm", "shown_holm"]
NEED_MARGIN = ("equivalent", "non-inferior")
WEIGHTS = {  # of the cells in a pooled mean
    "equal": lambda errors: np.ones_like(errors),
    "fixed effect": lambda errors: errors**-2.0,
}


def cells() -> pd.DataFrame:
    """Table 3 with the difference (with pruning minus typical), its Welch error, and its 95 % interval, per cell."""
    names = {"hyperparameter_optimizer": "optimizer", "neural_network": "network"}
    rows = published.read("proxy_hpo", "table-3").rename(columns=names)
    sides = {"typical": "typical_hpo_val_accuracy", "pruned": "with_pruning_val_accuracy"}
    typical, pruned = (printed_summary(rows, name, SEEDS) for name in sides.values())
    found = rows[CELL].assign(typical=typical.mean, typical_sd=typical.sd, pruned=pruned.mean, pruned_sd=pruned.sd)
    return found.assign(**welch(pruned, typical).columns())


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
        **{
            name_of_test(hypothesis, margin): [
                seeds_needed(list(sd), margin, power, alpha, hypothesis=hypothesis) for sd in deviations
            ]
            for hypothesis in NEED_MARGIN
            for margin in margins
        },
        run=SEEDS,
    )


def name_of_test(hypothesis: str, margin: float) -> str:
    """`equivalent within 0.5`; a hypothesis without a margin (NaN) is called by its name."""
    return hypothesis if np.isnan(margin) else f"{hypothesis} within {margin:g}"


def pooled(by: str | None = None, *, weights: str = "equal") -> pd.DataFrame:
    """The mean difference over the cells, or per `dataset`, `optimizer` or `network`, with the error that follows.

    "equal" is the plain mean; "fixed effect" weighs a cell by its inverse squared error, which lets cells of small
    deviation decide and holds only if all cells share one true difference.
    """
    weigh = choose(weights, WEIGHTS, "weights")
    if by is not None and by not in CELL:
        raise UserError(f"expected by as one of {', '.join(CELL)} or None, got {by!r}")
    rows, found = cells(), []
    for name, group in rows.groupby(by, sort=False) if by else [("all cells", rows)]:
        comparison = weighted_mean(_comparison(group), weigh(group["error"].to_numpy()))
        found.append({"over": name, "weights": weights, "cells": len(group)} | comparison.columns())
    return pd.DataFrame(found)


def feasibility() -> pd.DataFrame:
    """Table 1 with its differences. It prints neither deviations nor seeds, so nothing can be tested from it."""
    names = {"pruning_method": "method", "model": "network", "typical_hpo_accuracy_pct": "typical"}
    names |= {"with_pruning_accuracy_pct": "pruned"}
    rows = published.read("proxy_hpo", "table-1").rename(columns=names)
    rows = rows[["method", "network", "dataset", "typical", "pruned"]]
    difference = (rows["pruned"] - rows["typical"]).round(2)
    return rows.assign(difference=difference, test="none: no deviations and no seeds are printed")


def _comparison(rows: pd.DataFrame) -> Comparison:
    return Comparison(**{name: rows[name].to_numpy(dtype=float) for name in COMPARISON})
