"""What is searched: named dimensions, and how a setting becomes a field of a spec."""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence

import pandas as pd
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution

from pruneproxy.errors import UserError
from pruneproxy.specs import check_names

SWITCH = "switch."  # how the fields begin that no spec has


@dataclasses.dataclass(frozen=True, kw_only=True)
class Dimension:
    """One hyperparameter: an interval from `low` to `high`, or a choice.

    `field` is a dotted field of a run's spec such as `train.lr` or `model.blocks.0`, or any name where no spec is
    searched; a choice called `switch.NAME` is no field of a spec and only turns others on. `log` draws evenly in the
    logarithm, `step` keeps to low, low + step, ..., and `integer` to whole numbers.

    `when` is (field, values): the dimension is active, and drawn, only where that earlier dimension is active and has
    one of the values. `default` is where a search may begin; without one it is the first choice or the middle.
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
        if not _is_number(value) or not self.low <= value <= self.high:
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


def _is_number(value) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)


def check_space(space: Sequence[Dimension]):
    """Raises when there is nothing to search, one field twice, or a condition that can never hold."""
    fields = [dimension.field for dimension in space]
    if not fields:
        raise UserError("expected at least one dimension to search, got none")
    twice = sorted({field for field in fields if fields.count(field) > 1})
    if twice:
        raise UserError(f"expected every dimension once, got {twice[0]} twice: remove one")
    earlier = {}
    for dimension in space:
        if dimension.when is not None:
            _check_when(dimension, earlier)
        if dimension.field.startswith(SWITCH) and not dimension.choices:
            raise UserError(f"expected choices for the switch {dimension.field}, got an interval")
        earlier[dimension.field] = dimension


def _check_when(dimension: Dimension, earlier: Mapping[str, Dimension]):
    field, values = dimension.when
    if field not in earlier:
        raise UserError(
            f"expected the condition of {dimension.field} to name an earlier dimension, got {field!r}: "
            f"expected one of {', '.join(earlier) or 'none, as it is the first'}"
        )
    strange = [value for value in values if not earlier[field].holds(value)]
    if strange or not values:
        got = repr(strange[0]) if strange else "no value"
        raise UserError(
            f"expected the condition of {dimension.field} to name values that {field} can have, got {got}: "
            "it could never hold"
        )


def active(dimension: Dimension, settings: Mapping[str, object]) -> bool:
    """Whether a dimension has a value beside these settings of earlier ones, which lack inactive ones."""
    if dimension.when is None:
        return True
    field, values = dimension.when
    return field in settings and settings[field] in values


def completed(settings: Mapping[str, object], space: Sequence[Dimension]) -> dict:
    """The same settings with the default in place of every inactive value, as models of the whole space need them."""
    return {dimension.field: settings.get(dimension.field, dimension.first) for dimension in space}


def restricted(settings: Mapping[str, object], space: Sequence[Dimension]) -> dict:
    """The settings without values of inactive dimensions."""
    found = {}
    for dimension in space:
        if active(dimension, found):
            found[dimension.field] = settings[dimension.field]
    return found


def settings_table(trials: Iterable, space: Sequence[Dimension]) -> pd.DataFrame:
    """A row per trial (of a search or of its record) and a column per dimension; missing where it is inactive."""
    rows = [trial["settings"] if isinstance(trial, Mapping) else trial.settings for trial in trials]
    return pd.DataFrame({dimension.field: _column([row.get(dimension.field) for row in rows]) for dimension in space})


def _column(values: Sequence) -> pd.Series:
    """Numbers with NaN where there are none; words and truths as they are, with None."""
    numbers = all(value is None or _is_number(value) for value in values)
    return pd.Series(values, dtype=float if numbers else object)


def budget(space: Sequence[Dimension], per_continuous: int = 50, per_choice: int = 25, small: int = 10) -> int:
    """Trials for a space by 002's rule, 50 d + 25 c (Sec. 5.2).

    d counts real numbers and whole ones with more than `small` values, c choices and whole numbers with fewer.
    """
    many = sum(_values(dimension) > small and not dimension.choices for dimension in space)
    return per_continuous * many + per_choice * (len(space) - many)


def _values(dimension: Dimension) -> float:
    if dimension.choices:
        return len(dimension.choices)
    if not (dimension.integer or dimension.step):
        return math.inf
    return math.floor((dimension.high - dimension.low) / (dimension.step or 1) + 1e-9) + 1


def apply(spec, settings: Mapping[str, object]):
    """`spec` with the dotted fields in `settings` replaced, all at once; switches are left out.

    An unknown field is an error that names the valid ones.
    """
    tree: dict = {}
    for field, value in settings.items():
        if not field.startswith(SWITCH):
            *path, name = field.split(".")
            branch = tree
            for step in path:
                branch = branch.setdefault(step, {})
            branch[name] = _Value(value)
    return _replaced(spec, tree, at="")


@dataclasses.dataclass(frozen=True)
class _Value:
    """A leaf of the tree of changes."""

    value: object


def _replaced(spec, tree, *, at: str):
    """`spec` with the changes below the dotted place `at`."""
    if isinstance(tree, _Value):
        return tree.value
    if spec is None:
        raise UserError(f"expected the base to have {at}, got None, so {at}.{next(iter(tree))} has no place: set it")
    if isinstance(spec, tuple):
        return _with_items(spec, tree, at)
    if not dataclasses.is_dataclass(spec):
        whole = f"{at}.{next(iter(tree))}"
        raise UserError(
            f"expected a field of the base spec, got {whole!r}: {spec!r} has no field {whole.split('.')[-1]!r}"
        )
    check_names(tree, [field.name for field in dataclasses.fields(spec)], what=f"field of {type(spec).__name__}")
    dots = f"{at}." if at else ""
    return dataclasses.replace(
        spec, **{name: _replaced(getattr(spec, name), part, at=f"{dots}{name}") for name, part in tree.items()}
    )


def _with_items(items: tuple, tree: Mapping, at: str) -> tuple:
    places = [str(place) for place in range(len(items))]
    strange = [place for place in tree if place not in places]
    if strange:
        raise UserError(f"expected a place from 0 to {len(items) - 1} in {at}, got {strange[0]!r}")
    return tuple(
        _replaced(item, tree[place], at=f"{at}.{place}") if place in tree else item
        for place, item in zip(places, items, strict=True)
    )
