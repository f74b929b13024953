"""What scores of a network and of a copy say about tuning on the copy."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy import stats as scipy_stats

from pruneproxy.stats import ranks, transfer
from pruneproxy.stats.resampling import Estimate, estimate, redrawn

WORTH = 0.25  # share of what tuning gains that a copy may lose: the margin, unless one is stated
CHANCE = 0.05  # of a copy that orders settings by lot to be taken for one that does not
AGAIN = 3  # settings that each side likes best
REPLICATES = 2000  # sets of settings, and shuffles
PROMISING = 0.5  # rank correlation that twelve settings tell from chance
WORTH_TRYING = 100  # more seeds than that are no advice
HELD = "the interval of the loss holds the margin"
DROWNED = "seeds differ as much as settings: train longer, widen the space or state a wider margin"
VERDICTS = {
    "safe": "its choice loses no more than the margin, and it orders settings better than a lot does",
    "unsafe": "its choice loses more than the margin, or it orders settings no better than a lot would",
    "cannot tell": "the seeds drown the difference, the interval holds the margin, or the settings are too few",
}


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What is lost with a setting against the best of those tried again: points, and the ends of the interval."""

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
    more: int | None = None  # seeds of every setting tried again that would tell, beside those there are


def favourites(scores: np.ndarray) -> list[int]:
    """The places of the best scores, the best one first: what is tried again with more seeds."""
    return [int(place) for place in np.argsort(-scores, kind="stable")[:AGAIN]]


def choices(own: np.ndarray, copy: np.ndarray) -> tuple[int, int]:
    """The setting that a copy likes best, and of its three best the one that the network likes best."""
    order = favourites(copy)
    return order[0], max(order, key=lambda place: own[place])


def steadiest(fresh: Mapping[int, Sequence[float]]) -> int:
    """The setting with the best mean over seeds that chose none."""
    return max(fresh, key=lambda place: np.mean(fresh[place]))


def margin_of(own: np.ndarray) -> float:
    """A quarter of what tuning gains: of the network's best score over that of its middling setting."""
    return WORTH * float(own.max() - np.median(own))


def loss(fresh: Mapping[int, Sequence[float]], choice: int, *, looks: int = 1) -> Loss:
    """What setting `choice` loses against the best of all that were tried again, with its 95 % interval.

    The best is that of the means over seeds that chose none, so the favourite of a single seed, which may be luck, is
    no yardstick, and to choose it, too, proves nothing. That the best is picked from noisy means is allowed for as in
    Hsu's comparisons with the best (1984): the upper end is the largest over the others of one-sided bounds, each at
    the full level, for one of them is the truth's; the lower end the largest of bounds shared by all. The deviation is
    that of each pair: an unstable setting beside them says nothing of theirs. With several looks at growing numbers of
    seeds the interval is as much wider.
    """
    others = [place for place in fresh if place != choice]
    if not others:
        raise ValueError("a loss is against other settings that were tried again, but there are none")
    bounds = np.array([_difference(fresh[place], fresh[choice], looks=looks, shared=len(others)) for place in others])
    value, low, high = np.maximum(bounds.max(axis=0), 0.0)
    return Loss(value=float(value), low=float(low), high=float(high))


def _difference(first: Sequence[float], second: Sequence[float], *, looks: int, shared: int) -> tuple:
    """A difference of means, its lower bound at a level shared by so many, and its upper bound."""
    deviation, freedom = pooled((first, second))
    value, error = float(np.mean(first) - np.mean(second)), deviation * np.sqrt(2 / len(first))
    low, high = (scipy_stats.t.ppf(1 - 0.025 / looks / many, freedom) * error for many in (shared, 1))
    return value, value - low, value + high


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
    ranked, p = _ranked(copy, own)
    lost = loss(fresh, best, looks=looks)
    asked = {best, int(np.argmax(own)), steadiest(fresh)}
    verdict, why = _verdict(lost, ranked.value, p, margin, [fresh[place] for place in asked], own)
    return Answer(
        copy=name,
        verdict=verdict,
        share=share,
        correlation=ranked.value,
        correlation_low=ranked.low,
        correlation_high=ranked.high,
        p=p,
        loss=lost,
        three=loss(fresh, of_three, looks=looks),
        why=why,
        more=more_seeds(lost, margin, len(fresh[best])) if why == HELD else None,
    )


def _ranked(copy: np.ndarray, own: np.ndarray) -> tuple[Estimate, float]:
    """Spearman's correlation with its interval over settings, and the p of one as high by lot.

    The ends are the wider ones of two intervals: few settings in good order are redrawn in as good an order, and where
    many settings share a floor the normal approximation is too narrow.
    """
    picks = redrawn(len(own), REPLICATES, np.random.default_rng(0))
    found = estimate(transfer.CORRELATIONS["spearman"](copy[picks], own[picks]), by="configurations")
    low, high = ranks.interval(found.value, len(own))
    found = replace(found, low=float(np.fmin(found.low, low)), high=float(np.fmax(found.high, high)))
    return found, transfer.null_interval(copy, own, shuffles=REPLICATES)[1]


def more_seeds(lost: Loss, margin: float, seeds: int) -> int | None:
    """How many seeds more would end the interval at the margin if the loss stays what it is; None if very many."""
    room = abs(margin - lost.value)
    reach = (lost.high - lost.value) if lost.value < margin else (lost.value - lost.low)
    if not room or not np.isfinite(reach):
        return None
    more = max(1, int(np.ceil(seeds * (reach / room) ** 2)) - seeds)
    return more if more <= WORTH_TRYING else None


def _verdict(lost: Loss, correlation: float, p: float, margin: float, fresh: list, own: np.ndarray) -> tuple[str, str]:
    if margin == 0:
        return "cannot tell", "the middling setting does as well as the best: widen the space or state a margin"
    if lost.high <= margin and p <= CHANCE:
        return "safe", "its choice loses no more than the margin"
    if _drowned(fresh, own, margin):
        return "cannot tell", DROWNED
    if lost.low > margin:
        return "unsafe", "its choice loses more than the margin"
    if p > CHANCE and correlation >= PROMISING:
        wanted = settings_wanted(correlation, len(own))
        return "cannot tell", f"so few settings may be ordered like this by lot: about {wanted} would tell"
    if p > CHANCE:
        return "unsafe", "it orders the settings no better than a lot would"
    return "cannot tell", HELD


def settings_wanted(correlation: float, tried: int) -> int:
    """How many settings tell a rank correlation from chance, by its t."""
    for count in range(tried + 1, 100):
        t = correlation * np.sqrt((count - 2) / max(1 - correlation**2, 1e-9))
        if t > scipy_stats.t.ppf(1 - CHANCE, count - 2):
            return count
    return 100


def _drowned(fresh: list, own: np.ndarray, margin: float) -> bool:
    """Whether one seed more or less changes the network's own choice by more than the margin, or its order by all."""
    deviation, freedom = pooled(fresh)
    shown = scipy_stats.f.ppf(0.99, len(own) - 1, freedom)
    return deviation > margin or np.var(own, ddof=1) < shown * deviation**2
