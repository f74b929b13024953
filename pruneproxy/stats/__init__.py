"""Statistics of landscapes, of means over seeds, and of proxies: intervals, tests, power, regret. Needs no torch."""

from pruneproxy.stats.comparisons import (
    HYPOTHESES,
    Comparison,
    Summary,
    p_value,
    power,
    printed_summary,
    seed_paired,
    seeds_needed,
    summary,
    weighted_mean,
    welch,
)
from pruneproxy.stats.ellipses import Ellipse, confidence_level, ellipse
from pruneproxy.stats.equivalence import Equivalence, holm, tost
from pruneproxy.stats.landscapes import landscape, log_points, repeatability, roi, seed_deviation
from pruneproxy.stats.resampling import Estimate, Replicates, bootstrap, estimate, replicate
from pruneproxy.stats.risks import Risk, cross_risk, risk
from pruneproxy.stats.transfer import CORRELATIONS, Transfer, null_interval, rank_correlation, regret, top_k_hit
