"""From records to the tables that every figure, table and claim of this part is computed from."""

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pruneproxy.recipes.proxy_hpo.experiments import entries
from pruneproxy.recipes.proxy_hpo.protocol import Case
from pruneproxy.recipes.recipe import Entry
from pruneproxy.runs.records import accuracy, check_copies

CASE = ["case", "network", "title", "dataset", "data"]
SETTINGS = {
    "lr": "train.lr",
    "batch_size": "train.batch_size",
    "weight_decay": "train.weight_decay",
    "momentum": "train.momentum",
    "decay_factor": "train.decay_factor",
}
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


def frame(records: list[dict], cases: tuple[Case, ...]) -> Frames:
    """The `Frames` of the records that belong to `cases`.

    A training that diverged has learned nothing, so it counts as guessing one of the classes.
    """
    check_copies(records)
    by_id = {record["id"]: record for record in records}
    found: dict[str, list[dict]] = {name: [] for name in COLUMNS}
    seen: set[tuple[str, str]] = set()
    for case in cases:
        for entry in entries(case):
            record = by_id.get(entry.spec.id)
            if record is not None and record["status"] != "failed":
                for name, rows in _rows(case, entry, record, by_id, seen):
                    found[name] += rows
    return Frames(**{name: pd.DataFrame(rows, columns=COLUMNS[name]) for name, rows in found.items()})


def select(frames: Frames, **values) -> Frames:
    """The rows whose columns have these values, in every table that has the column."""
    return Frames(
        **{
            name: _selected(getattr(frames, name), {key: v for key, v in values.items() if key in columns})
            for name, columns in COLUMNS.items()
        }
    )


def _selected(table: pd.DataFrame, values: dict) -> pd.DataFrame:
    keep = np.logical_and.reduce([table[key] == value for key, value in values.items()] or [np.ones(len(table), bool)])
    return table[keep]


def _rows(case: Case, entry: Entry, record: dict, by_id, seen) -> Iterable[tuple[str, list[dict]]]:
    about = dict(zip(CASE, (case.key, case.network, case.title, case.dataset, case.base.data.name), strict=True))
    kind = READERS.get(entry.experiment, _winner)
    return kind(about, entry, record, by_id, seen)


def _winner(about, entry, record, by_id, seen):
    found = by_id.get(entry.spec.search.id)
    labels = about | entry.labels | {"experiment": entry.experiment}
    searched = found["cost"] if found else {}
    row = labels | {
        "top1": accuracy(record),
        "validation": found["best"]["value"] if found and found["best"] else math.nan,
        **_settings(record["settings"], entry.spec.target.train),
        "search_seconds": searched.get("seconds"),
        "search_multiplications": searched.get("multiplications"),
        "trials": len(found["trials"]) if found else None,
        "id": record["id"],
        "search_id": entry.spec.search.id,
        "run_id": record["run"],
        "status": record["status"],
    }
    yield "winners", [row]
    mine = entry.experiment != "cross"  # those searches belong to other cases or to "main", which show them
    if found and mine and (entry.experiment, found["id"]) not in seen:
        seen.add((entry.experiment, found["id"]))
        yield "trials", [_trial(labels, trial, found, entry.spec.search.base.train) for trial in found["trials"]]


def _trial(labels, trial, found, base) -> dict:
    return labels | {
        "number": trial["number"],
        **_settings(trial["settings"], base),
        **{name: trial[name] for name in ("value", "state", "epochs", "seconds", "multiplications", "run")},
        "search_id": found["id"],
    }


def _settings(chosen: dict | None, base) -> dict:
    """The five hyperparameters of a training: those that were searched, and the base's own for the others.

    A search all of whose trials diverged has chosen nothing.
    """
    if chosen is None:
        return dict.fromkeys(SETTINGS, math.nan)
    return {name: chosen.get(field, getattr(base, name)) for name, field in SETTINGS.items()}


def _curve(about, entry, record, by_id, seen):
    losses = record["history"].get("train_loss", [])
    yield (
        "curves",
        [
            about | entry.labels | {"epoch": epoch, "train_loss": loss, "id": record["id"]}
            for epoch, loss in enumerate(losses, 1)
        ],
    )


def _timing(about, entry, record, by_id, seen):
    full, narrow = (record["networks"][name] for name in ("full", "narrow"))
    if entry.labels["source"] == "synflow":
        yield "timings", [_timed(about, entry, record, arm, name) for arm, name in ARMS]
    if ("widths", about["case"], entry.labels["source"]) not in seen:
        seen.add(("widths", about["case"], entry.labels["source"]))
        yield "readings", [about | entry.labels | _left(record, full, narrow) | {"id": record["id"]}]
        if entry.labels["source"] == "synflow":
            yield "widths", _widths(about, full["groups"], narrow["groups"])


ARMS = (("target", "full"), ("proxy", "narrow"))


def _timed(about, entry, record, arm, name) -> dict:
    times = np.array(record["seconds"][name])
    low, middle, high = np.quantile(times, [0.25, 0.5, 0.75])
    return (
        about
        | {"batch_size": entry.labels["batch_size"], "arm": arm, "samples": tuple(times), "id": record["id"]}
        | {"seconds": middle, "low": low, "high": high}
        | {key: record["networks"][name][key] for key in ("multiplications", "parameters")}
    )


def _left(record, full, narrow) -> dict:
    """The share of each cost, and of the channels, that a pruned network has left."""
    counts = [sum(width for _, _, width in network["groups"]) for network in (narrow, full)]
    times = [np.median(record["seconds"][name]) for name in ("narrow", "full")]
    return {
        "time": times[0] / times[1],
        "channels": counts[0] / counts[1],
        **{name: narrow[name] / full[name] for name in ("multiplications", "parameters")},
    }


def _widths(about, full, narrow) -> list[dict]:
    return [
        about
        | {"source": "synflow", "group": name, "kind": kind, "place": place, "width": width, "kept": kept}
        | {"share": kept / width}
        for place, ((name, kind, width), (_, _, kept)) in enumerate(zip(full, narrow, strict=True))
    ]


def _config(about, entry, record, by_id, seen):
    value = accuracy(record)
    cost = record["cost"]
    yield (
        "configs",
        [
            about
            | entry.labels
            | {name: record["spec"]["train"][name] for name in SETTINGS}
            | {
                "value": value,
                "top1": value,
                "seconds": cost["seconds"],
                "multiplications": cost["training_multiplications"],
                "status": record["status"],
                "id": record["id"],
            }
        ],
    )


READERS: dict[str, Callable] = {"curves": _curve, "timing": _timing, "configs": _config}
