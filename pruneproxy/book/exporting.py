"""How a notebook's kernel shows frames, and what else its outputs hold for those who take them out."""

import pandas as pd

from pruneproxy.evidence.shown import Shown, table

EXPORTED = "PRUNEPROXY_EXPORTED"  # a kind of figure: outputs hold it beside the picture, and tables as CSV
BREAK = "\f"  # between the tables of one output


def formatters():
    """The formatters of this kernel; None where no notebook is at work."""
    try:
        from IPython import get_ipython
    except ImportError:
        return None
    shell = get_ipython()
    return shell and shell.display_formatter


def display(thing):
    """Puts something into the outputs of the cell at work."""
    try:
        from IPython import display as outputs
    except ImportError:  # no notebook is at work
        return
    outputs.display(thing)


def show_frames():
    """Has frames shown as tables of words and short numbers."""
    if found := formatters():
        found.formatters["text/html"].for_type(pd.DataFrame, lambda frame: table(frame).html)


def export(figures: str):
    """Has the outputs of this kernel hold what can be taken out of them: tables in full digits, figures that scale."""
    try:
        from matplotlib_inline.backend_inline import set_matplotlib_formats
    except ImportError:  # no notebook is at work
        return
    set_matplotlib_formats("png", figures)
    tables = formatters().mimebundle_formatter
    tables.for_type(pd.DataFrame, lambda frame, **_: {"text/csv": frame.to_csv()})
    tables.for_type(Shown, lambda shown, **_: _csv(shown))


def _csv(shown: Shown) -> dict[str, str]:
    return {"text/csv": BREAK.join(frame.to_csv() for frame in shown.frames)} if shown.frames else {}
