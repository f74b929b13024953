"""Figures of paper 000 from records, and those that it lacks."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from pruneproxy.evidence import words
from pruneproxy.evidence.figures import COLOURS, LR, grid, new_axes, some
from pruneproxy.recipes.proxy_hpo.reanalysis import MARGINS
from pruneproxy.recipes.proxy_hpo.tables import SELECTED, stands_for
from pruneproxy.recipes.recipe import network_name
from pruneproxy.stats import proxies

ARMS = {"target": "on the full network", "proxy": "on the pruned copy"}
KINDS = {"stem": "other 2", "inner": "proxy", "plain": "proxy", "residual": "other 1", "head": "other 3"}
OPTIMIZERS = {"tpe": "TPE", "gp": "BO", "cma-es": "CMA-ES"}


def panels(count: int, *, height: float = 3.0) -> np.ndarray:
    """The axes of `count` panels one below the other in one figure, of which a page needs one per caption."""
    return grid(count, width=7.0, height=height)[:, 0]


def differences(
    table: pd.DataFrame, labels: Sequence[str], *, margins: Sequence[float] = MARGINS, method: str = "proxy"
) -> Axes:
    """Differences in points with their intervals, one line per row of `table` (`difference`, `low`, `high`).

    The shaded bands are the margins of equivalence. An interval of 95 % inside a band is more than the test at 5 % asks
    for, which takes that of 90 %: a bar that sticks out a little may still be equivalent.
    """
    rows = some(table, "differences to draw")
    ax = new_axes(height=1.1 + 0.24 * len(rows), width=7.5)
    for margin in margins:
        ax.axvspan(-margin, margin, color="0.5", alpha=0.12, linewidth=0)
    place = np.arange(len(rows))[::-1]
    lines = rows[["low", "high"]].notna().all(axis=1).to_numpy()
    ax.hlines(place[lines], rows["low"][lines], rows["high"][lines], color=COLOURS[method], linewidth=1.4)
    ax.plot(rows["difference"], place, "o", color=COLOURS[method], markersize=4)
    ax.axvline(0, color="0.3", linewidth=0.8)
    ax.set_yticks(place, labels, fontsize="small")
    ax.set_xlabel("settings of the pruned copy minus settings of the full network (points)")
    return ax


def cell_labels(table: pd.DataFrame) -> list[str]:
    """`CIFAR10, TPE, ResNet-56` for every row; of our records, `tables.named` first puts what was trained."""
    return [
        f"{row.dataset},\n{OPTIMIZERS.get(row.optimizer, row.optimizer)}, {network_name(row.network)}"
        for row in table.itertuples()
    ]


def source_labels(table: pd.DataFrame) -> list[str]:
    """`ResNet-56 from VGG16-BN` for every row: a network, and where its settings were found; named likewise."""
    sources = ["its pruned copy" if source == "synflow" else network_name(source) for source in table["source"]]
    return [f"{network_name(name)} from {source}" for name, source in zip(table["network"], sources, strict=True)]


def kept(widths: pd.DataFrame, *, network: str, ax: Axes | None = None) -> Axes:
    """The share of channels that every group keeps, in the order of the network, each kind of group in its colour."""
    rows = some(widths[widths["network"] == network], f"the pruned {network}")
    ax = new_axes(ax, width=7.5, height=3.0)
    for kind, group in rows.groupby("kind", sort=False):
        ax.bar(group["place"], group["share"], color=COLOURS[KINDS[kind]], width=0.85, label=kind)
    ticks = rows.iloc[:: max(1, len(rows) // 20)]
    ax.set_xticks(ticks["place"], ticks["group"], rotation=60, ha="right", fontsize="x-small")
    ax.set(ylabel="share of channels kept", ylim=(0, 1), title=stands_for(rows["title"].iloc[0], network_name(network)))
    ax.legend(fontsize="x-small", title="kind of group", title_fontsize="x-small")
    return ax


def times(table: pd.DataFrame) -> Axes:
    """Percent saved by the pruned copy: time (with its quartiles), multiplications and parameters, per network."""
    rows = some(table, "timings")
    ax = new_axes(width=6.9, height=1.0 + 0.5 * len(rows))
    place = np.arange(len(rows))
    looks = {"time": "proxy", "multiplications": "other 3", "parameters": "published"}
    for shift, (name, look) in zip((-0.27, 0, 0.27), looks.items(), strict=True):
        ax.barh(place + shift, rows[name], height=0.25, color=COLOURS[look], label=name)
    ax.hlines(place - 0.27, rows["low"], rows["high"], color="black", linewidth=1.4)
    names = [f"{row.title} for {row.dataset}, batch {row.batch_size}" for row in rows.itertuples()]
    ax.set_yticks(place, names)
    ax.invert_yaxis()
    ax.axvline(0, color="0.3", linewidth=0.8)
    ax.set_xlabel("saved (%)")
    ax.legend(fontsize="x-small", loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, frameon=False)
    return ax


def losses(curves: pd.DataFrame, *, network: str, ax: Axes | None = None) -> Axes:
    """Fig. 2: mean training loss per epoch of both networks, shaded by one deviation over seeds."""
    rows = some(curves[curves["network"] == network], f"training curves of {network}")
    ax = new_axes(ax, height=3.6)
    for arm, group in rows.groupby("arm", sort=False):
        found = group.groupby("epoch")["train_loss"].agg(["mean", "std"])
        ax.plot(found.index, found["mean"], color=COLOURS[arm], label=ARMS[arm].removeprefix("on the "))
        low, high = found["mean"] - found["std"], found["mean"] + found["std"]
        ax.fill_between(found.index, low, high, color=COLOURS[arm], alpha=0.2, linewidth=0)
    ax.set(xlabel="epoch", ylabel="training loss", title=stands_for(rows["title"].iloc[0], network_name(network)))
    ax.legend(fontsize="small")
    return ax


def selected(winners: pd.DataFrame) -> np.ndarray:
    """Fig. 3: the selected value of each of five hyperparameters, one box per arm, the mean as a dashed line."""
    rows = some(winners[winners["experiment"] == "five"].drop_duplicates("search_id"), "searches over five values")
    (axes,) = grid(1, len(SELECTED), width=1.48, height=3.2)
    for ax, (name, logged) in zip(axes, SELECTED.items(), strict=True):
        for place, arm in enumerate(ARMS):
            values = rows.loc[rows["arm"] == arm, name].to_numpy(dtype=float)
            colour = COLOURS[arm]
            looks = {"boxprops": {"facecolor": colour, "alpha": 0.25, "edgecolor": colour}}
            looks |= {"medianprops": {"color": colour}, "meanprops": {"color": "black", "linestyle": "--"}}
            shown = {"showmeans": True, "meanline": True, "showfliers": False, "patch_artist": True}
            ax.boxplot([values], positions=[place], widths=0.6, **shown, **looks)
            ax.plot(np.full(values.size, place), values, "o", color=colour, markersize=3)
        ax.set_yscale("log" if logged else "linear")
        ax.set_xticks([0, 1], ["full", "pruned"], fontsize="small")
        ax.set_title(words.name(name), fontsize="medium")
    return axes


def progress(trials: pd.DataFrame, *, ax: Axes | None = None) -> Axes:
    """Best validation accuracy so far against what the search has spent, one line per search, full and pruned."""
    rows, ax = some(trials, "searches"), new_axes(ax, height=3.6)
    for (arm, _), group in rows.groupby(["arm", "search_id"], sort=False):
        group = group.sort_values("number")
        spent, best = group["seconds"].fillna(0).cumsum(), group["value"].cummax()
        ax.step(spent, best, where="post", color=COLOURS[arm], alpha=0.8, linewidth=1.2, label=ARMS[arm])
    handles = dict(zip(*reversed(ax.get_legend_handles_labels()), strict=True))
    ax.legend(handles.values(), handles.keys(), fontsize="small")
    ax.set(xlabel="seconds of training spent", ylabel="best accuracy so far (%)")
    return ax


def at_cost(table: pd.DataFrame) -> np.ndarray:
    """Every proxy as a line, the cheapest on top: its cost, its rank correlation and its regret, with intervals.

    What chance gives stands below each axis, and is drawn as a dotted line where the axis of the proxies reaches it.
    """
    rows = some(table, "proxies").sort_values("seconds", ascending=False)
    axes = plt.subplots(1, 3, figsize=(8.4, 1.4 + 0.34 * len(rows)), sharey=True, layout="constrained")[1]
    place = np.arange(len(rows))
    colours = [COLOURS[_look(name)] for name in rows["proxy"]]
    axes[0].scatter(rows["seconds"], place, c=colours, label="measured time", zorder=3)
    axes[0].scatter(rows["multiplications"], place, facecolors="none", edgecolors=colours, label="multiplications")
    axes[0].axvline(1, color="0.6", linewidth=0.8)
    axes[0].set(xlabel="cost relative to the full network", xlim=(0, None))
    for ax, measure in zip(axes[1:], MEASURES, strict=True):
        ax.hlines(place, rows[f"{measure} low"], rows[f"{measure} high"], color=colours, alpha=0.5)
        ax.scatter(rows[measure], place, c=colours, zorder=3)
        name, chance, words = MEASURES[measure]
        level, (low, high) = rows[chance].mean(), ax.get_xlim()
        if low <= level <= high:
            ax.axvline(level, color="0.4", linestyle=":")
        ax.set(xlabel=f"{name}\n{words}: {level:.2g}", xlim=(low, high))
    axes[0].set_yticks(place, rows["proxy"], fontsize="small")
    axes[0].legend(fontsize="x-small", loc="upper center", bbox_to_anchor=(0.5, 1.12), frameon=False, ncols=2)
    return axes


MEASURES = {  # name, the column of what chance gives, and what that is
    "correlation": ("rank correlation", "null high", "97.5 % of shuffled proxies below"),
    "regret": ("regret (points of accuracy)", "chance regret", "a setting drawn blindly"),
}


def _look(proxy: str) -> str:
    if proxy.startswith("pruned"):
        return "proxy"
    looks = {proxies.ANOTHER_SEED: "target", "random pruning": "other 2", "uniform width": "uniform"}
    return looks.get(proxy, "other 1")


def ranks(configs: pd.DataFrame, proxy: str, *, ax: Axes | None = None) -> Axes:
    """Accuracy of the same settings on a proxy and on the full network; the colour is the learning rate."""
    rows = some(proxies.scatter_data(configs, proxy), f"settings on {proxy}")
    ax = new_axes(ax, width=4.2, height=3.6)
    drawn = ax.scatter(rows["top1"], rows["target"], c=np.log10(rows["lr"]), cmap="cividis", edgecolors="0.4", s=26)
    ax.figure.colorbar(drawn, ax=ax, label=LR)
    ax.set(xlabel=f"{proxy} (%)", ylabel="full network (%)")
    return ax
