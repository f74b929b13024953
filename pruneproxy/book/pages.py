"""The parts of pages and of the README that are written from records and from the package itself, as Markdown."""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pruneproxy.book.layers import LAYERS, layer, modules
from pruneproxy.evidence import tables
from pruneproxy.evidence.claims import Claim
from pruneproxy.evidence.ledger import Row
from pruneproxy.evidence.verdicts import GRADES, Verdict


def claims_table(claims: Iterable[Claim], verdicts: Iterable[Verdict]) -> str:
    """One line per claim: its grade, its effect with the 95 % interval, and the records behind it."""
    known = {verdict.claim: verdict for verdict in verdicts}
    head = ("Claim", "Grade", "Effect", "Evidence")
    found = [(claim, known.get(claim.id, _not_run(claim))) for claim in claims]
    table = _table(head, [_claim_cells(claim, verdict) for claim, verdict in found])
    return "\n\n".join([table, *_remarks(verdict for _, verdict in found)])


def _remarks(verdicts: Iterable[Verdict]) -> list[str]:
    """What the verdicts on runs say about noise, each remark once with the claims that it belongs to."""
    belongs: dict[str, list[str]] = {}
    for verdict in verdicts:
        if verdict.records and verdict.note:
            belongs.setdefault(verdict.note, []).append(verdict.claim)
    return [f"{', '.join(claims)}: {note}." for note, claims in belongs.items()]


def power_table() -> str:
    """What a number of seeds can show, as Markdown."""
    table = tables.power_table()
    head = ["seeds", *table.columns]
    rows = [[str(n), *(f"{value:.1f}" for value in row)] for n, row in zip(table.index, table.to_numpy(), strict=True)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---:"] * len(head), *rows))


def claims_summary(claims: Sequence[Claim], verdicts: Iterable[Verdict]) -> str:
    """How many claims have which grade, and every claim's grade in a short table."""
    known = {verdict.claim: verdict for verdict in verdicts}
    found = [known.get(claim.id, _not_run(claim)) for claim in claims]
    count = Counter(verdict.grade for verdict in found)
    shown = {f"`{verdict.scale}`" for verdict in found if verdict.scale and verdict.grade != "not run"}
    scales = ", ".join(sorted(shown))
    first = f"{len(claims)} claims: " + ", ".join(f"{count[grade]} {grade}" for grade in GRADES if count[grade])
    rows = [
        (claim.id, claim.text, verdict.grade, _holding(verdict)) for claim, verdict in zip(claims, found, strict=True)
    ]
    head = ("", "Claim", "Grade", "Holds in")
    return f"{first}{f' (scale {scales})' if scales else ''}.\n\n" + _table(head, rows)


def _holding(verdict: Verdict) -> str:
    """In how many units the claim holds; nothing where the scale cannot show it."""
    return f"{verdict.holding} of {verdict.of} units" if verdict.of > 1 and verdict.grade != "not testable" else ""


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


def _claim_cells(claim: Claim, verdict: Verdict) -> tuple[str, ...]:
    rule = (
        f"*Supported if* {claim.measures}: {claim.words('supported')}. *Contradicted if* {claim.words('contradicted')}."
    )
    text = f"{claim.id}: {claim.text} ({claim.place}) {rule}"
    return (text, f"**{verdict.grade}**", _effect(verdict), _ran(verdict))


def _effect(verdict: Verdict) -> str:
    parts = [verdict.effect]
    if verdict.interval:
        parts.append(f"95 % interval {verdict.interval[0]:.3g} to {verdict.interval[1]:.3g}")
    if verdict.p is not None:
        parts.append(f"corrected p {verdict.p:.2g}")
    parts += [verdict.paper and f"the paper's number is {verdict.paper}"]
    parts += [verdict.printed and f"the paper's own numbers: {verdict.printed}"]
    parts += [verdict.closes and f"what would close it: {verdict.closes}"]
    return "; ".join(filter(None, parts)) if verdict.records else verdict.note


def _ran(verdict: Verdict) -> str:
    if not verdict.records:
        return ""
    seeds = f"{verdict.seeds} seed{'s' * (verdict.seeds != 1)}"
    return f"scale `{verdict.scale}`, {seeds}, {len(verdict.records)} records"


def _not_run(claim: Claim) -> Verdict:
    return Verdict(claim=claim.id, grade="not run")


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
