"""The statistics of a landscape for many landscapes at once: arrays (rows, settings) in, one number per row out.

Row for row they equal `roi`, `ellipse`, `risk` and SciPy's rank correlation; NaN marks a setting that was not run.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from pruneproxy.stats.ellipses import diameters
from pruneproxy.stats.landscapes import TOLERANCE


def best(values: np.ndarray) -> np.ndarray:
    """The highest value of each row."""
    return np.fmax.reduce(values, axis=1)


def inside(values: np.ndarray, x: float) -> np.ndarray:
    """Which settings belong to the x-ROI of each row (eq. 3.3)."""
    return values >= best(values)[:, None] - x - TOLERANCE


def size(values: np.ndarray, x: float) -> np.ndarray:
    """The number of settings in the x-ROI of each row."""
    return inside(values, x).sum(axis=1)


@dataclass(frozen=True, kw_only=True)
class Ellipses:
    """Ellipses of many regions, one entry per row, NaN where a region has too few settings for one."""

    length: np.ndarray
    width: np.ndarray
    weight_decay: np.ndarray
    lr: np.ndarray
    angle: np.ndarray
    correlation: np.ndarray


def ellipses(points: np.ndarray, values: np.ndarray, x: float, *, multiplier: float = 2.0, min_points: int = 5,
             ddof: int = 1) -> Ellipses:
    """The `Ellipses` of the x-ROIs, with the correlation of the two logarithms inside each region."""
    weight = inside(values, x).astype(float)
    count = weight.sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = (weight[..., None] * points).sum(axis=1) / count[:, None]
        offset = np.where(weight[..., None] > 0, points - centre[:, None], 0)
        covariance = np.einsum("rsi,rsj->rij", offset, offset) / (count - ddof)[:, None, None]
        covariance[count < min_points] = np.nan
        centre[count < min_points] = np.nan
        length, width, angle = diameters(covariance, multiplier)
        spread = np.sqrt(covariance[:, 0, 0] * covariance[:, 1, 1])
        correlation = np.where(spread > 1e-12, covariance[:, 0, 1] / spread, np.nan)
    return Ellipses(length=length, width=width, weight_decay=centre[:, 0], lr=centre[:, 1], angle=angle, correlation=correlation)


def risks(base: np.ndarray, values: np.ndarray, x: float, *, relative: bool = False) -> np.ndarray:
    """(rows, settings) risks of `values` at the settings of the x-ROI of `base` (eq. 3.4, 3.6), NaN elsewhere."""
    top = best(values)[:, None]
    loss = (top - values) / (top if relative else 1)
    return np.where(inside(base, x), loss, np.nan)


def mean(values: np.ndarray) -> np.ndarray:
    """The mean of the defined entries of each row, NaN where there is none."""
    count = np.isfinite(values).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nansum(values, axis=1) / count


def deviation(values: np.ndarray) -> np.ndarray:
    """The population deviation of the defined entries of each row (eq. 3.5)."""
    return np.sqrt(mean((values - mean(values)[:, None]) ** 2))


def spearman(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation, with mean ranks for ties, over the settings that both arrays hold in a row."""
    common = np.isfinite(a) & np.isfinite(b)
    left, right = (_ranks(np.where(common, array, np.nan)) for array in np.broadcast_arrays(a, b))
    left, right = left - mean(left)[:, None], right - mean(right)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.sqrt(np.nansum(left**2, axis=1) * np.nansum(right**2, axis=1))
        return np.where(spread > 0, np.nansum(left * right, axis=1) / spread, np.nan)


def _ranks(values: np.ndarray) -> np.ndarray:
    return stats.rankdata(values, axis=1, nan_policy="omit" if np.isnan(values).any() else "propagate")


def at_best(base: np.ndarray, values: np.ndarray) -> np.ndarray:
    """`values` at the best setting of `base`, relative to the best of `values`, among the settings that both hold."""
    known = np.where(np.isfinite(values), base, -np.inf)
    choice = np.nanargmax(np.where(np.isnan(known), -np.inf, known), axis=1)
    found = np.take_along_axis(values, choice[:, None], axis=1)[:, 0]
    return np.where(np.isfinite(known).any(axis=1), found - best(values), np.nan)
