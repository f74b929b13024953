"""From records to the tables that every figure, table and claim of this part is computed from."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pruneproxy.recipes.frames import belonging
from pruneproxy.recipes.proxy_hpo.experiments import entries
from pruneproxy.recipes.proxy_hpo.protocol import Case
from pruneproxy.runs.records import Records, accuracy, by_id

CASE = ["case", "network", "title", "dataset", "data"]
SETTINGS = {name: f"train.{name}" for name in ("lr", "batch_size", "weight_decay", "momentum", "decay_factor")}
SEARCH = ["experiment", "optimizer", "arm", "source", "search_seed"]
COLUMNS = {
    "winners": [*CASE, *SEARCH, "seed", "top1", "validation", *SETTINGS]
    + ["search_seconds", "search_multiplications", "trials", "id", "search_id", "run_id", "status"],
    "trials": [*CASE, *SEARCH, "number", *SETTINGS, "value", "state", "epochs", "seconds", "multiplications"]
    + ["run", "search_id"],
    "curves": [*CASE, "arm", "seed", "epoch", "train_loss", "id"],
    "timings": [*CASE, "arm", "batch_size", "seconds", "low", "high", "samples", "multiplications", "parameters", "id"],
    "widths": [*CASE, "source", "group", "kind", "place", "width", "kept", "share"],
    "readings": [*CASE, "source", "batch_size", "time", "multiplications", "parameters", "channels", "id"],
    "configs": [*CASE, "proxy", "config", "seed", *SETTINGS, "value", "top1", "seconds", "multiplications"]
    + ["status", "id"],
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Frames:
    """The records of this part as tables.

    `winners` has a row per training of a full network with settings that a search found; `trials` per trial of a
    search; `curves` per epoch; `timings` per network and batch size; `widths` per group of channels; `configs` per
    training of a shared setting on the network or on a proxy; `readings` per way to prune, with the share of each cost
    that is left. Accuracies are percent.
    """

    winners: pd.DataFrame
    trials: pd.DataFrame
    curves: pd.DataFrame
    timings: pd.DataFrame
    widths: pd.DataFrame
    configs: pd.DataFrame
    readings: pd.DataFrame = field(default_factory=lambda: pd.DataFrame(columns=COLUMNS["readings"]))


def frame(records: Records | list[dict], cases: tuple[Case, ...]) -> Frames:
    """The `Frames` of the records that belong to `cases`.

    A training that diverged has learned nothing, so it counts as guessing one of the classes.
    """
    known = by_id(records)
    found: dict[str, list[dict]] = {name: [] for name in COLUMNS}
    seen: set[tuple[str, str]] = set()
    for case, entry, record in belonging(records, cases, entries):
        if record["status"] != "failed":
            about = (case.key, case.network, case.title, case.dataset, case.base.data.name)
            labels = dict(zip(CASE, about, strict=True)) | entry.labels
            for name, rows in READERS.get(entry.experiment, _winner)(labels, entry, record, known, seen):
                found[name] += rows
    return Frames(**{name: pd.DataFrame(rows, columns=COLUMNS[name]) for name, rows in found.items()})


def _winner(labels, entry, record, by_id, seen):
    found = by_id.get(entry.spec.search.id)
    labels = labels | {"experiment": entry.experiment}
    searched = found["cost"] if found else {}
    row = labels | {
        "top1": accuracy(record),
        "validation": found["best"]["value"] if found and found["best"] else math.nan,
        **_settings(record["settings"], entry.spec.target.train),
        "search_seconds": searched.get("seconds"),
        "search_multiplications": searched.get("multiplications"),
        "trials": len(found["trials"]) if found else None,
        "search_id": entry.spec.search.id,
        "run_id": record["run"],
        **{name: record[name] for name in ("id", "status")},
    }
    yield "winners", [row]
    mine = entry.experiment != "cross"  # those searches belong to other cases or to "main", which show them
    if found and mine and (entry.experiment, found["id"]) not in seen:
        seen.add((entry.experiment, found["id"]))
        base, labels = entry.spec.search.base.train, labels | {"search_id": found["id"]}
        yield "trials", [labels | trial | _settings(trial["settings"], base) for trial in found["trials"]]


def _settings(chosen: dict | None, base) -> dict:
    """The five hyperparameters of a training: those that were searched, and the base's own for the others.

    A search all of whose trials diverged has chosen nothing.
    """
    if chosen is None:
        return dict.fromkeys(SETTINGS, math.nan)
    return {name: chosen.get(field, getattr(base, name)) for name, field in SETTINGS.items()}


def _curve(labels, entry, record, by_id, seen):
    losses = enumerate(record["history"].get("train_loss", []), 1)
    yield "curves", [labels | {"epoch": epoch, "train_loss": loss, "id": record["id"]} for epoch, loss in losses]


def _timing(labels, entry, record, by_id, seen):
    full, narrow = (record["networks"][name] for name in ("full", "narrow"))
    if labels["source"] == "synflow":
        yield "timings", [labels | _timed(record, arm, name) for arm, name in ARMS]
    if ("widths", labels["case"], labels["source"]) not in seen:
        seen.add(("widths", labels["case"], labels["source"]))
        yield "readings", [labels | _left(record, full, narrow) | {"id": record["id"]}]
        if labels["source"] == "synflow":
            yield "widths", [labels | row for row in _widths(full["groups"], narrow["groups"])]


ARMS = (("target", "full"), ("proxy", "narrow"))


def _timed(record, arm, name) -> dict:
    times = np.array(record["seconds"][name])
    middles = dict(zip(("low", "seconds", "high"), np.quantile(times, [0.25, 0.5, 0.75]), strict=True))
    costs = {key: record["networks"][name][key] for key in ("multiplications", "parameters")}
    return {"arm": arm, "samples": tuple(times), "id": record["id"]} | middles | costs


def _left(record, full, narrow) -> dict:
    """The share of each cost, and of the channels, that a pruned network has left."""
    counts = [sum(width for _, _, width in network["groups"]) for network in (narrow, full)]
    times = [np.median(record["seconds"][name]) for name in ("narrow", "full")]
    return {
        "time": times[0] / times[1],
        "channels": counts[0] / counts[1],
        **{name: narrow[name] / full[name] for name in ("multiplications", "parameters")},
    }


def _widths(full, narrow) -> list[dict]:
    return [
        {"group": name, "kind": kind, "place": place, "width": width, "kept": kept, "share": kept / width}
        for place, ((name, kind, width), (_, _, kept)) in enumerate(zip(full, narrow, strict=True))
    ]


def _config(labels, entry, record, by_id, seen):
    value, cost = accuracy(record), record["cost"]
    settings = {name: record["spec"]["train"][name] for name in SETTINGS}
    costs = {"seconds": cost["seconds"], "multiplications": cost["training_multiplications"]}
    about = {name: record[name] for name in ("status", "id")}
    yield "configs", [labels | settings | {"value": value, "top1": value} | costs | about]


READERS: dict[str, Callable] = {"curves": _curve, "timing": _timing, "configs": _config}
