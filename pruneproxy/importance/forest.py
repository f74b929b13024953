"""The variance of random forests over the box of hyperparameters, exact for each tree (Hutter et al. 2014)."""

import functools
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from pruneproxy.errors import UserError


@dataclass(frozen=True, kw_only=True)
class ForestConfig:
    """A random forest: how many trees, the share of hyperparameters tried at a split, and when to stop splitting.

    The released code of MO-fANOVA grows 100 trees to the end and tries 7 of 10 hyperparameters (`RELEASED`).
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


RELEASED = ForestConfig(trees=100, features=0.7)


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

    def joint_variance(self, columns: Sequence[int]) -> float:
        """The variance over different `columns` of the prediction's mean over all others, with effects of subsets."""
        sides = [np.unique(np.concatenate([self.low[:, k], self.high[:, k]])) for k in columns]
        weighted = self.centred * self.volume / (self.high[:, columns] - self.low[:, columns]).prod(axis=1)
        # Every leaf adds to a block of cells: note its corners with alternating signs, then sum along each column.
        cells = np.zeros([len(side) for side in sides])
        for corner in itertools.product((0, 1), repeat=len(columns)):
            ends = [(self.low, self.high)[end][:, k] for end, k in zip(corner, columns, strict=True)]
            places = tuple(np.searchsorted(side, end) for side, end in zip(sides, ends, strict=True))
            np.add.at(cells, places, (-1) ** sum(corner) * weighted)
        for place in range(len(columns)):
            cells = cells.cumsum(axis=place)
        squares = cells[tuple(slice(-1) for _ in columns)] ** 2
        for side in reversed(sides):
            squares = squares @ np.diff(side)
        return float(squares)


def grow(points: np.ndarray, values: np.ndarray, below: Sequence[Callable], config: ForestConfig) -> list[Leaves]:
    """The leaves of each tree of a forest fitted to encoded points; `below` gives the probability up to a cut."""
    from sklearn.ensemble import RandomForestRegressor

    forest = RandomForestRegressor(
        n_estimators=config.trees,
        max_features=max(1, int(config.features * points.shape[1])),
        min_samples_leaf=config.min_leaf,
        max_depth=config.depth,
        random_state=config.seed,
        n_jobs=1,
    ).fit(points, values)
    return [leaves(estimator.tree_, below) for estimator in forest.estimators_]


def leaves(tree, below: Sequence[Callable]) -> Leaves:
    """The leaves of one of scikit-learn's trees; those without probability are left out."""
    low, high = np.zeros((tree.node_count, len(below))), np.ones((tree.node_count, len(below)))
    cut = np.zeros(tree.node_count)
    for column, function in enumerate(below):
        splits = tree.feature == column
        cut[splits] = function(tree.threshold[splits])
    nodes = np.array([0])
    while nodes.size:
        nodes = nodes[tree.children_left[nodes] >= 0]
        left, right, column = tree.children_left[nodes], tree.children_right[nodes], tree.feature[nodes]
        low[left], high[left], low[right], high[right] = low[nodes], high[nodes], low[nodes], high[nodes]
        high[left, column] = low[right, column] = cut[nodes]
        nodes = np.concatenate([left, right])
    kept = (tree.children_left < 0) & (high > low).all(axis=1)
    return Leaves(low=low[kept], high=high[kept], value=tree.value[kept].reshape(-1))
