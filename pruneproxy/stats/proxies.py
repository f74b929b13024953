"""What a cheaper network, or a cheaper training, is worth as a proxy: the same settings on it and on the full one."""

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd

from pruneproxy import stats
from pruneproxy.errors import UserError, choose
from pruneproxy.stats.resampling import redrawn

TARGET = "target"
ANOTHER_SEED = "the network itself, another seed"
MEASURES = ("correlation", "regret")
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
    mean over its other seeds, since equal seeds share the data's order and what initial weights a copy keeps (one seed
    alone stays). `regret` is in points of accuracy, `top-k hit` the share of resampled sets of settings in which
    the full network's best is among the proxy's `k` best. The row of the network itself takes one of its seeds as
    proxy and the other seeds as target: no proxy can be expected to do better.
    """
    table = _of_one_network(configs)
    costs = _costs(configs)
    rows = [
        {"proxy": name, "settings": len(proxy), **costs.get(name, costs.get(TARGET, {}))}
        | _mean([_judged(proxy[number], target, k, replicates, seed) for number in proxy])
        for name, proxy, target in _sides(table)
    ]
    return pd.DataFrame(rows, columns=COLUMNS)


def _of_one_network(configs: pd.DataFrame) -> pd.DataFrame:
    one = configs["case"].nunique()
    if one > 1:
        raise UserError(f"expected the settings of one network, got {one} networks: select one case first")
    return values(configs)


def _sides(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame, pd.DataFrame]]:
    """Name, the proxy's values by seed, and the target's values that each of them is compared with."""
    target = table[TARGET]
    if target.shape[1] > 1:
        yield ANOTHER_SEED, *_complete(target, target)
    for name in dict.fromkeys(table.columns.get_level_values("proxy")):
        if name != TARGET:
            yield name, *_complete(table[name], target)


def _complete(proxy: pd.DataFrame, target: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Settings that both sides have; the target's mean for every seed of the proxy, over the other seeds if any."""
    others = {number: [seed for seed in target if seed != number] or list(target) for number in proxy}
    means = {number: target[seeds].mean(axis=1) for number, seeds in others.items()}
    both = proxy.notna().all(axis=1) & target.notna().all(axis=1)
    return proxy[both], pd.DataFrame(means)[both]


def _judged(proxy: pd.Series, target: pd.DataFrame, k, replicates, seed) -> dict:
    known = target[proxy.name]
    found = stats.transfer.transfer(proxy, known, replicates=replicates, seed=seed)
    generator, k = np.random.default_rng(seed), min(k, len(proxy))
    picks = generator.integers(len(proxy), size=(min(replicates, 500), len(proxy)))
    hits = [stats.transfer.top_k_hit(proxy.to_numpy()[rows], known.to_numpy()[rows], k=k) for rows in picks]
    row = {"null high": found.null[1], "top-k hit": float(np.mean(hits)), "chance regret": found.chance}
    for name in MEASURES:
        one = getattr(found, name)
        row |= {name: one.value, f"{name} low": one.low, f"{name} high": one.high}
    return row


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


def compared(
    configs: pd.DataFrame, *, against: str = "pruned", replicates: int = 1000, seed: int = 0, level: float = 0.95
) -> pd.DataFrame:
    """Every proxy minus the one that is named `against`: rank correlation and regret, with paired intervals.

    Both are computed on the settings that all proxies have, and the intervals on the same resampled sets of settings,
    so that what makes a set easy or hard cancels; they are narrower than two intervals side by side suggest. A regret
    is the difference of two of a few values, and a third of the resampled sets lack the best setting: its replicates
    take few values and lie on one side, so that an estimate can be the end of its interval.
    """
    sides = {name: (proxy, target) for name, proxy, target in _sides(_of_one_network(configs))}
    choose(against, sides, "proxy")
    shared = sorted(set.intersection(*(set(proxy.index) for proxy, _ in sides.values())))
    picks = redrawn(len(shared), replicates, np.random.default_rng(seed))
    found = {name: _resampled(*(side.loc[shared] for side in both), picks) for name, both in sides.items()}
    base, rows = found.pop(against), []
    for name, mine in found.items():
        gaps = (_interval(measure, mine[measure] - base[measure], level) for measure in MEASURES)
        rows.append({"proxy": name, "settings": len(shared)} | next(gaps) | next(gaps))
    ends = [f"{measure}{end}" for measure in MEASURES for end in ("", " low", " high")]
    return pd.DataFrame(rows, columns=["proxy", "settings", *ends])


