"""The thesis's protocol, stated once; every smaller scale as its differences from it; and the runs that follow."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from pruneproxy import surgery
from pruneproxy.data import DataConfig
from pruneproxy.errors import UserError, choose
from pruneproxy.limits import check_counts, check_different
from pruneproxy.models import ModelConfig
from pruneproxy.recipes.protocol import Protocol
from pruneproxy.recipes.recipe import Case as Base
from pruneproxy.recipes.recipe import Entry
from pruneproxy.runs import Pruning, RunSpec
from pruneproxy.train import TrainConfig

SCORED = {
    "trained": "on the dense network trained with the prior settings (pipeline c of Fig. 1.1)",
    "init": "on the dense network as initialised",
}
LARGEST_EXPONENT = 12
METHODS = {"uniform": "the same share of every block", "global": "one ranking over the network (non-uniform)"}


@dataclass(frozen=True, kw_only=True)
class Case(Base):
    """One network on one data set: the landscape that is measured.

    `base` is the pruned network trained with the settings from which it is known which channels matter (Table 3.4).
    """

    network: str  # the thesis's network that this case answers for
    methods: tuple[str, ...] = ("uniform", "global")
    targets: tuple[float, ...] = (0.6, 0.2)  # shares of the multiplications that remain
    scored: str = "trained"
    lr_log10: tuple[float, ...] = (-1.8, -0.2)  # first and last of the grid
    weight_decay_log10: tuple[float, ...] = (-4.8, -3.2)
    lr_points: int = 9
    weight_decay_points: int = 9

    def __post_init__(self):
        choose(self.scored, SCORED, "value of scored")
        for method in self.methods:
            choose(method, METHODS, "pruning method")
        for name in ("lr_log10", "weight_decay_log10"):
            ends = getattr(self, name)
            if len(ends) != 2 or ends[0] > ends[1]:
                raise UserError(f"{name} must be the two ends of a grid, low,high, got {ends!r}")
            if max(map(abs, ends)) > LARGEST_EXPONENT:
                raise UserError(
                    f"{name} must be decimal exponents between -{LARGEST_EXPONENT} and {LARGEST_EXPONENT}, "
                    f"got {getattr(self, name)!r}"
                )
        check_counts(self, "lr_points", "weight_decay_points", "seeds")
        check_different(self, "methods", "targets")

    @property
    def key(self) -> str:
        """How the case is named on a command line."""
        return self.network


def variant(method: str, target: float) -> str:
    """The name of a pruned network, e.g. `60% global`."""
    return f"{target:.0%} {method}" if method != "none" else "unpruned"


_BASE = RunSpec(
    data=DataConfig(name="cifar10", holdout=0.0, augment="crop-flip"),
    model=ModelConfig(name="resnet56"),
    prune=Pruning(channels=surgery.PruneConfig(target=0.6)),
    train=TrainConfig(  # Table 3.3
        epochs=180, batch_size=128, lr=1e-1, weight_decay=1e-4, momentum=0.9, schedule="step", milestones=(0.5, 0.75)
    ),
)
_IMAGENET = replace(
    _BASE,
    data=replace(_BASE.data, name="imagenet", size=256, augment="window-flip"),
    model=ModelConfig(name="resnet50"),
    train=replace(_BASE.train, epochs=90, batch_size=256, milestones=(1 / 3, 2 / 3)),
)
PAPER = {
    case.key: case
    for case in (
        Case(
            network="mobilenet_v2",
            base=replace(_BASE, model=ModelConfig(name="mobilenet_v2", strides="thesis")),
            targets=(0.6, 0.4),
        ),
        Case(network="resnet56", base=_BASE),
        Case(
            network="resnet50",
            base=_IMAGENET,
            methods=("global",),
            targets=(0.4,),
            lr_log10=(-1.4, -0.6),
            weight_decay_log10=(-4.4, -3.6),
            lr_points=3,
            weight_decay_points=3,
        ),
    )
}

# So few images are fitted nearly perfectly, as the thesis's networks fit theirs.
_SMALL = {"data": "fashion_mnist", "augment": "flip", "train_images": 1000, "batch_size": 64, "seeds": 5}
_LAB_RESNET = (
    {"model": "resnet8", "size": 10, "epochs": 30, "evaluate_every": 30}
    | {"lr_log10": (-1.75, -0.25), "lr_points": 7}
    | {"weight_decay_log10": (-4.0, -1.5), "weight_decay_points": 6}
)
_LAB_MOBILENET = (
    {"width": 0.25, "size": 8, "batch_size": 128, "targets": (0.4,), "epochs": 20, "evaluate_every": 20}
    | {"lr_log10": (-1.5, -0.5), "lr_points": 5}
    | {"weight_decay_log10": (-4.0, -1.75), "weight_decay_points": 4}
)
_GPU = (
    {"epochs": 30, "precision": "bfloat16", "evaluate_every": 5}
    | {"lr_log10": (-2.4, 0.0), "lr_points": 7}
    | {"weight_decay_log10": (-4.8, -2.4), "weight_decay_points": 7}
)
_SMOKE = (
    {"model": "resnet8", "width": 0.5, "data": "digits", "augment": "none", "train_images": 300, "eval_images": 180}
    | {"epochs": 2, "batch_size": 32, "targets": (0.6,), "evaluate_every": 2}
    | {"lr_log10": (-2.0, 0.0), "lr_points": 3, "weight_decay_log10": (-4.0, -2.0), "weight_decay_points": 3}
)
CUTS = {
    "paper": {name: {} for name in PAPER},
    "gpu": {"resnet56": _GPU},
    "lab": {"resnet56": _SMALL | _LAB_RESNET, "mobilenet_v2": _SMALL | _LAB_MOBILENET},
    "smoke": {"resnet56": _SMOKE},
}
PROTOCOL = Protocol(
    paper=PAPER,
    cuts=CUTS,
    chosen="networks",
    noun="network",
    identity=("network",),
    set_here=("prune.channels.target", "prune.channels.allocation", "prune.seed"),
)


def exponents(ends: tuple[float, ...], points: int) -> list[float]:
    """The grid's exponents, rounded so that equal settings have equal specs."""
    return [round(float(value), 4) for value in np.linspace(ends[0], ends[-1], points)]


def variants(case: Case) -> list[tuple[str, float]]:
    """(method, target) of every network of a case, the unpruned one first."""
    return [("none", 1.0), *((method, target) for target in case.targets for method in case.methods)]


def pruning(case: Case, method: str, target: float) -> Pruning | None:
    """How one variant is pruned; None for the unpruned network."""
    if method == "none":
        return None
    channels = replace(case.base.prune.channels, target=target, allocation=method)
    return replace(
        case.base.prune, channels=channels, scored_after=case.base.train if case.scored == "trained" else None
    )


def entries(case: Case) -> Iterator[Entry]:
    """Every run of a case, seeds outermost: a run that is stopped early has whole landscapes of the first seeds."""
    for seed in range(case.seeds):
        for method, target in variants(case):
            pruned = replace(case.base, prune=pruning(case, method, target), seed=seed)
            for lr in exponents(case.lr_log10, case.lr_points):
                for weight_decay in exponents(case.weight_decay_log10, case.weight_decay_points):
                    train = replace(case.base.train, lr=_power(lr), weight_decay=_power(weight_decay))
                    labels = {"method": method, "target": target, "seed": seed}
                    yield Entry(spec=replace(pruned, train=train), labels=labels)


def _power(exponent: float) -> float:
    return float(f"{10**exponent:.6g}")
