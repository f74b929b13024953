"""Searches on a network and on its stand-in side by side, and the tests that the paper lacks."""

from collections.abc import Sequence

import pandas as pd

from pruneproxy import stats
from pruneproxy.evidence.tables import per_group
from pruneproxy.recipes.proxy_hpo.reanalysis import CELL, COMPARISON, JUDGED, MARGINS, judged, name_of_test


def by_search(winners: pd.DataFrame) -> pd.DataFrame:
    """One row per search: the mean accuracy of the trainings with its best settings."""
    keys = [*CELL, "case", "title", "experiment", "source", "arm", "search_seed"]
    return winners.groupby(keys, sort=False)[["top1", "search_seconds", "search_multiplications"]].mean().reset_index()


def paired(winners: pd.DataFrame, *, against: str = "itself") -> pd.DataFrame:
    """Every search beside the one with the same seed on the full network: `top1`, `typical`, and their difference.

    `against` names the source that is compared with; rows whose partner was not run are left out.
    """
    searches = by_search(winners)
    base = searches[searches["source"] == against].set_index([*CELL, "experiment", "search_seed"])
    rows = searches[searches["source"] != against]
    found = rows.join(
        base[["top1", "search_seconds", "search_multiplications"]].add_prefix("typical "),
        on=[*CELL, "experiment", "search_seed"],
        how="inner",
    ).rename(columns={"typical top1": "typical"})
    return found.assign(difference=found["top1"] - found["typical"]).reset_index(drop=True)


def differences(pairs: pd.DataFrame, *, keys: Sequence[str] = (*CELL, "source")) -> pd.DataFrame:
    """Per cell: both means and deviations over searches, the seed-paired difference with its 95 % t interval, and p.

    `p 0.5` and `p 1` are of equivalence within that margin, `p worse` of a loss; a cell with one search has neither
    interval nor p.
    """
    return per_group(pairs, keys, _compared, COMPARED)


COMPARED = ["searches", "typical", "typical sd", "proxy", "proxy sd", "difference", "low", "high"]
COMPARED += [*(f"p {margin:g}" for margin in MARGINS), "p worse"]


def _compared(group: pd.DataFrame) -> dict:
    proxy, typical = group["top1"].to_numpy(), group["typical"].to_numpy()
    row = {
        "searches": len(group),
        "typical": typical.mean(),
        "typical sd": group["typical"].std(),
        "proxy": proxy.mean(),
        "proxy sd": group["top1"].std(),
        "difference": (proxy - typical).mean(),
    }
    if len(group) < 2:
        return row
    compared = stats.seed_paired(proxy, typical)
    low, high = compared.interval()
    p = {f"p {margin:g}": stats.p_value(compared, "equivalent", margin=margin) for margin in MARGINS}
    return row | {"low": low, "high": high, **p, "p worse": stats.p_value(compared, "worse")}


def decisions(pairs: pd.DataFrame, *, margins: Sequence[float] = MARGINS, alpha: float = 0.05) -> pd.DataFrame:
    """What the seeds of `paired` show about each cell: equivalent, non-inferior, better or worse.

    One row per cell, margin and hypothesis, without and with Holm's correction over the cells, as in
    `reanalysis.judged`; cells with one search are left out.
    """
    repeated = pairs[pairs.groupby(CELL)["top1"].transform("size") > 1]
    if repeated.empty:
        return pd.DataFrame(columns=[*CELL, *JUDGED])
    compared = per_group(
        repeated, CELL, lambda rows: vars(stats.seed_paired(rows["top1"], rows["typical"])), COMPARISON
    )
    return judged(compared, margins=margins, alpha=alpha)


def decided(table: pd.DataFrame) -> pd.DataFrame:
    """`decisions`, or `reanalysis.judged`, one row per cell and one column of Holm's p per hypothesis and margin."""
    names = list(map(name_of_test, table["hypothesis"], table["margin"]))
    wide = table.assign(name=names).pivot(index=CELL, columns="name", values="p_holm")
    order = pd.MultiIndex.from_frame(table[CELL].drop_duplicates())
    return wide.loc[order, list(dict.fromkeys(names))].rename_axis(columns=None)


def optimism(winners: pd.DataFrame) -> pd.DataFrame:
    """How much higher the best trial of a search on the network itself scored than its settings on the other split."""
    own = winners[winners["source"] == "itself"]
    means = own.groupby([*CELL, "search_seed"], sort=False)[["validation", "top1"]].mean()
    found = (
        means.groupby(CELL, sort=False).mean().rename(columns={"validation": "best trial", "top1": "on the test split"})
    )
    return found.assign(optimism=found["best trial"] - found["on the test split"]).reset_index()
