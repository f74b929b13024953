"""What scores of a network and of a copy say about tuning on the copy."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats as scipy_stats

from pruneproxy.stats import transfer
from pruneproxy.stats.resampling import Estimate, estimate, redrawn

WORTH = 0.25  # share of what tuning gains that a copy may lose: the margin, unless one is stated
CHANCE = 0.05  # of a copy that orders settings by lot to be taken for one that does not
REPLICATES = 2000  # sets of settings, and shuffles
VERDICTS = {
    "safe": "its choice loses no more than the margin, and it orders settings better than a lot does",
    "unsafe": "its choice loses more than the margin, or it orders settings no better than a lot would",
    "cannot tell": "the seeds drown the difference, or the interval holds the margin",
}


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What is lost with some settings against the network's own choice: points, and the ends of the interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What is known of one copy; `three` is the loss if its three best are tried on the network and one is taken."""

    copy: str
    verdict: str
    share: float  # of the network's seconds
    correlation: float
    correlation_low: float
    correlation_high: float
    p: float  # of an order at least as good by lot
    loss: Loss
    three: Loss
    why: str


def choices(own: np.ndarray, copy: np.ndarray) -> tuple[int, int]:
    """The setting that a copy likes best, and of its three best the one that the network likes best."""
    order = np.argsort(-copy, kind="stable")
    return int(order[0]), int(max(order[:3], key=lambda place: own[place]))


def margin_of(own: np.ndarray) -> float:
    """A quarter of what tuning gains: of the network's best score over that of its middling setting."""
    return WORTH * float(own.max() - np.median(own))


def loss(fresh: Mapping[int, Sequence[float]], own: int, other: int, *, looks: int = 1) -> Loss:
    """The mean score of setting `own` minus that of `other`, over seeds that chose neither, with its 95 % interval.

    The deviation is that of these two: an unstable setting beside them says nothing of theirs. With several looks at
    growing numbers of seeds the interval is as much wider.
    """
    if own == other:
        return Loss(value=0.0, low=0.0, high=0.0)
    first, second = np.asarray(fresh[own]), np.asarray(fresh[other])
    count = len(first)
    deviation, freedom = pooled((first, second))
    half = scipy_stats.t.ppf(1 - 0.025 / looks, freedom) * deviation * np.sqrt(2 / count)
    value = float(first.mean() - second.mean())
    return Loss(value=value, low=value - half, high=value + half)


def pooled(scores: Iterable[Sequence[float]]) -> tuple[float, int]:
    """The deviation between the seeds of some settings, and its degrees of freedom."""
    rows = [np.asarray(row) for row in scores]
    freedom = sum(len(row) - 1 for row in rows)
    return float(np.sqrt(sum(((row - row.mean()) ** 2).sum() for row in rows) / max(freedom, 1))), freedom


def answer(
    name: str,
    own: np.ndarray,
    copy: np.ndarray,
    fresh: Mapping[int, Sequence[float]],
    *,
    share: float,
    margin: float,
    looks: int = 1,
) -> Answer:
    """What one score of every setting on both sides, and fresh scores of those that were chosen, say of a copy."""
    best, of_three = choices(own, copy)
    mine = int(np.argmax(own))
    ranked, p = _ranked(copy, own)
    lost = loss(fresh, mine, best, looks=looks)
    verdict, why = _verdict(lost, p, margin, [fresh[place] for place in {mine, best}], own)
    return Answer(
        copy=name,
        verdict=verdict,
        share=share,
        correlation=ranked.value,
        correlation_low=ranked.low,
        correlation_high=ranked.high,
        p=p,
        loss=lost,
        three=loss(fresh, mine, of_three, looks=looks),
        why=why,
    )


def _ranked(copy: np.ndarray, own: np.ndarray) -> tuple[Estimate, float]:
    """Spearman's correlation with its interval over settings, and the p of one as high by lot."""
    picks = redrawn(len(own), REPLICATES, np.random.default_rng(0))
    found = estimate(transfer.CORRELATIONS["spearman"](copy[picks], own[picks]), by="configurations")
    return found, transfer.null_interval(copy, own, shuffles=REPLICATES)[1]


def _verdict(lost: Loss, p: float, margin: float, fresh: list, own: np.ndarray) -> tuple[str, str]:
    if lost.high <= margin and p <= CHANCE:
        return "safe", "its choice loses no more than the margin"
    if _drowned(fresh, own, margin):
        return "cannot tell", "seeds differ as much as settings: train longer, widen the space or state a wider margin"
    if lost.low > margin:
        return "unsafe", "its choice loses more than the margin"
    if p > CHANCE:
        return "unsafe", "it orders the settings no better than a lot would"
    return "cannot tell", "the interval of the loss holds the margin: more seeds of the chosen settings would tell"


def _drowned(fresh: list, own: np.ndarray, margin: float) -> bool:
    """Whether one seed more or less changes the network's own choice by more than the margin, or its order by all."""
    deviation, freedom = pooled(fresh)
    shown = scipy_stats.f.ppf(0.99, len(own) - 1, freedom)
    return deviation > margin or np.var(own, ddof=1) < shown * deviation**2
