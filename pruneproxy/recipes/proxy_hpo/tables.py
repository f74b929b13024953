"""Every table of the paper's results from records, beside the published one, and the statistics that it lacks."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pruneproxy import stats
from pruneproxy.published import read
from pruneproxy.recipes.proxy_hpo.experiments import READINGS
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
    the reduction from pass to pass.
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
                "multiplications": _saved(narrow["multiplications"], full["multiplications"]),
                "parameters": _saved(narrow["parameters"], full["parameters"]),
            }
        )
    return pd.DataFrame(
        rows, columns=[*keys, "full ms", "narrow ms", "time", "low", "high", "multiplications", "parameters"]
    )


def _saved(narrow, full):
    return PERCENT * (1 - narrow / full)


def table_3_time(timings: pd.DataFrame) -> pd.DataFrame:
    """The last column of Table 3: percent of the forward and backward time that pruning saves, at the middle batch."""
    rows = time_reduction(timings)
    keys = ["dataset", "network", "quantity"]
    middle = rows.groupby(["dataset", "network"], sort=False)["batch_size"].transform(
        lambda sizes: sorted(sizes)[len(sizes) // 2]
    )
    ours = rows[rows["batch_size"] == middle].rename(columns={"time": "ours"}).assign(quantity="time reduction")
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
