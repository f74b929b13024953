"""Which hyperparameters matter for which objective, how good values are distributed, and what belongs together."""

from pruneproxy.importance.biclusters import MEDOIDS, SIGNS, PanConfig, Partition, biclusters
from pruneproxy.importance.distances import distances, mixed_distances
from pruneproxy.importance.distributions import BANDWIDTHS, BOUNDARIES, densities, shares
from pruneproxy.importance.fanova import AVERAGED, INACTIVE, OVER, fanova
from pruneproxy.importance.forest import ForestConfig
from pruneproxy.importance.weighted import WEIGHTS, importance_scale, multi_objective, weights
