"""The figures of the thesis from records, and those that it lacks."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogFormatterSciNotation, LogLocator, MaxNLocator

from pruneproxy.errors import UserError
from pruneproxy.evidence.figures import ACCURACY_MAP, COLOURS
from pruneproxy.models.shapes import mlp_widths
from pruneproxy.published import read
from pruneproxy.recipes.sparse_tradeoff import fronts
from pruneproxy.recipes.sparse_tradeoff.frames import NAMES, Frames

METHODS = {"set": "SET", "rigl": "RigL", "dense": "dense"}
LOOKS = {  # colour, marker
    "set": (COLOURS["uniform"], "o"),
    "rigl": (COLOURS["proxy"], "^"),
    "dense": (COLOURS["none"], "s"),
    "reproduction": (COLOURS["published"], "s"),
    "optimization": (COLOURS["other 1"], "o"),
    "evaluation": (COLOURS["other 2"], "^"),
    "MNIST": (COLOURS["none"], "o"),
    "Fashion MNIST": (COLOURS["proxy"], "s"),
    "Higgs": (COLOURS["other 1"], "^"),
    "Elec2": (COLOURS["uniform"], "v"),
    "CIFAR-10": (COLOURS["other 2"], "D"),
    "SVHN": (COLOURS["other 4"], "P"),
}
EXPERIMENTS = {"reproduction": "fixed configuration", "optimization": "search", "evaluation": "search, then sweep"}
COSTS = {"inference": "multiplications per image", "training": "multiplications of the training"}
ERROR = "test error (%)"
SPARSITY = "sparsity (dense: 0)"
SHAPES = ((8, 100, 40, 80), (5, 20, 100, 20), (2, 80, None, 40), (1, 60, None, None))  # layers, first, middle, last


def datasets(table: pd.DataFrame) -> list[str]:
    """The data sets of a table in the thesis's order."""
    order = list(read("sparse_tradeoff", "table-4.3")["dataset"])
    return [name for name in order if name in set(table["dataset"])]


def _some(table: pd.DataFrame, what: str) -> pd.DataFrame:
    if table.empty:
        raise UserError(f"expected {what}, got none: run the missing records first")
    return table


def _grid(rows: int, columns: int = 1, *, width: float = 4.0, height: float = 3.2) -> np.ndarray:
    size = (width * columns, height * rows)
    return plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)[1]


