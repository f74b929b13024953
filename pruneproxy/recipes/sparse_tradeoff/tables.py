"""Every table of the thesis from records, beside the printed one.

Columns come in pairs, `here` and `printed`. What was not run, or not printed, is empty.
"""

from collections.abc import Callable, Mapping, Sequence
from math import prod

import numpy as np
import pandas as pd
import torch

from pruneproxy import data, models, stats
from pruneproxy.published import read
from pruneproxy.recipes.sparse_tradeoff import fronts
from pruneproxy.recipes.sparse_tradeoff.experiments import at, fixed, space
from pruneproxy.recipes.sparse_tradeoff.frames import FIELDS, NAMES, Frames, hyperparameters, sparsity_of
from pruneproxy.recipes.sparse_tradeoff.protocol import Case
from pruneproxy.specs import to_dict

PERCENT = 100
HERE, PRINTED = "here", "printed"
DATA = "data and network"  # that was really used
WORDS = {"uniform": "Uniform", "erk": "ERK", "constant": "Constant", "cosine": "Cosine"}
METHODS = {"rigl": "RigL", "set": "SET", "dense": "Dense"}
IMPORTANCES = {"error": "table-6.1", "inference": "table-D.1", "training": "table-D.2"}


def published(table: str, *, index: str = "dataset") -> pd.DataFrame:
    """A printed table with one of its columns as the index."""
    return read("sparse_tradeoff", table).set_index(index)


def _beside(here: pd.DataFrame, printed: pd.DataFrame, titles: Mapping[str, str | None]) -> pd.DataFrame:
    """`here` and `printed` under common titles; `titles` maps those of `here` to the columns of `printed`."""
    index = list(dict.fromkeys([*printed.index, *here.index]))
    columns = {}
    for title, name in titles.items():
        columns[title, HERE] = here.reindex(index)[title] if title in here else pd.Series(np.nan, index=index)
        if name is not None:
            columns[title, PRINTED] = printed.reindex(index)[name]
    table = pd.DataFrame(columns)
    table.index = pd.MultiIndex.from_tuples(index, names=printed.index.names) if _many(printed) else table.index
    return table if _many(printed) else table.rename_axis(printed.index.name)


def _many(table) -> bool:
    return isinstance(table.index, pd.MultiIndex)


def _each(frames: Frames, numbers: Callable[[str], Mapping]) -> pd.DataFrame:
    """A row per data set that has runs, with what was really trained."""
    rows = {}
    for dataset, runs in frames.runs.groupby("dataset", sort=False):
        used = runs[["data", "title"]].drop_duplicates()
        rows[dataset] = {DATA: "; ".join(f"{row.data}, {row.title}" for row in used.itertuples())} | dict(
            numbers(dataset)
        )
    return pd.DataFrame.from_dict(rows, orient="index")


def shown(table: pd.DataFrame, *, digits: int = 4) -> pd.DataFrame:
    """The table as text: numbers with so many digits, nothing where there is none."""
    return table.map(lambda value: _digits(value, digits))


def _digits(value, digits: int) -> str:
    if pd.isna(value):
        return ""
    return f"{value:.{digits}g}" if isinstance(value, float) else str(value)


def table_4_1(case: Case) -> pd.DataFrame:
    """Table 4.1: the layers of the fixed ResNet."""
    spec = fixed(case)
    classes = data.CATALOGUE[case.data].classes
    shape = data.input_shape(spec.data)
    with torch.device("meta"):
        network = models.build(spec.model, shape=shape, classes=classes)
        sides, layers = {}, {"conv0": network.conv1, "dense": network.fc}
        layers |= {f"conv{stage}_x": network.get_submodule(f"layer{stage}") for stage in (1, 2, 3)}
        for name, layer in layers.items():
            layer.register_forward_hook(lambda _, __, out, name=name: sides.update({name: out.shape[2:]}))
        network.eval()(torch.empty(1, *shape))
    here = {
        name: {"output size": "x".join(map(str, sides[name] or (1, 1))), "layers": _structure(layer)}
        for name, layer in layers.items()
    }
    printed = published("table-4.1", index="layer_name").rename_axis("layer")
    repeats = printed["repeats"].map(lambda text: "" if pd.isna(text) else f" x {text}")
    printed = printed.assign(layers=printed["layer_structure"] + repeats)
    columns = {"output size": "output_size", "layers": "layers"}
    return _beside(pd.DataFrame.from_dict(here, orient="index"), printed, columns)


