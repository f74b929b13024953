"""Records as one table for other programs: CSV, or Parquet where pyarrow is installed."""

import importlib.util
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pandas as pd

from pruneproxy.durable import replacing
from pruneproxy.errors import UserError
from pruneproxy.store.records import Store

SPREAD = ("spec", "metrics", "cost", "environment")  # whose values have columns of their own; the rest is JSON


def frame(stores: Mapping[str, Store]) -> pd.DataFrame:
    """A row for every record, with the name of its store in `records`: `spec.train.lr`, `metrics.top1`, ..."""
    rows = [{"records": name, **_row(record)} for name, store in stores.items() for record in store]
    if not rows:
        raise UserError(f"expected records in {', '.join(str(one.folder) for one in stores.values())}, found none")
    table = pd.DataFrame(rows)
    for column in table:
        if table[column].dtype == object and table[column].dropna().map(type).nunique() > 1:  # Parquet wants one type
            table[column] = table[column].map(_text, na_action="ignore")
    return table


def write_csv(table: pd.DataFrame, path: Path) -> None:
    """Writes a table as CSV."""
    with replacing(path) as new:
        table.to_csv(new, index=False)


def write_parquet(table: pd.DataFrame, path: Path) -> None:
    """Writes a table as Parquet."""
    check_parquet()
    with replacing(path) as new:
        table.to_parquet(new, index=False)


def check_parquet() -> None:
    """An error that says what is missing for Parquet."""
    if not any(map(importlib.util.find_spec, ("pyarrow", "fastparquet"))):
        raise UserError("expected pyarrow for Parquet, found none: pip install pyarrow, or write CSV")


def _row(record: Mapping) -> dict[str, object]:
    row: dict[str, object] = {}
    for name, value in record.items():
        row |= dict(_spread(name, value)) if name in SPREAD else {name: _plain(value)}
    return row


def _spread(name: str, value) -> Iterator[tuple[str, object]]:
    """`value`, or what is in it, each with its full name."""
    if isinstance(value, list) and value and all(_is_pair(one) for one in value):
        value = dict(value)
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _spread(f"{name}.{key}", inner)
    else:
        yield name, _plain(value)


def _is_pair(value) -> bool:
    return isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)


def _plain(value):
    return _text(value) if isinstance(value, list | Mapping) else value


def _text(value) -> str:
    return value if isinstance(value, str) else json.dumps(value)
