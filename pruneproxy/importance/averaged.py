"""Which hyperparameters matter, from the few trials of a search: main effects of a forest's mean prediction."""

import numpy as np
import pandas as pd
import scipy

from pruneproxy.errors import UserError

TREES, BACKGROUND, STEPS = 64, 256, 16


def main_effects(settings: pd.DataFrame, values, *, seed: int = 0) -> pd.Series:
    """The share of the variance over the searched box that each column explains alone (functional ANOVA).

    A random forest is fitted to the trials. Its prediction at the middle of each of 16 steps of a column is averaged
    over 256 points that fill the box of the other columns evenly; the variance of these averages is divided by the
    variance over the points (Hutter et al. 2014, main effects). The mean of the trees varies less than each of them,
    so that few trials give higher shares than with `fanova`, which works tree by tree as its authors do. Columns must
    be on the scale on which they were searched: pass logarithms.
    """
    from sklearn.ensemble import RandomForestRegressor

    values = np.asarray(values, dtype=float)
    if len(settings) != values.size or values.size < 4 or not np.isfinite(values).all():
        raise UserError(f"expected four or more trials with a finite value each, got {values.size} values")
    low, high = settings.min().to_numpy(dtype=float), settings.max().to_numpy(dtype=float)
    forest = RandomForestRegressor(n_estimators=TREES, min_samples_leaf=2, random_state=seed, n_jobs=1)
    forest.fit(settings.to_numpy(dtype=float), values)
    draws = low + (high - low) * scipy.stats.qmc.Sobol(settings.shape[1], rng=seed).random(BACKGROUND)
    total = forest.predict(draws).var()
    variances = [_marginal(forest, draws, column, low, high).var() for column in range(settings.shape[1])]
    return pd.Series(np.array(variances) / total if total > 0 else np.zeros(len(variances)), index=settings.columns)


def _marginal(forest, draws, column, low, high) -> np.ndarray:
    """The mean prediction at each step of a column."""
    steps = low[column] + (high[column] - low[column]) * (np.arange(STEPS) + 0.5) / STEPS
    points = np.repeat(draws[None], STEPS, axis=0)
    points[:, :, column] = steps[:, None]
    return forest.predict(points.reshape(-1, draws.shape[1])).reshape(STEPS, -1).mean(axis=1)
