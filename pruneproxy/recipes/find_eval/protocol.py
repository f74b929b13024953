"""The paper's protocol, stated once, and every smaller scale as its differences from it."""

from dataclasses import dataclass, replace

from pruneproxy import surgery
from pruneproxy.data import DataConfig
from pruneproxy.errors import UserError, choose
from pruneproxy.limits import MOST_ROUNDS, check_counts, check_different, check_distinct
from pruneproxy.models import ModelConfig
from pruneproxy.recipes.protocol import Protocol
from pruneproxy.recipes.recipe import Case as Base
from pruneproxy.runs import Pruning, RunSpec
from pruneproxy.train import TrainConfig

EXPERIMENTS = {
    "dense": "the unpruned network at more learning rates: where its best one lies (not in the paper)",
    "lr": "learning rates to find masks and to train them (Figs. 2, 3, 6, A2, A3)",
    "batch_size": "batch sizes to find and to train (Figs. 2, 3, 6, A4, A5)",
    "weight_decay": "weight decays to find and to train (Figs. 2, 3, 6, A6, A7)",
    "baselines": "random masks beside tickets that are found and trained alike (Figs. 1, A1)",
    "donors": "ratios of the layers taken from the other setting (Fig. 7)",
    "undecayed": "no weight decay while masks are found (Fig. 8)",
    "early": "masks from trainings that end early (Fig. 9)",
    "drift": "ratios of the first round after every epoch (Figs. A18, A19)",
    "late": "late rewinding, and random masks beside it (Figs. 4a, A14)",
    "continued": "learning-rate rewinding: weights go on (Fig. 4c)",
    "warmup": "learning rates that grow from 0 (Fig. 4b)",
    "stability": "error between copies that see the images in other orders (Fig. A13)",
    "local": "the same share of every layer (Figs. A15, A16)",
    "structured": "channels removed once, weights go on (Figs. 5, A10 to A12)",
}
HARSH = {"lr": max, "batch_size": min, "weight_decay": max}  # what the paper finds bad masks with
NEEDED = {
    "unstructured": ("local_lr", "dense_lr", "early_epochs", "stable_rounds"),
    "structured": ("removed",),
}
UNSTRUCTURED = tuple(name for name in EXPERIMENTS if name != "structured")


@dataclass(frozen=True, kw_only=True)
class Case(Base):
    """One network on one data set: settings to find masks with, and to train them with.

    `base` is the training that both do unless a value is varied: of the dense network, or of the narrow one where
    channels are pruned. A seed is one dense network with all chains of masks that start from it.
    """

    network: str  # the paper's network and data set that this case answers for
    dataset: str
    method: str = "unstructured"
    seeds: int = 5
    experiments: tuple[str, ...] = UNSTRUCTURED
    lr: tuple[float, ...] = (0.05, 0.2, 0.5)  # Sec. 3.2
    lr_eval: tuple[float, ...] = ()  # none: those of lr
    best_lr: float = 0.5  # of the unpruned network (Sec. 3.1)
    local_lr: tuple[float, ...] = (0.1, 0.2, 0.5)  # Fig. A15
    dense_lr: tuple[float, ...] = (0.02, 0.05, 0.1, 0.2, 0.5, 1.0)
    batch_size: tuple[int, ...] = (256, 512, 1024)
    weight_decay: tuple[float, ...] = (2e-5, 1e-4, 5e-4)
    share: float = 0.2  # of the remaining weights that a round removes
    rounds: int = 30
    evaluated: tuple[int, ...] = (1, 3, 5, 6, 8, 10, 12, 14, 16, 18, 20, 25, 30)
    first: bool = True  # whether the first convolution is pruned too
    late_epoch: int = 2
    warm_epochs: float = 5.12  # 1000 steps of 512 images
    early_epochs: tuple[int, ...] = (20, 50, 70)
    stable_rounds: tuple[int, ...] = (3, 6)
    removed: tuple[float, ...] = (20.0, 40.0, 60.0, 80.0)  # percent of the channels (structured)

    def __post_init__(self):
        for name in self.experiments:
            choose(name, EXPERIMENTS, "experiment")
        check_counts(self, "seeds")
        check_counts(self, "rounds", most=MOST_ROUNDS)
        check_different(self, "lr", "batch_size", "weight_decay", "evaluated", *NEEDED.get(self.method, ()))
        check_distinct("lr_eval", self.lr_eval)
        if self.method == "unstructured":
            for name in ("evaluated", "stable_rounds"):
                _require_below(name, getattr(self, name), self.rounds, "rounds")
        if "early" in self.experiments:
            _require_below("early_epochs", self.early_epochs, self.base.train.epochs - 1, "epochs before the last")
        if {"late", "stability"} & set(self.experiments):
            _require_below("late_epoch", (self.late_epoch,), self.base.train.epochs - 1, "epochs before the last")

    @property
    def key(self) -> str:
        """How the case is named on a command line, e.g. `resnet50-tinyimagenet`."""
        end = "-structured" if self.method == "structured" else ""
        return f"{self.network}-{self.dataset.lower()}{end}"

    def harsh(self, name: str) -> float:
        """The value of a hyperparameter that the paper finds bad masks with: a large step, a small batch."""
        return HARSH[name](getattr(self, name))

    def gentle(self, name: str) -> float:
        """The value that the paper finds good masks with (Sec. 3.4): the default learning rate, the other ends else."""
        other = {max: min, min: max}[HARSH[name]]
        return self.base.train.lr if name == "lr" else other(getattr(self, name))


