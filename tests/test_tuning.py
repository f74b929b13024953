"""`pruneproxy.tune`: winners, regret, words, resuming, and what it leaves alone."""

import math
import random
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import optuna
import pytest
import torch
from torch import nn

import pruneproxy
from pruneproxy import data, stats, tuning
from pruneproxy.errors import UserError

EXAMPLE = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
SPACE = {"lr": tuning.log(1e-3, 1.0), "decay": tuning.linear(0, 1), "size": [16, 32]}


def factory():
    return nn.Sequential(nn.Linear(4, 12), nn.ReLU(), nn.Linear(12, 3))


class Formula:
    """A training whose score is known: it is best at lr 0.1, and a little of it depends on the network and the seed."""

    def __init__(self, *, fails_after=None, diverges=lambda settings: False, epochs=1):
        self.calls, self.fails_after, self.diverges, self.epochs = [], fails_after, diverges, epochs

    def __call__(self, network, settings, *, seed, report):
        if self.fails_after is not None and len(self.calls) >= self.fails_after:
            raise KeyboardInterrupt
        self.calls.append((network[0].out_features, settings, seed))
        torch.rand(1), np.random.rand(), random.random()
        with torch.no_grad():
            network[0].weight.zero_()
        score = -abs(math.log10(settings["lr"]) + 1) + 0.01 * network[0].out_features + 0.001 * seed
        for epoch in range(1, self.epochs + 1):
            if report(epoch, score * epoch / self.epochs):
                break
        return float("nan") if self.diverges(settings) else score


def arranged(choices):
    """The arguments of `tune`, from the words of all its parts."""
    search = {field.name: choices[field.name] for field in fields(tuning.Search) if field.name in choices}
    pruned = {field.name: choices[field.name] for field in fields(tuning.Pruned) if field.name in choices}
    rest = {name: value for name, value in choices.items() if name not in search and name not in pruned}
    return {"proxy": tuning.Pruned(**pruned), "search": tuning.Search(**search)} | rest


def tuned(train=None, **choices):
    choices = {"trials": 6, "percentile": 50, "seeds": 2, "finish": 0, "finalists": 1} | choices
    return pruneproxy.tune(factory, train or Formula(), SPACE, example=EXAMPLE, **arranged(choices))


def values(trials):
    return [(trial.number, trial.settings, trial.value, trial.state) for trial in trials]


def test_the_search_runs_on_the_narrow_network_and_its_winner_trains_the_full_one():
    train = Formula()
    result = tuned(train)
    widths = [width for width, _, _ in train.calls]
    assert widths[:6] == [6] * 6 and widths[6:] == [12, 12]
    assert result.settings == max(result.trials["proxy"], key=lambda trial: trial.value).settings
    assert [seed for _, _, seed in train.calls[6:]] == [1, 2] == list(result.scores)
    assert all(settings == result.settings for _, settings, _ in train.calls[6:])
    assert result.proxy.kept == {"0": (12, 6)} and result.kept().loc["0", "share"] == 0.5


def test_without_a_comparison_regret_is_said_to_be_unmeasured():
    result = tuned()
    assert result.regret is None and result.equivalence is None and result.correlation is None
    assert "regret:         not measured" in str(result) and "<table>" in result._repr_html_()
    assert "equivalent" not in str(result) and repr(result) == str(result)


def test_a_proxy_that_is_the_target_has_regret_0_and_rank_correlation_1():
    result = tuned(percentile=0, compare="both", configurations=5, margin=0.1)
    assert values(result.trials["proxy"]) == values(result.trials["full"])
    assert result.regret == 0 and result.drawn_regret == 0 and result.correlation == pytest.approx(1)
    assert result.equivalence is None and "both searches found the same settings" in str(result)
    assert "the full network itself" in str(result)


def test_a_real_training_of_proxy_equal_to_target_has_regret_0():
    trainer = tuning.Trainer(EXAMPLE.repeat(20, 1), torch.arange(120) % 3, epochs=2, holdout=0.2)
    space = {"lr": tuning.log(1e-2, 1), "batch_size": [16, 32]}
    words = arranged({"percentile": 0, "seeds": 2, "compare": "search"})
    result = pruneproxy.tune(factory, trainer, space, trials=3, **words)
    assert values(result.trials["proxy"]) == values(result.trials["full"]) and result.regret == 0


