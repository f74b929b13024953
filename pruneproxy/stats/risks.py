"""What it costs to keep the unpruned network's good settings after pruning (Sec. 3.3.2)."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pruneproxy.errors import UserError
from pruneproxy.stats.landscapes import SETTING, finished, roi, single_landscape


@dataclass(frozen=True, kw_only=True)
class Risk:
    """The risks of the settings kept, with their mean and population deviation (eq. 3.5), absolute and relative."""

    settings: pd.DataFrame
    best: float
    missing: int

    @property
    def mean(self) -> float:
        return float(self.settings["risk"].mean())

    @property
    def sd(self) -> float:
        return float(self.settings["risk"].std(ddof=0))


def risk(base: pd.DataFrame, pruned: pd.DataFrame, *, x: float = 0.5, value: str = "top1") -> Risk:
    """The `Risk` of the settings in the x-ROI of `base` when `pruned` is trained with them.

    Per setting d = f(best) - f (eq. 3.4) and d / f(best) (eq. 3.6), f and its best being those of `pruned`, each
    landscape being one row per setting. `missing` counts the settings of the region that `pruned` has not been run
    at. The risk of the unpruned network itself is risk(base, base).
    """
    kept = roi(base, x, value=value)[SETTING]
    rows = single_landscape(pruned, value)
    best = float(rows[value].max())
    if best <= 0:
        raise UserError(f"expected a best {value} above 0, got {best}: a relative risk needs one")
    settings = kept.merge(rows[[*SETTING, value]], on=SETTING)
    if settings.empty:
        raise UserError(
            "expected the pruned landscape to share a setting with the region of interest, got none: run those records"
        )
    settings = settings.assign(risk=best - settings[value], relative_risk=(best - settings[value]) / best)
    return Risk(settings=settings, best=best, missing=len(kept) - len(settings))


def cross_risk(base: pd.DataFrame, pruned: pd.DataFrame, *, x: float = 0.5, value: str = "top1") -> float:
    """Mean risk when one seed is measured and the other seeds choose the region; NaN with fewer than two common seeds.

    Region and risk of the unpruned network come from the same runs in the thesis, so lucky runs enter the region and
    make its own risk small: pruned over unpruned exceeds one even for identical landscapes. Choosing on other seeds
    removes this.
    """
    base, pruned = finished(base, value), finished(pruned, value)
    seeds = sorted(set(base["seed"]) & set(pruned["seed"]))
    if len(seeds) < 2:
        return float("nan")
    return float(np.mean([_held_out(base, pruned, seed, x, value) for seed in seeds]))


def _held_out(base, pruned, seed, x, value) -> float:
    others = base[base["seed"] != seed].groupby(SETTING, as_index=False)[value].mean()
    return risk(others, pruned[pruned["seed"] == seed], x=x, value=value).mean
