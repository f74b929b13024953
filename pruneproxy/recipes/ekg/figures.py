"""The figures of the paper from records."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from pruneproxy.evidence import figures
from pruneproxy.evidence.effects import from_seeds
from pruneproxy.evidence.figures import COLOURS, grid, new_axes, some
from pruneproxy.evidence.words import label as in_words
from pruneproxy.published import read
from pruneproxy.recipes.ekg.experiments import KINDS, SCORES
from pruneproxy.recipes.ekg.frames import Frames
from pruneproxy.recipes.ekg.printed import Printed
from pruneproxy.recipes.ekg.quantities import WORDS, Quantities

LEFT = "multiplications removed (%)"
LOOKS = {  # what teaches in fine-tuning
    "none": (COLOURS["published"], "o"),
    "single": (COLOURS["proxy"], "s"),
    "ensemble": (COLOURS["uniform"], "D"),
}
PARTS = {
    ("ensemble", "ensemble"): ("ensemble in both", COLOURS["uniform"]),
    ("ensemble", "none"): ("ensemble in the search (EN)", COLOURS["other 1"]),
    ("none", "none"): ("no knowledge (NN)", COLOURS["proxy"]),
}


def potential(frames: Frames, case: str) -> np.ndarray:
    """Fig. 2: the loss after fine-tuning against what is known before it; a colour for each unpruned network."""
    table = some(Quantities(frames).drawn().query("case == @case"), f"random sub-networks of {case}")
    axes = grid(1, 2, width=4.6, height=3.6)[0]
    names = {"val_loss": "validation loss", "mean_ratio": "condition number (A.3)"}
    for ax, (measure, words) in zip(axes, names.items(), strict=True):
        for score, mark in (("random", "o"), ("l1", "^")):
            rows = table[table["score"] == score]
            ax.scatter(rows[measure], rows["potential"], c=rows["seed"], cmap="viridis", marker=mark, s=18, label=score)
        ax.set(xlabel=words, ylabel="test loss after fine-tuning", xscale="log")
    axes[0].legend(title="filters ranked by", fontsize="x-small", title_fontsize="x-small")
    return axes


def surfaces(frames: Frames, case: str) -> np.ndarray:
    """Fig. 4: losses along the gradient and a random orthogonal direction, mean over seeds, by score."""
    rows = frames.bends.query("case == @case and experiment == 'scores'")
    rows = some(rows[rows["surface"].str.len() > 0], f"loss surfaces of {case}")
    names = [name for name in SCORES if name in set(rows["score"])]
    means = {name: np.mean(np.stack(rows.loc[rows["score"] == name, "surface"].to_list()), axis=0) for name in names}
    rise = {name: mean - mean[len(mean) // 2, len(mean) // 2] for name, mean in means.items()}
    low, high = min(map(np.min, rise.values())), max(map(np.max, rise.values()))
    size = (min(3.0 * len(names), figures.WIDEST), 2.8)
    axes = plt.subplots(1, len(names), figsize=size, sharey=True, squeeze=False, layout="constrained")[1][0]
    for ax, (name, values) in zip(axes, rise.items(), strict=True):
        steps = np.linspace(-1, 1, len(values))
        drawn = ax.contourf(steps, steps, values, levels=np.linspace(low, high, 13), cmap=figures.ACCURACY_MAP)
        ax.set_title(WORDS[name], fontsize="medium")
        ax.set_xlabel("orthogonal direction")
    axes[0].set_ylabel("along the gradient")
    axes[0].figure.colorbar(drawn, ax=list(axes), label="loss above that of the weights")
    return axes


def ablation(frames: Frames, case: str) -> Axes:
    """Table 2 as points: accuracy minus that of the unpruned network, t intervals over seeds."""
    quantities, ax = Quantities(frames), new_axes(width=6.4, height=3.6)
    unpruned = some(quantities.rows(case, "ablation", knowledge="unpruned"), f"the ablation of {case}")
    base = unpruned.groupby("seed")["top1"].mean()
    for shift, knowledge in zip((-0.2, 0.0, 0.2), KINDS, strict=True):
        colour, mark = LOOKS[knowledge]
        gains = [from_seeds("", (quantities.ablated(case, search, knowledge) - base).dropna()) for search in KINDS]
        _points(ax, np.arange(3) + shift, gains, color=colour, marker=mark, label=f"fine-tuned with {knowledge}")
    _zero(ax, "unpruned network")
    ax.set_xticks(range(3), [f"search with {name}" for name in KINDS])
    ax.set(ylabel="accuracy minus the unpruned network's (points)", title=in_words(quantities.label(case)))
    ax.legend(fontsize="x-small")
    return ax


def curve(frames: Frames, case: str) -> Axes:
    """Fig. 5: accuracy minus that of the unpruned network against what is removed, beside the paper's own curve."""
    quantities, ax = Quantities(frames), new_axes(width=6.4, height=4.2)
    base = (
        some(quantities.rows(case, "curve", knowledge="unpruned"), f"the curve of {case}")
        .groupby("seed")["top1"]
        .mean()
    )
    for (search, knowledge), (words, colour) in PARTS.items():
        rows = quantities.rows(
            case, "curve" if knowledge == "ensemble" else "parts", search=search, knowledge=knowledge
        )
        by_target = {left: part.groupby("seed")["top1"].mean() - base for left, part in rows.groupby("target")}
        gains = [from_seeds("", values.dropna()) for values in by_target.values()]
        if gains:
            _points(ax, 100 * (1 - np.array(list(by_target))), gains, color=colour, marker="o", line="-", label=words)
    printed = list(Printed().curve("resnet56-cifar10"))
    ax.plot(
        [100 * (1 - left) for left, _ in printed],
        [gain.value for _, gain in printed],
        color=COLOURS["published"],
        marker=".",
        linestyle="--",
        label="paper, ResNet-56 on CIFAR-10",
    )
    _zero(ax, "unpruned network")
    ax.set(xlabel=LEFT, ylabel="accuracy minus the unpruned network's (points)", title=in_words(quantities.label(case)))
    ax.legend(fontsize="x-small")
    return ax


