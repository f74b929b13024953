"""The figures of the paper from records: a line per arm, its mean over seeds and the t interval of the mean."""

from collections.abc import Mapping, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from pruneproxy.evidence.effects import from_seeds
from pruneproxy.evidence.figures import COLOURS, WIDEST, new_axes, some
from pruneproxy.recipes.find_eval.frames import Frames
from pruneproxy.recipes.find_eval.protocol import HARSH
from pruneproxy.recipes.find_eval.quantities import Quantities
from pruneproxy.recipes.find_eval.rows import WORDS
from pruneproxy.stats import crossfit

ORDERED = (COLOURS["uniform"], COLOURS["other 1"], COLOURS["proxy"])  # from gentle to harsh
MASKS = {
    "found": (COLOURS["none"], "ticket"),
    "reinitialised": (COLOURS["other 2"], "its mask, new weights"),
    "shuffled": (COLOURS["other 1"], "shuffled in each layer"),
    "random": (COLOURS["proxy"], "random in the network"),
}
ACCURACY = "test accuracy (%)"
Arm = tuple[str, str, pd.DataFrame]  # label, colour, rows


def grid(frames: Frames, case: str, name: str, *, given: str, experiment: str | None = None) -> np.ndarray:
    """Fig. 2: a panel for each value that is `given` (above "eval", below "find"), a line per value of the other.

    A line starts at the unpruned network, trained with the value of the line.
    """
    rows = _rows(frames, case, experiment or name, hyperparameter=name, variant="")
    other, masked = {"eval": "find", "find": "eval"}[given], rows[rows["round"] > 0]
    axes = _panels(len(masked[given].unique()))
    for ax, value in zip(axes, _ordered(masked[given], name), strict=True):
        chosen = pd.concat([rows[rows["round"] == 0], masked[masked[given] == value]])
        arms = [
            (f"{other} {number:g}", colour, chosen[chosen[other] == number])
            for number, colour in _coloured(_ordered(masked[other], name))
        ]
        _curves(ax, arms)
        ax.set_title(f"{WORDS[name]} to {'train' if given == 'eval' else 'find'} {value:g}", fontsize="small")
    return axes


def baselines(frames: Frames, case: str, experiment: str = "baselines", variant: str = "") -> np.ndarray:
    """Figs. 1, A1 and A14: tickets and random masks, a panel for each setting that finds and trains."""
    rows = _rows(frames, case, experiment, variant=variant)
    settings = rows[["hyperparameter", "find"]].drop_duplicates()
    axes = _panels(len(settings))
    for ax, setting in zip(axes, settings.itertuples(), strict=True):
        chosen = rows[(rows["hyperparameter"] == setting.hyperparameter) & (rows["find"] == setting.find)]
        dense = chosen[chosen["mask"] == "none"]
        arms = [
            (words, colour, pd.concat([dense, masked]))
            for mask, (colour, words) in MASKS.items()
            if len(masked := chosen[chosen["mask"] == mask])
        ]
        _curves(ax, arms)
        ax.set_title(f"{WORDS[setting.hyperparameter]} {setting.find:g} to find and to train", fontsize="small")
    return axes


def best(frames: Frames, case: str, experiment: str | None = None) -> np.ndarray:
    """Fig. 3: the best decoupled and the best coupled setting at every sparsity, each chosen on other seeds."""
    rows_of, pruned = Quantities(frames).rows, (0, 100)
    found = {name: rows_of(case, experiment or name, hyperparameter=name, between=pruned) for name in HARSH}
    found = _found(found, case)
    axes = _panels(len(found))
    for ax, (name, rows) in zip(axes, found.items(), strict=True):
        coupled = rows["find"] == rows["eval"]
        _curves(
            ax,
            [
                ("best decoupled", COLOURS["uniform"], _crossfitted(rows[~coupled])),
                ("best coupled", COLOURS["proxy"], _crossfitted(rows[coupled])),
            ],
        )
        ax.set_title(WORDS[name], fontsize="small")
    return axes


def _crossfitted(rows: pd.DataFrame) -> pd.DataFrame:
    """Per sparsity and seed, the accuracy of the setting that is best on the other seeds."""
    parts = []
    for percent, at in rows.groupby("sparsity"):
        table = at.pivot_table(index=["find", "eval"], columns="seed", values="top1")
        values = crossfit.best(table.to_numpy())
        parts.append(pd.DataFrame({"sparsity": percent, "seed": table.columns, "top1": values}))
    return pd.concat(parts) if parts else rows


