"""What pruning did to the networks: widths, costs, and the picture of both."""

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from pruneproxy.errors import UserError
from pruneproxy.evidence import figures, words


def costs_table(architectures: pd.DataFrame) -> pd.DataFrame:
    """Multiplications and parameters of every variant, and the share of the unpruned network's that is left."""
    rows = architectures.copy()
    dense = rows[rows["method"] == "none"].set_index("network")
    for name in ("multiplications", "parameters"):
        rows[f"share of {name}"] = rows[name] / rows["network"].map(dense[name])
    columns = ["target", "multiplications", "share of multiplications", "parameters", "share of parameters"]
    return rows.set_index(["title", "variant"])[columns]


def hit(architectures: pd.DataFrame) -> str:
    """How closely pruning met its target share of the multiplications, in a sentence."""
    table = costs_table(architectures)
    misses = (table["share of multiplications"] - table["target"])[table["target"] < 1].abs()
    if misses.empty:
        return "No pruned network has been run at this scale."
    name, variant = misses.idxmax()
    return (
        f"Pruning met its target share of the multiplications within {words.number(100 * misses.max())} points in all "
        f"{len(misses)} pruned networks; the farthest is {name}, {words.label(variant)}."
    )


def kept_shares(architectures: pd.DataFrame, network: str) -> pd.DataFrame:
    """Share of channels that each pruned group keeps: a row per group in forward order, a column per variant."""
    rows = architectures[architectures["network"] == network]
    if not (rows["method"] == "none").any():
        raise UserError(f"expected a record of the unpruned {network}, got none: run it first")
    dense = rows[rows["method"] == "none"]["widths"].iloc[0]
    pruned = rows[rows["method"] != "none"].set_index("variant")["widths"]
    table = pd.DataFrame(dict(pruned), index=list(dense)).div(pd.Series(dense), axis=0)
    return table[(table < 1).any(axis=1)]


def kept_channels(architectures: pd.DataFrame, *, network: str) -> Axes:
    """The kept share of every pruned group in forward order: flat for uniform pruning, a profile for global."""
    ax = figures.new_axes(width=7, height=3)
    table, rows = kept_shares(architectures, network), architectures[architectures["network"] == network]
    looks = {row.variant: (figures.COLOURS[row.method], row.target) for row in rows.itertuples()}
    places = np.arange(len(table))
    for name in table:
        colour, target = looks[name]
        look = {"color": colour, "alpha": 0.4 + 0.6 * target, "markersize": 4}
        ax.plot(places, table[name], "o-", label=words.label(name), **look)
    ax.set(xlabel="pruned group, in forward order", ylabel="share of channels kept", ylim=(0, 1.05))
    ax.set_title(rows["title"].iloc[0], fontsize="medium")
    ax.set_xticks(places, table.index if len(table) <= 12 else [""] * len(table), rotation=35, ha="right")
    ax.legend(fontsize="small")
    return ax
