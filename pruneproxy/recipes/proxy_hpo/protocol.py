"""The paper's protocol, stated once, and every smaller scale as its differences from it."""

from dataclasses import dataclass, replace

from pruneproxy import surgery
from pruneproxy.data import DataConfig
from pruneproxy.errors import UserError, choose
from pruneproxy.limits import MOST, MOST_IMAGES, check_counts, check_different, check_distinct
from pruneproxy.models import ModelConfig
from pruneproxy.recipes.protocol import Protocol
from pruneproxy.recipes.recipe import Case as Base
from pruneproxy.runs import Pruning, RunSpec
from pruneproxy.train import TrainConfig

EXPERIMENTS = {
    "main": "search on the network itself and on its pruned copy, with every optimizer (Table 3)",
    "feasibility": "search on copies pruned by other methods (Table 1)",
    "timing": "forward and backward time of the network and of its pruned copy (Table 3, last column)",
    "curves": "training loss of both at one setting (Fig. 2)",
    "family": "search on shallower networks of the same family (Table 4)",
    "cross": "settings found on the pruned copies of the other networks (Table 5)",
    "five": "five hyperparameters and more trials (Sec. 5.3, Fig. 3)",
    "configs": "the same settings on the network and on proxies of many kinds (not in the paper)",
}
METHODS = ("neuron-merging", "network-slimming", "3sp")


@dataclass(frozen=True, kw_only=True)
class Case(Base):
    """One network on one data set: what is searched, on which copies, and how often.

    `base` is the copy pruned at initialisation, trained with the settings of Fig. 2, which are those of networks that
    are trained before they are pruned too. A seed is one search of each kind with the trainings that follow from it.
    """

    network: str  # the paper's network and data set that this case answers for
    dataset: str
    seeds: int = 5
    test_images: int | None = None
    experiments: tuple[str, ...] = tuple(EXPERIMENTS)
    optimizers: tuple[str, ...] = ("tpe", "gp", "cma-es")
    search_pruner: str = "hyperband"
    trials: int = 50  # Table 2
    trials_five: int = 100
    trainings: int = 1  # of the full network with each search's best settings
    best_of: str = "last"
    lr: tuple[float, ...] = (1e-5, 2e-1)  # Table 2
    batch_size: tuple[int, ...] = (32, 1024)
    weight_decay: tuple[float, ...] = (1e-5, 2e-2)
    decay_factor: tuple[float, ...] = (0.1, 1.0)
    momentum: tuple[float, ...] = (0.1, 0.99)
    spacing: str = "log"  # of the searched ranges, where a range is of decades
    methods: tuple[str, ...] = METHODS
    family: tuple[str, ...] = ()
    slimming: float = 1e-4
    timed_batches: tuple[int, ...] = (32, 128, 512)
    repeats: int = 20
    configs: int = 50  # settings shared by all proxies
    proxy_seeds: int = 2
    target_seeds: int = 3
    uniform_width: float = 0.5
    shorter: float = 0.25  # share of the epochs, and of the images, of the cheaper proxies
    shallower: str = ""
    smaller: int | None = None  # side of the cheaper proxy's images
    others: tuple["Case", ...] = ()

    def __post_init__(self):
        for name in self.experiments:
            choose(name, EXPERIMENTS, "experiment")
        choose(self.spacing, {"log": None, "linear": None}, "spacing of the searched ranges")
        for name in ("lr", "batch_size", "weight_decay", "decay_factor", "momentum"):
            ends = getattr(self, name)
            if len(ends) != 2 or not 0 < ends[0] <= ends[1]:
                raise UserError(
                    f"{name} must be the two ends of a range above 0, low,high with low <= high, got {ends!r}"
                )
        check_counts(self, "seeds", "trainings", "configs", "proxy_seeds", "target_seeds", "repeats", "smaller")
        check_counts(self, "trials", "trials_five", most=MOST)
        check_counts(self, "test_images", most=MOST_IMAGES)
        check_different(self, "optimizers", "methods", "timed_batches")
        check_distinct("family", self.family)
        if not 0 < self.shorter <= 1:
            raise UserError(f"shorter must be a share in (0, 1], got {self.shorter!r}")

    @property
    def key(self) -> str:
        """How the case is named on a command line, e.g. `resnet56-cifar10`."""
        return f"{self.network}-{self.dataset.lower()}"


