"""The paper's tables of results from records, beside the printed ones."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pruneproxy import stats
from pruneproxy.evidence.tables import beside, quantities
from pruneproxy.published import read
from pruneproxy.recipes.proxy_hpo.tables.costs import time_reduction
from pruneproxy.recipes.proxy_hpo.tables.pairs import CELL, COMPARED, by_search, differences, paired

PRINTED_OPTIMIZERS = {"TPE": "tpe", "BO": "gp", "CMA-ES": "cma-es"}
PRINTED_NETWORKS = {"ResNet56": "resnet56", "VGG16-BN": "vgg16_bn", "MobileNetV2": "mobilenet_v2"}
PRINTED_METHODS = {"NM": "neuron-merging", "NS": "network-slimming", "3SP": "3sp", "Ours": "synflow"}


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


def table_1(winners: pd.DataFrame) -> pd.DataFrame:
    """Table 1: accuracy of the full network with settings found on copies that other methods pruned."""
    printed = published("table-1").rename(columns={"pruning_method": "source", "model": "network"})
    columns = {"typical_hpo_accuracy_pct": "typical", "with_pruning_accuracy_pct": "with pruning"}
    keys = ["network", "dataset", "source"]
    found = _same_experiment(winners[winners["optimizer"] == "tpe"], ("main", "feasibility"))
    cells = differences(paired(found), keys=keys) if len(found) else pd.DataFrame(columns=[*keys, *COMPARED])
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
    rows = [
        {key: row[key] for key in keys}
        | {"quantity": quantity}
        | _with_interval(row[name], row[f"{name} sd"], row["searches"])
        for row in cells.to_dict("records")
        for quantity, name in (("typical", "typical"), ("with pruning", "proxy"))
    ]
    return pd.DataFrame(rows, columns=[*keys, "quantity", "ours", "low", "high"])


def _with_interval(mean: float, deviation: float, count: int) -> dict[str, float]:
    """A mean accuracy in percent with the part of its 95 % t interval between 0 and 100; none of one value."""
    if count < 2:
        return {"ours": mean, "low": np.nan, "high": np.nan}
    compared = stats.Comparison(difference=mean, error=deviation / np.sqrt(count), freedom=count - 1)
    low, high = compared.interval()
    return {"ours": mean, "low": max(low, 0.0), "high": min(high, 100.0)}


def _difference(cells: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    rows = cells.rename(columns={"difference": "ours"}).assign(quantity="with pruning minus typical")
    return rows[[*keys, "quantity", "ours", "low", "high"]]


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
    groups = by_search(winners).groupby(list(keys), sort=False)["top1"] if len(winners) else ()
    rows = [
        dict(zip(keys, name, strict=True))
        | {"quantity": "accuracy"}
        | _with_interval(values.mean(), values.std(), len(values))
        for name, values in groups
    ]
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
    cells = differences(pd.concat(pairs), keys=keys) if pairs else pd.DataFrame(columns=[*keys, *COMPARED])
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