def _wrapped(count: int, columns: int = 3, **size) -> list[Axes]:
    """As many axes as asked for, in rows."""
    columns = min(columns, count)
    axes = _grid(-(-count // columns), columns, **size).ravel()
    for ax in axes[count:]:
        ax.remove()
    return list(axes[:count])


def _titled(ax: Axes, rows: pd.DataFrame) -> Axes:
    """The data set as the title, with what was really trained."""
    row = rows.iloc[0]
    ax.set_title(f"{row['dataset']}\n{row['data']}, {row['title']}", fontsize="small")
    return ax


def shapes(settings: Sequence[tuple] = SHAPES, *, inputs: int = 4, outputs: int = 2) -> np.ndarray:
    """Fig. 4.1: the widths of MLPs that (layers, first, middle, last) give, a bar per layer; few layers have no middle.

    Inputs and outputs are grey.
    """
    axes = np.array(_wrapped(len(settings), 4, width=2.4, height=2.6))
    for ax, (layers, first, middle, last) in zip(axes, settings, strict=True):
        widths = [inputs, *mlp_widths(layers, first=first, middle=middle, last=last), outputs]
        colours = [COLOURS["published"], *[COLOURS["uniform"]] * layers, COLOURS["published"]]
        ax.bar(range(len(widths)), widths, bottom=-np.array(widths) / 2, color=colours, width=0.6)
        sizes = ", ".join("-" if size is None else str(size) for size in (layers, first, middle, last))
        ax.set_title(f"({sizes})", fontsize="small")
        ax.set(xlabel="layer, from input to output", ylabel="width (neurons)", yticks=[])
        ax.set_xticks(range(0, len(widths), 2))
    return axes


def accuracy_by_sparsity(frames: Frames) -> list[Axes]:
    """Fig. 5.1: mean accuracy and its deviation at every sparsity of the fixed configuration, the dense one dashed."""
    runs = _some(frames.runs[frames.runs["experiment"] == "reproduction"], "runs of the fixed configurations")
    names = datasets(runs)
    axes = _wrapped(len(names))
    for ax, dataset in zip(axes, names, strict=True):
        table = fronts.reproduced(frames, dataset)
        for method in ("set", "rigl"):
            rows = table[table["algorithm"] == method].sort_values("sparsity")
            colour, marker = LOOKS[method]
            look = {"color": colour, "marker": marker, "markersize": 4, "linewidth": 1.2, "label": METHODS[method]}
            ax.errorbar(rows["sparsity"].astype(float), rows["top1"], yerr=rows["sd"].fillna(0), **look)
        for level in table.loc[table["algorithm"] == "dense", "top1"]:
            ax.axhline(level, color=LOOKS["dense"][0], linestyle="--", linewidth=1, label="dense")
        _titled(ax, table).set(xlabel="sparsity", ylabel="test accuracy (%)")
    axes[0].legend(fontsize="small")
    return axes


def tradeoffs(frames: Frames, experiments: Sequence[str] = ("reproduction", "optimization")) -> np.ndarray:
    """Fig. 5.2: test error against both costs, a row per data set and a colour per experiment.

    Fig. 5.4 with `experiments=("optimization", "evaluation")`.
    """
    tables = _by_dataset(frames, experiments)
    axes = _grid(len(tables), 2)
    for row, found in zip(axes, tables.values(), strict=True):
        for ax, cost in zip(row, COSTS, strict=True):
            for name, table in found.items():
                colour, marker = LOOKS[name]
                ax.scatter(
                    table[cost], table["error"], s=14, c=colour, marker=marker, alpha=0.7, label=EXPERIMENTS[name]
                )
            _plane(_titled(ax, next(table for table in found.values() if len(table))), cost)
    axes[0, 0].figure.legend(*_labelled(axes), loc="outside upper center", ncols=len(experiments), fontsize="small")
    return axes


def _labelled(axes: np.ndarray) -> tuple[list, list]:
    """Handles and labels of a figure, each label once, also where the first panel lacks one."""
    pairs = [ax.get_legend_handles_labels() for ax in np.ravel(axes)]
    found = {label: handle for handles, labels in pairs for handle, label in zip(handles, labels, strict=True)}
    return list(found.values()), list(found)


def _by_dataset(frames: Frames, experiments: Sequence[str]) -> dict[str, dict[str, pd.DataFrame]]:
    tables = {
        dataset: {name: fronts.points(frames, dataset, name) for name in experiments}
        for dataset in datasets(frames.runs)
    }
    found = {dataset: parts for dataset, parts in tables.items() if any(len(table) for table in parts.values())}
    if not found:
        raise UserError(f"expected runs of {' or '.join(experiments)}, got none: run the missing records first")
    return found


def _plane(ax: Axes, cost: str, error: str = ERROR) -> Axes:
    ax.set(xlabel=COSTS[cost], ylabel=error, xscale="log")
    _sparsely_labelled(ax.xaxis)
    return ax


def _sparsely_labelled(axis) -> None:
    """On a logarithmic axis of about a decade, few labels between the powers of ten, which do not run together."""
    axis.set_minor_locator(_Few(subs=(2, 5)))
    axis.set_minor_formatter(LogFormatterSciNotation(minor_thresholds=(1.3, 1.3)))
    axis.set_tick_params(which="minor", labelsize="x-small")


class _Few(LogLocator):
    """At 2 and 5 of every decade; where an axis does not even span a factor of 3, at three or four round numbers."""

    def tick_values(self, vmin, vmax):
        low, high = sorted((vmin, vmax))
        return super().tick_values(vmin, vmax) if high > 3 * low else MaxNLocator(3).tick_values(low, high)


def coloured(frames: Frames, *, cost: str = "training") -> list[Axes]:
    """Fig. 5.3: the trade-off of the search, coloured by sparsity."""
    tables = [parts["optimization"] for parts in _by_dataset(frames, ("optimization",)).values()]
    axes = _wrapped(len(tables))
    for ax, table in zip(axes, tables, strict=True):
        look = {"c": fronts.sparsities(table), "cmap": ACCURACY_MAP, "vmin": 0, "vmax": 1}
        drawn = ax.scatter(table[cost], table["error"], s=20, edgecolors="0.4", linewidths=0.4, **look)
        _plane(_titled(ax, table), cost)
    axes[0].figure.colorbar(drawn, ax=axes, label=SPARSITY)
    return axes


def sweeps(frames: Frames) -> list[Axes]:
    """Fig. 5.5: for every configuration that was swept, the accuracy of its best version against its hypervolume."""
    runs = _some(frames.runs[frames.runs["experiment"] == "evaluation"], "runs of the evaluation")
    names = datasets(runs)
    axes = _wrapped(len(names))
    for ax, dataset in zip(axes, names, strict=True):
        table = fronts.sweeps(frames, dataset)
        look = {"c": table["sparsity"], "cmap": ACCURACY_MAP, "vmin": 0, "vmax": 1}
        drawn = ax.scatter(table["top1"], table["hypervolume"], s=30, edgecolors="0.4", linewidths=0.4, **look)
        _titled(ax, runs[runs["dataset"] == dataset]).set(xlabel="accuracy of the best version (%)")
        ax.set_ylabel("hypervolume of all versions")
    axes[0].figure.colorbar(drawn, ax=axes, label="sparsity of the best version (dense: 0)")
    return axes


def importance_scale(scales: pd.DataFrame, *, most: int = 8) -> list[Axes]:
    """Fig. 6.1: importance while the weight moves from objective to objective; the `most` important are drawn.

    `scales` is a table of `influence.scale`, or several of them one below the other. A hyperparameter looks the same in
    all panels.
    """
    names = datasets(_some(scales, "an importance scale"))
    axes = _wrapped(len(names), 2, width=5.2, height=3.4)
    looks = [("-", "o"), ("--", "^"), (":", "s")]  # line, marker
    colours = [COLOURS[name] for name in ("none", "proxy", "uniform", "other 1", "other 2", "other 3", "other 4")]
    order = list(scales.groupby("hyperparameter")["importance"].max().sort_values(ascending=False).index)
    for ax, dataset in zip(axes, names, strict=True):
        rows = scales[scales["dataset"] == dataset]
        chosen = rows.groupby("hyperparameter")["importance"].max().nlargest(most).index
        for name in chosen:
            line, place = rows[rows["hyperparameter"] == name].sort_values("position"), order.index(name)
            style, marker = looks[place // len(colours) % len(looks)]
            look = {"color": colours[place % len(colours)], "linestyle": style, "marker": marker, "markersize": 4}
            ax.plot(line["position"], line["importance"], label=NAMES.get(name, name), **look)
        stops = [*rows.drop_duplicates("section")["first"], rows["second"].iloc[-1]]
        ax.set_xticks(range(len(stops)), stops)
        _titled(ax, rows).set(xlabel="what the weight lies on", ylabel="importance (share of variance)")
        ax.legend(fontsize="xx-small", loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return axes


def densities(table: pd.DataFrame) -> list[Axes]:
    """Fig. 6.2: the density of every numerical hyperparameter in the trade-offs, a line per data set.

    `table` is one of `influence.densities`, or several of them; the numbers in brackets count configurations.
    """
    rows = _some(table[table["value"].notna()], "hyperparameters with two or more values")
    names = list(dict.fromkeys(rows["hyperparameter"]))
    axes = _wrapped(len(names), 4, width=2.9, height=2.5)
    for ax, name in zip(axes, names, strict=True):
        for dataset, line in rows[rows["hyperparameter"] == name].groupby("dataset", sort=False):
            label = f"{dataset} ({line['configurations'].iloc[0]})"
            ax.plot(line["value"], line["density"], color=LOOKS[dataset][0], label=label, linewidth=1.3)
        log = rows.loc[rows["hyperparameter"] == name, "log"].any()
        ax.set(xlabel=NAMES.get(name, name), ylabel="density", xscale="log" if log else "linear")
        if log:
            _sparsely_labelled(ax.xaxis)
        ax.legend(fontsize="xx-small")
    return axes


def shares(table: pd.DataFrame) -> list[Axes]:
    """Fig. 6.3: how often each value occurs in the trade-offs, a bar per data set."""
    rows = _some(table, "a trade-off")
    names = list(dict.fromkeys(rows["hyperparameter"]))
    axes = _wrapped(len(names), width=3.4, height=2.6)
    for ax, name in zip(axes, names, strict=True):
        part = rows[rows["hyperparameter"] == name]
        _bars(ax, part, 100 * part["share"])
        ax.set(xlabel=NAMES.get(name, name), ylabel="configurations (%)")
    _above(axes[0])
    return axes


def _above(ax: Axes) -> Axes:
    """A legend that covers nothing."""
    ax.legend(fontsize="x-small", loc="lower left", bbox_to_anchor=(0, 1), frameon=False, ncols=3)
    return ax


def _bars(ax: Axes, rows: pd.DataFrame, heights: pd.Series) -> Axes:
    """A group of bars per value, a bar per data set."""
    values, names = list(dict.fromkeys(rows["value"])), datasets(rows)
    width = 0.8 / len(names)
    for place, dataset in enumerate(names):
        mine = rows["dataset"] == dataset
        at = np.array([values.index(value) for value in rows.loc[mine, "value"]])
        shift = (place - (len(names) - 1) / 2) * width
        ax.bar(at + shift, heights[mine], width=width, color=LOOKS[dataset][0], label=dataset)
    ax.set_xticks(range(len(values)), [METHODS.get(value, WORDS.get(value, str(value))) for value in values])
    return ax


WORDS = {"uniform": "uniform", "erk": "ERK"}


def volumes_by_threshold(
    table: pd.DataFrame, column: str = "sparsity", *, log: bool = False, ax: Axes | None = None
) -> Axes:
    """Fig. 6.4 and 6.6: the hypervolume of the part with at least, or at most, a value; a line per data set.

    `table` is one of `influence.subset_volumes` with the way "from" or "up to", or several of them.
    """
    rows = _some(table, "a trade-off")
    end, words = ("low", "least") if "low" in rows else ("high", "largest")
    ax = _wrapped(1)[0] if ax is None else ax
    for dataset, line in rows.groupby("dataset", sort=False):
        colour, marker = LOOKS[dataset]
        ax.plot(line[end], line["hypervolume"], color=colour, marker=marker, markersize=3, label=dataset)
    ax.set(xlabel=f"{words} {NAMES.get(column, column)}", ylabel="hypervolume", ylim=(0, None))
    ax.set_xscale("log" if log else "linear")
    return _above(ax)


def volumes_by_bin(table: pd.DataFrame, column: str = "sparsity", *, ax: Axes | None = None) -> Axes:
    """Fig. 6.4c, 6.6e and f: the hypervolume of every bin; the whole trade-offs' are dashed."""
    rows = _some(table, "a trade-off")
    labels = [f"{low:g} to\n{high:g}" for low, high in zip(rows["low"], rows["high"], strict=True)]
    return _whole(rows.assign(value=labels), NAMES.get(column, column), ax)


def volumes_by_value(table: pd.DataFrame, column: str, *, ax: Axes | None = None) -> Axes:
    """Fig. 6.5: the hypervolume of the configurations with each choice; the whole trade-offs' are dashed."""
    return _whole(_some(table, "a trade-off"), NAMES.get(column, column), ax)


def _whole(rows: pd.DataFrame, label: str, ax: Axes | None) -> Axes:
    ax = _wrapped(1, width=5.0)[0] if ax is None else ax
    _bars(ax, rows, rows["hypervolume"])
    for dataset, part in rows.groupby("dataset", sort=False):
        total = (part["hypervolume"] / part["share"]).max()
        if np.isfinite(total):
            ax.axhline(total, color=LOOKS[dataset][0], linestyle="--", linewidth=0.9)
    ax.set(xlabel=label, ylabel="hypervolume")
    ax.tick_params(axis="x", labelsize="x-small")
    return _above(ax)


PLANES = (("inference", "error"), ("training", "error"), ("inference", "training"))


def perspectives(frames: Frames, dataset: str = "MNIST") -> np.ndarray:
    """Fig. B.1: all trials of the search in three planes, and below the trade-off after training anew."""
    trials = frames.searched[frames.searched["dataset"] == dataset].dropna(subset=["error", *COSTS])
    _some(trials, f"a search on {dataset}")
    axes = _grid(2, 3, height=2.9)
    for row, table, colour, when in (
        (axes[0], trials, COLOURS["published"], "validation"),
        (axes[1], fronts.optimised(frames, dataset), LOOKS["optimization"][0], "test"),
    ):
        for ax, (x, y) in zip(row, PLANES, strict=True):
            ax.scatter(table[x], table[y], s=10, color=colour, alpha=0.7)
            ax.set(xlabel=COSTS[x], ylabel=f"{when} error (%)" if y == "error" else COSTS[y], xscale="log")
            _sparsely_labelled(ax.xaxis)
            if y != "error":
                ax.set_yscale("log")
                _sparsely_labelled(ax.yaxis)
    axes[0, 1].set_title(f"{dataset}: all trials of the search, on validation data", fontsize="small")
    axes[1, 1].set_title("first layers trained anew and filtered, on test data", fontsize="small")
    return axes


def random_planes(frames: Frames, *, space: str | None = None) -> np.ndarray:
    """Fig. C.1: the random configurations in the planes of error and cost, coloured by method."""
    table = frames.random if space is None else frames.random[frames.random["space"] == space]
    table = _some(table.dropna(subset=["error", *COSTS]), "random configurations")
    names = datasets(table)
    axes = _grid(len(names), 2)
    for row, dataset in zip(axes, names, strict=True):
        mine = table[table["dataset"] == dataset]
        for ax, cost in zip(row, COSTS, strict=True):
            for method, part in mine.groupby("algorithm", sort=True):
                colour, marker = LOOKS[method]
                ax.scatter(part[cost], part["error"], s=10, c=colour, marker=marker, alpha=0.6, label=METHODS[method])
            _plane(_titled(ax, mine), cost, "validation error (%)")
    axes[0, 0].legend(fontsize="x-small")
    return axes


def updating_shares(table: pd.DataFrame | Mapping[str, Mapping[str, float]], *, ax: Axes | None = None) -> Axes:
    """The share of SET's and RigL's configurations, as drawn, whose topology is ever updated, per data set.

    A column per way to run them, such as `text` and `code` of `prior.by_dataset`, as shares of 1.
    """
    rows = pd.DataFrame(table)
    rows = _some(rows[[name for name in ("text", "code", "fixed") if name in rows] or list(rows)], "shares")
    ax = _wrapped(1, width=5.6)[0] if ax is None else ax
    colours = [COLOURS[name] for name in ("uniform", "proxy", "other 1", "published")]
    width = 0.8 / len(rows.columns)
    for place, (name, colour) in enumerate(zip(rows.columns, colours, strict=False)):
        drawn = ax.bar(
            np.arange(len(rows)) + (place + 0.5) * width - 0.4, 100 * rows[name], width, color=colour, label=name
        )
        ax.bar_label(drawn, fmt="%.2g", fontsize="xx-small")
    ax.set_xticks(range(len(rows)), rows.index, fontsize="small")
    ax.set(ylabel="draws with any topology update (%)", xlabel="data set")
    return _above(ax)