def test_regret_and_equivalence_are_those_of_the_scores():
    def train(network, settings, *, seed, report):  # a narrow network is best at another learning rate
        best = -1 if network[0].out_features == 12 else -2
        return -abs(math.log10(settings["lr"]) - best) + 0.01 * math.cos(seed * settings["decay"] * 100)

    result = tuned(train, compare="search", margin=0.5, seeds=3, sampler="random")
    direct = stats.tost(list(result.scores.values()), list(result.direct_scores.values()), margin=0.5, paired=True)
    means = [np.mean(list(scores.values())) for scores in (result.direct_scores, result.scores)]
    assert result.regret == pytest.approx(means[0] - means[1])
    assert result.equivalence == direct and 0 < direct.p < 1


def test_the_drawn_configurations_are_the_same_for_both_networks():
    result = tuned(compare="configurations", configurations=7)
    narrow, full = result.trials["proxy, drawn"], result.trials["full, drawn"]
    assert [trial.settings for trial in narrow] == [trial.settings for trial in full] and len(full) == 7
    # The formula shifts every score of the full network by the same amount.
    assert result.correlation == pytest.approx(1) and result.drawn_regret == 0 and result.regret is None
    frame = result.frame()
    assert len(frame) == 6 + 7 + 7 and {"trained", "lr", "value", "state", "seconds"} <= set(frame)


@pytest.mark.parametrize("kind", ["sqlite:///{}", "journal:{}"])
def test_a_killed_call_goes_on_where_it_was(kind, tmp_path):
    storage = kind.format(tmp_path / "studies")
    whole = tuned(compare="search", storage="memory")
    killed, rest, words = Formula(fails_after=4), Formula(), {"compare": "search", "storage": storage, "name": "s"}
    with pytest.raises(KeyboardInterrupt):
        tuned(killed, **words)
    resumed = tuned(rest, **words)
    assert len(killed.calls) == 4 and len(rest.calls) == 6 - 4 + 2 + 6 + 2 * (whole.regret != 0)
    assert values(resumed.trials["proxy"]) == values(whole.trials["proxy"])
    assert (resumed.scores, resumed.regret) == (whole.scores, whole.regret)
    again = Formula()
    assert tuned(again, **words).scores == whole.scores and not again.calls


@pytest.mark.parametrize(
    "sampler",
    [
        optuna.samplers.TPESampler(seed=1, n_startup_trials=2),
        optuna.samplers.RandomSampler(seed=1),
        optuna.samplers.CmaEsSampler(seed=1, n_startup_trials=1),
    ],
)
def test_a_sampler_object_draws_the_same_for_both_networks_and_goes_on_in_a_stored_study(sampler, tmp_path):
    def run(train, **choices):
        return tuned(train, sampler=sampler, pruner=optuna.pruners.MedianPruner(), percentile=0, **choices)

    whole = run(Formula(), compare="search")
    assert values(whole.trials["proxy"]) == values(whole.trials["full"]) and whole.regret == 0
    storage, rest = f"journal:{tmp_path}/s.log", Formula()
    with pytest.raises(KeyboardInterrupt):
        run(Formula(fails_after=4), storage=storage, name="s")
    resumed = run(rest, storage=storage, name="s").trials["proxy"]
    assert values(resumed)[:4] == values(whole.trials["proxy"])[:4] and len(rest.calls) == 6 - 4 + 2
    assert len({trial.settings["lr"] for trial in resumed}) == 6


def test_hyperband_deals_the_trials_of_both_networks_out_alike():
    result = tuned(Formula(epochs=9), pruner="hyperband", epochs=9, trials=9, percentile=0, compare="search")
    assert values(result.trials["proxy"]) == values(result.trials["full"])
    assert "stopped" in {trial.state for trial in result.trials["proxy"]}


@pytest.mark.parametrize(
    "change",
    [{"percentile": 40}, {"score": "l1"}, {"sampler": "random"}, {"trials": 5}, {"seed": 1}, {"name": "other"}],
)
def test_another_question_is_another_study(change):
    assert tuned().study == tuned().study != tuned(**change).study