def _require_below(name: str, values: tuple[int, ...], limit: int, of: str) -> None:
    if any(not 1 <= value <= limit for value in values):
        raise UserError(f"expected {name} from 1 to {limit}, the number of {of}, got {', '.join(map(str, values))}")


_STEPS = TrainConfig(  # Sec. 2.2 and A.1
    epochs=110,
    batch_size=512,
    lr=0.2,
    weight_decay=1e-4,
    momentum=0.9,
    schedule="step",
    milestones=(70 / 110, 85 / 110, 100 / 110),
    decay_factor=0.2,
)
_BASE = RunSpec(
    data=DataConfig(name="tiny_imagenet", holdout=0.0, augment="box-flip"),
    model=ModelConfig(name="resnet50"),
    train=_STEPS,
)
_PLACES = replace(
    _BASE,
    data=replace(_BASE.data, name="miniplaces"),
    train=replace(_STEPS, epochs=120, milestones=(80 / 120, 110 / 120, 115 / 120)),
)
_SMALLER = replace(
    _BASE,
    model=ModelConfig(name="resnet18"),
    train=replace(_STEPS, milestones=(80 / 110, 100 / 110), decay_factor=0.1),
)
_STRUCTURED = replace(
    _BASE,
    model=ModelConfig(name="resnet18"),
    prune=Pruning(
        channels=surgery.PruneConfig(percentile=20.0, score="slimming", coupled="sum", scope="all"), weights="kept"
    ),
    train=TrainConfig(  # A.1; its learning rates are not stated
        epochs=200,
        batch_size=256,
        lr=0.2,
        weight_decay=5e-5,
        momentum=0.9,
        nesterov=True,
        schedule="cosine",
        warmup=5.0,
        label_smoothing=0.1,
    ),
)
PAPER = {
    case.key: case
    for case in (
        Case(network="resnet50", dataset="TinyImageNet", base=_BASE),
        Case(
            network="resnet50",
            dataset="MiniPlaces",
            base=replace(_PLACES, train=replace(_PLACES.train, lr=0.1)),
            experiments=("lr",),
            lr=(0.02, 0.1, 0.5),
        ),
        Case(
            network="resnet18",
            dataset="TinyImageNet",
            base=_SMALLER,
            experiments=("lr",),
            lr=(0.05, 0.2, 0.8),
            lr_eval=(0.5, 0.8),
            best_lr=0.8,
        ),
        Case(
            network="resnet18",
            dataset="TinyImageNet",
            method="structured",
            base=_STRUCTURED,
            experiments=("structured",),
            batch_size=(128, 256, 512),
            weight_decay=(1e-5, 5e-5, 2.5e-4),
        ),
    )
}


