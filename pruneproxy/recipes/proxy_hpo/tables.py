"""Every table of the paper's results from records, beside the published one, and the statistics that it lacks."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pruneproxy import stats
from pruneproxy.importance import main_effects
from pruneproxy.published import read
from pruneproxy.recipes.proxy_hpo import reanalysis
from pruneproxy.recipes.proxy_hpo.claims.study import scaled
from pruneproxy.recipes.proxy_hpo.experiments import READINGS, source
from pruneproxy.tables import beside, quantities

CELL = ["dataset", "optimizer", "network"]
MARGINS = (0.5, 1.0)  # points
PRINTED_OPTIMIZERS = {"TPE": "tpe", "BO": "gp", "CMA-ES": "cma-es"}
PRINTED_NETWORKS = {"ResNet56": "resnet56", "VGG16-BN": "vgg16_bn", "MobileNetV2": "mobilenet_v2"}
PRINTED_METHODS = {"NM": "neuron-merging", "NS": "network-slimming", "3SP": "3sp", "Ours": "synflow"}
PERCENT = 100


def published(table: str) -> pd.DataFrame:
    """A printed table with the paper's networks and optimizers by the names of this package."""
    return read("proxy_hpo", table).replace(
        {
            "neural_network": PRINTED_NETWORKS,
            "hyperparameter_optimizer": PRINTED_OPTIMIZERS,
            "model": PRINTED_NETWORKS,
            "target_network": PRINTED_NETWORKS,
            "source_network": PRINTED_NETWORKS,
            "pruning_method": PRINTED_METHODS,
        }
    )


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
    rows = [
        dict(zip(keys, name, strict=True)) | _compared(group) for name, group in pairs.groupby(list(keys), sort=False)
    ]
    return pd.DataFrame(rows, columns=[*keys, *_COMPARED])


_COMPARED = ["searches", "typical", "typical sd", "proxy", "proxy sd", "difference", "low", "high"]
_COMPARED += [*(f"p {margin:g}" for margin in MARGINS), "p worse"]


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
    rows = [
        dict(zip(CELL, name, strict=True)) | vars(stats.seed_paired(group["top1"], group["typical"]))
        for name, group in pairs.groupby(CELL, sort=False)
        if len(group) > 1
    ]
    if not rows:
        return pd.DataFrame(columns=[*CELL, "difference", "hypothesis", "margin", *_JUDGED])
    return reanalysis.judged(pd.DataFrame(rows), margins=margins, alpha=alpha)


_JUDGED = ["p", "shown", "p_holm", "shown_holm"]


def decided(table: pd.DataFrame) -> pd.DataFrame:
    """`decisions`, or `reanalysis.judged`, one row per cell and one column of Holm's p per hypothesis and margin."""
    names = [
        hypothesis if pd.isna(margin) else f"{hypothesis} within {margin:g}"
        for hypothesis, margin in zip(table["hypothesis"], table["margin"], strict=True)
    ]
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
            before = PERCENT * case.epochs * step["itself"] / whole["itself"]
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


def table_1(winners: pd.DataFrame) -> pd.DataFrame:
    """Table 1: accuracy of the full network with settings found on copies that other methods pruned."""
    printed = published("table-1").rename(columns={"pruning_method": "source", "model": "network"})
    columns = {"typical_hpo_accuracy_pct": "typical", "with_pruning_accuracy_pct": "with pruning"}
    keys = ["network", "dataset", "source"]
    found = _same_experiment(winners[winners["optimizer"] == "tpe"], ("main", "feasibility"))
    cells = differences(paired(found), keys=keys) if len(found) else pd.DataFrame(columns=[*keys, *_COMPARED])
    return beside(_two_arms(cells, keys), quantities(printed, keys=keys, columns=columns), keys=[*keys, "quantity"])


def _same_experiment(winners: pd.DataFrame, names: Sequence[str]) -> pd.DataFrame:
    """The rows of some experiments as if of one, so that they share the searches on the full network."""
    return winners[winners["experiment"].isin(names)].assign(experiment=names[0])


