"""Effects made from seeds or from printed deviations, and effects made from effects."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from pruneproxy.evidence.claims import Effect


@dataclass(frozen=True, kw_only=True)
class Cell:
    """The effect of one network on one data set, and what it belongs to (None where that does not apply)."""

    effect: Effect
    network: str
    dataset: str
    optimizer: str | None = None
    source: str | None = None


def deviations(values: np.ndarray, replicates: int, generator) -> np.ndarray:
    """Bootstrap deviations of the mean over the first axis of `values`, one row per replicate.

    Rows are drawn with replacement and their mean's deviation is widened by sqrt(n / (n - 1)) and divided by the root
    of a chi-square over its n - 1 degrees of freedom. Without the first a mean of n values varies too little, without
    the second its interval would be that of the normal distribution, too short by a third for five seeds. One value
    gives NaN: nothing is known of what varies.
    """
    values = np.asarray(values, dtype=float)
    count = len(values)
    if count < 2:
        return np.full((replicates, *values.shape[1:]), np.nan)
    picks = generator.integers(count, size=(replicates, count))
    widening = np.sqrt(count / (count - 1)) / np.sqrt(generator.chisquare(count - 1, replicates) / (count - 1))
    drawn = values[picks].mean(axis=1) - values.mean(axis=0)
    return drawn * widening.reshape(-1, *[1] * (values.ndim - 1))


def resampled(label: str, values, replicates: int, generator) -> Effect:
    """The mean over seeds with its bootstrap replicates."""
    values = np.asarray(values, dtype=float)
    samples = values.mean() + deviations(values, replicates, generator)
    return Effect(label=label, value=float(values.mean()), samples=samples)


def combined(label: str, effects: Iterable[Effect], function: Callable[..., np.ndarray]) -> Effect:
    """A function of independent effects, replicate by replicate; no replicates where one of them has none."""
    effects = tuple(effects)
    drawn = all(effect.samples.size for effect in effects)
    return Effect(
        label=label,
        value=float(function(*(effect.value for effect in effects))),
        samples=function(*(effect.samples for effect in effects)) if drawn else np.empty(0),
    )


def mean(label: str, effects: Sequence[Effect]) -> Effect:
    """The mean of effects."""
    return combined(label, effects, lambda *parts: sum(parts) / len(parts))


def difference(label: str, a: Effect, b: Effect) -> Effect:
    """a - b."""
    return combined(label, (a, b), lambda left, right: left - right)


def grouped(cells: Iterable[Cell], key: Callable[[Cell], object]) -> dict[object, list[Effect]]:
    """The effects of the cells by a key, in order of appearance."""
    found: dict[object, list[Effect]] = {}
    for cell in cells:
        found.setdefault(key(cell), []).append(cell.effect)
    return found
