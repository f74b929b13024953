"""How the values of hyperparameters are distributed in a trade-off: densities (Fig. 6.2) and shares (Fig. 6.3)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pruneproxy.errors import UserError, choose
from pruneproxy.space import Dimension, check_columns

BANDWIDTHS = ("scott", "silverman")
BOUNDARIES = {
    "none": "the kernels reach beyond the range, and their mass there is lost (the thesis, as far as it says)",
    "reflect": "what lies beyond an end of the range is mirrored at it",
}
STEPS = 201


def densities(
    settings: pd.DataFrame,
    axes: Sequence[Dimension],
    *,
    bandwidth: str = "scott",
    boundary: str = "none",
    steps: int = STEPS,
) -> pd.DataFrame:
    """A Gaussian kernel density of each numerical hyperparameter over its range, inactive values left out (Fig. 6.2).

    On a logarithmic axis the density is per decade. Scott's bandwidth is the sample deviation times n^(-1/5). A row per
    place on an axis, with how many `configurations` it rests on, its `bandwidth`, and the `inside` mass of the
    kernels in the range. Hyperparameters with fewer than two different values have one row without a density.
    """
    if bandwidth not in BANDWIDTHS:
        raise UserError(f"unknown bandwidth {bandwidth!r}: expected one of {', '.join(BANDWIDTHS)}")
    choose(boundary, BOUNDARIES, "treatment of the boundary")
    if steps < 2:
        raise UserError(f"expected two or more steps, got {steps}")
    words = [axis.field for axis in axes if axis.choices]
    if words:
        raise UserError(f"expected numerical hyperparameters, got {', '.join(words)}: use shares")
    check_columns(settings, axes)
    tables = [_density(axis, settings[axis.field], bandwidth, boundary, steps) for axis in axes]
    return pd.concat(tables, ignore_index=True)


def shares(settings: pd.DataFrame, axes: Sequence[Dimension]) -> pd.DataFrame:
    """The share of configurations with each possible value of a hyperparameter, inactive values left out (Fig. 6.3).

    A row per choice or whole number of an axis, also for those that never occur.
    """
    check_columns(settings, axes)
    return pd.concat([_share(axis, settings[axis.field]) for axis in axes], ignore_index=True)


def _density(axis, values, bandwidth, boundary, steps) -> pd.DataFrame:
    from scipy.stats import gaussian_kde

    sample = axis.encode(values.dropna())
    low, high = axis.limits
    table = {"hyperparameter": axis.field, "configurations": len(sample)}
    if np.unique(sample).size < 2:
        return pd.DataFrame([{**table, "value": np.nan, "density": np.nan, "bandwidth": np.nan, "inside": np.nan}])
    places = np.linspace(low, high, steps)
    kernel = gaussian_kde(sample, bw_method=bandwidth)
    density = kernel(places)
    if boundary == "reflect":
        density += kernel(2 * low - places) + kernel(2 * high - places)
    width = float(np.sqrt(kernel.covariance[0, 0]))
    table |= {"value": 10**places if axis.log else places, "density": density}
    return pd.DataFrame({**table, "bandwidth": width, "inside": kernel.integrate_box_1d(low, high)})


def _share(axis, values) -> pd.DataFrame:
    if not axis.counted:
        raise UserError(f"expected choices or whole numbers, got the real {axis.field}: use densities")
    values = values.dropna()
    axis.encode(values)  # refuses what the axis does not have
    every = axis.choices or tuple(range(int(axis.low), int(axis.high) + 1))
    counts = np.array([(values == value).sum() for value in every])
    share = counts / counts.sum() if counts.sum() else np.full(len(every), np.nan)
    return pd.DataFrame({"hyperparameter": axis.field, "value": every, "configurations": counts, "share": share})
