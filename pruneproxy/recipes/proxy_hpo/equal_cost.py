"""What proxies at equal cost come to, in sentences."""

from collections.abc import Mapping

import pandas as pd

from pruneproxy.evidence import words
from pruneproxy.recipes.recipe import data_title
from pruneproxy.runs.records import select
from pruneproxy.stats import proxies

PRUNED = "pruned"


def rivals(table: pd.DataFrame) -> pd.DataFrame:
    """The rows of `proxies.at_cost` that take no more time than the pruned copy and are not pruned, best first."""
    pruned = table.set_index("proxy").loc[PRUNED]
    others = table[~table["proxy"].str.contains("prun") & (table["proxy"] != proxies.ANOTHER_SEED)]
    return others[others["seconds"] <= pruned["seconds"]].sort_values("correlation", ascending=False)


def tables(found) -> dict[str, pd.DataFrame]:
    """What every proxy is worth (`proxies.at_cost`), by network and data set, in a paper's `Standing`."""
    specs = [spec for case in found.cases for spec in found.recipe.grid(case)]
    configs = found.recipe.frame(select(found.store, specs), found.cases).configs
    names = {case.key: f"{found.recipe.ran(case)} on {data_title(case.base.data.name)}" for case in found.cases}
    run = {} if configs.empty else dict(list(configs.groupby("case", sort=False)))
    return {names[key]: proxies.at_cost(rows) for key, rows in run.items() if proxies.TARGET in set(rows["proxy"])}


def said(tables: Mapping[str, pd.DataFrame]) -> list[str]:
    """For every network what its pruned copy costs and gives, and whether something as cheap does as well."""
    known = {name: table for name, table in tables.items() if PRUNED in set(table["proxy"])}
    return [_of_one(name, table) for name, table in known.items()] or ["No pruned copy has been tried at this scale."]


def _of_one(name: str, table: pd.DataFrame) -> str:
    pruned, others = table.set_index("proxy").loc[PRUNED], rivals(table)
    line = (
        f"{name}: the pruned copy trains in {words.number(100 * pruned['seconds'])} percent of the time, orders "
        f"settings with a rank correlation of {_with_interval(pruned, 'correlation')} and loses "
        f"{_with_interval(pruned, 'regret')} points; "
    )
    if others.empty:
        return f"{line}nothing else that was tried is as cheap."
    best = others.iloc[0]
    better = "no worse" if best["correlation"] >= pruned["correlation"] else "worse"
    return f"{line}the best of what is as cheap, {best['proxy']}, is {better} at {_with_interval(best, 'correlation')}."


def _with_interval(row: pd.Series, name: str) -> str:
    interval = words.interval((row[f"{name} low"], row[f"{name} high"]))
    return f"{words.number(row[name])} ({interval})"
