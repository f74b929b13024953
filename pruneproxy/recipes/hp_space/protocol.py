"""The thesis's protocol, stated once; every smaller scale as its differences from it; and the runs that follow."""

from dataclasses import dataclass

import numpy as np

from pruneproxy import data, models, surgery
from pruneproxy.errors import UserError, choose
from pruneproxy.recipes.recipe import Protocol
from pruneproxy.runs import Pruning, RunSpec
from pruneproxy.train import TrainConfig

SCORED = {
    "trained": "on the dense network trained with the prior settings (pipeline c of Fig. 1.1)",
    "init": "on the dense network as initialised",
}
LARGEST_EXPONENT = 12
METHODS = {"uniform": "the same share of every block", "global": "one ranking over the network (non-uniform)"}


@dataclass(frozen=True, kw_only=True)
class Case:
    """One network on one data set: the landscape that is measured, and how each of its points is trained."""

    network: str  # the thesis's network that this case answers for
    model: str
    width: float = 1.0
    strides: str = "default"
    shortcut: str = "default"
    dataset: str = "cifar10"
    train_images: int | None = None
    eval_images: int | None = None
    size: int | None = None
    augment: str = "crop-flip"
    methods: tuple[str, ...] = ("uniform", "global")
    targets: tuple[float, ...] = (0.6, 0.2)  # shares of the multiplications that remain
    scored: str = "trained"
    weights: str = "fresh"
    fan_in: str = "sum"
    coupled: str = "sum"
    prior_lr_log10: float = -1.0  # Table 3.4
    prior_weight_decay_log10: float = -4.0
    lr_log10: tuple[float, ...] = (-1.8, -0.2)  # first and last of the grid
    weight_decay_log10: tuple[float, ...] = (-4.8, -3.2)
    lr_points: int = 9
    weight_decay_points: int = 9
    seeds: int = 1
    epochs: int = 180  # Table 3.3
    batch_size: int = 128
    momentum: float = 0.9
    schedule: str = "step"
    milestones: tuple[float, ...] = (0.5, 0.75)
    decayed: str = "all"
    precision: str = "float32"
    evaluate_every: int = 1

    def __post_init__(self):
        choose(self.scored, SCORED, "value of scored")
        for method in self.methods:
            choose(method, METHODS, "pruning method")
        for name in ("lr_log10", "weight_decay_log10"):
            ends = getattr(self, name)
            if len(ends) != 2 or ends[0] > ends[1]:
                raise UserError(f"{name} must be the two ends of a grid, low,high, got {ends!r}")
        for name in ("prior_lr_log10", "prior_weight_decay_log10", "lr_log10", "weight_decay_log10"):
            if np.abs(getattr(self, name)).max() > LARGEST_EXPONENT:
                raise UserError(
                    f"{name} must be decimal exponents between -{LARGEST_EXPONENT} and {LARGEST_EXPONENT}, "
                    f"got {getattr(self, name)!r}"
                )
        for name in ("lr_points", "weight_decay_points", "seeds"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1, got {getattr(self, name)!r}")

    @property
    def key(self) -> str:
        """How the case is named on a command line."""
        return self.network

    @property
    def title(self) -> str:
        """What was really trained."""
        known = {"mobilenet_v2": "MobileNetV2", "vgg16_bn": "VGG16-BN", "mlp": "MLP"}
        name = known.get(self.model) or self.model.replace("resnet", "ResNet-")
        return name if self.width == 1 else f"{name} x {self.width:g}"


def variant(method: str, target: float) -> str:
    """The name of a pruned network, e.g. `60% global`."""
    return f"{target:.0%} {method}" if method != "none" else "unpruned"


PAPER = {
    "mobilenet_v2": Case(network="mobilenet_v2", model="mobilenet_v2", strides="thesis", targets=(0.6, 0.4)),
    "resnet56": Case(network="resnet56", model="resnet56"),
    "resnet50": Case(
        network="resnet50",
        model="resnet50",
        dataset="imagenet",
        size=256,
        augment="window-flip",
        methods=("global",),
        targets=(0.4,),
        lr_log10=(-1.4, -0.6),
        weight_decay_log10=(-4.4, -3.6),
        lr_points=3,
        weight_decay_points=3,
        epochs=90,
        batch_size=256,
        milestones=(1 / 3, 2 / 3),
    ),
}

_SMALL = {
    "dataset": "fashion_mnist",
    "augment": "flip",
    "train_images": 1000,  # few enough to be fitted nearly perfectly, as the thesis's networks fit theirs
    "batch_size": 64,
    "seeds": 5,
}

CUTS = {
    "paper": {name: {} for name in PAPER},
    "gpu": {
        "resnet56": {
            "epochs": 30,
            "precision": "bfloat16",
            "lr_points": 7,
            "weight_decay_points": 7,
            "lr_log10": (-2.4, 0.0),
            "weight_decay_log10": (-4.8, -2.4),
            "evaluate_every": 5,
        },
    },
    "lab": {
        "resnet56": _SMALL
        | {
            "model": "resnet8",
            "size": 10,
            "lr_log10": (-1.75, -0.25),
            "weight_decay_log10": (-4.0, -1.5),
            "lr_points": 7,
            "weight_decay_points": 6,
            "epochs": 30,
            "evaluate_every": 30,
        },
        "mobilenet_v2": _SMALL
        | {
            "width": 0.25,
            "size": 8,
            "batch_size": 128,
            "targets": (0.4,),
            "lr_log10": (-1.5, -0.5),
            "weight_decay_log10": (-4.0, -1.75),
            "lr_points": 5,
            "weight_decay_points": 4,
            "epochs": 20,
            "evaluate_every": 20,
        },
    },
    "smoke": {
        "resnet56": {
            "model": "resnet8",
            "width": 0.5,
            "dataset": "digits",
            "augment": "none",
            "train_images": 300,
            "eval_images": 180,
            "epochs": 2,
            "batch_size": 32,
            "lr_points": 3,
            "weight_decay_points": 3,
            "lr_log10": (-2.0, 0.0),
            "weight_decay_log10": (-4.0, -2.0),
            "targets": (0.6,),
            "evaluate_every": 2,
        },
    },
}
SCALES = tuple(CUTS)
PROTOCOL = Protocol(paper=PAPER, cuts=CUTS, chosen="networks", noun="network", identity=("network",))


def cases(scale: str, **overrides) -> tuple[Case, ...]:
    """The cases of a scale, with any protocol value replaced; `networks` keeps only the cases that it names.

    Values may be text, as a command line gives them; None leaves the scale's own.
    """
    return tuple(PROTOCOL.cases(scale, overrides).values())


def parameters() -> tuple[str, ...]:
    """The names of all protocol values that may be overridden."""
    return PROTOCOL.parameters


def cut(case: Case) -> dict[str, tuple]:
    """What `case` changes against the thesis: name -> (thesis, here)."""
    return PROTOCOL.cut(case, case.network)


def exponents(ends: tuple[float, ...], points: int) -> list[float]:
    """The grid's exponents, rounded so that equal settings have equal specs."""
    return [round(float(value), 4) for value in np.linspace(ends[0], ends[-1], points)]


def variants(case: Case) -> list[tuple[str, float]]:
    """(method, target) of every network of a case, the unpruned one first."""
    return [("none", 1.0), *((method, target) for target in case.targets for method in case.methods)]


def training(case: Case, lr_log10: float, weight_decay_log10: float) -> TrainConfig:
    """How one point of the grid is trained."""
    return TrainConfig(
        epochs=case.epochs,
        batch_size=case.batch_size,
        lr=_power(lr_log10),
        weight_decay=_power(weight_decay_log10),
        momentum=case.momentum,
        schedule=case.schedule,
        milestones=case.milestones,
        decayed=case.decayed,
        precision=case.precision,
        evaluate_every=case.evaluate_every,
    )


def _power(exponent: float) -> float:
    return float(f"{10**exponent:.6g}")


def pruning(case: Case, method: str, target: float) -> Pruning | None:
    """How one variant is pruned; None for the unpruned network."""
    if method == "none":
        return None
    prior = training(case, case.prior_lr_log10, case.prior_weight_decay_log10)
    return Pruning(
        channels=surgery.PruneConfig(target=target, allocation=method, fan_in=case.fan_in, coupled=case.coupled),
        scored_after=prior if case.scored == "trained" else None,
        weights=case.weights,
    )


def grid(case: Case) -> list[RunSpec]:
    """Every run of a case, seeds outermost: a run that is stopped early has whole landscapes of the first seeds."""
    dataset = data.DataConfig(
        name=case.dataset,
        train_images=case.train_images,
        eval_images=case.eval_images,
        size=case.size,
        holdout=0.0,
        augment=case.augment,
    )
    model = models.ModelConfig(name=case.model, width=case.width, strides=case.strides, shortcut=case.shortcut)
    return [
        RunSpec(
            data=dataset,
            model=model,
            prune=pruning(case, method, target),
            seed=seed,
            train=training(case, lr, weight_decay),
        )
        for seed in range(case.seeds)
        for method, target in variants(case)
        for lr in exponents(case.lr_log10, case.lr_points)
        for weight_decay in exponents(case.weight_decay_log10, case.weight_decay_points)
    ]


def specs(scale: str, **overrides) -> list[RunSpec]:
    """Every run of the recipe at a scale."""
    return [spec for case in cases(scale, **overrides) for spec in grid(case)]
