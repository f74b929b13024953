"""How a reader writes a space of hyperparameters: a dictionary from names to ranges or lists of choices."""

import dataclasses
from collections.abc import Mapping

from pruneproxy.errors import UserError
from pruneproxy.search import Dimension
from pruneproxy.specs import check_names

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


def choice(*values) -> Range:
    """One of the values; a list in the space means the same: `choice(32, 64, 128)`."""
    return {"choices": tuple(values)}


def dimensions(space: Mapping[str, Range | list | Dimension]) -> tuple[Dimension, ...]:
    """The space as `search` reads it, in the order of its names."""
    if not isinstance(space, Mapping) or not space:
        raise UserError(
            f"expected a space like {{'lr': log(1e-4, 1), 'batch_size': [32, 64]}}, got {space!r}: name at least one "
            f"hyperparameter"
        )
    return tuple(_dimension(name, value) for name, value in space.items())


def _dimension(name: str, value) -> Dimension:
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
