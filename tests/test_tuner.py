"""`pruneproxy.tune` on the copy that a pilot advises, or directly: what is taken, trained once, and when it ends."""

import copy
from dataclasses import replace
from pathlib import Path

import optuna
import pandas as pd
import pytest
import torch
from optuna.storages import JournalStorage
from optuna.storages.journal import JournalFileBackend
from torch import nn

import pruneproxy
from pruneproxy import asking, tuning
from pruneproxy.asking import Plan, Subject
from pruneproxy.asking.copies import ALL
from pruneproxy.data import DataConfig
from pruneproxy.errors import UserError
from pruneproxy.space import written
from pruneproxy.tuner import taking
from pruneproxy.tuner.taking import DIRECTLY

SPACE = {"lr": tuning.log(1e-2, 1), "batch_size": [16, 32]}
TRAINER = tuning.Trainer(DataConfig(name="digits", train_images=200, holdout=0.15), epochs=2)
ROWS = torch.randn(6, 4, generator=torch.Generator().manual_seed(0))
PLAN = Plan(copies=("subset",), settings=4)


def mlp():
    return nn.Sequential(nn.Flatten(), nn.Linear(64, 16), nn.ReLU(), nn.Linear(16, 10))


def untraceable():
    return nn.Sequential(nn.Flatten(), nn.Linear(4, 3))


def subject(factory=mlp, train=TRAINER, example=None):
    example = TRAINER.example(8) if example is None else example
    return Subject(name="mlp", factory=factory, train=train, space=written(SPACE), example=example)


@pytest.fixture(scope="module")
def piloted(tmp_path_factory):
    """A pilot of four settings on the network and a subset."""
    return asking.pilot(subject(), PLAN, records=tmp_path_factory.mktemp("records"))


def saying(piloted, verdict, share=0.2):
    """The same pilot with another answer."""
    return replace(piloted, answers=(replace(piloted.answers[0], verdict=verdict, share=share),))


def tuned(proxy, *, trials=10, train=TRAINER, **choices):
    search = tuning.Search(**{"seeds": 1, "sampler": "random", "finalists": 1, **choices.pop("search", {})})
    return pruneproxy.tune(mlp, train, SPACE, proxy=proxy, trials=trials, search=search, **choices)


def heard(calls):
    return {"on_trial": lambda what, trial: calls.append(what)}


def no_pilot(*_):
    raise AssertionError("a pilot was made")


def test_a_pilot_that_would_cost_more_than_the_search_is_not_made():
    taken = taking.take("auto", subject(), trials=20, finish=3, seed=0, margin=None, ask=no_pilot)
    assert taken.direct and taken.why.startswith(f"{DIRECTLY}; a pilot takes about as long as")
    words = str(pruneproxy.tune(mlp, TRAINER, SPACE, trials=2, search=tuning.Search(seeds=1)))
    assert f"searched on:    the network itself ({DIRECTLY}" in words and "none to measure" in words


def test_a_pilot_is_made_for_a_search_that_is_long_enough_with_the_seed_and_margin_of_the_call(piloted):
    asked = []

    def ask(about, plan):
        asked.append(plan)
        return saying(piloted, "safe")

    taken = taking.take(PLAN, subject(), trials=100, finish=3, seed=0, margin=0.7, ask=ask)
    assert taken.copy == "subset" and taken.why == saying(piloted, "safe").sentence
    assert asked == [replace(PLAN, margin=0.7)]


def test_what_a_pilot_costs_is_held_against_what_it_may_save():
    # 4 settings on the network and a quarter of its images, and 3 seeds of each: 5 + 12 trainings; then two thirds of
    # the trials, for a quarter of their cost, and 3 again on the network
    why = taking.too_short(subject(), PLAN, 24, 3)
    assert "about as long as 17 trainings of mlp, and the search on its cheapest copy 7, against 24" in why
    assert taking.too_short(subject(), PLAN, 25, 3) is None
    with_margin = replace(PLAN, margin=1.0)  # with which the direct search would end early, too
    assert "against 26" in taking.too_short(subject(), with_margin, 39, 3)
    assert taking.too_short(subject(), with_margin, 42, 3) is None


