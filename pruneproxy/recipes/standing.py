"""Where the claims stand: what a folder of records shows of each paper, judged over the whole book."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from pruneproxy.errors import choose
from pruneproxy.evidence.verdicts import LOOKS, Tested, Verdict, p_values
from pruneproxy.recipes import RECIPES
from pruneproxy.runs.records import select
from pruneproxy.store import Store, records_folder

GROWING = ("lab",)  # scales to which `decide` adds blocks of seeds


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The records of one paper at one scale, each case with all blocks of seeds that are complete."""

    recipe: object
    scale: str
    store: Store

    @cached_property
    def looks(self) -> tuple[int, ...]:
        """The number of the last complete look of each case."""
        return tuple(
            complete_look(self.recipe, case, self.store) if self.scale in GROWING else 0
            for case in self.recipe.cases(self.scale)
        )

    @cached_property
    def cases(self) -> tuple:
        """The cases as far as they have been run."""
        return tuple(extended(case, look) for case, look in zip(self.recipe.cases(self.scale), self.looks, strict=True))

    @property
    def look(self) -> int | None:
        """The number of the look that spends the error; None at scales that have only one."""
        return max(self.looks) if self.scale in GROWING else None

    @cached_property
    def tested(self) -> dict[str, Tested]:
        """Every claim with what the records say of it."""
        specs = [spec for case in self.cases for spec in self.recipe.grid(case)]
        return self.recipe.JUDGE.tested(self.recipe.frame(select(self.store, specs), self.cases))


def extended(case, look: int):
    """A case with the blocks of seeds up to a look; the first look has the protocol's own."""
    return replace(case, seeds=case.seeds * (look + 1)) if look else case


def complete_look(recipe, case, store: Store) -> int:
    """The number of the last look all of whose runs are in the store; 0 when even the first is incomplete."""
    found = 0
    for look in range(1, len(LOOKS)):
        if not all(spec.id in store for spec in recipe.grid(extended(case, look))):
            break
        found = look
    return found


def largest_scale(recipe, store: Store) -> str:
    """The largest scale all of whose runs are in the store; `smoke` when there is none."""
    complete = [scale for scale in recipe.SCALES if all(spec.id in store for spec in recipe.specs(scale))]
    return complete[0] if complete else "smoke"


def standing(stem: str, *, scale: str | None = None, records: str | None = None) -> Standing:
    """What a folder of records says of a paper, at the largest complete scale unless one is named."""
    recipe = choose(stem, RECIPES, "recipe")
    store = Store(records_folder(stem, records))
    return Standing(recipe=recipe, scale=scale or largest_scale(recipe, store), store=store)


def verdicts(
    stems: Iterable[str] | None = None, *, scale: str | None = None, records: str | None = None
) -> dict[str, list[Verdict]]:
    """The verdicts by paper, corrected over the claims of all papers whose records lie beside these."""
    wanted = list(stems or RECIPES)
    found = {stem: standing(stem, scale=scale, records=records) for stem in wanted}
    family = {stem: one.tested for stem, one in found.items()}
    for stem in wanted:
        folder = found[stem].store.folder
        family |= {other: one.tested for other, one in beside(folder, stem, family).items()}
    return {
        stem: one.recipe.JUDGE.graded(one.tested, scale=one.scale, others=others(family, stem), look=one.look)
        for stem, one in found.items()
    }


def beside(folder: Path, stem: str, known: Iterable[str] = ()) -> dict[str, Standing]:
    """The papers whose records lie in folders beside the one that is named after `stem`."""
    return {
        other: standing(other, records=str(folder.parent / other))
        for other in RECIPES
        if folder.name == stem and other not in (stem, *known) and (folder.parent / other).is_dir()
    }


def others(family: Mapping[str, Mapping[str, Tested]], stem: str) -> list[float]:
    """The p-values of all papers but one."""
    return [p for other, tested in family.items() if other != stem for p in p_values(tested)]
