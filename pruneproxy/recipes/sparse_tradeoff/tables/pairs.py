"""How our numbers and the printed ones come into one table: in pairs of columns, empty where there are none."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from pruneproxy.published import read
from pruneproxy.recipes.sparse_tradeoff.frames import Frames

PERCENT = 100
HERE, PRINTED = "here", "printed"
DATA = "data and network"  # that was really used


def published(table: str, *, index: str = "dataset") -> pd.DataFrame:
    """A printed table with one of its columns as the index."""
    return read("sparse_tradeoff", table).set_index(index)


def beside(here: pd.DataFrame, printed: pd.DataFrame, titles: Mapping[str, str | None]) -> pd.DataFrame:
    """`here` and `printed` under common titles; `titles` maps those of `here` to the columns of `printed`."""
    index = list(dict.fromkeys([*printed.index, *here.index]))
    columns = {}
    for title, name in titles.items():
        columns[title, HERE] = here.reindex(index)[title] if title in here else pd.Series(np.nan, index=index)
        if name is not None:
            columns[title, PRINTED] = printed.reindex(index)[name]
    table = pd.DataFrame(columns)
    table.index = pd.MultiIndex.from_tuples(index, names=printed.index.names) if _many(printed) else table.index
    return table if _many(printed) else table.rename_axis(printed.index.name)


def _many(table) -> bool:
    return isinstance(table.index, pd.MultiIndex)


def each(frames: Frames, numbers: Callable[[str], Mapping]) -> pd.DataFrame:
    """A row per data set that has runs, with what was really trained."""
    rows = {}
    for dataset, runs in frames.runs.groupby("dataset", sort=False):
        used = runs[["data", "title"]].drop_duplicates()
        rows[dataset] = {DATA: "; ".join(f"{row.data}, {row.title}" for row in used.itertuples())} | dict(
            numbers(dataset)
        )
    return pd.DataFrame.from_dict(rows, orient="index")


def shown(table: pd.DataFrame, *, digits: int = 4) -> pd.DataFrame:
    """The table as text: numbers with so many digits, nothing where there is none."""
    return table.map(lambda value: _digits(value, digits))


def _digits(value, digits: int) -> str:
    if pd.isna(value):
        return ""
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)