def test_diverged_trials_count_as_worst_and_all_diverged_is_an_error():
    result = tuned(Formula(diverges=lambda settings: settings["lr"] > 0.05))
    states = {trial.state for trial in result.trials["proxy"]}
    assert states == {"complete", "diverged"} and result.settings["lr"] <= 0.05
    with pytest.raises(UserError, match="all diverged"):
        tuned(Formula(diverges=lambda settings: True))


def test_a_pruner_stops_trials_and_optunas_own_objects_are_taken():
    result = tuned(Formula(epochs=9), pruner="hyperband", epochs=9, trials=12)
    assert "stopped" in {trial.state for trial in result.trials["proxy"]}
    sampler, pruner = optuna.samplers.RandomSampler(seed=1), optuna.pruners.MedianPruner(n_startup_trials=1)
    assert len(tuned(Formula(epochs=3), sampler=sampler, pruner=pruner).trials["proxy"]) == 6


def test_nothing_of_the_caller_changes():
    space, network = dict(SPACE), factory()
    before = [value.clone() for value in network.state_dict().values()]
    torch.manual_seed(5), np.random.seed(5), random.seed(5)
    words = arranged({"percentile": 50, "seeds": 1})
    pruneproxy.tune(lambda: network, Formula(), space, example=EXAMPLE, trials=2, **words)
    drawn = (torch.rand(1).item(), np.random.rand(), random.random())
    torch.manual_seed(5), np.random.seed(5), random.seed(5)
    assert (torch.rand(1).item(), np.random.rand(), random.random()) == drawn
    assert space == SPACE
    assert all(torch.equal(a, b) for a, b in zip(before, network.state_dict().values(), strict=True))


def test_an_error_in_a_training_names_the_settings():
    def broken(network, settings, *, seed, report):
        raise RuntimeError("out of ideas")

    with pytest.raises(RuntimeError, match="out of ideas") as caught:
        tuned(broken)
    assert "'lr'" in caught.value.__notes__[0] and "the trials before it are kept" in caught.value.__notes__[0]


@pytest.mark.parametrize(
    "train, choices, sentence",
    [
        (3, {}, "expected a function train"),
        (lambda network, settings, *, seed, report: "good", {}, "expected train to return its score as a number"),
        (None, {"compare": "everything"}, "expected one of none, search, configurations, both"),
        (None, {"proxy": "pruned by hand"}, "unknown proxy.*expected one of auto, none, pruned"),
        (None, {"finish": -1}, "finish must be at least 0"),
        (None, {"seed": -1}, "seed must be at least 0"),
        (None, {"seeds": 1.5}, "seeds must be a whole number"),
        (None, {"compare": "search", "seeds": 1}, "at least 2 seeds"),
        (None, {"margin": 0}, "expected a margin above 0"),
        (None, {"sampler": "gues"}, "unknown sampler 'gues'"),
        (None, {"pruner": "none of them"}, "unknown pruner"),
        (None, {"trials": 0}, "trials of at least 1"),
        (None, {"margin": "1"}, "expected a margin above 0"),
        (None, {"percentile": "85"}, "expected a percentile"),
        (None, {"sigma": "0.2"}, "expected sigma"),
        (None, {"sampler": optuna.samplers.TPESampler}, "sampler object of Optuna.*make one of the class TPESampler"),
        (None, {"sampler": 5}, "expected the name of a sampler"),
        (None, {"pruner": 5}, "expected the name of a pruner"),
        (None, {"storage": Path("s.log")}, "expected the address of a storage"),
        (None, {"storage": "redis://host"}, "unknown storage"),
        (None, {"storage": "journal:/nonexistent/s.log"}, "the folder of the storage"),
        (None, {"test": 3}, r"expected a function test\(network\)"),
        (lambda network, settings: 1.0, {}, r"expected a function train.*got <lambda>\(network, settings\)"),
    ],
)
def test_wrong_arguments_are_refused(train, choices, sentence):
    with pytest.raises(UserError, match=sentence):
        tuned(train, **choices)


