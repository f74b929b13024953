"""Identity. A spec is a frozen dataclass; its id is a hash of what it says beyond the defaults."""

import dataclasses
import functools
import hashlib
import json
import types
import typing

from pruneproxy.errors import UserError, choose

NUMERICS = 1  # raised whenever the same spec would give other numbers than before
_encoded = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode
_TEXT = "_canonical"  # where a spec keeps its canonical JSON: in its own dictionary, beside its fields


def to_dict(spec) -> dict:
    """Every field of a spec, nested specs included, in JSON's own types."""
    return json.loads(json.dumps(dataclasses.asdict(spec)))


def canonical(spec) -> dict:
    """The fields that differ from their defaults: adding a field with a default changes no existing id."""
    return json.loads(_text(spec))


def identity(spec) -> str:
    """The id of a spec: 16 hex digits of sha256 over its class, its canonical JSON and NUMERICS."""
    kind = json.dumps(type(spec).__name__)
    text = f'{{"kind":{kind},"numerics":{NUMERICS},"spec":{_text(spec)}}}'
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _text(spec) -> str:
    """Its canonical JSON, names in order, without spaces; kept with the spec, as specs share many of their parts."""
    kept = spec.__dict__.get(_TEXT)
    if kept is None:
        said = [
            f'"{field.name}":{_said(value)}'
            for field in _fields(type(spec))
            if (value := field.as_declared(getattr(spec, field.name))) != field.default
        ]
        kept = spec.__dict__[_TEXT] = f"{{{','.join(said)}}}"
    return kept


def _said(value) -> str:
    if dataclasses.is_dataclass(value):
        return _text(value)
    if isinstance(value, tuple):
        return f"[{','.join(map(_said, value))}]"
    return _encoded(value)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Field:
    """A field of a class of specs: its name, its default (MISSING equals nothing), whether it holds fractions."""

    name: str
    default: object
    fractions: bool

    def as_declared(self, value):
        """Whole numbers in fields of fractions as fractions: equal specs have equal ids."""
        if self.fractions and isinstance(value, tuple):
            return tuple(float(item) for item in value)
        return float(value) if self.fractions and type(value) is int else value


@functools.cache
def _fields(kind: type) -> tuple[_Field, ...]:
    """The fields of a class of specs, in the order of their names."""
    found = [
        _Field(name=field.name, default=_default(field), fractions=float in (field.type, *typing.get_args(field.type)))
        for field in dataclasses.fields(kind)
    ]
    return tuple(sorted(found, key=lambda field: field.name))


def _default(field):
    return field.default if field.default_factory is dataclasses.MISSING else field.default_factory()


def from_dict(kind: type, values: dict):
    """The spec of class `kind` with these fields; an unknown field is an error that names the valid ones."""
    hints = typing.get_type_hints(kind)
    check_names(values, hints, what=f"field of {kind.__name__}")
    return kind(**{name: _revive(hints[name], value) for name, value in values.items()})


def check_names(given, valid, *, what: str):
    """Raises when a name in `given` is not in `valid`, naming the valid ones."""
    for name in given:
        choose(name, dict.fromkeys(sorted(valid)), what)


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
