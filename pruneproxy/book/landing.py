"""The first screen of book and README: the answer so far in three sentences, one picture, a square for every claim."""

import html
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

import pandas as pd

from pruneproxy.evidence import words
from pruneproxy.evidence.claims import Claim
from pruneproxy.evidence.sentences import ANSWERS
from pruneproxy.evidence.verdicts import GRADES, Verdict
from pruneproxy.recipes.proxy_hpo.equal_cost import PRUNED, rivals

KEPT = "HS-10"  # the claim that keeping the unpruned network's settings costs less than a point
PAPERS = {
    "PH": "Lee & Yim 2022",
    "HS": "Matthiesen 2023",
    "ST": "Suidgeest 2024",
    "FV": "Anonymous 2022",
    "EK": "Lee & Song 2022",
}
MARKS = {  # a letter beside the colour, for readers who cannot tell the colours apart
    "supported": "+",
    "leaning for": "(+)",
    "open": "?",
    "leaning against": "(−)",
    "contradicted": "−",
    "in between": "±",
    "not testable": "×",
    "not run": "·",
}
DOORS = (
    ("Read", "claims.html", "every claim with its grade, then the chapters on the left"),
    ("Run it again", "rerun.html", "any page with other parameters, on the processor you have"),
    ("Ask it of your own network", "../notebooks/your-own/1-pilot.html", "both questions, in minutes"),
)


def answer(claims: Sequence[Claim], verdicts: Iterable[Verdict], proxies: Mapping[str, pd.DataFrame]) -> list[str]:
    """May I tune on a pruned network, must I tune again, and how sure is that: a sentence each."""
    known = {verdict.claim: verdict for verdict in verdicts}
    return [_tuning(proxies), _retuning(known.get(KEPT)), _sureness(claims, list(known.values()))]


def _tuning(proxies: Mapping[str, pd.DataFrame]) -> str:
    said = "**May I tune on a pruned network?**"
    parts = [_of_network(name, table) for name, table in proxies.items() if PRUNED in set(table["proxy"])]
    return f"{said} {' '.join(parts)}" if parts else f"{said} Not measured yet: no pruned copy has been tried."


def _of_network(name: str, table: pd.DataFrame) -> str:
    pruned, others = table.set_index("proxy").loc[PRUNED], rivals(table)
    share, settings = words.number(100 * pruned["seconds"]), words.number(pruned["settings"])
    said = (
        f"{name}, {settings} settings: the pruned copy takes {share} percent of the time, orders settings with a rank "
        f"correlation of {_measured(pruned, 'correlation')}, and trusting its best setting loses "
        f"{_measured(pruned, 'regret', ' points')}"
    )
    if others.empty:
        return f"{said}; nothing else that was tried is as cheap."
    best = others.iloc[0]
    return f"{said}; of what is as cheap, {best['proxy']} orders them best, at {_measured(best, 'correlation')}."


def _measured(row: pd.Series, name: str, unit: str = "") -> str:
    around = words.interval((row[f"{name} low"], row[f"{name} high"]))
    return f"{words.number(row[name])}{unit} (95 % interval {around})"


def _retuning(verdict: Verdict | None) -> str:
    said = "**Must I tune again after pruning?**"
    if verdict is None or verdict.value is None or verdict.interval is None:
        return f"{said} Not measured yet: no network has been tuned before and after pruning."
    return (
        f"{said} Keeping the good settings of the unpruned network costs {words.number(verdict.value)} points of "
        f"accuracy in the mean (95 % interval {words.interval(verdict.interval)}; {verdict.of} pruned variants, "
        f"{len(verdict.records):,} records); that it costs less than a point: {ANSWERS[verdict.grade]}."
    )


def _sureness(claims: Sequence[Claim], verdicts: Sequence[Verdict]) -> str:
    grades = Counter(verdict.grade for verdict in verdicts)
    printed = Counter(verdict.printed for verdict in verdicts)
    scales = ", ".join(sorted({f"`{one.scale}`" for one in verdicts if one.records}))
    here = ", ".join(f"{grades[grade]} {grade}" for grade in GRADES if grades[grade])
    undecided = sum(printed.values()) - printed["supported"] - printed["contradicted"]
    return (
        f"**How sure is that?** Of the five papers' {len(claims)} claims, tested at scale {scales or 'none'} (small "
        f"networks or parts of the data), {here}; by the papers' own printed numbers {printed['supported']} hold, "
        f"{printed['contradicted']} fail and {undecided} cannot be decided."
    )


def strip(claims: Sequence[Claim], verdicts: Iterable[Verdict], page: str = "claims.html") -> str:
    """One square for every claim, by paper, coloured and marked by grade, each a link to its line."""
    known = {verdict.claim: verdict for verdict in verdicts}
    rows = []
    for paper, group in groupby(claims, key=lambda claim: claim.id.split("-")[0]):
        squares = "".join(_square(claim, known, page) for claim in group)
        rows.append(f'<div class="strip"><span class="paper">{html.escape(PAPERS[paper])}</span>{squares}</div>')
    used = Counter(verdict.grade for verdict in known.values())
    legend = "".join(
        f'<span class="key"><span class="square {_slug(grade)}">{MARKS[grade]}</span>{grade}</span>'
        for grade in GRADES
        if used[grade]
    )
    return f'<div class="strips">{"".join(rows)}<div class="legend">{legend}</div></div>'