_BASE = RunSpec(
    data=DataConfig(name="cifar10", augment="crop-flip"),
    prune=Pruning(  # Sec. 4 and 5.1
        channels=surgery.PruneConfig(
            percentile=85.0, sigma=0.15, score="synflow", fan_in="mean", coupled="mean", scope="all"
        ),
        weights="kept",
    ),
    train=TrainConfig(
        epochs=160,
        batch_size=128,
        lr=0.1,
        weight_decay=5e-4,
        momentum=0.9,
        nesterov=False,
        milestones=(0.5, 0.75),
        evaluate_on="validation",
    ),
)
_NETWORKS = {
    "resnet56": ModelConfig(name="resnet56", shortcut="B-plain"),
    "vgg16_bn": ModelConfig(name="vgg16_bn"),
    "mobilenet_v2": ModelConfig(name="mobilenet_v2", strides="hpo-code"),
}
_FAMILY = {"family": ("resnet8", "resnet14", "resnet32"), "shallower": "resnet14"}
_DATASETS = {
    "CIFAR10": _BASE.data,
    "CIFAR100": replace(_BASE.data, name="cifar100"),
    "TinyImageNet": replace(_BASE.data, name="tiny_imagenet", augment="rotate-crop-flip"),
}
# Half the side of the images; five poolings leave VGG16-BN nothing of 16 pixels.
_HALVED = {
    (network, dataset): 32 if dataset == "TinyImageNet" else None if network == "vgg16_bn" else 16
    for dataset in _DATASETS
    for network in _NETWORKS
}
PAPER = {
    case.key: case
    for case in (
        Case(
            network=network,
            dataset=dataset,
            base=replace(_BASE, data=images, model=model),
            smaller=_HALVED[network, dataset],
            **(_FAMILY if network == "resnet56" else {}),
        )
        for dataset, images in _DATASETS.items()
        for network, model in _NETWORKS.items()
    )
}

_LAB = (
    {"train_images": 1000, "eval_images": 1000, "batch_size": (16, 256), "train.batch_size": 64}
    | {"epochs": 9, "trials": 20, "trainings": 2, "optimizers": ("tpe",)}  # rungs of Hyperband at 1, 3 and 9
    | {"experiments": ("main", "timing", "cross"), "prune.channels.batch": 256, "timed_batches": (64, 256)}
)
_LAB_NETWORKS = {
    "resnet56": {"model": "resnet14", "size": 10},
    "vgg16_bn": {"width": 0.125, "size": 32, "precision": "bfloat16"},
    "mobilenet_v2": {"width": 0.25, "size": 8},
}
_LAB_DATASETS = {  # the second is another data set, not one of more classes: so few images teach no hundred classes
    "cifar10": {"data": "fashion_mnist", "augment": "flip"},
    "cifar100": {"data": "mnist", "augment": "none"},
}
_LAB_WHOLE = {
    "experiments": tuple(EXPERIMENTS),
    "optimizers": ("tpe", "gp", "cma-es"),
    "trials_five": 30,
    "configs": 20,
} | {"family": ("resnet8",), "shallower": "resnet8", "smaller": 6}
_SMOKE = (
    {"data": "digits", "augment": "none", "train_images": 200, "eval_images": 100, "test_images": 100}
    | {"batch_size": (16, 64), "train.batch_size": 32, "epochs": 2, "trials": 3, "seeds": 2, "optimizers": ("tpe",)}
    | {"prune.channels.batch": 32, "timed_batches": (32,), "repeats": 3}
)
_SMOKE_WHOLE = (
    {"model": "resnet8", "width": 0.5, "optimizers": ("tpe", "gp", "cma-es"), "trials_five": 4}
    | {"family": ("resnet8",), "shallower": "resnet8", "smaller": 4}
    | {"configs": 4, "proxy_seeds": 1, "target_seeds": 2}
)
_GPU = {"epochs": 30, "trials": 25, "trials_five": 50, "seeds": 3, "precision": "bfloat16", "evaluate_every": 2}
CUTS = {
    "paper": {name: {} for name in PAPER},
    "gpu": {name: _GPU for name in PAPER if name.endswith("cifar10")},
    "lab": {
        f"{network}-{dataset}": _LAB | images | small
        for dataset, images in _LAB_DATASETS.items()
        for network, small in _LAB_NETWORKS.items()
    },
    "smoke": {
        "resnet56-cifar10": _SMOKE | _SMOKE_WHOLE,
        "mobilenet_v2-cifar10": _SMOKE | {"width": 0.1, "experiments": ("main", "timing", "cross")},
    },
}
CUTS["lab"]["resnet56-cifar10"] |= _LAB_WHOLE  # this case has every experiment
PROTOCOL = Protocol(
    paper=PAPER,
    cuts=CUTS,
    chosen="networks",
    noun="network and data set",
    identity=("network", "dataset", "others"),
    experiments=EXPERIMENTS,
)


def linked(cases: tuple[Case, ...]) -> tuple[Case, ...]:
    """The cases with those of the other networks on the same data set."""
    return tuple(
        replace(case, others=tuple(one for one in cases if one.dataset == case.dataset and one.network != case.network))
        for case in cases
    )
