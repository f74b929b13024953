"""What the committed records hold: the largest complete scale of each recipe, the verdicts at that scale, the ledger."""

from dataclasses import dataclass
from pathlib import Path

from pruneproxy.claims import Claim, Verdict
from pruneproxy.ledger import Row, collect
from pruneproxy.recipes import RECIPES
from pruneproxy.store import Store

RECORDS = Path("notebooks/records")


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """Claims and verdicts of all recipes, the rows of their ledgers, and the scale that each recipe is shown at."""

    claims: tuple[Claim, ...]
    verdicts: tuple[Verdict, ...]
    rows: tuple[Row, ...]
    scales: dict[str, str]


def complete_scale(recipe, store: Store) -> str | None:
    """The largest scale of which every run is in the store, None if there is none; `SCALES` has the largest first."""
    complete = (scale for scale in recipe.SCALES if all(spec.id in store for spec in recipe.specs(scale)))
    return next(complete, None)


def read(records: Path) -> Evidence:
    """What the folder of records, with one folder per recipe, has to say."""
    stores = {stem: Store(records / stem) for stem in RECIPES}
    found = {stem: complete_scale(recipe, stores[stem]) for stem, recipe in RECIPES.items()}
    scales = {stem: scale for stem, scale in found.items() if scale}
    return Evidence(
        claims=tuple(claim for recipe in RECIPES.values() for claim in recipe.CLAIMS.values()),
        verdicts=tuple(verdict for stem, scale in scales.items() for verdict in RECIPES[stem].verdicts(stores[stem], scale)),
        rows=collect(*(recipe.ROWS for recipe in RECIPES.values())),
        scales=scales,
    )
