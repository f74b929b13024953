"""Every quantity that the claims speak of, as effects with bootstrap replicates, from the tables of records."""

import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import partial

import numpy as np
import pandas as pd

from pruneproxy import costs, pareto
from pruneproxy.evidence.claims import Effect
from pruneproxy.evidence.effects import difference, resampled
from pruneproxy.importance import Axis, ForestConfig, fanova
from pruneproxy.recipes.sparse_tradeoff import fronts, influence
from pruneproxy.recipes.sparse_tradeoff.claims.resampling import Tradeoff, explained, over, redrawn, share, volumes
from pruneproxy.recipes.sparse_tradeoff.experiments import space
from pruneproxy.recipes.sparse_tradeoff.frames import HYPER
from pruneproxy.recipes.sparse_tradeoff.protocol import PAPER
from pruneproxy.stats import CORRELATIONS

ARCHITECTURES = {case.dataset: case.architecture for case in PAPER.values()}
OBJECTIVES = tuple(one.name for one in fronts.OBJECTIVES)
COSTS = fronts.COST
METHODS = ("set", "rigl")
SPACE = "text"  # the thesis's own
INTERVALS = {case.dataset: case.interval for case in PAPER.values()}  # steps between updates, Table A.1
MILLION = 10**6
TOP = 20  # most accurate configurations, Sec. 5.3
LEAST_POINTS = 10  # of a front for a fit
FRONT_REPLICATES = 1000  # of what needs a hypervolume or a front each time
MILD = 0.7  # below this sparsity little accuracy is lost, Sec. 5.1.1
HALF = 0.5
COVERING = {"SVHN": 0.8}  # the sparsity from which on a trade-off is covered, where it is not HALF (Sec. 6.2.3)
ASIDES = (  # other spaces and other treatments of inactive hyperparameters under which the algorithm is looked at
    ("with defaults for what is inactive", SPACE, "default"),
    ("with update intervals that come", "fixed", influence.INACTIVE),
)
REFITS = 10  # of the importance, each on configurations drawn with replacement
TREES = 16  # of each refit
RANGES = {"MLP": (0.4, 0.8), "ResNet": (0.7, 0.99)}  # preferred sparsities, Sec. 6.2.5


@dataclass(frozen=True, eq=False)
class Quantities:
    """What the rules ask of a study, each quantity computed once: of all data sets, or of one.

    No effect depends on which other data sets there are, so that one computation serves both.
    """

    study: object
    dataset: str | None = None
    known: dict = field(default_factory=dict, repr=False)

    def alone(self, dataset: str) -> "Quantities":
        """The same quantities of one data set."""
        return replace(self, dataset=dataset)

    def __getattr__(self, name: str) -> Callable[..., dict]:
        if name.startswith("_"):
            raise AttributeError(name)
        return partial(self._of, name)

    def _of(self, name, *choices) -> dict:
        key = name, *choices
        if key not in self.known:
            self.known[key] = getattr(self.study, name)(*choices)
        return {dataset: found for dataset, found in self.known[key].items() if self.dataset in (None, dataset)}


