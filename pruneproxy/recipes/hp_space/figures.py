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
from pruneproxy.evidence import figures
from pruneproxy.recipes.hp_space.variants import REGIONS, Variant, variants
from pruneproxy.stats import ellipse, landscape, log_points, risk, roi

RISK_REGION = 0.5
RISKS = {"risk": "risk (points)", "relative_risk": "relative risk"}
TOP_SHARE = 0.15  # caption of Fig. 4.1
LEVELS = {
    "own": (lambda frame, value: figures.centred(frame, value=value), "{} minus the best of the variant"),
    "shared": (lambda frame, value: frame, "{}"),
}


def select(frame: pd.DataFrame, variant: Variant) -> pd.DataFrame:
    """The records of one variant."""
    return frame[(frame["network"] == variant.network) & (frame["variant"] == variant.name)]


def title(frame: pd.DataFrame, network: str) -> str:
    """What was really trained for `network`, where the frame says it."""
    named = frame.loc[frame["network"] == network, "title"] if "title" in frame else []
    return f"{named.iloc[0]} (for {network})" if len(named) else network


def landscapes(
    frame: pd.DataFrame,
    *,
    network: str,
    value: str = "top1",
    share: float = TOP_SHARE,
    level: str = "own",
    axes: np.ndarray | None = None,
) -> np.ndarray:
    """Figs. 4.1 and 4.2: contours above, settings with their ellipses below, one column per variant; (2, n) axes.

    `level="own"` colours the distance to the best of each variant, `"shared"` the accuracy itself as the thesis does;
    either way the colours span the best `share` of all settings.
    """
    found = _variants(frame, network, value)
    axes = _grid(2, len(found)) if axes is None else axes
    convert, label = choose(level, LEVELS, "colour level")
    levelled = convert(frame[frame["network"] == network], value)
    limits = figures.colour_limits(levelled, value=value, share=share)
    for variant, column in zip(found, axes.T, strict=True):
        rows = select(levelled, variant)
        figures.contour(rows, ax=column[0], value=value, limits=limits).set_title(variant.label, fontsize="medium")
        figures.scatter(rows, ax=column[1], value=value, limits=limits)
    _colourbar(axes, limits, label.format(figures.METRICS[value]))
    axes.flat[0].figure.suptitle(title(frame, network), fontsize="medium")
    return _outer_labels(_legend(axes))


def two_metrics(frame: pd.DataFrame, *, network: str, axes: np.ndarray | None = None) -> np.ndarray:
    """Fig. 4.3: the settings with their ellipses, one row per metric that was measured, one column per variant."""
    values = [
        value
        for value in figures.METRICS
        if value in frame and frame.loc[frame["network"] == network, value].notna().any()
    ]
    found = _variants(frame, network, values[0] if values else "top1")
    axes = _grid(len(values), len(found)) if axes is None else axes
    for value, line in zip(values, axes, strict=True):
        limits = figures.colour_limits(frame[frame["network"] == network], value=value, share=1.0)
        for variant, ax in zip(found, line, strict=True):
            figures.scatter(select(frame, variant), ax=ax, value=value, limits=limits)
            ax.set_title(variant.label, fontsize="medium")
        _colourbar(line, limits, figures.METRICS[value])
    return _outer_labels(_legend(axes))


def grid_points(
    frame: pd.DataFrame,
    *,
    network: str,
    prior: tuple[float, float] = (-4.0, -1.0),
    reach: float = 0.4,
    value: str = "top1",
    ax: Axes | None = None,
) -> Axes:
    """Fig. 4.4: the settings of the unpruned network, its accuracy beside each, dark near the prior.

    `prior` is (log10 weight_decay, log10 lr), Table 3.4; `reach` is what counts as near, in decades.
    """
    ax = plt.subplots(layout="constrained")[1] if ax is None else ax
    base = [variant for variant in _variants(frame, network, value) if variant.method == "none"]
    if not base:
        raise UserError(f"expected records of the unpruned {network}, got none: run them first")
    means = landscape(select(frame, base[0]), value=value)
    points = np.log10(means[["weight_decay", "lr"]].to_numpy(dtype=float))
    near = (np.abs(points - np.array(prior)) <= reach + 1e-3).all(axis=1)
    ax.scatter(*points.T, s=24, c=np.where(near, figures.COLOURS["none"], figures.COLOURS["published"]))
    for (x, y), accuracy in zip(points, means[value], strict=True):
        ax.annotate(f"{accuracy:.1f}", (x, y), xytext=(3, 3), textcoords="offset points", fontsize="x-small")
    ax.set(
        xlabel=figures.WEIGHT_DECAY,
        ylabel=figures.LR,
        title=f"{title(frame, network)} unpruned, {figures.METRICS[value]}",
    )
    return ax