def _structure(layer: torch.nn.Module) -> str:
    if isinstance(layer, torch.nn.Linear):
        return f"average pool, dense layer size {layer.out_features}"
    if isinstance(layer, torch.nn.Conv2d):
        return f"{_kernel(layer)}, stride {layer.stride[0]}"
    first = [part for name, part in layer[0].named_children() if name.startswith("conv")]
    return f"({'; '.join(map(_kernel, first))}) x {len(layer)}"


def _kernel(layer: torch.nn.Conv2d) -> str:
    return f"{layer.kernel_size[0]}x{layer.kernel_size[1]}, {layer.out_channels}"


def table_4_2(case: Case, name: str | None = None) -> pd.DataFrame:
    """Table 4.2: the ranges that are searched here, and what is constant (Table 5.3); `name` is that of a space."""
    dimensions = {one.field: one for one in space(case, name)}
    constant = hyperparameters(to_dict(at(fixed(case), case, "set", 0.5)))
    architecture = {"range": case.architecture, "default": case.architecture}
    here = {"architecture": dict.fromkeys(("scale", "active if"), "") | architecture}
    for key, field in FIELDS.items():
        if field in dimensions:
            here[NAMES[key]] = _searched(key, dimensions[field])
        elif constant[key] is not None:
            value = _word(constant[key])
            here[NAMES[key]] = {"range": value, "scale": "", "default": value, "active if": ""}
    printed = published("table-4.2", index="hyperparameter")
    ranges = [_range(row.range_low, row.range_high) for row in printed.itertuples()]
    printed = printed.assign(range=printed["choices"].where(printed["choices"].notna(), ranges))
    here = pd.DataFrame.from_dict(here, orient="index")
    return _beside(
        here, printed, {"range": "range", "scale": "scaling", "default": "default", "active if": "active_if"}
    )


def _searched(key: str, dimension) -> dict:
    if dimension.choices:
        text, scale, default = "; ".join(map(_word, dimension.choices)), "", _word(dimension.default)
    else:
        ends, default = (dimension.low, dimension.high), dimension.default
        if key == "sparsity":
            ends, default = (sparsity_of(dimension.high), sparsity_of(dimension.low)), sparsity_of(default)
        text, scale, default = _range(*ends), "log" if dimension.log else "linear", f"{default:g}"
    return {"range": text, "scale": scale, "default": default, "active if": _condition(dimension)}


def _condition(dimension) -> str:
    if dimension.when is None:
        return ""
    field, values = dimension.when
    name = NAMES[next(key for key, known in FIELDS.items() if known == field)]
    if field == "sparse.method":
        return f"{name} != Dense"
    return name if values == (True,) else f"{name} > {min(values) - 1}"


def _word(value) -> str:
    return METHODS.get(value) or WORDS.get(value) or (f"{value:g}" if isinstance(value, float) else str(value))


def _range(low, high) -> str:
    return f"{float(low):g} to {float(high):g}"


def table_4_3(frames: Frames, cases: Sequence[Case]) -> pd.DataFrame:
    """Table 4.3: features, classes and sizes of the data sets, those here as far as they were used for tests."""
    rows = {}
    for case in cases:
        entry = data.CATALOGUE[case.data]
        runs = frames.runs[frames.runs["dataset"] == case.dataset]
        rows[case.dataset] = {
            DATA: f"{case.data}, {case.title}",
            "data type": {"image": "Images", "tabular": "Tabular"}[entry.kind],
            "features": prod(data.input_shape(fixed(case).data)),
            "classes": entry.classes,
            "train size": runs["train_images"].max() if len(runs) else np.nan,
            "test size": runs["test_images"].max() if len(runs) else np.nan,
        }
    columns = {DATA: None, "data type": "data_type", "features": "features", "classes": "classes"}
    columns |= {"train size": "train_size", "test size": "test_size"}
    return _beside(pd.DataFrame.from_dict(rows, orient="index"), published("table-4.3"), columns)


