"""What each hyperparameter may be, how its values become numbers, and what stands for it where it is inactive."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pruneproxy.errors import UserError

GAP = 0.5  # how far below the range an inactive value lies, as a share of the range
SLACK = 1e-6  # thresholds of trees are rounded to 32 bits


@dataclass(frozen=True, kw_only=True)
class Axis:
    """One hyperparameter: an interval from `low` to `high`, or `choices`; drawn evenly, or evenly in its logarithm.

    `default` stands for it where it is inactive, if that is asked for. A missing value in a frame of settings says
    that a hyperparameter is inactive there.
    """

    name: str
    low: float | None = None
    high: float | None = None
    log: bool = False
    integer: bool = False
    choices: tuple = ()
    default: object = None

    def __post_init__(self):
        if bool(self.choices) == (self.low is not None or self.high is not None):
            raise UserError(f"expected either choices or low and high for {self.name}: give one of them")
        if self.choices:
            if self.log or self.integer or len(set(self.choices)) < len(self.choices):
                raise UserError(f"expected choices of {self.name} that differ, without log and integer")
        elif not (np.isfinite([self.low, self.high]).all() and self.low <= self.high):
            raise UserError(f"expected finite low <= high for {self.name}, got {self.low} and {self.high}")
        elif self.log and self.low <= 0:
            raise UserError(f"expected a low end of {self.name} above 0 for a logarithmic scale, got {self.low}")

    @property
    def counted(self) -> bool:
        """Whether the hyperparameter takes single values only."""
        return self.integer or bool(self.choices)

    @property
    def ends(self) -> tuple[float, float]:
        """The least and the largest number that `encode` returns."""
        if self.choices:
            return 0.0, float(len(self.choices) - 1)
        return tuple(np.log10([self.low, self.high])) if self.log else (float(self.low), float(self.high))

    @property
    def absent(self) -> float:
        """A number below all others, for an inactive hyperparameter that is a level of its own."""
        low, high = self.ends
        return low - (GAP * (high - low) or 1.0)

    def encode(self, values) -> np.ndarray:
        """The values as numbers: places of choices, log10 on a logarithmic scale; NaN where there is none."""
        values = pd.Series(values)
        there = values.notna().to_numpy()
        numbers = np.full(len(values), np.nan)
        kept = values[there]
        if self.choices:
            places = {value: place for place, value in enumerate(self.choices)}
            strange = [value for value in kept if value not in places]
            if strange:
                expected = ", ".join(map(str, self.choices))
                raise UserError(f"expected {self.name} to be one of {expected}, got {strange[0]!r}")
            numbers[there] = [places[value] for value in kept]
            return numbers
        plain = kept.to_numpy(dtype=float)
        wide = SLACK * max(abs(self.low), abs(self.high))
        if ((plain < self.low - wide) | (plain > self.high + wide)).any():
            raise UserError(
                f"expected {self.name} between {self.low:g} and {self.high:g}, got {plain.min():g} to {plain.max():g}: "
                "widen the axis"
            )
        numbers[there] = np.log10(plain) if self.log else plain
        return numbers

    def below(self, cut) -> np.ndarray:
        """The probability of an encoded value up to `cut` when the hyperparameter is drawn from its range."""
        cut = np.asarray(cut, dtype=float)
        if self.choices:
            return np.clip((np.floor(cut + SLACK) + 1) / len(self.choices), 0, 1)
        low, high = self.ends
        if self.integer:
            # A whole number k stands for the interval from k - 1/2 to k + 1/2.
            top = np.floor((10**cut if self.log else cut) * (1 + SLACK * np.sign(cut)) + SLACK) + 0.5
            first, last = self.low - 0.5, self.high + 0.5
            top, first, last = (np.log(np.maximum(end, 0.5)) if self.log else end for end in (top, first, last))
            return np.clip((top - first) / (last - first), 0, 1)
        return np.clip((cut - low) / (high - low), 0, 1) if high > low else (cut >= low).astype(float)

    def draw(self, uniform) -> np.ndarray:
        """Encoded values drawn from the range, from numbers drawn evenly between 0 and 1."""
        uniform = np.asarray(uniform, dtype=float)
        low, high = self.ends
        if self.choices:
            return np.minimum(np.floor(uniform * len(self.choices)), high)
        if not self.integer:
            return low + uniform * (high - low)
        first, last = self.low - 0.5, self.high + 0.5
        if self.log:
            exact = first * (last / first) ** uniform
            return np.log10(np.clip(np.rint(exact), self.low, self.high))
        return np.clip(np.rint(first + uniform * (last - first)), self.low, self.high)


def axes_of(settings: pd.DataFrame) -> tuple[Axis, ...]:
    """An axis per column of a frame: from the least to the largest number, or the words and truths that occur."""
    return tuple(_axis(name, settings[name].dropna()) for name in settings)


def encoded(settings: pd.DataFrame, axes: Sequence[Axis]) -> np.ndarray:
    """The columns of a frame that the axes name as numbers, NaN where a hyperparameter is inactive."""
    named(settings, axes)
    return np.column_stack([axis.encode(settings[axis.name]) for axis in axes])


def named(settings: pd.DataFrame, axes: Sequence[Axis]):
    """An error unless there is at least one axis, and a column for each."""
    missing = [axis.name for axis in axes if axis.name not in settings]
    if missing:
        raise UserError(f"expected a column for every hyperparameter, got none for {', '.join(missing)}")
    if not axes:
        raise UserError("expected at least one hyperparameter, got none")


def _axis(name, values) -> Axis:
    if values.empty:
        raise UserError(f"expected at least one configuration with a value of {name}, got none: leave the column out")
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return Axis(name=str(name), low=float(values.min()), high=float(values.max()))
    return Axis(name=str(name), choices=tuple(sorted(values.unique(), key=str)))
