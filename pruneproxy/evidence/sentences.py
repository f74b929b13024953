"""What was found, in sentences that are computed from verdicts, so that they change with the records."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence

from pruneproxy.evidence import words
from pruneproxy.evidence.claims import Claim
from pruneproxy.evidence.verdicts import GRADES, Verdict

ANSWERS = {
    "supported": "it holds here",
    "leaning for": "it seems to hold here, which is not shown yet",
    "open": "undecided here",
    "leaning against": "it seems not to hold here, which is not shown yet",
    "contradicted": "it does not hold here",
    "in between": "it neither holds nor fails here",
    "not testable": "this scale cannot show it",
    "not run": "not run here",
}
PRINTED = {
    "supported": "support it",
    "leaning for": "lean towards it",
    "open": "do not decide it",
    "leaning against": "lean against it",
    "contradicted": "contradict it",
    "in between": "lie in between",
    "not testable": "are too few to judge it",
}
SEEN = ("not run", "not testable")  # grades without a number to show


def answer(claim: Claim, verdict: Verdict) -> str:
    """One sentence on a claim: what it says, whether it holds here, and the number with its interval."""
    said = f"{claim.text.rstrip('.')}: **{ANSWERS[verdict.grade]}**"
    if verdict.grade in SEEN:
        return f"{said} ({words.label(verdict.note.split(';')[0])})." if verdict.note else f"{said}."
    return f"{said} ({measured(claim, verdict)})."


def measured(claim: Claim, verdict: Verdict) -> str:
    """What was measured for a claim and where it lies, e.g. `mean risk, points: 0.37 in the mean, ...`."""
    effect = re.sub(r"[;,] so in (\d+ of \d+)", r", so in \1 cases", verdict.effect)
    effect = "; ".join(dict.fromkeys(effect.split("; ")))
    parts = [f"{claim.measures.split(';')[0]}: {words.label(effect)}" if ";" not in effect else words.label(effect)]
    if verdict.interval:
        parts.append(f"95 % interval {words.interval(verdict.interval)}")
    return ", ".join(parts)


def tally(verdicts: Sequence[Verdict]) -> str:
    """How many of a page's claims have which grade here, and by the paper's own numbers."""
    count = Counter(verdict.grade for verdict in verdicts)
    supported = sum(verdict.printed == "supported" for verdict in verdicts)
    here = _listed(f"{count[grade]} {grade}" for grade in GRADES if count[grade])
    against = [verdict.claim for verdict in verdicts if verdict.printed == "contradicted"]
    holding = [f"support {supported}"] if supported else []
    holding += [f"contradict {_listed(against)}"] if against else []
    claims = f"{len(verdicts)} claims" if len(verdicts) > 1 else "one claim"
    own = " and ".join(holding) or "decide none"
    return f"Of the {claims} on this page: {here}; the paper's own printed numbers {own}."


def take_away(claim: Claim, verdict: Verdict) -> str:
    """One line to remember: the claim, whether it holds here, and what the paper's own numbers say."""
    own = f"; the paper's own numbers {PRINTED[verdict.printed]}" if verdict.printed in PRINTED else ""
    return f"{claim.text.rstrip('.')}: {ANSWERS[verdict.grade]}{own}."


def _listed(items: Iterable[str]) -> str:
    """`a, b and c`."""
    items = list(items)
    return " and ".join(filter(None, (", ".join(items[:-1]), *items[-1:])))
