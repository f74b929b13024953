"""The parts of pages and of the README that are written from records and from the package itself, as Markdown."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from pruneproxy.book import landing
from pruneproxy.book.layers import LAYERS, layer, modules
from pruneproxy.book.picture import described
from pruneproxy.evidence import tables
from pruneproxy.evidence.claims import Claim
from pruneproxy.evidence.ledger import Row
from pruneproxy.evidence.verdicts import Verdict


def answer(
    claims: Sequence[Claim], verdicts: Iterable[Verdict], proxies: Mapping[str, pd.DataFrame], *, picture: str
) -> str:
    """The answer so far and its picture, as Markdown."""
    said = landing.answer(claims, verdicts, proxies)
    shown = [f"![{described(proxies)}]({picture})"] if proxies else []
    return "\n\n".join([*said, *shown])


def power_table() -> str:
    """What a number of seeds can show, as Markdown."""
    table = tables.power_table()
    head = ["seeds", *table.columns]
    rows = [[str(n), *(f"{value:.1f}" for value in row)] for n, row in zip(table.index, table.to_numpy(), strict=True)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---:"] * len(head), *rows))


def faults_table(figures: Path) -> str:
    """What `make torture` has done and found, from the figures that it has kept."""
    if not figures.exists():
        return "It has not been run for this version."
    found = json.loads(figures.read_text(encoding="utf-8"))
    head = ("What was done", "How often", "What went wrong", "When, and at which commit")
    rows = [
        (name, _counts(one["done"]), _counts(one["wrong"]) or "nothing", f"{one['date']}, {one['commit']}")
        for name, one in found["sections"].items()
    ]
    return f"On {found['device']}.\n\n{_table(head, rows)}"


def _counts(counts: Mapping[str, float]) -> str:
    return ", ".join(f"{count:,} {name}" for name, count in counts.items())


def ledger_table(rows: Iterable[Row]) -> str:
    """One section per difference between text and code."""
    return "\n\n".join(_ledger_section(row) for row in rows) or "The ledger has no rows."


def api_reference() -> str:
    """One section per layer and module, for Sphinx's autodoc to fill with signatures and docstrings."""
    parts = []
    for position, title in enumerate(LAYERS):
        names = [name for name in modules() if layer(name) == position and not name.endswith("__main__")]
        if names:
            parts += [f"## {title}", *(_module_section(name) for name in names)]
    return "\n\n".join(parts)


def _ledger_section(row: Row) -> str:
    readings = _table(("Text", "Code"), [(row.text, row.code)])
    lines = [f"## {row.id}: {row.place}", readings, f"Here: {row.ours}. Reason: {row.why}."]
    if row.option:
        lines.append(_option(row))
    lines.append(f"Test: `{row.test}`." + (f" Effect: {row.effect}." if row.effect else ""))
    return "\n\n".join(lines)


def _option(row: Row) -> str:
    values = [("default", row.default), *((f"at scale {scale}", value) for scale, value in row.protocol.items())]
    said = [f"{where} `{json.dumps(value)}`" for where, value in values if value is not None]
    return f"Option: {', '.join([f'`{row.option}`', *said])}."


def _module_section(name: str) -> str:
    directive = f".. automodule:: {name}\n   :members:\n   :ignore-module-all:"
    return f"### `{name}`\n\n```{{eval-rst}}\n{directive}\n```"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(_cell(cell) for cell in line) + " |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.split()).replace("|", "\\|")
