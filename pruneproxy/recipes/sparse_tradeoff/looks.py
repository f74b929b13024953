"""How the figures of 002 look: colours and markers, panels, logarithmic axes, legends."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import LogFormatterSciNotation, LogLocator, MaxNLocator

from pruneproxy.evidence import words
from pruneproxy.evidence.figures import COLOURS, grid
from pruneproxy.published import read

METHODS = {"set": "SET", "rigl": "RigL", "dense": "dense"}
WORDS = METHODS | {"uniform": "uniform", "erk": "ERK"}
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


def datasets(table: pd.DataFrame) -> list[str]:
    """The data sets of a table in the thesis's order."""
    order = list(read("sparse_tradeoff", "table-4.3")["dataset"])
    return [name for name in order if name in set(table["dataset"])]


def wrapped(count: int, columns: int = 3, **size) -> list[Axes]:
    """As many axes as asked for, in rows."""
    columns = min(columns, count)
    axes = grid(-(-count // columns), columns, **size).ravel()
    for ax in axes[count:]:
        ax.remove()
    return list(axes[:count])


def titled(ax: Axes, rows: pd.DataFrame) -> Axes:
    """The data set as the title, with what was really trained."""
    row = rows.iloc[0]
    ran, asked = (words.label(row[name]) for name in ("data", "dataset"))
    stands = ran if ran.lower() == asked.lower().replace(" ", "-") else f"{ran} for {asked}"
    ax.set_title(f"{stands}\n{row['title']}", fontsize="small")
    return ax


def panels(table: pd.DataFrame, columns: int = 3, **size) -> dict[str, Axes]:
    """A titled panel for each data set of a table."""
    names = datasets(table)
    axes = zip(names, wrapped(len(names), columns, **size), strict=True)
    return {name: titled(ax, table[table["dataset"] == name]) for name, ax in axes}


def logarithmic(ax: Axes, name: str) -> None:
    """An axis of about a decade has few labels between the powers of ten, which do not run together."""
    ax.set(**{f"{name}scale": "log"})
    axis = getattr(ax, f"{name}axis")
    axis.set_minor_locator(_Few(subs=(2, 5)))
    axis.set_minor_formatter(LogFormatterSciNotation(minor_thresholds=(1.3, 1.3)))
    axis.set_tick_params(which="minor", labelsize="x-small")


class _Few(LogLocator):
    """At 2 and 5 of every decade; where an axis does not even span a factor of 3, at three or four round numbers."""

    def tick_values(self, vmin, vmax):
        low, high = sorted((vmin, vmax))
        return super().tick_values(vmin, vmax) if high > 3 * low else MaxNLocator(3).tick_values(low, high)


def labelled(axes: np.ndarray) -> tuple[list, list]:
    """Handles and labels of a figure, each label once, also where the first panel lacks one."""
    pairs = [ax.get_legend_handles_labels() for ax in np.ravel(axes)]
    found = {label: handle for handles, labels in pairs for handle, label in zip(handles, labels, strict=True)}
    return list(found.values()), list(found)


def colourbar(found: dict[str, Axes], drawn, label: str) -> list[Axes]:
    """The axes of some panels, with one bar of colours beside them."""
    axes = list(found.values())
    axes[0].figure.colorbar(drawn, ax=axes, label=label)
    return axes


def above(ax: Axes) -> Axes:
    """A legend that covers nothing."""
    ax.legend(fontsize="x-small", loc="lower left", bbox_to_anchor=(0, 1), frameon=False, ncols=3)
    return ax