def test_a_network_of_which_no_copy_can_be_made_is_tuned_directly():
    def train(network, settings, *, seed, report):
        return settings["lr"]

    result = pruneproxy.tune(untraceable, train, SPACE, example=ROWS, trials=10)
    assert result.taken.direct and f"{DIRECTLY}; no copy of untraceable can be made: there is nothing to prune" in str(
        result
    )


def test_the_cheapest_safe_copy_is_searched_and_its_best_are_tried_again_on_the_network(piloted):
    calls = []
    result = tuned(saying(piloted, "safe"), search=heard(calls))
    assert (result.taken.copy, len(result.trials["proxy"]), len(result.trials["again"])) == ("subset", 10, 4 + 3)
    assert calls == ["proxy"] * 6 + ["again"] * 3 + ["full network"]  # the pilot's four on each side are there already
    order = sorted(result.trials["proxy"], key=lambda trial: -trial.value)
    assert [trial.settings for trial in result.trials["again"][4:]] == [trial.settings for trial in order[:3]]
    assert result.best.value == max(trial.value for trial in result.trials["again"])
    assert result.share == pytest.approx(0.25) and list(result.scores) == [1]
    assert "10 trials on the copy" in str(result) and "4 of them the pilot's" in str(result)


@pytest.mark.parametrize("what, name", [("proxy", "subset"), ("again", "network")])
def test_the_trainings_of_the_pilot_are_those_that_the_search_would_make(piloted, what, name):
    made = ALL[name](subject(), 0)
    for trial in tuned(saying(piloted, "safe")).trials[what][:4]:
        assert subject().score(copy.deepcopy(made.network), made.train, trial.settings, 0) == trial.value


def test_where_no_copy_is_safe_the_network_is_tuned_and_the_pilots_trainings_count(piloted):
    calls = []
    result = tuned(saying(piloted, "unsafe"), search=heard(calls) | {"compare": "search", "seeds": 2})
    assert result.taken.direct and result.taken.why.startswith(f"{DIRECTLY}; no copy of mlp was shown")
    assert calls == ["full"] * 6 + ["full network"] * 2 and len(result.trials["full"]) == 10
    known = piloted.scores.query("copy == 'network' and seed == 0")["score"].tolist()
    assert [trial.value for trial in result.trials["full"][:4]] == known and result.regret is None


def test_a_safe_copy_that_saves_nothing_any_more_is_left(piloted):
    result = tuned(saying(piloted, "safe", 0.9))
    assert result.taken.direct and "6 are left, and the detour over the copy 'subset' takes as long as" in str(result)


def test_one_lucky_seed_does_not_win():
    def train(network, settings, *, seed, report):
        lucky = seed == 0 and settings["batch_size"] == 16
        return 90.0 if lucky else settings["batch_size"] + seed

    def found(**search):
        search, example = tuning.Search(seeds=2, sampler="random", **search), TRAINER.example(8)
        space = {"batch_size": [16, 32]}
        return pruneproxy.tune(mlp, train, space, example=example, proxy="none", trials=6, search=search)

    calls = []
    steady = found(finalists=3, **heard(calls))
    assert steady.settings == {"batch_size": 32} and steady.scores == {1: 33.0, 2: 34.0}
    assert calls == ["full"] * 6 + ["finalist"] * 4 + ["full network"] * 2  # there are but two settings
    assert found(finalists=1).settings == {"batch_size": 16}


def test_what_the_pilot_found_best_over_seeds_is_a_finalist(piloted):
    taken = taking.take(saying(piloted, "unsafe"), subject(), trials=10, finish=3, seed=0, margin=None)
    fresh = piloted.scores.query("copy == 'network' and seed > 0")
    best = fresh.groupby("config")["score"].mean().idxmax()
    row = fresh[fresh["config"] == best].iloc[0]
    assert taken.steadiest == {"lr": row["lr"], "batch_size": row["batch_size"]}
    network = piloted.scores[piloted.scores["copy"] == "network"]
    last = network[network["seed"] == 0].sort_values("score").iloc[0]  # what the search itself would never nominate
    steady = pd.concat([piloted.scores, pd.DataFrame([last.to_dict() | {"seed": 9, "score": 100.0}])])
    steady.loc[(steady["config"] == last["config"]) & steady["seed"].between(1, 8), "score"] = 100.0
    calls = []
    tuned(replace(saying(piloted, "unsafe"), scores=steady), search={"finalists": 2, **heard(calls)})
    assert calls.count("finalist") == 3


