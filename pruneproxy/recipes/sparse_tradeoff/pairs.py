"""Quantities that compare data sets, made of those of each: the same for measured and printed numbers."""

from itertools import combinations

import numpy as np

from pruneproxy.evidence.effects import Effect, difference, ratio
from pruneproxy.recipes.sparse_tradeoff.protocol import PAPER

ARCHITECTURES = {case.dataset: case.architecture for case in PAPER.values()}
ALIKE = (("MNIST", "Fashion MNIST"), ("Higgs", "Elec2"), ("CIFAR-10", "SVHN"))  # Sec. 5.2.1
LOSS = {"MNIST": 0.5}  # points that may be lost at little sparsity
LARGER_LOSS = 2.0  # on the other data sets


class Pairs:
    """What `fixed_volumes`, `search_volumes` and `mean_sparsities` say of pairs of data sets."""

    def volume_gaps(self) -> list[Effect]:
        """Differences of the hypervolumes of two data sets."""
        found = self.fixed_volumes().values()
        return [difference(f"{a.label} - {b.label}", a, b) for a, b in combinations(found, 2)]

    def gain_ratios(self) -> list[Effect]:
        """Ratios of the gains of two data sets of the same kind."""
        found = self.search_volumes()
        return [ratio(f"{a} / {b}", found[a], found[b]) for a, b in ALIKE if a in found and b in found]

    def sparsity_gaps(self) -> list[Effect]:
        """Mean sparsity on a ResNet data set minus that on an MLP data set."""
        found = self.mean_sparsities()
        mlps, resnets = ([name for name in found if ARCHITECTURES[name] == kind] for kind in ("MLP", "ResNet"))
        return [difference(f"{b} - {a}", found[b], found[a]) for a in mlps for b in resnets]


def excess(label: str, loss: Effect, dataset: str) -> Effect:
    """A loss minus what may be lost on a data set."""
    limit = LOSS.get(dataset, LARGER_LOSS)
    samples = np.asarray(loss.samples) - limit
    return Effect(label=label, value=round(loss.value - limit, 9), samples=samples, seeds=loss.seeds)
