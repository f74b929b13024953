"""How far the best learning rate moves with density, what keeping that of the dense network costs, and the answer."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from pruneproxy.errors import UserError
from pruneproxy.evidence.effects import Effect, from_seeds, student_effect
from pruneproxy.evidence.tables import check_columns
from pruneproxy.evidence.verdicts import Basis, Judge
from pruneproxy.recipes.density_drift.frames import COLUMNS
from pruneproxy.recipes.density_drift.protocol import DENSE, MASKS, PARAMETRISATIONS
from pruneproxy.stats import crossfit
from pruneproxy.stats.peaks import GRID_ERROR, peaks

MARGIN = 1.0  # octaves: a factor of two, the step of the grid
CURVE = ["parametrisation", "mask", "density"]
NAMES = {"standard": "The standard parametrisation", "smupar": "SμPar"}


@dataclass(frozen=True, eq=False)
class Quantities:
    """The records of one grid: curves of accuracy over log2 of the learning rate, a column per seed."""

    frame: pd.DataFrame

    @cached_property
    def tables(self) -> dict[tuple, pd.DataFrame]:
        """(parametrisation, mask, density) -> a row per exponent and a column per seed, without seeds that lack one."""
        rows = self.frame[self.frame["top1"].notna()]
        wide = {key: part.pivot(index="exponent", columns="seed", values="top1") for key, part in rows.groupby(CURVE)}
        return {key: table.dropna(axis="columns") for key, table in wide.items()}

    def sparse(self) -> Iterator[tuple[tuple, pd.DataFrame]]:
        """The curves of all sparse networks, the densest of every kind first."""
        order = [*PARAMETRISATIONS, *MASKS]
        masked = [key for key in self.tables if key[1] != DENSE]
        for key in sorted(masked, key=lambda key: (order.index(key[0]), order.index(key[1]), -key[2])):
            yield key, self.tables[key]

    def best(self, key: tuple) -> Effect:
        """log2 of the best learning rate."""
        return _of_peaks(f"best lr {key}", self.tables[key], peaks(self.tables[key].index, self.tables[key]), 1)

    def drift(self, key: tuple) -> Effect:
        """Octaves from the best learning rate of the dense network to that of a sparse one, seed by seed."""
        now, then = self._paired(key)
        return _of_peaks(f"drift {key}", now, peaks(now.index, now) - peaks(then.index, then), 2)

    def accuracy(self, key: tuple) -> float:
        """Mean accuracy at the best learning rate, chosen on the other seeds."""
        return float(crossfit.best(self.tables[key].to_numpy(), self._near(key)).mean())

    def regret(self, key: tuple) -> Effect:
        """Points lost by training the sparse network at the dense one's best learning rate; other seeds choose both."""
        now, then = (table.to_numpy() for table in self._paired(key))
        near = self._near(key)
        lost = crossfit.best(now, near) - crossfit.at_best(then, now, near)
        return from_seeds(f"regret {key}", lost, crossfitted=True)

    def _near(self, key: tuple) -> np.ndarray:
        return crossfit.neighbours(self.tables[key].index.to_numpy()[:, None])

    def _paired(self, key: tuple) -> tuple[pd.DataFrame, pd.DataFrame]:
        now, then = self.tables[key], self.tables[key[0], DENSE, 1.0]
        seeds = now.columns.intersection(then.columns)
        return now[seeds], then[seeds]

    def at_edge(self, key: tuple) -> bool:
        """Whether a seed has its best learning rate at an end of the grid, so that it may lie beyond."""
        table = self.tables[key]
        return bool(table.idxmax().isin([table.index.min(), table.index.max()]).any())

    def table(self) -> pd.DataFrame:
        """One row per parametrisation, mask and density: drift in octaves and regret in points, with 95 % intervals."""
        rows = [self._row(key, table) for key, table in self.sparse()]
        if not rows:
            raise UserError("expected records of sparse networks and of the dense one, got none: run the grid first")
        return pd.DataFrame(rows)

    def _row(self, key: tuple, table: pd.DataFrame) -> dict:
        drift, regret = self.drift(key), self.regret(key)
        row = dict(zip(CURVE, key, strict=True)) | {"seeds": table.shape[1], "accuracy": self.accuracy(key)}
        for name, effect in (("drift", drift), ("regret", regret)):
            low, high = effect.interval or (np.nan, np.nan)
            row |= {name: effect.value, f"{name} low": low, f"{name} high": high}
        return row | {"within a factor of 2": stays(drift), "at the edge": self.at_edge(key)}


def _of_peaks(label: str, table: pd.DataFrame, values: np.ndarray, count: int) -> Effect:
    """The mean of a number per seed that is made of so many peaks, with Student's t for seeds and the grid's error.

    All seeds share the grid, whose coarseness their spread does not show (`stats.peaks`).
    """
    seeds, grid = len(values), GRID_ERROR * float(np.diff(table.index).mean())
    error = np.sqrt(values.var(ddof=1) / seeds + count * grid**2) if seeds > 1 else np.nan
    return student_effect(label, float(values.mean()), error, max(seeds - 1, 1), seeds=seeds)


def stays(drift: Effect) -> str:
    """Whether the best learning rate stays within a factor of two: yes or no where the whole interval says so."""
    if drift.interval is None or not drift.decides:
        return "not known"
    low, high = drift.interval
    if low > -MARGIN and high < MARGIN:
        return "yes"
    return "no" if low > MARGIN or high < -MARGIN else "not shown"


def answer(table: pd.DataFrame) -> str:
    """What the table says at its lowest density: whether the best learning rate moves, and whether SμPar holds it."""
    rows = table[table["density"] == table["density"].min()]
    parts = {name: rows[rows["parametrisation"] == name] for name in PARAMETRISATIONS}
    said = [_sentence(name, part) for name, part in parts.items() if len(part)]
    return f"At a density of {table['density'].min():g}, against the dense network: {'. '.join(said)}."


def _sentence(parametrisation: str, rows: pd.DataFrame) -> str:
    moves = [_moved(row) for _, row in rows.iterrows()]
    found = rows.groupby("within a factor of 2", sort=False)["mask"].agg(list)
    judged = [f"{words} for {_listed(found[word])}" for word, words in WORDS.items() if word in found]
    lost = [f"{mask} {points:.1f}" for mask, points in zip(rows["mask"], rows["regret"], strict=True)]
    return (
        f"{NAMES[parametrisation]} moves the best learning rate by so many octaves: {', '.join(moves)}. It "
        f"{_listed(judged)}. Keeping the dense network's best one loses so many points: {', '.join(lost)}"
    )


def _moved(row: pd.Series) -> str:
    known = np.isfinite(row["drift low"])
    interval = f" ({row['drift low']:+.1f} to {row['drift high']:+.1f})" if known else ""
    return f"{row['mask']} {row['drift']:+.1f}{interval}"


WORDS = {
    "no": "leaves the factor of two about the dense network's",
    "yes": "stays within a factor of two",
    "not shown": "is shown neither to stay within a factor of two nor to leave it",
    "not known": "is not known to do either, with so few seeds,",
}


def _listed(words: list[str]) -> str:
    return " and ".join(filter(None, (", ".join(words[:-1]), words[-1])))


def _measured(frame: pd.DataFrame) -> Quantities:
    check_columns(frame, COLUMNS, "the frame of density_drift")
    return Quantities(frame)


def _basis(quantities: Quantities, claim: str) -> Basis:
    return Basis()


JUDGE = Judge(stem="density_drift", measured=_measured, printed=lambda: None, basis=_basis)
