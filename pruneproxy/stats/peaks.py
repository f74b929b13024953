"""Where a noisy curve has its best point."""

import numpy as np

from pruneproxy.errors import UserError

DEPTH = 2.0  # points: how far a point lies below the best one is of no interest beyond this
GRID_ERROR = 0.1  # steps: deviation of a refined peak from the true one; with it intervals of five seeds cover 93 %


def peak(points: np.ndarray, values: np.ndarray, depth: float = DEPTH) -> float:
    """The place of the highest value on an even grid, refined by the parabola through it and its two neighbours.

    Values further than `depth` below the best count as `depth` below: a neighbour that has diverged says nothing of
    where between the two the best lies. A best point at an end of the grid stays where it is.
    """
    points, values = np.asarray(points, dtype=float), np.asarray(values, dtype=float)
    if points.shape != values.shape or points.ndim != 1 or len(points) < 3 or not np.isfinite(values).all():
        raise UserError(f"expected three points or more with a finite value each, got {values.tolist()}")
    best = int(values.argmax())
    if best in (0, len(points) - 1):
        return float(points[best])
    left, right = (min(values[best] - values[side], depth) for side in (best - 1, best + 1))
    if left + right == 0:
        return float(points[best])
    step = points[best + 1] - points[best]
    return float(points[best] + 0.5 * step * (left - right) / (left + right))


def peaks(points: np.ndarray, table: np.ndarray, depth: float = DEPTH) -> np.ndarray:
    """Per seed (column) the peak of its own curve (rows are points)."""
    return np.array([peak(points, column, depth) for column in np.asarray(table, dtype=float).T])
