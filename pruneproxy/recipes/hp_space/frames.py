"""From records to the one table that every figure, table and claim of this part is computed from."""

import math

import pandas as pd

from pruneproxy.recipes.hp_space.protocol import Case, entries, variant
from pruneproxy.recipes.recipe import Entry
from pruneproxy.runs.records import check_copies

COLUMNS = [
    "network",
    "title",
    "variant",
    "method",
    "target",
    "lr",
    "weight_decay",
    "seed",
    "top1",
    "top5",
    "status",
    "id",
    "multiplications",
    "parameters",
    "seconds",
]


def frame(records: list[dict], cases: tuple[Case, ...]) -> pd.DataFrame:
    """One row per record of `cases`, accuracies in percent.

    A run that diverged has learned nothing, so it counts as guessing: 1 of the classes (5 of them for top-5).
    """
    by_id = {record["id"]: record for record in records}
    check_copies(records)
    found = ((case, entry) for case in cases for entry in entries(case))
    rows = [_row(case, entry, by_id[entry.spec.id]) for case, entry in found if entry.spec.id in by_id]
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(case: Case, entry: Entry, record: dict) -> dict:
    spec, cost = entry.spec, record.get("cost", {})
    return {
        "network": case.network,
        "title": case.title,
        **_variant(entry),
        "lr": spec.train.lr,
        "weight_decay": spec.train.weight_decay,
        "seed": spec.seed,
        "top1": _accuracy(record, "top1", 1),
        "top5": _accuracy(record, "top5", 5),
        "status": record["status"],
        "id": record["id"],
        "multiplications": cost.get("multiplications"),
        "parameters": cost.get("parameters"),
        "seconds": cost.get("seconds"),
    }


def _variant(entry: Entry) -> dict:
    method, target = entry.labels["method"], entry.labels["target"]
    return {"variant": variant(method, target), "method": method, "target": target}


def _accuracy(record: dict, name: str, guesses: int) -> float:
    if record["status"] == "diverged":
        return min(100.0, 100 * guesses / record["data"]["classes"])
    return record.get("metrics", {}).get(name, math.nan)


def architectures(records: list[dict], cases: tuple[Case, ...]) -> pd.DataFrame:
    """One row per network and variant: the widths that pruning chose, and what they cost."""
    by_id = {record["id"]: record for record in records}
    rows, seen = [], set()
    for case in cases:
        for entry in entries(case):
            key, record = (case.network, entry.spec.prune), by_id.get(entry.spec.id, {})
            if key in seen or "widths" not in record:
                continue
            seen.add(key)
            rows.append(
                {
                    "network": case.network,
                    "title": case.title,
                    **_variant(entry),
                    "multiplications": record["cost"]["multiplications"],
                    "parameters": record["cost"]["parameters"],
                    "widths": record["widths"],
                    "id": record["id"],
                }
            )
    columns = ["network", "title", "variant", "method", "target", "multiplications", "parameters", "widths", "id"]
    return pd.DataFrame(rows, columns=columns)