def risk_settings(frame: pd.DataFrame, *, x: float = RISK_REGION, value: str = "top1") -> pd.DataFrame:
    """The data of Fig. 4.5: both risks of every setting in the unpruned x-ROI, per network and variant."""
    found = variants(frame, value)
    means = {variant: landscape(select(frame, variant), value=value) for variant in found}
    base = {variant.network: rows for variant, rows in means.items() if variant.method == "none"}
    parts = [
        risk(base[variant.network], rows, x=x, value=value).settings.assign(
            network=variant.network, variant=variant.label, method=variant.method
        )
        for variant, rows in means.items()
        if variant.network in base
    ]
    columns = ["network", "variant", "method", "lr", "weight_decay", "risk", "relative_risk"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def risks(
    frame: pd.DataFrame, *, network: str, column: str = "risk", value: str = "top1", ax: Axes | None = None
) -> Axes:
    """Fig. 4.5: box plots of the risk over the unpruned network's 0.5-ROI, the unpruned network first and darker."""
    label = choose(column, RISKS, "risk")
    table = risk_settings(frame[frame["network"] == network], value=value)
    if table.empty:
        raise UserError(f"expected records of the unpruned {network}, got none: run them first")
    groups = dict(list(table.groupby("variant", sort=False)))
    methods = [rows["method"].iloc[0] for rows in groups.values()]
    drawn = figures.boxes(
        {name: rows[column].to_numpy() for name, rows in groups.items()}, methods=methods, ax=ax, label=label
    )
    drawn.set_title(title(frame, network), fontsize="medium")
    return drawn


def alt_risks(frame: pd.DataFrame, *, network: str, column: str = "risk", value: str = "top1") -> str:
    """Fig. 4.5 in words: median and range of the risk of each variant."""
    label = choose(column, RISKS, "risk")
    table = risk_settings(frame[frame["network"] == network], value=value)
    parts = [
        f"{name} median {rows[column].median():.3f}, {rows[column].min():.3f} to {rows[column].max():.3f}"
        for name, rows in table.groupby("variant", sort=False)
    ]
    return f"Box plots of the {label} of {network}: " + "; ".join(parts) + "."


def _variants(frame, network, value) -> Sequence[Variant]:
    found = [variant for variant in variants(frame, value) if variant.network == network]
    if not found:
        known = ", ".join(sorted(set(map(str, frame["network"])))) or "none"
        raise UserError(f"expected records of {network}, got records of: {known}")
    return found


def _grid(rows: int, columns: int) -> np.ndarray:
    size = (2.1 * columns + 0.9, 2.2 * rows + 0.6)
    return plt.subplots(rows, columns, figsize=size, sharex=True, sharey=True, squeeze=False, layout="constrained")[1]


def _legend(axes) -> np.ndarray:
    lines = [Line2D([], [], color="black", linestyle=figures.REGION_LINES[x], label=f"{x:.1f}-ROI") for x in REGIONS]
    axes[-1, 0].legend(handles=lines, fontsize="x-small", loc="lower left")
    return axes


def _colourbar(axes, limits, label):
    colours = ScalarMappable(norm=Normalize(*limits), cmap=figures.ACCURACY_MAP)
    np.ravel(axes)[0].figure.colorbar(colours, ax=list(np.ravel(axes)), label=label, extend="min")


def _outer_labels(axes) -> np.ndarray:
    for ax in axes.ravel():
        ax.label_outer()
    return axes


def ellipses_together(
    frame: pd.DataFrame, *, network: str, x: float = 1.0, value: str = "top1", ax: Axes | None = None
) -> Axes:
    """The x-ROI ellipses of all variants of a network in one plane, centres marked; stronger pruning is fainter."""
    ax = plt.subplots(figsize=(5.5, 4.5), layout="constrained")[1] if ax is None else ax
    for variant in _variants(frame, network, value):
        region = roi(landscape(select(frame, variant), value=value), x, value=value)
        fitted = ellipse(log_points(region))
        if fitted is None:
            continue
        look = {"color": figures.COLOURS[variant.method], "alpha": 0.35 + 0.65 * variant.target}
        ax.plot(*fitted.outline().T, label=f"{variant.label} ({fitted.points} settings)", linewidth=1.8, **look)
        ax.plot(*fitted.centre, "+", markersize=10, **look)
    ax.set(xlabel=figures.WEIGHT_DECAY, ylabel=figures.LR, title=f"{title(frame, network)}, {x:.1f}-ROI")
    if ax.lines:
        ax.legend(fontsize="x-small")
    else:
        ax.text(0.5, 0.5, "no region holds five settings", transform=ax.transAxes, ha="center")
    return ax


def risk_pair(frame: pd.DataFrame, *, network: str, value: str = "top1") -> np.ndarray:
    """Fig. 4.5 for one network: absolute risk on the left, relative risk on the right."""
    axes = plt.subplots(1, 2, figsize=(8, 3.4), layout="constrained")[1]
    for ax, column in zip(axes, RISKS, strict=True):
        risks(frame, network=network, column=column, value=value, ax=ax)
    return axes
