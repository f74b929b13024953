"""Equivalence by two one-sided tests, and Holm's correction for many tests."""

from dataclasses import dataclass

import numpy as np
import scipy

from pruneproxy.errors import UserError
from pruneproxy.stats.comparisons import seed_paired, summary, welch


@dataclass(frozen=True, kw_only=True)
class Equivalence:
    """Outcome of two one-sided tests: equivalent if `low` and `high` lie within the margin, that is p <= alpha.

    `low` and `high` bound the difference at level 1 - 2 alpha.
    """

    difference: float
    low: float
    high: float
    margin: float
    p: float
    alpha: float

    @property
    def equivalent(self) -> bool:
        return self.p <= self.alpha


def tost(a, b, *, margin: float, paired: bool = False, alpha: float = 0.05) -> Equivalence:
    """Whether mean(a) - mean(b) lies within (-margin, margin): the larger p of two t tests (Schuirmann 1987).

    Unpaired samples use Welch's error and degrees of freedom, paired ones the differences. Where these do not vary at
    all, a few equal values say nothing of what another seed would give: p is 1, without bounds.
    """
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if margin <= 0 or not 0 < alpha < 0.5:
        raise UserError(f"expected margin > 0 and 0 < alpha < 0.5, got {margin} and {alpha}")
    if min(a.size, b.size) < 2 or (paired and a.size != b.size):
        raise UserError(
            f"expected two samples of two or more values (equally many when paired), got {a.size} and {b.size}"
        )
    found = seed_paired(a, b) if paired else welch(summary(a), summary(b))
    difference, error, freedom = float(found.difference), found.error, found.freedom
    if error == 0:
        return Equivalence(difference=difference, low=-np.inf, high=np.inf, margin=margin, p=1.0, alpha=alpha)
    reach = scipy.stats.t.ppf(1 - alpha, freedom) * error
    p = float(scipy.stats.t.sf((margin - abs(difference)) / error, freedom))
    return Equivalence(
        difference=difference, low=difference - reach, high=difference + reach, margin=margin, p=p, alpha=alpha
    )


def holm(p) -> np.ndarray:
    """Holm's adjusted p-values in the order given: running maximum of min(1, (m - rank + 1) p) (Holm 1979)."""
    p = np.asarray(p, dtype=float)
    if p.ndim != 1 or np.isnan(p).any() or ((p < 0) | (p > 1)).any():
        raise UserError("expected a list of p-values between 0 and 1")
    order = np.argsort(p, kind="stable")
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(np.maximum.accumulate(p[order] * np.arange(p.size, 0, -1)), 1)
    return adjusted
