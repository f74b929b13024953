"""What a cheaper network, or a cheaper training, is worth as a proxy: the same settings on it and on the full one."""

from collections.abc import Iterator

import numpy as np
import pandas as pd

from pruneproxy import stats
from pruneproxy.errors import UserError

TARGET = "target"
ANOTHER_SEED = "the network itself, another seed"
COLUMNS = [
    *("proxy", "settings", "multiplications", "seconds"),
    *("correlation", "correlation low", "correlation high", "null high"),
    *("regret", "regret low", "regret high", "top-k hit", "chance regret"),
]


def values(configs: pd.DataFrame) -> pd.DataFrame:
    """Mean accuracy of every setting, one row per setting and one column per proxy and seed."""
    return configs.pivot_table(index="config", columns=["proxy", "seed"], values="top1")


def at_cost(configs: pd.DataFrame, *, k: int = 3, replicates: int = 2000, seed: int = 0) -> pd.DataFrame:
    """Per proxy: its cost as a share of the full network's, and how well it ranks and picks settings.

    `multiplications` and `seconds` are medians over settings of the ratio to the full network's. Each proxy is judged
    by one seed at a time, as a search would see it, and the numbers are means over its seeds; the full network by the
    mean over its own. `regret` is in points of accuracy, `top-k hit` the share of resampled sets of settings in which
    the full network's best is among the proxy's `k` best. The row of the network itself takes one of its seeds as
    proxy and the other seeds as target: no proxy can be expected to do better.
    """
    one = configs["case"].nunique()
    if one > 1:
        raise UserError(f"expected the settings of one network, got {one} networks: select one case first")
    table = values(configs)
    costs = _costs(configs)
    rows = [
        {"proxy": name, "settings": len(proxy), **costs.get(name, costs.get(TARGET, {}))}
        | _mean([_judged(proxy[number], target, k, replicates, seed) for number in proxy])
        for name, proxy, target in _sides(table)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _sides(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
    """Name, the proxy's values by seed, and the target's values that each of them is compared with."""
    target = table[TARGET]
    if target.shape[1] > 1:
        yield ANOTHER_SEED, *_complete(target, target, leave_out=True)
    for name in dict.fromkeys(table.columns.get_level_values("proxy")):
        if name != TARGET:
            yield name, *_complete(table[name], target)


def _complete(proxy: pd.DataFrame, target: pd.DataFrame, *, leave_out: bool = False):
    """Settings that both sides have; the target's mean for every seed of the proxy, without that seed if asked."""
    means = {number: target.drop(columns=number).mean(axis=1) if leave_out else target.mean(axis=1) for number in proxy}
    both = proxy.notna().all(axis=1) & target.notna().all(axis=1)
    return proxy[both], pd.DataFrame(means)[both]


def _judged(proxy: pd.Series, target: pd.DataFrame, k, replicates, seed) -> dict:
    known = target[proxy.name]
    found = stats.transfer.transfer(proxy, known, replicates=replicates, seed=seed)
    generator, k = np.random.default_rng(seed), min(k, len(proxy))
    picks = generator.integers(len(proxy), size=(min(replicates, 500), len(proxy)))
    hits = [stats.transfer.top_k_hit(proxy.to_numpy()[rows], known.to_numpy()[rows], k=k) for rows in picks]
    return {
        "correlation": found.correlation.value,
        "correlation low": found.correlation.low,
        "correlation high": found.correlation.high,
        "null high": found.null[1],
        "regret": found.regret.value,
        "regret low": found.regret.low,
        "regret high": found.regret.high,
        "top-k hit": float(np.mean(hits)),
        "chance regret": found.chance,
    }


def _mean(rows: list[dict]) -> dict:
    return {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}


def _costs(configs: pd.DataFrame) -> dict[str, dict]:
    """Per proxy, the median over settings of its cost relative to the full network's at the same setting."""
    means = configs.groupby(["proxy", "config"])[["multiplications", "seconds"]].mean()
    ratios = means / means.loc[TARGET]
    return ratios.groupby("proxy").median().to_dict("index")


def scatter_data(configs: pd.DataFrame, proxy: str) -> pd.DataFrame:
    """Every setting's mean accuracy on a proxy and on the full network, with its learning rate."""
    means = configs.groupby(["proxy", "config"])[["top1", "lr"]].mean()
    return means.loc[proxy].join(means.loc[TARGET]["top1"].rename("target"), how="inner").reset_index()
