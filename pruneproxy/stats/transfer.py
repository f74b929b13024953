"""How well a proxy network picks settings for the target: the same configurations run on both."""

from dataclasses import dataclass

import numpy as np

from pruneproxy.errors import UserError, choose
from pruneproxy.stats import rowwise
from pruneproxy.stats.resampling import Estimate, estimate, redrawn


def _spearman(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    return rowwise.spearman(rowwise.rows(a), rowwise.rows(b))


def _kendall(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """tau-b of each row: concordant minus discordant pairs over the root of the pairs that tie on neither side."""
    first, second = np.triu_indices(a.shape[1], k=1)
    signs = [np.sign(side[:, first] - side[:, second]) for side in (a, b)]
    pairs = np.sqrt((signs[0] ** 2).sum(axis=1) * (signs[1] ** 2).sum(axis=1))
    with np.errstate(invalid="ignore", divide="ignore"):
        return (signs[0] * signs[1]).sum(axis=1) / pairs


CORRELATIONS = {"spearman": _spearman, "kendall": _kendall}  # of each row of two matrices


@dataclass(frozen=True, kw_only=True)
class Transfer:
    """What a proxy is worth on a set of configurations.

    `correlation` and `regret` are `Estimate`s; `null` is the central interval of the correlation when the proxy's
    values are shuffled, and `p` the share of shuffles that correlate at least as much. `chance` is the regret of a
    configuration drawn blindly, and `hit` says whether the target's best one is among the proxy's `k` best.
    """

    configurations: int
    k: int
    correlation: Estimate
    null: tuple[float, float]
    p: float
    regret: Estimate
    chance: float
    hit: bool


def regret(proxy, target, *, k: int = 1) -> float:
    """The target's best value minus the best that it reaches with the `k` configurations that the proxy likes best.

    Configurations that tie for the last place are drawn by lot: the regret is the mean over the lots for k = 1, and
    the mean of the most and the least lucky lot for larger k.
    """
    proxy, target = _both(proxy, target, k)
    sure, tied, places = _picks(proxy, k)
    if k == 1:
        return float(target.max() - target[tied].mean())
    ends = [np.sort(target[tied])[::order][:places] for order in (1, -1)]
    return float(target.max() - np.mean([np.concatenate([target[sure], end]).max() for end in ends]))


def top_k_hit(proxy, target, *, k: int) -> bool:
    """Whether a best configuration of the target is among the proxy's `k` best, all that tie with the k-th included."""
    proxy, target = _both(proxy, target, k)
    sure, tied, _ = _picks(proxy, k)
    return bool((target[sure | tied] == target.max()).any())


def rank_correlation(proxy, target, *, kind: str = "spearman") -> float:
    """Spearman's or Kendall's correlation of the values of the same configurations; NaN where one side is constant."""
    proxy, target = _both(proxy, target, 1)
    return float(choose(kind, CORRELATIONS, "rank correlation")(proxy[None], target[None])[0])


def null_interval(
    proxy, target, *, kind: str = "spearman", shuffles: int = 2000, seed: int = 0, level: float = 0.95
) -> tuple[tuple[float, float], float]:
    """The central interval of the correlation with a shuffled proxy, and the p of one at least as high as found.

    Where one side is constant there is no order, and every shuffle is as good.
    """
    generator = np.random.default_rng(seed)
    found = rank_correlation(proxy, target, kind=kind)
    proxies = generator.permuted(np.tile(np.asarray(proxy, dtype=float), (shuffles, 1)), axis=1)
    shuffled = CORRELATIONS[kind](proxies, np.broadcast_to(np.asarray(target, dtype=float), proxies.shape))
    ends = np.quantile(shuffled, [(1 - level) / 2, (1 + level) / 2])
    as_high = shuffles if np.isnan(found) else (shuffled >= found - 1e-12).sum()
    return (float(ends[0]), float(ends[1])), float((1 + as_high) / (1 + shuffles))


def transfer(
    proxy, target, *, k: int = 1, kind: str = "spearman", replicates: int = 2000, seed: int = 0, level: float = 0.95
) -> Transfer:
    """The `Transfer` of the proxy's values to the target's, one per configuration, in the same order.

    Intervals resample configurations with replacement, the same ones on both sides. The regret of such a set falls
    short of that of a fresh one, for the set's best is often missing on both sides.
    """
    proxy, target = _both(proxy, target, k)
    picks = redrawn(proxy.size, replicates, np.random.default_rng(seed))
    correlations = choose(kind, CORRELATIONS, "rank correlation")(proxy[picks], target[picks])
    regrets = np.array([regret(proxy[rows], target[rows], k=k) for rows in picks])
    null, p = null_interval(proxy, target, kind=kind, shuffles=replicates, seed=seed + 1, level=level)
    return Transfer(
        configurations=proxy.size,
        k=k,
        correlation=estimate(correlations, by="configurations", level=level),
        null=null,
        p=p,
        regret=estimate(regrets, by="configurations", level=level),
        chance=float(target.max() - target.mean()),
        hit=top_k_hit(proxy, target, k=k),
    )


def _both(proxy, target, k) -> tuple[np.ndarray, np.ndarray]:
    proxy, target = np.asarray(proxy, dtype=float), np.asarray(target, dtype=float)
    if proxy.ndim != 1 or proxy.shape != target.shape or proxy.size < 2 or np.isnan([proxy, target]).any():
        raise UserError(
            "expected one number per configuration on both sides, for the same two or more configurations, got shapes "
            f"{proxy.shape} and {target.shape}: leave out, or give the worst value to, what diverged"
        )
    if not 1 <= k <= proxy.size:
        raise UserError(f"expected k from 1 to the number of configurations ({proxy.size}), got {k}")
    return proxy, target


def _picks(proxy, k) -> tuple[np.ndarray, np.ndarray, int]:
    """Which configurations are surely among the k best, which tie for the last places, and the number of places."""
    edge = np.sort(proxy)[-k]
    sure = proxy > edge
    return sure, proxy == edge, k - int(sure.sum())
