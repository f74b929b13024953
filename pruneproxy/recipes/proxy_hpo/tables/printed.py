"""The paper's tables of results from records, beside the printed ones."""

from collections.abc import Sequence

import pandas as pd

from pruneproxy.evidence.tables import MEASURED, beside_quantities, per_group, with_interval
from pruneproxy.published import read
from pruneproxy.recipes.proxy_hpo.printed import NETWORKS, OPTIMIZERS
from pruneproxy.recipes.proxy_hpo.tables.costs import time_reduction
from pruneproxy.recipes.proxy_hpo.tables.pairs import CELL, by_search, differences, paired

METHODS = {"NM": "neuron-merging", "NS": "network-slimming", "3SP": "3sp", "Ours": "synflow"}
COLUMNS = {
    **{"neural_network": "network", "model": "network", "target_network": "network"},
    **{"pruning_method": "source", "source_network": "source", "hyperparameter_optimizer": "optimizer"},
}
KEYS = ["network", "dataset", "source"]
ARMS = {"typical": "typical", "with pruning": "proxy"}  # quantity -> columns of `differences`
GAP = "with pruning minus typical"
TABLE_3 = {
    "typical_hpo_val_accuracy_mean_pct": "typical",
    "with_pruning_val_accuracy_mean_pct": "with pruning",
    "derived_difference_points": GAP,
}


def published(table: str) -> pd.DataFrame:
    """A printed table with the paper's networks, methods and optimizers by the names of this package."""
    rows = read("proxy_hpo", table).rename(columns=COLUMNS).replace({"network": NETWORKS, "optimizer": OPTIMIZERS})
    if "source" in rows:
        own = rows["source"].str.contains("with pruning")
        rows["source"] = rows["source"].mask(own, "synflow").replace(NETWORKS | METHODS).str.lower()
    return rows


def table_1(winners: pd.DataFrame) -> pd.DataFrame:
    """Table 1: accuracy of the full network with settings found on copies that other methods pruned."""
    found = _arms(paired(_of_tpe(winners, "main", "feasibility")), KEYS)
    columns = {"typical_hpo_accuracy_pct": "typical", "with_pruning_accuracy_pct": "with pruning"}
    return beside_quantities(found[found["quantity"] != GAP], published("table-1"), keys=KEYS, columns=columns)


def _of_tpe(winners: pd.DataFrame, *names: str) -> pd.DataFrame:
    """The rows of some experiments as if of one, so that they share the searches on the full network."""
    rows = winners[winners["experiment"].isin(names) & (winners["optimizer"] == "tpe")]
    return rows.assign(experiment=names[0])


def table_3(winners: pd.DataFrame) -> pd.DataFrame:
    """Table 3: accuracy after a search on the full network and on its pruned copy, each with a t interval."""
    ours = _arms(paired(winners[winners["experiment"] == "main"]), CELL)
    return beside_quantities(ours, published("table-3"), keys=CELL, columns=TABLE_3)


def _arms(pairs: pd.DataFrame, keys: Sequence[str]) -> pd.DataFrame:
    """Both arms of `differences`, each with its own t interval over searches, and their difference."""
    cells = differences(pairs, keys=keys)
    rows = [
        {key: row[key] for key in keys}
        | {"quantity": quantity}
        | _accuracy(row[name], row[f"{name} sd"], row["searches"])
        for row in cells.to_dict("records")
        for quantity, name in ARMS.items()
    ]
    gaps = cells.rename(columns={"difference": "ours"}).assign(quantity=GAP)
    columns = [*keys, "quantity", *MEASURED]
    return pd.concat([pd.DataFrame(rows, columns=columns), gaps[columns]])


def _accuracy(mean: float, deviation: float, count: int) -> dict[str, float]:
    """A mean accuracy in percent with the part of its interval between 0 and 100."""
    found = with_interval(mean, deviation, count)
    return found | {"low": max(found["low"], 0.0), "high": min(found["high"], 100.0)}


