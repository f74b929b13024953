"""What the committed records hold: the largest complete scale of each recipe, and the verdicts at that scale."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from pruneproxy.cache import cached, folders_hash
from pruneproxy.evidence.claims import Claim
from pruneproxy.evidence.ledger import Row, collect
from pruneproxy.evidence.verdicts import Verdict
from pruneproxy.recipes import RECIPES, standing
from pruneproxy.recipes.proxy_hpo import equal_cost
from pruneproxy.specs import from_dict, to_dict

RECORDS = Path("notebooks/records")


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """What is shown: claims and verdicts of all recipes, the ledgers, and the scales.

    `proxies` has, by network and data set, what every proxy of a pilot at equal cost is worth.
    """

    claims: tuple[Claim, ...]
    verdicts: tuple[Verdict, ...]
    rows: tuple[Row, ...]
    scales: dict[str, str]
    proxies: dict[str, pd.DataFrame] = field(default_factory=dict, compare=False)


def read(records: Path, *, scale: str | None = None) -> Evidence:
    """What the folder of records, one folder per recipe, has to say at `scale` (None: the largest complete one)."""
    folders = {stem: records / stem for stem in RECIPES}
    found = cached("evidence", (folders_hash(folders.values()), scale), lambda: _judged(folders, scale))
    return Evidence(
        claims=tuple(claim for recipe in RECIPES.values() for claim in recipe.claims.values()),
        verdicts=tuple(from_dict(Verdict, verdict) for verdict in found["verdicts"]),
        rows=collect(*(recipe.ledger for recipe in RECIPES.values())),
        scales=found["scales"],
        proxies={name: pd.DataFrame(rows) for name, rows in found["proxies"].items()},
    )


def _judged(folders: Mapping[str, Path], scale: str | None) -> dict:
    found = {stem: standing.standing(stem, scale=scale, records=str(folder)) for stem, folder in folders.items()}
    verdicts = [to_dict(verdict) for verdicts in standing.graded(found).values() for verdict in verdicts]
    scales = {stem: one.scale for stem, one in found.items()}
    tables = {name: table.to_dict("records") for name, table in equal_cost.tables(found["proxy_hpo"]).items()}
    return {"verdicts": verdicts, "scales": scales, "proxies": tables}
