"""Retuning: settings near the dense network's on the pruned one, what keeping loses, and what a search would gain."""

import json
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
import torch
from test_asking import TRAINER, mlp, subject

from pruneproxy import tuning
from pruneproxy.asking import Plan, Subject, answers, retune, retune_report, retuning
from pruneproxy.errors import UserError
from pruneproxy.space import Dimension, written
from pruneproxy.store import Store

SETTINGS = {"lr": 0.1, "weight_decay": 1e-4}


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("retuned")
    return retune(subject(), SETTINGS, plan=Plan(settings=4), records=folder), folder


def test_the_answer_names_what_is_lost_and_what_it_rests_on(done):
    found, folder = done
    assert found.verdict in retuning.VERDICTS and found.kept == SETTINGS and set(found.gains) == {1, 2, 3}
    assert f"{found.trainings} trainings" in found.sentence and found.seconds > 0
    assert f"a trial takes {found.seconds:.2g} s" in str(found)
    kinds = [record["kind"] for record in Store(folder)]
    assert kinds.count("asked-dense") == 1 and kinds.count("asked-retrained") == found.trainings >= 4


def test_a_second_call_trains_nothing(done):
    found, folder = done
    made = []
    again = retune(subject(), SETTINGS, plan=Plan(settings=4), records=folder, on_record=lambda *_: made.append(1))
    assert not made and str(again) == str(found)


def test_every_setting_trains_the_same_narrow_network_from_the_same_weights(done):
    _, folder = done
    store, one = Store(folder), subject()
    work = retuning._Work(one, SETTINGS, 0.5, "l1", Plan(settings=4), Plan().bench(store, None))
    from pruneproxy.runs import Conditions

    specs = [work._training(settings, 0) for settings in work.settings[:2]]
    first, second = (retuning._narrow(spec, one, store, Conditions()).state_dict() for spec in specs)
    assert all(torch.equal(first[name], second[name]) for name in first)
    whole = sum(value.numel() for value in mlp().parameters())
    assert sum(value.numel() for value in first.values()) < 0.8 * whole


def test_settings_are_near_the_kept_one_and_inside_the_space():
    space = (*written({"lr": tuning.log(1e-3, 1)}), Dimension(field="batch_size", choices=(16, 32, 64, 128)))
    one = Subject(name="n", factory=mlp, train=TRAINER, space=space, example=TRAINER.example(4))
    drawn = retuning._near(one, {"lr": 0.5, "batch_size": 32}, 200, 0)
    rates = [setting["lr"] for setting in drawn]
    assert max(rates) == pytest.approx(1.0) and min(rates) >= 0.5 * 10 ** (-3 * retuning.NEAR) - 1e-9
    assert {setting["batch_size"] for setting in drawn} == {16, 32, 64}


def test_the_gain_of_a_search_is_the_mean_over_all_that_it_may_draw():
    scores = np.array([50.0, 40.0, 60.0, 55.0])
    found = retuning.gains(scores, 0.0)
    for count in (1, 2, 3):
        expected = np.mean([max(50, *some) - 50 for some in combinations((40, 60, 55), count)])
        assert found[count] == pytest.approx(expected)
    assert list(found.values()) == sorted(found.values())


def test_where_all_is_noise_a_search_gains_nothing():
    scores = np.random.default_rng(0).normal(50, 2, 8)
    assert list(retuning.gains(scores, 100.0).values()) == pytest.approx([0.0] * 7)


@pytest.mark.parametrize(
    ("low", "high", "verdict"), [(-1, 0.5, "keep"), (1.5, 3, "search"), (-1, 3, "cannot tell"), (0, 1, "keep")]
)
def test_verdicts_ask_the_ends_of_the_interval(low, high, verdict):
    assert retuning._verdict(answers.Loss(value=0.0, low=low, high=high), 1.0) == verdict


@pytest.mark.parametrize("words", [{"keep": 1.0}, {"keep": 0.0}, {"method": "largest"}])
def test_questions_that_make_no_sense_are_one_sentence(words):
    with pytest.raises(UserError):
        retune(subject(), SETTINGS, **words)


