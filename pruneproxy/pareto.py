"""Trade-offs between objectives: non-dominated sorting, normalisation, hypervolume, and what subsets cover.

The hypervolume is that of moocore (Fonseca, Paquete & Lopez-Ibanez 2006; Guerreiro & Fonseca 2018).
"""

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pruneproxy.errors import UserError, choose

DIRECTIONS = {"minimize": 1, "maximize": -1}
TIES = {
    "keep": "equal points are all in the front, or none is (the definition, eq. 3.3)",
    "drop": "of points that are exactly equal none is in the front (the released code of MO-fANOVA and MO-SMAC)",
}
REFERENCE = 1.1  # of every normalised objective (Sec. 4.3)


@dataclass(frozen=True, kw_only=True)
class Objective:
    """A column that is an objective: which direction is better, and whether it counts in orders of magnitude."""

    name: str
    direction: str = "minimize"
    log: bool = False

    def __post_init__(self):
        choose(self.direction, DIRECTIONS, "direction")


def dominates(a, b, *, direction) -> bool:
    """Whether point `a` is nowhere worse than `b` and somewhere better (eq. 3.3)."""
    a, b = (_costs([point], direction)[0] for point in (a, b))
    return bool((a <= b).all() and (a < b).any())


def front(points, *, direction, ties: str = "keep") -> np.ndarray:
    """Which points no other point dominates.

    `direction` is "minimize" or "maximize" for all objectives, or one word for each. What happens to exact ties is
    named by `ties` (`TIES`).
    """
    choose(ties, TIES, "treatment of ties")
    costs = _costs(points, direction)
    if not len(costs):
        return np.zeros(0, dtype=bool)
    import moocore

    kept = np.asarray(moocore.is_nondominated(costs, keep_weakly=True), dtype=bool)
    if ties == "drop":
        _, place, count = np.unique(costs, axis=0, return_inverse=True, return_counts=True)
        kept &= count[place.ravel()] == 1
    return kept


def layers(points, *, direction) -> np.ndarray:
    """The layer of each point: 0 is the front, 1 the front of what is left without it, and so on; ties share one."""
    costs = _costs(points, direction)
    if not len(costs):
        return np.zeros(0, dtype=int)
    import moocore

    return np.asarray(moocore.pareto_rank(costs), dtype=int)


def hypervolume(points, *, direction, reference) -> float:
    """The size of the region that the points dominate, up to the reference point; 0 without points.

    `direction` is as in `front`, and `reference` one number for all objectives or one for each. Points that are not
    better than the reference in every objective count nothing.
    """
    costs = _costs(points, direction)
    if not len(costs):
        return 0.0
    corner = _costs([np.broadcast_to(np.asarray(reference, dtype=float), costs.shape[1:])], direction)[0]
    import moocore

    return float(moocore.hypervolume(costs, ref=corner))


def contributions(points, *, direction, reference) -> np.ndarray:
    """What the hypervolume loses without each point: 0 for dominated points and for exact ties.

    A dominated point takes over a part of what the point before it has covered, so all points stay.
    """
    points = np.asarray(points, dtype=float)
    measure = functools.partial(hypervolume, direction=direction, reference=reference)
    lost = np.zeros(len(points))
    whole = measure(points) if len(points) else 0.0
    for place in np.flatnonzero(front(points, direction=direction)) if len(points) else ():
        lost[place] = max(0.0, whole - measure(np.delete(points, place, axis=0)))
    return lost


def normalised(frame: pd.DataFrame, objectives: Sequence[Objective], *, over: pd.DataFrame) -> pd.DataFrame:
    """The objectives as costs between 0 (best) and 1 (worst of `over`), logarithms taken first (Sec. 4.3).

    `over` is the set whose extremes are used: the trade-off itself, or the rows of all experiments that are to be
    compared. An objective that is the same all over `over` becomes 0.
    """
    points, extent = (scales(rows, objectives) for rows in (frame, over))
    if extent.empty:
        raise UserError("expected at least one row to take the extremes of, got none")
    width = extent.max() - extent.min()
    same = width == 0
    strange = same & ((points - extent.min()).abs() > 0).any()
    if strange.any():
        raise UserError(
            f"expected {strange.idxmax()} to differ between the rows that give the extremes, got one value only: "
            "normalise over more rows"
        )
    return (points - extent.min()) / width.mask(same, 1.0)


def scales(frame: pd.DataFrame, objectives: Sequence[Objective]) -> pd.DataFrame:
    """The objectives as costs, log10 of those that count in orders of magnitude, before any normalisation."""
    missing = [one.name for one in objectives if one.name not in frame]
    if missing or not objectives:
        raise UserError(f"expected columns with the objectives, got none for {', '.join(missing) or 'any'}")
    columns = {}
    for one in objectives:
        values = frame[one.name].to_numpy(dtype=float)
        if not np.isfinite(values).all() or (one.log and (values <= 0).any()):
            kind = "positive and finite" if one.log else "finite"
            raise UserError(f"expected {kind} values of {one.name}, got others: leave out runs that failed or diverged")
        columns[one.name] = DIRECTIONS[one.direction] * (np.log10(values) if one.log else values)
    return pd.DataFrame(columns, index=frame.index)


