"""One hyperparameter: what it may be, how it is drawn, and how its values become numbers."""

import dataclasses
import math

import numpy as np
import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from pruneproxy.errors import UserError

GAP = 0.5  # how far below the range an inactive value lies, as a share of the range
SLACK = 1e-6  # thresholds of trees are rounded to 32 bits


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dimension:
    """One hyperparameter: an interval from `low` to `high`, or a choice.

    `field` is a dotted field of a run's spec such as `train.lr` or `model.blocks.0`, or any name where no spec is
    searched; a choice called `switch.NAME` is no field of a spec and only turns others on. `log` draws evenly in the
    logarithm, `step` keeps to low, low + step, ..., and `integer` to whole numbers.

    `when` is (field, values): the dimension is active, and drawn, only where that earlier dimension is active and has
    one of the values. `default` is where a search may begin; without one it is the first choice or the middle.

    Models read a value as a number: its place among the choices, or itself, as log10 on a logarithmic scale.
    """

    field: str
    low: float | None = None
    high: float | None = None
    log: bool = False
    integer: bool = False
    step: float | None = None
    choices: tuple = ()
    when: tuple[str, tuple] | None = None
    default: object = None

    def __post_init__(self):
        if self.choices:
            self._check_choices()
        else:
            self._check_interval()
        if self.when is not None:
            self._check_condition()
        if self.default is not None and not self.holds(self.default):
            raise UserError(f"expected the default of {self.field} to be one of its values, got {self.default!r}")

    def _check_choices(self):
        if (self.low, self.high, self.step, self.log, self.integer) != (None, None, None, False, False):
            raise UserError(f"expected either choices or an interval for {self.field}, got both: leave one out")
        strange = [value for value in self.choices if not isinstance(value, (bool, int, float, str, type(None)))]
        if strange:
            raise UserError(
                f"expected choices of {self.field} to be numbers, words, true, false or None, got {strange[0]!r}"
            )
        if len(set(self.choices)) < len(self.choices):
            raise UserError(f"expected choices of {self.field} that differ, got {self.choices!r}: remove one")

    def _check_interval(self):
        ends = (self.low, self.high)
        if not all(is_number(end) for end in ends):
            raise UserError(
                f"expected finite numbers as low and high of {self.field}, or choices, got {ends[0]!r} and {ends[1]!r}"
            )
        if self.low > self.high:
            raise UserError(
                f"expected the low end of {self.field} to be at most the high one, got {self.low:g} > {self.high:g}: "
                "swap them"
            )
        if self.log and self.low <= 0:
            raise UserError(
                f"expected a low end of {self.field} above 0 for a logarithmic scale, got {self.low:g}: raise it or "
                "leave log out"
            )
        if self.integer and not all(float(end).is_integer() for end in (*ends, self.step or 1)):
            raise UserError(f"expected whole numbers for the integer {self.field}, got {self.low:g} to {self.high:g}")
        if self.step is not None and (self.log or not is_number(self.step) or self.step <= 0):
            raise UserError(
                f"expected a step of {self.field} above 0 on a linear scale, got {self.step!r}"
                + (" on a logarithmic one" if self.log else "")
            )

    def _check_condition(self):
        if len(self.when) != 2 or not isinstance(self.when[0], str) or not isinstance(self.when[1], (tuple, list)):
            raise UserError(f"expected (field, values) as the condition of {self.field}, got {self.when!r}")
        object.__setattr__(self, "when", (self.when[0], tuple(self.when[1])))

    @property
    def distribution(self) -> BaseDistribution:
        """The same for Optuna."""
        if self.choices:
            return CategoricalDistribution(self.choices)
        if self.integer:
            return IntDistribution(int(self.low), int(self.high), log=self.log, step=int(self.step or 1))
        return FloatDistribution(float(self.low), float(self.high), log=self.log, step=self.step)

    @property
    def ends(self) -> tuple:
        """All choices, or the two ends of the interval."""
        if self.choices:
            return self.choices
        return tuple(int(end) if self.integer else float(end) for end in (self.low, self.high))

    @property
    def first(self):
        """The default, or what stands for it."""
        if self.default is not None:
            return self.default
        return self.choices[0] if self.choices else self.at(0.5)

    def holds(self, value) -> bool:
        """Whether it can have this value."""
        if self.choices:
            return value in self.choices
        if not is_number(value) or not self.low <= value <= self.high:
            return False
        steps = (value - self.low) / (self.step or 1)
        return math.isclose(steps, round(steps), abs_tol=1e-9) or not (self.integer or self.step)

    def at(self, share: float):
        """The value at a share from 0 to 1 of the range: even shares give values as a random draw does."""
        if self.choices:
            return self.choices[min(int(share * len(self.choices)), len(self.choices) - 1)]
        if self.log:
            edge = 0.5 if self.integer else 0.0  # a whole number k stands for k - 1/2 to k + 1/2
            low, high = math.log(self.low - edge), math.log(self.high + edge)
            return self._inside(math.exp(low + share * (high - low)))
        if self.integer or self.step:
            step = self.step or 1
            count = math.floor((self.high - self.low) / step + 1e-9) + 1
            return self._inside(self.low + step * min(int(share * count), count - 1))
        return self._inside(self.low + share * (self.high - self.low))

    def _inside(self, value: float):
        value = min(max(value, self.low), self.high)
        return round(value) if self.integer else float(value)

    def place(self, value) -> float:
        """A number for a value: from 0 to 1 along the range, the position among choices."""
        if self.choices:
            return float(self.choices.index(value))
        low, high, value = (math.log(end) if self.log else float(end) for end in (self.low, self.high, value))
        return (value - low) / (high - low) if high > low else 0.0

    @property
    def counted(self) -> bool:
        """Whether it takes whole numbers or choices only."""
        return self.integer or bool(self.choices)

    @property
    def limits(self) -> tuple[float, float]:
        """The least and the largest number that `encode` returns."""
        if self.choices:
            return 0.0, float(len(self.choices) - 1)
        return tuple(np.log10([self.low, self.high])) if self.log else (float(self.low), float(self.high))

    @property
    def absent(self) -> float:
        """A number below all others, for an inactive hyperparameter that is a level of its own."""
        low, high = self.limits
        return low - (GAP * (high - low) or 1.0)

    def encode(self, values) -> np.ndarray:
        """The values as numbers; NaN where there is none."""
        values = pd.Series(values)
        there = values.notna().to_numpy()
        numbers = np.full(len(values), np.nan)
        numbers[there] = self._places(values[there]) if self.choices else self._scaled(values[there])
        return numbers

    def _places(self, values: pd.Series) -> list[int]:
        places = {value: place for place, value in enumerate(self.choices)}
        strange = [value for value in values if value not in places]
        if strange:
            expected = ", ".join(map(str, self.choices))
            raise UserError(f"expected {self.field} to be one of {expected}, got {strange[0]!r}")
        return [places[value] for value in values]

    def _scaled(self, values: pd.Series) -> np.ndarray:
        plain = values.to_numpy(dtype=float)
        wide = SLACK * max(abs(self.low), abs(self.high))
        if ((plain < self.low - wide) | (plain > self.high + wide)).any():
            raise UserError(
                f"expected {self.field} between {self.low:g} and {self.high:g}, got {plain.min():g} to "
                f"{plain.max():g}: widen it"
            )
        return np.log10(plain) if self.log else plain

    def below(self, cut) -> np.ndarray:
        """The probability of an encoded value up to `cut` when the hyperparameter is drawn from its range."""
        cut = np.asarray(cut, dtype=float)
        if self.choices:
            return np.clip((np.floor(cut + SLACK) + 1) / len(self.choices), 0, 1)
        low, high = self.limits
        if self.integer:
            # A whole number k stands for the interval from k - 1/2 to k + 1/2.
            top = np.floor((10**cut if self.log else cut) * (1 + SLACK * np.sign(cut)) + SLACK) + 0.5
            first, last = self.low - 0.5, self.high + 0.5
            top, first, last = (np.log(np.maximum(end, 0.5)) if self.log else end for end in (top, first, last))
            return np.clip((top - first) / (last - first), 0, 1)
        return np.clip((cut - low) / (high - low), 0, 1) if high > low else (cut >= low).astype(float)

    def draw(self, uniform) -> np.ndarray:
        """Encoded values drawn from the range, from numbers drawn evenly between 0 and 1."""
        return self.encode([self.at(share) for share in np.asarray(uniform, dtype=float)])


def is_number(value) -> bool:
    """Whether it is a finite number, and no truth."""
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