def test_a_copy_may_be_named_and_the_network_too():
    copied, direct = tuned("subset", trials=3), tuned("none", trials=3)
    assert set(copied.trials) == {"proxy", "again"} and copied.taken.why == "as was asked"
    assert set(direct.trials) == {"full"} and direct.taken.copy == "network" and direct.share == 1


def test_a_pilot_of_another_space_is_refused(piloted):
    with pytest.raises(UserError, match="expected a pilot of the space lr, momentum, got one of other values of mom"):
        pruneproxy.tune(mlp, TRAINER, {"lr": SPACE["lr"], "momentum": [0.9]}, proxy=piloted)
    with pytest.raises(UserError, match="got one of other values of lr"):
        pruneproxy.tune(mlp, TRAINER, SPACE | {"lr": tuning.log(1e-6, 1e-5)}, proxy=piloted)


def test_a_training_function_needs_an_example():
    with pytest.raises(UserError, match="expected example= with a training function"):
        pruneproxy.tune(mlp, lambda network, settings, *, seed, report: 1.0, SPACE)


def test_auto_asks_tunes_and_goes_on_from_what_is_stored(tmp_path):
    words = {"trials": 40, "storage": f"journal:{tmp_path}/studies.log"}
    first = tuned(PLAN, **words)
    assert first.taken.pilot is not None and first.taken.copy in ("subset", "network")
    calls = []
    again = tuned(PLAN, **words, search=heard(calls))
    assert not calls and again.study == first.study and again.scores == first.scores
    assert (tmp_path / "studies.log.pilot").is_dir()


def test_a_search_with_a_margin_ends_when_the_rest_can_hardly_change_the_choice(tmp_path):
    def train(network, settings, *, seed, report):
        return 100 * (1 - abs(settings["lr"] - 0.5))

    words = {"proxy": "none", "trials": 60, "storage": f"journal:{tmp_path}/s.log", "example": TRAINER.example(8)}
    ended = tuned(train=train, margin=10.0, **words)
    count = len(ended.trials["full"])
    assert 8 <= count < 60 and f"{count} trials on the network" in str(ended) and "ended before 60" in str(ended)
    whole = tuned(train=train, **words)
    assert len(whole.trials["full"]) == 60 and whole.trials["full"][:count] == ended.trials["full"]
    assert max(trial.value for trial in whole.trials["full"]) - ended.best.value <= 10


@pytest.mark.parametrize("kind", ["sqlite", "journal"])
def test_plain_optuna_opens_the_studies_and_reads_what_they_are(kind, tmp_path):
    file = tmp_path / "studies"
    result = tuned(
        "subset", trials=3, margin=1.5, storage={"sqlite": "sqlite:///", "journal": "journal:"}[kind] + str(file)
    )
    storage = f"sqlite:///{file}" if kind == "sqlite" else JournalStorage(JournalFileBackend(str(file)))
    names = set(optuna.get_all_study_names(storage))
    assert names >= {f"{result.study}-proxy", f"{result.study}-again"} and result.study.startswith("mlp-on-subset-")
    assert len(names) == 3 and all(name.startswith("mlp-on-subset-") for name in names)
    study = optuna.load_study(study_name=f"{result.study}-proxy", storage=storage)
    about = {name: study.user_attrs[name] for name in ("network", "trained", "proxy", "cost", "margin")}
    assert about == {"network": "mlp", "trained": "subset", "proxy": "subset", "cost": 0.25, "margin": 1.5}
    assert [trial.params for trial in study.trials] == [trial.settings for trial in result.trials["proxy"]]
    assert study.best_value == max(trial.value for trial in result.trials["proxy"])
    assert optuna.load_study(study_name=f"{result.study}-again", storage=storage).user_attrs["trained"] == "network"


def test_the_example_of_the_readme_tunes_directly_and_says_why(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
    code = next(part.split("```")[0] for part in text.split("```python\n")[1:] if "pruneproxy.tune(" in part)
    names = {}
    exec(code, names)
    found = names["found"]
    assert found.taken.direct and found.taken.why.startswith(DIRECTLY) and found.tested
    assert optuna.get_all_study_names("sqlite:///studies.db")[0] == f"{found.study}-full"
    assert len(found.trials["full"]) <= 20 and max(found.scores.values()) > 50
