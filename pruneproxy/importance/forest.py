"""The variance of random forests over the box of hyperparameters, exact for each tree (Hutter et al. 2014)."""

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pruneproxy.errors import UserError


@dataclass(frozen=True, kw_only=True)
class ForestConfig:
    """A random forest: how many trees, the share of hyperparameters tried at a split, and when to stop splitting.

    The released code of MO-fANOVA grows 100 trees to the end and tries 7 of 10 hyperparameters.
    """

    trees: int = 100
    features: float = 1.0
    min_leaf: int = 1
    depth: int = 64
    seed: int = 0

    def __post_init__(self):
        if min(self.trees, self.min_leaf, self.depth) < 1 or not 0 < self.features <= 1:
            raise UserError(
                "expected one or more trees, samples per leaf and levels, and a share of features in (0, 1], "
                f"got {self.trees}, {self.min_leaf}, {self.depth} and {self.features}"
            )


@dataclass(frozen=True, kw_only=True)
class Leaves:
    """The leaves of a tree as boxes of probability: `low` and `high` of shape (leaves, columns), `value` per leaf."""

    low: np.ndarray
    high: np.ndarray
    value: np.ndarray

    @functools.cached_property
    def volume(self) -> np.ndarray:
        """The probability of each leaf."""
        return (self.high - self.low).prod(axis=1)

    @functools.cached_property
    def centred(self) -> np.ndarray:
        """The values of the leaves minus their mean over the box."""
        return self.value - self.volume @ self.value

    def variance(self) -> float:
        """The variance of the tree's prediction over the box."""
        return float(self.volume @ self.centred**2)

    def main_variances(self) -> np.ndarray:
        """For each column the variance over it of the prediction's mean over all others: that of a step function."""
        weighted = (self.centred * self.volume)[:, None] / (self.high - self.low)
        ends, steps = np.concatenate([self.low, self.high]), np.concatenate([weighted, -weighted])
        order = np.argsort(ends, axis=0)
        ends, steps = np.take_along_axis(ends, order, axis=0), np.take_along_axis(steps, order, axis=0)
        return (np.diff(ends, axis=0) * steps.cumsum(axis=0)[:-1] ** 2).sum(axis=0)


def grow(points: np.ndarray, values: np.ndarray, below: Sequence[Callable], config: ForestConfig) -> list[Leaves]:
    """The leaves of each tree of a forest fitted to encoded points; `below` gives the probability up to a cut."""
    from sklearn.tree import DecisionTreeRegressor

    choices = {
        "max_features": max(1, int(config.features * points.shape[1])),
        "min_samples_leaf": config.min_leaf,
        "max_depth": config.depth,
    }
    # The trees of scikit-learn's RandomForestRegressor, whose fit spends more time on checks than on small trees.
    points, values = np.asfortranarray(points, dtype=np.float32), np.ascontiguousarray(values, dtype=float)
    seeds, trees = np.random.RandomState(config.seed), []
    for seed in [seeds.randint(np.iinfo(np.int32).max) for _ in range(config.trees)]:
        drawn = np.random.RandomState(seed).randint(0, len(points), len(points), dtype=np.int32)
        often = np.bincount(drawn, minlength=len(points)).astype(float)
        tree = DecisionTreeRegressor(random_state=seed, **choices)
        trees.append(tree.fit(points, values, sample_weight=often, check_input=False).tree_)
    return leaves(trees, below)


def leaves(trees: Sequence, below: Sequence[Callable]) -> list[Leaves]:
    """The leaves of each of scikit-learn's trees; those without probability are left out."""
    ends = np.cumsum([tree.node_count for tree in trees])
    starts = ends - [tree.node_count for tree in trees]
    feature, threshold, value = (
        np.concatenate([getattr(tree, name).reshape(-1) for tree in trees])
        for name in ("feature", "threshold", "value")
    )
    left, right = (
        np.concatenate(
            [
                getattr(tree, name) + start * (getattr(tree, name) >= 0)
                for tree, start in zip(trees, starts, strict=True)
            ]
        )
        for name in ("children_left", "children_right")
    )
    cut = np.zeros(len(feature))
    for column, function in enumerate(below):
        splits = feature == column
        cut[splits] = function(threshold[splits])
    low, high = np.zeros((len(feature), len(below))), np.ones((len(feature), len(below)))
    nodes = starts
    while nodes.size:
        nodes = nodes[left[nodes] >= 0]
        first, second, column = left[nodes], right[nodes], feature[nodes]
        low[first], high[first], low[second], high[second] = low[nodes], high[nodes], low[nodes], high[nodes]
        high[first, column] = low[second, column] = cut[nodes]
        nodes = np.concatenate([first, second])
    kept = (left < 0) & (high > low).all(axis=1)
    parts = [np.arange(start, end)[kept[start:end]] for start, end in zip(starts, ends, strict=True)]
    return [Leaves(low=low[part], high=high[part], value=value[part]) for part in parts]
