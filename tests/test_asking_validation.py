"""Pilots and retunings look at validation data alone, and what they cannot work with is one sentence."""

from dataclasses import replace

import pytest
import torch
from test_asking import SPACE, mlp, regression, subject, table
from torch import nn

import pruneproxy
from pruneproxy import data, tuning
from pruneproxy.asking import COPIES, Plan, pilot, retune
from pruneproxy.data import DataConfig
from pruneproxy.errors import UserError
from pruneproxy.store import Store

SMALL = {"lr": tuning.log(1e-2, 1)}


class Sealed:
    """A test split that can be carried about, but not read."""

    def to(self, device):
        return self

    def _read(self, *_):
        raise AssertionError("the test split was read")

    inputs = labels = rows = property(_read)
    __len__ = take = _read


@pytest.fixture
def sealed():
    digits = data.load(DataConfig(name="digits", train_images=100, holdout=0.15))
    return tuning.Trainer(replace(digits, test=Sealed()), epochs=2)


class Small(nn.Sequential):
    def __init__(self):
        super().__init__(
            nn.Conv2d(1, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()
        )
        self.append(nn.Linear(8, 10))


def test_neither_question_reads_the_test_split(sealed, tmp_path):
    found = pruneproxy.pilot(Small, sealed, SMALL, settings=4, records=tmp_path)
    assert {one.copy for one in found.answers} == set(COPIES)
    again = pruneproxy.retune(Small, sealed, SMALL, found.best, settings=4, records=tmp_path)
    assert again.trainings >= 4
    with pytest.raises(AssertionError, match="the test split was read"):
        sealed.test(Small())


def test_where_every_setting_diverges_it_is_said_and_kept(tmp_path):
    one = subject(table, train=lambda *_, **__: float("nan"), space=SPACE[:1], example=torch.zeros(4, 6))
    with pytest.raises(UserError, match="got 4 that all diverge: give a space of smaller"):
        pilot(one, Plan(settings=4), records=tmp_path)
    assert len(Store(tmp_path)) == 4 * 3
    with pytest.raises(UserError, match="got 4 that all diverge"):
        retune(one, {"lr": 0.1}, plan=Plan(settings=4), records=tmp_path)


def test_what_was_trained_before_a_training_that_returns_no_number_is_kept(tmp_path):
    calls = []

    def sometimes(network, settings, *, seed, report):
        calls.append(settings)
        return "no number" if len(calls) > 5 else regression(network, settings, seed=seed, report=report)

    one = subject(table, train=sometimes, space=SPACE[:1], example=torch.zeros(4, 6))
    with pytest.raises(UserError, match="return its score as a number"):
        pilot(one, Plan(settings=4), records=tmp_path)
    assert sum(record["status"] == "ok" for record in Store(tmp_path)) == 5


class Unreadable(nn.Module):
    """A network whose output no graph can be followed from."""

    def __init__(self):
        super().__init__()
        self.layers = mlp()

    def forward(self, inputs):
        return torch.stack([self.layers(row[None])[0] for row in inputs.detach().numpy().copy().tolist()])


def test_a_network_that_cannot_be_run_on_its_example_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match="cannot read the example"):
        pruneproxy.pilot(Unreadable, tuning.Trainer(DataConfig(name="digits", train_images=100)), SMALL)


def single():
    return nn.Linear(6, 1)


def test_a_network_that_cannot_be_pruned_is_one_sentence_when_it_is_asked_about_pruning(tmp_path):
    with pytest.raises(UserError, match="nothing to prune in Linear"):
        pruneproxy.retune(
            single, regression, SMALL, {"lr": 0.1}, example=torch.zeros(4, 6), settings=4, records=tmp_path
        )
