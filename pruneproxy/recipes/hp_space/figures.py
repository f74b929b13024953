"""Figures 4.1 to 4.5 of the thesis from records, and their alt texts."""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.lines import Line2D

from pruneproxy.errors import UserError, choose
from pruneproxy.evidence import figures, words
from pruneproxy.recipes.hp_space.variants import REGIONS, Variant, select, variants, with_base
from pruneproxy.recipes.recipe import network_name, stands_for
from pruneproxy.stats import ellipse, landscape, log_points, risk, roi

RISK_REGION = 0.5
RISKS = {"risk": "accuracy lost (points)", "relative_risk": "share of accuracy lost"}
TOP_SHARE = 0.15  # caption of Fig. 4.1
PRIOR, REACH = (-4.0, -1.0), 0.4  # log10 weight_decay and lr (Table 3.4), and what counts as near, in decades


def title(frame: pd.DataFrame, network: str) -> str:
    """What was really trained for `network`, where the frame says it."""
    named = frame.loc[frame["network"] == network, "title"] if "title" in frame else []
    return stands_for(named.iloc[0], network_name(network)) if len(named) else words.name(network)


def _titled(frame: pd.DataFrame, network: str) -> str:
    return f"{title(frame, network)}; share of multiplications left"


def _two_lines(label: str) -> str:
    return label.replace(", ", ",\n")


def landscapes(frame: pd.DataFrame, *, network: str) -> np.ndarray:
    """Figs. 4.1 and 4.2: contours above, settings with their ellipses below, one column per variant; (2, n) axes.

    Colours are the distance to the best of each variant, and span the best share of all settings.
    """
    found = _variants(frame, network)
    axes = _grid(2, len(found))
    levelled = figures.centred(frame[frame["network"] == network])
    limits = figures.colour_limits(levelled, share=TOP_SHARE)
    for variant, column in zip(found, axes.T, strict=True):
        rows = select(levelled, variant)
        figures.contour(rows, ax=column[0], limits=limits).set_title(_two_lines(variant.words), fontsize="medium")
        figures.scatter(rows, ax=column[1], limits=limits)
    _colourbar(axes, limits, "top-1 accuracy minus the best (points)")
    axes.flat[0].figure.suptitle(_titled(frame, network), fontsize="medium")
    return _finished(axes)


def two_metrics(frame: pd.DataFrame, *, network: str) -> np.ndarray:
    """Fig. 4.3: the settings with their ellipses, one row per metric that was measured, one column per variant."""
    mine = frame[frame["network"] == network]
    values = [value for value in figures.METRICS if value in mine and mine[value].notna().any()]
    found = _variants(frame, network, values[0] if values else "top1")
    axes = _grid(len(values), len(found))
    for value, line in zip(values, axes, strict=True):
        limits = figures.colour_limits(mine, value=value, share=1.0)
        for variant, ax in zip(found, line, strict=True):
            figures.scatter(select(frame, variant), ax=ax, value=value, limits=limits)
            ax.set_title(_two_lines(variant.words), fontsize="medium")
        _colourbar(line, limits, figures.METRICS[value])
    return _finished(axes)


def grid_points(frame: pd.DataFrame, *, network: str) -> Axes:
    """Fig. 4.4: the settings of the unpruned network, its accuracy beside each, dark near the prior."""
    base = [variant for variant in _variants(frame, network) if variant.method == "none"]
    if not base:
        raise UserError(f"expected records of the unpruned {network}, got none: run them first")
    ax, means = figures.new_axes(), landscape(select(frame, base[0]))
    points = log_points(means)
    near = (np.abs(points - np.array(PRIOR)) <= REACH + 1e-3).all(axis=1)
    ax.scatter(*points.T, s=24, c=np.where(near, figures.COLOURS["none"], figures.COLOURS["published"]))
    for place, accuracy in zip(points, means["top1"], strict=True):
        ax.annotate(f"{accuracy:.1f}", place, xytext=(3, 3), textcoords="offset points", fontsize="x-small")
    ax.set(xlabel=figures.WEIGHT_DECAY, ylabel=figures.LR)
    ax.set_title(f"{title(frame, network)} unpruned, {figures.METRICS['top1']}")
    return ax


