"""Spending time where it closes most: which block of seeds to run next so that open claims are decided."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from pruneproxy import workers
from pruneproxy.evidence.verdicts import LOOKS, UNDECIDED
from pruneproxy.recipes import RECIPES
from pruneproxy.recipes.standing import GROWING, complete_seeds, verdicts
from pruneproxy.runs.estimates import seconds_left
from pruneproxy.store import Store, records_folder


@dataclass(frozen=True, kw_only=True)
class Block:
    """A block of seeds of one case that may be run: its specs, what it will take, and the open claims it feeds."""

    stem: str
    title: str
    seeds: int
    specs: tuple
    seconds: float | None
    claims: tuple[str, ...]

    @property
    def price(self) -> float:
        """Seconds for each open claim; what is unknown or feeds nothing comes last."""
        return self.seconds / len(self.claims) if self.seconds is not None and self.claims else float("inf")


def blocks(stems: Iterable[str], *, records: str | None = None) -> list[Block]:
    """The next block of seeds of every case that has one, the cheapest for each open claim first."""
    stems = list(stems)
    found = verdicts(stems, scale=GROWING[0], records=records)
    made = [block for stem in stems for block in _of_recipe(stem, found[stem], records)]
    return sorted(made, key=lambda block: block.price)


def _of_recipe(stem: str, judged, records: str | None) -> Iterable[Block]:
    recipe, store = RECIPES[stem], Store(records_folder(stem, records))
    for case in recipe.cases(GROWING[0]):
        done = complete_seeds(recipe, case, store, growing=True)
        seeds = case.seeds * (done // case.seeds + 1)
        if seeds > case.seeds * len(LOOKS):
            continue
        specs = tuple(recipe.grid(replace(case, seeds=seeds)))
        known = {spec.id for spec in recipe.grid(replace(case, seeds=done))} if done else set()
        missing = [spec for spec in specs if spec.id not in store]
        open_claims = tuple(
            one.claim
            for one in judged
            if (one.grade in UNDECIDED and known & set(one.records)) or (one.grade == "not run" and not done)
        )
        yield Block(
            stem=stem,
            title=getattr(case, "title", stem),
            seeds=seeds,
            specs=specs,
            seconds=seconds_left(missing, specs, store),
            claims=open_claims,
        )


def decide(
    stems: Iterable[str], *, budget: float, records: str | None, say: Callable[[str], None], **how
) -> tuple[int, list[Block]]:
    """Runs the best block again and again until the budget is spent; how many records were made, and what is left."""
    stems, ends, made = list(stems), time.monotonic() + budget, 0
    while True:
        left = [block for block in blocks(stems, records=records) if block.claims]
        if not left or time.monotonic() >= ends:
            return made, left
        best = left[0]
        say(f"{best.stem}, {best.title}: up to {best.seeds} seeds, for {', '.join(best.claims)}")
        store = Store(records_folder(best.stem, records))
        outcome = workers.run_all(best.specs, store, budget=max(0.0, ends - time.monotonic()), **how)
        made += len(outcome.made)
        if outcome.missing or outcome.trouble:
            return made, left
