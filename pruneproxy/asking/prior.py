"""What the book's own records lead to expect of a copy, before anything of the reader's is trained."""

import functools
import json
import math
import pkgutil
from dataclasses import dataclass

import numpy as np
from scipy import stats as scipy_stats

from pruneproxy.stats import ranks

SURE = 0.999  # of a rank correlation, beyond which Fisher's z says nothing


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What to expect of a copy's rank correlation: its middle, and the ends of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Prior:
    """What came of the book's comparisons of a kind of copy: how many, and in how many its choice lost no more than
    the margin (parts of one where its seeds disagree); `correlations` has the rank correlation of each.
    """

    copy: str
    comparisons: int
    right: float
    correlations: tuple[float, ...]

    @property
    def expected(self) -> Expected | None:
        """Of another network: normal in Fisher's z with the spread between the book's own; None from fewer than 3."""
        found = self._normal()
        return None if found is None else _interval(*found)

    def updated(self, correlation: float, settings: int) -> Expected | None:
        """The same, once the reader's own settings have shown a correlation: both normals, weighed by precision."""
        found = self._normal()
        if found is None or settings < ranks.FEWEST or not math.isfinite(correlation):
            return self.expected
        (middle, variance), (shown, own) = found, ranks.normal(correlation, settings)
        weight = variance / (variance + own)
        return _interval((1 - weight) * middle + weight * shown, own * weight)

    def said(self, correlation: float, settings: int) -> str:
        """What the book expects, and how much the reader's settings have moved it."""
        if not self.comparisons:
            return "the book has no comparison of such copies"
        right = f"{self.right:.1f}".removesuffix(".0")
        chosen = f"in the book its choice lost no more than the margin in {right} of {self.comparisons} comparisons"
        before, after = self.expected, self.updated(correlation, settings)
        if before is None:
            return chosen
        if not math.isfinite(correlation):
            return f"{chosen}; yours show no order"
        return (
            f"{chosen}, so its rank correlation was expected at {before.value:.2f} [{before.low:.2f}, "
            f"{before.high:.2f}]; {settings} settings of yours move that by {after.value - before.value:+.2f} to "
            f"{after.value:.2f} [{after.low:.2f}, {after.high:.2f}]"
        )

    def _normal(self) -> tuple[float, float] | None:
        """Mean and variance of the z of a further network."""
        if len(self.correlations) < 3:
            return None
        found = np.array([_z(one) for one in self.correlations])
        return float(found.mean()), float(found.var(ddof=1) * (1 + 1 / len(found)))


def of(copy: str) -> Prior:
    """The prior of a kind of copy."""
    known = _known().get(copy, {"comparisons": 0, "right": 0.0, "correlations": []})
    return Prior(
        copy=copy,
        comparisons=known["comparisons"],
        right=known["right"],
        correlations=tuple(known["correlations"]),
    )


@functools.lru_cache
def _known() -> dict:
    return json.loads(pkgutil.get_data("pruneproxy.asking", "prior.json"))


def _z(correlation: float) -> float:
    return math.atanh(min(max(correlation, -SURE), SURE))


def _interval(middle: float, variance: float) -> Expected:
    half = float(scipy_stats.norm.ppf(0.975)) * math.sqrt(variance)
    low, value, high = (math.tanh(z) for z in (middle - half, middle, middle + half))
    return Expected(value=value, low=low, high=high)