def history(frames: Frames, case: str, experiment: str = "published") -> np.ndarray:
    """A search step by step: the loss on the images that judge, and which groups lost channels."""
    chosen = frames.steps.query("case == @case and experiment == @experiment and score == 'taylor'")
    steps = some(chosen[chosen["seed"] == chosen["seed"].min()], f"a search of {case}")
    steps = steps[steps["id"] == steps["id"].iloc[-1]]
    axes = grid(1, 2, width=4.8, height=3.6)[0]
    removed = 100 * (1 - steps["left"])
    axes[0].plot(removed, steps["loss"], color=COLOURS["none"], label="to the labels")
    axes[0].plot(removed[1:], steps["guidance"][1:], color=COLOURS["uniform"], label="to the ensemble")
    axes[0].set(xlabel=LEFT, ylabel="cross-entropy")
    axes[0].legend(fontsize="x-small")
    groups = steps["group"][1:].str.replace(".conv1", "", regex=False)
    order = sorted(set(groups))
    axes[1].plot(removed[1:], groups.map(order.index), "o", markersize=3, color=COLOURS["other 1"])
    axes[1].set_yticks(range(len(order)), order, fontsize=max(3, min(8, 180 / len(order))))
    axes[1].set(xlabel=LEFT, ylabel="group that lost channels")
    return axes


def landscapes(frames: Frames, case: str) -> np.ndarray:
    """Learning rate x weight decay of the unpruned network and of what was found, with their regions."""
    quantities = Quantities(frames)
    arms = {
        "unpruned": {"knowledge": "unpruned"},
        "found, from scratch": {"knowledge": "none", "start": "fresh"},
        "found, fine-tuned": {"knowledge": "none", "start": "kept"},
    }
    rows = {
        name: some(quantities.rows(case, "retune", **about), f"landscapes of {case}").assign(network=case, variant=name)
        for name, about in arms.items()
    }
    axes = grid(1, len(rows), width=3.4, height=3.4)[0]
    levelled = figures.centred(pd.concat(rows.values()).drop(columns="loss"))
    limits = figures.colour_limits(levelled, share=0.6)
    for ax, (name, _) in zip(axes, rows.items(), strict=True):
        figures.scatter(levelled[levelled["variant"] == name], ax=ax, limits=limits)
        ax.set_title(
            f"{name}, best {rows[name].groupby(['lr', 'weight_decay'])['top1'].mean().max():.1f} %", fontsize="small"
        )
    return axes


def imagenet() -> np.ndarray:
    """Fig. 6 from the printed numbers: ResNet-50 on ImageNet against reduction and against hours."""
    rows = read("ekg", "table-6")
    axes = grid(1, 2, width=4.8, height=3.8)[0]
    own = rows["method"].str.startswith("EKG")
    for ax, column in zip(axes, ("flops_reduction_pct", "gpu_hours"), strict=True):
        for chosen, colour in ((own, COLOURS["uniform"]), (~own, COLOURS["published"])):
            part = rows[chosen].dropna(subset=column)
            ax.plot(part[column], part["top1_accuracy_pct"], "o", color=colour)
            for row in part.itertuples():
                text = row.method + ("*" if column == "gpu_hours" and row.gpu_hours_estimated == "yes" else "")
                place = (getattr(row, column), row.top1_accuracy_pct)
                ax.annotate(text, place, xytext=(3, 3), textcoords="offset points", fontsize="xx-small")
        ax.set(ylabel="top-1 accuracy (%), printed")
    axes[0].set_xlabel("FLOPs removed (%)")
    axes[1].set_xlabel("GPU hours (* estimated by the paper)")
    return axes


def _points(ax: Axes, x, effects, *, color, marker, label, line="none") -> None:
    """Values with their intervals."""
    values = np.array([effect.value for effect in effects])
    ends = np.array([effect.interval or (effect.value, effect.value) for effect in effects]).T
    errors = np.abs(ends - values)
    ax.errorbar(
        x, values, yerr=errors, color=color, marker=marker, linestyle=line, capsize=2, markersize=5, label=label
    )


def _zero(ax: Axes, words: str) -> None:
    ax.axhline(0, color=COLOURS["none"], linewidth=0.8, linestyle=":", label=words)
