"""The same quantities from the numbers that the paper prints: its tables as frames of one seed, effects exact."""

import numpy as np
import pandas as pd

from pruneproxy.evidence.effects import Effect, exact
from pruneproxy.published import read
from pruneproxy.recipes.ekg.frames import COLUMNS, Frames
from pruneproxy.recipes.ekg.quantities import WORDS, Quantities

REMARKS = {
    "EK-01": "its correlations are in Fig. 2 only",
    "EK-08": "said to be 29 and 71 percent more; Table 2 gives 36 and 76, or 22 and 75",
    "EK-15": "its surfaces are images only; the condition numbers of Table 1 have the claimed order",
}
NETWORKS = {"ResNet-56": "resnet56", "MobileNet-v2": "mobilenet_v2"}


class Printed(Quantities):
    """What Tables 1 to 5 say; nothing of what is drawn only."""

    def __init__(self):
        super().__init__(frames=_frames())

    def effect(self, label: str, values) -> Effect:
        """A printed number comes without an interval."""
        return exact(label, float(np.mean(values)))

    def _ranked(self, label: str, one: pd.DataFrame, other: pd.DataFrame) -> Effect:
        return exact(label, one.iloc[0].rank().corr(other.iloc[0].rank()))

    def better_start_over_others(self) -> list[Effect]:
        """EKG from BYOL's weights minus the better one of CafeNet and BCNet."""
        rows = read("ekg", "table-4").query("network == 'ResNet-50'").set_index("method")["top1_accuracy_pct"]
        return [exact("ResNet-50", rows["EKG-BYOL"] - max(rows["CafeNet"], rows["BCNet"]))]


def _frames() -> Frames:
    ablation, scores, curve, imagenet = _ablation(), _scores(), _curve(), _imagenet()
    rows = {
        "trainings": [*ablation, *scores, *curve, *imagenet],
        "searches": [
            *(row | {"paced": row["search_hours"], "steps": 1} for row in ablation if row["knowledge"] == "none"),
            *scores,
        ],
        "bends": scores,
    }
    return Frames(**{name: pd.DataFrame(rows.get(name, []), columns=columns) for name, columns in COLUMNS.items()})


def _case(network: str, dataset: str) -> dict:
    case = f"{NETWORKS.get(network, network.lower().replace('-', ''))}-{dataset.lower()}"
    return {"case": case, "title": network, "dataset": dataset, "data": dataset, "seed": 0}


def _ablation() -> list[dict]:
    """Table 2, hours as seconds: only their ratios are asked for."""
    return [
        _case(row.network, row.dataset)
        | {"experiment": "ablation", "top1": row.test_accuracy_pct, "seconds": row.fine_tuning_gpu_hours}
        | {"search_hours": row.search_gpu_hours, "search": _kind(row.teacher_in_search)}
        | {"knowledge": _kind(row.teacher_in_fine_tuning) if "pruned 50" in row.state else "unpruned"}
        for row in read("ekg", "table-2").itertuples()
    ]


def _kind(printed) -> str:
    """A kind of teacher; a cell of the word None is read as empty."""
    return printed.lower() if isinstance(printed, str) else "none"


def _scores() -> list[dict]:
    """Table 1."""
    score = {words: name for name, words in WORDS.items()}
    return [
        _case("ResNet-56", row.dataset)
        | {"experiment": "scores", "score": score[row.score], "knowledge": "none", "top1": row.test_accuracy_pct}
        | {"loss": row.validation_loss, "mean_ratio": row.condition_number}
        for row in read("ekg", "table-1").itertuples()
    ]


def _curve() -> list[dict]:
    """Table 5, and from Table 3 the two points at 55 and 65 percent that are compared with other methods."""
    unpruned = float(
        read("ekg", "table-2").query("network == 'ResNet-56' and dataset == 'CIFAR10'")["test_accuracy_pct"].iloc[0]
    )
    about = _case("ResNet-56", "CIFAR10") | {"experiment": "curve"}
    return [about | {"knowledge": "unpruned", "top1": unpruned}] + [
        about | {"knowledge": "ensemble", "target": _left(row.flops_reduction_pct), "top1": row.accuracy_pct}
        for row in read("ekg", "table-5").itertuples()
    ]


def _imagenet() -> list[dict]:
    """The rows of Table 4 that are the paper's own, and the unpruned networks that their differences imply.

    Multiplications are shares of the unpruned network's.
    """
    own = read("ekg", "table-4").query("method == 'EKG'")
    unpruned = own.drop_duplicates("network")
    about = {row.network: _case(row.network, "ImageNet") | {"experiment": "curve"} for row in unpruned.itertuples()}
    found = [
        about[row.network] | {"knowledge": "unpruned", "top1": row.derived_baseline_top1_pct, "multiplications": 1.0}
        for row in unpruned.itertuples()
    ]
    return found + [
        about[row.network]
        | {"knowledge": "ensemble", "target": left, "multiplications": left, "top1": row.top1_accuracy_pct}
        for row in own.itertuples()
        for left in [round(1 - row.flops_reduction_pct / 100, 3)]
    ]


def _left(reduction: float) -> float:
    """The target that a printed reduction was meant to meet, in steps of 5 percent."""
    return round(1 - 5 * round(reduction / 5) / 100, 2)
