"""Accuracy as a function of weight decay and learning rate: landscapes and their good regions."""

import numpy as np
import pandas as pd

from pruneproxy.errors import UserError

SETTING = ["lr", "weight_decay"]
LANDSCAPE = ["network", "variant"]
DESCRIPTION = ["method", "target"]
TOLERANCE = 1e-9  # an accuracy that equals a threshold on paper may miss it by a rounding error


def finished(frame: pd.DataFrame, value: str = "top1") -> pd.DataFrame:
    """The rows that hold a measured `value`: failed runs and empty cells are left out, diverged runs stay."""
    missing = [name for name in (*SETTING, value) if name not in frame]
    if missing:
        raise UserError(
            f"expected a frame of records with the columns {', '.join(missing)}, got {', '.join(map(str, frame))}"
        )
    rows = frame[frame[value].notna()]
    return rows[rows["status"] != "failed"] if "status" in rows else rows


def landscape(frame: pd.DataFrame, *, value: str = "top1") -> pd.DataFrame:
    """One row per network, variant and setting: mean of `value` over the seeds, their number `runs` and deviation `sd`.

    The deviation is the sample deviation (n - 1); it is missing where a setting was run once, as in the thesis (Sec.
    3.3).
    """
    rows = finished(frame, value)
    keys = [name for name in (*LANDSCAPE, *DESCRIPTION, *SETTING) if name in rows]
    cells = rows.groupby(keys, sort=True, dropna=False)[value]
    return cells.agg(**{value: "mean", "runs": "count", "sd": "std"}).reset_index()


def seed_deviation(frame: pd.DataFrame, *, value: str = "top1") -> float:
    """Pooled deviation between seeds of one setting, sqrt(sum (n-1) s^2 / sum (n-1)); NaN where nothing was repeated.

    It is taken over all rows given: pass a region of interest to leave out the settings that diverge.
    """
    rows = finished(frame, value)
    keys = [name for name in (*LANDSCAPE, *SETTING) if name in rows]
    cells = rows.groupby(keys, dropna=False)[value]
    freedom = (cells.count() - 1).sum()
    squares = ((rows[value] - cells.transform("mean")) ** 2).sum()
    return float(np.sqrt(squares / freedom)) if freedom > 0 else float("nan")


def single_landscape(frame: pd.DataFrame, value: str = "top1") -> pd.DataFrame:
    """The finished rows of one landscape; an error when a setting occurs twice or nothing is left."""
    rows = finished(frame, value)
    if rows.empty:
        raise UserError(
            f"expected at least one setting with a measured {value}, got none: run the missing records first"
        )
    if rows.duplicated(SETTING).any():
        raise UserError(
            "expected one row per setting of a single network and variant, got repeated settings: "
            "select one variant and average its seeds with stats.landscape(frame) first"
        )
    return rows


def roi(frame: pd.DataFrame, x: float, *, value: str = "top1") -> pd.DataFrame:
    """The rows of the x-ROI, {settings with f >= max f - x} (eq. 3.3); `x` in the unit of `value`, points."""
    if not x >= 0:
        raise UserError(f"expected a width of the region of interest of 0 points or more, got {x}")
    rows = single_landscape(frame, value)
    return rows[rows[value] >= rows[value].max() - x - TOLERANCE]


def log_points(frame: pd.DataFrame) -> np.ndarray:
    """The settings as an (n, 2) array of (log10 weight decay, log10 learning rate), the order of Table 4.1."""
    points = frame[["weight_decay", "lr"]].to_numpy(dtype=float)
    if (points <= 0).any():
        raise UserError(
            "expected positive weight decays and learning rates, got one that has no logarithm: leave it out"
        )
    return np.log10(points)


def repeatability(frame: pd.DataFrame, *, value: str = "top1") -> float:
    """Mean Spearman correlation between the landscapes of single seeds, the ceiling that noise sets; NaN for one."""
    table = finished(frame, value).pivot_table(index=SETTING, columns="seed", values=value)
    ranks = table.corr(method="spearman").to_numpy()
    pairs = ranks[np.triu_indices(len(ranks), k=1)]
    return float(np.nanmean(pairs)) if np.isfinite(pairs).any() else float("nan")
