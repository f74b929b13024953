"""What the committed records hold: the largest complete scale of each recipe, and the verdicts at that scale."""

from dataclasses import dataclass
from pathlib import Path

from pruneproxy.evidence.claims import Claim
from pruneproxy.evidence.ledger import Row, collect
from pruneproxy.evidence.verdicts import Verdict
from pruneproxy.recipes import RECIPES, standing

RECORDS = Path("notebooks/records")


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is shown: claims and verdicts of all recipes, the ledgers, and the scales."""

    claims: tuple[Claim, ...]
    verdicts: tuple[Verdict, ...]
    rows: tuple[Row, ...]
    scales: dict[str, str]


def read(records: Path, *, scale: str | None = None) -> Evidence:
    """What the folder of records, one folder per recipe, has to say at `scale` (None: the largest complete one)."""
    found = {stem: standing.standing(stem, scale=scale, records=str(records / stem)) for stem in RECIPES}
    return Evidence(
        claims=tuple(claim for recipe in RECIPES.values() for claim in recipe.CLAIMS.values()),
        verdicts=tuple(verdict for verdicts in standing.graded(found).values() for verdict in verdicts),
        rows=collect(*(recipe.ROWS for recipe in RECIPES.values())),
        scales={stem: one.scale for stem, one in found.items()},
    )
