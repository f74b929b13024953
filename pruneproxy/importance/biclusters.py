"""Clusters of configurations that hold in the space of hyperparameters and in that of objectives: PAN (Sec. 6.2.4).

PAN (Ulrich 2013) is an evolutionary search for partitions. A population of partitions is recombined, mutated and
clustered around medoids in each of both spaces; those stay that contribute most to the hypervolume of the silhouettes
in both.
"""

from dataclasses import dataclass

import numpy as np

from pruneproxy import pareto
from pruneproxy.errors import UserError, choose
from pruneproxy.importance.distances import around_medoids, silhouette

SIGNS = {
    "fixed": -1,  # silhouettes are turned into costs: high ones stay
    "code": 1,  # as in the released package: silhouettes taken for costs, so that low ones stay
}
MEDOIDS = {
    "inside": "the member of a cluster with the least sum of distances to the others",
    "anywhere": "the point with the least sum of distances to the members, wherever it is (the released package)",
}
ATTEMPTS = 100  # to vary two partitions into valid ones


@dataclass(frozen=True, kw_only=True)
class Partition:
    """A cluster's number for each configuration, and the mean silhouettes of the clusters in both spaces."""

    labels: tuple[int, ...]
    decision: float
    objective: float

    @property
    def clusters(self) -> int:
        """How many clusters there are."""
        return max(self.labels) + 1


@dataclass(frozen=True, kw_only=True)
class PanConfig:
    """The search: partitions kept, generations, probabilities of recombining, moving, merging and splitting.

    The defaults are those of the released package; `sign` (`SIGNS`) and `medoid` (`MEDOIDS`) say what it is about.
    """

    population: int = 10
    generations: int = 500
    recombine: float = 0.7
    move: float = 0.6
    merge: float = 0.2
    split: float = 0.2
    sign: str = "fixed"
    medoid: str = "inside"
    seed: int = 0

    def __post_init__(self):
        choose(self.sign, SIGNS, "sign of the silhouettes")
        choose(self.medoid, MEDOIDS, "place of medoids")
        if self.population < 2 or self.generations < 1:
            raise UserError(
                f"expected a population of 2 or more and 1 or more generations, got {self.population} and "
                f"{self.generations}"
            )
        if not all(0 <= share <= 1 for share in (self.recombine, self.move, self.merge, self.split)):
            raise UserError("expected probabilities between 0 and 1 of recombining, moving, merging and splitting")


def biclusters(decision, objective, *, config: PanConfig | None = None) -> list[Partition]:
    """Partitions that trade off the silhouettes of both spaces, the best in the space of hyperparameters first.

    `decision` and `objective` are matrices of distances between the same configurations. Every partition has two or
    more clusters, each of two or more members.
    """
    config = config or PanConfig()
    spaces = [_checked(apart) for apart in (decision, objective)]
    if len(spaces[0]) != len(spaces[1]) or len(spaces[0]) < 4:
        raise UserError(
            f"expected distances between the same four or more configurations, got {len(spaces[0])} and "
            f"{len(spaces[1])}"
        )
    generator = np.random.default_rng(config.seed)
    found = {}
    for _ in range(config.population):
        _add(found, _random(len(spaces[0]), generator), spaces)
    for _ in range(config.generations):
        for labels in _offspring(list(found), config, generator):
            _add(found, labels, spaces)
            for apart in spaces:
                _add(found, around_medoids(apart, _medoids(labels, apart, config.medoid)), spaces)
        found = _selected(found, config)
    partitions = [Partition(labels=labels, decision=a, objective=b) for labels, (a, b) in found.items()]
    return sorted(partitions, key=lambda one: (-one.decision, -one.objective, one.labels))


def _add(found, labels, spaces):
    """Notes a partition with its silhouettes if it is valid and new."""
    key = _canonical(labels)
    if key not in found and _valid(np.array(key)):
        found[key] = tuple(silhouette(apart, np.array(key)) for apart in spaces)


