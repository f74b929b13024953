"""Who proposes the next settings. Every draw has a random stream of its own, so that a history repeats exactly."""

from collections.abc import Callable
from dataclasses import dataclass

from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, RandomSampler, TPESampler

from pruneproxy.errors import choose
from pruneproxy.randomness import stream_seed


@dataclass(frozen=True)
class Sampler:
    """A way to propose settings: what it is, and `make(seed, startup)` for Optuna's object.

    A sampler that does not know of stopped trials is told their last value as if it were the final one; else it would
    propose them again.
    """

    text: str
    make: Callable[[int, int], BaseSampler]
    knows_stopped: bool = False


def startup_trials(trials: int) -> int:
    """Random trials before a model is fitted: Optuna's 10, but at most a quarter of a small budget.

    With ten of twelve trials at random, every sampler would be random search.
    """
    return min(10, max(1, trials // 4))


def _tpe(seed: int, startup: int, *, multivariate: bool = True) -> BaseSampler:
    return TPESampler(
        seed=seed,
        n_startup_trials=startup,
        n_ei_candidates=24,
        multivariate=multivariate,
        group=False,
        constant_liar=True,
    )


def _gp(seed: int, startup: int) -> BaseSampler:
    return GPSampler(
        seed=seed, n_startup_trials=startup, deterministic_objective=False, warn_independent_sampling=False
    )


def _cma_es(seed: int, startup: int) -> BaseSampler:
    # One random trial, whatever the budget: the first generation is drawn around the middle of the space anyway.
    # Stopped trials count by their last value, as Optuna advises for Hyperband: it leaves too few complete ones.
    return CmaEsSampler(
        seed=seed, n_startup_trials=1, popsize=None, consider_pruned_trials=True, warn_independent_sampling=False
    )


SAMPLERS = {
    "tpe": Sampler("tree-structured Parzen estimator over all dimensions together (Optuna 5's default)", _tpe, True),
    "tpe-univariate": Sampler(
        "the same for each dimension alone, as Optuna did by default up to version 4",
        lambda seed, startup: _tpe(seed, startup, multivariate=False),
        True,
    ),
    "gp": Sampler("Bayesian optimisation: a Gaussian process and the expected improvement under it", _gp),
    "cma-es": Sampler(
        "evolution of a normal distribution; it has no notion of choices, which are drawn at random", _cma_es
    ),
    "random": Sampler("independent draws, for comparison", lambda seed, startup: RandomSampler(seed=seed)),
}


class Repeatable(BaseSampler):
    """A sampler of `SAMPLERS` that is made anew for each trial: what it draws depends on earlier trials only.

    A resumed search therefore goes on as the undisturbed one, and each independent draw has a stream of its own, so
    that a trial whose process died between two draws is completed to the same settings.
    """

    def __init__(self, name: str, *, seed: int, trials: int):
        chosen = choose(name, SAMPLERS, "sampler")
        self._make, self.knows_stopped = chosen.make, chosen.knows_stopped
        self._seed, self._startup = seed, startup_trials(trials)

    def _for(self, trial, *names) -> BaseSampler:
        return self._make(stream_seed(self._seed, "sampler", trial.number, *names) % 2**32, self._startup)

    def infer_relative_search_space(self, study, trial):
        """The dimensions that are drawn together, in the order of their names."""
        return self._for(trial).infer_relative_search_space(study, trial)

    def sample_relative(self, study, trial, search_space):
        """Settings of these dimensions."""
        return self._for(trial).sample_relative(study, trial, search_space)

    def sample_independent(self, study, trial, param_name, param_distribution):
        """The setting of one dimension."""
        sampler = self._for(trial, param_name)
        return sampler.sample_independent(study, trial, param_name, param_distribution)
