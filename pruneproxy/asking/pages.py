"""What the reports have in common: a page with pictures and tables that needs nothing beside it."""

import base64
import html
import io
from collections.abc import Iterable, Mapping

import matplotlib.pyplot as plt
from matplotlib.axes import Axes

COLOURS = {"good": "#0072b2", "bad": "#d55e00", "open": "#666666"}  # told apart by the colour-blind, too
STYLE = """
body { font: 16px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; } th, td { padding: .3rem .8rem .3rem 0; text-align: left; }
img { max-width: 100%; } .lead { font-size: 1.2rem; }
"""


def page(title: str, lead: str, parts: Iterable[str]) -> str:
    """A page that asks a question, answers it in a sentence, and says the rest in `parts` of HTML."""
    name = html.escape(title)
    head = f"<meta charset='utf-8'><title>{name}</title><style>{STYLE}</style>"
    body = f"<h1>{name}</h1><p class='lead'>{html.escape(lead)}</p>{''.join(parts)}"
    return f"<!doctype html><html lang='en'><head>{head}</head><body>{body}</body></html>\n"


def picture(ax: Axes, text: str) -> str:
    """The figure of these axes inside the page, and what it shows in words."""
    content = io.BytesIO()
    ax.figure.savefig(content, format="png", dpi=110, bbox_inches="tight")
    plt.close(ax.figure)
    data = base64.b64encode(content.getvalue()).decode()
    return f"<p><img src='data:image/png;base64,{data}' alt='{html.escape(text, quote=True)}'></p>"


def table(head: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A table of texts."""
    lines = [f"<tr>{''.join(f'<td>{html.escape(cell)}</td>' for cell in row)}</tr>" for row in rows]
    return f"<table><tr>{''.join(f'<th>{name}</th>' for name in head)}</tr>{''.join(lines)}</table>"


def words(setting: Mapping[str, object]) -> str:
    """A setting as text."""
    shown = {name: f"{value:.4g}" if isinstance(value, float) else str(value) for name, value in setting.items()}
    return ", ".join(f"{name} {value}" for name, value in shown.items())


def meanings(verdicts: Mapping[str, str]) -> str:
    """What each verdict means."""
    said = "".join(f"<p><b>{name}</b>: {html.escape(text)}.</p>" for name, text in verdicts.items())
    return f"<h2>What the words mean</h2>{said}"
