"""What a sampler is made for, and the base of those that are no part of Optuna."""

from dataclasses import dataclass

from optuna.samplers import BaseSampler, RandomSampler

from pruneproxy.space import Dimension


@dataclass(frozen=True, kw_only=True)
class Draw:
    """One draw of a search: the seed of the draw, that of the search, and what is searched for how long."""

    seed: int
    search_seed: int
    trials: int
    first: int  # the number of the first trial that is not given
    space: tuple[Dimension, ...]


class Proposing(BaseSampler):
    """A sampler that proposes settings of the whole space at once; values of inactive dimensions are ignored.

    What it leaves out is drawn at random.
    """

    def __init__(self, draw: Draw):
        self.draw = draw

    def infer_relative_search_space(self, study, trial):
        """Every dimension."""
        return {dimension.field: dimension.distribution for dimension in self.draw.space}

    def sample_relative(self, study, trial, search_space) -> dict:
        """The proposal."""
        raise NotImplementedError

    def sample_independent(self, study, trial, param_name, param_distribution):
        """A random value."""
        sampler = RandomSampler(seed=self.draw.seed)
        return sampler.sample_independent(study, trial, param_name, param_distribution)
