"""Identity. A spec is a frozen dataclass; its id is a hash of what it says beyond the defaults."""

import dataclasses
import hashlib
import json
import types
import typing

from pruneproxy.errors import UserError

NUMERICS = 1  # raised whenever the same spec would give other numbers than before


def to_dict(spec) -> dict:
    """Every field of a spec, nested specs included, in JSON's own types."""
    return json.loads(json.dumps(dataclasses.asdict(spec)))


def canonical(spec) -> dict:
    """The fields that differ from their defaults: adding a field with a default changes no existing id."""
    said = {}
    for field in dataclasses.fields(spec):
        value = _as_declared(field.type, getattr(spec, field.name))
        if value == _default(field):
            continue
        said[field.name] = _said(value)
    return said


def _said(value):
    if dataclasses.is_dataclass(value):
        return canonical(value)
    return tuple(_said(item) for item in value) if isinstance(value, tuple) else value


def _as_declared(hint, value):
    """Whole numbers in fields of fractions as fractions: equal specs have equal ids."""
    if float in (hint, *typing.get_args(hint)):
        if isinstance(value, tuple):
            return tuple(float(item) for item in value)
        return float(value) if type(value) is int else value
    return value


def _default(field):
    if field.default_factory is not dataclasses.MISSING:
        return field.default_factory()
    return field.default  # MISSING equals nothing


def identity(spec) -> str:
    """The id of a spec: 16 hex digits of sha256 over its class, its canonical JSON and NUMERICS."""
    said = {"kind": type(spec).__name__, "numerics": NUMERICS, "spec": canonical(spec)}
    text = json.dumps(said, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def from_dict(kind: type, values: dict):
    """The spec of class `kind` with these fields; an unknown field is an error that names the valid ones."""
    hints = typing.get_type_hints(kind)
    check_names(values, hints, what=f"field of {kind.__name__}")
    return kind(**{name: _revive(hints[name], value) for name, value in values.items()})


def check_names(given, valid, *, what: str):
    """Raises when a name in `given` is not in `valid`, naming the valid ones."""
    unknown = [name for name in given if name not in valid]
    if unknown:
        raise UserError(f"unknown {what} {unknown[0]!r}: expected one of {', '.join(sorted(valid))}")


def _revive(hint, value):
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    nested = next((option for option in options if dataclasses.is_dataclass(option)), None)
    if nested and isinstance(value, dict):
        return from_dict(nested, value)
    if isinstance(value, list):
        item = typing.get_args(hint)[0] if typing.get_origin(hint) is tuple else None
        return tuple(_revive(item, one) for one in value)
    return value


def parse(hint, text: str, *, name: str = ""):
    """`text` from a command line as a value of type `hint`: numbers, words, `none`, comma-separated tuples.

    `name` says in an error what the value is for.
    """
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for option in options:
        try:
            return _parse_as(option, text)
        except ValueError:
            continue
    where = f"{name}: " if name else ""
    raise UserError(f"{where}expected a value of type {getattr(hint, '__name__', hint)}, got {text!r}")


def _parse_as(kind, text: str):
    if kind is type(None):
        if text.lower() == "none":
            return None
        raise ValueError(text)
    if kind is bool:
        return _boolean(text)
    if typing.get_origin(kind) is tuple:
        item = typing.get_args(kind)[0]
        return tuple(_parse_as(item, part.strip()) for part in text.split(",") if part.strip())
    return kind(text)


def _boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"
