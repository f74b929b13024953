"""The paper's protocol, stated once, and every smaller scale as its differences from it."""

from dataclasses import dataclass, replace

from pruneproxy.errors import UserError, choose
from pruneproxy.recipes.recipe import Protocol, experiments_of, keep_experiments

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
RESIDUAL = {
    "all": "every stream is scored and pruned like any other group, its layers' scores averaged",
    "inner": "streams stay whole, only channels inside blocks go (as in paper 001)",
    "stem": "every stream keeps the stem's surviving channels (the released code)",
}
METHODS = ("neuron-merging", "network-slimming", "3sp")
PARTNERS = ("network", "dataset", "others")  # what a case is, not what its protocol says


@dataclass(frozen=True, kw_only=True)
class Case:
    """One network on one data set: what is searched, on which copies, and how often."""

    network: str  # the paper's network and data set that this case answers for
    dataset: str
    model: str
    data: str
    width: float = 1.0
    strides: str = "default"
    shortcut: str = "default"
    train_images: int | None = None
    eval_images: int | None = None  # of a search's objective
    test_images: int | None = None
    size: int | None = None
    augment: str = "crop-flip"
    holdout: float = 0.1
    experiments: tuple[str, ...] = tuple(EXPERIMENTS)
    optimizers: tuple[str, ...] = ("tpe", "gp", "cma-es")
    search_pruner: str = "hyperband"
    trials: int = 50  # Table 2
    trials_five: int = 100
    seeds: int = 5  # searches of each kind
    trainings: int = 1  # of the full network with each search's best settings
    searched_on: str = "validation"
    best_of: str = "last"
    lr: tuple[float, ...] = (1e-5, 2e-1)  # Table 2
    batch_size: tuple[int, ...] = (32, 1024)
    weight_decay: tuple[float, ...] = (1e-5, 2e-2)
    decay_factor: tuple[float, ...] = (0.1, 1.0)
    momentum: tuple[float, ...] = (0.1, 0.99)
    spacing: str = "log"  # of the searched ranges, where a range is of decades
    epochs: int = 160
    milestones: tuple[float, ...] = (0.5, 0.75)
    nesterov: bool = False
    precision: str = "float32"
    evaluate_every: int = 1
    percentile: float = 85.0  # rho, Sec. 5.1
    sigma: float = 0.15
    residual: str = "all"
    sign: str = "absolute"
    fan_in: str = "mean"
    picked: str = "rank"
    threshold_over: str = "groups"
    sigma_rounding: str = "up"
    score_batch: int = 512
    methods: tuple[str, ...] = METHODS
    family: tuple[str, ...] = ()
    prior_lr: float = 0.1  # of networks that are trained before they are pruned, and of Fig. 2
    prior_weight_decay: float = 5e-4
    prior_batch_size: int = 128
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
        choose(self.residual, RESIDUAL, "residual policy")
        choose(self.spacing, {"log": None, "linear": None}, "spacing of the searched ranges")
        for name in ("lr", "batch_size", "weight_decay", "decay_factor", "momentum"):
            ends = getattr(self, name)
            if len(ends) != 2 or not 0 < ends[0] <= ends[1]:
                raise UserError(
                    f"{name} must be the two ends of a range above 0, low,high with low <= high, got {ends!r}"
                )
        for name in ("trials", "trials_five", "seeds", "trainings", "configs", "proxy_seeds", "target_seeds"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1, got {getattr(self, name)!r}")
        if not 0 < self.shorter <= 1:
            raise UserError(f"shorter must be a share in (0, 1], got {self.shorter!r}")

    @property
    def key(self) -> str:
        """How the case is named on a command line, e.g. `resnet56-cifar10`."""
        return f"{self.network}-{self.dataset.lower()}"

    @property
    def title(self) -> str:
        """What was really trained."""
        known = {"mobilenet_v2": "MobileNetV2", "vgg16_bn": "VGG16-BN"}
        name = known.get(self.model) or self.model.replace("resnet", "ResNet-")
        return name if self.width == 1 else f"{name} x {self.width:g}"


_NETWORKS = {
    "resnet56": {
        "model": "resnet56",
        "shortcut": "B-plain",
        "family": ("resnet8", "resnet14", "resnet32"),
        "shallower": "resnet14",
    },
    "vgg16_bn": {"model": "vgg16_bn", "shallower": ""},
    "mobilenet_v2": {"model": "mobilenet_v2", "strides": "hpo-code"},
}
_DATASETS = {
    "CIFAR10": {"data": "cifar10"},
    "CIFAR100": {"data": "cifar100"},
    "TinyImageNet": {"data": "tiny_imagenet", "augment": "rotate-crop-flip"},
}
# Half the side of the images; five poolings leave VGG16-BN nothing of 16 pixels.
_HALVED = {
    (network, dataset): 32 if dataset == "TinyImageNet" else None if network == "vgg16_bn" else 16
    for dataset in _DATASETS
    for network in _NETWORKS
}
PAPER = {
    f"{network}-{dataset.lower()}": Case(
        network=network, dataset=dataset, smaller=_HALVED[network, dataset], **(model | images)
    )
    for dataset, images in _DATASETS.items()
    for network, model in _NETWORKS.items()
}

_LAB = {
    "data": "fashion_mnist",
    "augment": "flip",
    "train_images": 1000,
    "eval_images": 1000,
    "test_images": 5000,
    "batch_size": (16, 256),
    "optimizers": ("tpe",),
    "trials": 20,
    "seeds": 3,
    "trainings": 2,
    "epochs": 12,
    "evaluate_every": 3,
    "score_batch": 256,
    "prior_batch_size": 64,
    "timed_batches": (64, 256),
}
_SMOKE = {
    "data": "digits",
    "augment": "none",
    "train_images": 200,
    "eval_images": 100,
    "test_images": 100,
    "batch_size": (16, 64),
    "optimizers": ("tpe",),
    "trials": 3,
    "seeds": 2,
    "epochs": 2,
    "score_batch": 32,
    "prior_batch_size": 32,
    "timed_batches": (32,),
    "repeats": 3,
}
CUTS = {
    "paper": {name: {} for name in PAPER},
    "gpu": {
        name: {"epochs": 30, "trials": 25, "trials_five": 50, "seeds": 3, "precision": "bfloat16", "evaluate_every": 2}
        for name in PAPER
        if name.endswith("cifar10")
    },
    "lab": {
        "resnet56-cifar10": _LAB
        | {
            "model": "resnet14",
            "size": 14,
            "precision": "bfloat16",
            "optimizers": ("tpe", "gp", "cma-es"),
            "methods": METHODS,
            "family": ("resnet8",),
            "shallower": "resnet8",
            "smaller": 8,
            "trials_five": 30,
            "configs": 20,
        },
        "vgg16_bn-cifar10": _LAB
        | {
            "width": 0.125,
            "size": 32,
            "precision": "bfloat16",
            "experiments": ("main", "timing", "cross"),
        },
        "mobilenet_v2-cifar10": _LAB | {"width": 0.25, "size": 8, "experiments": ("main", "timing", "cross")},
    },
    "smoke": {
        "resnet56-cifar10": _SMOKE
        | {
            "model": "resnet8",
            "width": 0.5,
            "optimizers": ("tpe", "gp", "cma-es"),
            "trials_five": 4,
            "family": ("resnet8",),
            "shallower": "resnet8",
            "smaller": 4,
            "configs": 4,
            "proxy_seeds": 1,
            "target_seeds": 2,
        },
        "mobilenet_v2-cifar10": _SMOKE | {"width": 0.1, "experiments": ("main", "timing", "cross")},
    },
}
SCALES = tuple(CUTS)
PROTOCOL = Protocol(paper=PAPER, cuts=CUTS, chosen="networks", noun="network and data set", identity=PARTNERS)


def cases(scale: str, **overrides) -> tuple[Case, ...]:
    """The cases of a scale, with any protocol value replaced; `networks` keeps only the cases that it names.

    Values may be text, as a command line gives them; None leaves the scale's own. `experiments` keeps those that the
    scale has too.
    """
    wanted = experiments_of(overrides, EXPERIMENTS)
    full = PROTOCOL.cases(scale, overrides | {"experiments": None})
    kept = {name: keep_experiments(case, wanted) for name, case in full.items()}
    return tuple(replace(case, others=_partners(case, kept)) for case in kept.values())


def _partners(case: Case, every: dict[str, Case]) -> tuple[Case, ...]:
    """The other networks on the same data set."""
    return tuple(other for other in every.values() if other.dataset == case.dataset and other.network != case.network)


def parameters() -> tuple[str, ...]:
    """The names of all protocol values that may be overridden."""
    return PROTOCOL.parameters


def cut(case: Case) -> dict[str, tuple]:
    """What `case` changes against the paper: name -> (paper, here)."""
    return PROTOCOL.cut(case, case.key)
