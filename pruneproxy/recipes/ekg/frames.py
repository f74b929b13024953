"""From records to the tables that every figure, table and claim of this part is computed from."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from pruneproxy import curvature
from pruneproxy.recipes.ekg.experiments import entries
from pruneproxy.recipes.ekg.protocol import Case
from pruneproxy.recipes.frames import belonging
from pruneproxy.recipes.recipe import Entry
from pruneproxy.runs.records import Records, accuracy, by_id

CASE = ["case", "title", "dataset", "data"]
ARM = ["experiment", "search", "score", "target", "draw", "seed"]
PHASES = ["tuning", "scores", "candidates", "ensemble"]
COLUMNS = {
    "trainings": [*CASE, *ARM, "knowledge", "start", "lr", "weight_decay", "top1", "loss", "multiplications"]
    + ["parameters", "seconds", "epochs", "bank", "status", "id"],
    "searches": [*CASE, *ARM, "steps", "loss", "reached", "seconds", "paced", *PHASES, "id"],
    "steps": [*CASE, *ARM, "step", "group", "width", "loss", "guidance", "left", "id"],
    "bends": [*CASE, *ARM, "ratio", "mean_ratio", "fluctuation", "loss", "surface", "seconds", "id"],
    "accuracies": [*CASE, "experiment", "seed", "statistics", "top1", "loss", "id"],
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Frames:
    """The records of this part as tables.

    `trainings` has a row per training, of the unpruned network (knowledge "unpruned") or of what was found; `searches`
    one per search, `steps` one per network on the way, `bends` one per measured curvature, `accuracies` one per
    statistics of batch normalisation. Accuracies are percent, `reached` and `left` shares of the multiplications.
    """

    trainings: pd.DataFrame
    searches: pd.DataFrame
    steps: pd.DataFrame
    bends: pd.DataFrame
    accuracies: pd.DataFrame


def frame(records: Records | list[dict], cases: tuple[Case, ...]) -> Frames:
    """The `Frames` of the records that belong to `cases`; a training that diverged counts as guessing."""
    found: dict[str, list[dict]] = {name: [] for name in COLUMNS}
    known = by_id(records)
    for case, entry, record in belonging(records, cases, entries):
        if record["status"] != "failed":
            about = dict(zip(CASE, (case.key, case.title, case.dataset, case.base.data.name), strict=True))
            about |= entry.labels | {"experiment": entry.experiment, "id": record["id"]}
            for table, rows in READERS[entry.spec.kind](entry, record, known):
                found[table] += [about | row for row in rows]
    return Frames(**{name: pd.DataFrame(rows, columns=COLUMNS[name]) for name, rows in found.items()})


def _training(entry: Entry, record: dict, by_id: dict) -> list:
    guided = entry.spec.kind == "guided" and entry.spec.knowledge == "ensemble"
    bank = by_id.get(entry.spec.bank.id, {}).get("cost", {}).get("seconds", np.nan) if guided else np.nan
    row = {name: record["cost"][name] for name in ("multiplications", "parameters", "seconds")}
    row |= {"top1": accuracy(record), "loss": record.get("metrics", {}).get("loss", np.nan), "bank": bank}
    return [("trainings", [row | {"epochs": entry.spec.train.epochs, "status": record["status"]}])]


def _search(entry: Entry, record: dict, by_id: dict) -> list:
    steps, whole = record["steps"], record["steps"][0]["multiplications"]
    row = {"steps": len(steps) - 1, "loss": steps[-1]["loss"], "reached": steps[-1]["multiplications"] / whole}
    phases = {name: record["phases"].get(name, 0.0) for name in PHASES}
    row |= {"seconds": record["cost"]["seconds"], "paced": sum(phases.values()) - phases["tuning"]} | phases
    history = [
        {"step": number, "loss": step["loss"], "guidance": step["guidance"], "left": step["multiplications"] / whole}
        | dict(zip(("group", "width"), next(((k, len(v)) for k, v in step["keep"].items()), ("", np.nan)), strict=True))
        for number, step in enumerate(steps)
    ]
    return [("searches", [row]), ("steps", history)]


def _bends(entry: Entry, record: dict, by_id: dict) -> list:
    walked = [curvature.Extremes(low=a, high=b) for a, b in zip(record["lowest"], record["highest"], strict=True)]
    row = {
        "ratio": walked[len(walked) // 2].ratio,
        "mean_ratio": curvature.mean_ratio(walked),
        "fluctuation": curvature.fluctuation(record["surface"]) if record["surface"] else np.nan,
    }
    measured = {"loss": record["loss"], "surface": record["surface"], "seconds": record["cost"]["seconds"]}
    return [("bends", [row | measured])]


def _accuracy(entry: Entry, record: dict, by_id: dict) -> list:
    rows = [{"statistics": name} | record[name] for name in ("moving", "batch")]
    return [("accuracies", [{name: row[name] for name in ("statistics", "top1", "loss")} for row in rows])]


READERS = {
    "run": _training,
    "guided": _training,
    "subnetwork": _search,
    "bends": _bends,
    "accuracy": _accuracy,
}
