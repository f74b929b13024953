"""The statistics of a landscape for many landscapes at once: one number per row out.

Row for row they equal `roi`, `ellipse`, `risk` and SciPy's rank correlation; NaN marks a setting that was not run.
"""

from dataclasses import dataclass

import numpy as np
import scipy

from pruneproxy.stats.ellipses import diameters
from pruneproxy.stats.landscapes import TOLERANCE


@dataclass(frozen=True, kw_only=True)
class Rows:
    """Landscapes on the same settings: `values` of shape (rows, settings) and the `best` that each row refers to."""

    values: np.ndarray
    best: np.ndarray


def rows(values: np.ndarray) -> Rows:
    """`Rows` whose reference is the highest value of each."""
    return Rows(values=values, best=np.fmax.reduce(values, axis=1))


def inside(landscapes: Rows, x: float) -> np.ndarray:
    """Which settings belong to the x-ROI of each row (eq. 3.3)."""
    return landscapes.values >= landscapes.best[:, None] - x - TOLERANCE


@dataclass(frozen=True, kw_only=True)
class Ellipses:
    """Ellipses of many regions, one entry per row, NaN where a region has too few settings for one."""

    length: np.ndarray
    width: np.ndarray
    weight_decay: np.ndarray
    lr: np.ndarray
    angle: np.ndarray
    correlation: np.ndarray


def ellipses(
    points: np.ndarray, landscapes: Rows, x: float, *, multiplier: float = 2.0, min_points: int = 5, ddof: int = 1
) -> Ellipses:
    """The `Ellipses` of the x-ROIs, with the correlation of the two logarithms inside each region."""
    weight = inside(landscapes, x)[..., None]
    count = weight.sum(axis=(1, 2))
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = np.where(count[:, None] < min_points, np.nan, (weight * points).sum(axis=1) / count[:, None])
        offset = np.where(weight, points - centre[:, None], 0)
        covariance = np.einsum("rsi,rsj->rij", offset, offset) / (count - ddof)[:, None, None]
        covariance[count < min_points] = np.nan
        length, width, angle = diameters(covariance, multiplier)
        spread = np.sqrt(covariance[:, 0, 0] * covariance[:, 1, 1])
        correlation = np.where(spread > 1e-12, covariance[:, 0, 1] / spread, np.nan)
    return Ellipses(
        length=length, width=width, weight_decay=centre[:, 0], lr=centre[:, 1], angle=angle, correlation=correlation
    )


def risks(base: Rows, landscapes: Rows, x: float, *, relative: bool = False) -> np.ndarray:
    """(rows, settings) risks at the settings of the x-ROI of `base` (eq. 3.4, 3.6), NaN elsewhere."""
    loss = landscapes.best[:, None] - landscapes.values
    return np.where(inside(base, x), loss / landscapes.best[:, None] if relative else loss, np.nan)


def mean(values: np.ndarray) -> np.ndarray:
    """The mean of the defined entries of each row, NaN where there is none."""
    count = np.isfinite(values).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.nansum(values, axis=1) / count


def deviation(values: np.ndarray) -> np.ndarray:
    """The population deviation of the defined entries of each row (eq. 3.5)."""
    return np.sqrt(mean((values - mean(values)[:, None]) ** 2))


def spearman(a: Rows, b: Rows) -> np.ndarray:
    """Spearman's rank correlation, with mean ranks for ties, over the settings that both hold in a row."""
    common = np.isfinite(a.values) & np.isfinite(b.values)
    left, right = (_ranks(np.where(common, side.values, np.nan)) for side in (a, b))
    left, right = left - mean(left)[:, None], right - mean(right)[:, None]
    with np.errstate(invalid="ignore", divide="ignore"):
        spread = np.sqrt(np.nansum(left**2, axis=1) * np.nansum(right**2, axis=1))
        return np.where(spread > 0, np.nansum(left * right, axis=1) / spread, np.nan)


def _ranks(values: np.ndarray) -> np.ndarray:
    return scipy.stats.rankdata(values, axis=1, nan_policy="omit" if np.isnan(values).any() else "propagate")


def at_best(base: Rows, landscapes: Rows) -> np.ndarray:
    """The value at the best setting of `base` minus the best value, among the settings that both hold."""
    common = np.isfinite(base.values) & np.isfinite(landscapes.values)
    choice = np.where(common, base.values, -np.inf).argmax(axis=1)
    found = np.take_along_axis(landscapes.values, choice[:, None], axis=1)[:, 0] - landscapes.best
    return np.where(common.any(axis=1), found, np.nan)
