"""Bootstrap replicates of landscapes, and percentile intervals of anything computed from them."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pruneproxy.errors import UserError, choose
from pruneproxy.stats import rowwise
from pruneproxy.stats.landscapes import SETTING, finished, log_points
from pruneproxy.stats.rowwise import Rows


@dataclass(frozen=True, kw_only=True)
class Replicates:
    """Landscapes of one network on the same settings: row 0 as measured, the other rows resampled.

    `points` has shape (rows, settings, 2), log10 of weight decay and learning rate; `landscapes` gives for each
    variant the values, NaN where a setting was not run. `by` says what was resampled, `runs` the fewest runs of a
    setting.
    """

    points: np.ndarray
    landscapes: dict[str, Rows]
    by: str
    runs: int


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A measured value, its bootstrap interval, and the resampled values."""

    value: float
    low: float
    high: float
    level: float
    samples: np.ndarray
    by: str


def replicate(
    frame: pd.DataFrame, *, value: str = "top1", replicates: int = 2000, seed: int = 0, by: str = "auto"
) -> Replicates:
    """`Replicates` of all variants in `frame`, which must hold one network.

    `by="seeds"` draws the runs of each setting with replacement and widens their mean about the measured one by
    sqrt(n / (n - 1)), without which the variance of a mean of n runs comes out too small by (n - 1) / n.
    `by="settings"` draws settings with replacement, the same ones for every variant, and measures them against the
    best value of the whole grid: it speaks of the choice of settings, not of the noise of a run. `"auto"` takes seeds
    if every setting has two runs or more.
    """
    rows = finished(frame, value)
    if rows.empty or rows["network"].nunique() != 1:
        raise UserError(f"expected records of one network, got {rows['network'].nunique()}: select one first")
    if replicates < 1:
        raise UserError(f"expected at least one replicate, got {replicates}")
    settings = rows[SETTING].drop_duplicates().sort_values(SETTING, ignore_index=True)
    runs = {name: _runs(group, settings, value) for name, group in rows.groupby("variant", sort=True)}
    counts = [(~np.isnan(table)).sum(axis=1) for table in runs.values()]
    fewest = min(int(count[count > 0].min()) for count in counts)
    by = ("seeds" if fewest >= 2 else "settings") if by == "auto" else by
    draw = choose(by, RESAMPLERS, "kind of resampling")
    points, landscapes = draw(log_points(settings), runs, replicates, np.random.default_rng(seed))
    return Replicates(points=points, landscapes=landscapes, by=by, runs=fewest)


def _runs(rows, settings, value) -> np.ndarray:
    """(settings, most runs) values, filled from the left with NaN behind."""
    rows = rows.assign(run=rows.groupby(SETTING).cumcount())
    table = rows.pivot(index=SETTING, columns="run", values=value)
    return table.reindex(pd.MultiIndex.from_frame(settings)).to_numpy(dtype=float)


def _by_seeds(points, runs, replicates, generator):
    return points[None], {
        name: rowwise.rows(_redrawn_means(table, replicates, generator)) for name, table in runs.items()
    }


def _redrawn_means(table, replicates, generator) -> np.ndarray:
    count = (~np.isnan(table)).sum(axis=1)
    total = np.zeros((replicates, len(table)))
    for draw in range(table.shape[1]):
        pick = (generator.random((replicates, len(table))) * count).astype(int)
        total += np.where(draw < count, table[np.arange(len(table)), pick], 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.where(np.isnan(table), 0, table).sum(axis=1) / count
        widened = mean + np.sqrt(count / np.maximum(count - 1, 1)) * (total / count - mean)
    return np.vstack([mean, widened])


def redrawn(count: int, replicates: int, generator) -> np.ndarray:
    """Places of `count` things: row 0 has each once, the other rows are drawn with replacement."""
    return np.vstack([np.arange(count), generator.integers(count, size=(replicates, count))])


def _by_settings(points, runs, replicates, generator):
    picks = redrawn(len(points), replicates, generator)
    means = {name: _redrawn_means(table, 0, generator)[0] for name, table in runs.items()}
    return points[picks], {
        name: Rows(values=mean[picks], best=np.full(len(picks), np.nanmax(mean))) for name, mean in means.items()
    }


RESAMPLERS = {"seeds": _by_seeds, "settings": _by_settings}


def percentile(samples: np.ndarray, value: float, level: float) -> tuple[float, float]:
    """The central `level` of the resampled values."""
    tail = (1 - level) / 2
    return tuple(float(edge) for edge in np.quantile(samples, [tail, 1 - tail]))


def basic(samples: np.ndarray, value: float, level: float) -> tuple[float, float]:
    """The percentile interval mirrored at the measured value, which takes out the bias of resampling."""
    low, high = percentile(samples, value, level)
    return 2 * value - high, 2 * value - low


INTERVALS = {"percentile": percentile, "basic": basic}


def estimate(values: np.ndarray, *, by: str, level: float = 0.95, interval: str = "percentile") -> Estimate:
    """The `Estimate` of a statistic from its values on all rows of `Replicates`; undefined ones leave the interval."""
    if not 0 < level < 1:
        raise UserError(f"expected a level between 0 and 1, got {level}")
    bounds = choose(interval, INTERVALS, "interval")
    measured, samples = float(values[0]), np.asarray(values[1:], dtype=float)
    kept = samples[np.isfinite(samples)]
    low, high = bounds(kept, measured, level) if kept.size and np.isfinite(measured) else (float("nan"),) * 2
    return Estimate(value=measured, low=low, high=high, level=level, samples=samples, by=by)


def bootstrap(
    frame: pd.DataFrame,
    statistic: Callable[[Replicates], np.ndarray],
    *,
    value: str = "top1",
    replicates: int = 2000,
    seed: int = 0,
    by: str = "auto",
    level: float = 0.95,
    interval: str = "percentile",
) -> Estimate:
    """The `Estimate` of `statistic`, a function from `Replicates` to one number per row, for one network."""
    draws = replicate(frame, value=value, replicates=replicates, seed=seed, by=by)
    return estimate(statistic(draws), by=draws.by, level=level, interval=interval)
