"""Statements about effects, and how sure it is that they hold or fail.

A `Region` says of one effect that it lies somewhere. Statements about one effect are joined to one about several
(`every`, `some`, `most`, `usually`) and by `both` and `either`. Each carries two one-sided p-values: one for the
statement (small when it holds) and one for its opposite (small when it fails).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import scipy

from pruneproxy.evidence.effects import Effect, typical

TAIL = 1e-6
ROUNDING = 9  # decimals at which printed and computed numbers are compared with thresholds


@dataclass(frozen=True, kw_only=True)
class Region:
    """Where an effect may lie: from `low` to `high`, or with `outside` beyond them; `strict` leaves out the edges."""

    low: float = -np.inf
    high: float = np.inf
    strict: bool = False
    outside: bool = False

    def holds(self, effect: Effect) -> bool:
        """Whether the measured value lies there."""
        return bool(_inside(self, np.array([effect.value]))[0]) != self.outside

    def p(self, effect: Effect) -> float:
        """One-sided p of the effect lying there.

        Inside an interval it is the larger p of two one-sided tests, so that equality is shown; outside it is twice
        the smaller one.
        """
        sides = [
            one_sided(effect, sign * (effect.draws - edge), strict=self.strict)
            for edge, sign in ((self.low, -1 if self.outside else 1), (self.high, 1 if self.outside else -1))
            if np.isfinite(edge)
        ]
        return min(1.0, len(sides) * min(sides)) if self.outside else max(sides)

    def margin(self, effect: Effect) -> float:
        """How far inside the measured value lies; negative where it lies outside."""
        distances = [abs(effect.value - edge) for edge in (self.low, self.high) if np.isfinite(edge)]
        return min(distances) * (1 if self.holds(effect) else -1)

    @property
    def opposite(self) -> "Region":
        """Everywhere else."""
        return Region(low=self.low, high=self.high, strict=not self.strict, outside=not self.outside)

    def __str__(self) -> str:
        if np.isfinite(self.low) and np.isfinite(self.high):
            return f"{'outside' if self.outside else 'within'} {self.low:g} to {self.high:g}"
        below = np.isfinite(self.high) != self.outside
        edge = self.high if np.isfinite(self.high) else self.low
        words = {(True, True): "below", (True, False): "at most", (False, True): "above", (False, False): "at least"}
        return f"{words[below, self.strict]} {edge:g}"


def at_least(edge: float) -> Region:
    """`edge` or more."""
    return Region(low=edge)


def at_most(edge: float) -> Region:
    """`edge` or less."""
    return Region(high=edge)


def above(edge: float) -> Region:
    """More than `edge`."""
    return Region(low=edge, strict=True)


def below(edge: float) -> Region:
    """Less than `edge`."""
    return Region(high=edge, strict=True)


def within(low: float, high: float) -> Region:
    """From `low` to `high`."""
    return Region(low=low, high=high)


def outside(low: float, high: float) -> Region:
    """Less than `low` or more than `high`."""
    return Region(low=low, high=high, strict=True, outside=True)


def _inside(region: Region, values: np.ndarray) -> np.ndarray:
    values = np.round(values, ROUNDING)
    strict = region.strict != region.outside  # what is outside a closed interval is strictly beyond it
    if strict:
        return (values > region.low) & (values < region.high)
    return (values >= region.low) & (values <= region.high)


def one_sided(effect: Effect, margins: np.ndarray, *, strict: bool) -> float:
    """One-sided p of a statement whose replicates hold by `margins`: (1 + number against) / (1 + number).

    Where no replicate is against it, the tail of Student's t continues below that resolution, to 1e-6 and no further.
    An exact number gives 0 or 1. Replicates that are unknown count against every statement.
    """
    if not np.isfinite(effect.value):
        return 1.0
    margins = np.round(margins, ROUNDING)
    against = int((~(margins > 0 if strict else margins >= 0)).sum())
    if effect.exact:
        return float(against > 0)
    finite = margins[np.isfinite(margins)]  # a ratio to nothing is infinite
    if not finite.size:
        return 1.0
    p = (1 + against) / (1 + margins.size)
    if against or np.ptp(finite) == 0:
        return p
    return min(p, max(TAIL, float(scipy.stats.t.sf(finite.mean() / finite.std(ddof=1), finite.size - 1))))


@dataclass(frozen=True, kw_only=True)
class Statement:
    """A statement about some effects: p for it and for its opposite, and the effect that decides it.

    `holding` of `units` effects lie in the `region`, `shown` is the effect to name beside it.
    """

    p: float
    opposite: float
    region: Region
    shown: Effect
    holding: int
    units: int


Quantifier = Callable[[Region, Sequence[Effect]], "Statement"]


def _about(region: Region, effects: Sequence[Effect], p: float, opposite: float, shown: Effect) -> Statement:
    holding = sum(map(region.holds, effects))
    return Statement(p=p, opposite=opposite, region=region, shown=shown, holding=holding, units=len(effects))


def _at_least(count: int, p: Sequence[float]) -> float:
    """p of `count` of m statements holding: (m - count + 1) times the count-th smallest (Benjamini & Heller 2008).

    For all of them it is the largest p, for one the smallest times their number.
    """
    p = sorted(p)
    return min(1.0, (len(p) - count + 1) * p[count - 1])


def of_number(count: int, region: Region, effects: Sequence[Effect]) -> Statement:
    """`count` effects or more lie in the region; shown is the one on which it depends."""
    p = [region.p(effect) for effect in effects]
    opposite = [region.opposite.p(effect) for effect in effects]
    order = sorted(range(len(p)), key=lambda place: (p[place], -opposite[place], -region.margin(effects[place])))
    return _about(
        region, effects, _at_least(count, p), _at_least(len(p) - count + 1, opposite), effects[order[count - 1]]
    )


def every(region: Region, effects: Sequence[Effect]) -> Statement:
    """All effects lie in the region."""
    return of_number(len(effects), region, effects)


def some(region: Region, effects: Sequence[Effect]) -> Statement:
    """One effect or more lies in the region."""
    return of_number(1, region, effects)


def most(region: Region, effects: Sequence[Effect]) -> Statement:
    """More than half of the effects lie in the region."""
    return of_number(len(effects) // 2 + 1, region, effects)


def half(region: Region, effects: Sequence[Effect]) -> Statement:
    """At least half of the effects lie in the region."""
    return of_number((len(effects) + 1) // 2, region, effects)


def two_thirds(region: Region, effects: Sequence[Effect]) -> Statement:
    """At least two thirds of the effects lie in the region."""
    return of_number(-(-2 * len(effects) // 3), region, effects)


def four_fifths(region: Region, effects: Sequence[Effect]) -> Statement:
    """At least 80 percent of the effects lie in the region."""
    return of_number(-(-4 * len(effects) // 5), region, effects)


def usually(region: Region, effects: Sequence[Effect]) -> Statement:
    """The mean over units lies in the region; where there are three or more, that of all units like these."""
    overall = typical(effects) if len(effects) > 1 else effects[0]
    return _about(region, effects, region.p(overall), region.opposite.p(overall), overall)


QUANTIFIERS: dict[str, Quantifier] = {
    "mean": usually,
    "every": every,
    "some": some,
    "most": most,
    "half": half,
    "two thirds": two_thirds,
    "four fifths": four_fifths,
}


def both(*statements: Statement) -> Statement:
    """All of some statements hold; shown is the one that is least sure."""
    weakest = max(statements, key=lambda one: (one.p, -one.opposite))
    opposite = min(1.0, len(statements) * min(one.opposite for one in statements))
    return replace(weakest, p=weakest.p, opposite=opposite)


def either(*statements: Statement) -> Statement:
    """One of some statements holds or more (Bonferroni); shown is the surest."""
    surest = min(statements, key=lambda one: (one.p, -one.opposite))
    return replace(surest, p=min(1.0, len(statements) * surest.p), opposite=max(one.opposite for one in statements))
