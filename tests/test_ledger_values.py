"""The ledger says what is done: its values against the defaults of the package and the specs of every part."""

import pkgutil
from dataclasses import fields, is_dataclass, replace
from functools import cache
from inspect import signature
from pathlib import Path

import pytest

from pruneproxy.models import ModelConfig
from pruneproxy.models.config import plan_of, shortcut_of
from pruneproxy.recipes import RECIPES
from pruneproxy.sparse import SEMANTICS, Semantics, SparseConfig
from pruneproxy.store import Store

# The runs behind the main table of 000; its other experiments vary the choices of the ledger on purpose.
OVERRIDES = {"proxy_hpo": {"experiments": "main"}}
RECORDS = Path(__file__).parents[1] / "notebooks" / "records" / "proxy_hpo"
ROWS = [(stem, row) for stem, recipe in RECIPES.items() for row in recipe.ledger]


def named(id):
    return next(row for _, row in ROWS if row.id == id)


def owner_and_field(option):
    """The class and the name of an option that is a field, or the function and its argument; None for all others."""
    owner, _, name = option.rpartition(".")
    found = pkgutil.resolve_name(owner) if owner else None
    return (found, name) if callable(found) and name in signature(found).parameters else None


def parts(value):
    """Every configuration in a spec."""
    if isinstance(value, tuple):
        for item in value:
            yield from parts(item)
    elif is_dataclass(value):
        yield value
        for field in fields(value):
            yield from parts(getattr(value, field.name))


@cache
def configurations(stem, scale):
    """Every configuration of the specs and cases of a part at a scale, each once."""
    chosen = OVERRIDES.get(stem, {})
    found = {part: None for spec in RECIPES[stem].specs(scale, **chosen) for part in parts(spec)}
    return [*found, *RECIPES[stem].cases(scale, **chosen), *semantics(found)]


def semantics(configs):
    return {id(one): one for one in (SEMANTICS[c.semantics] for c in configs if isinstance(c, SparseConfig))}.values()


def resolved(config, name):
    """The value of a field as a ledger writes it, with what "default" or None stands for where that is known."""
    value = getattr(config, name)
    if isinstance(config, ModelConfig) and value == "default":
        return shortcut_of(config) if name == "shortcut" else next(iter(plan_of(config).strides))
    if isinstance(config, SparseConfig) and value is None and name in Semantics.__dataclass_fields__:
        return getattr(SEMANTICS[config.semantics], name)
    return written(value)


def written(value):
    """A value of a specification in the types of TOML, which has no None."""
    return "unset" if value is None else list(value) if isinstance(value, tuple) else value


def called(config):
    """The names by which a row may pick one of several configurations."""
    return {getattr(config, name, None) for name in ("field", "name", "key", "network", "sampler")} - {None}


def carried(stem, scale, option, only=None):
    """The values of an option in all specs of a part at a scale, or in the configurations of one name."""
    kind, name = owner_and_field(option)
    found = [one for one in configurations(stem, scale) if type(one) is kind and (only is None or only in called(one))]
    return list(unique(resolved(one, name) for one in found))


def unique(values):
    return {repr(value): value for value in values}.values()


def contradictions(stem, row):
    """What a row says of its option that is not so: where, what it says, what was found."""
    kind, name = owner_and_field(row.option)
    pairs = {"default": ([row.default], [default_of(kind, name)])}
    for scale, said in row.protocol.items():
        for only, value in said.items() if isinstance(said, dict) else [(None, said)]:
            expected = value if isinstance(value, list) else [value]
            pairs[scale, only] = (expected, carried(stem, scale, row.option, only))
    return {place: pair for place, pair in pairs.items() if not same(*pair)}


def same(one, other):
    """Whether two lists have the same values of the same types, in any order."""
    return sorted(map(repr, one)) == sorted(map(repr, other))


def default_of(kind, name):
    """The default of a field or argument; that of the semantics is the one of the default semantics."""
    if kind is Semantics:
        return getattr(SEMANTICS[SparseConfig().semantics], name)
    return written(signature(kind).parameters[name].default)


def runs_have(stem, kind):
    """Whether the specs or cases of a part have such a configuration."""
    return any(type(one) is kind for one in configurations(stem, "paper"))


FIELDS = [(stem, row) for stem, row in ROWS if owner_and_field(row.option)]


@pytest.mark.parametrize(("stem", "row"), FIELDS, ids=[row.id for _, row in FIELDS])
def test_a_row_says_the_default_of_its_option_and_what_the_runs_carry(stem, row):
    assert ("paper" in row.protocol) == runs_have(stem, owner_and_field(row.option)[0])
    assert not contradictions(stem, row)


@pytest.mark.parametrize(
    ("name", "protocol"),
    [
        ("000 Hyperband", {"paper": "none"}),  # so the row once said
        ("000 shortcut", {"lab": {"resnet14": "A"}}),  # this one too
        ("000 trials", {"paper": [50, 100]}),
        ("000 crop", {"paper": {"no such data": "unset"}}),
    ],
)
def test_a_row_that_says_what_no_run_carries_is_found(name, protocol):
    row = named(name)
    assert contradictions("proxy_hpo", replace(row, protocol=protocol))
    assert set(contradictions("proxy_hpo", replace(row, default="another"))) == {"default"}


def test_only_rows_with_a_field_as_option_have_values():
    assert not [row.id for _, row in ROWS if (row.protocol or row.default) and not owner_and_field(row.option)]


def test_the_committed_searches_of_000_have_the_pruner_and_the_shortcut_of_the_ledger():
    specs = [record["spec"] for record in Store(RECORDS) if record.get("kind") == "search"]
    assert {spec["pruner"] for spec in specs} == {named("000 Hyperband").protocol["lab"]}
    models = [spec["base"]["model"] for spec in specs]
    residual = {(model["name"], model["shortcut"]) for model in models if model["name"].startswith("resnet")}
    assert residual >= set(named("000 shortcut").protocol["lab"].items()) and len(dict(residual)) == len(residual)
