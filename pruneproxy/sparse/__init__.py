"""Sparse training: a fixed number of weights per layer, whose places stay (static) or move (SET, RigL)."""

from pruneproxy.masks import ALLOCATIONS, KEPT_DENSE, Infeasible, counts, densities
from pruneproxy.sparse.config import DROP_SCHEDULES, SEMANTICS, Semantics, SparseConfig
from pruneproxy.sparse.engines import ENGINES, engine_of
from pruneproxy.sparse.fixed import Fixed
from pruneproxy.sparse.speed import by_density, relative_speed, step_times
from pruneproxy.sparse.topology import Topology, layer_densities
from pruneproxy.sparse.updates import METHODS, REMOVALS, updated
