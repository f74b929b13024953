"""Two means compared, from samples or from printed means and deviations: intervals, tests, power, seeds needed.

Everything broadcasts: a `Summary` of arrays gives a `Comparison` of arrays.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import scipy

from pruneproxy.errors import UserError, choose

NODES = 32  # of a Gauss-Legendre rule per estimated variance; a power is then right to about 2e-4
MOST_SEEDS = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Summary:
    """Mean, sample deviation (divisor n - 1) and number of values of a group, such as a table prints them."""

    mean: float | np.ndarray
    sd: float | np.ndarray
    n: int | np.ndarray

    def __post_init__(self):
        if np.any(np.asarray(self.sd) < 0) or np.any(np.asarray(self.n) < 2):
            raise UserError(f"expected sd >= 0 and n >= 2, got sd {self.sd} and n {self.n}")


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """A difference of means, its standard error, and the degrees of freedom of the error."""

    difference: float | np.ndarray
    error: float | np.ndarray
    freedom: float | np.ndarray

    def interval(self, *, level: float = 0.95) -> tuple:
        """The ends of the interval of Student's t."""
        reach = scipy.stats.t.ppf((1 + level) / 2, self.freedom) * self.error
        return self.difference - reach, self.difference + reach

    def columns(self) -> dict:
        """Everything about it by name, with the ends of the 95 % interval as `low` and `high`."""
        return vars(self) | dict(zip(("low", "high"), self.interval(), strict=True))


def summary(values) -> Summary:
    """The `Summary` of values along their last axis."""
    values = np.asarray(values, dtype=float)
    if values.shape[-1] < 2:
        raise UserError(f"expected two or more values, got {values.shape[-1]}")
    return Summary(mean=values.mean(axis=-1), sd=values.std(axis=-1, ddof=1), n=values.shape[-1])


def printed_summary(rows: pd.DataFrame, name: str, n: int) -> Summary:
    """The `Summary` of each row of a published table with the columns `<name>_mean_pct` and `<name>_std_pct`."""
    return Summary(mean=rows[f"{name}_mean_pct"].to_numpy(), sd=rows[f"{name}_std_pct"].to_numpy(), n=n)


def welch(a: Summary, b: Summary) -> Comparison:
    """mean(a) - mean(b) of independent groups, with Welch's error and Satterthwaite's degrees of freedom."""
    terms = [(np.square(side.sd) / side.n, side.n - 1) for side in (a, b)]
    return _satterthwaite(np.subtract(a.mean, b.mean), terms)


def seed_paired(a, b) -> Comparison:
    """mean(a - b) over seeds, along the last axis, where both sides ran with the same seeds in the same order."""
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if a.shape[-1] != b.shape[-1]:
        raise UserError(f"expected equally many values on both sides, got {a.shape[-1]} and {b.shape[-1]}")
    found = summary(a - b)
    return Comparison(difference=found.mean, error=found.sd / np.sqrt(found.n), freedom=found.n - 1)


def weighted_mean(comparisons: Comparison, weights=None) -> Comparison:
    """The weighted mean of independent comparisons, with the error that follows; equal weights unless given."""
    differences, errors = np.atleast_1d(comparisons.difference), np.atleast_1d(comparisons.error)
    weights = np.ones_like(differences) if weights is None else np.asarray(weights, dtype=float)
    weights = weights / weights.sum()
    return _satterthwaite(
        float((weights * differences).sum()),
        list(zip((weights * errors) ** 2, np.broadcast_to(comparisons.freedom, errors.shape), strict=True)),
    )


def _satterthwaite(difference, terms) -> Comparison:
    total = sum(variance for variance, _ in terms)
    with np.errstate(invalid="ignore", divide="ignore"):
        freedom = total**2 / sum(variance**2 / freedom for variance, freedom in terms)
    freedom = np.where(total > 0, freedom, sum(freedom for _, freedom in terms))
    return Comparison(difference=difference, error=np.sqrt(total), freedom=freedom[()])


def _above(comparison, threshold):
    distance = np.subtract(comparison.difference, threshold)
    with np.errstate(invalid="ignore", divide="ignore"):
        p = scipy.stats.t.sf(distance / comparison.error, comparison.freedom)
    # A few equal values are no evidence of what others would be.
    return np.where(np.asarray(comparison.error) == 0, 1.0, p)[()]


def _mirrored(comparison) -> Comparison:
    return Comparison(difference=np.negative(comparison.difference), error=comparison.error, freedom=comparison.freedom)


HYPOTHESES = {  # name -> p of the t tests that would show it; `better` and `worse` use no margin
    "equivalent": lambda c, margin: np.maximum(_above(c, -margin), _above(_mirrored(c), -margin)),
    "non-inferior": lambda c, margin: _above(c, -margin),
    "better": lambda c, margin: _above(c, 0.0),
    "worse": lambda c, margin: _above(_mirrored(c), 0.0),
}


def p_value(comparison: Comparison, hypothesis: str, *, margin: float = 0.0):
    """p of showing that the difference is within the margin (two one-sided tests), above -margin, above or below 0."""
    if margin < 0 or (margin == 0 and hypothesis in ("equivalent", "non-inferior")):
        raise UserError(f"expected a margin > 0 for {hypothesis!r}, got {margin}")
    return choose(hypothesis, HYPOTHESES, "hypothesis")(comparison, margin)


