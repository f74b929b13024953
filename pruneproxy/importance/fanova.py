"""Functional ANOVA: which share of the variance over the whole space each hyperparameter explains (Sec. 3.3.1, 6.1)."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pruneproxy.errors import UserError, choose
from pruneproxy.importance.forest import ForestConfig, grow
from pruneproxy.space import Dimension, encoded, occurring

INACTIVE = {
    "default": "its default value stands for it (for each `Dimension` that can be inactive)",
    # Averages then run over combinations that cannot be, and a switch shares in what its hyperparameters explain.
    "level": "being inactive is one more value, as probable as it is frequent in the configurations",
    "random": "a value drawn from its range stands for it: it has no effect there",
    "active": "its share is that among the configurations where it is active; others are drawn as in `random`",
}
OVER = {
    "trees": "the shares of each tree, averaged",
    "mean": "the shares of the trees' mean prediction, which varies less, so that few configurations give higher ones",
}
AVERAGED = ForestConfig(trees=64, min_leaf=2)  # for the mean prediction of the few trials of a search
BACKGROUND, STEPS = 256, 16
LEAST = 4  # configurations


def fanova(
    settings: pd.DataFrame,
    values,
    *,
    axes: Sequence[Dimension] | None = None,
    inactive: str | None = None,
    forest: ForestConfig | None = None,
    over: str = "trees",
) -> pd.DataFrame:
    """The share of the variance that each hyperparameter explains alone, its main effect (Hutter et al. 2014).

    A random forest predicts `values` from `settings`. For each tree, the variance of its prediction over one
    hyperparameter, averaged over all others, is divided by its variance over the box of the `axes` (taken from the
    data where they are not given); a row has the mean of these shares over the trees as `importance`, and their
    deviation as `sd`. Missing settings are inactive hyperparameters: name what is to stand for them (`INACTIVE`).
    With `over="mean"` the trees' mean prediction is analysed instead (`OVER`), on points that fill the box.
    """
    choose(over, OVER, "value of over")
    axes, points, values = _prepared(settings, values, axes, inactive)
    if over == "mean":
        return _of_mean_prediction(points, values, axes, forest or AVERAGED)
    forest = forest or ForestConfig()
    if inactive != "active":
        found = _shares(*_filled(points, axes, inactive, forest.seed), values, forest)
        return pd.DataFrame(found, index=_names(axes))
    return _among_active(points, values, axes, forest)


def _of_mean_prediction(points, values, axes, forest) -> pd.DataFrame:
    """The variance of the mean prediction at 16 steps of a column, each averaged over 256 points in the box of the
    others, divided by its variance over these points; there is one prediction, so no deviation.
    """
    from scipy.stats import qmc
    from sklearn.ensemble import RandomForestRegressor

    if np.isnan(points).any():
        raise UserError("expected over='trees' where hyperparameters are inactive, got over='mean'")
    model = RandomForestRegressor(
        n_estimators=forest.trees,
        max_features=max(1, int(forest.features * points.shape[1])),
        min_samples_leaf=forest.min_leaf,
        max_depth=forest.depth,
        random_state=forest.seed,
        n_jobs=1,
    ).fit(points, values)
    low, high = np.array([axis.limits for axis in axes]).T
    draws = low + (high - low) * qmc.Sobol(len(axes), rng=forest.seed).random(BACKGROUND)
    total = model.predict(draws).var()
    variances = np.array([_marginal(model, draws, column, low, high).var() for column in range(len(axes))])
    found = variances / total if total > 0 else np.zeros(len(axes))
    return pd.DataFrame({"importance": found, "sd": np.nan}, index=_names(axes))


def _marginal(model, draws, column, low, high) -> np.ndarray:
    """The mean prediction at the middle of each step of a column."""
    steps = low[column] + (high[column] - low[column]) * (np.arange(STEPS) + 0.5) / STEPS
    points = np.repeat(draws[None], STEPS, axis=0)
    points[:, :, column] = steps[:, None]
    return model.predict(points.reshape(-1, draws.shape[1])).reshape(STEPS, -1).mean(axis=1)


def _shares(points, below, values, forest) -> dict[str, np.ndarray]:
    """Mean and deviation over the trees of the share of each column; 0 where nothing varies."""
    trees = grow(points, values, below, forest)
    found = np.array([tree.main_variances() / tree.variance() for tree in trees if tree.variance() > 0])
    if not found.size:
        found = np.zeros((1, points.shape[1]))
    return {"importance": found.mean(axis=0), "sd": found.std(axis=0)}


def _among_active(points, values, axes, forest) -> pd.DataFrame:
    """One forest for all hyperparameters that are active in the same configurations."""
    found = pd.DataFrame({"importance": np.nan, "sd": np.nan}, index=_names(axes))
    active = ~np.isnan(points)
    patterns, which = np.unique(active, axis=1, return_inverse=True)
    for place, rows in enumerate(patterns.T):
        columns = np.flatnonzero(which.ravel() == place)
        if rows.sum() >= LEAST:
            filled = _filled(points[rows], axes, "random", forest.seed)
            found.iloc[columns] = np.column_stack(list(_shares(*filled, values[rows], forest).values()))[columns]
    return found


def _filled(points, axes, inactive, seed) -> tuple[np.ndarray, list]:
    """The points without gaps, and for each column the probability of a value up to a cut."""
    points, below = points.copy(), [axis.below for axis in axes]
    for column, axis in enumerate(axes):
        gaps = np.isnan(points[:, column])
        if not gaps.any():
            continue
        if inactive == "level":
            below[column] = _with_absent(axis, gaps.mean())
        points[gaps, column] = _stand_in(axis, inactive, gaps.sum(), np.random.default_rng([seed, column]))
    return points, below


def _stand_in(axis, inactive, count, generator):
    if inactive == "random":
        return axis.draw(generator.random(count))
    if inactive == "level":
        return axis.absent
    if axis.default is None:
        raise UserError(f"expected a default of {axis.field}, which is inactive at times: give its Dimension one")
    return axis.encode([axis.default])[0]


def _with_absent(axis, share):
    return lambda cut: share * (np.asarray(cut) >= axis.absent) + (1 - share) * axis.below(cut)


def _prepared(settings, values, axes, inactive):
    values = np.asarray(values, dtype=float)
    if len(settings) != values.size or values.size < LEAST or not np.isfinite(values).all():
        raise UserError(
            f"expected {LEAST} or more configurations with a finite value each, got {len(settings)} configurations and "
            f"{np.isfinite(values).sum()} finite values"
        )
    axes = occurring(settings) if axes is None else tuple(axes)
    points = encoded(settings, axes)
    gaps = np.isnan(points).any(axis=0)
    if inactive is not None:
        choose(inactive, INACTIVE, "treatment of inactive hyperparameters")
    elif gaps.any():
        raise UserError(
            f"expected to be told what stands for {axes[int(gaps.argmax())].field} where it is inactive: "
            f"inactive is one of {', '.join(INACTIVE)}"
        )
    return axes, points, values


def _names(axes) -> pd.Index:
    return pd.Index([axis.field for axis in axes], name="hyperparameter")
