"""How far configurations lie apart, in the space of hyperparameters and in that of objectives, and how they cluster."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pruneproxy.errors import UserError
from pruneproxy.space import Dimension, encoded


def distances(points) -> np.ndarray:
    """The Euclidean distance between every two rows."""
    points = np.asarray(points, dtype=float)
    if points.ndim != 2 or not np.isfinite(points).all():
        raise UserError("expected a row of finite numbers per configuration")
    return np.sqrt(((points[:, None] - points[None]) ** 2).sum(axis=-1))


def mixed_distances(settings: pd.DataFrame, axes: Sequence[Dimension]) -> np.ndarray:
    """Gower's distance between every two configurations (Gower 1971), from 0 to 1.

    The mean over the hyperparameters of their difference as a share of the range on their scale; choices differ by 0 or
    1. A hyperparameter counts 0 where both leave it inactive, and 1 where only one does.
    """
    points = encoded(settings, axes)
    total = np.zeros((len(points), len(points)))
    for axis, column in zip(axes, points.T, strict=True):
        low, high = axis.limits
        gap = np.abs(column[:, None] - column[None])
        apart = (gap > 0).astype(float) if axis.choices else gap / ((high - low) or 1.0)
        absent = np.isnan(column)
        total += np.where(absent[:, None] | absent[None], absent[:, None] != absent[None], apart)
    return total / len(axes)


def silhouette(apart: np.ndarray, labels: np.ndarray) -> float:
    """The mean silhouette of a partition, from -1 to 1; members of a cluster of one count 0 (Rousseeuw 1987)."""
    members = np.eye(labels.max() + 1)[labels]
    sizes = members.sum(axis=0)
    sums = apart @ members
    own = sizes[labels]
    inside = sums[np.arange(len(labels)), labels] / np.maximum(own - 1, 1)
    means = sums / sizes
    means[np.arange(len(labels)), labels] = np.inf
    outside = means.min(axis=1)
    widest = np.maximum(inside, outside)
    with np.errstate(invalid="ignore"):
        scores = np.where((own > 1) & (widest > 0), (outside - inside) / widest, 0.0)
    return float(scores.mean())


def around_medoids(apart: np.ndarray, medoids) -> np.ndarray:
    """The labels of a partition around medoids after swapping them, the best swap first, while that helps (PAM).

    The sum of distances to the nearest medoid falls with every swap; labels are places in the list of medoids.
    """
    medoids = np.array(medoids, dtype=int)
    while True:
        gain, place, point = _best_swap(apart, medoids)
        if not gain < -1e-12 * apart.max():
            return apart[:, medoids].argmin(axis=1)
        medoids[place] = point


def _best_swap(apart, medoids) -> tuple[float, int, int]:
    """The change of the sum when one medoid is replaced by one point, for the best of all such swaps."""
    to = apart[:, medoids]
    order = np.argsort(to, axis=1, kind="stable")
    nearest = order[:, 0]
    first = to[np.arange(len(to)), nearest]
    second = to[np.arange(len(to)), order[:, 1]] if len(medoids) > 1 else np.full(len(to), np.inf)
    # A point's distance becomes min(new, first), or min(new, second) where its own medoid is the one that goes.
    kept = np.minimum(apart, first) - first
    moved = np.minimum(apart, second) - first
    changes = kept.sum(axis=1)[:, None] + (moved - kept) @ np.eye(len(medoids))[nearest]
    changes[medoids] = np.inf
    point, place = np.unravel_index(changes.argmin(), changes.shape)
    return float(changes[point, place]), int(place), int(point)