@pytest.mark.parametrize(
    "space", [{}, ["lr"], {"lr": (1e-3, 1)}, {"lr": []}, {"lr": tuning.log(0, 1)}, {"lr": {"lo": 1}}]
)
def test_a_space_that_says_too_little_is_refused(space):
    with pytest.raises(UserError, match="expected a|unknown word for the range of 'lr' 'lo'.*expected one of"):
        pruneproxy.tune(factory, Formula(), space, example=EXAMPLE)


def test_the_trainer_learns_and_tests_on_data_of_its_own():
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(300) % 3
    rows = torch.randn(300, 4, generator=generator) + 4 * nn.functional.one_hot(labels, 4)
    trainer = tuning.Trainer(rows, labels, epochs=5)
    splits = [getattr(trainer.dataset, name).inputs for name in ("train", "validation", "test")]
    assert [len(split) for split in splits] == [210, 45, 45]
    assert torch.equal(torch.cat(splits).sort(0).values, rows.sort(0).values)
    reported = []
    torch.manual_seed(0)
    network = factory()
    score = trainer(
        network, {"lr": 0.1, "batch_size": 16}, seed=1, report=lambda epoch, value: reported.append((epoch, value))
    )
    assert score > 90 and trainer.test(network) > 90
    assert [epoch for epoch, _ in reported] == [1, 2, 3, 4, 5] and reported[-1][1] == score
    assert math.isnan(trainer(factory(), {"lr": 1e9}))
    stopped = []
    trainer(factory(), {"lr": 0.1}, report=lambda epoch, value: stopped.append(epoch) or epoch == 2)
    assert stopped == [1, 2]


def sorted_rows(count, *, wrong=False):
    """Rows that say their class, sorted by it; `wrong` labels are those of another class."""
    labels = torch.arange(3).repeat_interleave(count)
    return data.Split(4.0 * nn.functional.one_hot(labels, 4), (labels + 1) % 3 if wrong else labels)


def tables(**splits):
    return data.Dataset(
        config=data.DataConfig(),
        **{name: sorted_rows(20) for name in ("train", "validation", "test")} | splits,
        classes=("0", "1", "2"),
        mean=torch.zeros(4),
        std=torch.ones(4),
        fingerprint="",
        source="a test",
    )


@pytest.mark.parametrize("evaluated", [{}, {"evaluate_on": "test"}])
def test_tune_searches_on_validation_rows_and_looks_at_test_rows_only_in_the_end(evaluated):
    trainer = tuning.Trainer(tables(test=sorted_rows(20, wrong=True)), epochs=10)
    space = {"lr": tuning.linear(0.05, 0.1), "batch_size": [4], **{name: [value] for name, value in evaluated.items()}}
    words = arranged({"trials": 2, "seeds": 2, "compare": "search", "percentile": 50})
    result = pruneproxy.tune(factory, trainer, space, **words)
    # The test rows have other labels: whoever validates on them finds accuracies near 0.
    assert all(trial.value > 90 for what in ("proxy", "full") for trial in result.trials[what])
    assert result.tested and max(*result.scores.values(), *result.direct_scores.values()) < 10


def test_the_example_of_sorted_rows_has_all_classes_and_is_the_same_in_every_call():
    trainer = tuning.Trainer(tables())
    inputs, labels = trainer.batch(9)
    assert set(labels.tolist()) == {0, 1, 2} and torch.equal(inputs[:, :3].argmax(1), labels)
    assert torch.equal(trainer.example(9), inputs) and torch.equal(tuning.Trainer(tables()).example(9), inputs)
    assert len(trainer.example(1000)) == 60