def table_3_time(timings: pd.DataFrame) -> pd.DataFrame:
    """The last column of Table 3: percent of the forward and backward time that pruning saves, at the middle batch."""
    rows, keys = time_reduction(timings).drop(columns=["low", "high"]), ["dataset", "network"]
    sizes = rows.groupby(keys, sort=False)["batch_size"]
    ours = rows[rows["batch_size"] == sizes.transform(lambda sizes: sorted(sizes)[len(sizes) // 2])]
    ours = ours.rename(columns={"time": "ours", "95 low": "low", "95 high": "high"}).assign(quantity="time reduction")
    printed = published("table-3").drop_duplicates(keys)
    return beside_quantities(ours, printed, keys=keys, columns={"time_reduction_pct": "time reduction"})


def table_4(winners: pd.DataFrame) -> pd.DataFrame:
    """Table 4: the deep network with settings of its pruned copy (the baseline) and of shallower family members."""
    found = _of_tpe(winners, "main", "family")
    family = found["source"].str.fullmatch(r"resnet\d+")
    found = found[family | (found["source"] == "synflow") & found["case"].isin(found.loc[family, "case"])]
    return _accuracies(found, published("table-4"), "val_accuracy_mean_pct")


def table_5(winners: pd.DataFrame) -> pd.DataFrame:
    """Table 5: each network with settings of its own pruned copy and of the other networks' copies."""
    found = winners[winners["experiment"] == "cross"]
    return _accuracies(found, published("table-5"), "val_accuracy_corrected_pct")


def _accuracies(winners: pd.DataFrame, printed: pd.DataFrame, column: str) -> pd.DataFrame:
    """Mean accuracy over searches per network, data set and source, beside a printed column."""

    def numbers(rows):
        return {"quantity": "accuracy"} | _accuracy(rows["top1"].mean(), rows["top1"].std(), len(rows))

    ours = per_group(by_search(winners), KEYS, numbers, ["quantity", *MEASURED])
    return beside_quantities(ours, printed, keys=KEYS, columns={column: "accuracy"})


def transfers(winners: pd.DataFrame, *, against: str = "itself") -> pd.DataFrame:
    """Every TPE search whose settings the network was trained with, of Tables 3, 4 and 5 together, as in `paired`.

    The difference is the source's accuracy minus that of `against` with the same search seed; its negative is the
    regret of the source.
    """
    found = _of_tpe(winners, "main", "family", "cross")
    return paired(found.drop_duplicates([*CELL, "source", "search_seed", "seed"]), against=against)


def gaps(winners: pd.DataFrame) -> pd.DataFrame:
    """Tables 4 and 5 as gaps: accuracy with settings of another network minus that with those of the own copy."""
    pairs = transfers(winners, against="synflow")
    ours = differences(pairs[pairs["source"] != "itself"], keys=KEYS).rename(columns={"difference": "ours"})
    columns = {"table-4": "derived_difference_to_baseline_points", "table-5": "derived_gap_points"}
    printed = pd.concat([published(table).rename(columns={name: "gap"}) for table, name in columns.items()])
    printed = printed[printed["source"] != "synflow"]
    return beside_quantities(ours.assign(quantity="gap"), printed, keys=KEYS, columns={"gap": "gap"})


def five(winners: pd.DataFrame) -> pd.DataFrame:
    """The search over five hyperparameters (Sec. 5.3): both arms and their difference beside the printed numbers."""
    ours = _arms(paired(winners[winners["experiment"] == "five"]), ["network", "dataset"])
    typical, pruned = _printed_five()
    return _beside_resnet(ours, {"typical": [typical], "with pruning": [pruned], GAP: [pruned - typical]})


def five_minus_three(winners: pd.DataFrame) -> pd.DataFrame:
    """What searching two hyperparameters more, in more trials, does to each kind of search (Sec. 5.3, Table 3)."""
    rows = _of_tpe(winners, "main", "five").assign(source=winners["experiment"])
    rows = rows[rows.groupby(["case", "arm"])["source"].transform("nunique") == 2]
    arms = [group for _, group in rows.groupby("arm", sort=False)] or [rows]
    ours = _arms(pd.concat([paired(group, against="main") for group in arms]), ["network", "dataset", "arm"])
    names = {"typical": "three", "with pruning": "five", GAP: "five minus three"}
    table = published("table-3").set_index(["dataset", "optimizer", "network"]).rename(columns=TABLE_3)
    three = table.loc[("CIFAR100", "tpe", "resnet56"), list(ARMS)].to_numpy(dtype=float)
    five = _printed_five()
    columns = {"arm": ["target", "proxy"], "three": three, "five": five, "five minus three": five - three}
    return _beside_resnet(ours.assign(quantity=ours["quantity"].replace(names)), columns)


def _printed_five():
    return read("proxy_hpo", "text-5.3")["val_accuracy_mean_pct"].to_numpy()


def _beside_resnet(ours: pd.DataFrame, printed: dict) -> pd.DataFrame:
    """Beside numbers of the one network and data set of Sec. 5.3."""
    keys = ["network", "dataset", *(["arm"] if "arm" in printed else [])]
    columns = {name: name for name in printed if name != "arm"}
    printed = pd.DataFrame(printed).assign(network="resnet56", dataset="CIFAR100")
    return beside_quantities(ours, printed, keys=keys, columns=columns)
