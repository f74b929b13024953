"""What is searched: named dimensions, and how a setting becomes a field of a spec."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from pruneproxy.errors import UserError
from pruneproxy.specs import check_names


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dimension:
    """One hyperparameter: an interval from `low` to `high`, or a choice.

    `field` is a dotted field of a run's spec such as `train.lr`, or any name where no spec is searched. `log` draws
    evenly in the logarithm, `step` keeps to low, low + step, ..., and `integer` to whole numbers.
    """

    field: str
    low: float | None = None
    high: float | None = None
    log: bool = False
    integer: bool = False
    step: float | None = None
    choices: tuple = ()

    def __post_init__(self):
        if self.choices:
            self._check_choices()
        else:
            self._check_interval()

    def _check_choices(self):
        if (self.low, self.high, self.step, self.log, self.integer) != (None, None, None, False, False):
            raise UserError(f"expected either choices or an interval for {self.field}, got both: leave one out")
        strange = [value for value in self.choices if not isinstance(value, (bool, int, float, str, type(None)))]
        if strange:
            raise UserError(
                f"expected choices of {self.field} to be numbers, words, true, false or None, got {strange[0]!r}"
            )

    def _check_interval(self):
        ends = (self.low, self.high)
        if not all(_is_number(end) for end in ends):
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
        if self.step is not None and (self.log or not _is_number(self.step) or self.step <= 0):
            raise UserError(
                f"expected a step of {self.field} above 0 on a linear scale, got {self.step!r}"
                + (" on a logarithmic one" if self.log else "")
            )

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


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def check_space(space: Sequence[Dimension]):
    """Raises when there is nothing to search, or one field twice."""
    fields = [dimension.field for dimension in space]
    if not fields:
        raise UserError("expected at least one dimension to search, got none")
    twice = sorted({field for field in fields if fields.count(field) > 1})
    if twice:
        raise UserError(f"expected every dimension once, got {twice[0]} twice: remove one")


def apply(spec, settings: Mapping[str, object]):
    """`spec` with the dotted fields in `settings` replaced; an unknown field is an error that names the valid ones."""
    for field, value in settings.items():
        spec = _replaced(spec, field.split("."), value, whole=field)
    return spec


def _replaced(spec, path: Sequence[str], value, *, whole: str):
    if not dataclasses.is_dataclass(spec):
        raise UserError(f"expected a field of the base spec, got {whole!r}: {spec!r} has no field {path[0]!r}")
    name, rest = path[0], path[1:]
    check_names([name], [field.name for field in dataclasses.fields(spec)], what=f"field of {type(spec).__name__}")
    if rest:
        value = _replaced(getattr(spec, name), rest, value, whole=whole)
    return dataclasses.replace(spec, **{name: value})