@dataclass(frozen=True, eq=False)
class Study:
    """The records of the part; each method gives effects by data set, none where nothing was run.

    Means over seeds are resampled by drawing the runs of each configuration anew, shares by the number of
    configurations that they rest on, and what is fitted to configurations by drawing configurations.
    """

    frames: object
    replicates: int = 10_000
    seed: int = 0
    _known: dict = field(default_factory=dict, repr=False)

    def datasets(self, architecture: str | None = None) -> tuple[str, ...]:
        """The data sets of the tables, or those with one kind of network."""
        names = dict.fromkeys([*self.frames.runs["dataset"], *self.frames.random["dataset"]])
        return tuple(name for name in names if architecture in (None, ARCHITECTURES[name]))

    def losses(self) -> dict[str, list[Effect]]:
        """Accuracy of the dense network minus that of each mildly sparse one, both with the fixed configuration."""
        found = {}
        for name, rows in self._experiment("reproduction"):
            dense = self._mean(name, rows[rows["algorithm"] == "dense"])
            sparse = rows[(rows["algorithm"] != "dense") & (rows["sparsity"].astype(float) < MILD - 1e-9)]
            if dense is not None:
                found[name] = [
                    difference(f"{name}, {config}", dense, self._mean(name, group))
                    for config, group in sparse.groupby("config")
                ]
        return {name: effects for name, effects in found.items() if effects}

    def method_gaps(self, sparsity: float) -> dict[str, Effect]:
        """Accuracy with RigL minus accuracy with SET at one sparsity, for MLPs with the fixed configuration."""
        found = {}
        for name, rows in self._experiment("reproduction"):
            at = rows[np.isclose(rows["sparsity"].astype(float), sparsity)]
            sides = [self._mean(name, at[at["algorithm"] == method]) for method in ("rigl", "set")]
            if ARCHITECTURES[name] == "MLP" and None not in sides:
                found[name] = difference(f"{name}, sparsity {sparsity:g}", *sides)
        return found

    def kept_ratios(self) -> dict[str, list[Effect]]:
        """Multiplications over those of the dense network and over the share kept; counted, so without replicates.

        RigL's dense gradients are charged at the thesis's interval: short trainings need shorter ones, and their extra
        cost says nothing of the thesis's.
        """
        found = {}
        for name, rows in self._experiment("reproduction"):
            table = rows.drop_duplicates("config").sort_values("config")
            dense = table[table["algorithm"] == "dense"]
            even = table[(table["algorithm"] != "dense") & (table["distribution"] == "uniform")]
            if len(dense) and len(even):
                found[name] = [
                    Effect(
                        label=f"{name}, {row['config']}, {cost}",
                        value=_share_of_cost(cost, row, dense.iloc[0]) / (1 - row["sparsity"]),
                    )
                    for row in even.to_dict("records")
                    for cost in COSTS
                ]
        return found

    def fixed_volumes(self) -> dict[str, Effect]:
        """The hypervolume of the fixed configuration's trade-off, normalised by itself."""
        return {
            name: _effect(name, volumes([one], [np.ones(len(one.rows), dtype=bool)])[0])
            for name, (one,) in self._tradeoffs("reproduction")
        }

    def search_volumes(self) -> dict[str, Effect]:
        """Hypervolume of the search over that of the fixed configuration."""
        return self._volume_ratios("optimization", "reproduction")

    def sweep_volumes(self) -> dict[str, Effect]:
        """Hypervolume of the sweep over that of the search."""
        return self._volume_ratios("evaluation", "optimization")

    def _volume_ratios(self, after: str, before: str) -> dict[str, Effect]:
        found = {}
        for name, sides in self._tradeoffs(after, before):
            first = np.arange(sum(len(side.rows) for side in sides)) < len(sides[0].rows)
            found[name] = _effect(name, over(*volumes(sides, [first, ~first])))
        return found

    def search_gains(self) -> dict[str, Effect]:
        """Highest mean accuracy of the search minus that of the fixed configuration."""
        return self._accuracy_gains("optimization", "reproduction")

    def sweep_gains(self) -> dict[str, Effect]:
        """Highest mean accuracy of the sweep minus that of the search."""
        return self._accuracy_gains("evaluation", "optimization")

    def _accuracy_gains(self, after: str, before: str) -> dict[str, Effect]:
        """Replicates are mirrored at the value: the best of noisy means is too good, the more so the more there are.

        In simulated fronts with three to five seeds this interval holds the true gain in 83 to 91 of 100 cases, where
        plain percentiles do in 59 to 78.
        """
        found = {}
        for name, sides in self._tradeoffs(after, before):
            gains = sides[1].errors.min(axis=1) - sides[0].errors.min(axis=1)
            found[name] = Effect(label=name, value=float(gains[0]), samples=2 * gains[0] - gains[1:])
        return found

    def correlation_gaps(self) -> dict[str, list[Effect]]:
        """Rank correlation of accuracy and a cost minus that of the two costs; configurations are resampled."""
        found = {}
        for name, (one,) in self._tradeoffs("optimization"):
            if len(one.rows) < 4:
                continue
            picks = self._picks("correlation", name, count=len(one.rows))
            accuracy, inference, training = (
                one.rows[column].to_numpy(dtype=float)[picks] for column in ("top1", *COSTS)
            )
            between = CORRELATIONS["spearman"](inference, training)
            found[name] = [
                _effect(f"{name}, {cost}", CORRELATIONS["spearman"](accuracy, values) - between)
                for cost, values in zip(COSTS, (inference, training), strict=True)
            ]
        return found

    def dense_shares(self) -> dict[str, Effect]:
        """Share of dense configurations in the trade-off."""
        return {name: self._share(name, rows["algorithm"] == "dense") for name, rows in self._searched()}

    def set_shares(self) -> dict[str, Effect]:
        """Share of SET among the sparse configurations of the trade-off."""
        return {name: self._share(name, rows["algorithm"] == "set") for name, rows in self._searched(sparse=True)}

    def method_volumes(self) -> dict[str, Effect]:
        """Hypervolume of the configurations with SET over that of those with RigL."""
        found = {}
        for name, (one,) in self._tradeoffs("optimization"):
            masks = [(one.rows["algorithm"] == method).to_numpy() for method in METHODS]
            if all(mask.any() for mask in masks):
                found[name] = _effect(name, over(*volumes([one], masks)))
        return found

    def mean_sparsities(self) -> dict[str, Effect]:
        """Mean sparsity of the sparse configurations of the trade-off; configurations are resampled."""
        return {
            name: resampled(name, rows["sparsity"], self.replicates, self._generator("sparsity", name))
            for name, rows in self._searched(sparse=True)
        }

    def sparse_top_shares(self) -> dict[str, Effect]:
        """Share of sparse ones among the twenty most accurate configurations of the search, where there are as many."""
        found = {name: fronts.optimised(self.frames, name) for name in self.datasets()}
        tops = {name: rows.sort_values("top1", ascending=False)[:TOP] for name, rows in found.items()}
        return {name: self._share(name, top["algorithm"] != "dense") for name, top in tops.items() if len(top) == TOP}

    def mild_best_shares(self) -> dict[str, Effect]:
        """Share of the swept configurations whose most accurate version is dense or less than half sparse."""
        found = {}
        for name in self.datasets():
            best = fronts.sweeps(self.frames, name)
            if len(best):
                found[name] = self._share(name, best["sparsity"] < HALF)
        return found

    def covering_shares(self) -> dict[str, Effect]:
        """Hypervolume of the configurations that are sparse enough over that of all."""
        found = {}
        for name, (one,) in self._tradeoffs("optimization"):
            sparse = (fronts.sparsities(one.rows) >= COVERING.get(name, HALF)).to_numpy()
            found[name] = _effect(name, over(*volumes([one], [sparse, np.ones_like(sparse)])))
        return found

    def preferred_shares(self) -> dict[str, Effect]:
        """Share of the sparse configurations whose sparsity lies in the preferred range."""
        return {
            name: self._share(name, rows["sparsity"].astype(float).between(*RANGES[ARCHITECTURES[name]]))
            for name, rows in self._searched(sparse=True)
        }

    def lines(self) -> dict[str, list[Effect]]:
        """R2 of a straight line through error and log10 cost along the front; configurations are resampled."""
        return self._fits(lambda x, y: explained(x, y, 1))

    def bends(self) -> dict[str, list[Effect]]:
        """What a parabola explains beyond the straight line."""
        return self._fits(lambda x, y: explained(x, y, 2) - explained(x, y, 1))

    def _fits(self, statistic: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> dict[str, list[Effect]]:
        found = {}
        for name, rows in self._searched():
            front = fronts.front(rows)
            if len(front) < LEAST_POINTS:
                continue
            picks = self._picks("fit", name, count=len(front), replicates=FRONT_REPLICATES)
            error = front["error"].to_numpy(dtype=float)[picks]
            found[name] = [
                _effect(f"{name}, {cost}", statistic(np.log10(front[cost].to_numpy(dtype=float))[picks], error))
                for cost in COSTS
            ]
        return found

    def algorithm_importances(self) -> dict[str, list[Effect]]:
        """Importance of the choice between SET, RigL and dense training, for every objective."""
        return self._importances(OBJECTIVES, lambda table: {"": table["algorithm"]})

    def algorithm_asides(self) -> dict[str, dict[str, float]]:
        """The largest importance of the algorithm over the objectives, by other choices of analysis."""
        found: dict[str, dict[str, float]] = {}
        for words, where, inactive in ASIDES:
            for name, rows in self._drawn(self.datasets(), where).items():
                values = [self._fitted(rows, objective, inactive)["algorithm"] for objective in OBJECTIVES]
                found.setdefault(name, {})[words] = float(max(values))
        return found

    def sparsity_leads(self) -> dict[str, list[Effect]]:
        """Importance of sparsity for each cost, minus that of the most important other hyperparameter."""
        return self._importances(
            COSTS, lambda table: {"": table["sparsity"] - table.drop(columns="sparsity").max(axis=1)}
        )

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
                _effect(", ".join(filter(None, (name, objective, what))), values.to_numpy())
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

    def _experiment(self, experiment: str) -> Iterator[tuple[str, pd.DataFrame]]:
        runs = self.frames.runs[self.frames.runs["experiment"] == experiment]
        for name in self.datasets():
            rows = runs[runs["dataset"] == name]
            if len(rows):
                yield name, rows

    def _searched(self, *, sparse: bool = False) -> Iterator[tuple[str, pd.DataFrame]]:
        """The trade-off of the search, or its sparse configurations."""
        for name in self.datasets():
            rows = self._points(name, "optimization")
            rows = rows[rows["algorithm"] != "dense"] if sparse else rows
            if len(rows):
                yield name, rows

    def _tradeoffs(self, *experiments: str) -> Iterator[tuple[str, list[Tradeoff]]]:
        """The data sets on which all of some experiments have points."""
        for name in self.datasets():
            found = [self._tradeoff(name, experiment) for experiment in experiments]
            if all(len(one.rows) for one in found):
                yield name, found

    def _tradeoff(self, dataset: str, experiment: str) -> Tradeoff:
        key = dataset, experiment
        if key not in self._known:
            rows = self._points(dataset, experiment).sort_values("config", ignore_index=True)
            runs = self.frames.runs
            runs = runs[(runs["dataset"] == dataset) & (runs["experiment"] == experiment)]
            table = _by_seed(runs).reindex(rows["config"]).to_numpy(dtype=float)
            generator = self._generator("redrawn", *key)
            errors = redrawn(table, min(self.replicates, FRONT_REPLICATES), generator)
            self._known[key] = Tradeoff(rows=rows, errors=errors)
        return self._known[key]

    def _points(self, dataset: str, experiment: str) -> pd.DataFrame:
        key = "points", dataset, experiment
        if key not in self._known:
            self._known[key] = fronts.points(self.frames, dataset, experiment)
        return self._known[key]

    def _mean(self, dataset: str, rows: pd.DataFrame) -> Effect | None:
        """The mean accuracy of one configuration, over its seeds."""
        if rows.empty:
            return None
        config = rows["config"].iloc[0]
        values = rows.sort_values("seed")["top1"].to_numpy(dtype=float)
        return resampled(config, values, self.replicates, self._generator("mean", dataset, config))

    def _share(self, dataset: str, which: Iterable[bool]) -> Effect:
        which = np.asarray(which, dtype=bool)
        return share(dataset, int(which.sum()), which.size, self.replicates, self._generator("share", dataset))

    def _picks(self, what: str, dataset: str, *, count: int, replicates: int | None = None) -> np.ndarray:
        """Row 0 is every configuration once, the others are drawn with replacement."""
        number = min(self.replicates, replicates or self.replicates)
        drawn = self._generator(what, dataset).integers(count, size=(number, count))
        return np.vstack([np.arange(count), drawn])

    def _generator(self, *names) -> np.random.Generator:
        """Independent draws for every effect, whatever else there is."""
        return np.random.default_rng([self.seed, zlib.crc32("\n".join(map(str, names)).encode())])


def _share_of_cost(cost: str, row: dict, dense: pd.Series) -> float:
    """A cost over that of the dense network."""
    if cost == "inference" or row["algorithm"] != "rigl":
        return float(row[cost] / dense[cost])
    kept = costs.SparseCost(
        dense=round(dense["inference"]), sparse=round(row["inference"]), interval=INTERVALS[row["dataset"]]
    )
    return costs.training(kept, method="rigl", images=MILLION) / (3 * kept.dense * MILLION)


def _axes(rows: pd.DataFrame) -> list[Axis]:
    """The hyperparameters of Table 4.2 that occur, from the least to the largest value that was drawn."""
    case = next(one for one in PAPER.values() if one.dataset == rows["dataset"].iloc[0])
    found = []
    for axis in influence.axes(space(case)):
        values = rows[axis.name].dropna()
        if axis.choices:
            found.append(axis)
        elif len(values):
            low, high = float(values.min()), float(values.max())
            found.append(replace(axis, low=low, high=high, default=min(max(axis.default, low), high)))
    return found


def _effect(label: str, values: np.ndarray) -> Effect:
    return Effect(label=label, value=float(values[0]), samples=np.asarray(values[1:], dtype=float))


def _by_seed(runs: pd.DataFrame) -> pd.DataFrame:
    """Errors by configuration, one column per run."""
    runs = runs.sort_values(["config", "seed"])
    return runs.assign(run=runs.groupby("config").cumcount()).pivot(index="config", columns="run", values="error")
