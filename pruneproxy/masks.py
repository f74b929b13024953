"""How many weights each layer keeps: uniform and Erdos-Renyi-Kernel densities."""

from collections.abc import Mapping
from math import prod

from pruneproxy.errors import UserError, choose


class Infeasible(UserError):
    """A density that leaves some layer nothing to train."""


Shapes = Mapping[str, tuple[int, ...]]  # of the weights of each layer, in forward order


def _uniform(shapes: Shapes, density: float) -> dict[str, float]:
    """The same density everywhere."""
    return dict.fromkeys(shapes, density)


def _erk(shapes: Shapes, density: float) -> dict[str, float]:
    """epsilon * sum(shape) / prod(shape), at most 1, with the epsilon that meets the target.

    (Evci et al. 2020, Sec. 3.) Whenever layers would pass 1 they are made dense, and the rest is solved anew.
    """
    full: set[str] = set()
    while True:
        open_ = [name for name in shapes if name not in full]
        wanted = density * sum(map(prod, shapes.values())) - sum(prod(shapes[name]) for name in full)
        epsilon = wanted / sum(sum(shapes[name]) for name in open_) if open_ else 0.0
        found = {name: epsilon * sum(shapes[name]) / prod(shapes[name]) for name in open_}
        over = {name for name, value in found.items() if value > 1}
        if not over:
            return {name: found.get(name, 1.0) for name in shapes}
        full |= over


ALLOCATIONS = {"uniform": _uniform, "erk": _erk}


def _none(names: list[str]) -> list[str]:
    return []


KEPT_DENSE = {
    "none": _none,  # every weight matrix and kernel becomes sparse, projections too (002's released code)
    "first": lambda names: names[:1],  # as RigL's uniform allocation
    "last": lambda names: names[-1:],  # as SET
    "ends": lambda names: [names[0], names[-1]],  # 002, Sec. 2.2.2: the first and last layers often remain dense
}


def densities(
    shapes: Shapes, density: float, *, allocation: str = "uniform", kept_dense: str = "none"
) -> dict[str, float]:
    """The density of every layer; `density` is that of all weights of the layers that are not kept dense."""
    if not 0 < density <= 1:
        raise UserError(f"expected a density in (0, 1], got {density!r}: give the share of the weights that is kept")
    rule = choose(allocation, ALLOCATIONS, "allocation of density")
    dense = choose(kept_dense, KEPT_DENSE, "choice of layers kept dense")(list(shapes))
    sparse = {name: shape for name, shape in shapes.items() if name not in dense}
    weights = sum(map(prod, sparse.values()))
    if not sparse:
        raise Infeasible(
            f"expected a layer that becomes sparse, got none: with kept_dense {kept_dense!r} all {len(shapes)} layers "
            f"stay dense, so choose another value"
        )
    if density * weights < len(sparse):
        raise Infeasible(
            f"expected a density that leaves a weight in each of the {len(sparse)} layers, at least "
            f"{len(sparse) / weights:.2g}, got {density:g}: raise it or widen the network"
        )
    found = dict.fromkeys(shapes, 1.0) | rule(sparse, density)
    return {name: found[name] for name in shapes}


def counts(shapes: Shapes, densities: Mapping[str, float]) -> dict[str, int]:
    """The kept weights of every layer, at least 1: their sum is that of the densities within one weight.

    Densities times weights are cut to whole numbers, and what is missing goes to the largest fractions. Where uniform
    densities leave layers less than one weight, the weight that each keeps nevertheless comes on top.
    """
    exact = {name: densities[name] * prod(shape) for name, shape in shapes.items()}
    found = {name: max(1, int(value + 1e-9)) for name, value in exact.items()}  # 0.29 * 100 is 28.999...
    missing = max(0, round(sum(exact.values())) - sum(found.values()))
    for name in sorted(exact, key=lambda name: found[name] - exact[name])[:missing]:
        found[name] += 1
    return found
