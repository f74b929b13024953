"""The thesis's protocol, stated once, and every smaller scale as its differences from it."""

from dataclasses import dataclass

from pruneproxy.data import DataConfig
from pruneproxy.errors import UserError, choose
from pruneproxy.limits import MOST, MOST_IMAGES, check_counts, check_different
from pruneproxy.models import ModelConfig
from pruneproxy.recipes.protocol import Protocol
from pruneproxy.recipes.recipe import Case as Base
from pruneproxy.runs import RunSpec
from pruneproxy.space import apply
from pruneproxy.sparse import SparseConfig
from pruneproxy.train import TrainConfig

EXPERIMENTS = {
    "reproduction": "fixed configurations, dense and at every sparsity with SET and RigL (Sec. 5.1)",
    "optimization": "multi-objective search, its first layers trained anew (Sec. 5.2)",
    "evaluation": "the most accurate configurations of the search at other sparsities (Sec. 5.3)",
    "importance": "a Latin hypercube over the space (Sec. 6.1)",
}
SPACES = {
    "text": "update intervals evenly from 1 to a million steps (Table 4.2), of which hardly any ever comes",
    "fixed": "update intervals on a logarithmic scale up to one epoch, so that a run of two epochs has an update",
}


@dataclass(frozen=True, kw_only=True)
class Case(Base):
    """One data set: the space that is searched, and how often everything is repeated.

    `base` is the dense network of the fixed configuration (Table A.1). A seed is one of every training that is measured
    on test data (Fig. 4.3); the searches of a case together make one front.
    """

    dataset: str  # of the thesis
    architecture: str
    seeds: int = 5
    eval_images: int | None = None  # of the search's objective
    test_images: int | None = None
    experiments: tuple[str, ...] = tuple(EXPERIMENTS)
    sparsities: tuple[float, ...] = (
        *(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975, 0.99),
    )  # Sec. 5.1
    # The search (Sec. 4.4.3, 5.2; Tables 4.2 and 5.3)
    space: str = "text"
    samplers: tuple[str, ...] = ("mo-smac",)
    trials: int = 650
    searches: int = 10
    folds: int = 5
    folded: str = "stratified"
    intensify: str = "race"
    most_layers: int = 10
    widest: int = 1000
    most_blocks: int = 4
    longest: int = 200  # epochs
    densest: float = 1.0
    sparsest: float = 0.01  # the least density; a layer has to keep a weight
    front_layers: int = 2
    # The evaluation (Sec. 5.3)
    top: int = 20
    swept: tuple[float, ...] = (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99)  # the eight values are not listed
    # Importance (Sec. 6.1)
    random_spaces: tuple[str, ...] = ("text",)
    random_trials: int = 2000

    def __post_init__(self):
        for name in self.experiments:
            choose(name, EXPERIMENTS, "experiment")
        for name in (self.space, *self.random_spaces):
            choose(name, SPACES, "space")
        check_counts(self, "seeds", "searches", "folds", "front_layers", "top", "most_layers", "most_blocks")
        check_counts(self, "trials", "random_trials", "longest", "widest", most=MOST)
        check_counts(self, "eval_images", "test_images", most=MOST_IMAGES)
        check_different(self, "samplers", "sparsities", "swept", "random_spaces")
        for value in (*self.sparsities, *self.swept):
            if not 0 < value < 1:
                raise UserError(f"sparsities must lie between 0 and 1, got {value!r}: dense networks are there anyway")

    @property
    def key(self) -> str:
        """How the case is named on a command line, e.g. `fashion-mnist`."""
        return self.dataset.lower().replace(" ", "-")

    @property
    def title(self) -> str:
        """What was really trained."""
        model = self.base.model
        if self.architecture == "MLP":
            return "MLP " + "-".join(map(str, model.widths))
        depth = 2 * sum(model.blocks) + 2
        return f"ResNet-{depth}" + ("" if model.width == 1 else f" x {model.width:g}")


_MLP = RunSpec(
    data=DataConfig(holdout=0.0),
    model=ModelConfig(name="mlp", widths=(1000, 1000, 1000), dropout=0.3),
    train=TrainConfig(
        epochs=200, batch_size=128, lr=0.01, schedule="constant", momentum=0.9, weight_decay=2e-4, evaluate_on="test"
    ),
    sparse=SparseConfig(method="dense", interval=420, end=0.8),
)
_RESNET = RunSpec(
    data=DataConfig(holdout=0.0, augment="crop-flip"),
    model=ModelConfig(name="resnet_stages", blocks=(3, 3, 3), shortcut="B"),
    train=TrainConfig(
        epochs=135,
        batch_size=256,
        lr=0.1,
        schedule="cosine",
        momentum=0.9,
        weight_decay=1e-4,
        label_smoothing=0.1,
        evaluate_on="test",
    ),
    sparse=SparseConfig(method="dense", interval=100, end=0.75, allocation="erk"),
)