def _selected(found, config) -> dict:
    """The partitions that are left when the one that contributes least to the hypervolume leaves, time and again."""
    keys, costs = list(found), SIGNS[config.sign] * np.array(list(found.values()))
    while len(keys) > config.population:
        lost = pareto.contributions(costs, direction="minimize", reference=1)
        # Of those that contribute nothing the worst on average goes; in the released package the oldest does.
        worst = np.lexsort([-costs.sum(axis=1) if config.sign == "fixed" else np.arange(len(keys)), lost])[0]
        keys, costs = keys[:worst] + keys[worst + 1 :], np.delete(costs, worst, axis=0)
    return {key: found[key] for key in keys}


def _offspring(parents, config, generator) -> list[np.ndarray]:
    """As many varied partitions as the population has."""
    children = []
    while len(children) < config.population:
        pair = [np.array(parents[place]) for place in generator.choice(len(parents), 2, replace=len(parents) < 2)]
        valid = []
        for _ in range(ATTEMPTS):
            varied = _crossed(*pair, generator) if generator.random() < config.recombine else pair
            valid += [child for child in (_mutated(one, config, generator) for one in varied) if _valid(child)]
            if len(valid) >= 2:
                break
        children += (valid or pair)[:2]
    return children[: config.population]


def _crossed(a, b, generator) -> list[np.ndarray]:
    """Each parent with some neighbouring clusters of the other, whose members leave their own."""
    slices = [_slice(labels, generator) for labels in (a, b)]
    return [_inserted(a, b, slices[1]), _inserted(b, a, slices[0])]


def _inserted(labels, donor, taken) -> np.ndarray:
    return np.where(np.isin(donor, taken), donor + labels.max() + 1, labels)


def _slice(labels, generator) -> np.ndarray:
    begin, end = np.sort(generator.choice(labels.max() + 2, 2, replace=False))
    return np.arange(begin, end)


def _mutated(labels, config, generator) -> np.ndarray:
    labels = np.array(_canonical(labels))
    for chance, change in ((config.move, _moved), (config.merge, _merged), (config.split, _split)):
        if generator.random() < chance and labels.max() > 0:
            labels = np.array(_canonical(change(labels, generator)))
    return labels


def _moved(labels, generator) -> np.ndarray:
    """One member of a cluster goes to another."""
    source, target = generator.choice(labels.max() + 1, 2, replace=False)
    changed = labels.copy()
    changed[generator.choice(np.flatnonzero(labels == source))] = target
    return changed


def _merged(labels, generator) -> np.ndarray:
    """Two clusters become one."""
    first, second = generator.choice(labels.max() + 1, 2, replace=False)
    return np.where(labels == second, first, labels)


def _split(labels, generator) -> np.ndarray:
    """One cluster becomes two of random size and members."""
    members = generator.permutation(np.flatnonzero(labels == generator.integers(labels.max() + 1)))
    changed = labels.copy()
    changed[members[: generator.integers(len(members) + 1)]] = labels.max() + 1
    return changed


def _random(count, generator) -> np.ndarray:
    """A valid partition into 2 to n / 2 clusters: two members for each, the others by lot."""
    clusters = generator.integers(2, count // 2 + 1)
    rest = generator.integers(clusters, size=count - 2 * clusters)
    return generator.permutation(np.concatenate([np.repeat(np.arange(clusters), 2), rest]))


def _medoids(labels, apart, place) -> np.ndarray:
    """The medoid of each cluster, every point once."""
    found = []
    for cluster in range(labels.max() + 1):
        members = np.flatnonzero(labels == cluster)
        sums = apart[members].sum(axis=0)
        found.append(sums.argmin() if place == "anywhere" else members[sums[members].argmin()])
    return np.unique(found)


def _canonical(labels) -> tuple[int, ...]:
    """The same partition with its clusters numbered in the order in which they occur."""
    _, first, place = np.unique(labels, return_index=True, return_inverse=True)
    return tuple(np.argsort(np.argsort(first))[place].tolist())


def _valid(labels) -> bool:
    counts = np.unique(labels, return_counts=True)[1]
    return len(counts) > 1 and counts.min() > 1


def _checked(apart) -> np.ndarray:
    apart = np.asarray(apart, dtype=float)
    square = apart.ndim == 2 and apart.shape[0] == apart.shape[1]
    if not square or not np.isfinite(apart).all() or (apart < 0).any() or not np.allclose(apart, apart.T):
        raise UserError("expected a symmetric matrix of distances of 0 or more, with a row per configuration")
    return apart
