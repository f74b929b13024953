"""Drawing landscapes, regions and distributions: a data step that can be tested, then a draw step onto given axes."""

from collections.abc import Iterable
from dataclasses import dataclass

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from pruneproxy.errors import UserError, choose
from pruneproxy.stats import ellipse, landscape, log_points, roi
from pruneproxy.stats.landscapes import single_landscape

COLOURS = {  # Okabe & Ito 2008; one colour per method in the whole book
    "none": "#000000",
    "target": "#000000",
    "proxy": "#D55E00",
    "uniform": "#0072B2",
    "global": "#D55E00",
    "published": "#999999",
    "other 1": "#009E73",
    "other 2": "#CC79A7",
    "other 3": "#56B4E9",
    "other 4": "#E69F00",
}
REGION_LINES = {1.0: (0, (4, 2)), 0.5: "solid"}  # regions differ by line style, since colour means method
ACCURACY_MAP = "cividis"
WEIGHT_DECAY, LR = "weight decay, log10", "learning rate, log10"
WIDEST = 7.4  # inches: wider figures are shown smaller
PAGE, SMALLEST = 690, 11.0  # pixels: the column of a page that is 1280 wide, and the smallest text in a figure
METRICS = {"top1": "top-1 accuracy (%)", "top5": "top-5 accuracy (%)"}


@dataclass(frozen=True, kw_only=True)
class Surface:
    """A landscape on its grid: `values[i, j]` at `lr[i]` and `weight_decay[j]` (log10), NaN where nothing was run."""

    weight_decay: np.ndarray
    lr: np.ndarray
    values: np.ndarray


def surface(frame: pd.DataFrame, *, value: str = "top1") -> Surface:
    """The `Surface` of one network and variant, averaged over seeds."""
    means = landscape(_one(frame, value), value=value)
    grid = means.pivot(index="lr", columns="weight_decay", values=value)
    return Surface(
        weight_decay=np.log10(grid.columns.to_numpy(dtype=float)),
        lr=np.log10(grid.index.to_numpy(dtype=float)),
        values=grid.to_numpy(dtype=float),
    )


def centred(frame: pd.DataFrame, *, value: str = "top1") -> pd.DataFrame:
    """A copy in which every landscape's best mean is 0: regions and ellipses stay, levels become comparable."""
    best = landscape(frame, value=value).groupby(["network", "variant"])[value].max().rename("best")
    joined = frame.join(best, on=["network", "variant"])
    return joined.assign(**{value: joined[value] - joined["best"]}).drop(columns="best")


def colour_limits(frame: pd.DataFrame, *, value: str = "top1", share: float = 0.15) -> tuple[float, float]:
    """Lowest and highest mean accuracy among the best `share` of all settings in `frame` (Fig. 4.1: 15 %)."""
    if not 0 < share <= 1:
        raise UserError(f"expected a share of the observations in (0, 1], got {share}")
    means = landscape(frame, value=value)[value].to_numpy()
    if not means.size:
        raise UserError(
            f"expected at least one setting with a measured {value}, got none: run the missing records first"
        )
    low, high = float(np.quantile(means, 1 - share)), float(means.max())
    return (low, high) if low < high else (low - 1.0, high)


def contour(
    frame: pd.DataFrame,
    *,
    ax: Axes | None = None,
    value: str = "top1",
    limits: tuple[float, float] | None = None,
    levels: int = 8,
) -> Axes:
    """Filled contours of one landscape; a grid with fewer than two values on an axis is drawn as points instead.

    Values below the colour range are drawn in its lowest colour, where the thesis removes and interpolates them.
    """
    ax, found = new_axes(ax), surface(frame, value=value)
    low, high = limits or colour_limits(frame, value=value, share=1.0)
    if min(found.values.shape) < 2 or np.isfinite(found.values).sum() < 4:
        return scatter(frame, ax=ax, value=value, limits=(low, high), regions=())
    drawn = ax.contourf(
        found.weight_decay,
        found.lr,
        np.ma.masked_invalid(found.values),
        levels=np.linspace(low, high, levels + 1),
        cmap=ACCURACY_MAP,
        extend="both",
    )
    drawn.set_label(METRICS.get(value, value))
    ax.use_sticky_edges = False
    ax.autoscale_view()
    return _label(ax)


def scatter(
    frame: pd.DataFrame,
    *,
    ax: Axes | None = None,
    value: str = "top1",
    limits: tuple[float, float] | None = None,
    regions: Iterable[float] = (1.0, 0.5),
) -> Axes:
    """The settings of one landscape coloured by accuracy, with the ellipse of every region that holds five."""
    ax = new_axes(ax)
    means = landscape(_one(frame, value), value=value)
    points, (low, high) = log_points(means), limits or colour_limits(frame, value=value, share=1.0)
    ax.scatter(
        *points.T, c=means[value], cmap=ACCURACY_MAP, vmin=low, vmax=high, s=22, edgecolors="0.4", linewidths=0.4
    )
    method = means["method"].iloc[0] if "method" in means else "none"
    for x in regions:
        outline(means, x, ax=ax, value=value, method=method)
    return _label(ax)


