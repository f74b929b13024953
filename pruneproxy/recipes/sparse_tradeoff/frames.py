"""From records to the tables that every figure, table and claim of this part is computed from."""

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

import pandas as pd

from pruneproxy.recipes.frames import belonging
from pruneproxy.recipes.sparse_tradeoff.experiments import entries
from pruneproxy.recipes.sparse_tradeoff.protocol import Case
from pruneproxy.runs.records import Records, by_id
from pruneproxy.search import MEASURES

CASE = ["dataset", "architecture", "data", "title"]
FIELDS = (  # of a spec, or of the settings that a search has chosen
    {"algorithm": "sparse.method", "sparsity": "sparse.density", "update_frequency": "sparse.interval"}
    | {"update_end": "sparse.end", "distribution": "sparse.allocation"}
    | {name: f"model.sizes.{name}" for name in ("layers", "first", "middle", "last")}
    | {f"block{stage + 1}": f"model.blocks.{stage}" for stage in range(3)}
    | {name: f"train.{name}" for name in ("lr", "schedule", "momentum", "weight_decay", "batch_size", "epochs")}
    | {"use_dropout": "switch.dropout", "dropout": "model.dropout"}
    | {"use_smoothing": "switch.label_smoothing", "smoothing": "train.label_smoothing"}
)
HYPER = list(FIELDS)
NAMES = (  # those of Table 4.2
    {name: name.replace("_", " ") for name in HYPER}
    | {"distribution": "sparsity distribution", "layers": "MLP layers"}
    | {name: f"size {name} MLP layer" for name in ("first", "middle", "last")}
    | {f"block{stage}": f"size conv block {stage}" for stage in (1, 2, 3)}
    | {"lr": "initial learning rate", "schedule": "learning rate scheduler"}
    | {"use_smoothing": "use label smoothing", "smoothing": "label smoothing"}
)
OF_SPARSE = ("sparsity", "update_frequency", "update_end", "distribution")
MEASURED = ["error", "inference", "training"]
TRIALS = [*CASE, "space", "sampler", "search_seed", "number", *HYPER, *MEASURED, "folds", "state", "seconds", "id"]
COLUMNS = {
    "runs": [*CASE, "experiment", "config", "origin", "layer", "label", "updates", "seed", *HYPER, "top1", *MEASURED]
    + ["seconds", "train_images", "test_images", "status", "id"],
    "searched": TRIALS,
    "random": TRIALS,
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Frames:
    """The records of this part as tables.

    `runs` has a row per training on the whole training split, judged on test data; `searched` a row per trial of a
    search and `random` one per configuration of the Latin hypercube, both judged on validation data. `error` is in
    percent, `inference` in multiplications per image, `training` in multiplications of the whole training. A
    hyperparameter that is inactive has no value.
    """

    runs: pd.DataFrame
    searched: pd.DataFrame
    random: pd.DataFrame
    known: dict = field(default_factory=dict, repr=False)  # what was computed from the tables, so that it is once


def frame(records: Records | list[dict], cases: tuple[Case, ...]) -> Frames:
    """The `Frames` of the records that belong to `cases`.

    A training that diverged has learned nothing, so it counts as guessing one of the classes, trained to the end.
    """
    known = by_id(records)
    found: dict[str, list[dict]] = {name: [] for name in COLUMNS}
    for case, entry, record in belonging(records, cases, entries):
        about = dict(zip(CASE, (case.dataset, case.architecture, case.base.data.name, case.title), strict=True))
        if record.get("status") == "failed":
            continue
        if entry.spec.kind == "tradeoff":
            labels = about | {"space": entry.labels.get("space", case.space)}
            found[TRIED[entry.experiment]] += _trials(labels, record)
        else:
            labels = about | {"experiment": entry.experiment}
            found["runs"] += READERS[entry.spec.kind](labels, record, known)
    return Frames(**{name: pd.DataFrame(rows, columns=COLUMNS[name]) for name, rows in found.items()})


TRIED = {"optimization": "searched", "importance": "random"}  # experiment -> table


def _fixed(about, record, by_id) -> list[dict]:
    row = _run(record)
    return [about | {"config": version(row["algorithm"], row["sparsity"])} | row]


def _front(about, record, by_id) -> list[dict]:
    return [
        about | {"config": str(member["config"]), "layer": member["layer"]} | row
        for member, row in _runs(record, by_id)
    ]


def _sweep(about, record, by_id) -> list[dict]:
    return [
        about
        | row
        | {"config": f"{member['origin']}, {version(row['algorithm'], row['sparsity'])}"}
        | {"origin": str(member["origin"])}
        for member, row in _runs(record, by_id)
    ]


READERS: dict[str, Callable] = {"run": _fixed, "front": _front, "sweep": _sweep}


def _runs(record: dict, by_id: Mapping[str, dict]) -> Iterator[tuple[dict, dict]]:
    """The members of a front or of a sweep, each with its runs as far as they are there."""
    found = ((member, by_id[name]) for member in record["members"] for name in member["runs"] if name in by_id)
    return ((member, _run(run)) for member, run in found if run["status"] != "failed")


def version(algorithm: str, sparsity: float | None) -> str:
    """How a version of a configuration is named: `dense`, or `set 0.9`."""
    return "dense" if algorithm == "dense" else f"{algorithm} {sparsity:g}"


def _run(record: dict) -> dict:
    facts, values = record.get("sparse", {}), {name: MEASURES[name](record) for name in MEASURED}
    about = {"label": facts.get("label", "dense"), "updates": facts.get("updates", 0), "seed": record["spec"]["seed"]}
    about |= {"seconds": record["cost"]["seconds"], "status": record["status"], "id": record["id"]}
    images = {"train_images": record["data"].get("train_images"), "test_images": record["data"].get("eval_images")}
    return hyperparameters(record["spec"]) | values | {"top1": 100 - values["error"]} | about | images


def _trials(about, record) -> list[dict]:
    search = record["spec"]
    about = about | {"sampler": search["sampler"], "search_seed": search["seed"]}
    return [
        about
        | {name: trial[name] for name in ("number", "folds", "state", "seconds")}
        | hyperparameters(search["base"], trial["settings"])
        | dict(zip(search["objectives"], trial["values"], strict=True))
        | {"id": record["id"]}
        for trial in record["trials"]
    ]


def hyperparameters(spec: Mapping, settings: Mapping[str, object] | None = None) -> dict:
    """The hyperparameters of a run's spec, some of them chosen by a search; no value where one is inactive."""
    chosen = settings or {}
    found = {name: chosen[field] if field in chosen else _at(spec, field) for name, field in FIELDS.items()}
    found |= _depth(spec["model"], found)
    if found["algorithm"] in (None, "dense"):
        found |= {"algorithm": "dense"} | dict.fromkeys(OF_SPARSE)
    else:
        found["sparsity"] = sparsity_of(found["sparsity"])
    for switch, name in (("use_dropout", "dropout"), ("use_smoothing", "smoothing")):
        if found[switch] is None:
            found[switch] = bool(found[name])
        if not found[switch]:
            found[name] = None
    return found


def sparsity_of(density: float) -> float:
    """The share of absent weights, without the error of 1 - 0.7."""
    return round(1 - density, 10)


def _depth(model: Mapping, found: Mapping) -> dict:
    """The number of hidden layers and their sizes; those that few layers do not have are inactive."""
    if model["name"] != "mlp":
        return {}
    widths = None if found["layers"] else model.get("widths")
    if widths:
        middle = widths[math.ceil(len(widths) / 2) - 1]
        found = {"layers": len(widths), "first": widths[0], "middle": middle, "last": widths[-1]}
    fewest = {"layers": 0, "first": 0, "middle": 3, "last": 2}  # layers of a network that has such a size
    return {name: found[name] if (found["layers"] or 0) >= least else None for name, least in fewest.items()}


def _at(spec: object, field: str) -> object:
    """The value of a dotted field of a spec as a dict; None where there is none."""
    for name in field.split("."):
        if isinstance(spec, Mapping):
            spec = spec.get(name)
        elif isinstance(spec, list | tuple):
            spec = spec[int(name)]
        else:
            return None
    return spec
