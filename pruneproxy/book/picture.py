"""The picture that carries the book: what a proxy costs against how it orders settings and what believing it loses."""

import io
from collections.abc import Mapping
from itertools import cycle

import matplotlib.pyplot as plt
import pandas as pd
from matplotlib.axes import Axes

from pruneproxy.evidence import words
from pruneproxy.recipes.proxy_hpo.equal_cost import PRUNED
from pruneproxy.stats import proxies

MEASURES = {"correlation": "rank correlation", "regret": "points lost"}
MARKERS = "os^Dv"


def drawn(tables: Mapping[str, pd.DataFrame]) -> str:
    """The picture as SVG; a proxy is one colour, a network one mark."""
    with plt.rc_context({"font.size": 11, "svg.hashsalt": "pruneproxy", "svg.fonttype": "none"}):
        figure, axes = plt.subplots(1, 2, figsize=(10.4, 2.5), layout="constrained")
        for ax, (measure, label) in zip(axes, MEASURES.items(), strict=True):
            _panel(ax, tables, measure)
            ax.set(xlabel="time of a training, % of the network's", ylabel=label)
            ax.spines[["top", "right"]].set_visible(False)
        handles, labels = axes[0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside right center", frameon=False)
        content = io.StringIO()
        figure.savefig(content, format="svg", metadata={"Date": None, "Creator": None})
        plt.close(figure)
    return content.getvalue()


def _panel(ax: Axes, tables: Mapping[str, pd.DataFrame], measure: str):
    """Every proxy of every network at its cost, with its interval; what chance gives as a line."""
    for (name, table), marker in zip(tables.items(), cycle(MARKERS)):
        rows = table[table["proxy"] != proxies.ANOTHER_SEED].sort_values("proxy")
        for colour, row in zip(_colours(rows["proxy"]), rows.to_dict("records"), strict=True):
            value = row[measure]
            ends = [[max(0.0, value - row[f"{measure} low"])], [max(0.0, row[f"{measure} high"] - value)]]
            label = row["proxy"] if len(tables) == 1 else f"{row['proxy']}, {name}"
            width = 2.5 if row["proxy"] == PRUNED else 1.0
            place = 100 * row["seconds"]
            ax.errorbar(place, value, ends, fmt=marker, color=colour, elinewidth=width, capsize=3, label=label)
    ax.set_xlim(left=0)
    if measure == "regret":
        ax.set_ylim(bottom=0)


def _colours(names: pd.Series) -> list:
    """The pruned copy in red, so that it stands out; the others in colours that the colour-blind can tell apart."""
    palette = cycle(["#0072b2", "#009e73", "#e69f00", "#56b4e9", "#cc79a7", "#000000", "#999999", "#882255", "#44aa99"])
    return ["#d55e00" if name == PRUNED else next(palette) for name in names]


def described(tables: Mapping[str, pd.DataFrame]) -> str:
    """The same in words, for those who cannot see it."""
    said = []
    for name, table in tables.items():
        rows = table[table["proxy"] != proxies.ANOTHER_SEED].sort_values("seconds")
        each = "; ".join(
            f"{row['proxy']} at {words.number(100 * row['seconds'])} percent of the time: rank correlation "
            f"{words.number(row['correlation'])}, {words.number(row['regret'])} points lost"
            for row in rows.to_dict("records")
        )
        said.append(f"{name}: {each}.")
    return " ".join(said)
