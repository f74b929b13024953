"""A protocol stated once, smaller scales as differences from it, and overrides of any of its values by name."""

import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cached_property

from pruneproxy.errors import UserError, choose
from pruneproxy.space import apply
from pruneproxy.specs import check_names, parse

SHORT = {"data": "data.name", "model": "model.name"}  # besides the last parts of dotted names, where they are unique


@dataclass(frozen=True, kw_only=True)
class Protocol:
    """`paper` has the published cases by key, `cuts` what each scale changes in those that it has.

    A value is named as the case names it, or as a field of the case's base spec, dotted (`train.epochs`) or short
    (`epochs`) where no other field ends so; a notebook, whose names have no dots, may say `train_lr`. `identity` says
    what a case is and `set_here` what the recipe gives every spec itself: nobody overrides these. The value `chosen`
    keeps only the cases that it names, `noun` says in errors what such a name stands for, and the value `experiments`
    keeps those that the scale has too, and the cases that have any of them.
    """

    paper: Mapping[str, object]
    cuts: Mapping[str, Mapping[str, Mapping]]
    chosen: str
    noun: str
    identity: tuple[str, ...]
    set_here: tuple[str, ...] = ()
    experiments: Mapping[str, str] = field(default_factory=dict)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of all values that may be overridden, short where there is a short one."""
        return (self.chosen, *self._own, *map(self._name, self._dotted))

    @cached_property
    def _own(self) -> dict[str, object]:
        """The case's own fields and their types."""
        known = fields(next(iter(self.paper.values())))
        return {one.name: one.type for one in known if one.name not in (*self.identity, "base")}

    @cached_property
    def _dotted(self) -> dict[str, object]:
        """The fields of the base specs of all cases and their types."""
        found = {name: hint for case in self.paper.values() for name, (hint, _) in _leaves(case.base).items()}
        return {name: hint for name, hint in found.items() if name not in ("seed", *self.set_here)}

    @cached_property
    def _short(self) -> dict[str, str]:
        ends = [name.rsplit(".", 1)[-1] for name in self._dotted]
        found = dict(zip(ends, self._dotted, strict=True)) | SHORT
        taken = {*self._own, *self.identity, *(end for end in ends if ends.count(end) > 1)}
        return {name: place for name, place in found.items() if name not in taken and place in self._dotted}

    @cached_property
    def _shown(self) -> dict[str, str]:
        return {place: name for name, place in self._short.items()}

    @cached_property
    def _spellings(self) -> dict[str, str]:
        """Every name by which a field of the base spec may be called, and its dotted one."""
        dotted = {place: place for place in self._dotted}
        return dotted | {place.replace(".", "_"): place for place in self._dotted} | self._short

    def cases(self, scale: str, overrides: Mapping) -> dict[str, object]:
        """The cases of a scale by key, with protocol values replaced.

        Values may be text, as a command line gives them, or what a notebook has; None leaves the scale's own.
        """
        cuts = choose(scale, self.cuts, "scale")
        given = {name: value for name, value in overrides.items() if value is not None}
        unspelled = [name for name in given if name not in self._spellings]
        check_names(unspelled, self.parameters, what="protocol value")
        names = _names(self.chosen, given, cuts, f"{self.noun} at this scale")
        wanted = _names("experiments", given, self.experiments, "experiment")
        values = {name: self._parsed(name, value) for name, value in self._placed(given).items()}
        found = {name: self._changed(self.paper[name], self._placed(cuts[name]) | values) for name in names}
        if not self.experiments:
            return found
        kept = {name: _keeping(case, wanted) for name, case in found.items()}
        return {name: case for name, case in kept.items() if case.experiments} or kept

    def _placed(self, values: Mapping) -> dict:
        return {self._spellings.get(name, name): value for name, value in values.items()}

    def _parsed(self, name: str, value):
        return parse(self._own.get(name) or self._dotted[name], value, name=self._name(name))

    def _changed(self, case, values: Mapping):
        own = {name: value for name, value in values.items() if name in self._own}
        nested = {name: value for name, value in values.items() if name not in own}
        return replace(case, base=apply(case.base, nested), **own)

    def cut(self, case) -> dict[str, tuple]:
        """What `case` changes against the paper: name -> (paper, here)."""
        full, here = self.values(self.paper[case.key]), self.values(case)
        return {name: (full[name], value) for name, value in here.items() if full[name] != value}

    def values(self, case) -> dict[str, object]:
        """Every value of a case that may be overridden, by its name in `parameters`."""
        nested = {place: value for place, (_, value) in _leaves(case.base).items() if place in self._dotted}
        return {name: getattr(case, name) for name in self._own} | {self._name(p): value for p, value in nested.items()}

    def _name(self, place: str) -> str:
        """The short name of a field of the base spec, its dotted one where there is none."""
        return self._shown.get(place, place)


def _names(name: str, given: dict, known: Mapping, what: str) -> tuple[str, ...]:
    """The names of `known` that are given as the value `name`, which is taken out; all of them where it is not."""
    if name not in given:
        return tuple(known)
    names = parse(tuple[str, ...], given.pop(name), name=name)
    for one in names:
        choose(one, known, what)
    if not names:
        raise UserError(f"expected one {what} or more in {name}, got none: name one of {', '.join(known)}")
    return names


def _keeping(case, wanted: tuple[str, ...]):
    return replace(case, experiments=tuple(name for name in case.experiments if name in wanted))


def _leaves(spec, at: str = "") -> dict[str, tuple]:
    """The fields of a spec and of the specs in it by dotted name: type and value; none of a spec that is not there."""
    found = {}
    for one in fields(spec):
        value, name = getattr(spec, one.name), f"{at}{one.name}"
        if is_dataclass(value):
            found |= _leaves(value, f"{name}.")
        elif not any(map(is_dataclass, (one.type, *typing.get_args(one.type)))):
            found[name] = (one.type, value)
    return found
