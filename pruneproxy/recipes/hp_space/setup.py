"""The thesis's set-up as tables: its protocol, its networks and what they are made of."""

import pandas as pd
import torch

from pruneproxy import costs, data, models
from pruneproxy.recipes.hp_space.protocol import PAPER, PROTOCOL, Case


def protocol_table() -> pd.DataFrame:
    """Every protocol value at scale `paper`, one column per network (Tables 3.1, 3.3 and 3.4, Secs. 3.2 and 3.3)."""
    columns = {
        name: {key: _text(value) for key, value in PROTOCOL.values(case).items()} for name, case in PAPER.items()
    }
    return pd.DataFrame(columns)


def shell(case: Case) -> models.Network:
    """The unpruned network of a case, without weights."""
    spec = case.base
    with torch.device("meta"):
        return models.build(
            spec.model, shape=data.input_shape(spec.data), classes=data.CATALOGUE[spec.data.name].classes
        )


def paper_networks() -> pd.DataFrame:
    """Parameters and multiplications of the thesis's networks, counted (for Table 3.2)."""
    built = {name: shell(case) for name, case in PAPER.items()}
    return pd.DataFrame(
        [
            {
                "network": name,
                "parameters": costs.parameters(model),
                "multiplications": costs.total(costs.layers(model)),
            }
            for name, model in built.items()
        ]
    )


def stages(case: Case) -> pd.DataFrame:
    """The groups of a case's unpruned network that are not inside a block, and what is inside (Tables 2.1 and 2.2)."""
    model = shell(case)
    rows = []
    for group in model.groups():
        if group.kind != "inner":
            inside = [
                other.width
                for other in model.groups()
                if other.kind == "inner" and other.name.startswith(f"{group.name}.")
            ]
            rows.append(
                {
                    "group": group.name,
                    "kind": group.kind,
                    "channels": group.width,
                    "channels inside its blocks": ", ".join(map(str, inside)) or "-",
                }
            )
    return pd.DataFrame(rows)


def _text(value) -> str:
    return (
        ", ".join(f"{item:g}" if isinstance(item, float) else str(item) for item in value)
        if isinstance(value, tuple)
        else "as published"
        if value is None
        else str(value)
    )
