"""From records to the tables that every figure, table and claim of this part is computed from."""

from dataclasses import dataclass

import pandas as pd

from pruneproxy.magnitude import remaining_share
from pruneproxy.recipes.find_eval.experiments import entries
from pruneproxy.recipes.find_eval.protocol import Case
from pruneproxy.recipes.frames import belonging
from pruneproxy.recipes.recipe import Entry
from pruneproxy.runs.records import Records, accuracy

CASE = ["case", "network", "title", "dataset", "data"]
ARM = ["experiment", "hyperparameter", "find", "eval", "variant"]
COLUMNS = {
    "accuracies": [*CASE, *ARM, "mask", "round", "sparsity", "seed", "top1", "seconds", "epochs", "status", "id"],
    "ratios": [*CASE, *ARM, "round", "sparsity", "seed", "layer", "place", "weights", "ratio", "id"],
    "drift": [*CASE, "lr", "seed", "epoch", "layer", "place", "ratio", "id"],
    "lines": [*CASE, "lr", "start", "round", "sparsity", "seed", "share", "error", "barrier", "id"],
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Frames:
    """The records of this part as tables.

    `accuracies` has a row per training with a mask (round 0: of the unpruned network), `ratios` per layer of a round,
    `drift` per layer and epoch of a training, `lines` per point between two copies. Accuracies, errors and sparsities
    (of the weights, or of the channels where those are pruned) are percent, ratios shares of a layer that are pruned.
    """

    accuracies: pd.DataFrame
    ratios: pd.DataFrame
    drift: pd.DataFrame
    lines: pd.DataFrame


def frame(records: Records | list[dict], cases: tuple[Case, ...]) -> Frames:
    """The `Frames` of the records that belong to `cases`; a training that diverged counts as guessing."""
    found: dict[str, list[dict]] = {name: [] for name in COLUMNS}
    for case, entry, record in belonging(records, cases, entries):
        if record["status"] != "failed":
            about = dict(
                zip(CASE, (case.key, case.network, case.title, case.dataset, case.base.data.name), strict=True)
            )
            table, read = READERS[entry.spec.kind]
            found[table] += [about | row for row in read(case, entry, record)]
    return Frames(**{name: pd.DataFrame(rows, columns=COLUMNS[name]) for name, rows in found.items()})


def sparsity(case: Case, number: int) -> float:
    """Percent of the weights that are gone after so many rounds."""
    return 100 * (1 - remaining_share(case.share, number))


def _accuracy(case: Case, entry: Entry, record: dict) -> list[dict]:
    labels = {"sparsity": entry.labels.get("removed", sparsity(case, entry.labels["round"]))} | entry.labels
    labels.pop("removed", None)
    row = {"top1": accuracy(record), "seconds": record["cost"]["seconds"], "epochs": epochs(entry.spec.train)}
    return [labels | row | {"experiment": entry.experiment, "status": record["status"], "id": record["id"]}]


def epochs(train) -> int:
    """How many epochs a training really has."""
    return train.stop_after or train.epochs


def _ratios(case: Case, entry: Entry, record: dict) -> list[dict]:
    labels = entry.labels | {"experiment": entry.experiment, "sparsity": sparsity(case, entry.labels["round"])}
    rows = []
    for place, (layer, shape) in enumerate(record["shapes"].items()):
        weights = pd.Series(shape).prod()
        ratio = 1 - record["kept"][layer] / weights
        rows.append(labels | {"layer": layer, "place": place, "weights": weights, "ratio": ratio, "id": record["id"]})
    return rows


def _drift(case: Case, entry: Entry, record: dict) -> list[dict]:
    return [
        entry.labels | {"layer": layer, "place": place, "epoch": epoch, "ratio": ratio, "id": record["id"]}
        for place, (layer, ratios) in enumerate(record["ratios"].items())
        for epoch, ratio in enumerate(ratios, 1)
    ]


def _line(case: Case, entry: Entry, record: dict) -> list[dict]:
    labels = entry.labels | {"sparsity": sparsity(case, entry.labels["round"]), "barrier": record["barrier"]}
    last = len(record["errors"]) - 1
    return [
        labels | {"share": point / last, "error": error, "id": record["id"]}
        for point, error in enumerate(record["errors"])
    ]


READERS = {
    "run": ("accuracies", _accuracy),
    "round": ("ratios", _ratios),
    "drift": ("drift", _drift),
    "stability": ("lines", _line),
}
