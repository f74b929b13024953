"""One test per row on search, training and data: the readings differ on a toy input."""

import subprocess
import sys
from dataclasses import replace

import numpy as np
import optuna
import pytest
import torch
from test_ledger import digits, small
from torch.nn import functional

from pruneproxy import data, models, runs
from pruneproxy.data.augment import random_centre, random_crop
from pruneproxy.runs import RunSpec
from pruneproxy.search import Dimension, Outcome, SearchSpec, optimise
from pruneproxy.store import Store
from pruneproxy.train import TrainConfig, fit, weights_hash

BASE = RunSpec(
    data=data.DataConfig(name="digits", train_images=100, eval_images=60),
    model=models.ModelConfig(name="resnet8", width=0.25),
    train=TrainConfig(epochs=3, batch_size=20, lr=0.1, evaluate_on="validation"),
)
ONE_SETTING = (Dimension(field="train.lr", choices=(0.1,)),)
RATES = (Dimension(field="train.lr", low=0.01, high=1.0, log=True),)
SEARCH = SearchSpec(base=BASE, space=RATES, sampler="random", trials=4)


def values(search, folder):
    return [trial["value"] for trial in runs.ensure(search, Store(folder))["trials"]]


def test_an_even_learning_rate_hardly_ever_is_a_small_one():
    def draws(log):
        space = (Dimension(field="lr", low=1e-5, high=0.2, log=log),)
        trials = optimise(lambda *_: Outcome(value=0.0), space, name="s", sampler="random", trials=400)
        return np.array([trial.settings["lr"] for trial in trials])

    even, logarithmic = draws(False), draws(True)
    assert np.mean(even < 1e-3) < 0.02 and np.mean(even > 0.02) > 0.85  # exactly: 0.5 and 90 percent
    assert np.mean(logarithmic < 1e-3) == pytest.approx(np.log(100) / np.log(2e4), abs=0.1)


def test_more_trials_find_a_better_value_by_luck_alone():
    noise = np.random.default_rng(0).normal(size=(2000, 100))
    gain = noise.max(axis=1).mean() - noise[:, :50].max(axis=1).mean()
    assert gain == pytest.approx(0.26, abs=0.05)  # expected largest of 100 and of 50 normal draws: 2.51 and 2.25


def test_with_one_network_for_all_trials_equal_settings_get_unequal_values(tmp_path):
    search = replace(SEARCH, space=ONE_SETTING)
    anew = values(search, tmp_path / "anew")
    warm = values(replace(search, warm_start=True), tmp_path / "warm")
    assert len(set(anew)) == 1 and warm[0] == anew[0]
    assert warm[-1] > anew[-1]  # the last trial has been trained four times as long


def test_a_trial_that_diverges_spoils_all_that_follow_when_one_network_serves_all(tmp_path):
    space = (Dimension(field="train.lr", choices=(0.1, 1e9)),)
    search = replace(SEARCH, space=space, trials=8)
    for warm_start, healed in ((False, True), (True, False)):
        record = runs.ensure(replace(search, warm_start=warm_start), Store(tmp_path / str(warm_start)))
        states = [trial["state"] for trial in record["trials"]]
        assert ("complete" in states[states.index("diverged") :]) == healed


def test_the_split_of_the_objective_changes_the_values_of_a_search(tmp_path):
    on_test = replace(SEARCH, base=replace(BASE, train=replace(BASE.train, evaluate_on="test")))
    assert values(SEARCH, tmp_path) != values(on_test, tmp_path)
    weights = {}
    for record in (record for record in Store(tmp_path) if "weights" in record):
        weights.setdefault(record["spec"]["train"]["lr"], set()).add(record["weights"])
    assert len(weights) == 4 and all(len(one) == 1 for one in weights.values())  # the same networks, other images


def test_the_largest_accuracy_of_all_epochs_is_not_the_last_one(tmp_path):
    # Large rates that never decay: accuracy goes up and down.
    base = replace(BASE, train=replace(BASE.train, epochs=6, schedule="constant"))
    search = replace(SEARCH, base=base, space=(replace(RATES[0], low=0.5, high=3.0),))
    last, largest = values(search, tmp_path), values(replace(search, best_of="max"), tmp_path)
    assert all(a <= b for a, b in zip(last, largest, strict=True)) and last != largest


def test_a_pruner_that_hears_nothing_stops_nothing():
    def silent(settings, report):
        return Outcome(value=settings["x"], epochs=9)

    def heard(settings, report):
        for epoch in range(1, 10):
            if report(epoch, settings["x"]):
                return Outcome(value=settings["x"], state="stopped", epochs=epoch)
        return Outcome(value=settings["x"], epochs=9)

    words = {"name": "s", "sampler": "random", "pruner": "hyperband", "epochs": 9, "trials": 20}
    spent = [
        sum(trial.epochs for trial in optimise(way, (Dimension(field="x", low=0.0, high=1.0),), **words))
        for way in (silent, heard)
    ]
    assert spent[0] == 20 * 9 > spent[1]


def test_the_default_of_tpe_has_changed_between_versions_of_optuna():
    space = (Dimension(field="x", low=-1.0, high=1.0), Dimension(field="y", low=-1.0, high=1.0))
    histories = [
        [
            trial.settings
            for trial in optimise(
                lambda settings, report: Outcome(value=-((settings["x"] + settings["y"]) ** 2)),
                space,
                name="s",
                sampler=sampler,
                trials=20,
            )
        ]
        for sampler in ("tpe", "tpe-univariate")
    ]
    assert histories[0][0] == histories[1][0] and histories[0] != histories[1]
    assert int(optuna.__version__.split(".")[0]) >= 5


def test_nesterov_momentum_trains_other_weights():
    hashes = set()
    for nesterov in (False, True):
        model = small()
        fit(model, digits(), TrainConfig(epochs=1, batch_size=50, nesterov=nesterov))
        hashes.add(weights_hash(model))
    assert len(hashes) == 2


def test_scaling_a_loss_by_a_power_of_two_changes_no_step():
    gradients = []
    for scale in (1.0, 2.0**16):
        model = small()
        inputs = torch.randn(20, 1, 8, 8, generator=torch.Generator().manual_seed(0))
        (scale * functional.cross_entropy(model(inputs), torch.arange(20) % 10)).backward()
        gradients.append([parameter.grad / scale for parameter in model.parameters()])
    assert all(torch.equal(a, b) for a, b in zip(*gradients, strict=True))


def test_a_central_crop_has_two_outcomes_and_a_random_crop_has_many():
    image = torch.randint(0, 256, (1, 3, 32, 32), generator=torch.Generator().manual_seed(0)).float()
    many = image.expand(200, -1, -1, -1)
    outcomes = {
        name: len({result.numpy().tobytes() for result in change(many, torch.Generator().manual_seed(1))})
        for name, change in (("centre", random_centre), ("crop", random_crop))
    }
    assert outcomes["centre"] == 2 and outcomes["crop"] > 40  # of 81 places


def test_all_data_sets_of_the_paper_can_be_chosen_and_importing_does_nothing():
    assert {"cifar10", "cifar100", "tiny_imagenet"} <= set(data.CATALOGUE)
    script = (
        "import socket, torch; socket.socket = None; torch.nn.Conv2d.__init__ = None; "
        "import pruneproxy.data, pruneproxy.models"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
