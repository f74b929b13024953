import hashlib
import json
import pickle
from dataclasses import dataclass, field, replace

import pytest

from pruneproxy.errors import UserError
from pruneproxy.recipes import hp_space
from pruneproxy.runs import Pruning, RunSpec
from pruneproxy.specs import NUMERICS, canonical, from_dict, identity, parse, to_dict
from pruneproxy.surgery import PruneConfig
from pruneproxy.train import TrainConfig

GOLDEN = ("d5cdfa3ab14c9b0a", "769d44741a4d6801")


@dataclass(frozen=True, kw_only=True)
class Inner:
    depth: int = 3


@dataclass(frozen=True, kw_only=True)
class Old:
    lr: float = 0.1
    inner: Inner = field(default_factory=Inner)


def test_only_what_differs_from_the_defaults_names_a_spec():
    assert canonical(Old()) == {}
    assert canonical(Old(lr=0.2, inner=Inner(depth=4))) == {"lr": 0.2, "inner": {"depth": 4}}


def test_a_new_field_with_a_default_changes_no_id():
    @dataclass(frozen=True, kw_only=True)
    class New(Old):
        extra: str = "none"

    New.__name__ = "Old"
    assert identity(New(lr=0.3)) == identity(Old(lr=0.3))
    assert identity(New(lr=0.3, extra="some")) != identity(Old(lr=0.3))


def test_a_tuple_of_specs_says_what_differs_in_each_and_can_be_read_back():
    @dataclass(frozen=True, kw_only=True)
    class Many:
        inner: tuple[Inner, ...] = ()

    many = Many(inner=(Inner(), Inner(depth=5)))
    assert canonical(many) == {"inner": [{}, {"depth": 5}]} and canonical(Many()) == {}
    assert from_dict(Many, to_dict(many)) == many


def test_ids_are_frozen():
    pruned = RunSpec(
        prune=Pruning(channels=PruneConfig(target=0.6, allocation="global"), scored_after=TrainConfig()), seed=2
    )
    assert (RunSpec().id, pruned.id) == GOLDEN


def test_all_specs_of_a_scale_have_different_ids():
    specs = hp_space.specs("lab")
    assert len({spec.id for spec in specs}) == len(specs)


@pytest.mark.parametrize("scale", hp_space.RECIPE.scales)
def test_a_record_holds_a_spec_that_can_be_read_back(scale):
    for spec in hp_space.specs(scale)[::40]:
        assert from_dict(RunSpec, to_dict(spec)) == spec


def test_an_id_is_a_hash_of_sorted_json_without_spaces():
    @dataclass(frozen=True, kw_only=True)
    class Zoo:
        zebra: float = 1.0
        names: tuple[str, ...] = ()
        inner: Inner | None = None
        ape: bool = False

    zoo = Zoo(ape=True, zebra=2, names=('"é"', "b"), inner=Inner(depth=1))
    said = {"zebra": 2.0, "ape": True, "names": ['"é"', "b"], "inner": {"depth": 1}}
    whole = {"kind": "Zoo", "numerics": NUMERICS, "spec": said}
    text = json.dumps(whole, sort_keys=True, separators=(",", ":"))
    assert identity(zoo) == hashlib.sha256(text.encode()).hexdigest()[:16]


def test_a_spec_that_has_told_its_id_is_equal_to_one_that_has_not_and_copies_forget_it():
    told, silent = Old(lr=0.3), Old(lr=0.3)
    identity(told)
    assert told == silent and hash(told) == hash(silent) and to_dict(told) == to_dict(silent)
    assert identity(replace(told, lr=0.4)) == identity(Old(lr=0.4)) != identity(told)
    assert identity(pickle.loads(pickle.dumps(told))) == identity(silent)


def test_a_number_that_json_does_not_have_is_refused():
    with pytest.raises(ValueError, match="not JSON compliant"):
        identity(Old(lr=float("nan")))


def test_an_unknown_field_is_named_with_the_valid_ones():
    with pytest.raises(
        UserError, match="unknown field of TrainConfig 'epocs' .did you mean 'epochs'.*: expected one of"
    ):
        from_dict(TrainConfig, {"epocs": 3})


@pytest.mark.parametrize(
    "hint,text,value",
    [
        (int, "3", 3),
        (float, "1e-3", 1e-3),
        (str, "step", "step"),
        (int | None, "none", None),
        (int | None, "7", 7),
        (bool, "true", True),
        (tuple[float, ...], "0.5,0.75", (0.5, 0.75)),
        (tuple[str, ...], "uniform", ("uniform",)),
    ],
)
def test_text_is_read_as_the_type_that_a_field_has(hint, text, value):
    assert parse(hint, text) == value


def test_text_of_another_type_is_refused():
    with pytest.raises(UserError, match="expected a whole number below 10.18, got 'many'"):
        parse(int, "many")