def power(
    hypothesis: str,
    *,
    sd: float | Sequence[float],
    n: int,
    margin: float = 0.0,
    difference: float = 0.0,
    alpha: float = 0.05,
    paired: bool = False,
) -> float:
    """The probability that the test of a hypothesis with `n` seeds on each side gives p <= alpha.

    `difference` is the true one. `sd` is the true deviation of both sides (of the seeds' differences if `paired`), or
    one deviation for each independent term of the difference: two for two sides, more for a mean of such differences.
    The estimated variances are integrated over numerically, which is exact for up to two terms; more are treated as
    one with Satterthwaite's degrees of freedom.
    """
    choose(hypothesis, HYPOTHESES, "hypothesis")
    if n < 2 or not 0 < alpha < 0.5 or margin < 0:
        raise UserError(f"expected n >= 2, 0 < alpha < 0.5 and margin >= 0, got {n}, {alpha} and {margin}")
    variances = _variances(sd, paired) / n
    errors, freedom, weights = _estimated(variances, n - 1)
    reach = scipy.stats.t.ppf(1 - alpha, freedom) * errors
    error = np.sqrt(variances.sum())
    # The difference that is found is normal and independent of the variances that are found.
    low, high = _accepted(hypothesis, reach, margin)
    with np.errstate(invalid="ignore"):
        accepted = scipy.special.ndtr((high - difference) / error) - scipy.special.ndtr((low - difference) / error)
    return float((weights * np.maximum(accepted, 0)).sum())


def seeds_needed(
    sd: float | Sequence[float],
    margin: float,
    power: float = 0.8,
    alpha: float = 0.05,
    difference: float = 0.0,
    *,
    hypothesis: str = "equivalent",
    paired: bool = False,
) -> int:
    """The fewest seeds on each side with which the test reaches a power; `sd` and the rest as in `power`.

    For `better` and `worse` no margin is used and `difference` must lie on that side of 0.
    """
    if not 0 < power < 1:
        raise UserError(f"expected a power between 0 and 1, got {power}")
    _check_reachable(hypothesis, margin, difference)

    def reached(n):
        return _power(hypothesis, sd=sd, n=n, margin=margin, difference=difference, alpha=alpha, paired=paired) >= power

    low, high = 1, 2
    while not reached(high):
        low, high = high, 2 * high
        if high > MOST_SEEDS:
            raise UserError(f"expected fewer than {MOST_SEEDS} seeds to do, got a deviation of {sd} at margin {margin}")
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if reached(middle) else (middle, high)
    return high


def visible(n: int, *, hypothesis: str = "better", power: float = 0.8, alpha: float = 0.05) -> float:
    """What `n` seeds show with a power, in deviations of the paired differences of one seed.

    For `better` the smallest true difference, for `equivalent` the smallest margin within which a difference that is
    truly 0 is shown to lie.
    """

    def lacking(size: float) -> float:
        chosen = {"margin": size} if hypothesis == "equivalent" else {"difference": size}
        return _power(hypothesis, sd=1.0, n=n, alpha=alpha, paired=True, **chosen) - power

    return float(scipy.optimize.brentq(lacking, 1e-3, 1e3, xtol=1e-4))


_power = power  # `seeds_needed` has an argument of that name


def _check_reachable(hypothesis, margin, difference):
    reachable = {
        "equivalent": abs(difference) < margin,
        "non-inferior": difference > -margin,
        "better": difference > 0,
        "worse": difference < 0,
    }
    if not choose(hypothesis, reachable, "hypothesis"):
        raise UserError(
            f"expected a true difference that is {hypothesis} at margin {margin}, got {difference}: "
            "no number of seeds shows it otherwise"
        )


def _variances(sd, paired) -> np.ndarray:
    terms = np.atleast_1d(np.asarray(sd, dtype=float))
    if np.ndim(sd) == 0 and not paired:
        terms = np.repeat(terms, 2)
    if (terms < 0).any() or not terms.any():
        raise UserError(f"expected deviations >= 0 that are not all 0, got {sd}")
    return terms[terms > 0] ** 2


def _estimated(variances, freedom):
    """Standard errors, degrees of freedom and weights of a quadrature over the variances that would be found."""
    if variances.size > 2:
        freedom = variances.sum() ** 2 / (variances**2 / freedom).sum()
        variances = variances.sum(keepdims=True)
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    ratios = scipy.stats.chi2.ppf((nodes + 1) / 2, freedom) / freedom
    first = variances[0] * ratios
    if variances.size == 1:
        return np.sqrt(first), np.full(NODES, float(freedom)), weights / 2
    a, b = np.meshgrid(first, variances[1] * ratios)
    return np.sqrt(a + b), (a + b) ** 2 / ((a**2 + b**2) / freedom), np.outer(weights, weights) / 4


def _accepted(hypothesis, reach, margin):
    """The ends of the differences at which the test succeeds."""
    ends = {
        "equivalent": (reach - margin, margin - reach),
        "non-inferior": (reach - margin, np.inf),
        "better": (reach, np.inf),
        "worse": (-np.inf, -reach),
    }
    return ends[hypothesis]
