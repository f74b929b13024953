"""What the book's records say of copies, as `pruneproxy/asking/prior.json`: run it when records are committed."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd

from pruneproxy import recipes, store
from pruneproxy.asking import answers
from pruneproxy.asking.copies import COPIES
from pruneproxy.stats import transfer

ROOT = Path(__file__).resolve().parents[1]
TARGET = ROOT / "pruneproxy" / "asking" / "prior.json"
KINDS = {  # names of the experiment `configs` of part proxy_hpo
    "pruned": "pruned",
    "uniform width": "width",
    "data subset": "subset",
    "fewer epochs": "epochs",
    "lower resolution": "resolution",
}
FEWEST = 8  # settings
SCALES = ("lab", "gpu", "paper")


def computed(folder: Path = ROOT / "notebooks" / "records") -> dict[str, dict]:
    """By kind of copy: comparisons of the same settings on a network and a copy, and what came of them."""
    found: dict[str, list[dict]] = {name: [] for name in COPIES}
    for scale in SCALES:
        for copy, unit, own, other in (*_landscapes(folder, scale), *_configs(folder, scale)):
            found[copy] += [{"of": f"{unit}, scale {scale}"} | one for one in _compared(own, other)]
    return {copy: _summary(rows) for copy, rows in found.items()}


def _landscapes(folder: Path, scale: str) -> Iterator:
    """Networks of part hp_space and their pruned variants, trained with the same learning rates and decays."""
    recipe = recipes.RECIPES["hp_space"]
    rows = recipe.frame(store.Store(folder / "hp_space"), recipe.cases(scale))
    rows["config"] = list(zip(rows["lr"], rows["weight_decay"], strict=True))
    for network, mine in rows.groupby("network"):
        own = _table(mine[mine["variant"] == "unpruned"])
        for variant, other in mine[mine["variant"] != "unpruned"].groupby("variant"):
            yield "pruned", f"{network}, {variant}", own, _table(other)


def _configs(folder: Path, scale: str) -> Iterator:
    """Networks of part proxy_hpo and their copies, trained with the same drawn settings."""
    recipe = recipes.RECIPES["proxy_hpo"]
    rows = recipe.frame(store.Store(folder / "proxy_hpo"), recipe.cases(scale)).configs
    for case, mine in rows.groupby("case"):
        own = _table(mine[mine["proxy"] == "target"])
        for proxy, copy in KINDS.items():
            yield copy, f"{case}, {proxy}", own, _table(mine[mine["proxy"] == proxy])


def _table(rows: pd.DataFrame) -> pd.DataFrame:
    """A row for every setting, a column for every seed."""
    return rows.pivot_table(index="config", columns="seed", values="top1")


def _compared(own: pd.DataFrame, other: pd.DataFrame) -> list[dict]:
    """For every seed that both have: each side chooses with it, and the network's other seeds say what that loses."""
    found = []
    for seed in sorted(set(own) & set(other)):
        settings = own.dropna().index.intersection(other[seed].dropna().index)
        fresh = own.loc[settings].drop(columns=seed).mean(axis=1).to_numpy()
        if len(settings) < FEWEST or own.shape[1] < 2:
            continue
        mine, copied = own.loc[settings, seed].to_numpy(), other.loc[settings, seed].to_numpy()
        lost = fresh[np.argmax(mine)] - fresh[np.argmax(copied)]
        found.append(
            {
                "settings": len(settings),
                "right": bool(lost <= answers.margin_of(fresh)),
                "correlation": transfer.rank_correlation(copied, mine),
            }
        )
    return found


def _summary(rows: list[dict]) -> dict:
    """One comparison for each pair of a network and a copy, the mean over its seeds."""
    if not rows:
        return {"comparisons": 0, "right": 0.0, "correlations": [], "of": []}
    pairs = pd.DataFrame(rows).groupby("of").mean()
    return {
        "comparisons": len(pairs),
        "right": round(float(pairs["right"].sum()), 4),
        "correlations": [round(float(value), 4) for value in pairs["correlation"]],
        "of": list(pairs.index),
    }


if __name__ == "__main__":
    TARGET.write_text(json.dumps(computed(), indent=1) + "\n")
    print(TARGET)