def test_a_setting_that_lacks_a_dimension_is_refused():
    with pytest.raises(UserError, match="a value of weight_decay"):
        retune(subject(), {"lr": 0.1})


def test_a_budget_too_small_keeps_what_was_trained(tmp_path):
    with pytest.raises(UserError, match="give a larger budget"):
        retune(subject(), SETTINGS, plan=replace(Plan(settings=4), budget=0.0), records=tmp_path)


class Simulated:
    """A bench on which every training is there at once, of a truth with a peak near the kept rate."""

    store = ()

    def __init__(self, chance, noise, allowed=10**6):
        self.chance, self.noise, self.peak = chance, noise, chance.uniform(-2, 0)
        self.allowed, self.known = allowed, {}

    def truth(self, settings):
        return 90 - 20 * (np.log10(settings["lr"]) - self.peak) ** 2

    def made(self, trainings):
        for training in trainings:
            if training not in self.known and len(self.known) < self.allowed:
                score = self.truth(dict(training.settings)) + self.noise * self.chance.standard_normal()
                self.known[training] = {"score": score, "cost": {"seconds": 60.0}}
        return all(training in self.known for training in trainings)

    def record(self, training):
        return self.known.get(training)


def simulated(seed, noise, allowed=10**6):
    """A retuning whose truth is planted, and what keeping truly loses against the best of those tried again."""
    bench = Simulated(np.random.default_rng(seed), noise, allowed)
    work = retuning._Work(SIMULATED, {"lr": 0.1, "weight_decay": 1e-4}, 0.5, "l1", Plan(settings=8, seed=seed), bench)
    found = work.done()
    again = {training.settings for training in bench.known if training.seed == seed + 1}
    truths = [bench.truth(dict(settings)) for settings in again]
    return found, truths and max(truths) - bench.truth(found.kept)


SIMULATED = subject()


@pytest.mark.parametrize("noise", [0.3, 1.0, 4.0])
def test_intervals_of_what_keeping_loses_hold_the_truth(noise):
    pairs = [simulated(seed, noise) for seed in range(300)]
    assert np.mean([found.loss.low <= truth <= found.loss.high for found, truth in pairs]) >= 0.93
    wrong = [
        truth > found.margin if found.verdict == "keep" else truth < found.margin
        for found, truth in pairs
        if found.verdict != "cannot tell"
    ]
    assert sum(wrong) <= 0.05 * len(pairs)


def test_a_budget_that_ends_early_leaves_what_is_known():
    found, _ = simulated(1, 1.0, allowed=5)
    assert not found.complete and found.verdict == "cannot tell" and found.loss is None and found.tried == 5
    assert "cannot be told within the budget" in found.sentence and "3 more seeds of" in found.sentence
    page, said = retune_report.as_html(found), json.loads(retune_report.as_json(found))
    assert "The budget was spent" in page and said["loss"] is None and str(found) == found.sentence
    part, _ = simulated(1, 1.0, allowed=8 + 2 * 4)
    assert not part.complete and part.loss.low <= part.loss.value <= part.loss.high


def test_a_kept_setting_that_is_the_best_by_luck_is_not_kept_for_that():
    """All are alike but the kept one, which is 30 points worse, except with the first seed."""

    class Lucky(Simulated):
        def truth(self, settings):
            return 60.0 if settings["lr"] == 0.1 else 90.0

        def record(self, training):
            lucky = training.seed == 0 and dict(training.settings)["lr"] == 0.1
            return {"score": 99.0, "cost": {"seconds": 1.0}} if lucky else super().record(training)

    work = retuning._Work(SIMULATED, SETTINGS, 0.5, "l1", Plan(settings=8), Lucky(np.random.default_rng(0), 1.0))
    assert work.done().verdict == "search"


def test_trainings_of_another_question_in_the_folder_are_not_counted(done):
    found, folder = done
    other = retune(subject(), SETTINGS, keep=0.7, plan=Plan(settings=4), records=folder)
    again = retune(subject(), SETTINGS, plan=Plan(settings=4), records=folder)
    kinds = [record["kind"] for record in Store(folder)]
    assert again.trainings == found.trainings and kinds.count("asked-retrained") == found.trainings + other.trainings
