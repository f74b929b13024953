"""A page for each paper: what was found of its claims, why it may differ, and how sure that is, all from records."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from pruneproxy.book import coverage, html
from pruneproxy.book.evidence import RECORDS, Evidence
from pruneproxy.cache import cached, folders_hash
from pruneproxy.evidence import sentences, words
from pruneproxy.evidence.claims import Claim
from pruneproxy.evidence.verdicts import GRADES, Verdict
from pruneproxy.recipes import RECIPES, standing
from pruneproxy.recipes.recipe import data_title, stands_for

DECIDED = ("supported", "contradicted", "in between")
TOLD = {"train_images": "Training examples", "epochs": "Epochs", "trials": "Trials of a search", "rounds": "Rounds"}


def write(folder: Path, found: Evidence, root: Path) -> None:
    """Fills the pages of the papers in a folder of staged pages."""
    verdicts = {verdict.claim: verdict for verdict in found.verdicts}
    for stem in coverage.PAPERS:
        pages = coverage.notebooks(root, stem)
        claims = list(RECIPES[stem].claims.values())
        own = [verdicts.get(claim.id, Verdict(claim=claim.id, grade="not run")) for claim in claims]
        blocks = {
            "found": answers(claims, own, chapters(pages)),
            "differs": differences(cuts(stem, found.scales[stem], root / RECORDS / stem), found.scales[stem]),
            "sure": sureness(own, len(found.claims)),
            "chapters": ", ".join(f"[](../../notebooks/{page}.ipynb)" for page in pages),
        }
        html.fill(folder / "papers" / f"{stem}.md", blocks)


def chapters(pages: Mapping[str, Sequence[Mapping]]) -> dict[str, str]:
    """The first of some notebooks that judges each claim."""
    found: dict[str, str] = {}
    for page, cells in pages.items():
        for cell in cells:
            for names in re.findall(r"study\.claims\(([^)]*)\)", "".join(cell["source"])):
                for name in re.findall(r"[A-Z]{2}-\d\d", names):
                    found.setdefault(name, page)
    return found


def answers(claims: Sequence[Claim], verdicts: Sequence[Verdict], pages: Mapping[str, str]) -> str:
    """How the claims stand: those that are decided one by one, the others folded."""
    pairs = list(zip(claims, verdicts, strict=True))
    decided = [pair for pair in pairs if pair[1].grade in DECIDED]
    others = [pair for pair in pairs if pair[1].grade not in DECIDED]
    count = Counter(verdict.grade for _, verdict in others)
    listed = ", ".join(f"{count[grade]} {grade}" for grade in GRADES if count[grade])
    rest = [f":::{{dropdown}} The others: {listed}", *_bullets(others, pages), ":::"] if others else []
    return "\n".join([sentences.tally(verdicts), "", *_bullets(decided, pages), "", *rest])


def _bullets(pairs: Iterable[tuple[Claim, Verdict]], pages: Mapping[str, str]) -> list[str]:
    return [f"- {_linked(claim.id, pages)} {answer(claim, verdict)}" for claim, verdict in pairs]


def answer(claim: Claim, verdict: Verdict) -> str:
    """Whether a claim holds here; of one that is measured in points the number alone, of others what it is too."""
    if verdict.grade in sentences.SEEN or not claim.measures.endswith(", points"):
        return sentences.answer(claim, verdict)
    parts = [f"{words.number(verdict.value)} points"]
    if verdict.interval:
        parts.append(f"95 % interval {words.interval(verdict.interval)}")
    if verdict.of > 1:
        parts.append(f"so in {verdict.holding} of {verdict.of} cases")
    return f"{claim.text.rstrip('.')}: **{sentences.ANSWERS[verdict.grade]}** ({', '.join(parts)})."


def _linked(name: str, pages: Mapping[str, str]) -> str:
    return f"[{name}](../../notebooks/{pages[name]}.ipynb)" if name in pages else name


def cuts(stem: str, scale: str, records: Path) -> dict:
    """What was run of a paper: networks and data with those that they stand in for, and every value that was changed.

    `cut` has for each value the paper's and those of the cases that were run.
    """
    key = (stem, scale, folders_hash([records]))
    return cached("cuts", key, lambda: _cuts(standing.standing(stem, scale=scale, records=str(records))))


def _cuts(found: standing.Standing) -> dict:
    recipe, changed = found.recipe, {}
    for case in found.cases:
        for name, values in recipe.cut(case).items():
            sides = changed.setdefault(name, ([], []))
            for side, value in zip(sides, values, strict=True):
                side.append(_value(name, value))
    pairs = [(case, recipe.protocol.paper[case.key]) for case in found.cases]
    return {
        "networks": [recipe.ran(case) for case in found.cases],
        "data": [stands_for(*(data_title(side.base.data.name) for side in pair)) for pair in pairs],
        "cut": {name: ["; ".join(dict.fromkeys(side)) for side in sides] for name, sides in changed.items()},
    }


def _value(name: str, value: object) -> str:
    if value is None:
        return "all" if name.endswith("_images") else "as published"
    if isinstance(value, tuple):
        return ", ".join(_value(name, one) for one in value) or "none"
    return words.label(value) if isinstance(value, str) else words.number(value)


def differences(found: Mapping, scale: str) -> str:
    """What may explain a difference: the networks, the data and the budget here; all that was changed folded."""
    if not found["networks"]:
        return "Nothing of it has been run yet."
    cut = found["cut"]
    told = [f"{name.capitalize()}: {', '.join(dict.fromkeys(found[name]))}" for name in ("networks", "data")]
    told += [f"{title}: {cut[name][1]} (the paper: {cut[name][0]})" for name, title in TOLD.items() if name in cut]
    rows = [f"| {words.name(name)} | {there} | {here} |" for name, (there, here) in cut.items()]
    fold = [f":::{{dropdown}} All that scale `{scale}` changes", "| | The paper | Here |", "| --- | --- | --- |"]
    return "\n".join([f"{'. '.join(told)}.", "", *fold, *rows, ":::"])


def sureness(verdicts: Sequence[Verdict], family: int) -> str:
    """What the grades rest on, how many are decided, whether printed numbers fit ours, and what is nearest to one."""
    ran = [verdict for verdict in verdicts if verdict.records]
    decided = sum(verdict.grade in DECIDED for verdict in verdicts)
    records = {record for verdict in ran for record in verdict.records}
    seeds = sorted({verdict.seeds for verdict in ran if verdict.grade != "not testable"})
    said = [f"{decided} of {len(verdicts)} are decided, corrected over all {family} claims of the book"]
    if ran:
        scales = ", ".join(dict.fromkeys(f"`{verdict.scale}`" for verdict in ran))
        said.append(f"they rest on {len(records):,} records at scale {scales}, {_range(seeds)}")
    fitting = [verdict.paper.startswith("compatible") for verdict in verdicts if verdict.paper]
    if fitting:
        said.append(
            f"of {len(fitting)} printed numbers whose size can be compared, {sum(fitting)} lie where another study "
            "like ours would find its own"
        )
    return f"{'; '.join(said)}. {_nearest(verdicts)}".strip()


def _range(seeds: Sequence[int]) -> str:
    ends = " to ".join(map(str, dict.fromkeys((seeds[0], seeds[-1])))) if seeds else "no"
    return f"{ends} seed{'s' * (ends != '1')}"


def _nearest(verdicts: Iterable[Verdict]) -> str:
    """The claim that the fewest more seeds would decide."""
    seeds = {verdict: re.match(r"about (\d+) more seed", verdict.closes) for verdict in verdicts}
    known = {verdict: int(match[1]) for verdict, match in seeds.items() if match}
    if not known:
        return ""
    first = min(known, key=known.get)
    return f"Nearest to an answer is {first.claim}, which takes {first.closes}."
