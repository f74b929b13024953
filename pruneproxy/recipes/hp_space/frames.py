"""From records to the one table that every figure, table and claim of this part is computed from."""

import pandas as pd

from pruneproxy.recipes.frames import belonging
from pruneproxy.recipes.hp_space.protocol import Case, entries, variant
from pruneproxy.recipes.recipe import Entry
from pruneproxy.runs.records import Records, accuracy

VARIANT = ["network", "title", "variant", "method", "target"]
COSTS = ["multiplications", "parameters", "seconds"]
COLUMNS = [*VARIANT, "lr", "weight_decay", "seed", "top1", "top5", "status", "id", *COSTS]


def frame(records: Records | list[dict], cases: tuple[Case, ...]) -> pd.DataFrame:
    """One row per record of `cases`, accuracies in percent.

    A run that diverged has learned nothing, so it counts as guessing: 1 of the classes (5 of them for top-5).
    """
    rows = [
        _variant(case, entry)
        | {"lr": entry.spec.train.lr, "weight_decay": entry.spec.train.weight_decay, "seed": entry.spec.seed}
        | {"top1": accuracy(record), "top5": accuracy(record, "top5", 5)}
        | {"status": record["status"], "id": record["id"]}
        | {name: record.get("cost", {}).get(name) for name in COSTS}
        for case, entry, record in belonging(records, cases, entries)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _variant(case: Case, entry: Entry) -> dict:
    method, target = entry.labels["method"], entry.labels["target"]
    return dict(zip(VARIANT, (case.network, case.title, variant(method, target), method, target), strict=True))


def architectures(records: Records | list[dict], cases: tuple[Case, ...]) -> pd.DataFrame:
    """One row per network and variant: the widths that pruning chose, and what they cost."""
    rows = {}
    for case, entry, record in belonging(records, cases, entries):
        if "widths" in record:
            costs = {name: record["cost"][name] for name in COSTS[:2]}
            found = _variant(case, entry) | costs | {"widths": record["widths"], "id": record["id"]}
            rows.setdefault((case.network, entry.spec.prune), found)
    return pd.DataFrame(rows.values(), columns=[*VARIANT, *COSTS[:2], "widths", "id"])
