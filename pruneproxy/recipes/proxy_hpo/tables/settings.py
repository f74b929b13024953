"""What was searched, which settings were found, and what became of the networks."""

import numpy as np
import pandas as pd

from pruneproxy.importance import fanova
from pruneproxy.published import read
from pruneproxy.recipes.proxy_hpo.experiments import READINGS, source
from pruneproxy.recipes.proxy_hpo.quantities import scaled
from pruneproxy.recipes.proxy_hpo.tables.costs import PERCENT


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
    rows = []
    for name, group in curves.groupby(["network", "title", "dataset"], sort=False):
        table = group.groupby(["arm", "epoch"])["train_loss"].agg(["mean", "std"])
        if {"target", "proxy"} <= set(group["arm"]):
            full, narrow = table.loc["target"], table.loc["proxy"]
            gap, bands = narrow["mean"] - full["mean"], narrow["std"] + full["std"]
            rows.append(
                dict(zip(("network", "title", "dataset"), name, strict=True))
                | {"seeds": group["seed"].nunique(), "epochs": len(gap)}
                | {"full, first": full["mean"].iloc[0], "copy, first": narrow["mean"].iloc[0]}
                | {"full, last": full["mean"].iloc[-1], "copy, last": narrow["mean"].iloc[-1]}
                | {"copy higher": (gap > 0).mean()}
                | {"bands overlap": (gap.abs() <= bands).mean() if bands.notna().all() else np.nan}
            )
    columns = [
        "network",
        "title",
        "dataset",
        "seeds",
        "epochs",
        "full, first",
        "copy, first",
        "full, last",
        "copy, last",
    ]
    return pd.DataFrame(rows, columns=[*columns, "copy higher", "bands overlap"])


def importances(trials: pd.DataFrame, winners: pd.DataFrame) -> pd.DataFrame:
    """How much each of five hyperparameters matters to a search, and how widely its selected values spread.

    `importance` is the share of the variance of a search's accuracies that the hyperparameter explains alone
    (`fanova` over the mean), the mean over searches; `spread` is the deviation of the selected values over the range
    that was tried. A search counts if four of its trials or more ran to their end; both columns are computed on the
    scale on which the hyperparameter was searched.
    """
    done = trials[(trials["experiment"] == "five") & (trials["state"] == "complete") & trials["value"].notna()]
    once = winners[winners["experiment"] == "five"].drop_duplicates("search_id")
    labels = ["network", "dataset", "source"]
    rows = []
    for name, group in once.groupby(labels, sort=False):
        mine = done[np.logical_and.reduce([done[key] == value for key, value in zip(labels, name, strict=True)])]
        ranges = np.ptp(scaled(done[(done["network"] == name[0]) & (done["dataset"] == name[1])]), axis=0)
        effects = {
            seed: fanova(scaled(part), part["value"], over="mean")["importance"]
            for seed, part in mine.groupby("search_seed")
            if len(part) >= FEWEST_TRIALS and seed in set(group["search_seed"])
        }
        if effects:
            values = scaled(group.set_index("search_seed").loc[list(effects)]) / np.where(ranges > 0, ranges, 1)
            found = pd.DataFrame({"importance": pd.DataFrame(effects).mean(axis=1), "spread": values.std()})
            about = dict(zip(labels, name, strict=True)) | {"searches": len(effects)}
            rows += [about | {"hyperparameter": key} | row for key, row in found.to_dict("index").items()]
    return pd.DataFrame(rows, columns=[*labels, "hyperparameter", "importance", "spread", "searches"])


FEWEST_TRIALS = 4


def hyperparameters(winners: pd.DataFrame) -> pd.DataFrame:
    """Fig. 3 as numbers: mean and deviation of each selected hyperparameter per arm, and the distance of the means.

    The distance is in pooled standard deviations; learning rate, weight decay, batch size and decay factor are
    compared as decimal logarithms, on which they were searched.
    """
    once = winners[winners["experiment"] == "five"].drop_duplicates("search_id")
    values = {arm: scaled(group) for arm, group in once.groupby("arm")}
    rows = []
    for name, logged in SELECTED.items() if {"target", "proxy"} <= set(values) else ():
        sides = [values[arm][name] for arm in ("proxy", "target")]
        pooled = np.sqrt(np.mean([side.var(ddof=1) for side in sides])) if min(map(len, sides)) > 1 else np.nan
        rows.append(
            {
                "hyperparameter": f"log10 {name}" if logged else name,
                "target": sides[1].mean(),
                "proxy": sides[0].mean(),
                "distance in pooled sd": abs(sides[0].mean() - sides[1].mean()) / pooled if pooled else np.nan,
            }
        )
    return pd.DataFrame(rows, columns=["hyperparameter", "target", "proxy", "distance in pooled sd"])


SELECTED = {"lr": True, "weight_decay": True, "batch_size": True, "decay_factor": True, "momentum": False}


def space_table(case) -> pd.DataFrame:
    """Table 2: the ranges that are searched here, beside the printed ones."""
    printed = read("proxy_hpo", "table-2").set_index("parameter")
    names = {
        "lr": "learning rate",
        "batch_size": "batch size",
        "weight_decay": "weight decay",
        "decay_factor": "learning rate decay",
        "momentum": "SGD momentum",
    }
    rows = [
        {
            "hyperparameter": name,
            "here": "{:g} to {:g}".format(*getattr(case, name)),
            "scale": "linear" if name == "momentum" else case.spacing,
            "published": f"{float(printed.loc[known, 'low']):g} to {float(printed.loc[known, 'high']):g}",
        }
        for name, known in names.items()
    ]
    return pd.DataFrame(rows)


def readings(table: pd.DataFrame) -> pd.DataFrame:
    """What each reading of the pruning method leaves of a network: shares of channels, costs and measured time."""
    rows = table.assign(reading=table["source"].map(READINGS))
    return rows[["title", "source", "reading", "channels", "multiplications", "parameters", "time"]]


def kept_channels(widths: pd.DataFrame) -> pd.DataFrame:
    """Channels kept per group of every pruned network."""
    return widths[["network", "title", "group", "kind", "width", "kept", "share"]]


def with_total(widths: dict[str, dict[str, int]]) -> pd.DataFrame:
    """Numbers of channels per group, one column per name of `widths`, and their sums in a last row."""
    table = pd.DataFrame(widths).rename_axis("group")
    return pd.concat([table, table.sum().to_frame("all").T]).rename_axis("group")
