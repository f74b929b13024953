"""Which hyperparameters matter for which objective, how good values are distributed, and what belongs together."""

from pruneproxy.importance.averaged import main_effects
from pruneproxy.importance.axes import Axis, axes_of
from pruneproxy.importance.biclusters import MEDOIDS, SIGNS, PanConfig, Partition, biclusters
from pruneproxy.importance.distances import distances, mixed_distances
from pruneproxy.importance.distributions import BANDWIDTHS, BOUNDARIES, densities, shares
from pruneproxy.importance.fanova import INACTIVE, fanova, interactions
from pruneproxy.importance.forest import RELEASED, ForestConfig
from pruneproxy.importance.weighted import WEIGHTS, importance_scale, multi_objective, weights

__all__ = [
    "BANDWIDTHS",
    "BOUNDARIES",
    "INACTIVE",
    "MEDOIDS",
    "RELEASED",
    "SIGNS",
    "WEIGHTS",
    "Axis",
    "ForestConfig",
    "PanConfig",
    "Partition",
    "axes_of",
    "biclusters",
    "densities",
    "distances",
    "fanova",
    "importance_scale",
    "interactions",
    "main_effects",
    "mixed_distances",
    "multi_objective",
    "shares",
    "weights",
]
