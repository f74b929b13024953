"""The tables of results from records, beside the printed ones."""

import numpy as np
import pandas as pd

from pruneproxy import stats
from pruneproxy.published import read
from pruneproxy.recipes.sparse_tradeoff import fronts
from pruneproxy.recipes.sparse_tradeoff.frames import NAMES, Frames
from pruneproxy.recipes.sparse_tradeoff.tables.pairs import DATA, HERE, PERCENT, PRINTED, beside, each, published

METHODS = {"rigl": "RigL", "set": "SET", "dense": "Dense"}
SUMMARY = ("min", "max", "mean", "std")
IMPORTANCES = {"error": "table-6.1", "inference": "table-D.1", "training": "table-D.2"}


def table_5_1(frames: Frames, dataset: str = "MNIST") -> pd.DataFrame:
    """Table 5.1: accuracy and relative costs of every fixed configuration; only those of MNIST are printed."""
    table = fronts.reproduced(frames, dataset)
    table = table.iloc[table["algorithm"].map(list(METHODS)[::-1].index).argsort(kind="stable")]
    dense = table[table["algorithm"] == "dense"]
    here = {"accuracy (%)": table["top1"], "sd over seeds": table["sd"]}
    here |= {f"{cost}, relative": table[cost] / dense[cost].mean() for cost in ("training", "inference")}
    here |= {f"{cost} multiplications": table[cost] for cost in ("training", "inference")}
    names = ("test_accuracy_mean_pct", "test_accuracy_std_pct", "training_flops_relative_to_dense")
    names += ("inference_flops_relative_to_dense", "training_flops_absolute", "inference_flops_absolute")
    printed = read("sparse_tradeoff", "table-5.1").fillna({"sparsity": 0.0})
    printed = printed.rename(columns={"algorithm": "method"}).set_index(["method", "sparsity"])
    places = [table["algorithm"].map(METHODS), fronts.sparsities(table)]
    shown = printed if dataset == "MNIST" else printed[:0]
    return beside(pd.DataFrame(here).set_axis(places, axis=0), shown, dict(zip(here, names, strict=True)))


def losses(frames: Frames, *, margin: float = 0.5) -> pd.DataFrame:
    """Every sparse fixed configuration minus the dense one, in points, with Welch's interval over seeds.

    `equivalent` is the p of both one-sided tests at the margin, `worse` that of a lower accuracy, both corrected by
    Holm's method over all rows. A single seed has neither interval nor p.
    """
    rows = []
    for dataset in frames.runs["dataset"].unique():
        table = fronts.reproduced(frames, dataset)
        dense = table[table["algorithm"] == "dense"]
        for row in table[table["algorithm"] != "dense"].itertuples() if len(dense) else ():
            found = {"dataset": dataset, "method": METHODS[row.algorithm], "sparsity": row.sparsity, "seeds": row.seeds}
            rows.append(found | _compared(row, next(dense.itertuples()), margin))
    columns = ["dataset", "method", "sparsity", "seeds", "difference", "low", "high", "equivalent", "worse"]
    table = pd.DataFrame(rows, columns=columns)
    for name in ("equivalent", "worse"):
        known = table[name].notna()
        table.loc[known, name] = stats.holm(table.loc[known, name].to_numpy(dtype=float))
    return table.sort_values(["dataset", "method", "sparsity"], ignore_index=True)


def _compared(sparse, dense, margin: float) -> dict:
    if min(sparse.seeds, dense.seeds) < 2 or not (sparse.sd or dense.sd):
        return {"difference": sparse.top1 - dense.top1}
    found = stats.welch(*(stats.Summary(mean=row.top1, sd=row.sd, n=row.seeds) for row in (sparse, dense)))
    p = {"equivalent": stats.p_value(found, "equivalent", margin=margin), "worse": stats.p_value(found, "worse")}
    return found.columns() | p


def table_5_2(frames: Frames, *, kind: str = "front") -> pd.DataFrame:
    """Table 5.2: the best fixed configuration and the hypervolume; `kind` (`fronts.EXTREMES`) gives the extremes."""

    def numbers(dataset):
        table = fronts.reproduced(frames, dataset)
        return _best(table) | {"hypervolume": fronts.hypervolume(table, kind=kind)}

    columns = {DATA: None, "highest accuracy (%)": "highest_test_accuracy_mean_pct"}
    columns |= {"sd over seeds": "highest_test_accuracy_std_pct", "hypervolume": "hypervolume"}
    return beside(each(frames, numbers), published("table-5.2"), columns)


def _best(table: pd.DataFrame, before: str = "") -> dict:
    found = fronts.best(table)
    names = ("highest accuracy (%)", "sd over seeds")
    return {f"{before}{name}": found[key] for name, key in zip(names, ("top1", "sd"), strict=True)}


def table_5_4(frames: Frames, *, of: str = "all") -> pd.DataFrame:
    """Table 5.4: Spearman's correlations in the trade-off of the search; `of` is a key of `fronts.POINTS`."""
    here = each(frames, lambda dataset: fronts.correlations(fronts.optimised(frames, dataset), of=of))
    names = ("rho_accuracy_inference", "rho_accuracy_training", "rho_inference_training")
    return beside(here, published("table-5.4"), {DATA: None} | dict(zip(fronts.PAIRS, names, strict=True)))


