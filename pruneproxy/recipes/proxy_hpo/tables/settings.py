"""What was searched, which settings were found, and what became of the networks."""

import numpy as np
import pandas as pd

from pruneproxy.evidence.tables import per_group
from pruneproxy.published import read
from pruneproxy.recipes.proxy_hpo.experiments import READINGS, source
from pruneproxy.recipes.proxy_hpo.quantities import finished, importance_of_searches, scaled
from pruneproxy.recipes.proxy_hpo.tables.costs import PERCENT

SELECTED = {"lr": True, "weight_decay": True, "batch_size": True, "decay_factor": True, "momentum": False}  # as logs


def copies(trials: pd.DataFrame, cases) -> pd.DataFrame:
    """Per method that prunes, percent of multiplications: of a step that is left, of a whole search, of what it needs.

    All are relative to the network itself; "before" is the training of the full network that a method needs before it
    can prune, relative to a whole search on it. Of TPE's searches, means over seeds.
    """
    rows = []
    for case in cases:
        mine = trials[(trials["case"] == case.key) & trials["experiment"].isin(("main", "feasibility"))]
        mine = mine[mine["optimizer"] == "tpe"]
        step = (mine["multiplications"] / mine["epochs"]).groupby(mine["source"], sort=False).median()
        whole = mine.groupby(["source", "search_seed"])["multiplications"].sum().groupby("source").mean()
        if "itself" in step:
            before = PERCENT * case.base.train.epochs * step["itself"] / whole["itself"]
            rows += [
                {"title": case.title, "dataset": case.dataset, "source": name}
                | {"a step": PERCENT * step[name] / step["itself"], "a search": PERCENT * whole[name] / whole["itself"]}
                | {"before": before if source(case, name, 0).scoring_run else 0.0}
                for name in step.index.drop("itself")
            ]
    return pd.DataFrame(rows, columns=["title", "dataset", "source", "a step", "a search", "before"])


def training_losses(curves: pd.DataFrame) -> pd.DataFrame:
    """Fig. 2 as numbers: mean training loss of both networks at the first and the last epoch.

    With them the share of the epochs in which the copy's mean is higher, and in which the bands of one deviation
    overlap (unknown for one seed).
    """
    keys = ["network", "title", "dataset"]
    columns = ["seeds", "epochs", "full, first", "copy, first", "full, last", "copy, last", "copy higher"]
    both = curves.groupby(keys)["arm"].transform("nunique") == 2
    return per_group(curves[both], keys, _losses, [*columns, "bands overlap"])


def _losses(curves: pd.DataFrame) -> dict:
    table = curves.groupby(["arm", "epoch"])["train_loss"].agg(["mean", "std"])
    full, narrow = table.loc["target"], table.loc["proxy"]
    gap, bands = narrow["mean"] - full["mean"], narrow["std"] + full["std"]
    ends = {
        f"{name}, {end}": side["mean"].iloc[place]
        for name, side in (("full", full), ("copy", narrow))
        for end, place in (("first", 0), ("last", -1))
    }
    overlap = (gap.abs() <= bands).mean() if bands.notna().all() else np.nan
    about = {"seeds": curves["seed"].nunique(), "epochs": len(gap)}
    return about | ends | {"copy higher": (gap > 0).mean(), "bands overlap": overlap}


def importances(trials: pd.DataFrame, winners: pd.DataFrame) -> pd.DataFrame:
    """How much each of five hyperparameters matters to a search, and how widely its selected values spread.

    Means and deviations over the searches of `importance_of_searches`, in which four trials or more ran to their end.
    """
    done, once = finished(trials), winners[winners["experiment"] == "five"].drop_duplicates("search_id")
    labels = ["network", "dataset", "source"]
    rows = []
    for name, group in once.groupby(labels, sort=False):
        here = done[(done["network"] == name[0]) & (done["dataset"] == name[1])]
        selected = scaled(group.set_index("search_seed"))
        shares, values = importance_of_searches(here[here["source"] == name[2]], selected, np.ptp(scaled(here), axis=0))
        found = pd.DataFrame({"importance": shares.mean(), "spread": values.std()}) if len(shares) else shares
        about = dict(zip(labels, name, strict=True)) | {"searches": len(shares)}
        rows += [about | {"hyperparameter": key} | row for key, row in found.to_dict("index").items()]
    return pd.DataFrame(rows, columns=[*labels, "hyperparameter", "importance", "spread", "searches"])


def hyperparameters(winners: pd.DataFrame) -> pd.DataFrame:
    """Fig. 3 as numbers: mean and deviation of each selected hyperparameter per arm, and the distance of the means.

    The distance is in pooled standard deviations; learning rate, weight decay, batch size and decay factor are
    compared as decimal logarithms, on which they were searched.
    """
    once = winners[winners["experiment"] == "five"].drop_duplicates("search_id")
    values = {arm: scaled(group) for arm, group in once.groupby("arm")}
    rows = []
    for name, logged in SELECTED.items() if {"target", "proxy"} <= set(values) else ():
        target, proxy = (values[arm][name] for arm in ("target", "proxy"))
        pooled = np.sqrt((target.var() + proxy.var()) / 2)  # unknown for one search
        distance = abs(proxy.mean() - target.mean()) / pooled if pooled else np.nan
        row = {"hyperparameter": f"log10 {name}" if logged else name, "target": target.mean(), "proxy": proxy.mean()}
        rows.append(row | {"distance in pooled sd": distance})
    return pd.DataFrame(rows, columns=["hyperparameter", "target", "proxy", "distance in pooled sd"])


def space_table(case) -> pd.DataFrame:
    """Table 2: the ranges that are searched here, beside the printed ones."""
    printed = read("proxy_hpo", "table-2").set_index("parameter").astype({"low": float, "high": float})
    names = {"lr": "learning rate", "batch_size": "batch size", "weight_decay": "weight decay"}
    names |= {"decay_factor": "learning rate decay", "momentum": "SGD momentum"}
    rows = [
        {
            "hyperparameter": name,
            "here": "{:g} to {:g}".format(*getattr(case, name)),
            "scale": "linear" if name == "momentum" else case.spacing,
            "published": "{:g} to {:g}".format(*printed.loc[known, ["low", "high"]]),
        }
        for name, known in names.items()
    ]
    return pd.DataFrame(rows)


def readings(table: pd.DataFrame) -> pd.DataFrame:
    """What each reading of the pruning method leaves of a network: shares of channels, costs and measured time."""
    rows = table.assign(reading=table["source"].map(READINGS))
    return rows[["title", "source", "reading", "channels", "multiplications", "parameters", "time"]]


def with_total(widths: dict[str, dict[str, int]]) -> pd.DataFrame:
    """Numbers of channels per group, one column per name of `widths`, and their sums in a last row."""
    table = pd.DataFrame(widths).rename_axis("group")
    return pd.concat([table, table.sum().to_frame("all").T]).rename_axis("group")
