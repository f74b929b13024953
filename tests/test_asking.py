"""Pilots on networks of one's own: copies that can be made, what is kept, what is refused, and the way in."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from pruneproxy import tuning
from pruneproxy.__main__ import main
from pruneproxy.asking import COPIES, Plan, Subject, answers, copies, naming, pilot, report
from pruneproxy.data import DataConfig
from pruneproxy.errors import UserError
from pruneproxy.models import lr_factors
from pruneproxy.space import written
from pruneproxy.store import Store

SPACE = written({"lr": tuning.log(1e-2, 1), "weight_decay": tuning.log(1e-5, 1e-3)})


def mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 32), nn.ReLU(), nn.Linear(32, 10))


class Convolutional(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Conv2d(1, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10))


def regression(network, settings, *, seed, report):
    """A training function that knows nothing of this package: the fit of a sum, scored by its negative error."""
    inputs = torch.randn(64, 6, generator=torch.Generator().manual_seed(seed))
    optimizer = torch.optim.SGD(network.parameters(), lr=settings["lr"])
    for _ in range(20):
        optimizer.zero_grad()
        loss = ((network(inputs)[:, 0] - inputs.sum(1)) ** 2).mean()
        loss.backward()
        optimizer.step()
    return -loss.item()


def table():
    return nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 1))


TRAINER = tuning.Trainer(DataConfig(name="digits", train_images=200, holdout=0.15), epochs=3)


def subject(factory=mlp, **changes):
    about = {"name": "a network", "factory": factory, "train": TRAINER, "space": SPACE, "example": TRAINER.example(16)}
    return Subject(**about | changes)


def test_settings_are_drawn_once_and_those_of_a_smaller_count_come_first():
    drawn = subject().settings(6, 0)
    assert drawn[:4] == subject().settings(4, 0) != subject().settings(4, 1)
    assert all(1e-2 <= one["lr"] <= 1 and 1e-5 <= one["weight_decay"] <= 1e-3 for one in drawn)


def test_the_digest_tells_networks_trainings_and_spaces_apart():
    other = tuning.Trainer(DataConfig(name="digits", train_images=200, holdout=0.15), epochs=4)
    digests = {
        subject().digest,
        subject(Convolutional).digest,
        subject(train=other).digest,
        subject(space=SPACE[:1]).digest,
    }
    assert len(digests) == 4 and subject().digest == subject().digest


def test_every_copy_is_cheaper_or_smaller_than_the_network():
    one = subject(Convolutional)
    for name in COPIES:
        copy = copies.ALL[name](one, 0)
        size = sum(value.numel() for value in copy.network.parameters())
        whole = sum(value.numel() for value in Convolutional().parameters())
        images = len(copy.train.dataset.train), copy.train.dataset.shape[-1], copy.train.epochs
        assert size < whole or np.prod(images) < 200 * 8 * 3, name


def test_a_subset_holds_training_images_only_and_validates_on_the_same():
    copy = copies.subset(subject(), 0)
    assert len(copy.train.dataset.train) == 50
    assert torch.equal(copy.train.dataset.validation.inputs, TRAINER.dataset.validation.inputs)


def test_copies_that_cannot_be_made_are_named_with_the_reason():
    found, refused = copies.possible(subject(), COPIES)
    assert found == ["pruned", "width", "mup", "subset", "epochs"]
    assert "cannot read the example" in refused["resolution"]
    found, refused = copies.possible(
        subject(table, train=regression, space=SPACE[:1], example=torch.zeros(4, 6)), COPIES
    )
    assert found == ["pruned", "width"] and "expected a tuning.Trainer" in refused["subset"]
    assert "expected a tuning.Trainer" in refused["mup"]


def test_a_function_that_takes_epochs_is_tried_with_fewer_of_them():
    def counted(network, settings, *, seed, report, epochs=9):
        return float(epochs)

    one = subject(table, train=counted, space=SPACE[:1], example=torch.zeros(4, 6))
    copy = copies.epochs(one, 0)
    assert one.score(copy.network, copy.train, {"lr": 0.1}, 0) == 3 and copy.steps == pytest.approx(1 / 3)


def without_a_number(network, settings, *, seed, report, epochs):
    return float(epochs)


def with_one(network, settings, *, seed, report, epochs=1):
    return float(epochs)


@pytest.mark.parametrize(
    ("train", "reason"),
    [(regression, "takes epochs=NUMBER"), (without_a_number, "takes epochs=NUMBER"), (with_one, "nothing to leave")],
)
def test_a_function_whose_epochs_cannot_be_fewer_is_refused(train, reason):
    with pytest.raises(UserError, match=reason):
        copies.epochs(subject(table, train=train, space=SPACE[:1], example=torch.zeros(4, 6)), 0)


def test_the_copy_with_maximal_updates_is_the_narrow_one_rescaled_relative_to_the_network():
    rescaled, narrow = copies.mup(subject(), 0).network, copies.width(subject(), 0).network
    factors = lr_factors(rescaled)
    shapes = {name: value.shape for name, value in rescaled.named_parameters()}
    assert shapes == {name: value.shape for name, value in narrow.named_parameters()} and not lr_factors(narrow)
    assert factors["1.weight"] == shapes["1.weight"][0] / 32 and factors["5.weight"] == 32 / shapes["5.weight"][1]
    assert not rescaled[5].weight.any() and torch.equal(rescaled[3].weight, narrow[3].weight)


@pytest.fixture(scope="module")
def done(tmp_path_factory):
    folder = tmp_path_factory.mktemp("asked")
    return pilot(subject(), Plan(settings=5, copies=("subset", "epochs")), records=folder), folder


def test_a_pilot_answers_for_every_copy_and_says_what_it_rests_on(done):
    found, _ = done
    assert {one.copy for one in found.answers} == {"subset", "epochs"} and found.complete
    assert [one.share for one in found.answers] == sorted(one.share for one in found.answers)
    assert f"{len(found.scores)} trainings" in found.sentence and set(found.best) == {"lr", "weight_decay"}
    first = found.scores[found.scores["seed"] == 0]
    assert first.groupby("copy").size().to_dict() == {"network": 5, "subset": 5, "epochs": 5}


def test_pairs_have_the_same_settings_and_seeds(done):
    scores = done[0].scores
    for _, rows in scores[scores["seed"] == 0].groupby("config"):
        assert rows["lr"].nunique() == rows["weight_decay"].nunique() == rows["seed"].nunique() == 1


def test_a_second_call_trains_nothing_and_says_the_same(done):
    found, folder = done
    made = []
    again = pilot(
        subject(), Plan(settings=5, copies=("subset", "epochs")), records=folder, on_record=lambda *_: made.append(1)
    )
    assert not made and str(again) == str(found)


def test_the_best_setting_and_the_losses_follow_from_the_records(done):
    found, folder = done
    fresh: dict = {}
    for record in Store(folder):
        if record["spec"]["copy"] == "network" and record["spec"]["seed"]:
            fresh.setdefault(tuple(map(tuple, record["spec"]["settings"])), []).append(record["score"])
    means = {setting: np.mean(scores) for setting, scores in fresh.items()}
    assert len(means) >= 3 and found.best == dict(max(means, key=means.get))
    for one in found.answers:
        losses = [max(means.values()) - mean for mean in means.values()]
        assert min(abs(loss - one.loss.value) for loss in losses) < 1e-9


def test_a_search_pays_from_so_many_trials(done):
    found, _ = done
    safe = replace(found.answers[0], verdict="safe", share=0.25)
    advised = replace(found, answers=(safe,))
    spent = found.scores["seconds"].sum() / found.seconds
    least = advised.pays_from
    assert spent + 3 + 0.25 * least <= least and spent + 3 + 0.25 * (least - 1) > least - 1
    assert f"pays for a search of {least} trials or more" in advised.sentence
    hardly = replace(found, answers=(replace(safe, share=0.999),))
    assert hardly.sentence.startswith("Not worth it: tune directly; the copy")
    unsafe = replace(found, answers=(replace(safe, verdict="unsafe"),))
    assert unsafe.pays_from is None and unsafe.sentence.startswith("Not worth it: tune directly; no copy")


def test_a_safe_copy_that_saves_nothing_ends_no_question_about_a_cheaper_one(done):
    found, _ = done
    safe = replace(found.answers[0], verdict="safe", share=0.999)
    unsure = replace(safe, copy="another", verdict="cannot tell", share=0.4, why="so few settings", more=None, p=0.1)
    assert replace(found, answers=(unsure, safe)).sentence.startswith("It cannot be told")
    assert replace(found, answers=(safe, replace(unsure, share=1.2))).sentence.startswith("Not worth it")
    cheap = replace(safe, share=0.5)
    assert replace(found, answers=(unsure, cheap)).sentence.startswith("You may tune")


def test_what_cannot_be_told_says_what_would_tell(done):
    found, _ = done
    unsure = replace(found.answers[0], verdict="cannot tell", share=0.2, why=answers.HELD, more=7)
    sentence = replace(found, answers=(unsure,)).sentence
    tried = found.scores.query("copy == 'network' and seed > 0")["config"].nunique()
    assert (
        f"{answers.HELD}; about 7 more seeds of {tried} settings would tell" in sentence and "of one worker" in sentence
    )


def test_a_training_function_of_any_kind_can_be_asked_about(tmp_path):
    one = subject(table, train=regression, space=SPACE[:1], example=torch.zeros(4, 6))
    found = pilot(one, Plan(settings=4), records=tmp_path)
    assert {answer.copy for answer in found.answers} == {"pruned", "width"} and len(found.refused) == 4


@pytest.mark.parametrize("score", ["a word", None])
def test_a_training_that_returns_no_number_is_one_sentence(score):
    one = subject(table, train=lambda *_, **__: score, space=SPACE[:1], example=torch.zeros(4, 6))
    with pytest.raises(UserError, match="expected the training to return its score as a number"):
        pilot(one, Plan(settings=4))


def test_a_score_that_is_not_finite_counts_as_the_worst(tmp_path):
    def sometimes(network, settings, *, seed, report):
        return float("nan") if settings["lr"] > 0.2 else settings["lr"]

    found = pilot(
        subject(table, train=sometimes, space=SPACE[:1], example=torch.zeros(4, 6)), Plan(settings=8), records=tmp_path
    )
    assert found.best["lr"] <= 0.2 and found.scores["score"].isna().any()


def test_a_budget_too_small_for_anything_keeps_what_was_trained(tmp_path):
    with pytest.raises(UserError, match="expected time for 2 settings .* got it for 0"):
        pilot(subject(), Plan(settings=5, budget=0.0), records=tmp_path)


def test_a_network_of_which_no_copy_can_be_made_is_refused():
    one = subject(lambda: nn.Linear(6, 1), train=regression, space=SPACE[:1], example=torch.zeros(4, 6))
    with pytest.raises(UserError, match="expected a copy that can be made of a network"):
        pilot(one, Plan(settings=4))


@pytest.mark.parametrize(
    "wrong", [{"settings": 3}, {"copies": ("smaller",)}, {"margin": 0.0}, {"margin": -1.0}, {"workers": 0}]
)
def test_a_plan_that_makes_no_sense_is_refused(wrong):
    with pytest.raises(UserError):
        Plan(**wrong)


def test_the_report_is_one_page_and_the_same_as_data(done):
    page, said = report.as_html(done[0]), json.loads(report.as_json(done[0]))
    assert page.count("<img") == page.count("alt='") == 2 and "http" not in page.replace("data:image", "")
    assert "What the book led to expect" in page and all(one["book"] for one in said["copies"])
    assert said["answer"] == done[0].sentence and len(said["trainings"]) == len(done[0].scores)


@pytest.mark.parametrize(
    ("text", "values"),
    [("lr=0.1:1", [0.1, 1.0, False]), ("lr=1e-3:1:log", [1e-3, 1.0, True]), ("n=1,2,x", [1, 2, "x"])],
)
def test_dimensions_are_read_from_words(text, values):
    found = naming.dimension(text)
    assert [found.low, found.high, found.log] == values or list(found.choices) == values


@pytest.mark.parametrize("text", ["lr", "lr=", "lr=a:b", "lr=1:2:3", "=1:2", "lr=2:1"])
def test_words_that_are_no_dimension_are_one_sentence(text):
    with pytest.raises(UserError):
        naming.dimension(text)


MODULE = "from torch import nn\ndef build():\n    return nn.Sequential(nn.Flatten(), nn.Linear(64, 32), nn.ReLU(), "
MODULE += "nn.Linear(32, 10))\nnumber = 3\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "my_own_networks.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_the_command_makes_a_report(here, capsys):
    words = ["ask", "--network", "my_own_networks:build", "--settings", "4", "--epochs", "2", "--images", "100"]
    assert main([*words, "--device", "cpu", "--records", str(here / "out")]) == 0
    assert "report:" in capsys.readouterr().err and Path(here / "out/pilot.html").exists()
    assert main([*words, "--device", "cpu", "--records", str(here / "out"), "--budget", "0s"]) in (0, 3)
    assert main([*words, "--device", "cpu", "--records", str(here / "new"), "--budget", "0s"]) == 3
    assert "expected time for 2 settings" in capsys.readouterr().err


@pytest.mark.parametrize(
    "network", ["", "build", ":build", "my_own_networks:", "nowhere:build", "my_own_networks:number"]
)
def test_a_network_that_is_not_there_is_one_sentence(here, capsys, network):
    assert main(["ask", "--network", network, "--records", str(here / "out")]) == 2
    assert "Traceback" not in capsys.readouterr().err