def volume(
    frame: pd.DataFrame, objectives: Sequence[Objective], *, over: pd.DataFrame, reference: float = REFERENCE
) -> float:
    """The hypervolume of normalised objectives (Tables 5.2, 5.5, 5.6, 5.8), between 0.001 and 1.331 for three."""
    return hypervolume(normalised(frame, objectives, over=over), direction="minimize", reference=reference)


def volume_from(frame: pd.DataFrame, objectives: Sequence[Objective], column: str, starts, **choices) -> pd.DataFrame:
    """The hypervolume of the configurations whose `column` is at least each of `starts` (Fig. 6.4a).

    This and its three sisters return a row per subset: how many configurations it has, its `hypervolume`, and that as
    a `share` of all configurations' one. A subset leaves out the rows without a value, where the hyperparameter is
    inactive; all rows belong to the total. They take `over`, by default all rows of `frame`, and `reference`.
    """
    values = _numbers(frame, column)
    return _subsets(frame, objectives, [({"low": low}, values >= low) for low in starts], **choices)


def volume_up_to(frame: pd.DataFrame, objectives: Sequence[Objective], column: str, ends, **choices) -> pd.DataFrame:
    """The hypervolume of the configurations whose `column` is at most each of `ends` (Fig. 6.4b)."""
    values = _numbers(frame, column)
    return _subsets(frame, objectives, [({"high": high}, values <= high) for high in ends], **choices)


def volume_of_bins(frame: pd.DataFrame, objectives: Sequence[Objective], column: str, edges, **choices) -> pd.DataFrame:
    """The hypervolume between neighbouring `edges` (Fig. 6.4c): low <= value < high, the last bin with its end."""
    edges = np.asarray(edges, dtype=float)
    if edges.size < 2 or not (np.diff(edges) > 0).all():
        raise UserError(f"expected two or more edges of bins in rising order, got {edges.tolist()}")
    values, pairs = _numbers(frame, column), list(zip(edges[:-1], edges[1:], strict=True))
    parts = [
        ({"low": low, "high": high}, (values >= low) & ((values < high) | (high == edges[-1]) & (values == high)))
        for low, high in pairs
    ]
    return _subsets(frame, objectives, parts, **choices)


def volume_of_values(
    frame: pd.DataFrame, objectives: Sequence[Objective], column: str, values: Sequence | None = None, **choices
) -> pd.DataFrame:
    """The hypervolume of each value of a hyperparameter (Fig. 6.5): of `values`, or of those that occur, sorted."""
    _present(frame, column)
    values = sorted(frame[column].dropna().unique()) if values is None else values
    parts = [({"value": value}, (frame[column] == value).to_numpy(dtype=bool)) for value in values]
    return _subsets(frame, objectives, parts, **choices)


def _subsets(frame, objectives, parts, *, over=None, reference=REFERENCE) -> pd.DataFrame:
    costs = normalised(frame, objectives, over=frame if over is None else over)
    total = hypervolume(costs, direction="minimize", reference=reference)
    rows = []
    for labels, inside in parts:
        size = hypervolume(costs[inside], direction="minimize", reference=reference)
        share = size / total if total > 0 else np.nan
        rows.append({**labels, "configurations": int(inside.sum()), "hypervolume": size, "share": share})
    return pd.DataFrame(rows)


def _numbers(frame, column) -> np.ndarray:
    _present(frame, column)
    try:
        return frame[column].to_numpy(dtype=float)
    except (TypeError, ValueError):
        raise UserError(f"expected numbers in {column}, got words: use volume_of_values") from None


def _present(frame, column):
    if column not in frame:
        raise UserError(f"expected a column {column}, got {', '.join(map(str, frame))}")


def _costs(points, direction) -> np.ndarray:
    """The points as an (n, m) array in which smaller is better."""
    points = np.asarray(points, dtype=float)
    if points.size == 0:
        return points.reshape(0, points.shape[1] if points.ndim == 2 else 0)
    if points.ndim != 2 or not np.isfinite(points).all():
        raise UserError("expected a row of finite objectives per configuration: leave out runs that failed or diverged")
    words = [direction] * points.shape[1] if isinstance(direction, str) else list(direction)
    if len(words) != points.shape[1]:
        raise UserError(f"expected one direction per objective, got {len(words)} for {points.shape[1]} objectives")
    return points * [choose(word, DIRECTIONS, "direction") for word in words]
