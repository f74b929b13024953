"""Effects: a measured number of one unit, with replicates that say how sure it is; and effects made of effects."""

import functools
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import scipy

LEVEL = 0.95
ENOUGH_UNITS = 3  # from here on units are treated as drawn from all that there might be
ENOUGH_SEEDS = 3  # a unit with fewer is shown, and decides nothing
REPLICATES = 4000


@dataclass(frozen=True, kw_only=True)
class Effect:
    """A number, its replicates (empty for one that is exact: counted, computed or printed), and the unit it belongs to.

    `seeds` is the number of runs behind it, None where none are; `by_seed` are their values where it is the mean of
    one per seed, in an order of seeds that units share. `mirrored` is for rank correlations, which noise
    pulls down: replicates are mirrored at the value and cut to [-1, 1] (the basic bootstrap interval).
    """

    label: str
    value: float
    samples: np.ndarray = field(default_factory=lambda: np.empty(0), repr=False)
    seeds: int | None = None
    mirrored: bool = False
    by_seed: tuple[float, ...] = ()

    @property
    def exact(self) -> bool:
        """Whether nothing was resampled."""
        return not self.samples.size

    @property
    def draws(self) -> np.ndarray:
        """The replicates that intervals and p-values use; the value itself where there are none."""
        if self.exact:
            return np.array([self.value])
        return np.clip(2 * self.value - self.samples, -1, 1) if self.mirrored else self.samples

    @property
    def interval(self) -> tuple[float, float] | None:
        """The central 95 % of the defined replicates; None where nothing varied, so that nothing is known."""
        draws = self.draws[np.isfinite(self.draws)]
        if self.exact or not draws.size or not np.isfinite(self.value) or np.ptp(draws) == 0:
            return None
        return tuple(float(edge) for edge in np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))

    @property
    def decides(self) -> bool:
        """Whether it may take part in a verdict: defined, and from enough seeds if from any."""
        return bool(np.isfinite(self.value)) and (self.seeds is None or self.seeds >= ENOUGH_SEEDS)


@dataclass(frozen=True, kw_only=True)
class Cell:
    """The effect of one network on one data set, and what it belongs to (None where that does not apply)."""

    effect: Effect
    network: str
    dataset: str
    optimizer: str | None = None
    source: str | None = None


def effect_of(one: Effect | Cell) -> Effect:
    """The effect of a cell, or the effect itself."""
    return one.effect if isinstance(one, Cell) else one


def flat(found) -> list[Effect]:
    """The effects of a quantity, which lists effects or cells, or maps data sets to them."""
    if isinstance(found, Mapping):
        return [effect for part in found.values() for effect in flat(part)]
    return [effect_of(one) for one in found] if isinstance(found, (list, tuple)) else [effect_of(found)]


def deviations(values: np.ndarray, replicates: int, generator) -> np.ndarray:
    """Bootstrap deviations of the mean over the first axis of `values`, one row per replicate.

    Rows are drawn with replacement and their mean's deviation is widened by sqrt(n / (n - 1)) and by `tails`. Without
    the first a mean of n values varies too little, without the second its interval would be that of the normal
    distribution, too short by a third for five seeds. One value gives NaN: nothing is known of what varies.
    """
    values = np.asarray(values, dtype=float)
    count = len(values)
    if count < 2:
        return np.full((replicates, *values.shape[1:]), np.nan)
    picks = generator.integers(count, size=(replicates, count))
    widening = np.sqrt(count / (count - 1)) * tails(count - 1, replicates, generator)
    drawn = values[picks].mean(axis=1) - values.mean(axis=0)
    return drawn * widening.reshape(-1, *[1] * (values.ndim - 1))


def tails(freedom: int, replicates: int, generator) -> np.ndarray:
    """Factors that give normal deviations the tails of Student's t with `freedom` degrees."""
    freedom = max(freedom, 1)
    return 1 / np.sqrt(generator.chisquare(freedom, replicates) / freedom)


def exact(label: str, value: float) -> Effect:
    """A number that is printed or computed: nothing varies."""
    return Effect(label=label, value=round(float(value), 6))


def from_draws(label: str, values, *, seeds: int | None = None, mirrored: bool = False) -> Effect:
    """An effect from its value on what was measured, the first one, and on what was drawn from it."""
    samples = np.asarray(values[1:], dtype=float)
    return Effect(label=label, value=float(values[0]), samples=samples, seeds=seeds, mirrored=mirrored)


def generator_of(seed: int, *names) -> np.random.Generator:
    """Draws that are independent for every effect, whatever else there is."""
    return np.random.default_rng([seed, zlib.crc32("\n".join(map(str, names)).encode())])


def from_seeds(label: str, values, *, crossfitted: bool = False) -> Effect:
    """The mean of one value per seed, with the replicates of Student's t.

    With `crossfitted` each value is measured at what the other seeds have chosen. As these choices overlap, the squared
    error is s^2 (1 / n + 1 / (2 n - 2)): half of the correction of Nadeau & Bengio (2003) for overlapping training
    sets, which simulations with steadied choices ask for (`stats.crossfit`). Values that are all equal say nothing of
    what varies, however many they are, so their replicates are unknown.
    """
    values = np.asarray(values, dtype=float)
    count = len(values)
    if count < 2 or np.ptp(values) == 0:
        error = np.nan
    else:
        error = values.std(ddof=1) * np.sqrt(1 / count + crossfitted / (2 * count - 2))
    found = student_effect(label, float(values.mean()), error, max(count - 1, 1), seeds=count)
    return replace(found, by_seed=tuple(values.tolist()))


