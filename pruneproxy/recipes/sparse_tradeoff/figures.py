"""The figures of the thesis from records, and those that it lacks."""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from pruneproxy.errors import UserError
from pruneproxy.evidence.figures import ACCURACY_MAP, COLOURS, grid, new_axes, some
from pruneproxy.models.shapes import mlp_widths
from pruneproxy.recipes.sparse_tradeoff import fronts
from pruneproxy.recipes.sparse_tradeoff.frames import NAMES, Frames
from pruneproxy.recipes.sparse_tradeoff.looks import (
    LOOKS,
    METHODS,
    WORDS,
    above,
    colourbar,
    datasets,
    labelled,
    logarithmic,
    panels,
    titled,
    wrapped,
)

EXPERIMENTS = {"reproduction": "fixed configuration", "optimization": "search", "evaluation": "search, then sweep"}
SHADED = {"cmap": ACCURACY_MAP, "vmin": 0, "vmax": 1, "edgecolors": "0.4", "linewidths": 0.4}
LINES, SHADES = ("-", "--", ":"), ("none", "proxy", "uniform", "other 1", "other 2", "other 3", "other 4")
COSTS = {"inference": "multiplications per image", "training": "multiplications of the training"}
ERROR = "test error (%)"
PLANES = (("inference", "error"), ("training", "error"), ("inference", "training"))
SPACES = {"text": "printed space", "code": "released code", "fixed": "an interval of an epoch at most"}
DRAWN = 8  # hyperparameters in a panel of Fig. 6.1
SHAPES = ((8, 100, 40, 80), (5, 20, 100, 20), (2, 80, None, 40), (1, 60, None, None))  # layers, first, middle, last


def shapes() -> np.ndarray:
    """Fig. 4.1: the widths of MLPs that (layers, first, middle, last) give, a bar per layer; few layers have no middle.

    Inputs and outputs, here 4 and 2, are grey.
    """
    axes = np.array(wrapped(len(SHAPES), 4, width=2.4, height=2.6))
    for ax, (layers, first, middle, last) in zip(axes, SHAPES, strict=True):
        widths = [4, *mlp_widths(layers, first=first, middle=middle, last=last), 2]
        colours = [COLOURS["published"], *[COLOURS["uniform"]] * layers, COLOURS["published"]]
        ax.bar(range(len(widths)), widths, bottom=-np.array(widths) / 2, color=colours, width=0.6)
        sizes = ", ".join("-" if size is None else str(size) for size in (layers, first, middle, last))
        ax.set_title(f"({sizes})", fontsize="small")
        ax.set(xlabel="layer", ylabel="width (neurons)", yticks=[])
        ax.set_xticks(range(0, len(widths), 2))
    return axes


def accuracy_by_sparsity(frames: Frames) -> list[Axes]:
    """Fig. 5.1: mean accuracy and its deviation at every sparsity of the fixed configuration, the dense one dashed."""
    runs = frames.runs[frames.runs["experiment"] == "reproduction"]
    found = panels(some(runs, "runs of the fixed configurations"))
    for dataset, ax in found.items():
        table = fronts.reproduced(frames, dataset)
        for method in ("set", "rigl"):
            rows = table[table["algorithm"] == method].sort_values("sparsity")
            colour, marker = LOOKS[method]
            look = {"color": colour, "marker": marker, "markersize": 4, "linewidth": 1.2, "label": METHODS[method]}
            ax.errorbar(rows["sparsity"].astype(float), rows["top1"], yerr=rows["sd"].fillna(0), **look)
        for level in table.loc[table["algorithm"] == "dense", "top1"]:
            ax.axhline(level, color=LOOKS["dense"][0], linestyle="--", linewidth=1, label="dense")
        ax.set(xlabel="sparsity", ylabel="test accuracy (%)")
    axes = list(found.values())
    axes[0].legend(fontsize="small")
    return axes


