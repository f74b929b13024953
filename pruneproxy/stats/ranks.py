"""How far Spearman's correlation on a few settings may be from that on all settings."""

import math

from scipy import stats as scipy_stats

FEWEST = 4  # settings of which an interval says anything


def normal(correlation: float, settings: int) -> tuple[float, float]:
    """Mean and variance of Fisher's z of a rank correlation (Bonett and Wright 2000).

    Few settings in perfect order need not be so among all: that counts as half a swap of neighbours short of it.
    """
    short = _half_a_swap(settings)
    return math.atanh(min(max(correlation, short - 1), 1 - short)), (1 + correlation**2 / 2) / (settings - 3)


def interval(correlation: float, settings: int, level: float = 0.95) -> tuple[float, float]:
    """The interval of the correlation on all settings; everything from too few settings, or from no order."""
    if settings < FEWEST or not math.isfinite(correlation):
        return -1.0, 1.0
    middle, variance = normal(correlation, settings)
    half = float(scipy_stats.norm.ppf((1 + level) / 2)) * math.sqrt(variance)
    short = _half_a_swap(settings)
    low = -1.0 if correlation < short - 1 else math.tanh(middle - half)
    return low, 1.0 if correlation > 1 - short else math.tanh(middle + half)


def _half_a_swap(settings: int) -> float:
    return 6 / (settings * (settings**2 - 1))
