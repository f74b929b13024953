"""Samplers whose every draw has a random stream of its own, so that a history repeats exactly."""

import copy
import random
from collections.abc import Iterator, Sequence

import numpy as np
from optuna.samplers import BaseSampler
from optuna.samplers._lazy_random_state import LazyRandomState
from optuna.trial import FrozenTrial

from pruneproxy.errors import UserError, choose
from pruneproxy.randomness import stream_seed
from pruneproxy.search.proposing import Draw
from pruneproxy.search.samplers import SAMPLERS
from pruneproxy.space import Dimension, completed


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