def _mlp(dataset: str, data: str, **changes) -> Case:
    return Case(dataset=dataset, architecture="MLP", base=apply(_MLP, {"data.name": data} | changes))


def _resnet(dataset: str, data: str) -> Case:
    base = apply(_RESNET, {"data.name": data})
    return Case(dataset=dataset, architecture="ResNet", base=base, trials=550, longest=150)


PAPER = {
    case.key: case
    for case in (
        _mlp("MNIST", "mnist"),
        _mlp("Fashion MNIST", "fashion_mnist"),
        _mlp("Higgs", "higgs", **{"sparse.interval": 2563, "train.batch_size": 4096}),
        _mlp("Elec2", "elec2", **{"sparse.interval": 300}),
        _resnet("CIFAR-10", "cifar10"),
        _resnet("SVHN", "svhn"),
    )
}
_GPU = {"seeds": 3, "searches": 3, "trials": 200, "random_trials": 500, "longest": 50, "epochs": 40, "top": 10}
_LAB = {"eval_images": 1000, "space": "fixed", "folds": 3, "searches": 3, "swept": (0.5, 0.8, 0.9, 0.975), "top": 3} | {
    "random_spaces": ("text", "fixed"),
    "random_trials": 150,
}
_LAB_MLP = (
    _LAB
    | {"train_images": 5000, "widths": (256, 256, 256), "batch_size": 32, "epochs": 10, "longest": 10, "interval": 40}
    | {"sparsities": (0.3, 0.5, 0.6, 0.8, 0.9, 0.95, 0.975, 0.99), "trials": 70, "widest": 256, "most_layers": 6}
)
# Data that so small a network learns from so few images.
_LAB_RESNET = (
    _LAB
    | {"train_images": 2000, "size": 14, "width": 0.5, "blocks": (1, 1, 1), "batch_size": 64, "precision": "bfloat16"}
    | {"epochs": 8, "longest": 8, "interval": 16, "sparsities": (0.3, 0.5, 0.6, 0.8, 0.9, 0.95, 0.99)}
    | {"trials": 40, "most_blocks": 2, "random_trials": 100}
)
_SMOKE = (
    {"data": "digits", "train_images": 300, "eval_images": 100, "test_images": 200, "seeds": 2, "batch_size": 32}
    | {"epochs": 3, "longest": 4, "interval": 5, "sparsities": (0.5, 0.9, 0.99), "space": "fixed", "trials": 8}
    | {"searches": 1, "folds": 2, "widest": 32, "most_layers": 4, "top": 2, "swept": (0.5, 0.9)}
    | {"random_spaces": ("text", "fixed"), "random_trials": 16}
)
CUTS = {
    "paper": {name: {} for name in PAPER},
    "gpu": {name: _GPU for name in PAPER if name not in ("higgs", "svhn")},
    "lab": {
        "mnist": _LAB_MLP | {"size": 14},
        "fashion-mnist": _LAB_MLP | {"size": 14},
        "elec2": _LAB_MLP,
        "cifar-10": _LAB_RESNET | {"data": "fashion_mnist", "augment": "flip"},
        "svhn": _LAB_RESNET | {"data": "mnist", "augment": "none"},
    },
    "smoke": {
        "mnist": _SMOKE
        | {"widths": (32, 32, 32), "batch_size": 16, "epochs": 6, "longest": 8, "lr": 0.05, "trials": 12},
        "cifar-10": _SMOKE
        | {"train_images": 200, "width": 0.25, "blocks": (1, 1, 1), "most_blocks": 2, "trials": 6, "random_trials": 8}
        | {"augment": "none", "interval": 3, "epochs": 2, "longest": 2, "sparsities": (0.5, 0.9)},
    },
}
PROTOCOL = Protocol(
    paper=PAPER,
    cuts=CUTS,
    chosen="datasets",
    noun="data set",
    identity=("dataset", "architecture"),
    set_here=("sparse.method", "sparse.density", "data.fold", "train.evaluate_on", "train.evaluate_every"),
    experiments=EXPERIMENTS,
)
