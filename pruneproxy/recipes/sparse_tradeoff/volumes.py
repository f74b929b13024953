"""Replicates of trade-offs and their hypervolumes, and fits."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pruneproxy import pareto
from pruneproxy.recipes.sparse_tradeoff import fronts


@dataclass(frozen=True, kw_only=True, eq=False)
class Tradeoff:
    """A row per configuration, and its `errors`, of shape (1 + replicates, configurations): row 0 as measured.

    `seeds` are the fewest runs of a configuration.
    """

    rows: pd.DataFrame
    errors: np.ndarray
    seeds: int = 0

    def costs(self) -> np.ndarray:
        """log10 of both costs, which do not depend on the seed."""
        return np.log10(self.rows[list(fronts.COST)].to_numpy(dtype=float))


def redrawn_means(table: np.ndarray, replicates: int, generator) -> np.ndarray:
    """Means of the rows of `table` (configurations by seeds, NaN behind), then means of runs drawn with replacement.

    These are widened about the measured mean by sqrt(n / (n - 1)), without which a mean of n runs would vary too
    little. NaN with one run: nothing is known of what varies.
    """
    count = (~np.isnan(table)).sum(axis=1)
    mean = np.nansum(table, axis=1) / count
    picks = (generator.random((replicates, *table.shape)) * count[:, None]).astype(int)
    drawn = table[np.arange(len(table))[:, None], picks]
    means = np.where(np.arange(table.shape[1]) < count[:, None], drawn, 0).sum(axis=2) / count
    with np.errstate(divide="ignore", invalid="ignore"):
        widening = np.where(count > 1, np.sqrt(count / (count - 1)), np.nan)
    return np.vstack([mean, mean + widening * (means - mean)])


def volumes(parts: list[Tradeoff], masks: Iterable[np.ndarray]) -> list[np.ndarray]:
    """Per replicate, the hypervolumes of some configurations of `parts`, normalised over the fronts of these parts.

    A mask says which configurations of all parts, one after the other, belong to a subset.
    """
    masks = list(masks)
    costs = [part.costs() for part in parts]
    found = []
    for errors in zip(*(part.errors for part in parts), strict=True):
        sides = [np.column_stack(pair) for pair in zip(errors, costs, strict=True)]
        found.append(_volumes(sides, masks) if np.isfinite(np.concatenate(errors)).all() else [np.nan] * len(masks))
    return list(np.array(found).T)


def _volumes(sides, masks) -> list[float]:
    best = np.vstack([side[pareto.front(side, direction="minimize")] for side in sides])
    low, width = best.min(axis=0), np.ptp(best, axis=0)
    points = (np.vstack(sides) - low) / np.where(width > 0, width, 1)
    return [
        pareto.hypervolume(points[mask], direction="minimize", reference=pareto.REFERENCE) if mask.any() else 0.0
        for mask in masks
    ]


def explained(x: np.ndarray, y: np.ndarray, degree: int) -> np.ndarray:
    """R2 of a polynomial, row by row; unknown where there are too few different values for it."""
    values = 1 + (np.diff(np.sort(x, axis=1), axis=1) > 0).sum(axis=1)
    known = (values > degree + 1) & (np.ptp(y, axis=1) > 0)
    found = np.full(len(x), np.nan)
    found[known] = _r2(x[known], y[known], degree)
    return found


def _r2(x, y, degree) -> np.ndarray:
    """By projection on an orthonormal basis of the polynomials, all rows at once."""
    centred = (x - x.mean(axis=1, keepdims=True)) / x.std(axis=1, keepdims=True)
    basis = np.linalg.qr(centred[:, :, None] ** np.arange(degree + 1))[0]
    around = y - y.mean(axis=1, keepdims=True)
    fitted = (basis @ (np.swapaxes(basis, 1, 2) @ around[:, :, None]))[:, :, 0]
    return 1 - ((around - fitted) ** 2).sum(axis=1) / (around**2).sum(axis=1)
