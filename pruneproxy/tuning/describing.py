"""What a part of a study is, in words from which its name is made: equal for equal parts, also in another process.

A function is its code, its defaults and what it encloses; of the globals that it names, functions and classes of the
same module, plain values and tensors count. An object is its class and all that it holds. What is installed goes by its
name alone.
"""

import copyreg
import enum
import hashlib
import json
import sys
import types
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch

from pruneproxy.errors import UserError

PLAIN = (type(None), bool, int, float, complex, str, bytes)
CONTAINERS = (tuple, list, dict, set, frozenset)
FUNCTIONS = (types.FunctionType, types.BuiltinFunctionType, types.MethodDescriptorType, types.WrapperDescriptorType)


class Indescribable(Exception):
    """Says what has no description."""


def digest(said) -> str:
    """A short name for a description."""
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:12]


def described(part, what: str, *, strict: bool) -> list | str:
    """The description of a part; where there is none, an error if `strict`, else the name of its class."""
    try:
        return _said(part, {})
    except (Indescribable, RecursionError) as error:
        if not strict:
            return _name(type(part))
        raise UserError(
            f"cannot tell by the storage's file whether {what} is the same in a later call, for it holds {error}: give "
            f"it a method describe() that returns its settings as text, or give this study a name"
        ) from error


def _said(part, known: dict):
    """The description, nested lists of words; `known` are the parts around it and before it."""
    if isinstance(part, PLAIN) and type(part) in PLAIN:
        return [type(part).__name__, repr(part)]
    if id(part) in known:
        return ["again", known[id(part)][0]]
    if type(part) not in (tuple, frozenset):  # whether equal ones are one differs between processes
        known[id(part)] = (len(known), part)  # kept, so that no other part can have its id
    if isinstance(part, torch.Tensor):
        try:
            return _tensor(part)
        except (RuntimeError, NotImplementedError, TypeError) as error:  # sparse ones, or without values
            raise Indescribable(f"a tensor of layout {part.layout} on {part.device}") from error
    if isinstance(part, np.ndarray) and part.dtype != object:
        return ["array", str(part.dtype), list(part.shape), hashlib.sha256(part.tobytes()).hexdigest()]
    if type(part) in CONTAINERS:
        return _container(part, known)
    if isinstance(part, types.ModuleType):
        return ["module", part.__name__]
    if isinstance(part, enum.Enum):
        return ["member", _name(type(part)), part.name]
    if isinstance(part, type):
        return _class(part, known)
    if isinstance(part, FUNCTIONS):
        return _function(part, known)
    if isinstance(part, types.MethodType):
        return ["method", _said(part.__self__, known), _said(part.__func__, known)]
    if isinstance(part, types.CodeType):
        return _code(part, known)
    return _object(part, known)


def _tensor(part: torch.Tensor) -> list:
    values = part.detach().cpu().contiguous().flatten()
    found = hashlib.sha256(values.view(torch.uint8).numpy().tobytes()).hexdigest()
    return ["tensor", str(part.dtype), list(part.shape), found]


def _container(part, known: dict) -> list:
    if isinstance(part, dict):
        return ["dict", [[_said(key, known), _said(value, known)] for key, value in part.items()]]
    if isinstance(part, set | frozenset):  # their order differs between processes
        return [type(part).__name__, sorted((_said(one, dict(known)) for one in part), key=json.dumps)]
    return [type(part).__name__, [_said(one, known) for one in part]]


def _class(part: type, known: dict) -> list:
    if _installed(part):
        return ["class", _name(part)]
    members = [
        [name, _said(inside, known)]
        for name, inside in sorted((name, _behind(value)) for name, value in vars(part).items())
        if isinstance(inside, types.FunctionType) or (not name.startswith("__") and _plain(inside))
    ]
    return ["class", _name(part), [_said(base, known) for base in part.__bases__], members]


def _behind(member):
    """The function of a property or of a static, class or cached method; other members as they are."""
    for name in ("fget", "func", "__func__"):
        member = getattr(member, name, member)
    return member


def _function(part, known: dict) -> list:
    # What a function of a package makes, and does not name after itself, may enclose what is the caller's.
    if not isinstance(part, types.FunctionType) or (_installed(part) and "<locals>" not in part.__qualname__):
        return ["function", _name(part)]
    cells = [cell.cell_contents for cell in part.__closure__ or () if _filled(cell)]
    return [
        "function",
        _name(part),
        _said(part.__code__, known),
        *(_said(one, known) for one in (part.__defaults__, part.__kwdefaults__, cells)),
        [[name, _said(value, known)] for name, value in _globals(part)],
    ]


def _code(part: types.CodeType, known: dict) -> list:
    constants = [_said(one, known) for one in part.co_consts]
    return ["code", part.co_code.hex(), constants, list(part.co_names), list(part.co_varnames), list(part.co_freevars)]


def _globals(function: types.FunctionType) -> list[tuple[str, object]]:
    """The globals that a function names and that count."""
    values = function.__globals__
    found = [(name, values[name]) for name in sorted(_names(function.__code__)) if name in values]
    return [
        (name, value)
        for name, value in found
        if _plain(value)
        or isinstance(value, torch.Tensor | np.ndarray)
        or (isinstance(value, type | types.FunctionType) and value.__module__ == function.__module__)
    ]


def _names(code: types.CodeType) -> set[str]:
    inside = [_names(one) for one in code.co_consts if isinstance(one, types.CodeType)]
    return set(code.co_names).union(*inside)


def _plain(value) -> bool:
    if isinstance(value, Mapping):
        return type(value) is dict and all(map(_plain, (*value, *value.values())))
    return isinstance(value, PLAIN) or (type(value) in CONTAINERS and all(map(_plain, value)))


def _object(part, known: dict) -> list | str:
    """An object in its own words if it has some, or as it would be pickled."""
    kind = type(part)
    if not _installed(kind) and callable(getattr(part, "describe", None)):
        return [_name(kind), str(part.describe())]
    if isinstance(part, torch.Generator):
        return ["generator", _tensor(part.get_state())]
    try:
        reduced = part.__reduce_ex__(4)
    except Exception as error:
        raise Indescribable(f"a {kind.__name__}") from error
    if isinstance(reduced, str):
        return [_name(kind), reduced, _said(getattr(part, "__wrapped__", None), known)]
    make, arguments, state, items, pairs = (*reduced, None, None, None)[:5]
    makes = [] if make in (copyreg.__newobj__, copyreg.__newobj_ex__) else [_said(make, known)]
    held = [_said(one, known) for one in (arguments, state, items and list(items), pairs and list(pairs))]
    return ["object", _said(kind, known), makes, held]


def _filled(cell) -> bool:
    try:
        cell.cell_contents  # noqa: B018
    except ValueError:
        return False
    return True


def _name(part) -> str:
    return f"{getattr(part, '__module__', '')}.{getattr(part, '__qualname__', type(part).__qualname__)}"


def _installed(part) -> bool:
    """Whether a class or function belongs to Python or to an installed package, whose parts do not change by hand."""
    name = getattr(part, "__module__", None) or "builtins"
    package = name.split(".")[0]
    file = getattr(sys.modules.get(name), "__file__", None) or ""
    installed = bool({"site-packages", "dist-packages"} & set(Path(file).parts))
    return package in sys.stdlib_module_names or (installed and package != "pruneproxy")