def test_no_number_of_rows_or_size_of_batches_ends_a_search():
    rows, labels = torch.randn(47, 4, generator=torch.Generator().manual_seed(0)), torch.arange(47) % 3
    trainer = tuning.Trainer(rows, labels, epochs=1, holdout=0.15)
    assert len(trainer.dataset.train) == 33  # the last of the batches of 16 has one row

    def normalised():
        return nn.Sequential(nn.Linear(4, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Linear(12, 3))

    result = pruneproxy.tune(normalised, trainer, {"batch_size": [16]}, **arranged({"trials": 1, "seeds": 1}))
    assert len(result.scores) == 1


def result_of(scores, direct_scores, **words):
    trial = tuned(trials=1, seeds=0).best
    found = {"scores": scores, "direct": replace(trial, settings={"lr": 0.5}), "direct_scores": direct_scores}
    return replace(tuned(trials=1, seeds=0, compare="none"), **found, **words)


def test_regret_is_what_is_lost_against_settings_of_the_full_network():
    lost = result_of({1: 88.0, 2: 89.0}, {1: 90.0, 2: 91.5}, margin=1.0)
    assert lost.regret == pytest.approx(2.25)
    lost = replace(lost, trials=lost.trials | {"full": lost.trials["proxy"]})
    low, high = (float(end) for end in str(lost).split("90 % interval ")[1].split(";")[0].split(" to "))
    assert 0 < low < 2.25 < high and "regret:         2.25" in str(lost) and "not shown to be equivalent" in str(lost)
    assert result_of({1: 90.0}, {1: 88.0}).regret == pytest.approx(-2)


def test_drawn_regret_is_what_is_lost_by_the_favourite_of_the_proxy():
    result = tuned(trials=1, seeds=0, compare="configurations", configurations=3)
    proxy, full = ([1.0, 3.0, 2.0], [70.0, 72.0, 75.0])
    drawn = {
        name: [replace(trial, value=value) for trial, value in zip(result.trials[name], values, strict=True)]
        for name, values in (("proxy, drawn", proxy), ("full, drawn", full))
    }
    result = replace(result, trials=result.trials | drawn)
    assert result.drawn_regret == 3.0 and result.correlation == pytest.approx(0.5)


def test_the_trainer_takes_images_and_catalogued_data_and_refuses_the_rest():
    images = torch.rand(40, 3, 6, 6)
    example = tuning.Trainer(images, torch.arange(40) % 2).example(16)
    assert example.shape == (16, 3, 6, 6) and example.mean().abs() < 0.5
    assert tuning.Trainer(data.DataConfig(name="digits")).example(5).shape == (5, 1, 8, 8)
    for arguments, sentence in [
        ((images,), "one whole-numbered label"),
        ((images, torch.rand(40)), "one whole-numbered label"),
        ((images[0], torch.arange(3)), "expected inputs of shape"),
        ((images, torch.arange(40) - 1), "number the classes from 0, got -1"),
        ((images, torch.arange(40), 5, 0.7), "expected a holdout"),
        (("digits",), "expected a DataConfig"),
    ]:
        with pytest.raises(UserError, match=sentence):
            tuning.Trainer(*arguments)
    with pytest.raises(UserError, match="unknown setting of Trainer 'rate'"):
        tuning.Trainer(images, torch.arange(40) % 2)(nn.Linear(2, 2), {"rate": 1})


def test_a_network_sees_images_that_are_not_square_as_they_are():
    trainer = tuning.Trainer(torch.rand(40, 3, 6, 10), torch.arange(40) % 2)
    assert trainer.dataset.shape == tuple(trainer.example(2).shape[1:]) == (3, 6, 10)


def test_labels_that_the_network_has_no_output_for_are_refused():
    trainer = tuning.Trainer(EXAMPLE.repeat(10, 1), torch.arange(60) % 3 + 1)
    with pytest.raises(
        UserError, match=r"got \[\(2, 3\)\] for 2 inputs and labels up to 3: .*number the labels from 0"
    ):
        trainer(factory(), {"lr": 0.1})


def test_ties_leave_the_correlation_undefined_and_regret_0():
    def train(network, settings, *, seed, report):
        return 0.1 + 0.7  # the mean of ten of them is a little larger

    result = tuned(train, compare="both", configurations=10, margin=1.0)
    assert result.drawn_regret == 0 and math.isnan(result.correlation)
    text = str(result)
    assert "rank correlation undefined (all scores of the proxy are equal)" in text and "nan" not in text
    assert "regret of the proxy's favourite 0" in text and "e-1" not in text.split("drawn settings")[1]


def test_tune_is_there_when_asked_for_and_importing_the_package_imports_no_torch():
    script = "import sys, pruneproxy; assert 'torch' not in sys.modules; assert callable(pruneproxy.tune)"
    subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[1], check=True)
    with pytest.raises(AttributeError, match="no attribute 'tone'"):
        pruneproxy.tone  # noqa: B018
