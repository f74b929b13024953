"""The grid, stated once, smaller scales as differences from it, and its runs."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from pruneproxy.data import DataConfig, input_shape
from pruneproxy.errors import UserError, choose
from pruneproxy.limits import check_counts, check_different
from pruneproxy.models import ModelConfig
from pruneproxy.recipes.protocol import Protocol
from pruneproxy.recipes.recipe import Case as Base
from pruneproxy.recipes.recipe import Entry
from pruneproxy.runs import RunSpec
from pruneproxy.sparse import SparseConfig
from pruneproxy.train import TrainConfig

MASKS = {
    "random": "drawn once, the same density in every layer but the last",
    "structured": "a network as much narrower in every hidden layer",
    "set": "SET: weakest weights go, random ones come",
    "rigl": "RigL: weakest weights go, those with the largest gradients come",
}
PARAMETRISATIONS = {
    "standard": "the same initial weights and learning rate at every density",
    "smupar": "both rescaled by width and density (models.maximal)",
}
DENSE = "dense"
LARGEST_EXPONENT = 30


@dataclass(frozen=True, kw_only=True)
class Case(Base):
    """One multi-layer perceptron on one data set: `base` is the dense network, with the sparse training of its masks.

    Every mask, density and parametrisation is trained at every learning rate of the grid.
    """

    network: str
    masks: tuple[str, ...] = tuple(MASKS)
    densities: tuple[float, ...] = (0.5, 0.2, 0.1, 0.05, 0.02)
    parametrisations: tuple[str, ...] = tuple(PARAMETRISATIONS)
    lr_log2: tuple[float, ...] = (-9.0, 2.0)  # first and last of the grid
    lr_points: int = 12

    def __post_init__(self):
        for mask in self.masks:
            choose(mask, MASKS, "mask")
        for one in self.parametrisations:
            choose(one, PARAMETRISATIONS, "parametrisation")
        if self.base.model.name != "mlp" or self.base.model.widths is None:
            raise UserError(f"expected an mlp with its widths, got {self.base.model.name}: give model mlp and widths")
        if not all(0 < density < 1 for density in self.densities):
            raise UserError(f"densities must lie between 0 and 1, got {self.densities!r}")
        ends = self.lr_log2
        if len(ends) != 2 or ends[0] >= ends[1] or max(map(abs, ends)) > LARGEST_EXPONENT:
            raise UserError(
                f"lr_log2 must be two rising exponents between -{LARGEST_EXPONENT} and {LARGEST_EXPONENT}, got {ends!r}"
            )
        check_counts(self, "lr_points", least=3)
        check_counts(self, "seeds")
        check_different(self, "masks", "densities", "parametrisations")

    @property
    def key(self) -> str:
        """How the case is named on a command line."""
        return self.network


_BASE = RunSpec(
    data=DataConfig(name="fashion_mnist"),
    model=ModelConfig(name="mlp", widths=(1024, 1024)),
    train=TrainConfig(
        epochs=20, batch_size=64, weight_decay=0.0, schedule="cosine", evaluate_on="validation", evaluate_every=20
    ),
    sparse=SparseConfig(kept_dense="last", interval=100, end=0.75),
)
PAPER = {"mlp-fashion_mnist": Case(network="mlp-fashion_mnist", base=_BASE, seeds=10)}
_LAB = (
    {"size": 14, "train_images": 2000, "eval_images": 3000, "widths": (256, 256)}
    | {"epochs": 4, "evaluate_every": 4, "interval": 10}
    | {"densities": (0.25, 0.05), "lr_log2": (-7.0, 1.0), "lr_points": 9, "seeds": 5}
)
_SMOKE = (
    {"data": "digits", "holdout": 0.3, "train_images": 400, "eval_images": 300, "widths": (48, 48)}
    | {"batch_size": 16, "epochs": 2, "evaluate_every": 2, "interval": 5}
    | {"densities": (0.1,), "lr_log2": (-7.0, 1.0), "lr_points": 5, "seeds": 3}
)
PROTOCOL = Protocol(
    paper=PAPER,
    cuts={
        "paper": {name: {} for name in PAPER},
        "lab": dict.fromkeys(PAPER, _LAB),
        "smoke": dict.fromkeys(PAPER, _SMOKE),
    },
    chosen="networks",
    noun="network",
    identity=("network",),
    set_here=("train.lr", "sparse.method", "sparse.density", "sparse.semantics", "start"),
)


def exponents(case: Case) -> list[float]:
    """The grid of learning rates as powers of two, rounded so that equal settings have equal specs."""
    return [round(float(value), 4) for value in np.linspace(*case.lr_log2, case.lr_points)]


def entries(case: Case) -> Iterator[Entry]:
    """Every run of a case, seeds outermost: a grid that is stopped early has whole seeds."""
    for seed in range(case.seeds):
        for labels, spec in networks(case):
            for exponent in exponents(case):
                train = replace(spec.train, lr=float(f"{2**exponent:.6g}"))
                found = labels | {"exponent": exponent, "seed": seed}
                yield Entry(spec=replace(spec, train=train, seed=seed), labels=found)


def networks(case: Case) -> Iterator[tuple[dict, RunSpec]]:
    """In every parametrisation the dense network, and every mask and density."""
    for parametrisation in case.parametrisations:
        like = case.base.model if parametrisation == "smupar" else None
        labels = {"mask": DENSE, "density": 1.0, "parametrisation": parametrisation}
        yield labels, replace(case.base, sparse=None, settings_of=like)
        for mask in case.masks:
            for density in case.densities:
                labels = {"mask": mask, "density": density, "parametrisation": parametrisation}
                yield labels, replace(masked(case.base, mask, density), settings_of=like)


def masked(base: RunSpec, mask: str, density: float) -> RunSpec:
    """The run with so large a share of the weights of all layers but the last."""
    if mask == "structured":
        inputs = math.prod(input_shape(base.data))
        widths = narrowed(inputs, base.model.widths, density)
        return replace(base, sparse=None, model=replace(base.model, widths=widths))
    method, semantics = {"random": ("static", "set"), "set": ("set", "set"), "rigl": ("rigl", "rigl")}[mask]
    return replace(base, sparse=replace(base.sparse, method=method, density=density, semantics=semantics))


def narrowed(inputs: int, widths: tuple[int, ...], density: float) -> tuple[int, ...]:
    """Hidden widths times one k, whose weights before the last layer are about this share: a k + b k^2 = density."""
    first, later = inputs * widths[0], sum(one * two for one, two in pairwise(widths))
    wanted = density * (first + later)
    factor = 2 * wanted / (first + math.sqrt(first**2 + 4 * later * wanted))  # the positive root, also without `later`
    return tuple(max(1, round(width * factor)) for width in widths)