def _without(values: dict, names: tuple[str, ...]) -> dict:
    return {name: value for name, value in values.items() if name not in names}


_LAB = {
    "data": "fashion_mnist",
    "augment": "flip",
    "train_images": 1000,
    "size": 7,
    "model": "resnet8",
    "share": 0.36,  # two of the paper's rounds in one: 10 rounds reach the sparsity of 20
    "rounds": 10,
    "evaluated": (3, 5, 7, 8, 10),
    "lr": (0.03, 0.1, 0.3),
    "best_lr": 0.1,
    "local_lr": (0.03, 0.1, 0.3),
    "dense_lr": (0.003, 0.01, 0.03, 0.1, 0.3, 1.0),
    "batch_size": (32, 64, 128),
    "weight_decay": (2e-3, 1e-2, 5e-2),
    "train.lr": 0.1,
    "train.batch_size": 64,
    "train.weight_decay": 1e-2,
    "epochs": 12,
    "evaluate_every": 12,
    "late_epoch": 1,
    "warm_epochs": 1.0,
    "early_epochs": (2, 5, 8),
    "stable_rounds": (2, 3),
}
_SMOKE = {
    "data": "digits",
    "augment": "none",
    "train_images": 120,
    "eval_images": 100,
    "size": None,
    "model": "resnet8",
    "width": 0.25,
    "seeds": 2,
    "share": 0.7,
    "rounds": 3,
    "evaluated": (1, 2, 3),
    "lr": (0.02, 0.1, 0.4),
    "best_lr": 0.1,
    "local_lr": (0.02, 0.1, 0.4),
    "dense_lr": (0.01, 0.1, 1.0),
    "batch_size": (16, 32),
    "weight_decay": (1e-3, 1e-2),
    "train.lr": 0.1,
    "train.batch_size": 32,
    "train.weight_decay": 1e-3,
    "epochs": 2,
    "evaluate_every": 2,
    "late_epoch": 1,
    "warm_epochs": 1.0,
    "early_epochs": (1,),
    "stable_rounds": (1,),
}
_STRUCTURED_CUTS = {
    "lab": {"train.weight_decay": 5e-3, "weight_decay": (1e-3, 5e-3, 2.5e-2), "warmup": 1.0},
    "smoke": {"removed": (50.0,), "warmup": 1.0},
}
_OF_CHANNELS = (
    "share",
    "rounds",
    "evaluated",
    "dense_lr",
    "late_epoch",
    "warm_epochs",
    "early_epochs",
    "stable_rounds",
)
CUTS = {
    "paper": {name: {} for name in PAPER},
    "gpu": {
        "resnet50-tinyimagenet": {
            "model": "resnet18",
            "epochs": 30,
            "precision": "bfloat16",
            "evaluate_every": 30,
            "share": 0.36,
            "rounds": 10,
            "evaluated": (1, 3, 5, 7, 8, 9, 10),
            "early_epochs": (5, 14, 19),
            "stable_rounds": (2, 3),
            "seeds": 3,
        },
    },
    "lab": {
        "resnet50-tinyimagenet": _LAB,
        "resnet50-miniplaces": _LAB | {"data": "mnist", "augment": "none"},
        "resnet18-tinyimagenet": _LAB | {"model": "resnet14", "lr_eval": ()},
        "resnet18-tinyimagenet-structured": _without(_LAB, _OF_CHANNELS) | _STRUCTURED_CUTS["lab"],
    },
    "smoke": {
        "resnet50-tinyimagenet": _SMOKE,
        "resnet18-tinyimagenet-structured": _without(_SMOKE, _OF_CHANNELS) | _STRUCTURED_CUTS["smoke"],
    },
}
PROTOCOL = Protocol(
    paper=PAPER,
    cuts=CUTS,
    chosen="networks",
    noun="network and data set",
    identity=("network", "dataset", "method"),
    set_here=("prune.scored_after", "prune.seed", "prune.channels.percentile"),
    experiments=EXPERIMENTS,
)
