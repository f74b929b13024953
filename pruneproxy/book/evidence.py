"""What the committed records hold: the largest complete scale of each recipe, and the verdicts at that scale."""

from dataclasses import dataclass
from pathlib import Path

from pruneproxy import commands
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


def read(records: Path, *, scale: str | None = None) -> Evidence:
    """What the folder of records, one folder per recipe, has to say at `scale` (None: the largest complete one)."""
    scales = {stem: scale or commands.largest_scale(recipe, Store(records / stem)) for stem, recipe in RECIPES.items()}
    verdicts = (commands.verdicts(stem, scale=scales[stem], records=str(records / stem)) for stem in RECIPES)
    return Evidence(
        claims=tuple(claim for recipe in RECIPES.values() for claim in recipe.CLAIMS.values()),
        verdicts=tuple(verdict for found in verdicts for verdict in found),
        rows=collect(*(recipe.ROWS for recipe in RECIPES.values())),
        scales=scales,
    )
