"""What the committed records hold: the largest complete scale of each recipe, and the verdicts at that scale."""

from dataclasses import dataclass
from pathlib import Path

from pruneproxy import commands
from pruneproxy.evidence.claims import Claim, Verdict
from pruneproxy.evidence.ledger import Row, collect
from pruneproxy.recipes import RECIPES
from pruneproxy.store import Store

RECORDS = Path("notebooks/records")


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is shown: claims and verdicts of all recipes (also from each network alone), the ledgers, and the scales."""

    claims: tuple[Claim, ...]
    verdicts: tuple[Verdict, ...]
    by_network: dict[str, dict[str, str]]
    rows: tuple[Row, ...]
    scales: dict[str, str]


def read(records: Path, *, scale: str | None = None) -> Evidence:
    """What the folder of records, one folder per recipe, has to say at `scale` (None: the largest complete one)."""
    scales = {stem: scale or commands.largest_scale(recipe, Store(records / stem)) for stem, recipe in RECIPES.items()}
    verdicts = (commands.verdicts(stem, scale=scales[stem], records=str(records / stem)) for stem in RECIPES)
    alone = [commands.by_network(stem, scale=scales[stem], records=str(records / stem)) for stem in RECIPES]
    return Evidence(
        by_network={claim: statuses for found in alone for claim, statuses in found.items()},
        claims=tuple(claim for recipe in RECIPES.values() for claim in recipe.CLAIMS.values()),
        verdicts=tuple(verdict for found in verdicts for verdict in found),
        rows=collect(*(recipe.ROWS for recipe in RECIPES.values())),
        scales=scales,
    )
