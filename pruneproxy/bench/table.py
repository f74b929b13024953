"""The table as text and as data, and how it differs from the one that is kept."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict

from pruneproxy import environment
from pruneproxy.bench.lines import Line, Plan
from pruneproxy.bench.ways import BATCH
from pruneproxy.store import now

RUN = 20 * 50_000  # pictures of a run: 20 epochs of CIFAR-10


def data(lines: Iterable[Line], plan: Plan) -> dict:
    """The table with the machine and the day that it is of."""
    facts = environment.describe("cpu")
    told = {name: facts[name] for name in ("device", "python", "packages", "commit")}
    return told | {
        "date": now()[:10],
        "cores": plan.cores,
        "turns": plan.turns,
        "batch": BATCH,
        "pictures_of_a_run": RUN,
        "lines": [{name: value for name, value in asdict(line).items() if value} for line in lines],
    }


def heading(plan: Plan) -> str:
    """What the lines are of."""
    facts = environment.describe("cpu")
    return (
        f"{facts['device']}, {plan.cores} cores, torch {facts['packages']['torch']}, batch {BATCH}, "
        f"median (least to largest) of {plan.turns} turns; a run is 20 epochs of 50,000 pictures"
    )


def text(line: Line, kept: Mapping | None) -> str:
    """One line, with the change of its ratios against the kept table."""
    words = [f"{line.section:10} {line.network:12} {line.what}:"]
    if line.multiplications is not None:
        words.append(f"{line.multiplications:.0%} of the multiplications,")
    if line.images_per_second is not None:
        middle, low, high = line.images_per_second
        words.append(f"{middle:,.0f} ({low:,.0f} to {high:,.0f}) images/s, {3600 * middle / RUN:.1f} runs/hour")
    before = {} if kept is None else _ratios(kept).get((line.section, line.network, line.what), {})
    words += [_ratio(name, ratio, before.get(name)) for name, ratio in line.ratios.items()]
    return " ".join(words).removesuffix(":")


def _ratio(name: str, ratio: Iterable[float], before: Iterable[float] | None) -> str:
    middle, low, high = ratio
    said = f"| {middle:.2f} ({low:.2f} to {high:.2f}) x {name}"
    return said if before is None else f"{said}, {middle / next(iter(before)) - 1:+.0%}"


def _ratios(kept: Mapping) -> dict[tuple[str, str, str], dict]:
    return {(one["section"], one["network"], one["what"]): one.get("ratios", {}) for one in kept["lines"]}


def missing(lines: Iterable[Line], kept: Mapping | None, sections: Iterable[str]) -> Iterator[str]:
    """Lines of the kept table, of these sections, that were not measured now."""
    if kept is not None:
        found = {(line.section, line.network, line.what) for line in lines}
        yield from (": ".join(key) for key in _ratios(kept) if key not in found and key[0] in sections)
