"""Statistics of hyperparameter landscapes: regions of interest, ellipses, risks, intervals, tests. Needs no torch."""

from pruneproxy.stats.correlation import landscape_correlation, repeatability
from pruneproxy.stats.ellipses import Ellipse, confidence_level, ellipse
from pruneproxy.stats.equivalence import Equivalence, holm, tost
from pruneproxy.stats.landscapes import landscape, log_points, roi, seed_deviation
from pruneproxy.stats.resampling import Estimate, Replicates, bootstrap, estimate, replicate
from pruneproxy.stats.risks import Risk, cross_risk, risk

__all__ = [
    "Ellipse",
    "Equivalence",
    "Estimate",
    "Replicates",
    "Risk",
    "bootstrap",
    "confidence_level",
    "cross_risk",
    "ellipse",
    "estimate",
    "holm",
    "landscape",
    "landscape_correlation",
    "log_points",
    "repeatability",
    "replicate",
    "risk",
    "roi",
    "seed_deviation",
    "tost",
]
