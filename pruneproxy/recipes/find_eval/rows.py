"""Rows of the frames by what they stand for, and differences of arms over paired seeds.

Arms that are compared start from the same weights and see the same images in the same order, so differences are taken
seed by seed.
"""

from dataclasses import dataclass
from functools import cached_property

import pandas as pd

from pruneproxy.evidence.effects import Effect, from_seeds
from pruneproxy.recipes.find_eval.protocol import HARSH

WORDS = {"lr": "learning rate", "batch_size": "batch size", "weight_decay": "weight decay"}


@dataclass(frozen=True, eq=False)
class Rows:
    """The records of one or more cases."""

    frames: object

    @cached_property
    def _tables(self) -> dict[tuple[str, str], pd.DataFrame]:
        found = self.frames.accuracies
        return dict(iter(found.groupby(["case", "experiment"], sort=False))) if len(found) else {}

    def cases(self, experiment: str) -> list[str]:
        """The cases that have run an experiment."""
        return [case for case, name in self._tables if name == experiment]

    def rows(self, case: str, experiment: str, **values) -> pd.DataFrame:
        """The rows of an experiment that have these values; of a pair of sparsities, those between."""
        found = self._tables.get((case, experiment), self.frames.accuracies.iloc[:0])
        for name, value in values.items():
            if name == "between":
                found = found[found["sparsity"].between(*value) & (found["round"] > 0)]
            else:
                found = found[found[name] == value]
        return found

    def values(self, case: str, experiment: str, name: str, column: str = "find") -> list[float]:
        """The values of a hyperparameter that masks were found (or trained) with, from gentle to harsh."""
        found = self.rows(case, experiment, hyperparameter=name)[column].unique()
        return sorted(found, reverse=HARSH[name] is min)

    def grids(self) -> list[tuple[str, str]]:
        """(case, hyperparameter) of every grid of settings to find and to train that was run."""
        return [(case, name) for name in HARSH for case in self.cases(name)]

    def hyperparameters(self, case: str, experiment: str) -> list[str]:
        """The hyperparameters that an experiment varies."""
        found = set(self.rows(case, experiment)["hyperparameter"])
        return [name for name in HARSH if name in found]

    def gentle(self, case: str, experiment: str, name: str) -> float:
        """What the paper finds good masks with: the default of learning rates, the gentle end of the others."""
        values = self.values(case, experiment, name)
        return values[-2] if name == "lr" and len(values) > 1 else values[0]

    def label(self, case: str, more: str = "") -> str:
        """What was really trained, and on what."""
        rows = self.frames.accuracies if (self.frames.accuracies["case"] == case).any() else self.frames.drift
        found = rows.loc[rows["case"] == case, ["title", "data"]].drop_duplicates()
        name = f"{found.iloc[0]['title']} on {found.iloc[0]['data']}" if len(found) else case
        return f"{name}, {more}" if more else name

    def ends(self, rows: pd.DataFrame, one: float, other: float, value: str = "top1") -> tuple[pd.Series, pd.Series]:
        """What masks found with two values of a hyperparameter give, by seed."""
        return tuple(mean_of(rows[rows["find"] == found], value) for found in (one, other))


def mean_of(rows: pd.DataFrame, value: str = "top1") -> pd.Series:
    """The mean over everything but the seed."""
    return rows.groupby("seed")[value].mean()


def wide(rows: pd.DataFrame, index: list[str], value: str = "top1") -> pd.DataFrame:
    """A row per setting, a column per seed."""
    return rows.pivot_table(index=index, columns="seed", values=value)


def gap(label: str, one: pd.Series, other: pd.Series) -> list[Effect]:
    """The mean difference over the seeds that both have; none where there are no such seeds."""
    apart = (one - other).dropna()
    return [from_seeds(label, apart.to_numpy())] if len(apart) else []
