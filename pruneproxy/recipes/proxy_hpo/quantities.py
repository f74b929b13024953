"""Every quantity that the claims speak of, as effects with bootstrap replicates, from the tables of records."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pruneproxy.evidence.effects import Cell, Effect, deviations, from_draws, generator_of, grouped, mean, resampled
from pruneproxy.importance import fanova
from pruneproxy.stats import CORRELATIONS
from pruneproxy.stats.resampling import redrawn

CASE = ["case", "network", "title", "dataset", "data"]
ITSELF, OWN, OWN_OPTIMIZER = "itself", "synflow", "tpe"
IMPORTANT, UNIMPORTANT = ("lr", "weight_decay", "decay_factor"), ("batch_size", "momentum")
FIVE = (*IMPORTANT, *UNIMPORTANT)
FEWEST_TRIALS = 4  # of a search that says which hyperparameters matter
LINEAR = ("momentum",)  # the others are searched, averaged and spread as logarithms


@dataclass(frozen=True, eq=False)
class Quantities:
    """The records of the part; each method lists effects, none where nothing was run.

    Accuracies are compared between trainings with the same search seed and the same training seed, averaged over
    training seeds; what is resampled are the search seeds.
    """

    frames: object
    replicates: int = 4000
    seed: int = 0

    def cells(self, experiment: str = "main") -> list[Cell]:
        """Proxy minus target, per case and optimizer."""
        rows = self._winners(experiment)
        found = []
        for (optimizer, *case), group in rows.groupby(["optimizer", *CASE], sort=False):
            pairs = paired(group[group["source"] == OWN], group[group["source"] == ITSELF])
            found += self._cell(case, f"proxy - target, {experiment}", pairs, optimizer=optimizer)
        return found

    def sources(self, experiment: str) -> list[Cell]:
        """Own pruned copy minus every other source of an experiment, per case."""
        rows, everything = self._winners(experiment), self._winners()
        found = []
        for (source, *case), group in rows.groupby(["source", *CASE], sort=False):
            if source not in (OWN, ITSELF):
                own = _of_case(everything, case)
                own = own[(own["source"] == OWN) & (own["optimizer"] == OWN_OPTIMIZER)]
                own = own[own["experiment"].isin(["main", experiment])].drop_duplicates(["search_seed", "seed"])
                pairs = paired(own, group)
                found += self._cell(case, f"own copy - {source}, {experiment}", pairs, source=source)
        return found

    def searches(self) -> list[Cell]:
        """Five hyperparameters minus three, per case and kind of search."""
        rows = self._winners()
        rows = rows[rows["optimizer"] == OWN_OPTIMIZER]
        found = []
        for case, group in rows.groupby(CASE, sort=False):
            for source in (ITSELF, OWN):
                kind = group[group["source"] == source]
                sides = (kind[kind["experiment"] == name] for name in ("five", "main"))
                found += self._cell(case, f"five - three, on {source}", paired(*sides), source=source)
        return found

    def optimizer_means(self) -> list[Effect]:
        """The mean of the differences of every optimizer; none unless there are two."""
        found = means(self.cells(), lambda cell: cell.optimizer)
        return found if len(found) > 1 else []

    def method_gaps(self) -> list[Cell]:
        return self.sources("feasibility")

    def family_gaps(self) -> list[Cell]:
        return self.sources("family")

    def cross_gaps(self) -> list[Cell]:
        return self.sources("cross")

    def five_gaps(self) -> list[Cell]:
        return self.cells("five")

    def five_minus_three(self) -> list[Cell]:
        return of_both_searches(self.searches())

    def spread_correlations(self) -> list[Cell]:
        return of_both_searches(self.importance_correlations())

    def _winners(self, experiment: str | None = None) -> pd.DataFrame:
        rows = self.frames.winners
        rows = rows[rows["top1"].notna()]
        return rows if experiment is None else rows[rows["experiment"] == experiment]

    def _cell(self, case, what: str, pairs: pd.Series, **more) -> list[Cell]:
        if pairs.empty:
            return []
        name = ", ".join(filter(None, (_title(case), more.get("optimizer") or more.get("source"))))
        effect = resampled(name, pairs.to_numpy(), self.replicates, generator_of(self.seed, what, *case, name))
        return [_of_network(case, effect, **more)]

    def time_reductions(self) -> list[Cell]:
        """Percent of the forward and backward time that the pruned copy saves, the mean over batch sizes."""
        return [self._timed(case, rows, lambda share, _: 100 * (1 - share)) for case, rows in self._timings()]

    def parameter_gaps(self) -> list[Cell]:
        """Percent of the parameters saved minus percent of the time saved."""
        return [
            self._timed(case, rows, lambda share, kept: 100 * (1 - kept) - 100 * (1 - share))
            for case, rows in self._timings()
        ]

    def _timings(self) -> Iterator[tuple[tuple, pd.DataFrame]]:
        """Both arms side by side at equal batch sizes, per case."""
        rows = self.frames.timings
        sides = (rows[rows["arm"] == arm] for arm in ("target", "proxy"))
        both = pd.merge(*sides, on=[*CASE, "batch_size"], suffixes=("", "_proxy"))
        return both.groupby(CASE, sort=False)

    def _timed(self, case, rows, function) -> Cell:
        generator = generator_of(self.seed, "time", *case)
        shares, kept = [], []
        for row in rows.itertuples():
            full, narrow = (self._medians(times, generator) for times in (row.samples, row.samples_proxy))
            shares.append(narrow / full)
            kept.append(row.parameters_proxy / row.parameters)
        values = function(np.mean(shares, axis=0), np.mean(kept))
        return _of_network(case, from_draws(_title(case), values))

    def _medians(self, times, generator) -> np.ndarray:
        """The median of measured times, and of these times drawn again; unknown for a single one."""
        times = np.atleast_1d(np.asarray(times, dtype=float))
        drawn = np.median(generator.choice(times, size=(self.replicates, times.size)), axis=1)
        return np.concatenate([[np.median(times)], drawn if times.size > 1 else np.full(self.replicates, np.nan)])

    def depths(self) -> list[Cell]:
        """Spearman's correlation of depth and share kept over the groups of the pruned copy; groups are resampled."""
        rows = self.frames.widths
        rows = rows[rows["source"] == OWN]
        found = []
        for case, group in rows.groupby(CASE, sort=False):
            picks = redrawn(len(group), self.replicates, generator_of(self.seed, "depth", *case))
            sides = (group[name].to_numpy(dtype=float)[picks] for name in ("place", "share"))
            effect = from_draws(_title(case), CORRELATIONS["spearman"](*sides), mirrored=True)
            found.append(_of_network(case, effect))
        return found

    def loss_shares(self) -> list[Cell]:
        """Share of the epochs in which the copy's mean training loss is above the network's."""
        return [self._curve(case, target, proxy, _above) for case, target, proxy in self._curves()]

    def loss_overlaps(self) -> list[Cell]:
        """Share of the epochs in which the bands of one deviation about both means overlap."""
        return [self._curve(case, target, proxy, _overlapping) for case, target, proxy in self._curves()]

    def _curves(self) -> Iterator[tuple[tuple, np.ndarray, np.ndarray]]:
        """(case, losses of the network, losses of the copy), each with a row per seed that both have."""
        for case, rows in self.frames.curves.groupby(CASE, sort=False):
            tables = [
                rows[rows["arm"] == arm].pivot_table(index="seed", columns="epoch", values="train_loss")
                for arm in ("target", "proxy")
            ]
            target, proxy = tables[0].align(tables[1], join="inner")
            if target.size:
                yield case, target.to_numpy(), proxy.to_numpy()

    def _curve(self, case, target, proxy, share) -> Cell:
        gap = proxy - target
        moved = gap.mean(axis=0) + deviations(gap, self.replicates, generator_of(self.seed, "curve", *case))
        bands = target.std(axis=0, ddof=1) + proxy.std(axis=0, ddof=1) if len(gap) > 1 else np.nan
        effect = Effect(
            label=_title(case), value=float(share(gap.mean(axis=0), bands)), samples=share(moved, bands), seeds=len(gap)
        )
        return _of_network(case, effect)

    def selected_distances(self) -> dict[str, list[Effect]]:
        """Per hyperparameter, the distance of the mean selected values of proxy and target in pooled deviations."""
        found: dict[str, list[Effect]] = {name: [] for name in FIVE}
        for case, arms in self._selections():
            for name in FIVE:
                found[name].append(self._distance(case, name, *(arms[source][name] for source in (OWN, ITSELF))))
        return found

    def _selections(self) -> Iterator[tuple[tuple, dict[str, pd.DataFrame]]]:
        """(case, kind of search -> the values selected by each search seed on the searched scale)."""
        rows = self._winners("five")
        for case, group in rows.groupby(CASE, sort=False):
            arms = {
                source: scaled(part.drop_duplicates("search_seed").set_index("search_seed"))
                for source, part in group.groupby("source")
            }
            if {ITSELF, OWN} <= set(arms):
                yield case, arms

    def _distance(self, case, name, proxy, target) -> Effect:
        gap = proxy.mean() - target.mean()
        freedom = len(proxy) + len(target) - 2
        spread = ((len(proxy) - 1) * proxy.var() + (len(target) - 1) * target.var()) / freedom if freedom > 1 else 0
        if spread > 0:
            generator = generator_of(self.seed, "distance", *case, name)
            moved = [deviations(side.to_numpy(), self.replicates, generator) for side in (proxy, target)]
            value, samples = abs(gap) / np.sqrt(spread), np.abs(gap + moved[0] - moved[1]) / np.sqrt(spread)
        else:  # one search each, or searches that all agree
            value, samples = (0.0 if gap == 0 else np.inf), np.full(self.replicates, np.nan)
        seeds = min(len(proxy), len(target))
        return Effect(label=f"{name}, {_title(case)}", value=float(value), samples=samples, seeds=seeds)

    def importance_correlations(self) -> list[Cell]:
        """Spearman's correlation of importance and relative spread, per case and kind of search.

        Importance is averaged over searches, the spread of the selected values is their deviation
        (`importance_of_searches`). Searches are resampled.
        """
        found = []
        for case, arms in self._selections():
            trials = finished(_of_case(self.frames.trials, case))
            for source in (ITSELF, OWN):
                part = trials[trials["source"] == source]
                sides = importance_of_searches(part, arms[source], np.ptp(scaled(trials), axis=0))
                importance, values = (side.to_numpy() for side in sides)
                if len(values) > 1:
                    picks = redrawn(len(values), self.replicates, generator_of(self.seed, "importance", *case, source))
                    ranks = CORRELATIONS["spearman"](importance[picks].mean(axis=1), values[picks].std(axis=1, ddof=1))
                    label = f"search on {source}, {_title(case)}"
                    effect = from_draws(label, ranks, seeds=len(values), mirrored=True)
                    found.append(_of_network(case, effect, source=source))
        return found


