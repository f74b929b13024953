"""A protocol stated once, smaller scales as differences from it, and overrides: what every recipe has."""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields, replace
from types import ModuleType
from typing import Generic, TypeVar

from pruneproxy.errors import choose
from pruneproxy.specs import check_names, parse

Case = TypeVar("Case")  # a recipe's frozen dataclass of protocol values


@dataclass(frozen=True, kw_only=True)
class Protocol(Generic[Case]):
    """`paper` has the published cases by key, `cuts` what each scale changes in those that it has.

    `identity` are the fields that say what a case is, which nobody overrides. The value `chosen` keeps only the cases
    that it names, and `noun` says in errors what such a name stands for.
    """

    paper: Mapping[str, Case]
    cuts: Mapping[str, Mapping[str, Mapping]]
    chosen: str
    noun: str
    identity: tuple[str, ...]

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of all protocol values that may be overridden."""
        return (self.chosen, *(name for name in self._hints if name not in self.identity))

    @property
    def _hints(self) -> dict[str, type]:
        return {field.name: field.type for field in fields(next(iter(self.paper.values())))}

    def cases(self, scale: str, overrides: Mapping) -> dict[str, Case]:
        """The cases of a scale by key, with protocol values replaced.

        Values may be text, as a command line gives them; None leaves the scale's own.
        """
        cuts = choose(scale, self.cuts, "scale")
        given = {name: value for name, value in overrides.items() if value is not None}
        check_names(given, self.parameters, what="protocol value")
        names = self._names(given.pop(self.chosen, tuple(cuts)), cuts)
        values = {name: self._value(name, value) for name, value in given.items()}
        return {name: replace(self.paper[name], **(cuts[name] | values)) for name in names}

    def _names(self, given, cuts) -> tuple[str, ...]:
        names = tuple(part.strip() for part in given.split(",")) if isinstance(given, str) else tuple(given)
        for name in names:
            choose(name, cuts, f"{self.noun} at this scale")
        return names

    def _value(self, name: str, value):
        if isinstance(value, str):
            return parse(self._hints[name], value, name=name)
        return tuple(value) if isinstance(value, list) else value

    def cut(self, case: Case, key: str) -> dict[str, tuple]:
        """What `case` changes against the paper: name -> (paper, here)."""
        full = self.paper[key]
        names = [name for name in self._hints if name not in self.identity]
        pairs = {name: (getattr(full, name), getattr(case, name)) for name in names}
        return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


def loaded_when_asked_for(package: str, *modules: str) -> Callable[[str], ModuleType]:
    """The `__getattr__` of a package for its modules that draw: Matplotlib is slow to import, and few commands draw."""

    def found(name: str) -> ModuleType:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return importlib.import_module(f"{package}.{name}")

    return found


def experiments_of(overrides: Mapping, known: Mapping[str, str]) -> tuple[str, ...]:
    """The experiments that the value `experiments` asks for, all without one; it may be text with commas."""
    given = overrides.get("experiments")
    names = tuple(part.strip() for part in given.split(",")) if isinstance(given, str) else tuple(given or known)
    for name in names:
        choose(name, known, "experiment")
    return names


def keep_experiments(case: Case, wanted: tuple[str, ...]) -> Case:
    """`case` with those of its experiments that are in `wanted`."""
    return replace(case, experiments=tuple(name for name in case.experiments if name in wanted))
