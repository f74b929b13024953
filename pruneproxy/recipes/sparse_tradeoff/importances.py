"""How much each hyperparameter matters, as effects: refitted to configurations drawn with replacement."""

from collections.abc import Callable, Iterable
from dataclasses import replace

import pandas as pd

from pruneproxy import pareto
from pruneproxy.evidence.effects import Effect, from_draws
from pruneproxy.importance import ForestConfig, fanova
from pruneproxy.recipes.sparse_tradeoff import exact, fronts, influence
from pruneproxy.recipes.sparse_tradeoff.experiments import space
from pruneproxy.recipes.sparse_tradeoff.frames import HYPER
from pruneproxy.recipes.sparse_tradeoff.protocol import PAPER
from pruneproxy.space import Dimension

OBJECTIVES = tuple(one.name for one in fronts.OBJECTIVES)
SPACE = "text"  # the thesis's own
REFITS = 10  # of the importance, each on configurations drawn with replacement
TREES = 16  # of each refit
ASIDES = (  # other spaces and other treatments of inactive hyperparameters under which the algorithm is looked at
    ("with defaults for what is inactive", SPACE, "default"),
    ("with update intervals that come", "fixed", influence.INACTIVE),
)


class Importances:
    """The quantities of Sec. 6.1, for a class with `frames`, `seed`, `datasets` and `_picks`."""

    def algorithm_importances(self) -> dict[str, list[Effect]]:
        """Importance of the choice between SET, RigL and dense training: for the error, and computed for both costs."""
        costs = _computed(lambda table: table.loc["algorithm"])
        errors = self._importances(("error",), lambda table: {"": table["algorithm"]})
        return {name: [*errors.get(name, []), *effects] for name, effects in costs.items()}

    def algorithm_asides(self) -> dict[str, dict[str, float]]:
        """The largest importance of the algorithm over the objectives, by other choices of analysis."""
        found: dict[str, dict[str, float]] = {}
        for words, where, inactive in ASIDES:
            for name, rows in self._drawn(self.datasets(), where).items():
                values = [self._fitted(rows, objective, inactive)["algorithm"] for objective in OBJECTIVES]
                found.setdefault(name, {})[words] = float(max(values))
        return found

    def sparsity_leads(self) -> dict[str, list[Effect]]:
        """Importance of sparsity for each cost, minus that of the most important other hyperparameter, computed."""
        return _computed(lambda table: table.loc["sparsity"] - table.drop(index="sparsity").max())

    def resnet_leads(self) -> dict[str, list[Effect]]:
        """Importance of weight decay and of epochs for the error of ResNets, minus that of the learning rate."""
        rivals = ("weight_decay", "epochs")
        return self._importances(
            ("error",), lambda table: {name: table[name] - table["lr"] for name in rivals}, self.datasets("ResNet")
        )

    def depth_leads(self) -> dict[str, list[Effect]]:
        """Importance of the number of layers for the error of MLPs, minus that of the learning rate."""
        return self._importances(("error",), lambda table: {"": table["layers"] - table["lr"]}, self.datasets("MLP"))

    def _importances(
        self,
        objectives: Iterable[str],
        statistic: Callable[[pd.DataFrame], dict],
        datasets: Iterable[str] | None = None,
    ) -> dict[str, list[Effect]]:
        """Effects of the importances, refitted to configurations drawn with replacement; `statistic` names them."""
        found = self._drawn(self.datasets() if datasets is None else datasets, SPACE)
        return {
            name: [
                from_draws(", ".join(filter(None, (name, objective, what))), values.to_numpy())
                for objective in objectives
                for what, values in statistic(self._refitted(name, rows, objective)).items()
            ]
            for name, rows in found.items()
        }

    def _drawn(self, datasets: Iterable[str], space: str) -> dict[str, pd.DataFrame]:
        """The configurations of the Latin hypercube over a space by data set, in one order."""
        found = {name: influence.configurations(self.frames, name, space=space) for name in datasets}
        return {
            name: rows.sort_values("number", ignore_index=True)
            for name, rows in found.items()
            if len(rows) >= influence.LEAST
        }

    def _refitted(self, dataset: str, rows: pd.DataFrame, objective: str) -> pd.DataFrame:
        """A column per hyperparameter: its importance from all configurations, then from configurations drawn anew."""
        key = dataset, objective
        if key not in self._known:
            picks = self._picks("importance", dataset, count=len(rows), replicates=REFITS)
            tables = [self._fitted(rows, objective, influence.INACTIVE, pick) for pick in picks]
            self._known[key] = pd.DataFrame(tables).reset_index(drop=True)
        return self._known[key]

    def _fitted(self, rows: pd.DataFrame, objective: str, inactive: str, picks=None) -> pd.Series:
        """The importance of every hyperparameter; one that is the same in all configurations explains nothing."""
        axes, rows = _axes(rows), rows if picks is None else rows.iloc[picks]
        values = pareto.scales(rows, fronts.OBJECTIVES)[objective]
        forest = ForestConfig(trees=TREES, seed=self.seed)
        found = fanova(rows, values, axes=axes, inactive=inactive, forest=forest)["importance"]
        return found.reindex(HYPER).fillna(0.0)


def _axes(rows: pd.DataFrame) -> list[Dimension]:
    """The hyperparameters of Table 4.2 that occur, from the least to the largest value that was drawn."""
    case = next(one for one in PAPER.values() if one.dataset == rows["dataset"].iloc[0])
    found = []
    for axis in influence.axes(space(case)):
        values = rows[axis.field].dropna()
        if axis.choices:
            found.append(axis)
        elif len(values):
            low, high = float(values.min()), float(values.max())
            found.append(replace(axis, low=low, high=high, default=min(max(axis.default, low), high)))
    return found


def _computed(statistic: Callable[[pd.DataFrame], pd.Series]) -> dict[str, list[Effect]]:
    """A statistic of the importances for both costs on all data sets of the thesis, over its own space."""
    found = {case.dataset: statistic(exact.cost_importances(case.dataset)) for case in PAPER.values()}
    return {
        name: [Effect(label=f"{name}, {cost}", value=round(float(value), 4)) for cost, value in values.items()]
        for name, values in found.items()
    }
