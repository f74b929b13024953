"""From records to tables: what the frames of all recipes have in common."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import fields

import numpy as np
import pandas as pd

from pruneproxy.evidence.tables import check_columns
from pruneproxy.recipes.recipe import Case, Entry
from pruneproxy.runs.records import check_copies


def belonging(
    records: list[dict], cases: Iterable[Case], entries: Callable[[Case], Iterable[Entry]]
) -> Iterator[tuple[Case, Entry, dict]]:
    """Every record that belongs to cases, with its place there; records of different copies of data are refused."""
    check_copies(records)
    by_id = {record["id"]: record for record in records}
    found = ((case, entry) for case in cases for entry in entries(case))
    return ((case, entry, by_id[entry.spec.id]) for case, entry in found if entry.spec.id in by_id)


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
