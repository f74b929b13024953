"""The paper's protocol, stated once, and every smaller scale as its differences from it."""

from dataclasses import dataclass, replace

from pruneproxy import ekg
from pruneproxy.data import DataConfig
from pruneproxy.errors import UserError, choose
from pruneproxy.limits import MOST, check_counts, check_different
from pruneproxy.models import ModelConfig
from pruneproxy.recipes.protocol import Protocol
from pruneproxy.recipes.recipe import Case as Base
from pruneproxy.runs import RunSpec
from pruneproxy.train import TrainConfig

EXPERIMENTS = {
    "published": "the released weights: their accuracy, and the search of the whole network (Algorithm 1)",
    "ablation": "three guides of the search, each fine-tuned with three kinds of knowledge (Table 2)",
    "scores": "four scores of filters, fine-tuned plainly; curvature and surfaces (Table 1, Fig. 4)",
    "curve": "the whole method at several targets (Tables 3 to 6, Figs. 5 and 6)",
    "parts": "no knowledge, and knowledge in the search alone, at the same targets (Fig. 5)",
    "random": "random sub-networks: what foretells their loss after fine-tuning (Fig. 2)",
    "retune": "learning rate x weight decay of the unpruned network and of what was found (not in the paper)",
}
SMALL_IMAGES = ("ablation", "scores", "curve", "parts", "random", "retune")


@dataclass(frozen=True, kw_only=True)
class Case(Base):
    """One network on one data set: how it is searched, and how what was found is fine-tuned.

    `base` is the training of the unpruned network, or where its weights were published what they fit. A seed is one
    unpruned network with all that is found in it.
    """

    network: str  # the paper's network and data set that this case answers for
    dataset: str
    experiments: tuple[str, ...] = SMALL_IMAGES
    target: float = 0.5  # of the multiplications, left
    targets: tuple[float, ...] = (0.75, 0.7, 0.65, 0.6, 0.55, 0.5, 0.45, 0.4, 0.35, 0.3)  # Table 5
    ratio: float = 0.2  # of a group's channels that are a candidate (A.2.1)
    per_call: bool = False
    filtered: str = "none"
    rescaled: bool = False
    tuned_on: int = 256  # images of every class
    judged_on: int = 32
    tuning_lr: float = 1e-3
    tuning_augmented: bool = False
    finetune_epochs: int = 100
    finetune_batch_size: int = 128
    finetune_lr: float = 1e-2
    finetune_weight_decay: float = 5e-4
    finetune_milestones: tuple[float, ...] = (0.3, 0.6, 0.8)
    finetune_decay_factor: float = 0.2
    finetune_augment: str = "crop-flip-colour"
    views: int = 2  # of plain fine-tuning; with knowledge there are always two
    teachers: int = 5
    reading: str = "text"
    rule: str = "loss"
    temperature: float = 4.0
    drawn: int = 50  # random sub-networks (Fig. 2)
    l1_every: int = 5  # one in so many ranks filters by their norm, the others at random (A.3: "several")
    walk_points: int = 21  # along the gradient (A.3)
    side: int = 21  # of the surfaces (Fig. 4)
    lr_log10: tuple[float, ...] = (-2.5, 0.0)  # first and last of the landscapes
    lr_points: int = 6
    weight_decay_log10: tuple[float, ...] = (-4.0, -1.75)
    weight_decay_points: int = 4

    def __post_init__(self):
        for name in self.experiments:
            choose(name, EXPERIMENTS, "experiment")
        choose(self.filtered, ekg.FILTERS, "filter of candidates")
        check_different(self, "targets")
        check_counts(self, "teachers", "drawn", "l1_every", "walk_points", "side", "lr_points", "weight_decay_points")
        check_counts(self, "seeds")
        check_counts(self, "tuned_on", "judged_on", "finetune_epochs", most=MOST)
        for name in ("lr_log10", "weight_decay_log10"):
            ends = getattr(self, name)
            if len(ends) != 2 or not -12 <= ends[0] <= ends[1] <= 12:
                raise UserError(f"{name} must be the decimal exponents of the ends of a grid, low,high, got {ends!r}")

    @property
    def key(self) -> str:
        """How the case is named on a command line, e.g. `resnet56-cifar10`."""
        return f"{self.network}-{self.dataset.lower()}" + ("-published" if self.base.start else "")

    @property
    def finetuning(self) -> TrainConfig:
        """The training of what was found."""
        return replace(
            self.base.train,
            epochs=self.finetune_epochs,
            batch_size=self.finetune_batch_size,
            lr=self.finetune_lr,
            weight_decay=self.finetune_weight_decay,
            schedule="step",
            milestones=self.finetune_milestones,
            decay_factor=self.finetune_decay_factor,
            warmup=0.0,
            evaluate_every=min(self.base.train.evaluate_every, max(1, self.finetune_epochs)),
        )


_CIFAR = RunSpec(
    data=DataConfig(name="cifar10", holdout=0.0, augment="crop-flip"),
    model=ModelConfig(name="resnet56", shortcut="B", zero_last_scale=True),
    train=TrainConfig(  # A.2.1
        epochs=200,
        batch_size=128,
        lr=0.1,
        weight_decay=5e-4,
        momentum=0.9,
        nesterov=True,
        schedule="step",
        milestones=(0.3, 0.6, 0.8),
        decay_factor=0.2,
    ),
)
_CIFAR100 = replace(_CIFAR, data=replace(_CIFAR.data, name="cifar100"))
_RELEASED = replace(
    _CIFAR,
    data=replace(_CIFAR.data, normalise="train-reversed"),
    model=ModelConfig(name="resnet56", shortcut="B", padding="end"),
    train=replace(_CIFAR.train, epochs=0),
    start="ekg-resnet56",
)


