"""What a pruned copy saves: time, multiplications and parameters."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pruneproxy.recipes.proxy_hpo.tables.pairs import CELL

PERCENT = 100


def time_reduction(timings: pd.DataFrame) -> pd.DataFrame:
    """Per network and batch size, percent saved by the pruned copy: time with its spread, multiplications, parameters.

    The time is the median over the passes, which the two networks took in turns; `low` and `high` are the quartiles of
    the reduction from pass to pass, `95 low` and `95 high` the interval of the median's from resampled passes.
    """
    keys = ["case", "network", "title", "dataset", "batch_size"]
    rows = []
    for name, group in timings.groupby(keys, sort=False):
        full, narrow = (group[group["arm"] == arm].iloc[0] for arm in ("target", "proxy"))
        each = _saved(np.array(narrow["samples"]), np.array(full["samples"]))
        rows.append(
            dict(zip(keys, name, strict=True))
            | {
                "full ms": 1000 * full["seconds"],
                "narrow ms": 1000 * narrow["seconds"],
                "time": _saved(narrow["seconds"], full["seconds"]),
                "low": np.quantile(each, 0.25),
                "high": np.quantile(each, 0.75),
                **dict(zip(_ENDS, _resampled(narrow["samples"], full["samples"]), strict=True)),
                "multiplications": _saved(narrow["multiplications"], full["multiplications"]),
                "parameters": _saved(narrow["parameters"], full["parameters"]),
            }
        )
    columns = ["full ms", "narrow ms", "time", "low", "high", *_ENDS, "multiplications", "parameters"]
    return pd.DataFrame(rows, columns=[*keys, *columns])


_ENDS = ("95 low", "95 high")


def _saved(narrow, full):
    return PERCENT * (1 - narrow / full)


def _resampled(narrow: Sequence[float], full: Sequence[float], *, replicates: int = 2000) -> np.ndarray:
    """The 95 % interval of the percentage that the median saves, from resampled pairs of passes; NaN for one pass."""
    if len(full) < 2:
        return np.full(2, np.nan)
    picks = np.random.default_rng(0).integers(len(full), size=(replicates, len(full)))
    medians = [np.median(np.asarray(times)[picks], axis=1) for times in (narrow, full)]
    return np.quantile(_saved(*medians), [0.025, 0.975])


def savings(pairs: pd.DataFrame) -> pd.DataFrame:
    """What whole searches on a proxy saved, in percent: measured seconds of the trials, and multiplications."""
    rows = pairs.assign(
        **{
            "seconds saved": _saved(pairs["search_seconds"], pairs["typical search_seconds"]),
            "multiplications saved": _saved(pairs["search_multiplications"], pairs["typical search_multiplications"]),
        }
    )
    columns = ["seconds saved", "multiplications saved"]
    found = rows.groupby([*CELL, "source"], sort=False)[columns].agg(["mean", "min", "max"])
    return found.set_axis([f"{name} {kind}" for name, kind in found.columns], axis=1).reset_index()