def table_5_1(frames: Frames, dataset: str = "MNIST") -> pd.DataFrame:
    """Table 5.1: accuracy and relative costs of every fixed configuration; only those of MNIST are printed."""
    table = fronts.reproduced(frames, dataset)
    dense = table[table["algorithm"] == "dense"]
    whole = {cost: dense[cost].mean() if len(dense) else np.nan for cost in fronts.COST}
    here = pd.DataFrame(
        {
            "accuracy (%)": table["top1"],
            "sd over seeds": table["sd"],
            "training, relative": table["training"] / whole["training"],
            "inference, relative": table["inference"] / whole["inference"],
            "training multiplications": table["training"],
            "inference multiplications": table["inference"],
        }
    ).set_axis([table["algorithm"].map(METHODS), fronts.sparsities(table)], axis=0)
    printed = read("sparse_tradeoff", "table-5.1").fillna({"sparsity": 0.0})
    printed = printed.rename(columns={"algorithm": "method"}).set_index(["method", "sparsity"])
    names = ("test_accuracy_mean_pct", "test_accuracy_std_pct", "training_flops_relative_to_dense")
    names += ("inference_flops_relative_to_dense", "training_flops_absolute", "inference_flops_absolute")
    order = pd.DataFrame(
        {"place": [list(METHODS.values())[::-1].index(name) for name in here.index.get_level_values(0)]}
    )
    here = here.iloc[order["place"].argsort(kind="stable")]
    if dataset != "MNIST":
        printed = printed[:0]
    return _beside(here, printed, dict(zip(here, names, strict=True)))


def losses(frames: Frames, *, margin: float = 0.5, level: float = 0.95) -> pd.DataFrame:
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
            rows.append(found | _compared(row, next(dense.itertuples()), margin, level))
    columns = ["dataset", "method", "sparsity", "seeds", "difference", "low", "high", "equivalent", "worse"]
    table = pd.DataFrame(rows, columns=columns)
    for name in ("equivalent", "worse"):
        known = table[name].notna()
        table.loc[known, name] = stats.holm(table.loc[known, name].to_numpy(dtype=float))
    return table.sort_values(["dataset", "method", "sparsity"], ignore_index=True)


def _compared(sparse, dense, margin: float, level: float) -> dict:
    if min(sparse.seeds, dense.seeds) < 2 or not (sparse.sd or dense.sd):
        return {"difference": sparse.top1 - dense.top1}
    found = stats.welch(*(stats.Summary(mean=row.top1, sd=row.sd, n=row.seeds) for row in (sparse, dense)))
    low, high = found.interval(level=level)
    p = {"equivalent": stats.p_value(found, "equivalent", margin=margin), "worse": stats.p_value(found, "worse")}
    return {"difference": found.difference, "low": low, "high": high} | p


def table_5_2(frames: Frames, *, kind: str = "front") -> pd.DataFrame:
    """Table 5.2: the best fixed configuration and the hypervolume; `kind` (`fronts.EXTREMES`) gives the extremes."""

    def numbers(dataset):
        table = fronts.reproduced(frames, dataset)
        return _best(table) | {"hypervolume": fronts.hypervolume(table, kind=kind)}

    columns = {DATA: None, "highest accuracy (%)": "highest_test_accuracy_mean_pct"}
    columns |= {"sd over seeds": "highest_test_accuracy_std_pct", "hypervolume": "hypervolume"}
    return _beside(_each(frames, numbers), published("table-5.2"), columns)


def _best(table: pd.DataFrame, before: str = "") -> dict:
    found = fronts.best(table)
    names = ("highest accuracy (%)", "sd over seeds")
    return {f"{before}{name}": found[key] for name, key in zip(names, ("top1", "sd"), strict=True)}


def table_5_3(cases: Sequence[Case]) -> pd.DataFrame:
    """Table 5.3: what is constant, or limited, on each data set."""
    rows = {
        case.dataset: {
            "architecture": case.architecture,
            "batch size": case.batch_size,
            "most epochs": case.longest,
            "learning rate scheduler": _word(case.schedule),
            "use dropout": "True/False" if case.dropout else "False",
            "use label smoothing": "True/False" if case.label_smoothing else "False",
        }
        for case in cases
    }
    names = (
        "architecture",
        "batch_size",
        "max_epochs",
        "learning_rate_scheduler",
        "use_dropout",
        "use_label_smoothing",
    )
    here = pd.DataFrame.from_dict(rows, orient="index")
    return _beside(here, published("table-5.3"), dict(zip(TABLE_5_3, names, strict=True)))


TABLE_5_3 = (
    "architecture",
    "batch size",
    "most epochs",
    "learning rate scheduler",
    "use dropout",
    "use label smoothing",
)


def table_5_4(frames: Frames, *, of: str = "all") -> pd.DataFrame:
    """Table 5.4: Spearman's correlations in the trade-off of the search; `of` is a key of `fronts.POINTS`."""
    here = _each(frames, lambda dataset: fronts.correlations(fronts.optimised(frames, dataset), of=of))
    names = ("rho_accuracy_inference", "rho_accuracy_training", "rho_inference_training")
    return _beside(here, published("table-5.4"), {DATA: None} | dict(zip(fronts.PAIRS, names, strict=True)))


