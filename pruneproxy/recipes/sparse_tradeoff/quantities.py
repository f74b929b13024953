"""Every quantity that the claims speak of, as effects with bootstrap replicates, from the tables of records."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from pruneproxy.evidence.effects import Effect, difference, from_draws, from_seeds, generator_of, over, resampled, share
from pruneproxy.recipes.sparse_tradeoff import arithmetic, fronts
from pruneproxy.recipes.sparse_tradeoff.importances import Importances
from pruneproxy.recipes.sparse_tradeoff.pairs import ARCHITECTURES, Pairs, excess
from pruneproxy.recipes.sparse_tradeoff.volumes import Tradeoff, explained, redrawn_means, volumes
from pruneproxy.stats import CORRELATIONS, crossfit
from pruneproxy.stats.resampling import redrawn

COSTS = fronts.COST
METHODS = ("set", "rigl")
TOP = 20  # most accurate configurations, Sec. 5.3
LEAST_POINTS = 10  # of a front for a fit
FRONT_REPLICATES = 1000  # of what needs a hypervolume or a front each time
MILD = 0.7  # below this sparsity little accuracy is lost, Sec. 5.1.1
HALF = 0.5
COVERING = {"SVHN": 0.8}  # the sparsity from which on a trade-off is covered, where it is not HALF (Sec. 6.2.3)
RANGES = {"MLP": (0.4, 0.8), "ResNet": (0.7, 0.99)}  # preferred sparsities, Sec. 6.2.5


@dataclass(frozen=True, eq=False)
class Quantities(Pairs, Importances):
    """The records of the part; each method gives effects by data set, none where nothing was run.

    Means over seeds are resampled by drawing the runs of each configuration anew, shares by the number of
    configurations that they rest on, and what is fitted to configurations by drawing configurations.
    """

    frames: object
    replicates: int = 4000
    seed: int = 0
    _known: dict = field(default_factory=dict, repr=False)

    def datasets(self, architecture: str | None = None) -> tuple[str, ...]:
        """The data sets of the tables, or those with one kind of network."""
        names = dict.fromkeys([*self.frames.runs["dataset"], *self.frames.random["dataset"]])
        return tuple(name for name in names if architecture in (None, ARCHITECTURES[name]))

    def excess_losses(self) -> dict[str, list[Effect]]:
        """Accuracy of the dense network minus that of each mildly sparse one, minus what may be lost."""
        found = {}
        for name, rows in self._experiment("reproduction"):
            dense = self._mean(name, rows[rows["algorithm"] == "dense"])
            sparse = rows[(rows["algorithm"] != "dense") & (rows["sparsity"].astype(float) < MILD - 1e-9)]
            if dense is not None:
                found[name] = [
                    excess(f"{name}, {config}", difference("", dense, self._mean(name, group)), name)
                    for config, group in sparse.groupby("config")
                ]
        return {name: effects for name, effects in found.items() if effects}

    def collapses(self, sparsity: float) -> dict[str, Effect]:
        """Accuracy with RigL minus accuracy with SET at one sparsity, for MLPs with the fixed configuration."""
        found = {}
        for name, rows in self._experiment("reproduction"):
            at = rows[np.isclose(rows["sparsity"].astype(float), sparsity)]
            sides = [self._mean(name, at[at["algorithm"] == method]) for method in ("rigl", "set")]
            if ARCHITECTURES[name] == "MLP" and None not in sides:
                found[name] = difference(f"{name}, sparsity {sparsity:g}", *sides)
        return found

    def kept_ratios(self, charged: str = "performed") -> dict[str, list[Effect]]:
        """Multiplications over those of the dense network and over the share kept, by the thesis's own protocol.

        Costs follow from the settings, so nothing is estimated. RigL's dense gradients are charged at the updates that
        the interval and the end allow, or as another of `costs.RIGL_CHARGED` says.
        """
        return arithmetic.kept_ratios(charged)

    def fixed_volumes(self) -> dict[str, Effect]:
        """The hypervolume of the fixed configuration's trade-off, normalised by itself."""
        return {
            name: _effect(name, volumes([one], [np.ones(len(one.rows), dtype=bool)])[0], [one])
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
            found[name] = _effect(name, over(*volumes(sides, [first, ~first])), sides)
        return found

    def search_gains(self) -> dict[str, Effect]:
        """Highest mean accuracy of the search minus that of the fixed configuration."""
        return self._accuracy_gains("optimization", "reproduction")

    def sweep_gains(self) -> dict[str, Effect]:
        """Highest mean accuracy of the sweep minus that of the search."""
        return self._accuracy_gains("evaluation", "optimization")

    def _accuracy_gains(self, after: str, before: str) -> dict[str, Effect]:
        """Per seed, the accuracy of what is best in the other seeds of `after`, minus the same of `before`."""
        found = {}
        for name in self.datasets():
            sides = [self._accuracies(name, experiment) for experiment in (after, before)]
            if all(side.size for side in sides):
                count = min(side.shape[1] for side in sides)
                first, second = (crossfit.best(side[:, :count]) for side in sides)
                found[name] = from_seeds(name, first - second, crossfitted=True)
        return found

    def _accuracies(self, dataset: str, experiment: str) -> np.ndarray:
        """A row per configuration of a trade-off and a column per seed; those with fewer seeds are left out."""
        runs = self.frames.runs
        runs = runs[(runs["dataset"] == dataset) & (runs["experiment"] == experiment)]
        kept = self._points(dataset, experiment)["config"]
        table = 100 - _by_seed(runs[runs["config"].isin(kept)]).to_numpy(dtype=float)
        return table[np.isfinite(table).all(axis=1)]

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
                found[name] = _effect(name, over(*volumes([one], masks)), [one])
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
        best = {name: fronts.sweeps(self.frames, name)["sparsity"] for name in self.datasets()}
        return {name: self._share(name, sparsity < HALF) for name, sparsity in best.items() if len(sparsity)}

    def covering_shares(self) -> dict[str, Effect]:
        """Hypervolume of the configurations that are sparse enough over that of all."""
        found = {}
        for name, (one,) in self._tradeoffs("optimization"):
            sparse = (fronts.sparsities(one.rows) >= COVERING.get(name, HALF)).to_numpy()
            found[name] = _effect(name, over(*volumes([one], [sparse, np.ones_like(sparse)])), [one])
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
            errors = redrawn_means(table, min(self.replicates, FRONT_REPLICATES), generator)
            seeds = int((~np.isnan(table)).sum(axis=1).min()) if len(table) else 0
            self._known[key] = Tradeoff(rows=rows, errors=errors, seeds=seeds)
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
        number = min(self.replicates, replicates or self.replicates)
        return redrawn(count, number, self._generator(what, dataset))

    def _generator(self, *names) -> np.random.Generator:
        return generator_of(self.seed, *names)


def _effect(label: str, values: np.ndarray, parts: Sequence[Tradeoff] = ()) -> Effect:
    return from_draws(label, values, seeds=min((part.seeds for part in parts), default=None))


def _by_seed(runs: pd.DataFrame) -> pd.DataFrame:
    """Errors by configuration, one column per run."""
    runs = runs.sort_values(["config", "seed"])
    return runs.assign(run=runs.groupby("config").cumcount()).pivot(index="config", columns="run", values="error")