def risk_settings(frame: pd.DataFrame) -> pd.DataFrame:
    """The data of Fig. 4.5: both risks of every setting in the unpruned 0.5-ROI, per network and variant."""
    parts = [
        risk(landscape(base), landscape(rows), x=RISK_REGION).settings.assign(
            network=variant.network, variant=variant.words, method=variant.method
        )
        for variant, base, rows in with_base(frame)
    ]
    columns = ["network", "variant", "method", "lr", "weight_decay", *RISKS]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def risks(frame: pd.DataFrame, *, network: str, column: str = "risk", ax: Axes | None = None) -> Axes:
    """Fig. 4.5: box plots of the risk over the unpruned network's 0.5-ROI, the unpruned network first and darker."""
    label = choose(column, RISKS, "risk")
    table = risk_settings(frame[frame["network"] == network])
    if table.empty:
        raise UserError(f"expected records of the unpruned {network}, got none: run them first")
    groups = dict(list(table.groupby("variant", sort=False)))
    methods = [rows["method"].iloc[0] for rows in groups.values()]
    values = {_two_lines(name): rows[column].to_numpy() for name, rows in groups.items()}
    drawn = figures.boxes(values, methods=methods, ax=ax, label=label)
    drawn.set_xticklabels(values, rotation=0, ha="center")
    return drawn


def risk_pair(frame: pd.DataFrame, *, network: str) -> np.ndarray:
    """Fig. 4.5 for one network: absolute risk above, relative risk below."""
    axes = figures.grid(2, 1, width=6.9, height=2.6)[:, 0]
    for ax, column in zip(axes, RISKS, strict=True):
        risks(frame, network=network, column=column, ax=ax)
    axes[0].figure.suptitle(_titled(frame, network), fontsize="medium")
    return axes


def alt_risks(frame: pd.DataFrame, *, network: str) -> str:
    """Fig. 4.5 in words: median and range of the risk of each variant."""
    table = risk_settings(frame[frame["network"] == network])
    parts = [
        f"{name} median {values.median():.3f}, {values.min():.3f} to {values.max():.3f}"
        for name, values in table.groupby("variant", sort=False)["risk"]
    ]
    return f"Box plots of the {RISKS['risk']} of {network}: " + "; ".join(parts) + "."


def ellipses_together(frame: pd.DataFrame, *, network: str) -> Axes:
    """The 1.0-ROI ellipses of all variants of a network in one plane, centres marked; stronger pruning is fainter."""
    ax = figures.new_axes(width=5.5, height=4.5)
    for variant in _variants(frame, network):
        fitted = ellipse(log_points(roi(landscape(select(frame, variant)), 1.0)))
        if fitted is not None:
            look = {"color": figures.COLOURS[variant.method], "alpha": 0.35 + 0.65 * variant.target}
            ax.plot(*fitted.outline().T, label=f"{variant.words} ({fitted.points} settings)", linewidth=1.8, **look)
            ax.plot(*fitted.centre, "+", markersize=10, **look)
    ax.set(xlabel=figures.WEIGHT_DECAY, ylabel=figures.LR)
    ax.set_title(f"{_titled(frame, network)}\nsettings within 1 point of the best", fontsize="medium")
    if ax.lines:
        ax.legend(fontsize="x-small")
    else:
        ax.text(0.5, 0.5, "no region holds five settings", transform=ax.transAxes, ha="center")
    return ax


def _variants(frame, network, value="top1") -> Sequence[Variant]:
    found = [variant for variant in variants(frame, value) if variant.network == network]
    if not found:
        known = ", ".join(sorted(set(map(str, frame["network"])))) or "none"
        raise UserError(f"expected records of {network}, got records of: {known}")
    return found


def _grid(rows: int, columns: int) -> np.ndarray:
    size = (min(2.1 * columns + 0.9, figures.WIDEST), 2.0 * rows + 0.9)
    return plt.subplots(rows, columns, figsize=size, sharex=True, sharey=True, squeeze=False, layout="constrained")[1]


def _colourbar(axes, limits, label):
    colours = ScalarMappable(norm=Normalize(*limits), cmap=figures.ACCURACY_MAP)
    np.ravel(axes)[0].figure.colorbar(colours, ax=list(np.ravel(axes)), label=label, extend="min")


def _finished(axes) -> np.ndarray:
    """With a legend of the regions, and labels at the outer axes alone."""
    lines = [Line2D([], [], color="black", linestyle=figures.REGION_LINES[x], label=f"{x:.1f}-ROI") for x in REGIONS]
    axes[-1, 0].legend(handles=lines, fontsize="x-small", loc="lower left")
    for ax in axes.ravel():
        ax.label_outer()
        ax.set(xlabel="", ylabel="")
    axes[0, 0].figure.supxlabel(figures.WEIGHT_DECAY, fontsize="medium")
    axes[0, 0].figure.supylabel(figures.LR, fontsize="medium")
    return axes
