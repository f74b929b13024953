"""What a pruned copy saves: time, multiplications and parameters."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pruneproxy.evidence.tables import per_group
from pruneproxy.recipes.proxy_hpo.reanalysis import CELL

PERCENT, REPLICATES = 100, 2000


def time_reduction(timings: pd.DataFrame) -> pd.DataFrame:
    """Per network and batch size, percent saved by the pruned copy: time with its spread, multiplications, parameters.

    The time is the median over the passes, which the two networks took in turns; `low` and `high` are the quartiles of
    the reduction from pass to pass, `95 low` and `95 high` the interval of the median's from resampled passes.
    """
    keys = ["case", "network", "title", "dataset", "batch_size"]
    columns = ["full ms", "narrow ms", "time", "low", "high", "95 low", "95 high", "multiplications", "parameters"]

    def numbers(rows):
        full, narrow = (rows[rows["arm"] == arm].iloc[0] for arm in ("target", "proxy"))
        each = _saved(np.array(narrow["samples"]), np.array(full["samples"]))
        time, *costs = (_saved(narrow[name], full[name]) for name in ("seconds", "multiplications", "parameters"))
        ends = (*np.quantile(each, [0.25, 0.75]), *_resampled(narrow["samples"], full["samples"]))
        values = (1000 * full["seconds"], 1000 * narrow["seconds"], time, *ends, *costs)
        return dict(zip(columns, values, strict=True))

    return per_group(timings, keys, numbers, columns)


def _saved(narrow, full):
    return PERCENT * (1 - narrow / full)


def _resampled(narrow: Sequence[float], full: Sequence[float]) -> np.ndarray:
    """The 95 % interval of the percentage that the median saves, from resampled pairs of passes; NaN for one pass."""
    if len(full) < 2:
        return np.full(2, np.nan)
    picks = np.random.default_rng(0).integers(len(full), size=(REPLICATES, len(full)))
    medians = [np.median(np.asarray(times)[picks], axis=1) for times in (narrow, full)]
    return np.quantile(_saved(*medians), [0.025, 0.975])


def savings(pairs: pd.DataFrame) -> pd.DataFrame:
    """What whole searches on a proxy saved, in percent: measured seconds of the trials, and multiplications."""
    costs = ("seconds", "multiplications")
    saved = {f"{cost} saved": _saved(pairs[f"search_{cost}"], pairs[f"typical search_{cost}"]) for cost in costs}
    found = pairs.assign(**saved).groupby([*CELL, "source"], sort=False)[list(saved)].agg(["mean", "min", "max"])
    return found.set_axis([f"{name} {kind}" for name, kind in found.columns], axis=1).reset_index()
