"""The best learning rate against density, a panel for each parametrisation."""

import matplotlib.pyplot as plt
import numpy as np

from pruneproxy.evidence.figures import COLOURS, grid, some
from pruneproxy.recipes.density_drift.protocol import DENSE, MASKS, PARAMETRISATIONS
from pruneproxy.recipes.density_drift.quantities import MARGIN, NAMES, Quantities

MASK_COLOURS = dict(
    zip(MASKS, (COLOURS["other 1"], COLOURS["uniform"], COLOURS["other 4"], COLOURS["proxy"]), strict=True)
)
ASIDE = 0.035  # of log2 density: masks stand side by side
LR = "log2 of the best learning rate"


def best_against_density(found: Quantities) -> np.ndarray:
    """log2 of the best learning rate of every mask against density with its 95 % interval, a panel for each way.

    The band is a factor of two about the dense network's own.
    """
    some(found.frame, "records of the grid")
    shown = [name for name in PARAMETRISATIONS if (name, DENSE, 1.0) in found.tables]
    axes = grid(1, len(shown), width=4.6, height=3.8)[0]
    for ax, parametrisation in zip(axes, shown, strict=True):
        _panel(ax, found, parametrisation)
        ax.sharey(axes[0])
    axes[0].set_ylabel(LR)
    handles, names = axes[0].get_legend_handles_labels()
    axes[0].figure.legend(handles, names, loc="outside right center", frameon=False)
    return axes


def _panel(ax: plt.Axes, found: Quantities, parametrisation: str) -> None:
    dense = found.best((parametrisation, DENSE, 1.0))
    ax.axhspan(dense.value - MARGIN, dense.value + MARGIN, color="0.92", zorder=0)
    ax.axhline(dense.value, color=COLOURS["none"], lw=0.8, ls=(0, (4, 2)))
    masks = dict.fromkeys(key[1] for key, _ in found.sparse() if key[0] == parametrisation)
    for place, mask in enumerate(masks):
        densities = [1.0] + [key[2] for key, _ in found.sparse() if key[:2] == (parametrisation, mask)]
        effects = [dense] + [found.best((parametrisation, mask, density)) for density in densities[1:]]
        x = np.array(densities) * 2 ** (ASIDE * (place - (len(masks) - 1) / 2))
        y = np.array([effect.value for effect in effects])
        ends = np.array([effect.interval or (effect.value,) * 2 for effect in effects]).T
        ax.errorbar(x, y, yerr=np.abs(ends - y), color=MASK_COLOURS[mask], marker="o", ms=4, lw=1.2, label=mask)
    ticks = sorted({key[2] for key in found.tables})
    ax.set_xscale("log", base=2)
    ax.set_xticks(ticks, [f"{tick:g}" for tick in ticks])
    ax.minorticks_off()
    ax.invert_xaxis()
    ax.set(xlabel="density", title=NAMES[parametrisation])