def _comparison(frames: Frames, first: str, second: str, table: str, kind: str) -> pd.DataFrame:
    """Tables 5.5 and 5.8: the best accuracy and the hypervolume of two experiments, normalised together."""

    def numbers(dataset):
        row = {}
        volumes = fronts.compared(frames, dataset, (first, second), kind=kind)
        for name in (first, second):
            row |= _best(fronts.points(frames, dataset, name), f"{name}: ")
            row[f"{name}: hypervolume"] = volumes[name]
        best = [row[f"{name}: highest accuracy (%)"] for name in (first, second)]
        return row | {"accuracy gain (points)": best[1] - best[0], "ratio": volumes[second] / volumes[first]}

    printed = published(table)
    columns = {DATA: None}
    for name in (first, second):
        columns[f"{name}: highest accuracy (%)"] = f"{name}_highest_accuracy_mean_pct"
        columns[f"{name}: sd over seeds"] = f"{name}_highest_accuracy_std_pct"
        columns[f"{name}: hypervolume"] = f"{name}_hypervolume"
    columns["accuracy gain (points)"] = "accuracy_improvement_printed_points"
    found = _beside(_each(frames, numbers), printed, columns | {"ratio": "hypervolume_ratio_printed"})
    return found.rename(columns={"ratio": "hypervolume ratio"}, level=0)


def table_5_5(frames: Frames, *, kind: str = "front") -> pd.DataFrame:
    """Table 5.5: the search against the fixed configurations."""
    return _comparison(frames, "reproduction", "optimization", "table-5.5", kind)


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

    names = ("configurations", "highest_accuracy_mean_pct", "highest_accuracy_std_pct", "average_sparsity_if_sparse")
    names += ("hypervolume", "rigl_pct", "set_pct", "dense_pct", None)
    titles = ("configurations", "highest accuracy (%)", "sd over seeds", "mean sparsity if sparse", "hypervolume")
    titles += ("RigL (%)", "SET (%)", "Dense (%)", "never updated (%)")
    columns = {DATA: None} | dict(zip(titles, names, strict=True))
    return _beside(_each(frames, numbers), published("table-5.6"), columns)


def table_5_7(frames: Frames) -> pd.DataFrame:
    """Table 5.7: the configurations that the evaluation starts from, and the sparsity of those that are sparse."""

    def numbers(dataset):
        table = fronts.selected(frames, dataset)
        sparsity = table.loc[table["algorithm"] != "dense", "sparsity"].astype(float)
        row = {"configurations": len(table), "dense": int((table["algorithm"] == "dense").sum())}
        summary = {name: getattr(sparsity, name)() for name in ("min", "max", "mean", "std")}
        return row | {f"sparsity, {name}": value for name, value in summary.items()}

    columns = {DATA: None, "configurations": "configurations_selected", "dense": "dense_configurations"}
    columns |= {f"sparsity, {name}": f"sparsity_{name}" for name in ("min", "max", "mean", "std")}
    return _beside(_each(frames, numbers), published("table-5.7"), columns)


def table_5_8(frames: Frames, *, kind: str = "front") -> pd.DataFrame:
    """Table 5.8: the evaluation against the search."""
    return _comparison(frames, "optimization", "evaluation", "table-5.8", kind)


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


def table_6_1(found: pd.DataFrame) -> pd.DataFrame:
    """Table 6.1: importance for the error."""
    return importance(found, "error")


def table_d_1(found: pd.DataFrame) -> pd.DataFrame:
    """Table D.1: importance for the multiplications of inference."""
    return importance(found, "inference")


def table_d_2(found: pd.DataFrame) -> pd.DataFrame:
    """Table D.2: importance for the multiplications of training."""
    return importance(found, "training")


def table_a_1(cases: Sequence[Case]) -> pd.DataFrame:
    """Table A.1: the fixed configurations, as text; algorithm and sparsity are what the experiment varies."""
    printed = read("sparse_tradeoff", "table-A.1").pivot(index="hyperparameter", columns="dataset", values="value")
    printed = printed.reindex(read("sparse_tradeoff", "table-A.1")["hyperparameter"].unique())
    columns = {}
    for case in cases:
        values = hyperparameters(to_dict(at(fixed(case), case, "set", 0.5)))
        here = {NAMES[key]: _plain(value) for key, value in values.items() if key not in ("algorithm", "sparsity")}
        here["architecture"] = case.architecture
        columns[case.dataset, HERE] = pd.Series(here).reindex(printed.index)
        columns[case.dataset, PRINTED] = printed[case.dataset]
    return pd.DataFrame(columns).fillna("")


def _plain(value) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
