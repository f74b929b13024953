"""What is chosen by its accuracy is chosen on validation images, unless an option names the test images."""

from dataclasses import fields, is_dataclass, replace

import pytest
import torch

from pruneproxy import runs
from pruneproxy.data import DataConfig
from pruneproxy.models import ModelConfig
from pruneproxy.recipes import RECIPES
from pruneproxy.runs import RunSpec
from pruneproxy.search import SearchSpec, TradeoffSpec, WinnerSpec
from pruneproxy.space import Dimension
from pruneproxy.store import Store
from pruneproxy.train import TrainConfig
from pruneproxy.tuning.trainer import of_tensors

BASE = RunSpec(
    data=DataConfig(train_images=40, eval_images=20, holdout=0.3),
    model=ModelConfig(name="resnet8"),
    train=TrainConfig(epochs=1, batch_size=20, evaluate_on="validation"),
)
SEARCH = SearchSpec(
    base=BASE, space=(Dimension(field="train.lr", low=0.01, high=0.1, log=True),), sampler="random", trials=2
)
PLACES = [(stem, scale) for stem, recipe in RECIPES.items() for scale in recipe.scales]


def within(spec):
    """A spec and all that it holds."""
    yield spec
    for field in fields(spec):
        value = getattr(spec, field.name)
        for part in value if isinstance(value, tuple) else (value,):
            if is_dataclass(part):
                yield from within(part)


def searches(stem, scale):
    return {
        part: None
        for spec in RECIPES[stem].specs(scale)
        for part in within(spec)
        if isinstance(part, SearchSpec | TradeoffSpec)
    }


@pytest.mark.parametrize(("stem", "scale"), PLACES)
def test_no_search_of_a_recipe_chooses_on_the_test_images(stem, scale):
    assert {found.base.train.evaluate_on for found in searches(stem, scale)} <= {"validation"}


def test_the_recipes_have_searches_of_both_kinds():
    assert {type(found) for stem, _ in PLACES for found in searches(stem, "smoke")} == {SearchSpec, TradeoffSpec}


@pytest.mark.parametrize("on", ["validation", "test"])
def test_a_record_says_on_which_images_it_was_evaluated_or_chosen(tmp_path, on):
    base = replace(BASE, train=replace(BASE.train, evaluate_on=on))
    store = Store(tmp_path)
    found = runs.ensure(replace(SEARCH, base=base), store)
    trial = store.get(found["trials"][0]["run"])
    assert found["data"]["evaluated_on"] == trial["data"]["evaluated_on"] == on


@pytest.mark.parametrize("on", ["validation", "test"])
def test_the_record_of_a_winner_says_on_which_images_it_was_chosen_and_on_which_it_was_evaluated(tmp_path, on):
    search = replace(SEARCH, base=replace(BASE, train=replace(BASE.train, evaluate_on=on)))
    target = replace(BASE, train=replace(BASE.train, evaluate_on="test"))
    found = runs.ensure(WinnerSpec(search=search, target=target), Store(tmp_path))
    assert (found["data"]["selected_on"], found["data"]["evaluated_on"]) == (on, "test")


def test_a_warm_started_search_says_so_too(tmp_path):
    found = runs.ensure(replace(SEARCH, warm_start=True), Store(tmp_path))
    assert found["data"]["evaluated_on"] == "validation"


def test_the_splits_of_tensors_share_no_row():
    rows = torch.arange(97).float()[:, None]
    found = of_tensors(rows, torch.arange(97) % 3, 0.2)
    splits = [{row.item() for row in split.take(torch.arange(len(split)))} for split in (found.train, found.validation)]
    splits.append({row.item() for row in found.test.take(torch.arange(len(found.test)))})
    assert set.union(*splits) == set(range(97)) and sum(map(len, splits)) == 97