def importance_of_searches(
    trials: pd.DataFrame, selected: pd.DataFrame, ranges: np.ndarray
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A row per search and a column per hyperparameter: its importance, and its selected value over what was tried.

    The importance is the share of the variance of a search's accuracies that the hyperparameter explains alone
    (`fanova` over the mean), on the scale on which it was searched.
    """
    effects = {
        seed: fanova(scaled(rows), rows["value"], over="mean")["importance"]
        for seed, rows in trials.groupby("search_seed")
        if len(rows) >= FEWEST_TRIALS and seed in selected.index
    }
    shares = pd.DataFrame.from_dict(effects, orient="index", columns=list(FIVE))
    return shares, selected.loc[list(effects)] / np.where(ranges > 0, ranges, 1)


def _title(case) -> str:
    return f"{case[2]} on {case[4]}"


def _of_network(case, effect: Effect, **more) -> Cell:
    return Cell(effect=effect, network=case[1], dataset=case[3], **more)


def means(cells: Iterable[Cell], key) -> list[Effect]:
    """The mean effect of each group of cells."""
    return [mean(str(name), effects) for name, effects in grouped(cells, key).items()]


def of_both_searches(cells: list[Cell]) -> list[Cell]:
    """The cells, if both searches on the network and on its copy have some."""
    return cells if {cell.source for cell in cells} == {ITSELF, OWN} else []


def paired(a: pd.DataFrame, b: pd.DataFrame) -> pd.Series:
    """Per search seed, the mean over training seeds of accuracy in `a` minus accuracy in `b`, equal seeds paired."""
    both = a.merge(b, on=["search_seed", "seed"], suffixes=("_a", "_b"))
    return (both["top1_a"] - both["top1_b"]).groupby(both["search_seed"]).mean()


def scaled(rows: pd.DataFrame) -> pd.DataFrame:
    """The five hyperparameters on the scale on which they are compared."""
    return pd.DataFrame(
        {name: rows[name].astype(float) if name in LINEAR else np.log10(rows[name].astype(float)) for name in FIVE}
    )


def _of_case(rows, case) -> pd.DataFrame:
    return rows[np.logical_and.reduce([rows[name] == value for name, value in zip(CASE, case, strict=True)])]


def finished(trials: pd.DataFrame) -> pd.DataFrame:
    """The trials over five hyperparameters that ran to their end."""
    return trials[(trials["experiment"] == "five") & (trials["state"] == "complete") & trials["value"].notna()]


def _above(gap, bands):
    return (gap > 0).mean(axis=-1) * np.where(np.isnan(gap).any(axis=-1), np.nan, 1.0)


def _overlapping(gap, bands):
    return (np.abs(gap) <= bands).mean(axis=-1) * np.where(
        np.isnan(gap).any(axis=-1) | np.isnan(bands).any(), np.nan, 1
    )