def student_effect(label: str, value: float, error: float, freedom: float, *, seeds: int | None = None) -> Effect:
    """An effect whose replicates are evenly spaced quantiles of Student's t about `value`, in an order of its own."""
    order = np.random.default_rng(zlib.crc32(label.encode())).permutation(REPLICATES)
    return Effect(label=label, value=value, samples=value + error * _quantiles(freedom)[order], seeds=seeds)


@functools.lru_cache(maxsize=64)  # most effects have one of few numbers of seeds, and scipy takes 2 ms for each call
def _quantiles(freedom: float) -> np.ndarray:
    return scipy.stats.t.ppf((np.arange(REPLICATES) + 0.5) / REPLICATES, freedom)


def resampled(label: str, values, replicates: int, generator) -> Effect:
    """The mean over seeds with its bootstrap replicates."""
    values = np.asarray(values, dtype=float)
    samples = values.mean() + deviations(values, replicates, generator)
    if len(values) and np.ptp(values) == 0:
        samples = np.full(replicates, np.nan)
    return Effect(label=label, value=float(values.mean()), samples=samples, seeds=len(values))


def typical(effects: Sequence[Effect], label: str = "mean") -> Effect:
    """The mean over units, with an interval for all units of which these were drawn, where there are three or more.

    Its squared error is S^2 / m + c: the variance between the m units' values, which holds the noise that each has by
    itself and is never taken to be less than that, and the covariance c of the noise that units share (as pruned
    networks share the unpruned one), estimated from their replicates. Degrees of freedom are Satterthwaite's. With one
    or two units only their noise counts; the mean of exact numbers is exact.
    """
    value = float(np.mean([effect.value for effect in effects]))
    seeds = [effect.seeds for effect in effects if effect.seeds is not None]
    fewest = min(seeds) if seeds else None
    noisy = [effect for effect in effects if not effect.exact]
    if not noisy:
        return Effect(label=label, value=value)
    if len(effects) < ENOUGH_UNITS:
        return Effect(label=label, value=value, samples=_mean_of_samples(effects), seeds=fewest)
    count = len(effects)
    own, shared = _noise(effects) if len(noisy) == count else (0.0, 0.0)
    between = max(float(np.var([effect.value for effect in effects], ddof=1)), own - shared) / count
    known = max((fewest or count) - 1, 1)  # degrees of freedom of what units share
    freedom = _satterthwaite((between, count - 1), (shared, known))
    freedom = min(freedom, 1.5 * known) if shared else freedom  # in simulations of three seeds it is too high else
    return student_effect(label, value, float(np.sqrt(between + shared)), freedom, seeds=fewest)


def _mean_of_samples(effects) -> np.ndarray:
    size = min(effect.samples.size for effect in effects if not effect.exact)
    return np.mean([np.full(size, one.value) if one.exact else one.draws[:size] for one in effects], axis=0)


def _noise(effects) -> tuple[float, float]:
    """The mean variance of the noise of a unit, and the mean covariance of two units' as far as it is positive.

    Both are taken over seeds where units have one value per seed, else over replicates.
    """
    seeds = {len(effect.by_seed) for effect in effects}
    by_seed = len(seeds) == 1 and max(seeds) > 1
    size = min(effect.samples.size for effect in effects)
    noise = np.array([effect.by_seed if by_seed else effect.draws[:size] for effect in effects])
    noise = noise[:, np.isfinite(noise).all(axis=0)]
    if noise.shape[1] < 2:
        return 0.0, 0.0
    count, own = len(noise), float(noise.var(axis=1, ddof=1).mean())
    shared = max(0.0, float((noise.mean(axis=0).var(ddof=1) - own / count) * count / (count - 1)))
    scale = noise.shape[1] if by_seed else 1
    return own / scale, shared / scale


def _satterthwaite(*parts: tuple[float, float]) -> float:
    total = sum(part for part, _ in parts)
    if total == 0:
        return min(freedom for _, freedom in parts)
    return total**2 / sum(part**2 / freedom for part, freedom in parts)


def combined(label: str, effects: Iterable[Effect], function: Callable[..., np.ndarray]) -> Effect:
    """A function of independent effects, replicate by replicate; no replicates where one of them has none."""
    effects = tuple(effects)
    drawn = not any(effect.exact for effect in effects)
    seeds = [effect.seeds for effect in effects if effect.seeds is not None]
    return Effect(
        label=label,
        value=float(function(*(effect.value for effect in effects))),
        samples=function(*(effect.samples for effect in effects)) if drawn else np.empty(0),
        seeds=min(seeds) if seeds else None,
    )


def mean(label: str, effects: Sequence[Effect]) -> Effect:
    """The mean of independent effects, as of these units and no others."""
    return combined(label, effects, lambda *parts: sum(parts) / len(parts))


def difference(label: str, a: Effect, b: Effect) -> Effect:
    """a - b."""
    return combined(label, (a, b), lambda left, right: left - right)


def ratio(label: str, a: Effect, b: Effect) -> Effect:
    """a / b."""
    return combined(label, (a, b), over)


def over(a, b) -> np.ndarray:
    """a / b, not finite where b is 0: a subset that covers nothing."""
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.divide(a, b)


def share(label: str, count: int, total: int, replicates: int, generator) -> Effect:
    """A share with draws from Beta(count + 1/2, total - count + 1/2), whose quantiles are Jeffreys' interval.

    Resampling would say that a share of 0 or 1 is certain, however few members it rests on.
    """
    draws = generator.beta(count + 0.5, total - count + 0.5, size=replicates)
    return Effect(label=label, value=count / total, samples=draws)


def grouped(cells: Iterable[Cell], key: Callable[[Cell], object]) -> dict[object, list[Effect]]:
    """The effects of the cells by a key, in order of appearance."""
    found: dict[object, list[Effect]] = {}
    for cell in cells:
        found.setdefault(key(cell), []).append(cell.effect)
    return found