def pairs(frames: Frames, case: str, experiment: str) -> Axes:
    """Fig. 4: two learning rates to find and two to train, under one variant of the procedure."""
    rows = _rows(frames, case, experiment, variant="")
    rows = rows[rows["round"] > 0]
    ax = new_axes(width=4.0, height=3.2)
    colours = iter((*ORDERED, COLOURS["other 2"]))
    _curves(
        ax,
        [
            (f"find {found:g}, train {trained:g}", next(colours), part)
            for (found, trained), part in rows.groupby(["find", "eval"])
        ],
    )
    return ax


def donors(frames: Frames, case: str) -> np.ndarray:
    """Fig. 7: bad settings with good ratios, good settings with bad ratios, and good settings with their own."""
    rows = _rows(frames, case, "donors")
    names = [name for name in HARSH if name in set(rows["hyperparameter"])]
    axes = _panels(len(names))
    looks = {
        ("harsh", "good"): ("bad settings, good ratios", COLOURS["uniform"]),
        ("gentle", "bad"): ("good settings, bad ratios", COLOURS["proxy"]),
        ("gentle", "good"): ("good settings, own ratios", COLOURS["other 1"]),
        ("harsh", "bad"): ("bad settings, own ratios", COLOURS["published"]),
    }
    for ax, name in zip(axes, names, strict=True):
        chosen = rows[rows["hyperparameter"] == name]
        ends = dict(zip(("gentle", "harsh"), _ordered(chosen["find"], name), strict=True))
        _curves(
            ax,
            [
                (words, colour, chosen[(chosen["find"] == ends[end]) & (chosen["variant"] == f"{ratios} ratios")])
                for (end, ratios), (words, colour) in looks.items()
            ],
        )
        ax.set_title(f"{WORDS[name]}: good {ends['gentle']:g}, bad {ends['harsh']:g}", fontsize="small")
    return axes


def undecayed(frames: Frames, case: str) -> np.ndarray:
    """Fig. 8 (c) beside its counterpart with weight decay: learning rates to find, trained alike."""
    rows = _rows(frames, case, "undecayed")
    variants = ("decay", "no decay")
    axes = _panels(len(variants))
    for ax, variant in zip(axes, variants, strict=True):
        chosen = rows[rows["variant"] == variant]
        _curves(
            ax,
            [
                (f"find {value:g}", colour, chosen[chosen["find"] == value])
                for value, colour in _coloured(_ordered(chosen["find"], "lr"))
            ],
        )
        ax.set_title(f"masks found with {'no ' * (variant == 'no decay')}weight decay", fontsize="small")
    return axes


def early(frames: Frames, case: str) -> Axes:
    """Fig. 9: masks from trainings that end early."""
    rows = _rows(frames, case, "early")
    ax = new_axes(width=5.5, height=3.4)
    arms = sorted(rows.groupby(["find", "variant"]), key=lambda arm: (-arm[0][0], int(arm[0][1].split()[1])))
    colours = plt.get_cmap("viridis")(np.linspace(0, 0.9, len(arms)))
    _curves(
        ax,
        [
            (f"{variant}, learning rate {value:g}", colour, part)
            for ((value, variant), part), colour in zip(arms, colours, strict=True)
        ],
    )
    return ax


def ratios(
    frames: Frames, case: str, sparsity: float, *, experiment: str | None = None, variant: str = ""
) -> np.ndarray:
    """Figs. 6, 8 and A17: the share of every layer that is pruned, a panel per hyperparameter, a line per value."""
    quantities = Quantities(frames)
    found = {name: quantities.ratio_rows(case, experiment or name, sparsity, hyperparameter=name) for name in HARSH}
    found = _found({name: rows[rows["variant"] == variant] for name, rows in found.items()}, case)
    axes = _panels(len(found))
    for ax, (name, rows) in zip(axes, found.items(), strict=True):
        arms = [
            (f"find {value:g}", colour, rows[rows["find"] == value].assign(share=lambda part: 100 * part["ratio"]))
            for value, colour in _coloured(_ordered(rows["find"], name))
        ]
        _lines(ax, arms, x="place", y="share")
        ax.set(xlabel="layer", ylabel="pruned (%)")
        ax.xaxis.set_major_locator(FixedLocator(range(int(rows["place"].max()) + 1)))
        ax.set_title(f"{WORDS[name]}, {rows['sparsity'].iloc[0]:.0f} % of all weights", fontsize="small")
    return axes


def drift(frames: Frames, case: str) -> np.ndarray:
    """Fig. A18: the ratios that the first round would give after every epoch, a line per epoch, dark to light."""
    rows = some(frames.drift[frames.drift["case"] == case], f"records of {case}, drift")
    rates = sorted(rows["lr"].unique(), reverse=True)
    axes = _panels(len(rates))
    last = rows["epoch"].max()
    for ax, rate in zip(axes, rates, strict=True):
        for epoch, part in rows[rows["lr"] == rate].groupby("epoch"):
            mean = 100 * part.groupby("place")["ratio"].mean()
            ax.plot(mean.index, mean, color=plt.get_cmap("viridis")(epoch / last * 0.95), linewidth=1.2)
        ax.set(xlabel="layer", ylabel="pruned (%)")
        ax.set_title(f"learning rate {rate:g}, epochs 1 to {last}", fontsize="small")
    return axes


