"""Where the claims stand: what a folder of records shows of each paper, judged over the whole book."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from pruneproxy.cache import cached, folders_hash
from pruneproxy.errors import choose
from pruneproxy.evidence.verdicts import LOOKS, Tested, Verdict, p_values
from pruneproxy.recipes import RECIPES
from pruneproxy.runs.records import select
from pruneproxy.store import Store, records_folder

GROWING = ("lab",)  # scales to which `decide` adds blocks of seeds


@dataclass(frozen=True, kw_only=True)
class Standing:
    """The records of one paper at one scale, each case with all its seeds that are complete."""

    recipe: object
    scale: str
    store: Store

    @cached_property
    def cases(self) -> tuple:
        """The cases as far as they have been run, without those that have not."""
        return complete_cases(self.recipe, self.recipe.cases(self.scale), self.store, growing=self.scale in GROWING)

    @property
    def look(self) -> int | None:
        """The number of the look that spends the error; None at scales that have only one."""
        return look_at(self.recipe, self.scale, self.cases)

    @cached_property
    def tested(self) -> dict[str, Tested]:
        """Every claim with what the records say of it."""
        specs = [spec for case in self.cases for spec in self.recipe.grid(case)]
        return self.recipe.judge.tested(self.recipe.frame(select(self.store, specs), self.cases))

    @cached_property
    def p_values(self) -> list[float]:
        """Its part of the book's family."""
        about = (*_about(self.recipe.stem, self.store.folder), self.scale)
        return cached("p-values", about, lambda: p_values(self.tested))


def look_at(recipe, scale: str, cases: Sequence) -> int | None:
    """At which look at growing evidence cases with so many seeds are."""
    if scale not in GROWING:
        return None
    own = {case.key: case.seeds for case in recipe.cases(scale)}
    return max(((case.seeds - 1) // own.get(case.key, case.seeds) for case in cases), default=0)


def complete_cases(recipe, cases: Iterable, store: Store, *, growing: bool = False) -> tuple:
    """The cases with as many seeds as are complete in the store, those with none left out.

    Experiments of which no seed is complete are left out of a case, so that they hold up none of the others. With
    `growing` blocks of seeds beyond the protocol's own count are looked for too.
    """
    found = []
    for case in cases:
        seeds = {part: complete_seeds(recipe, part, store, growing=growing) for part in parts(case)}
        done = {part: count for part, count in seeds.items() if count}
        if done:
            found.append(replace(_together(case, done), seeds=min(done.values())))
    return tuple(found)


def parts(case) -> tuple:
    """A case as one case for each of its experiments, itself where it has none."""
    if not hasattr(case, "experiments"):
        return (case,)
    return tuple(replace(case, experiments=(name,)) for name in case.experiments)


def _together(case, kept: Iterable):
    if not hasattr(case, "experiments"):
        return case
    return replace(case, experiments=tuple(name for part in kept for name in part.experiments))


def complete_seeds(recipe, case, store: Store, *, growing: bool = False) -> int:
    """How many seeds of a case are complete: blocks of the protocol's number, or fewer than one block."""
    if not any(spec.id in store for spec in recipe.grid(case)):
        return 0
    blocks = [case.seeds * count for count in range(len(LOOKS) if growing else 1, 0, -1)]
    for seeds in (*blocks, *range(case.seeds - 1, 0, -1)):
        if all(spec.id in store for spec in recipe.grid(replace(case, seeds=seeds))):
            return seeds
    return 0


def largest_scale(recipe, store: Store) -> str:
    """The largest scale of which a case is complete; `smoke` when there is none."""
    complete = (scale for scale in recipe.scales if complete_cases(recipe, recipe.cases(scale), store))
    return cached("scale", _about(recipe.stem, store.folder), lambda: next(complete, "smoke"))


def _about(stem: str, folder: Path) -> tuple[str, str]:
    """What an answer about a paper's records alone rests on."""
    return stem, folders_hash([folder])


def standing(stem: str, *, scale: str | None = None, records: str | None = None) -> Standing:
    """What a folder of records says of a paper, at the largest complete scale unless one is named."""
    recipe = choose(stem, RECIPES, "recipe")
    store = Store(records_folder(stem, records))
    return Standing(recipe=recipe, scale=largest_scale(recipe, store) if scale is None else scale, store=store)


def verdicts(
    stems: Iterable[str] | None = None, *, scale: str | None = None, records: str | None = None
) -> dict[str, list[Verdict]]:
    """The verdicts by paper, corrected over the claims of all papers whose records lie beside these."""
    return graded({stem: standing(stem, scale=scale, records=records) for stem in stems or RECIPES})


def graded(found: Mapping[str, Standing]) -> dict[str, list[Verdict]]:
    """The verdicts on some papers, corrected over these and the papers whose records lie beside theirs."""
    family = {stem: one.p_values for stem, one in found.items()}
    for stem, one in found.items():
        family |= beside(one.store.folder, stem, family)
    return {
        stem: one.recipe.judge.graded(
            one.tested,
            scale=one.scale,
            others=[p for other, values in family.items() if other != stem for p in values],
            look=one.look,
        )
        for stem, one in found.items()
    }


def beside(folder: Path, stem: str, known: Iterable[str] = ()) -> dict[str, list[float]]:
    """The p-values of the papers whose records lie in folders beside the one that is named after `stem`."""
    near = {other: folder.parent / other for other in RECIPES if other not in (stem, *known)}
    return {other: _p_values(other, place) for other, place in near.items() if folder.name == stem and place.is_dir()}


def _p_values(stem: str, folder: Path) -> list[float]:
    return cached("p-values", _about(stem, folder), lambda: p_values(standing(stem, records=str(folder)).tested))
