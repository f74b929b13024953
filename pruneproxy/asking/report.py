"""The report of a pilot: a page with two pictures that opens anywhere, and the same as data."""

import base64
import html
import io
import json
from dataclasses import asdict

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pruneproxy.asking.answers import VERDICTS
from pruneproxy.asking.copies import ITSELF
from pruneproxy.asking.piloting import Pilot
from pruneproxy.evidence import figures

COLOURS = {"safe": "#0072b2", "unsafe": "#d55e00", "cannot tell": "#666666"}  # told apart by the colour-blind, too
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } th, td { padding: .3rem .8rem .3rem 0; text-align: left; }
img { max-width: 100%; } .lead { font-size: 1.2rem; }
"""


def losses(found: Pilot, *, ax: Axes | None = None) -> Axes:
    """What the choice of every copy loses, with its interval, over the copy's share of the network's time."""
    ax = figures.new_axes(ax)
    ax.axhspan(-found.margin, found.margin, color="0.93", label="within the margin")
    for one in found.answers:
        ends = [[one.loss.value - one.loss.low], [one.loss.high - one.loss.value]]
        ax.errorbar(100 * one.share, one.loss.value, ends, fmt="o", capsize=4, color=COLOURS[one.verdict])
        place = (100 * one.share, one.loss.value)
        ax.annotate(f"{one.copy}: {one.verdict}", place, xytext=(6, 6), textcoords="offset points")
    ax.set(xlabel="time of a training, % of the network's", ylabel="points that its choice loses")
    ax.set_xlim(left=0)
    ax.legend(loc="upper left", frameon=False)
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
        "copies": [asdict(one) for one in found.answers],
        "refused": dict(found.refused),
        "trainings": json.loads(found.scores.to_json(orient="records")),
    }
    return json.dumps(said, indent=1) + "\n"


def as_html(found: Pilot) -> str:
    """A page that needs nothing beside it."""
    shown = found.advice or found.answers[0].copy
    best = ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in found.best.items()
    )
    parts = [
        f"<h1>May {html.escape(found.name)} be tuned on a cheaper copy?</h1>",
        f"<p class='lead'>{html.escape(found.sentence)}</p>",
        "" if found.complete else "<p>The budget was spent before all was tried; the same command goes on.</p>",
        _picture(losses(found).figure, f"Loss and interval of every copy over its share of time. {found.sentence}"),
        _table(found),
        _picture(ordered(found, shown).figure, f"Score of every setting on the copy {shown} and on the network."),
        f"<p>Of these settings the network itself likes best: {html.escape(best)}.</p>",
        "<h2>What the words mean</h2>",
        *(f"<p><b>{name}</b>: {text}.</p>" for name, text in VERDICTS.items()),
        "<p>A loss is the mean score with the network's own choice minus that with the copy's, over seeds that chose "
        "neither; its 95 % interval allows for every look that was taken. It says nothing of other spaces or data.</p>",
    ]
    head = f"<meta charset='utf-8'><title>{html.escape(found.name)}: pilot</title><style>{STYLE}</style>"
    return f"<!doctype html><html lang='en'><head>{head}</head><body>{''.join(parts)}</body></html>\n"


def _table(found: Pilot) -> str:
    head = ("copy", "verdict", "time, %", "rank correlation", "loss, points", "its three best tried again")
    rows = [
        (one.copy, one.verdict, f"{100 * one.share:.0f}")
        + (f"{one.correlation:.2f} [{one.correlation_low:.2f}, {one.correlation_high:.2f}]",)
        + tuple(f"{loss.value:.2g} [{loss.low:.2g}, {loss.high:.2g}]" for loss in (one.loss, one.three))
        for one in found.answers
    ]
    rows += [(name, "not possible", "", html.escape(reason), "", "") for name, reason in found.refused.items()]
    cells = [f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows]
    return f"<table><tr>{''.join(f'<th>{name}</th>' for name in head)}</tr>{''.join(cells)}</table>"


def _picture(figure: Figure, text: str) -> str:
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=110, bbox_inches="tight")
    data = base64.b64encode(content.getvalue()).decode()
    return f"<p><img src='data:image/png;base64,{data}' alt='{html.escape(text, quote=True)}'></p>"