def outline(frame: pd.DataFrame, x: float, *, ax: Axes, value: str = "top1", method: str = "none") -> Axes:
    """The ellipse of the x-ROI of one averaged landscape, in the method's colour; nothing where it cannot be fitted."""
    fitted = ellipse(log_points(roi(frame, x, value=value)))
    if fitted is not None:
        halo = [patheffects.withStroke(linewidth=3.2, foreground="white")]
        ax.plot(
            *fitted.outline().T,
            color=choose(method, COLOURS, "method with a colour"),
            linestyle=REGION_LINES.get(x, "dotted"),
            linewidth=1.6,
            path_effects=halo,
            label=f"{x:.1f}-ROI",
        )
    return ax


def boxes(groups: dict[str, np.ndarray], *, methods: Iterable[str], ax: Axes | None = None, label: str = "") -> Axes:
    """One box per group in the colour of its method, its values as points; empty groups keep an empty place."""
    ax = new_axes(ax)
    values = [np.asarray(group, dtype=float)[np.isfinite(np.asarray(group, dtype=float))] for group in groups.values()]
    drawn = ax.boxplot(values, patch_artist=True, widths=0.55, showfliers=False, medianprops={"linewidth": 1.6})
    for place, (method, points) in enumerate(zip(methods, values, strict=True), start=1):
        colour, dark = choose(method, COLOURS, "method with a colour"), method == "none"
        drawn["boxes"][place - 1].set(facecolor=colour, alpha=0.75 if dark else 0.4, edgecolor=colour)
        drawn["medians"][place - 1].set_color("white" if dark else "black")
        ax.plot(place + np.linspace(-0.16, 0.16, len(points)), points, "o", color=colour, markersize=2.5, alpha=0.7)
    ax.set_xticks(range(1, len(values) + 1), list(groups), rotation=35, ha="right")
    ax.set_ylabel(label)
    return ax


def describe(frame: pd.DataFrame, *, value: str = "top1") -> str:
    """One landscape in words, for alt text: its grid, its best setting and its regions with their ellipses."""
    means = landscape(_one(frame, value), value=value)
    points, best = log_points(means), means.loc[means[value].idxmax()]
    words = [
        f"{len(means)} settings, log10 weight_decay {points[:, 0].min():.1f} to {points[:, 0].max():.1f}, "
        f"log10 lr {points[:, 1].min():.1f} to {points[:, 1].max():.1f}",
        f"best {METRICS.get(value, value).removesuffix(' (%)')} {best[value]:.2f} % at log10 weight_decay "
        f"{np.log10(best['weight_decay']):.1f}, log10 lr {np.log10(best['lr']):.1f}",
    ]
    return "; ".join([*words, *(_region(means, x, value) for x in REGION_LINES)])


def _region(means, x, value) -> str:
    region = roi(means, x, value=value)
    fitted = ellipse(log_points(region))
    shape = (
        "no ellipse"
        if fitted is None
        else f"ellipse {fitted.length:.2f} by {fitted.width:.2f} decades at {fitted.angle:.0f} degrees"
    )
    return f"{x:.1f}-ROI {len(region)} settings, {shape}"


def alt_text(frame: pd.DataFrame, *, value: str = "top1") -> str:
    """Every landscape in `frame` in words, network by network."""
    parts = [
        f"{network} {variant}: {describe(rows, value=value)}"
        for (network, variant), rows in frame[frame[value].notna()].groupby(["network", "variant"], sort=False)
    ]
    return ".\n".join(parts) + "." if parts else "No records."


def _one(frame, value) -> pd.DataFrame:
    """The frame itself if it holds a single landscape."""
    single_landscape(frame.drop_duplicates(["lr", "weight_decay"]), value)
    names = [column for column in ("network", "variant") if column in frame]
    if len(frame[names].drop_duplicates()) > 1:
        raise UserError("expected one landscape, got several: select one network and variant")
    return frame


def new_axes(ax: Axes | None = None, *, width: float = 6.4, height: float = 4.8) -> Axes:
    """The axes that are given, or those of a new figure."""
    return grid(1, width=width, height=height)[0, 0] if ax is None else ax


def legible(figure: Figure) -> Figure:
    """Raises every text of a figure to at least 11 pixels at the size at which a page shows it."""
    shrunk = min(1.0, PAGE / (figure.get_figwidth() * figure.dpi))
    least = SMALLEST * 72 / (figure.dpi * shrunk)
    for text in figure.findobj(Text):
        text.set_fontsize(max(text.get_fontsize(), least))
    return figure


def grid(rows: int, columns: int = 1, *, width: float = 4.0, height: float = 3.2) -> np.ndarray:
    """(rows, columns) axes of a new figure, each of this size in inches, or narrower where a page has no room."""
    size = (min(width * columns, WIDEST), height * rows)
    return plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False)[1]


def some(table: pd.DataFrame, what: str) -> pd.DataFrame:
    """The table, unless there is nothing in it to draw."""
    if table.empty:
        raise UserError(f"expected {what}, got none: run the missing records first")
    return table


def _label(ax: Axes) -> Axes:
    ax.set(xlabel=WEIGHT_DECAY, ylabel=LR)
    return ax
