"""Our numbers beside the published ones, as plain frames that print the same everywhere."""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from pruneproxy.errors import UserError
from pruneproxy.evidence import words
from pruneproxy.stats import Comparison
from pruneproxy.stats.comparisons import visible

NOT_RUN, NOT_PRINTED = "not run", "not printed"
MEASURED = ["ours", "low", "high"]
NUMBERS = [*MEASURED, "published", "difference", "difference low", "difference high"]


def power_table(seeds: Sequence[int] = (3, 5, 10, 20)) -> pd.DataFrame:
    """What so many seeds show in four of five studies, in deviations of the paired differences of one seed.

    The smallest difference that is a lean (one-sided p of 0.1), that passes 0.05, and that passes 0.005, about what the
    correction asks where one claim in ten can be decided; and the margin within which equality is shown.
    """
    columns = {
        "a lean (p 0.1)": {"alpha": 0.1},
        "p 0.05": {"alpha": 0.05},
        "p 0.005": {"alpha": 0.005},
        "equality (p 0.05)": {"hypothesis": "equivalent"},
    }
    rows = {n: {name: visible(n, **chosen) for name, chosen in columns.items()} for n in seeds}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("seeds")


def beside(ours: pd.DataFrame, published: pd.DataFrame, *, keys: Sequence[str]) -> pd.DataFrame:
    """One row per key that either side has: ours with its interval, the published number, and the difference.

    `ours` has the columns of `keys`, `ours`, `low` and `high`; `published` those of `keys` and `published`. The
    interval of the difference is that of ours, moved: a published number comes without one. NaN marks what was not
    run or not printed.
    """
    keys = list(keys)
    check_columns(ours, [*keys, *MEASURED], "our table")
    check_columns(published, [*keys, "published"], "the published table")
    left, right = ours[[*keys, *MEASURED]], published[[*keys, "published"]]
    merged = right.merge(left, on=keys, how="outer", sort=False)
    order = pd.concat([right[keys], left[keys]]).drop_duplicates()
    table = order.merge(merged, on=keys, how="left")
    for end, column in (("", "ours"), (" low", "low"), (" high", "high")):
        table[f"difference{end}"] = table[column] - table["published"]
    return table[[*keys, *NUMBERS]]


def beside_quantities(
    ours: pd.DataFrame, printed: pd.DataFrame, *, keys: Sequence[str], columns: dict[str, str]
) -> pd.DataFrame:
    """The same for a wide published table, one row per key and `quantity`; `columns` as in `quantities`."""
    long = quantities(printed.astype(dict.fromkeys(columns, float)), keys=keys, columns=columns)
    return beside(ours, long, keys=[*keys, "quantity"])


def check_columns(table: pd.DataFrame, wanted: Sequence[str], what: str):
    """Refuses a table that lacks a column."""
    missing = [name for name in wanted if name not in table]
    if missing:
        raise UserError(f"expected {what} to have the columns {', '.join(missing)}, got {', '.join(map(str, table))}")


def per_group(
    table: pd.DataFrame, keys: Sequence[str], numbers: Callable[[pd.DataFrame], dict], columns: Sequence[str]
) -> pd.DataFrame:
    """A row per group with equal `keys`, in order of appearance: the keys, and what `numbers` says of its rows."""
    groups = table.groupby(list(keys), sort=False)
    rows = [dict(zip(keys, name, strict=True)) | numbers(rows) for name, rows in groups]
    return pd.DataFrame(rows, columns=[*keys, *columns])


def with_interval(mean: float, sd: float, count: int) -> dict[str, float]:
    """A mean of so many values as `beside` takes it, with Student's 95 % interval; none of a single value."""
    if count < 2:
        return {"ours": mean, "low": np.nan, "high": np.nan}
    low, high = Comparison(difference=mean, error=sd / np.sqrt(count), freedom=count - 1).interval()
    return {"ours": mean, "low": low, "high": high}


def measured(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of a table that we have a number for."""
    return table[table["ours"].notna()]


def unmeasured(table: pd.DataFrame) -> pd.DataFrame:
    """The published rows that we have no number for."""
    return table[table["ours"].isna()]


def show(table: pd.DataFrame, *, digits: int | None = None, differences: bool = True) -> pd.DataFrame:
    """The table as text: `not run` where we have no number, `not printed` where the paper has none.

    Numbers have three significant digits, or so many decimals. Without `differences` they only stand side by side.
    """
    keys = [name for name in table if name not in NUMBERS]
    text = table[keys].copy()
    text["ours"] = [_number(value, digits, NOT_RUN) for value in table["ours"]]
    text["95 % interval"] = _intervals(table["low"], table["high"], digits)
    text["published"] = [_number(value, digits, NOT_PRINTED) for value in table["published"]]
    if differences:
        text["difference"] = [_number(value, digits, "", sign="+") for value in table["difference"]]
        moved = _intervals(table["difference low"], table["difference high"], digits, sign="+")
        text["interval of the difference"] = moved
    return text


def _number(value, digits, empty, sign="") -> str:
    if pd.isna(value):
        return empty
    if digits is None:
        text = words.number(float(value))
        return f"+{text}" if sign and value > 0 else text
    return f"{round(float(value), digits) + 0.0:{sign}.{digits}f}"


def _intervals(low, high, digits, sign="") -> list[str]:
    return [
        words.DASH if pd.isna(a) or pd.isna(b) else f"{_number(a, digits, '', sign)} to {_number(b, digits, '', sign)}"
        for a, b in zip(low, high, strict=True)
    ]


def quantities(
    rows: pd.DataFrame, *, keys: Sequence[str], columns: dict[str, str], name: str = "published"
) -> pd.DataFrame:
    """A wide published table, one row per key and quantity; `columns` maps printed columns to quantities."""
    long = (
        rows[[*keys, *columns]].rename(columns=columns).melt(id_vars=list(keys), var_name="quantity", value_name=name)
    )
    place = pd.Categorical(long["quantity"], categories=list(columns.values()), ordered=True).codes
    row = np.tile(np.arange(len(rows)), len(columns))
    return long.iloc[np.lexsort((place, row))].reset_index(drop=True)