def _resampled(proxy: pd.DataFrame, target: pd.DataFrame, picks: np.ndarray) -> dict[str, np.ndarray]:
    """Both measures of every row of `picks`, the means over the proxy's seeds."""
    sides = [(proxy[number].to_numpy(), target[number].to_numpy()) for number in proxy]
    rank = stats.transfer.CORRELATIONS["spearman"]
    return {
        "correlation": np.mean([rank(mine[picks], known[picks]) for mine, known in sides], axis=0),
        "regret": np.mean([[stats.transfer.regret(mine[r], known[r]) for r in picks] for mine, known in sides], axis=0),
    }


def _interval(name: str, values: np.ndarray, level: float) -> dict[str, float]:
    """The first value, and the central interval of the others where they are defined."""
    known = values[1:][np.isfinite(values[1:])]
    low, high = np.quantile(known, [(1 - level) / 2, (1 + level) / 2]) if known.size else (np.nan, np.nan)
    return {name: float(values[0]), f"{name} low": float(low), f"{name} high": float(high)}


def sure(table: pd.DataFrame, *, margin: float, by: str = "seconds") -> pd.DataFrame:
    """The rows of `at_cost`, cheapest first, with what each is shown to be.

    `ranks` says that the whole interval of the correlation lies above that of a shuffled proxy, `safe` that the whole
    interval of the regret lies within `margin` points.
    """
    shown = {"ranks": table["correlation low"] > table["null high"], "safe": table["regret high"] <= margin}
    rows = table.assign(**shown)
    return rows.sort_values(by)[["proxy", "seconds", "multiplications", "ranks", "safe"]].reset_index(drop=True)


def cheapest(table: pd.DataFrame, *, margin: float, by: str = "seconds") -> str | None:
    """The cheapest proxy that is shown to rank and to be safe, the network itself left out; None if there is none."""
    rows = sure(table, margin=margin, by=by)
    rows = rows[rows["ranks"] & rows["safe"] & (rows["proxy"] != ANOTHER_SEED)]
    return None if rows.empty else rows["proxy"].iloc[0]


def screened(
    configs: pd.DataFrame, *, ks: Sequence[int] = (1, 2, 3, 5), replicates: int = 300, seed: int = 0
) -> pd.DataFrame:
    """What it costs to be sure: try every setting on a proxy, then the proxy's `k` best on the full network.

    `cost` and `seconds` are shares of trying every setting on the full network: of the multiplications, and of the
    measured time; the `k` trainings are taken to cost as much as any other. `regret` has an interval over settings and
    is judged by the same accuracies from which the best of the `k` is taken.
    """
    relative, rows = _costs(configs), []
    for name, proxy, target in _sides(_of_one_network(configs)):
        share = relative.get(name, relative.get(TARGET, {}))
        for k in sorted({min(k, len(proxy)) for k in ks}):
            pairs = [(proxy[number], target[number]) for number in proxy]
            found = [stats.transfer.transfer(*both, k=k, replicates=replicates, seed=seed).regret for both in pairs]
            costs = (share[cost] + k / len(proxy) for cost in ("multiplications", "seconds"))
            regrets = (float(np.mean([getattr(one, end) for one in found])) for end in ("value", "low", "high"))
            rows.append((name, k, *costs, *regrets))
    return pd.DataFrame(rows, columns=["proxy", "k", "cost", "seconds", "regret", "low", "high"])
