"""The same quantities as `Quantities`, from the numbers that the paper prints."""

import zlib

import numpy as np

from pruneproxy import published
from pruneproxy.evidence.effects import Cell, Effect, exact
from pruneproxy.recipes.proxy_hpo.quantities import FIVE, ITSELF, OWN, Quantities

PART = "proxy_hpo"
SEEDS = 5  # Sec. 5.2 and 5.3; Table 4 gives no number, its baseline is a cell of Table 3
REPLICATES = 4000
TABLE_3, ARMS = ["neural_network", "dataset", "hyperparameter_optimizer"], ("with_pruning", "typical_hpo")
NETWORKS = {"ResNet56": "resnet56", "VGG16-BN": "vgg16_bn", "MobileNetV2": "mobilenet_v2"}
OPTIMIZERS = {"TPE": "tpe", "BO": "gp", "CMA-ES": "cma-es"}


class Printed(Quantities):
    """What Tables 1, 3, 4, 5 and Sec. 5.3 say; a quantity that is not printed is an empty list.

    A printed mean with a deviation gives replicates mean + deviation / sqrt(5) * t with t of Student's distribution
    with 4 degrees of freedom, drawn with a fixed seed and independently for each mean: the sampling distribution that
    normal seeds would have. The two sides of a difference are taken as independent, for the paper does not say that
    seeds are shared. Numbers without a deviation (Tables 1 and 5, times) have no replicates.
    """

    def __init__(self):
        super().__init__(frames=None)

    def cells(self, experiment: str = "main") -> list[Cell]:
        if experiment == "five":
            return [_cell(_gap("five hyperparameters", *_five()[::-1]), "resnet56", "CIFAR100", optimizer="tpe")]
        found = []
        for row in published.read(PART, "table-3").to_dict("records"):
            network, dataset, optimizer = (row[name] for name in TABLE_3)
            gap = _gap(f"{network}, {dataset}, {optimizer}", *(_side(row, f"{arm}_val_accuracy") for arm in ARMS))
            found.append(_cell(gap, NETWORKS[network], dataset, optimizer=OPTIMIZERS[optimizer]))
        return found

    def sources(self, experiment: str) -> list[Cell]:
        return {"feasibility": _methods, "family": _family, "cross": _cross}[experiment]()

    def searches(self) -> list[Cell]:
        row = published.read(PART, "table-3").set_index(TABLE_3).loc[("ResNet56", "CIFAR100", "TPE")]
        three = [_side(row, f"{arm}_val_accuracy") for arm in ARMS[::-1]]
        return [
            _cell(_gap(f"five - three, on {source}", more, fewer), "resnet56", "CIFAR100", source=source)
            for source, more, fewer in zip((ITSELF, OWN), _five(), three, strict=True)
        ]

    def time_reductions(self) -> list[Cell]:
        rows = published.read(PART, "table-3").drop_duplicates(TABLE_3[:2])
        return [
            _cell(exact(f"{network}, {dataset}", time), NETWORKS[network], dataset)
            for network, dataset, time in rows[[*TABLE_3[:2], "time_reduction_pct"]].itertuples(index=False)
        ]

    def _not_printed(self) -> list[Cell]:
        return []

    parameter_gaps = depths = loss_shares = loss_overlaps = importance_correlations = _not_printed

    def selected_distances(self) -> dict[str, list[Effect]]:
        return {name: [] for name in FIVE}


REMARKS = {  # what can be said of the claims whose quantity is not printed
    "PH-05": "not checkable: shares of channels and numbers of parameters are not printed",
    "PH-07": "not checkable: curves only",
    "PH-14": "not checkable: box plots only",
    "PH-15": "not checkable: neither importance nor spread is printed",
}


def _methods() -> list[Cell]:
    """Table 1: the row of the single-shot copy minus the row of the other method above it."""
    rows = published.read(PART, "table-1").to_dict("records")
    return [
        _cell(
            exact(
                f"own copy - {other['pruning_method']}, {other['model']}, {other['dataset']}",
                own["with_pruning_accuracy_pct"] - other["with_pruning_accuracy_pct"],
            ),
            other["model"],
            other["dataset"],
            source=other["pruning_method"],
        )
        for other, own in zip(rows[::2], rows[1::2], strict=True)
    ]


def _family() -> list[Cell]:
    baseline, *rows = published.read(PART, "table-4").to_dict("records")
    return [
        _cell(
            _gap(f"own copy - {row['source_network']}", _side(baseline, "val_accuracy"), _side(row, "val_accuracy")),
            "resnet56",
            row["dataset"],
            source=row["source_network"],
        )
        for row in rows
    ]


def _cross() -> list[Cell]:
    """Table 5 with the misprinted baseline replaced by that of Table 3, as its own gaps require."""
    table = published.read(PART, "table-5")
    own = table[table["source_network"].str.endswith("with pruning")]
    baseline = own.set_index(["target_network", "dataset"])["val_accuracy_corrected_pct"]
    return [
        _cell(
            exact(
                f"{row['target_network']} from {row['source_network']}, {row['dataset']}",
                baseline[row["target_network"], row["dataset"]] - row["val_accuracy_pct"],
            ),
            NETWORKS[row["target_network"]],
            row["dataset"],
            source=NETWORKS[row["source_network"]],
        )
        for row in table.drop(own.index).to_dict("records")
    ]


def _five() -> tuple[tuple[float, float], tuple[float, float]]:
    """(mean, deviation) of the search on the network and of that on the copy."""
    rows = published.read(PART, "text-5.3").to_dict("records")
    return tuple(_side(row, "val_accuracy") for row in rows)


def _side(row, name) -> tuple[float, float]:
    return row[f"{name}_mean_pct"], row[f"{name}_std_pct"]


def _gap(label: str, a: tuple[float, float], b: tuple[float, float]) -> Effect:
    left, right = (_draws(label, place, *side) for place, side in enumerate((a, b)))
    return Effect(label=label, value=round(float(a[0] - b[0]), 6), samples=left - right)


def _draws(label: str, place: int, mean: float, sd: float) -> np.ndarray:
    generator = np.random.default_rng([zlib.crc32(label.encode()), place])
    return mean + sd / np.sqrt(SEEDS) * generator.standard_t(SEEDS - 1, size=REPLICATES)


def _cell(effect: Effect, network: str, dataset: str, **more) -> Cell:
    return Cell(effect=effect, network=network, dataset=dataset, **more)
