"""What a notebook's kernel does so that tables and figures can be taken out of its outputs."""

import pandas as pd

EXPORTED = "PRUNEPROXY_EXPORTED"  # a kind of figure: outputs hold it beside the picture, and tables as CSV


def export(figures: str):
    """Has the outputs of this kernel hold what can be taken out of them: tables in full digits, figures that scale."""
    from IPython import get_ipython
    from matplotlib_inline.backend_inline import set_matplotlib_formats

    set_matplotlib_formats("png", figures)
    tables = get_ipython().display_formatter.mimebundle_formatter
    tables.for_type(pd.DataFrame, lambda frame, **_: {"text/csv": frame.to_csv()})