def tradeoffs(frames: Frames, experiments: Sequence[str] = ("reproduction", "optimization")) -> np.ndarray:
    """Fig. 5.2: test error against both costs, a row per data set and a colour per experiment.

    Fig. 5.4 with `experiments=("optimization", "evaluation")`.
    """
    tables = _by_dataset(frames, experiments)
    axes = grid(len(tables), 2)
    for row, found in zip(axes, tables.values(), strict=True):
        for ax, cost in zip(row, COSTS, strict=True):
            for name, table in found.items():
                colour, marker = LOOKS[name]
                look = {"s": 14, "c": colour, "marker": marker, "alpha": 0.7, "label": EXPERIMENTS[name]}
                ax.scatter(table[cost], table["error"], **look)
            _plane(titled(ax, next(table for table in found.values() if len(table))), cost)
    axes[0, 0].figure.legend(*labelled(axes), loc="outside upper center", ncols=len(experiments), fontsize="small")
    return axes


def _by_dataset(frames: Frames, experiments: Sequence[str]) -> dict[str, dict[str, pd.DataFrame]]:
    tables = {
        dataset: {name: fronts.points(frames, dataset, name) for name in experiments}
        for dataset in datasets(frames.runs)
    }
    whole = {dataset: parts for dataset, parts in tables.items() if all(len(table) for table in parts.values())}
    found = whole or {name: parts for name, parts in tables.items() if any(len(table) for table in parts.values())}
    if not found:
        raise UserError(f"expected runs of {' or '.join(experiments)}, got none: run the missing records first")
    return found


def _plane(ax: Axes, cost: str, error: str = ERROR) -> Axes:
    ax.set(xlabel=COSTS[cost], ylabel=error)
    logarithmic(ax, "x")
    return ax


def coloured(frames: Frames) -> list[Axes]:
    """Fig. 5.3: the trade-off of the search, coloured by sparsity."""
    tables = {name: parts["optimization"] for name, parts in _by_dataset(frames, ("optimization",)).items()}
    found = panels(pd.concat(tables.values()))
    for name, ax in found.items():
        table = tables[name]
        drawn = ax.scatter(table["training"], table["error"], s=20, c=fronts.sparsities(table), **SHADED)
        _plane(ax, "training")
    return colourbar(found, drawn, "sparsity (dense: 0)")


def sweeps(frames: Frames) -> list[Axes]:
    """Fig. 5.5: for every configuration that was swept, the accuracy of its best version against its hypervolume."""
    runs = frames.runs[frames.runs["experiment"] == "evaluation"]
    found = panels(some(runs, "runs of the evaluation"))
    for name, ax in found.items():
        table = fronts.sweeps(frames, name)
        drawn = ax.scatter(table["top1"], table["hypervolume"], s=30, c=table["sparsity"], **SHADED)
        ax.set(xlabel="accuracy of the best version (%)", ylabel="hypervolume of all versions")
    return colourbar(found, drawn, "sparsity of the best version (dense: 0)")


