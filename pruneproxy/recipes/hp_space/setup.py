"""The thesis's set-up as tables: its protocol, its networks and what they are made of."""

import pandas as pd
import torch

from pruneproxy import costs, models
from pruneproxy.evidence import words
from pruneproxy.recipes.hp_space.protocol import PAPER, PROTOCOL, Case
from pruneproxy.recipes.recipe import untrained


def protocol_table() -> pd.DataFrame:
    """Every protocol value at scale `paper`, one column per network (Tables 3.1, 3.3 and 3.4, Secs. 3.2 and 3.3)."""
    columns = {
        name: {key: _text(value) for key, value in PROTOCOL.values(case).items()} for name, case in PAPER.items()
    }
    return pd.DataFrame(columns)


def shell(case: Case) -> models.Network:
    """The unpruned network of a case, without weights."""
    with torch.device("meta"):
        return untrained(case.base)


def paper_networks() -> pd.DataFrame:
    """Parameters and multiplications of the thesis's networks, counted (for Table 3.2)."""
    built = {name: shell(case) for name, case in PAPER.items()}
    rows = [(name, costs.parameters(model), costs.total(costs.layers(model))) for name, model in built.items()]
    return pd.DataFrame(rows, columns=["network", "parameters", "multiplications"])


def counts_agree(table: pd.DataFrame) -> str:
    """How far counts of parameters and FLOPs (`tables.architectures`) lie from the printed ones, in a sentence."""
    away = (table["difference"] / table["published"]).abs().dropna()
    farthest = table.loc[away.idxmax()]
    return (
        f"Counted layer by layer, the thesis's networks have the printed {len(away)} sizes and costs within "
        f"{words.number(100 * away.max())} %; the farthest is {farthest['quantity']} of {farthest['model']}."
    )


def stages(case: Case) -> pd.DataFrame:
    """The groups of a case's unpruned network that are not inside a block, and what is inside (Tables 2.1 and 2.2)."""
    groups, rows = shell(case).groups(), []
    for group in (one for one in groups if one.kind != "inner"):
        inside = [one.width for one in groups if one.kind == "inner" and one.name.startswith(f"{group.name}.")]
        rows.append((group.name, group.kind, group.width, ", ".join(map(str, inside)) or "-"))
    return pd.DataFrame(rows, columns=["group", "kind", "channels", "channels inside its blocks"])


def _text(value) -> str:
    if isinstance(value, tuple):
        return ", ".join(f"{item:g}" if isinstance(item, float) else str(item) for item in value)
    return "as published" if value is None else str(value)
