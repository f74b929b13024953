"""Do two landscapes rank the settings alike?"""

import numpy as np
import pandas as pd

from pruneproxy.stats import rowwise
from pruneproxy.stats.landscapes import SETTING, finished
from pruneproxy.stats.resampling import Estimate, bootstrap


def landscape_correlation(
    a: pd.DataFrame, b: pd.DataFrame, *, value: str = "top1", other: str | None = None, **choices
) -> Estimate:
    """Spearman's correlation of the mean accuracies of `a` and `b` over their common settings, with an interval.

    Each frame holds the records of one landscape. `other` is the column of `b` where it differs from `value`;
    `choices` go to `stats.bootstrap`. Noise between seeds pulls the value towards 0 (compare with `repeatability`)
    and replicates twice, so the interval is the basic one unless `choices` say otherwise.
    """
    left = finished(a, value)[[*SETTING, value]].assign(network="", variant="a")
    right = finished(b, other or value)[[*SETTING, other or value]].set_axis([*SETTING, value], axis=1)
    frame = pd.concat([left, right.assign(network="", variant="b")])
    return bootstrap(
        frame,
        lambda draws: rowwise.spearman(draws.landscapes["a"], draws.landscapes["b"]),
        value=value,
        **({"interval": "basic"} | choices),
    )


def repeatability(frame: pd.DataFrame, *, value: str = "top1") -> float:
    """Mean Spearman correlation between the landscapes of single seeds, the ceiling that noise sets; NaN for one."""
    table = finished(frame, value).pivot_table(index=SETTING, columns="seed", values=value)
    ranks = table.corr(method="spearman").to_numpy()
    pairs = ranks[np.triu_indices(len(ranks), k=1)]
    return float(np.nanmean(pairs)) if np.isfinite(pairs).any() else float("nan")
