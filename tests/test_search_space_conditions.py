"""Conditions, switches, defaults and tables of search spaces."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from pruneproxy.errors import UserError
from pruneproxy.models import MLPSizes, ModelConfig
from pruneproxy.runs import RunSpec
from pruneproxy.search import (
    SAMPLERS,
    Dimension,
    Outcome,
    SearchSpec,
    apply,
    budget,
    completed,
    optimise,
)
from pruneproxy.space import encoded, occurring
from pruneproxy.sparse import SparseConfig
from pruneproxy.specs import canonical, from_dict, to_dict

SPACE = (
    Dimension(field="method", choices=("rigl", "set", "dense"), default="set"),
    Dimension(field="density", low=0.01, high=1.0, when=("method", ("rigl", "set")), default=0.5),
    Dimension(field="interval", low=1, high=1e6, integer=True, when=("method", ("rigl",))),
    Dimension(field="layers", low=1, high=10, integer=True, default=2),
    Dimension(field="last", low=1, high=1000, integer=True, when=("layers", tuple(range(2, 11))), default=100),
    Dimension(field="switch.dropout", choices=(True, False), default=False),
    Dimension(field="dropout", low=0.1, high=0.5, when=("switch.dropout", (True,))),
    Dimension(field="deeper", choices=("a", "b"), when=("last", (100, 200))),
)


def plain(settings, report):
    return Outcome(value=settings.get("density", 1.0))


def expected_fields(settings):
    """What is active, written out by hand."""
    fields = {"method", "layers", "switch.dropout"}
    fields |= {"density"} if settings["method"] != "dense" else set()
    fields |= {"interval"} if settings["method"] == "rigl" else set()
    fields |= {"last"} if settings["layers"] > 1 else set()
    fields |= {"dropout"} if settings["switch.dropout"] else set()
    return fields | ({"deeper"} if settings.get("last") in (100, 200) else set())


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("storage", ["memory", "sqlite:///{}/s.db"])
def test_only_active_dimensions_are_drawn(sampler, storage, tmp_path):
    words = {"name": "c", "sampler": sampler, "trials": 8, "storage": storage.format(tmp_path)}
    for trial in optimise(plain, SPACE, **words):
        assert set(trial.settings) == expected_fields(trial.settings)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_first_trial_has_the_defaults_when_it_is_asked_for(sampler):
    first, second = optimise(plain, SPACE, name="d", sampler=sampler, trials=2, default_first=True, seed=4)
    assert first.settings == {
        "method": "set",
        "density": 0.5,
        "layers": 2,
        "last": 100,
        "switch.dropout": False,
        "deeper": "a",
    }
    assert second.settings != first.settings


def test_a_dimension_without_a_default_begins_at_its_first_choice_or_in_its_middle():
    middle = {
        Dimension(field="x", low=0.0, high=1.0): 0.5,
        Dimension(field="x", low=1e-4, high=1.0, log=True): pytest.approx(1e-2),
        Dimension(field="x", low=1, high=4, integer=True): 3,
        Dimension(field="x", choices=("b", "a")): "b",
    }
    assert all(dimension.first == value for dimension, value in middle.items())


@pytest.mark.parametrize(
    "when,expected",
    [
        (("later", (1,)), "the condition of x to name an earlier dimension, got 'later': expected one of first, whole"),
        (("x", (1,)), "an earlier dimension, got 'x'"),
        (("first", ("c",)), "values that first can have, got 'c': it could never hold"),
        (("first", ()), "got no value"),
        (("whole", (2, 5)), "values that whole can have, got 5"),
        (("whole", (1.5,)), "values that whole can have, got 1.5"),
        (("first",), r"expected \(field, values\)"),
        (("first", "a"), r"expected \(field, values\)"),
    ],
)
def test_a_condition_that_can_never_hold_is_refused(when, expected):
    with pytest.raises(UserError, match=expected):
        space = (
            Dimension(field="first", choices=("a", "b")),
            Dimension(field="whole", low=1, high=4, integer=True),
            Dimension(field="x", low=0.0, high=1.0, when=when),
            Dimension(field="later", low=1, high=4, integer=True),
        )
        optimise(plain, space, name="w", trials=1)


def test_a_default_outside_the_range_and_a_switch_with_an_interval_are_refused():
    with pytest.raises(UserError, match="the default of x to be one of its values, got 3"):
        Dimension(field="x", low=0.0, high=1.0, default=3)
    with pytest.raises(UserError, match="the default of x"):
        Dimension(field="x", choices=("a",), default="b")
    with pytest.raises(UserError, match="choices for the switch switch.x"):
        optimise(plain, (Dimension(field="switch.x", low=0.0, high=1.0),), name="s", trials=1)


def test_values_at_even_shares_are_even_draws():
    log = Dimension(field="x", low=1, high=100, integer=True, log=True)
    values = [log.at(share) for share in (np.arange(3000) + 0.5) / 3000]
    # Optuna's own: a whole number k stands for k - 1/2 to k + 1/2 of the logarithmic range.
    share = math.log(1.5 / 0.5) / math.log(100.5 / 0.5)
    assert values.count(1) / 3000 == pytest.approx(share, abs=1e-3)
    assert (values[0], values[-1]) == (1, 100) and all(log.holds(value) for value in values)
    stepped = Dimension(field="x", low=20, high=50, step=10, integer=True)
    assert [stepped.at(share) for share in (0.0, 0.3, 0.6, 0.99)] == [20, 30, 40, 50]


def test_settings_lack_what_is_inactive_and_importance_reads_them():
    trials = optimise(plain, SPACE[:4], name="t", sampler="random", trials=40)
    table = pd.DataFrame([trial.settings for trial in trials], columns=[dimension.field for dimension in SPACE])
    assert (table["density"].isna() == (table["method"] == "dense")).all()
    assert table["last"].isna().all()
    found = encoded(table, occurring(table[["method", "density"]]))
    assert found.shape == (40, 2) and (np.isnan(found[:, 1]) == (table["method"] == "dense")).all()
    assert completed(trials[0].settings, SPACE)["last"] == 100


def test_the_budget_is_fifty_per_number_and_twenty_five_per_choice():
    # 002, Sec. 5.2: 11 and 4 hyperparameters of an MLP make 650 trials, 8 and 6 of a ResNet 550.
    def space(many, few):
        numbers = [Dimension(field=f"n{n}", low=1, high=11 + n, integer=True) for n in range(many - 1)]
        choices = [Dimension(field=f"c{n}", choices=("a", "b")) for n in range(few - 1)]
        return [
            *numbers,
            Dimension(field="r", low=0.0, high=1.0),
            *choices,
            Dimension(field="s", low=1, high=10, integer=True),
        ]

    assert budget(space(11, 4)) == 650 and budget(space(8, 6)) == 550
    assert budget(space(3, 2), per_continuous=2, per_choice=1) == 8


BASE = RunSpec(
    model=ModelConfig(name="resnet_stages", blocks=(2, 2, 2)),
    sparse=SparseConfig(method="set"),
)


def test_places_in_tuples_switches_and_nested_fields_are_applied_at_once():
    changed = apply(BASE, {"model.blocks.1": 4, "model.blocks.0": 1, "switch.dropout": True, "sparse.density": 0.25})
    assert changed == replace(
        BASE, model=replace(BASE.model, blocks=(1, 4, 2)), sparse=SparseConfig(method="set", density=0.25)
    )
    mlp = replace(BASE, model=ModelConfig(name="mlp", sizes=MLPSizes(layers=2)))
    assert apply(mlp, {"model.sizes.layers": 3, "model.sizes.middle": 7}).model.sizes.widths == (100, 7, 100)
    # Either of these alone would be refused.
    momentum = {"train.nesterov": True, "train.momentum": 0.5}
    still = replace(BASE, train=replace(BASE.train, momentum=0.0))
    assert apply(still, momentum).train.nesterov


@pytest.mark.parametrize(
    "field,expected",
    [
        ("model.depth", "unknown field of ModelConfig 'depth'.*expected one of blocks, dropout"),
        ("model.blocks.3", "expected a place from 0 to 2 in model.blocks, got '3'"),
        ("model.sizes.layers", "expected the base to have model.sizes, got None, so model.sizes.layers has no place"),
        ("model.blocks.0.x", "expected a field of the base spec, got 'model.blocks.0.x'"),
    ],
)
def test_a_field_that_no_model_has_is_one_sentence(field, expected):
    with pytest.raises(UserError, match=expected) as caught:
        SearchSpec(base=BASE, space=(Dimension(field=field, low=1, high=4, integer=True),))
    assert "\n" not in str(caught.value)


def test_what_a_dimension_gains_changes_no_id_and_can_be_read_back():
    old = Dimension(field="train.lr", low=0.1, high=1.0)
    assert set(canonical(old)) == {"field", "low", "high"}
    new = replace(SPACE[1], field="sparse.density", when=("sparse.method", ("set",)))
    space = (Dimension(field="sparse.method", choices=("set", "dense")), new)
    search = SearchSpec(base=BASE, space=space)
    assert from_dict(SearchSpec, to_dict(search)) == search
