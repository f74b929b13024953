"""The straight line between two networks, and how far the error rises on it (linear mode connectivity)."""

from collections.abc import Callable, Mapping, Sequence

import numpy as np
from torch import Tensor

from pruneproxy.errors import UserError


def between(one: Mapping[str, Tensor], other: Mapping[str, Tensor], share: float) -> dict[str, Tensor]:
    """The state at a share of the way from one to the other; counters and other whole numbers stay as in one."""
    if {name: value.shape for name, value in one.items()} != {name: value.shape for name, value in other.items()}:
        raise UserError("expected two networks of the same shape, got others: there is no line between them")
    return {
        name: value + share * (other[name] - value) if value.is_floating_point() else value
        for name, value in one.items()
    }


def along(
    one: Mapping[str, Tensor],
    other: Mapping[str, Tensor],
    measure: Callable[[dict[str, Tensor]], float],
    *,
    points: int = 11,
) -> list[float]:
    """What `measure` says of states evenly spaced on the line, both ends among them."""
    if points < 3:
        raise UserError(f"expected 3 or more points on the line, got {points}")
    return [measure(between(one, other, float(share))) for share in np.linspace(0, 1, points)]


def barrier(errors: Sequence[float]) -> float:
    """The largest error on the line minus the mean of both ends (Frankle et al. 2020, instability)."""
    return float(max(errors) - (errors[0] + errors[-1]) / 2)