def _comparison(frames: Frames, sides: tuple[str, str], table: str, kind: str) -> pd.DataFrame:
    """Tables 5.5 and 5.8: the best accuracy and the hypervolume of two experiments, normalised together."""

    def numbers(dataset):
        volumes, row = fronts.compared(frames, dataset, sides, kind=kind), {}
        for name in sides:
            row |= _best(fronts.points(frames, dataset, name), f"{name}: ") | {f"{name}: hypervolume": volumes[name]}
        before, after = (row[f"{name}: highest accuracy (%)"] for name in sides)
        ratio = volumes[sides[1]] / volumes[sides[0]]
        return row | {"accuracy gain (points)": after - before, "hypervolume ratio": ratio}

    columns = {DATA: None}
    for name in sides:
        columns[f"{name}: highest accuracy (%)"] = f"{name}_highest_accuracy_mean_pct"
        columns[f"{name}: sd over seeds"] = f"{name}_highest_accuracy_std_pct"
        columns[f"{name}: hypervolume"] = f"{name}_hypervolume"
    columns["accuracy gain (points)"] = "accuracy_improvement_printed_points"
    columns["hypervolume ratio"] = "hypervolume_ratio_printed"
    return beside(each(frames, numbers), published(table), columns)


def table_5_5(frames: Frames, *, kind: str = "front") -> pd.DataFrame:
    """Table 5.5: the search against the fixed configurations."""
    return _comparison(frames, ("reproduction", "optimization"), "table-5.5", kind)


TABLE_5_6 = {  # -> printed columns
    **{DATA: None, "configurations": "configurations", "highest accuracy (%)": "highest_accuracy_mean_pct"},
    **{"sd over seeds": "highest_accuracy_std_pct", "mean sparsity if sparse": "average_sparsity_if_sparse"},
    **{"hypervolume": "hypervolume", "RigL (%)": "rigl_pct", "SET (%)": "set_pct", "Dense (%)": "dense_pct"},
    "never updated (%)": None,
}


def table_5_6(frames: Frames, *, kind: str = "front") -> pd.DataFrame:
    """Table 5.6: what the trade-off of the search consists of; beyond it, how many masks were never updated.

    The methods are those that were asked for.
    """

    def numbers(dataset):
        table = fronts.optimised(frames, dataset)
        shares = table["algorithm"].value_counts(normalize=True)
        sparse = table[table["algorithm"] != "dense"]
        row = {"configurations": len(table)} | _best(table)
        row["mean sparsity if sparse"] = sparse["sparsity"].astype(float).mean()
        row["hypervolume"] = fronts.hypervolume(table, kind=kind)
        row |= {f"{METHODS[name]} (%)": PERCENT * shares.get(name, 0.0) if len(table) else np.nan for name in METHODS}
        return row | {"never updated (%)": PERCENT * (table["label"] == "static").mean()}

    return beside(each(frames, numbers), published("table-5.6"), TABLE_5_6)


def table_5_7(frames: Frames) -> pd.DataFrame:
    """Table 5.7: the configurations that the evaluation starts from, and the sparsity of those that are sparse."""

    def numbers(dataset):
        table = fronts.selected(frames, dataset)
        sparsity = table.loc[table["algorithm"] != "dense", "sparsity"].astype(float)
        row = {"configurations": len(table), "dense": int((table["algorithm"] == "dense").sum())}
        return row | {f"sparsity, {name}": getattr(sparsity, name)() for name in SUMMARY}

    columns = {DATA: None, "configurations": "configurations_selected", "dense": "dense_configurations"}
    columns |= {f"sparsity, {name}": f"sparsity_{name}" for name in SUMMARY}
    return beside(each(frames, numbers), published("table-5.7"), columns)


def table_5_8(frames: Frames, *, kind: str = "front") -> pd.DataFrame:
    """Table 5.8: the evaluation against the search."""
    return _comparison(frames, ("optimization", "evaluation"), "table-5.8", kind)


def importance(found: pd.DataFrame, objective: str = "error") -> pd.DataFrame:
    """Tables 6.1, D.1 and D.2: a row per hyperparameter, two columns per data set.

    `found` is a table of `influence.importances`, or several of them one below the other; hyperparameters that are
    not in the printed table come last.
    """
    printed = read("sparse_tradeoff", IMPORTANCES[objective])
    mine = found[found["objective"] == objective]
    mine = mine.assign(hyperparameter=mine["hyperparameter"].map(lambda name: NAMES.get(name, name)))
    wide = [table.pivot(index="hyperparameter", columns="dataset", values="importance") for table in (mine, printed)]
    order = list(dict.fromkeys([*printed["hyperparameter"], *mine["hyperparameter"]]))
    sets = list(dict.fromkeys([*printed["dataset"], *mine["dataset"]]))
    columns = {
        (dataset, side): table.reindex(index=order, columns=sets)[dataset]
        for dataset in sets
        for side, table in zip((HERE, PRINTED), wide, strict=True)
    }
    return pd.DataFrame(columns)
