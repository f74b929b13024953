"""Multi-objective Bayesian optimisation with random forests, after MO-SMAC (002, Sec. 3.3.2 and 4.4)."""

from collections.abc import Callable, Iterator

import numpy as np
from optuna.study import StudyDirection
from optuna.trial import TrialState
from scipy.special import erfcx, ndtr

from pruneproxy import pareto
from pruneproxy.errors import choose
from pruneproxy.search.proposing import Draw, Proposing
from pruneproxy.space import completed, restricted

RANDOM = 0.5  # of the proposals are random draws, as in the settings of 002's released code
TREES = {"n_estimators": 10, "max_features": 5 / 6, "min_samples_split": 3, "min_samples_leaf": 3, "max_depth": 20}
DRAWS = 500  # random candidates
MEMBERS = 20  # of the front, at most, have neighbours among the candidates
STEPS, WIDTH = 4, 0.2  # neighbours along an interval, and their usual distance as a share of it
CORNER = 1.1  # the reference point of normalised costs
LEAST = 1e-3  # deviation of a prediction on which all trees agree


def improvement(front: np.ndarray, means: np.ndarray, deviations: np.ndarray) -> np.ndarray:
    """What each predicted point adds to the hypervolume of a front of normalised costs (text).

    Points that add nothing are ranked among themselves by how far they lie behind the front.
    """
    total = _volume(front)
    gains = np.array([max(_volume(np.vstack([front, point])) - total, 0.0) for point in means])
    behind = np.array([(point - front).min(axis=1).max() for point in means])
    return np.where(gains > 0, gains, -np.maximum(behind, 0.0))


def _volume(costs: np.ndarray) -> float:
    return pareto.hypervolume(costs, direction="minimize", reference=CORNER)


def released(front: np.ndarray, means: np.ndarray, deviations: np.ndarray) -> np.ndarray:
    """The logarithm of the expected improvement as 002's released code takes it, for costs as if they were gains.

    No member of a front of costs is above the reference point of 1.1, so the front counts nothing, and what is left is
    the product of the expected amounts by which each cost passes 1.1: the worse a candidate, the better it looks.
    """
    deviations = np.maximum(deviations, LEAST)
    return (np.log(deviations) + _log_gain((means - CORNER) / deviations)).sum(axis=1)


def _log_gain(place: np.ndarray) -> np.ndarray:
    """The logarithm of the mean of max(z + place, 0) for a standard normal z, also where that underflows."""
    density = -(place**2) / 2 - np.log(2 * np.pi) / 2
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        near = np.log(np.exp(density) + place * ndtr(place))
        far = density + np.log1p(-np.sqrt(np.pi / 2) * -place * erfcx(-place / np.sqrt(2)))
        farthest = density - 2 * np.log(np.abs(place))
    return np.where(place > -1, near, np.where(place > -1e3, far, farthest))


ACQUISITIONS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = {
    "improvement": improvement,
    "released": released,
}


class MOSMAC(Proposing):
    """A random forest per objective proposes the candidate with the best `acquisition`, and chance every other one.

    Inactive values count as the defaults. Candidates are random draws and neighbours of the front in one value. Unlike
    SMAC, which searches on from the best ones, it takes the best of these.
    """

    def __init__(self, draw: Draw, acquisition: str = "improvement"):
        super().__init__(draw)
        self.acquisition = choose(acquisition, ACQUISITIONS, "acquisition")

    def sample_relative(self, study, trial, search_space) -> dict:
        """The best candidate; nothing where chance decides."""
        rng = np.random.default_rng(self.draw.seed)
        known = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if len(known) < 2 or rng.random() < RANDOM:
            return {}
        signs = [1 if direction == StudyDirection.MINIMIZE else -1 for direction in study.directions]
        costs = np.array([one.values for one in known]) * signs
        low, width = costs.min(0), np.ptp(costs, axis=0)
        costs = (costs - low) / np.where(width > 0, width, 1.0)
        best = pareto.front(costs, direction="minimize")
        settings = [completed(one.params, self.draw.space) for one in known]
        candidates = self._candidates(rng, [one for one, kept in zip(settings, best, strict=True) if kept], settings)
        if not candidates:
            return {}
        means, deviations = self._predicted(rng, self._encoded(settings), costs, self._encoded(candidates))
        scores = self.acquisition(costs[best], means, deviations)
        return candidates[int(scores.argmax())]

    def _encoded(self, settings: list[dict]) -> np.ndarray:
        space = self.draw.space
        return np.array([[dimension.place(one[dimension.field]) for dimension in space] for one in settings])

    def _predicted(self, rng, points, costs, candidates) -> tuple[np.ndarray, np.ndarray]:
        """Mean and deviation over the trees, a column per objective."""
        from sklearn.ensemble import RandomForestRegressor  # slow to import

        columns = []
        for values in costs.T:
            forest = RandomForestRegressor(**TREES, random_state=int(rng.integers(2**31)), n_jobs=1)
            forest.fit(points, values)
            columns.append([tree.predict(candidates) for tree in forest.estimators_])
        trees = np.array(columns)
        return trees.mean(axis=1).T, trees.std(axis=1).T

    def _candidates(self, rng, front: list[dict], known: list[dict]) -> list[dict]:
        """Settings of the whole space that were not evaluated, in an order of chance, so that ties are its matter."""
        seen = {tuple(one.values()) for one in known}
        found = {}
        for drawn in (*self._random(rng), *self._neighbours(rng, front)):
            filled = completed(restricted(drawn, self.draw.space), self.draw.space)
            if tuple(filled.values()) not in seen:
                found[tuple(filled.values())] = filled
        order = rng.permutation(len(found))
        listed = list(found.values())
        return [listed[place] for place in order]

    def _random(self, rng) -> Iterator[dict]:
        for shares in rng.random((DRAWS, len(self.draw.space))):
            yield {
                dimension.field: dimension.at(share) for dimension, share in zip(self.draw.space, shares, strict=True)
            }

    def _neighbours(self, rng, front: list[dict]) -> Iterator[dict]:
        for place in rng.permutation(len(front))[:MEMBERS]:
            settings = front[place]
            for dimension in self.draw.space:
                for value in self._near(rng, dimension, settings[dimension.field]):
                    yield settings | {dimension.field: value}

    def _near(self, rng, dimension, value) -> list:
        """The other choices, or values nearby along an interval."""
        if dimension.choices:
            return [choice for choice in dimension.choices if choice != value]
        shares = dimension.place(value) + WIDTH * rng.standard_normal(STEPS)
        return [dimension.at(float(share)) for share in np.clip(shares, 0.0, 1.0)]
