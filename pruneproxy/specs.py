"""Identity. A spec is a frozen dataclass; its id is a hash of what it says beyond the defaults."""

import dataclasses
import functools
import hashlib
import json
import math
import reprlib
import types
import typing
from collections.abc import Callable, Mapping

from pruneproxy.errors import UserError, choose
from pruneproxy.limits import LARGEST, MANY

NUMERICS = 1  # raised whenever the same spec would give other numbers than before
_encoded = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode
_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60
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
    try:
        return _encoded(value)
    except ValueError as error:
        raise UserError(f"expected finite numbers in a spec, got {value!r}: {error}") from error


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
    if not isinstance(values, Mapping):
        raise UserError(f"expected the fields of {kind.__name__} by name, got {shown(values)}")
    hints = _hints(kind)
    check_names(values, hints, what=f"field of {kind.__name__}")
    lacking = [name for name in _required(kind) if name not in values]
    if lacking:
        raise UserError(f"expected {kind.__name__} with its {', '.join(lacking)}, got none: give every field a value")
    return kind(**{name: parse(hints[name], value, name=name, words=False) for name, value in values.items()})


_hints = functools.cache(typing.get_type_hints)


@functools.cache
def _required(kind: type) -> tuple[str, ...]:
    return tuple(
        field.name for field in dataclasses.fields(kind) if _default(field) is dataclasses.MISSING and field.init
    )


def check_names(given, valid, *, what: str):
    """Raises when a name in `given` is not in `valid`, naming the valid ones."""
    for name in given:
        choose(name, dict.fromkeys(sorted(valid)), what)


def parse(hint, given, *, name: str = "", words: bool = True):
    """`given` as a value of type `hint`; what is not one is an error that says what `name` has to be.

    With `words` it is what a person gives: text stands for what it says (numbers, truths, `none`, comma-separated
    tuples), and numbers are finite.
    """
    options = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
    for option in options:
        try:
            return _as(option, given, words)
        except UserError:
            raise
        except (ValueError, OverflowError):
            continue
    where = f"{name}: " if name else ""
    raise UserError(f"{where}expected {' or '.join(map(_in_words, options))}, got {shown(given)}")


def shown(value) -> str:
    """A value as an error quotes it."""
    return _SHORT.repr(value)


def _in_words(kind) -> str:
    if typing.get_origin(kind) is tuple:
        return f"at most {MANY:,} values separated by commas, each {_in_words(typing.get_args(kind)[0])}"
    return SCALARS[kind][0] if kind in SCALARS else f"a {getattr(kind, '__name__', kind)}"


def _as(kind, given, words: bool):
    if dataclasses.is_dataclass(kind):
        if isinstance(given, Mapping):
            return from_dict(kind, given)
        if not isinstance(given, kind):
            raise ValueError(given)
        return given
    if (typing.get_origin(kind) or kind) is tuple:
        return _items(typing.get_args(kind), _split(given) if words and isinstance(given, str) else given, words)
    if words and isinstance(given, str):
        given = READ[kind](given)
    if not SCALARS[kind][1](given) or (words and isinstance(given, float) and not math.isfinite(given)):
        raise ValueError(given)
    return tuple(given) if isinstance(given, list) else given


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _items(kinds: tuple, given, words: bool) -> tuple:
    """A list as a tuple whose items are of these kinds, as type hints write them."""
    if not isinstance(given, list | tuple) or (words and len(given) > MANY):
        raise ValueError(given)
    if not kinds or kinds[-1] is Ellipsis:
        kinds = (kinds or (object,))[:1] * len(given)
    return tuple(_as(kind, item, words) for kind, item in zip(kinds, given, strict=True))


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def _nothing(text: str) -> None:
    if text.lower() != "none":
        raise ValueError(text)


def _is_whole(value) -> bool:
    return type(value) is int and abs(value) < LARGEST


def _is_number(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_plain(value) -> bool:
    if isinstance(value, list | tuple):
        return all(map(_is_plain, value))
    return value is None or isinstance(value, str | bool) or _is_number(value)


READ = {int: int, float: float, bool: _truth, str: str, type(None): _nothing, object: str}  # from words
SCALARS: dict[type, tuple[str, Callable[[object], bool]]] = {
    int: ("a whole number below 10^18", _is_whole),
    float: ("a finite number", _is_number),
    bool: ("true or false", lambda value: isinstance(value, bool)),
    str: ("a word", lambda value: isinstance(value, str)),
    type(None): ("none", lambda value: value is None),
    object: ("a number, a word, a truth or none", _is_plain),
}
