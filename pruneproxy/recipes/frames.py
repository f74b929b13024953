"""From records to tables: what the frames of all recipes have in common."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields

import numpy as np
import pandas as pd

from pruneproxy.evidence.tables import check_columns
from pruneproxy.recipes.recipe import Case, Entry, entries_of
from pruneproxy.runs.records import OneCopy, Records, by_id


def belonging(
    records: Records | Iterable[dict], cases: Iterable[Case], entries: Callable[[Case], Iterable[Entry]]
) -> Iterator[tuple[Case, Entry, dict]]:
    """Every record that belongs to cases, with its place there; records of different copies of data are refused."""
    known, copies, seen = by_id(records), OneCopy(), set()
    for case in cases:
        for entry in entries_of(entries, case):
            record = known.get(entry.spec.id)
            if record is not None:
                seen.add(record["id"])
                copies.check(record)
                yield case, entry, record
    for identity in known:
        if identity not in seen:  # runs that these name
            copies.check(known.get(identity))


def select(frames, **values):
    """The rows whose columns have these values, in every table that has the column."""
    return type(frames)(**{name: _selected(table, values) for name, table in tables(frames).items()})


def tables(frames) -> dict[str, pd.DataFrame]:
    """The tables of a recipe's frames by name."""
    found = {one.name: getattr(frames, one.name) for one in fields(frames)}
    return {name: table for name, table in found.items() if isinstance(table, pd.DataFrame)}


def _selected(table: pd.DataFrame, values: Mapping) -> pd.DataFrame:
    masks = [table[key] == value for key, value in values.items() if key in table]
    return table[np.logical_and.reduce([np.ones(len(table), dtype=bool), *masks])]


def check_tables(frames, columns: Mapping[str, list[str]]):
    """Refuses frames with a table that lacks a column."""
    for name, wanted in columns.items():
        check_columns(getattr(frames, name), wanted, f"the table {name}")