def importance_scale(scales: pd.DataFrame) -> list[Axes]:
    """Fig. 6.1: importance while the weight moves from objective to objective; the eight most important are drawn.

    `scales` is a table of `influence.scale`, or several of them one below the other. A hyperparameter looks the same in
    all panels.
    """
    found = panels(some(scales, "an importance scale"), 2, width=5.2, height=3.4)
    order = list(scales.groupby("hyperparameter")["importance"].max().sort_values(ascending=False).index)
    for dataset, ax in found.items():
        rows = scales[scales["dataset"] == dataset]
        for name in rows.groupby("hyperparameter")["importance"].max().nlargest(DRAWN).index:
            line = rows[rows["hyperparameter"] == name].sort_values("position")
            turn, place = divmod(order.index(name), len(SHADES))
            look = {"color": COLOURS[SHADES[place]], "linestyle": LINES[turn % 3], "marker": "o^s"[turn % 3]}
            ax.plot(line["position"], line["importance"], label=NAMES.get(name, name), markersize=4, **look)
        stops = [*rows.drop_duplicates("section")["first"], rows["second"].iloc[-1]]
        ax.set_xticks(range(len(stops)), stops)
        ax.set(xlabel="what the weight lies on", ylabel="importance (share of variance)")
        ax.legend(fontsize="xx-small", loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return list(found.values())


def densities(table: pd.DataFrame) -> list[Axes]:
    """Fig. 6.2: the density of every numerical hyperparameter in the trade-offs, a line per data set.

    `table` is one of `influence.densities`, or several of them; the numbers in brackets count configurations.
    """
    rows = some(table[table["value"].notna()], "hyperparameters with two or more values")
    groups = rows.groupby("hyperparameter", sort=False)
    axes = wrapped(len(groups), 4, width=2.9, height=2.5)
    for ax, (name, part) in zip(axes, groups, strict=True):
        for dataset, line in part.groupby("dataset", sort=False):
            label = f"{dataset} ({line['configurations'].iloc[0]})"
            ax.plot(line["value"], line["density"], color=LOOKS[dataset][0], label=label, linewidth=1.3)
        ax.set(xlabel=NAMES.get(name, name), ylabel="density")
        if part["log"].any():
            logarithmic(ax, "x")
        ax.legend(fontsize="xx-small")
    return axes


def shares(table: pd.DataFrame) -> list[Axes]:
    """Fig. 6.3: how often each value occurs in the trade-offs, a bar per data set."""
    groups = some(table, "a trade-off").groupby("hyperparameter", sort=False)
    axes = wrapped(len(groups), width=3.4, height=2.6)
    for ax, (name, part) in zip(axes, groups, strict=True):
        _bars(ax, part, 100 * part["share"])
        ax.set(xlabel=NAMES.get(name, name), ylabel="configurations (%)")
    above(axes[0])
    return axes


def _bars(ax: Axes, rows: pd.DataFrame, heights: pd.Series) -> Axes:
    """A group of bars per value, a bar per data set."""
    values, names = list(dict.fromkeys(rows["value"])), datasets(rows)
    width = 0.8 / len(names)
    for place, dataset in enumerate(names):
        mine = rows["dataset"] == dataset
        at = np.array([values.index(value) for value in rows.loc[mine, "value"]])
        shift = (place - (len(names) - 1) / 2) * width
        ax.bar(at + shift, heights[mine], width=width, color=LOOKS[dataset][0], label=dataset)
    ax.set_xticks(range(len(values)), [WORDS.get(value, str(value)) for value in values])
    return ax


def volumes_by_threshold(
    table: pd.DataFrame, column: str = "sparsity", *, log: bool = False, ax: Axes | None = None
) -> Axes:
    """Fig. 6.4 and 6.6: the hypervolume of the part with at least, or at most, a value; a line per data set.

    `table` is one of `influence.subset_volumes` with the way "from" or "up to", or several of them.
    """
    rows, ax = some(table, "a trade-off"), new_axes(ax, width=4.0, height=3.2)
    end, words = ("low", "least") if "low" in rows else ("high", "largest")
    for dataset, line in rows.groupby("dataset", sort=False):
        colour, marker = LOOKS[dataset]
        ax.plot(line[end], line["hypervolume"], color=colour, marker=marker, markersize=3, label=dataset)
    ax.set(xlabel=f"{words} {NAMES.get(column, column)}", ylabel="hypervolume", ylim=(0, None))
    ax.set_xscale("log" if log else "linear")
    return above(ax)


def volumes_by_bin(table: pd.DataFrame, column: str = "sparsity", *, ax: Axes | None = None) -> Axes:
    """Fig. 6.4c, 6.6e and f: the hypervolume of every bin; the whole trade-offs' are dashed."""
    rows = some(table, "a trade-off")
    labels = [f"{low:g} to\n{high:g}" for low, high in zip(rows["low"], rows["high"], strict=True)]
    return volumes_by_value(rows.assign(value=labels), column, ax=ax)


def volumes_by_value(table: pd.DataFrame, column: str, *, ax: Axes | None = None) -> Axes:
    """Fig. 6.5: the hypervolume of the configurations with each choice; the whole trade-offs' are dashed."""
    rows, ax = some(table, "a trade-off"), new_axes(ax, width=5.0, height=3.2)
    _bars(ax, rows, rows["hypervolume"])
    for dataset, part in rows.groupby("dataset", sort=False):
        total = (part["hypervolume"] / part["share"]).max()
        if np.isfinite(total):
            ax.axhline(total, color=LOOKS[dataset][0], linestyle="--", linewidth=0.9)
    ax.set(xlabel=NAMES.get(column, column), ylabel="hypervolume")
    ax.tick_params(axis="x", labelsize="x-small")
    return above(ax)


def perspectives(frames: Frames, dataset: str = "MNIST") -> np.ndarray:
    """Fig. B.1: all trials of the search in three planes, and below the trade-off after training anew."""
    trials = frames.searched[frames.searched["dataset"] == dataset].dropna(subset=["error", *COSTS])
    some(trials, f"a search on {dataset}")
    axes = grid(2, 3, height=2.9)
    for row, table, colour, when in (
        (axes[0], trials, COLOURS["published"], "validation"),
        (axes[1], fronts.optimised(frames, dataset), LOOKS["optimization"][0], "test"),
    ):
        for ax, (x, y) in zip(row, PLANES, strict=True):
            ax.scatter(table[x], table[y], s=10, color=colour, alpha=0.7)
            _plane(ax, x, f"{when} error (%)" if y == "error" else COSTS[y])
            if y != "error":
                logarithmic(ax, "y")
    axes[0, 1].set_title(f"{dataset}: all trials of the search, on validation data", fontsize="small")
    axes[1, 1].set_title("first layers trained anew and filtered, on test data", fontsize="small")
    return axes


def random_planes(frames: Frames, *, space: str | None = None) -> np.ndarray:
    """Fig. C.1: the random configurations in the planes of error and cost, coloured by method."""
    table = frames.random if space is None else frames.random[frames.random["space"] == space]
    table = some(table.dropna(subset=["error", *COSTS]), "random configurations")
    names = datasets(table)
    axes = grid(len(names), 2)
    for row, dataset in zip(axes, names, strict=True):
        mine = table[table["dataset"] == dataset]
        for ax, cost in zip(row, COSTS, strict=True):
            for method, part in mine.groupby("algorithm", sort=True):
                colour, marker = LOOKS[method]
                ax.scatter(part[cost], part["error"], s=10, c=colour, marker=marker, alpha=0.6, label=METHODS[method])
            _plane(titled(ax, mine), cost, "validation error (%)")
    axes[0, 0].legend(fontsize="x-small")
    return axes


def updating_shares(rows: pd.DataFrame) -> Axes:
    """The share of SET's and RigL's configurations, as drawn, whose topology is ever updated, per data set.

    A column per way to run them, such as `text` and `code` of `arithmetic.updating`, as shares of 1.
    """
    ax, width = new_axes(width=6.9, height=3.4), 0.8 / len(rows.columns)
    colours = [COLOURS[name] for name in ("uniform", "proxy", "other 1")]
    for place, (name, colour) in enumerate(zip(rows.columns, colours, strict=False)):
        places = np.arange(len(rows)) + (place + 0.5) * width - 0.4
        bars = ax.bar(places, 100 * rows[name], width, color=colour, label=SPACES.get(name, name))
        ax.bar_label(bars, fmt="%.2g", fontsize="small", rotation=90, padding=2)
    ax.margins(y=0.15)
    ax.set_xticks(range(len(rows)), rows.index, fontsize="small")
    ax.set(ylabel="draws with any topology update (%)", xlabel="data set")
    return above(ax)