def _mobile(base: RunSpec) -> RunSpec:
    return replace(base, model=ModelConfig(name="mobilenet_v2"), train=replace(base.train, weight_decay=4e-5))


def _imagenet(name: str) -> RunSpec:
    return RunSpec(
        data=DataConfig(name="imagenet", size=256, holdout=0.0, augment="window-flip"),
        model=ModelConfig(name=name),
        train=TrainConfig(  # A.2.2 gives those of fine-tuning; the weights were another library's
            epochs=100,
            batch_size=256,
            lr=0.1,
            weight_decay=1e-4,
            momentum=0.9,
            nesterov=True,
            schedule="step",
            milestones=(0.3, 0.6, 0.9),
            decay_factor=0.1,
        ),
    )


_ON_IMAGENET = {
    "dataset": "ImageNet",
    "experiments": ("curve",),
    "finetune_batch_size": 256,
    "finetune_lr": 0.1,
    "finetune_weight_decay": 1e-4,
    "finetune_milestones": (0.3, 0.6, 0.9),
    "finetune_decay_factor": 0.1,
    "finetune_augment": "window-flip",
}
PAPER = {
    case.key: case
    for case in (
        Case(network="resnet56", dataset="CIFAR10", base=_CIFAR),
        Case(
            network="resnet56",
            dataset="CIFAR100",
            base=_CIFAR100,
            experiments=("ablation", "scores"),
            temperature=10.0,
        ),
        Case(network="mobilenet_v2", dataset="CIFAR10", base=_mobile(_CIFAR), experiments=("ablation",)),
        Case(
            network="mobilenet_v2",
            dataset="CIFAR100",
            base=_mobile(_CIFAR100),
            experiments=("ablation",),
            temperature=10.0,
        ),
        Case(network="resnet56", dataset="CIFAR10", base=_RELEASED, experiments=("published", "curve"), targets=(0.5,)),
        Case(network="resnet18", base=_imagenet("resnet18"), ratio=0.1, targets=(0.499,), **_ON_IMAGENET),
        Case(network="resnet34", base=_imagenet("resnet34"), targets=(0.549,), **_ON_IMAGENET),
        Case(network="resnet50", base=_imagenet("resnet50"), targets=(0.55, 0.45), **_ON_IMAGENET),
    )
}

_LAB = {
    "tuning_augmented": True,
    "data": "fashion_mnist",
    "augment": "flip",
    "train_images": 1000,
    "size": 7,
    "model": "resnet14",
    "epochs": 16,
    "batch_size": 64,
    "evaluate_every": 16,
    "seeds": 10,
    "tuned_on": 50,
    "judged_on": 16,
    "finetune_epochs": 8,
    "finetune_batch_size": 64,
    "finetune_augment": "flip",
}
_LAB_CURVES = {"targets": (0.7, 0.6, 0.5, 0.4, 0.3), "drawn": 25, "walk_points": 3, "side": 11} | {
    "lr_log10": (-2.5, 0.0),
    "lr_points": 6,
    "weight_decay_log10": (-4.0, -2.0),
    "weight_decay_points": 3,
}
_GPU = {
    "epochs": 40,
    "precision": "bfloat16",
    "evaluate_every": 40,
    "seeds": 3,
    "finetune_epochs": 20,
    "targets": (0.7, 0.6, 0.5, 0.4, 0.3),
    "walk_points": 5,
    "side": 11,
    "lr_points": 4,
    "weight_decay_points": 3,
}
_SMOKE = {
    "data": "digits",
    "augment": "none",
    "train_images": 300,
    "eval_images": 200,
    "model": "resnet8",
    "width": 0.5,
    "epochs": 6,
    "batch_size": 32,
    "evaluate_every": 6,
    "seeds": 2,
    "tuned_on": 10,
    "judged_on": 4,
    "finetune_epochs": 2,
    "finetune_batch_size": 32,
    "finetune_lr": 0.05,
    "finetune_augment": "none",
    "teachers": 3,
    "targets": (0.7, 0.5),
    "drawn": 4,
    "l1_every": 2,
    "walk_points": 3,
    "side": 5,
    "lr_log10": (-2.0, -1.0),
    "lr_points": 3,
    "weight_decay_log10": (-4.0, -2.0),
    "weight_decay_points": 2,
}
CUTS = {
    "paper": {name: {} for name in PAPER},
    "gpu": {"resnet56-cifar10": _GPU, "resnet56-cifar10-published": {"finetune_epochs": 20, "evaluate_every": 20}},
    "lab": {
        "resnet56-cifar10": _LAB | _LAB_CURVES,
        "resnet56-cifar100": _LAB
        | {"data": "cifar10", "train_images": 2000, "size": 8, "walk_points": 3, "side": 11, "seeds": 5},
        "resnet56-cifar10-published": {"experiments": ("published",), "tuning_augmented": True},
    },
    "smoke": {"resnet56-cifar10": _SMOKE},
}
PROTOCOL = Protocol(
    paper=PAPER,
    cuts=CUTS,
    chosen="networks",
    noun="network and data set",
    identity=("network", "dataset"),
    set_here=("start",),
    experiments=EXPERIMENTS,
)
