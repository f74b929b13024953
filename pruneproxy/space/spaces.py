"""What is searched: dimensions together, how they are written, and settings of them as tables and numbers."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from pruneproxy.errors import UserError
from pruneproxy.space.dimension import Dimension
from pruneproxy.specs import check_names

SWITCH = "switch."  # how the fields begin that no spec has
Range = Mapping[str, object]  # the fields of a Dimension but its name
FIELDS = [field.name for field in dataclasses.fields(Dimension) if field.name != "field"]


def log(low: float, high: float) -> Range:
    """A range in which every factor counts alike, for learning rates and weight decays: `log(1e-4, 1)`."""
    return {"low": low, "high": high, "log": True}


def linear(low: float, high: float, *, step: float | None = None) -> Range:
    """A range in which every difference counts alike: `linear(0.8, 0.99)`."""
    return {"low": low, "high": high, "step": step}


def integer(low: int, high: int, *, log: bool = False) -> Range:
    """Whole numbers, both ends included: `integer(1, 8)`."""
    return {"low": low, "high": high, "integer": True, "log": log}


def written(space: Mapping[str, Range | list | Dimension]) -> tuple[Dimension, ...]:
    """The dimensions of a space that is written as a dictionary from names to ranges or lists of choices."""
    if not isinstance(space, Mapping) or not space:
        raise UserError(
            f"expected a space like {{'lr': log(1e-4, 1), 'batch_size': [32, 64]}}, got {space!r}: name at least one "
            f"hyperparameter"
        )
    return tuple(_written(name, value) for name, value in space.items())


def _written(name: str, value) -> Dimension:
    if isinstance(value, Dimension):
        return value
    if isinstance(value, Mapping):
        check_names(value, FIELDS, what=f"word for the range of {name!r}")
        return Dimension(field=name, **value)
    if isinstance(value, list) and value:
        return Dimension(field=name, choices=tuple(value))
    raise UserError(
        f"expected a range (log, linear, integer) or a list of choices for {name!r}, got {value!r}: two numbers alone "
        f"do not say whether they are ends or choices"
    )


def occurring(settings: pd.DataFrame) -> tuple[Dimension, ...]:
    """A dimension per column of a frame: from the least to the largest number, or the words and truths that occur."""
    return tuple(_occurring(name, settings[name].dropna()) for name in settings)


def _occurring(name, values) -> Dimension:
    if values.empty:
        raise UserError(f"expected at least one configuration with a value of {name}, got none: leave the column out")
    if pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values):
        return Dimension(field=str(name), low=float(values.min()), high=float(values.max()))
    return Dimension(field=str(name), choices=tuple(sorted(values.unique().tolist(), key=str)))


def encoded(settings: pd.DataFrame, space: Sequence[Dimension]) -> np.ndarray:
    """The columns of a frame that the dimensions name as numbers, NaN where a hyperparameter is inactive."""
    check_columns(settings, space)
    return np.column_stack([dimension.encode(settings[dimension.field]) for dimension in space])


def check_columns(settings: pd.DataFrame, space: Sequence[Dimension]):
    """An error unless there is at least one dimension, and a column for each."""
    missing = [dimension.field for dimension in space if dimension.field not in settings]
    if missing:
        raise UserError(f"expected a column for every hyperparameter, got none for {', '.join(missing)}")
    if not space:
        raise UserError("expected at least one hyperparameter, got none")


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
