"""Who proposes the next settings. Every draw has a random stream of its own, so that a history repeats exactly."""

import copy
import functools
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler
from optuna.samplers._lazy_random_state import LazyRandomState
from optuna.trial import FrozenTrial

from pruneproxy.errors import UserError, choose
from pruneproxy.randomness import stream_seed
from pruneproxy.search.mosmac import MOSMAC
from pruneproxy.search.proposing import Draw, Proposing
from pruneproxy.search.space import Dimension, completed


@dataclass(frozen=True)
class Sampler:
    """A way to propose settings: what it is, and `make(draw)` for Optuna's object.

    A sampler that does not know of stopped trials is told their last value as if it were the final one; else it would
    propose them again. `several` says whether it can trade several objectives off. One that knows nothing of
    conditions is told the default of every inactive dimension.
    """

    text: str
    make: Callable[[Draw], BaseSampler]
    knows_stopped: bool = False
    several: bool = False
    knows_conditions: bool = False


def startup_trials(trials: int) -> int:
    """Random trials before a model is fitted: Optuna's 10, but at most a quarter of a small budget.

    With ten of twelve trials at random, every sampler would be random search.
    """
    return min(10, max(1, trials // 4))


def population(trials: int) -> int:
    """Trials per generation of NSGA-II: Optuna's 50, but at most a fifth of a small budget.

    The first generation is drawn at random: with a budget of one generation it would be random search.
    """
    return min(50, max(4, trials // 5))


def _tpe(draw: Draw, *, multivariate: bool = True) -> BaseSampler:
    return TPESampler(
        seed=draw.seed,
        n_startup_trials=startup_trials(draw.trials),
        n_ei_candidates=24,
        multivariate=multivariate,
        group=False,
        constant_liar=True,
    )


def _gp(draw: Draw) -> BaseSampler:
    return GPSampler(
        seed=draw.seed,
        n_startup_trials=startup_trials(draw.trials),
        deterministic_objective=False,
        warn_independent_sampling=False,
    )


def _cma_es(draw: Draw) -> BaseSampler:
    # One random trial, whatever the budget: the first generation is drawn around the middle of the space anyway.
    # Stopped trials count by their last value, as Optuna advises for Hyperband: it leaves too few complete ones.
    return CmaEsSampler(
        seed=draw.seed, n_startup_trials=1, popsize=None, consider_pruned_trials=True, warn_independent_sampling=False
    )


class LatinHypercube(Proposing):
    """One design for the whole search: of every dimension, each of as many even parts as there are trials once."""

    def sample_relative(self, study, trial, search_space) -> dict:
        """The row of the design that belongs to this trial."""
        draw = self.draw
        design = _design(draw.search_seed, draw.trials - draw.first, len(draw.space))
        row = design[trial.number - draw.first]
        return {dimension.field: dimension.at(share) for dimension, share in zip(draw.space, row, strict=True)}


@functools.lru_cache(maxsize=8)
def _design(seed: int, count: int, dimensions: int) -> np.ndarray:
    from scipy.stats import qmc  # slow to import

    return qmc.LatinHypercube(dimensions, rng=np.random.default_rng(stream_seed(seed, "hypercube"))).random(count)


SAMPLERS = {
    "tpe": Sampler(
        "tree-structured Parzen estimator over all dimensions together (Optuna 5's default)",
        _tpe,
        knows_stopped=True,
        several=True,
        knows_conditions=True,
    ),
    "tpe-univariate": Sampler(
        "the same for each dimension alone, as Optuna did by default up to version 4",
        lambda draw: _tpe(draw, multivariate=False),
        knows_stopped=True,
        several=True,
        knows_conditions=True,
    ),
    "gp": Sampler(
        "Bayesian optimisation: a Gaussian process per objective and the expected improvement under it (of several "
        "objectives, that of the hypervolume)",
        _gp,
        several=True,
    ),
    "cma-es": Sampler(
        "evolution of a normal distribution; it has no notion of choices, which are drawn at random", _cma_es
    ),
    "random": Sampler(
        "independent draws, for comparison",
        lambda draw: RandomSampler(seed=draw.seed),
        several=True,
        knows_conditions=True,
    ),
    "lhs": Sampler("a Latin hypercube of as many points as there are trials", LatinHypercube, several=True),
    "nsga2": Sampler(
        "genetic search: non-dominated sorting, crowding distance, crossover and mutation (Deb et al. 2002)",
        lambda draw: NSGAIISampler(seed=draw.seed, population_size=population(draw.trials)),
        several=True,
    ),
    "mo-smac": Sampler(
        "a random forest per objective, and by turns of chance a random draw or the largest improvement of the "
        "hypervolume that the forests predict (after MO-SMAC)",
        MOSMAC,
        several=True,
    ),
    "mo-smac-code": Sampler(
        "the same with the improvement as 002's released code computes it: for costs as if larger were better",
        lambda draw: MOSMAC(draw, acquisition="released"),
        several=True,
    ),
}


class Repeatable(BaseSampler):
    """A sampler of `SAMPLERS` that is made anew for each trial: what it draws depends on earlier trials only.

    A resumed search therefore goes on as the undisturbed one, and each independent draw has a stream of its own, so
    that a trial whose process died between two draws is completed to the same settings. With `default_first` the
    first trial has the defaults of all dimensions.
    """

    def __init__(
        self, name: str, *, seed: int, trials: int, space: Sequence[Dimension] = (), default_first: bool = False
    ):
        chosen = choose(name, SAMPLERS, "sampler")
        self._make, self.knows_stopped = chosen.make, chosen.knows_stopped
        self._seed, self._trials, self._space = seed, trials, tuple(space)
        self._first = int(default_first)
        conditions = any(dimension.when is not None for dimension in space)
        self._fills = conditions and not chosen.knows_conditions

    def _for(self, trial, *names) -> BaseSampler:
        return self._make(
            Draw(
                seed=stream_seed(self._seed, "sampler", trial.number, *names) % 2**32,
                search_seed=self._seed,
                trials=self._trials,
                first=self._first,
                space=self._space,
            )
        )

    def infer_relative_search_space(self, study, trial):
        """The dimensions that are drawn together, in the order of their names."""
        if not self._fills:
            return self._for(trial).infer_relative_search_space(study, trial)
        kinds = {dimension.field: dimension.distribution for dimension in self._space}
        return {field: kinds[field] for field in sorted(kinds) if not kinds[field].single()}

    def sample_relative(self, study, trial, search_space):
        """Settings of these dimensions."""
        seen = _Seen(study, trial.number, self._space if self._fills else ())
        drawn = self._for(trial).sample_relative(seen, trial, search_space)
        return {} if trial.number < self._first else drawn

    def sample_independent(self, study, trial, param_name, param_distribution):
        """The setting of one dimension."""
        if trial.number < self._first:
            return next(dimension.first for dimension in self._space if dimension.field == param_name)
        sampler = self._for(trial, param_name)
        return sampler.sample_independent(study, trial, param_name, param_distribution)


class Own(BaseSampler):
    """A sampler object of the caller's: copied for each trial, and reseeded for each draw as in `Repeatable`.

    Its generators start from `seed`, the draw, and what they were seeded with, if they were; how often the object has
    drawn does not count. From trial to trial it keeps only what it stores in the study.
    """

    def __init__(self, sampler: BaseSampler, *, seed: int):
        self._sampler, self._seed = copied(sampler, "sampler"), seed
        self._number, self._copy, self._streams = None, None, ()

    def _for(self, trial, *names) -> BaseSampler:
        if self._number != trial.number:
            self._number, self._copy = trial.number, copy.deepcopy(self._sampler)
            self._streams = tuple(_generators(self._copy, set()))
        for generator, first in self._streams:
            _reseed(generator, stream_seed(self._seed, "sampler", trial.number, *names, *first) % 2**32)
        return self._copy

    def before_trial(self, study, trial):
        """What the sampler does before a trial."""
        self._number = None
        self._for(trial, "before").before_trial(study, trial)

    def infer_relative_search_space(self, study, trial):
        """The dimensions that are drawn together."""
        return self._for(trial).infer_relative_search_space(study, trial)

    def sample_relative(self, study, trial, search_space):
        """Settings of these dimensions; none where the trial has them all."""
        if search_space and all(name in trial.params for name in search_space):
            return {}
        return self._for(trial).sample_relative(_Seen(study, trial.number, ()), trial, search_space)

    def sample_independent(self, study, trial, param_name, param_distribution):
        """The setting of one dimension."""
        return self._for(trial, param_name).sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study, trial, state, values):
        """What the sampler does after a trial."""
        self._for(trial, "after").after_trial(_Unstoppable(study), trial, state, values)


def copied(part, what: str):
    """A deep copy of an object of the caller's."""
    try:
        return copy.deepcopy(part)
    except Exception as error:
        raise UserError(
            f"expected a {what} that can be copied, got a {type(part).__name__} that cannot ({error}): leave out what "
            f"holds files, locks or connections, or name one of ours"
        ) from error


def _generators(part, known: set[int]) -> Iterator[tuple[object, tuple[int, ...]]]:
    """The random generators inside an object, each with its first number, or with none if it has no seed yet."""
    if id(part) in known:
        return
    known.add(id(part))
    if isinstance(part, LazyRandomState) and part._rng is None:
        yield part.rng, ()
    elif isinstance(part, np.random.RandomState | np.random.Generator):
        yield part, (int.from_bytes(part.bytes(4)),)
    elif isinstance(part, random.Random):
        yield part, (part.getrandbits(32),)
    elif not isinstance(part, type):
        inside = (
            part if isinstance(part, list | tuple) else (part if isinstance(part, dict) else _fields(part)).values()
        )
        for one in inside:
            yield from _generators(one, known)


def _fields(part) -> dict:
    return getattr(part, "__dict__", {})


def _reseed(generator, seed: int):
    if isinstance(generator, np.random.Generator):
        generator.bit_generator.state = type(generator.bit_generator)(seed).state
    else:
        generator.seed(seed)


class _Unstoppable:
    """A study that a sampler cannot stop: the number of trials is the caller's to say."""

    def __init__(self, study):
        self._study = study

    def __getattr__(self, name):
        return getattr(self._study, name)

    def stop(self):
        """Nothing."""


class _Seen:
    """A study as a sampler sees it: without the trial that it draws, which may have some of its settings already.

    With a `space`, inactive dimensions have their defaults.
    """

    def __init__(self, study, number: int, space: Sequence[Dimension]):
        self._study, self._number, self._space = study, number, space

    def __getattr__(self, name):
        return getattr(self._study, name)

    def get_trials(self, *words, **choices) -> list[FrozenTrial]:
        """The other trials."""
        return self._others(self._study.get_trials(*words, **choices))

    def _get_trials(self, *words, **choices) -> list[FrozenTrial]:  # what Optuna's own samplers ask
        return self._others(self._study._get_trials(*words, **choices))

    def _others(self, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        return [self._filled(trial) for trial in trials if trial.number != self._number]

    def _filled(self, trial: FrozenTrial) -> FrozenTrial:
        if not self._space or not trial.state.is_finished():
            return trial
        filled = copy.copy(trial)
        filled.params = completed(trial.params, self._space)
        filled.distributions = {dimension.field: dimension.distribution for dimension in self._space}
        return filled
