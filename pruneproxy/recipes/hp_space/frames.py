"""From records to the one table that every figure, table and claim of this part is computed from."""

import math

import pandas as pd

from pruneproxy.recipes.hp_space.protocol import Case, grid, variant
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
    rows = [_row(case, spec, by_id[spec.id]) for case in cases for spec in grid(case) if spec.id in by_id]
    return pd.DataFrame(rows, columns=COLUMNS)


def _row(case: Case, spec, record: dict) -> dict:
    method, target = _pruned(spec)
    cost = record.get("cost", {})
    return {
        "network": case.network,
        "title": case.title,
        "variant": variant(method, target),
        "method": method,
        "target": target,
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


def _pruned(spec) -> tuple[str, float]:
    """How a run's network was pruned, and to which share of its multiplications."""
    return ("none", 1.0) if spec.prune is None else (spec.prune.channels.allocation, spec.prune.channels.target)


def _accuracy(record: dict, name: str, guesses: int) -> float:
    if record["status"] == "diverged":
        return min(100.0, 100 * guesses / record["data"]["classes"])
    return record.get("metrics", {}).get(name, math.nan)


def architectures(records: list[dict], cases: tuple[Case, ...]) -> pd.DataFrame:
    """One row per network and variant: the widths that pruning chose, and what they cost."""
    by_id = {record["id"]: record for record in records}
    rows, seen = [], set()
    for case in cases:
        for spec in grid(case):
            key = (case.network, spec.prune)
            if key in seen or "widths" not in by_id.get(spec.id, {}):
                continue
            seen.add(key)
            record = by_id[spec.id]
            method, target = _pruned(spec)
            rows.append(
                {
                    "network": case.network,
                    "title": case.title,
                    "variant": variant(method, target),
                    "method": method,
                    "target": target,
                    "multiplications": record["cost"]["multiplications"],
                    "parameters": record["cost"]["parameters"],
                    "widths": record["widths"],
                    "id": record["id"],
                }
            )
    columns = ["network", "title", "variant", "method", "target", "multiplications", "parameters", "widths", "id"]
    return pd.DataFrame(rows, columns=columns)
