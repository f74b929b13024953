"""The report of a retuning: what keeping the setting loses, and what a search would gain, on a page and as data."""

import html
import json
from dataclasses import asdict

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from pruneproxy.asking import pages
from pruneproxy.asking.retuning import VERDICTS, Retuning
from pruneproxy.evidence import figures

COLOURS = dict(zip(VERDICTS, pages.COLOURS.values(), strict=True))


def loss(found: Retuning, *, ax: Axes | None = None) -> Axes:
    """What keeping the setting loses against the best one that was tried, with its interval, beside the margin."""
    ax = figures.new_axes(ax, height=2.0)
    if found.loss is None:
        ax.set_xlim(-2 * found.margin - 1e-9, 2 * found.margin + 1e-9)
    else:
        _interval(found, ax)
    ax.axvspan(-found.margin, found.margin, color="0.93", zorder=0)
    ax.set_yticks([0], [found.verdict])
    ax.set(xlabel="points that keeping the setting loses on the pruned network", title="grey: within the margin")
    return ax


def _interval(found: Retuning, ax: Axes):
    ends = [[found.loss.value - found.loss.low], [found.loss.high - found.loss.value]]
    ax.errorbar(found.loss.value, 0, xerr=ends, fmt="o", capsize=4, color=COLOURS[found.verdict])


def gains(found: Retuning, *, ax: Axes | None = None) -> Axes:
    """The expected gain of a search over the number of its trials, and over the time that these take."""
    ax = figures.new_axes(ax, height=3.2)
    ax.axhspan(0, found.margin, color="0.93", label="within the margin")
    ax.plot(list(found.gains), list(found.gains.values()), "o-", color=pages.COLOURS["good"])
    ax.set(xlabel="trials of a search on the pruned network", ylabel="points that it is expected to gain")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    cost = found.seconds
    above = ax.secondary_xaxis("top", functions=(lambda trials: trials * cost, lambda spent: spent / cost))
    above.set_xlabel("seconds of training")
    ax.legend(loc="upper left", frameon=False)
    return ax


def as_json(found: Retuning) -> str:
    """All that was found, as JSON."""
    said = {"question": "must this network be tuned again after pruning?", "answer": found.sentence}
    return json.dumps(said | asdict(found), indent=1) + "\n"


def as_html(found: Retuning) -> str:
    """A page that needs nothing beside it."""
    rows = [(str(count), f"{gain:.2g}", f"{count * found.seconds:.0f}") for count, gain in found.gains.items()]
    dense = "diverged" if found.dense_score is None else f"reaches {found.dense_score:.4g}"
    parts = [
        "" if found.complete else "<p>The budget was spent before all was tried; the same command goes on.</p>",
        pages.picture(loss(found), f"Loss of keeping the setting, with its interval and the margin. {found.sentence}"),
        f"<p>Kept: {html.escape(pages.words(found.kept))}; with it the network {dense} before it is pruned. "
        f"Best of those tried on the pruned network: {html.escape(pages.words(found.best))}.</p>",
        pages.picture(gains(found), "Expected gain of a search over its trials, and over its seconds of training."),
        pages.table(("trials of a search", "expected gain, points", "seconds of training"), rows),
        pages.meanings(VERDICTS),
        "<p>The loss is the best mean score of the settings that were tried again on the pruned network (the kept one "
        "and the best three of a first seed) minus that of the kept one, over seeds that chose none of them; its 95 % "
        "interval allows for the choice of the best and for every look. The expected gain is that of the best of so "
        "many settings drawn near the kept one, after the luck of single seeds is taken out.</p>",
    ]
    return pages.page(f"Must {found.name} be tuned again after pruning?", found.sentence, parts)
