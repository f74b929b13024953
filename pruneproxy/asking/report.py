"""The report of a pilot: a page with two pictures that opens anywhere, and the same as data."""

import html
import json
from dataclasses import asdict

from matplotlib.axes import Axes

from pruneproxy.asking import pages
from pruneproxy.asking.answers import VERDICTS
from pruneproxy.asking.copies import ITSELF
from pruneproxy.asking.piloting import Pilot
from pruneproxy.evidence import figures

COLOURS = dict(zip(VERDICTS, pages.COLOURS.values(), strict=True))


def losses(found: Pilot, *, ax: Axes | None = None) -> Axes:
    """What the choice of every copy loses, with its interval, the cheapest copy on top."""
    ax = figures.new_axes(ax, height=3.2)
    ax.axvspan(-found.margin, found.margin, color="0.93")
    for row, one in enumerate(found.answers):
        ends = [[one.loss.value - one.loss.low], [one.loss.high - one.loss.value]]
        ax.errorbar(one.loss.value, row, xerr=ends, fmt="o", capsize=4, color=COLOURS[one.verdict])
    labels = [f"{one.copy}, {one.share:.0%} of the time:\n{one.verdict}" for one in found.answers]
    ax.set_yticks(range(len(labels)), labels)
    ax.margins(y=0.15)
    ax.invert_yaxis()
    ax.set(xlabel="points that its choice loses on the network", title="grey: within the margin")
    return ax


def ordered(found: Pilot, copy: str, *, ax: Axes | None = None) -> Axes:
    """The score of every setting on a copy and on the network."""
    ax = figures.new_axes(ax)
    first = found.scores[found.scores["seed"] == found.scores["seed"].min()]
    table = first.pivot_table(index="config", columns="copy", values="score")
    ax.plot(table[copy], table[ITSELF], "o", color="#0072b2")
    ax.set(xlabel=f"score on the copy {copy!r}", ylabel="score on the network", title="each point is a setting")
    return ax


def as_json(found: Pilot) -> str:
    """All that was found, as JSON."""
    said = {
        "question": "may settings be tuned on a cheaper copy of this network?",
        "network": found.name,
        "answer": found.sentence,
        "advice": found.advice,
        "margin": found.margin,
        "best": found.best,
        "complete": found.complete,
        "copies": [asdict(one) | {"book": found.book(one)} for one in found.answers],
        "refused": dict(found.refused),
        "trainings": json.loads(found.scores.to_json(orient="records")),
    }
    return json.dumps(said, indent=1) + "\n"


def as_html(found: Pilot) -> str:
    """A page that needs nothing beside it."""
    shown = found.advice or next(copy for copy in found.scores["copy"] if copy != ITSELF)
    parts = [
        "" if found.complete else "<p>The budget was spent before all was tried; the same command goes on.</p>",
        pages.picture(losses(found), f"Loss of every copy with its interval, cheapest first. {found.sentence}"),
        _table(found),
        pages.picture(ordered(found, shown), f"Score of every setting on the copy {shown} and on the network."),
        f"<p>Of these settings the network itself does best with: {html.escape(pages.words(found.best))}.</p>",
        "<h2>What the book led to expect</h2>",
        pages.table(("copy", "in the book's records, and with your settings"), _expected(found)),
        "<p>Expected and found correlations are weighed as normal distributions of Fisher's z: the book's with the "
        "spread between its own networks, yours with that of so many settings. No verdict rests on the book.</p>",
        pages.meanings(VERDICTS),
        "<p>A loss is the best mean score on the network minus that with the copy's choice. The best is that of all "
        "settings tried again, over seeds that chose none of them: the network's own three best of a first seed and "
        "what each copy chose. So a copy that makes the same choice as one lucky seed is not safe by that alone. The "
        "95 % interval allows for the choice of the best among noisy means and for every look that was taken. It says "
        "nothing of other spaces or data.</p>",
    ]
    return pages.page(f"May {found.name} be tuned on a cheaper copy?", found.sentence, parts)


def _expected(found: Pilot) -> list[tuple[str, str]]:
    return [(one.copy, found.book(one)) for one in found.answers]


def _table(found: Pilot) -> str:
    head = ("copy", "verdict", "time, %", "rank correlation", "loss, points", "its three best tried again")
    rows = [
        (one.copy, one.verdict, f"{100 * one.share:.0f}")
        + (f"{one.correlation:.2f} [{one.correlation_low:.2f}, {one.correlation_high:.2f}]",)
        + tuple(f"{loss.value:.2g} [{loss.low:.2g}, {loss.high:.2g}]" for loss in (one.loss, one.three))
        for one in found.answers
    ]
    rows += [(name, "not possible", "", reason, "", "") for name, reason in found.refused.items()]
    return pages.table(head, rows)