def _square(claim: Claim, known: Mapping[str, Verdict], page: str) -> str:
    grade = known[claim.id].grade if claim.id in known else "not run"
    said = html.escape(f"{claim.id}: {claim.text} {grade}.", quote=True)
    link = f'href="{page}#{claim.id.lower()}" title="{said}" aria-label="{said}"'
    return f'<a class="square {_slug(grade)}" {link}>{MARKS[grade]}</a>'


def _slug(grade: str) -> str:
    return grade.replace(" ", "-")


def doors() -> str:
    """Three ways to go on."""
    return "".join(
        f'<a class="door" href="{link}"><strong>{name}</strong><span>{text}</span></a>' for name, link, text in DOORS
    )


def table(claims: Sequence[Claim], verdicts: Iterable[Verdict], chapters: Mapping[str, str]) -> str:
    """One line per claim, its details on demand; the script `claims.js` filters them by paper and grade."""
    known = {verdict.claim: verdict for verdict in verdicts}
    found = [(claim, known.get(claim.id, Verdict(claim=claim.id, grade="not run"))) for claim in claims]
    rows = "".join(_line(claim, verdict, chapters.get(claim.id)) for claim, verdict in found)
    head = "<tr><th>Claim</th><th>Grade</th><th>Effect (95 % interval)</th></tr>"
    choices = _choice("paper", PAPERS) + _choice("grade", {grade: grade for grade in GRADES})
    return (
        f'<div class="filters" hidden>{choices}<span id="counted"></span></div>'
        f'<div class="table-box"><table class="claims"><thead>{head}</thead><tbody>{rows}</tbody></table></div>'
    )


def _choice(name: str, values: Mapping[str, str]) -> str:
    options = "".join(f'<option value="{key}">{html.escape(text)}</option>' for key, text in values.items())
    return f'<label>{name} <select data-filter="{name}"><option value="">all</option>{options}</select></label>'


def _line(claim: Claim, verdict: Verdict, chapter: str | None) -> str:
    paper = claim.id.split("-")[0]
    link = f' <a href="{chapter}">chapter</a>' if chapter else ""
    badge = f'<span class="square {_slug(verdict.grade)}" aria-hidden="true">{MARKS[verdict.grade]}</span>'
    return (
        f'<tr id="{claim.id.lower()}" data-paper="{paper}" data-grade="{verdict.grade}">'
        f"<td><strong>{claim.id}</strong> {html.escape(claim.text)}{link}{_details(claim, verdict)}</td>"
        f"<td>{badge} {verdict.grade}</td><td>{_bar(verdict)}</td></tr>"
    )


def _details(claim: Claim, verdict: Verdict) -> str:
    parts = {
        "Place": claim.place,
        "Supported if": f"{claim.measures}: {claim.words('supported')}",
        "Contradicted if": claim.words("contradicted"),
        "Measured": verdict.effect,
        "95 % interval": words.interval(verdict.interval) if verdict.interval else "",
        "Corrected p": "" if verdict.p is None else f"{verdict.p:.2g}",
        "Rests on": f"{len(verdict.records):,} records at scale {verdict.scale}" if verdict.records else "",
        "The paper's own numbers": verdict.printed,
        "The paper's number": verdict.paper,
        "What would close it": verdict.closes,
        "Remark": verdict.note,
    }
    said = "".join(f"<dt>{name}</dt><dd>{html.escape(text)}</dd>" for name, text in parts.items() if text)
    return f"<details><summary>details</summary><dl>{said}</dl></details>"


WIDTH, HEIGHT = 150, 18  # of a bar, in pixels


def _bar(verdict: Verdict) -> str:
    """The effect with its interval on an axis of its own that holds 0."""
    if verdict.value is None or verdict.interval is None:
        return ""
    low, high = verdict.interval
    ends = [value for value in (low, high, verdict.value, 0.0) if abs(value) != float("inf")]
    start, stop = min(ends), max(ends)
    size = stop - start or 1.0

    def at(value: float) -> float:
        return 4 + (WIDTH - 8) * (min(max(value, start), stop) - start) / size

    said = f"{words.number(verdict.value)} ({words.interval(verdict.interval)})"
    middle = HEIGHT / 2
    return (
        f'<svg class="bar" width="{WIDTH}" height="{HEIGHT}" role="img" aria-label="{html.escape(said, quote=True)}">'
        f'<line class="zero" x1="{at(0):.1f}" x2="{at(0):.1f}" y1="1" y2="{HEIGHT - 1}"/>'
        f'<line class="interval" x1="{at(low):.1f}" x2="{at(high):.1f}" y1="{middle}" y2="{middle}"/>'
        f'<circle cx="{at(verdict.value):.1f}" cy="{middle}" r="4"/></svg> {html.escape(said)}'
    )
