"""The thesis's protocol, stated once, and every smaller scale as its differences from it."""

from dataclasses import dataclass

from pruneproxy.errors import UserError, choose
from pruneproxy.recipes.recipe import Protocol, experiments_of, keep_experiments

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
IDENTITY = ("dataset", "architecture")  # what a case is, not what its protocol says


@dataclass(frozen=True, kw_only=True)
class Case:
    """One data set: the fixed configuration, the space that is searched, and how often everything is repeated."""

    dataset: str  # of the thesis
    architecture: str
    data: str
    train_images: int | None = None
    eval_images: int | None = None  # of the search's objective
    test_images: int | None = None
    size: int | None = None
    augment: str = "none"
    normalise: str = "train"
    experiments: tuple[str, ...] = tuple(EXPERIMENTS)
    seeds: int = 5  # Fig. 4.3: of every training that is measured on test data
    # The fixed configuration (Table A.1)
    widths: tuple[int, ...] = (1000, 1000, 1000)
    blocks: tuple[int, ...] = (3, 3, 3)
    width: float = 1.0  # factor on the ResNet's channels
    shortcut: str = "B"
    lr: float = 0.01
    schedule: str = "constant"
    momentum: float = 0.9
    weight_decay: float = 2e-4
    batch_size: int = 128
    epochs: int = 200
    dropout: float = 0.3
    label_smoothing: float = 0.0
    interval: int = 420
    end: float = 0.8
    allocation: str = "uniform"
    sparsities: tuple[float, ...] = (
        *(0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975, 0.99),
    )  # Sec. 5.1
    # Sparse training
    semantics: str = "text"
    kept_dense: str = "none"
    drop: float | None = None
    dropout_placed: str = "text"
    dropout_drawn: str = "batch"
    precision: str = "float32"
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
        for name in ("seeds", "trials", "searches", "folds", "front_layers", "top", "random_trials", "longest"):
            if getattr(self, name) < 1:
                raise UserError(f"{name} must be at least 1, got {getattr(self, name)!r}")
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
        if self.architecture == "MLP":
            return "MLP " + "-".join(map(str, self.widths))
        depth = 2 * sum(self.blocks) + 2
        return f"ResNet-{depth}" + ("" if self.width == 1 else f" x {self.width:g}")


_RESNET = {
    "architecture": "ResNet",
    "augment": "crop-flip",
    "lr": 0.1,
    "schedule": "cosine",
    "weight_decay": 1e-4,
    "batch_size": 256,
    "epochs": 135,
    "dropout": 0.0,
    "label_smoothing": 0.1,
    "interval": 100,
    "end": 0.75,
    "allocation": "erk",
    "trials": 550,
    "longest": 150,
}
_MLP = {"architecture": "MLP"}
PAPER = {
    case.key: case
    for case in (
        Case(dataset="MNIST", data="mnist", **_MLP),
        Case(dataset="Fashion MNIST", data="fashion_mnist", **_MLP),
        Case(dataset="Higgs", data="higgs", **_MLP | {"interval": 2563, "batch_size": 4096}),
        Case(dataset="Elec2", data="elec2", **_MLP | {"interval": 300}),
        Case(dataset="CIFAR-10", data="cifar10", **_RESNET),
        Case(dataset="SVHN", data="svhn", **_RESNET),
    )
}
_GPU = {"seeds": 3, "searches": 3, "trials": 200, "random_trials": 500, "longest": 50, "epochs": 40, "top": 10}
_LAB = {
    "train_images": 5000,
    "eval_images": 1000,
    "test_images": 5000,
    "seeds": 3,
    "widths": (256, 256, 256),
    "batch_size": 32,
    "epochs": 15,
    "interval": 40,
    "space": "fixed",
    "trials": 200,
    "searches": 1,
    "folds": 3,
    "widest": 256,
    "most_layers": 6,
    "longest": 15,
    "top": 4,
    "swept": (0.3, 0.5, 0.7, 0.8, 0.9, 0.975),
    "random_spaces": ("text", "fixed"),
    "random_trials": 150,
}
_SMOKE = {
    "data": "digits",
    "train_images": 300,
    "eval_images": 100,
    "test_images": 200,
    "seeds": 2,
    "widths": (32, 32, 32),
    "batch_size": 32,
    "epochs": 3,
    "interval": 5,
    "sparsities": (0.5, 0.9, 0.99),
    "space": "fixed",
    "trials": 8,
    "searches": 1,
    "folds": 2,
    "widest": 32,
    "most_layers": 4,
    "longest": 4,
    "top": 2,
    "swept": (0.5, 0.9),
    "random_spaces": ("text", "fixed"),
    "random_trials": 16,
}
CUTS = {
    "paper": {name: {} for name in PAPER},
    "gpu": {name: _GPU for name in PAPER if name not in ("higgs", "svhn")},
    "lab": {
        "mnist": _LAB | {"size": 14},
        "fashion-mnist": _LAB | {"size": 14},
        "elec2": _LAB,
        "cifar-10": _LAB
        | {
            "train_images": 2000,
            "size": 16,
            "augment": "flip",
            "precision": "bfloat16",
            "width": 0.5,
            "blocks": (1, 1, 1),
            "most_blocks": 2,
            "batch_size": 64,
            "interval": 16,
            "epochs": 8,
            "longest": 8,
            "seeds": 2,
            "sparsities": (0.3, 0.5, 0.7, 0.8, 0.9, 0.95, 0.99),
            "trials": 60,
            "top": 3,
            "swept": (0.5, 0.8, 0.9, 0.95),
            "random_trials": 60,
        },
    },
    "smoke": {
        "mnist": _SMOKE | {"batch_size": 16, "epochs": 6, "longest": 8, "lr": 0.05, "trials": 12},
        "cifar-10": _SMOKE
        | {"train_images": 200, "width": 0.25, "blocks": (1, 1, 1), "most_blocks": 2, "trials": 6, "random_trials": 8}
        | {"augment": "none", "interval": 3, "epochs": 2, "longest": 2, "sparsities": (0.5, 0.9)},
    },
}
SCALES = tuple(CUTS)
PROTOCOL = Protocol(paper=PAPER, cuts=CUTS, chosen="datasets", noun="data set", identity=IDENTITY)


def cases(scale: str, **overrides) -> tuple[Case, ...]:
    """The cases of a scale, with any protocol value replaced; `datasets` keeps only the cases that it names.

    Values may be text, as a command line gives them; None leaves the scale's own. `experiments` keeps those that the
    scale has too.
    """
    wanted = experiments_of(overrides, EXPERIMENTS)
    full = PROTOCOL.cases(scale, overrides | {"experiments": None})
    return tuple(keep_experiments(case, wanted) for case in full.values())


def parameters() -> tuple[str, ...]:
    """The names of all protocol values that may be overridden."""
    return PROTOCOL.parameters


def cut(case: Case) -> dict[str, tuple]:
    """What `case` changes against the thesis: name -> (thesis, here)."""
    return PROTOCOL.cut(case, case.key)
