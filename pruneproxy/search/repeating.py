"""Samplers whose every draw has a random stream of its own, so that a history repeats exactly."""

import copy
from collections.abc import Sequence

from optuna.samplers import BaseSampler
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
    """A copy of a sampler object of the caller's, which draws as it was seeded; in a resumed study from a new seed.

    A search that has to repeat exactly takes a sampler by its name.
    """

    def __init__(self, sampler: BaseSampler):
        self._sampler, self._begun = copied(sampler, "sampler"), False

    def before_trial(self, study, trial):
        """What the sampler does before a trial."""
        if trial.number and not self._begun:
            self._sampler.reseed_rng()  # its first draws have been made
        self._begun = True
        self._sampler.before_trial(study, trial)

    def infer_relative_search_space(self, study, trial):
        """The dimensions that are drawn together."""
        return self._sampler.infer_relative_search_space(study, trial)

    def sample_relative(self, study, trial, search_space):
        """Settings of these dimensions; none where the trial has them all."""
        if search_space and all(name in trial.params for name in search_space):
            return {}
        return self._sampler.sample_relative(_Seen(study, trial.number, ()), trial, search_space)

    def sample_independent(self, study, trial, param_name, param_distribution):
        """The setting of one dimension."""
        return self._sampler.sample_independent(study, trial, param_name, param_distribution)

    def after_trial(self, study, trial, state, values):
        """What the sampler does after a trial."""
        self._sampler.after_trial(_Unstoppable(study), trial, state, values)


def copied(part, what: str):
    """A deep copy of an object of the caller's."""
    try:
        return copy.deepcopy(part)
    except Exception as error:
        raise UserError(
            f"expected a {what} that can be copied, got a {type(part).__name__} that cannot ({error}): leave out what "
            f"holds files, locks or connections, or name one of ours"
        ) from error


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
