"""Who proposes the next settings."""

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from optuna.samplers import BaseSampler, CmaEsSampler, GPSampler, NSGAIISampler, RandomSampler, TPESampler

from pruneproxy.randomness import stream_seed
from pruneproxy.search.mosmac import MOSMAC
from pruneproxy.search.proposing import Draw, Proposing


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