def table_3(winners: pd.DataFrame) -> pd.DataFrame:
    """Table 3: accuracy after a search on the full network and on its pruned copy, each with a t interval."""
    printed = published("table-3").rename(
        columns={"hyperparameter_optimizer": "optimizer", "neural_network": "network"}
    )
    columns = {
        "typical_hpo_val_accuracy_mean_pct": "typical",
        "with_pruning_val_accuracy_mean_pct": "with pruning",
        "derived_difference_points": "with pruning minus typical",
    }
    printed = printed.assign(derived_difference_points=printed["derived_difference_points"].astype(float))
    cells = differences(paired(winners[winners["experiment"] == "main"]), keys=CELL)
    ours = pd.concat([_two_arms(cells, CELL), _difference(cells, CELL)])
    return beside(ours, quantities(printed, keys=CELL, columns=columns), keys=[*CELL, "quantity"])


def _two_arms(cells: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """The typical and the proxy column of `differences`, each with its own t interval over searches."""
    rows = []
    for row in cells.to_dict("records"):
        for quantity, name in (("typical", "typical"), ("with pruning", "proxy")):
            reach = np.nan
            if row["searches"] > 1:
                freedom = row["searches"] - 1
                error = row[f"{name} sd"] / np.sqrt(row["searches"])
                reach = stats.Comparison(difference=0.0, error=error, freedom=freedom).interval()[1]
            mean = row[name]
            rows.append(
                {key: row[key] for key in keys}
                | {"quantity": quantity, "ours": mean, "low": mean - reach, "high": mean + reach}
            )
    return pd.DataFrame(rows, columns=[*keys, "quantity", "ours", "low", "high"])


def _difference(cells: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    rows = cells.rename(columns={"difference": "ours"}).assign(quantity="with pruning minus typical")
    return rows[[*keys, "quantity", "ours", "low", "high"]]


def time_reduction(timings: pd.DataFrame) -> pd.DataFrame:
    """Per network and batch size, percent saved by the pruned copy: time with its spread, multiplications, parameters.

    The time is the median over the passes, which the two networks took in turns; `low` and `high` are the quartiles of
    the reduction from pass to pass, `95 low` and `95 high` the interval of the median's from resampled passes.
    """
    keys = ["case", "network", "title", "dataset", "batch_size"]
    rows = []
    for name, group in timings.groupby(keys, sort=False):
        full, narrow = (group[group["arm"] == arm].iloc[0] for arm in ("target", "proxy"))
        each = _saved(np.array(narrow["samples"]), np.array(full["samples"]))
        rows.append(
            dict(zip(keys, name, strict=True))
            | {
                "full ms": 1000 * full["seconds"],
                "narrow ms": 1000 * narrow["seconds"],
                "time": _saved(narrow["seconds"], full["seconds"]),
                "low": np.quantile(each, 0.25),
                "high": np.quantile(each, 0.75),
                **dict(zip(_ENDS, _resampled(narrow["samples"], full["samples"]), strict=True)),
                "multiplications": _saved(narrow["multiplications"], full["multiplications"]),
                "parameters": _saved(narrow["parameters"], full["parameters"]),
            }
        )
    columns = ["full ms", "narrow ms", "time", "low", "high", *_ENDS, "multiplications", "parameters"]
    return pd.DataFrame(rows, columns=[*keys, *columns])


_ENDS = ("95 low", "95 high")


def _saved(narrow, full):
    return PERCENT * (1 - narrow / full)


def _resampled(narrow: Sequence[float], full: Sequence[float], *, replicates: int = 2000) -> np.ndarray:
    """The 95 % interval of the percentage that the median saves, from resampled pairs of passes; NaN for one pass."""
    if len(full) < 2:
        return np.full(2, np.nan)
    picks = np.random.default_rng(0).integers(len(full), size=(replicates, len(full)))
    medians = [np.median(np.asarray(times)[picks], axis=1) for times in (narrow, full)]
    return np.quantile(_saved(*medians), [0.025, 0.975])


def table_3_time(timings: pd.DataFrame) -> pd.DataFrame:
    """The last column of Table 3: percent of the forward and backward time that pruning saves, at the middle batch."""
    rows = time_reduction(timings)
    keys = ["dataset", "network", "quantity"]
    middle = rows.groupby(["dataset", "network"], sort=False)["batch_size"].transform(
        lambda sizes: sorted(sizes)[len(sizes) // 2]
    )
    ours = rows[rows["batch_size"] == middle].drop(columns=["low", "high"])
    ours = ours.rename(columns={"time": "ours", "95 low": "low", "95 high": "high"}).assign(quantity="time reduction")
    printed = published("table-3").rename(columns={"neural_network": "network"})
    printed = printed.drop_duplicates(["dataset", "network"])
    long = quantities(printed, keys=keys[:2], columns={"time_reduction_pct": "time reduction"})
    return beside(ours[[*keys, "ours", "low", "high"]], long, keys=keys)


def table_4(winners: pd.DataFrame) -> pd.DataFrame:
    """Table 4: the deep network with settings of its pruned copy (the baseline) and of shallower family members."""
    found = _same_experiment(winners[winners["optimizer"] == "tpe"], ("main", "family"))
    searched = found.loc[_family(found["source"]), "case"]
    found = found[(found["source"] == "synflow") & found["case"].isin(searched) | _family(found["source"])]
    printed = published("table-4").rename(
        columns={"target_network": "network", "source_network": "source", "val_accuracy_mean_pct": "accuracy"}
    )
    printed["source"] = printed["source"].replace({"ResNet56 with pruning (baseline)": "synflow"}).str.lower()
    keys = ["network", "dataset", "source"]
    return beside(
        _means(found, keys), quantities(printed, keys=keys, columns={"accuracy": "accuracy"}), keys=[*keys, "quantity"]
    )


def _family(sources: pd.Series) -> pd.Series:
    return sources.str.fullmatch(r"resnet\d+")


def table_5(winners: pd.DataFrame) -> pd.DataFrame:
    """Table 5: each network with settings of its own pruned copy and of the other networks' copies."""
    found = winners[winners["experiment"] == "cross"]
    printed = published("table-5").rename(
        columns={"target_network": "network", "source_network": "source", "val_accuracy_corrected_pct": "accuracy"}
    )
    own = printed["source"].str.endswith("with pruning")
    printed["source"] = printed["source"].mask(own, "synflow")
    keys = ["network", "dataset", "source"]
    return beside(
        _means(found, keys), quantities(printed, keys=keys, columns={"accuracy": "accuracy"}), keys=[*keys, "quantity"]
    )


def transfers(winners: pd.DataFrame, *, against: str = "itself") -> pd.DataFrame:
    """Every TPE search whose settings the network was trained with, of Tables 3, 4 and 5 together, as in `paired`.

    The difference is the source's accuracy minus that of `against` with the same search seed; its negative is the
    regret of the source.
    """
    found = _same_experiment(winners[winners["optimizer"] == "tpe"], ("main", "family", "cross"))
    return paired(found.drop_duplicates([*CELL, "source", "search_seed", "seed"]), against=against)


def gaps(winners: pd.DataFrame) -> pd.DataFrame:
    """Tables 4 and 5 as gaps: accuracy with settings of another network minus that with those of the own copy."""
    keys = ["network", "dataset", "source"]
    pairs = transfers(winners, against="synflow")
    cells = differences(pairs[pairs["source"] != "itself"], keys=keys)
    ours = cells.rename(columns={"difference": "ours"}).assign(quantity="gap")
    printed = [
        published(table).rename(columns={"target_network": "network", "source_network": "source", column: "gap"})
        for table, column in (
            ("table-4", "derived_difference_to_baseline_points"),
            ("table-5", "derived_gap_points"),
        )
    ]
    rows = pd.concat([table[[*keys, "gap"]] for table in printed])
    rows = rows[~rows["source"].str.contains("with pruning")].astype({"gap": float})
    rows["source"] = rows["source"].str.lower()
    return beside(
        ours[[*keys, "quantity", "ours", "low", "high"]],
        quantities(rows, keys=keys, columns={"gap": "gap"}),
        keys=[*keys, "quantity"],
    )


def _means(winners: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Mean accuracy over searches per key, with its t interval."""
    rows = []
    if len(winners):
        for name, group in by_search(winners).groupby(list(keys), sort=False):
            values = group["top1"].to_numpy()
            row = dict(zip(keys, name, strict=True)) | {"quantity": "accuracy", "ours": values.mean()}
            if values.size > 1:
                found = stats.summary(values)
                error = found.sd / np.sqrt(found.n)
                ends = stats.Comparison(difference=found.mean, error=error, freedom=found.n - 1).interval()
                row |= dict(zip(("low", "high"), ends, strict=True))
            rows.append(row)
    return pd.DataFrame(rows, columns=[*keys, "quantity", "ours", "low", "high"])


def five(winners: pd.DataFrame) -> pd.DataFrame:
    """The search over five hyperparameters (Sec. 5.3): both arms and their difference beside the printed numbers."""
    keys = ["network", "dataset"]
    cells = differences(paired(winners[winners["experiment"] == "five"]), keys=keys)
    ours = pd.concat([_two_arms(cells, keys), _difference(cells, keys)])
    typical, pruned = read("proxy_hpo", "text-5.3")["val_accuracy_mean_pct"]
    printed = pd.DataFrame(
        {
            "network": "resnet56",
            "dataset": "CIFAR100",
            "quantity": ["typical", "with pruning", "with pruning minus typical"],
            "published": [typical, pruned, pruned - typical],
        }
    )
    return beside(ours, printed, keys=[*keys, "quantity"])


def five_minus_three(winners: pd.DataFrame) -> pd.DataFrame:
    """What searching two hyperparameters more, in more trials, does to each kind of search (Sec. 5.3, Table 3)."""
    keys = ["network", "dataset", "arm"]
    rows = _same_experiment(winners[winners["optimizer"] == "tpe"], ("main", "five"))
    rows = rows.assign(source=winners["experiment"])
    rows = rows[rows.groupby(["case", "arm"])["source"].transform("nunique") == 2]
    pairs = [paired(group, against="main") for _, group in rows.groupby("arm", sort=False)]
    cells = differences(pd.concat(pairs), keys=keys) if pairs else pd.DataFrame(columns=[*keys, *_COMPARED])
    ours = pd.concat([_two_arms(cells, keys), _difference(cells, keys)])
    ours["quantity"] = ours["quantity"].replace(
        {"typical": "three", "with pruning": "five", "with pruning minus typical": "five minus three"}
    )
    more = read("proxy_hpo", "text-5.3")["val_accuracy_mean_pct"].to_numpy()
    three = published("table-3").set_index(["dataset", "hyperparameter_optimizer", "neural_network"])
    names = ["typical_hpo_val_accuracy_mean_pct", "with_pruning_val_accuracy_mean_pct"]
    three = three.loc[("CIFAR100", "tpe", "resnet56"), names].to_numpy(dtype=float)
    printed = pd.DataFrame({"network": "resnet56", "dataset": "CIFAR100", "arm": ["target", "proxy"]}).assign(
        **{"three": three, "five": more, "five minus three": more - three}
    )
    columns = {name: name for name in ("three", "five", "five minus three")}
    return beside(ours, quantities(printed, keys=keys, columns=columns), keys=[*keys, "quantity"])


def importances(trials: pd.DataFrame, winners: pd.DataFrame) -> pd.DataFrame:
    """How much each of five hyperparameters matters to a search, and how widely its selected values spread.

    `importance` is the share of the variance of a search's accuracies that the hyperparameter explains alone
    (`importance.main_effects`), the mean over searches; `spread` is the deviation of the selected values over the range
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
            seed: main_effects(scaled(part), part["value"])
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


def savings(pairs: pd.DataFrame) -> pd.DataFrame:
    """What whole searches on a proxy saved, in percent: measured seconds of the trials, and multiplications."""
    rows = pairs.assign(
        **{
            "seconds saved": _saved(pairs["search_seconds"], pairs["typical search_seconds"]),
            "multiplications saved": _saved(pairs["search_multiplications"], pairs["typical search_multiplications"]),
        }
    )
    columns = ["seconds saved", "multiplications saved"]
    found = rows.groupby([*CELL, "source"], sort=False)[columns].agg(["mean", "min", "max"])
    return found.set_axis([f"{name} {kind}" for name, kind in found.columns], axis=1).reset_index()


def hyperparameters(winners: pd.DataFrame) -> pd.DataFrame:
    """Fig. 3 as numbers: mean and deviation of each selected hyperparameter per arm, and the distance of the means.

    The distance is in pooled standard deviations; learning rate, weight decay, batch size and decay factor are
    compared as decimal logarithms, on which they were searched.
    """
    once = winners[winners["experiment"] == "five"].drop_duplicates("search_id")
    rows = []
    for name, logged in SELECTED.items():
        values = {arm: _scaled(group[name], logged) for arm, group in once.groupby("arm")}
        if set(values) != {"target", "proxy"}:
            continue
        sides = [values["proxy"], values["target"]]
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


def _scaled(values: pd.Series, logged: bool) -> np.ndarray:
    values = values.to_numpy(dtype=float)
    return np.log10(values) if logged else values


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