def distances(frames: Frames, case: str) -> Axes:
    """Fig. A19: how far the ratios of every epoch are from the final ones."""
    found = Quantities(frames).distances
    rows = found[found["case"] == case]
    ax = new_axes(width=4.0, height=3.2)
    arms = [
        (f"learning rate {rate:g}", colour, rows[rows["lr"] == rate])
        for rate, colour in _coloured(sorted(rows["lr"].unique()))
    ]
    _lines(ax, arms, x="epoch", y="distance")
    ax.set(xlabel="epoch", ylabel="mean distance of ratios")
    return ax


def connectivity(frames: Frames, case: str) -> np.ndarray:
    """Fig. A13: the error on the straight line between two copies that saw the images in other orders."""
    rows = some(frames.lines[frames.lines["case"] == case], f"records of {case}, stability")
    percents = sorted(rows["sparsity"].unique())
    axes = _panels(len(percents))
    for ax, percent in zip(axes, percents, strict=True):
        arms = rows[rows["sparsity"] == percent].groupby(["lr", "start"])
        _lines(
            ax,
            [(f"{rate:g} {start}", colour, part) for ((rate, start), part), colour in zip(arms, ORDERED, strict=False)],
            x="share",
            y="error",
        )
        ax.set(xlabel="share of the way to the other copy", ylabel="test error (%)")
        ax.set_title(f"{percent:.0f} % pruned", fontsize="small")
    return axes


def _rows(frames: Frames, case: str, experiment: str, **values) -> pd.DataFrame:
    return some(Quantities(frames).rows(case, experiment, **values), f"records of {case}, {experiment}")


def _found(tables: Mapping[str, pd.DataFrame], case: str) -> dict[str, pd.DataFrame]:
    """The tables that have rows; one at least."""
    some(pd.concat(tables.values()), f"records of {case}")
    return {name: rows for name, rows in tables.items() if len(rows)}


def _ordered(values: pd.Series, name: str) -> list[float]:
    """Values of a hyperparameter from gentle to harsh."""
    return sorted(values.unique(), reverse=HARSH[name] is min)


def _coloured(values: Sequence[float]) -> list[tuple[float, str]]:
    if len(values) <= len(ORDERED):
        places = (0, 2) if len(values) == 2 else range(len(values))
        return [(value, ORDERED[place]) for value, place in zip(values, places, strict=True)]
    return list(zip(values, plt.get_cmap("viridis")(np.linspace(0, 0.9, len(values))), strict=True))


def _panels(count: int) -> np.ndarray:
    columns = min(count, 3)
    rows = -(-count // columns)
    size = (min(4.0 * columns, WIDEST), 2.9 * rows)
    axes = plt.subplots(rows, columns, figsize=size, layout="constrained", squeeze=False, sharey="row")[1].ravel()
    for ax in axes[count:]:
        ax.remove()
    return axes[:count]


def _curves(ax: Axes, arms: Sequence[Arm]) -> None:
    """Accuracy against what is left of the weights, on a logarithmic axis that is labelled with what is gone."""
    arms = [(label, colour, rows.assign(left=100 - rows["sparsity"])) for label, colour, rows in arms if len(rows)]
    _lines(ax, arms, x="left", y="top1")
    left = sorted({round(value, 6) for _, _, rows in arms for value in rows["left"]}, reverse=True)
    ax.set(xscale="log", xlabel="pruned (%)", ylabel=ACCURACY)
    ax.xaxis.set_major_locator(FixedLocator(left))
    ax.xaxis.set_minor_locator(NullLocator())
    ax.set_xticklabels([f"{100 - value:.3g}" for value in left], rotation=45)
    ax.set_xlim(max(left) * 1.15, min(left) / 1.15)


def _lines(ax: Axes, arms: Sequence[Arm], *, x: str, y: str) -> None:
    """A line per arm through its means, with the t interval of the mean as a band where there are two seeds."""
    for label, colour, rows in arms:
        effects = {place: from_seeds(label, part.groupby("seed")[y].mean()) for place, part in rows.groupby(x)}
        places = list(effects)
        ax.plot(places, [one.value for one in effects.values()], "o-", color=colour, label=label, markersize=3.5)
        known = [(place, *one.interval) for place, one in effects.items() if one.interval]
        if known:
            ax.fill_between(*np.array(known).T, color=colour, alpha=0.15, linewidth=0)
    if arms:
        ax.legend(fontsize="x-small")
