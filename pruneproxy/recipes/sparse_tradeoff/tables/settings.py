"""The tables of networks, space, data sets and fixed configurations, beside the printed ones."""

from collections.abc import Sequence
from math import prod

import numpy as np
import pandas as pd
import torch

from pruneproxy import data
from pruneproxy.published import read
from pruneproxy.recipes.recipe import untrained
from pruneproxy.recipes.sparse_tradeoff.experiments import at, fixed, space
from pruneproxy.recipes.sparse_tradeoff.frames import FIELDS, NAMES, Frames, hyperparameters, sparsity_of
from pruneproxy.recipes.sparse_tradeoff.protocol import Case
from pruneproxy.recipes.sparse_tradeoff.tables.pairs import DATA, HERE, PRINTED, beside, published
from pruneproxy.recipes.sparse_tradeoff.tables.results import METHODS
from pruneproxy.specs import to_dict

WORDS = {"uniform": "Uniform", "erk": "ERK", "constant": "Constant", "cosine": "Cosine"}


TABLE_5_3 = {  # -> printed columns
    **{"architecture": "architecture", "batch size": "batch_size", "most epochs": "max_epochs"},
    "learning rate scheduler": "learning_rate_scheduler",
    **{"use dropout": "use_dropout", "use label smoothing": "use_label_smoothing"},
}


def table_4_1(case: Case) -> pd.DataFrame:
    """Table 4.1: the layers of the fixed ResNet."""
    spec = fixed(case)
    with torch.device("meta"):
        network = untrained(spec)
        sides, layers = {}, {"conv0": network.conv1, "dense": network.fc}
        layers |= {f"conv{stage}_x": network.get_submodule(f"layer{stage}") for stage in (1, 2, 3)}
        for name, layer in layers.items():
            layer.register_forward_hook(lambda _, __, out, name=name: sides.update({name: out.shape[2:]}))
        network.eval()(torch.empty(1, *data.input_shape(spec.data)))
    here = {
        name: {"output size": "x".join(map(str, sides[name] or (1, 1))), "layers": _structure(layer)}
        for name, layer in layers.items()
    }
    printed = published("table-4.1", index="layer_name").rename_axis("layer")
    repeats = printed["repeats"].map(lambda text: "" if pd.isna(text) else f" x {text}")
    printed = printed.assign(layers=printed["layer_structure"] + repeats)
    columns = {"output size": "output_size", "layers": "layers"}
    return beside(pd.DataFrame.from_dict(here, orient="index"), printed, columns)


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
    return beside(here, printed, {"range": "range", "scale": "scaling", "default": "default", "active if": "active_if"})


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
        entry = data.CATALOGUE[case.base.data.name]
        runs = frames.runs[frames.runs["dataset"] == case.dataset]
        rows[case.dataset] = {
            DATA: f"{case.base.data.name}, {case.title}",
            "data type": {"image": "Images", "tabular": "Tabular"}[entry.kind],
            "features": prod(data.input_shape(fixed(case).data)),
            "classes": entry.classes,
            "train size": runs["train_images"].max() if len(runs) else np.nan,
            "test size": runs["test_images"].max() if len(runs) else np.nan,
        }
    columns = {DATA: None, "data type": "data_type", "features": "features", "classes": "classes"}
    columns |= {"train size": "train_size", "test size": "test_size"}
    return beside(pd.DataFrame.from_dict(rows, orient="index"), published("table-4.3"), columns)


def table_5_3(cases: Sequence[Case]) -> pd.DataFrame:
    """Table 5.3: what is constant, or limited, on each data set."""
    rows = {}
    for case in cases:
        train, model = case.base.train, case.base.model
        values = [case.architecture, train.batch_size, case.longest, _word(train.schedule)]
        values += ["True/False" if share else "False" for share in (model.dropout, train.label_smoothing)]
        rows[case.dataset] = dict(zip(TABLE_5_3, values, strict=True))
    return beside(pd.DataFrame.from_dict(rows, orient="index"), published("table-5.3"), TABLE_5_3)


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
