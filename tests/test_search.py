import json
import math
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import asdict, replace
from pathlib import Path

import optuna
import pytest

from pruneproxy import data, models, runs, workers
from pruneproxy.errors import UserError
from pruneproxy.runs import Conditions, RunSpec
from pruneproxy.search import (
    PRUNERS,
    SAMPLERS,
    Dimension,
    Outcome,
    SearchSpec,
    WinnerSpec,
    apply,
    best,
    loop,
    optimise,
    pruners,
    samplers,
    storages,
)
from pruneproxy.specs import from_dict, to_dict
from pruneproxy.stopping import Deadline
from pruneproxy.store import Store
from pruneproxy.train import TrainConfig

DATA = data.DataConfig(name="digits", train_images=100, eval_images=60)
TRAIN = TrainConfig(epochs=2, batch_size=50, evaluate_on="validation")
BASE = RunSpec(data=DATA, model=models.ModelConfig(name="resnet8", width=0.25), train=TRAIN)
SPACE = (
    Dimension(field="train.lr", low=1e-3, high=1.0, log=True),
    Dimension(field="train.batch_size", low=20, high=50, step=10, integer=True),
    Dimension(field="train.momentum", choices=(0.0, 0.9)),
)
SEARCH = SearchSpec(base=BASE, space=SPACE, trials=4)
FREE = (
    Dimension(field="x", low=1e-3, high=1e3, log=True),
    Dimension(field="n", low=2, high=64, integer=True, log=True),
    Dimension(field="step", low=0.0, high=1.0, step=0.25),
    Dimension(field="word", choices=("a", "b", "c")),
)


def bowl(settings, report=None):
    value = -((math.log10(settings["x"]) - 1) ** 2) - abs(math.log2(settings["n"]) - 4) + (settings["word"] == "b")
    return Outcome(value=value, epochs=1)


def told(trials):
    """What is equal in equal searches: everything but the time."""
    return [asdict(trial) | {"seconds": None} for trial in trials]


def said(record):
    return [{**trial, "seconds": None} for trial in record["trials"]]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_every_sampler_proposes_settings_inside_the_space(sampler):
    trials = optimise(bowl, FREE, name="s", sampler=sampler, trials=12, seed=1)
    assert [trial.number for trial in trials] == list(range(12))
    for trial in trials:
        x, n, step, word = (trial.settings[name] for name in ("x", "n", "step", "word"))
        assert 1e-3 <= x <= 1e3 and isinstance(n, int) and 2 <= n <= 64
        assert step in (0, 0.25, 0.5, 0.75, 1) and word in ("a", "b", "c")
    assert best(trials).value == max(trial.value for trial in trials)


def test_a_logarithmic_dimension_is_drawn_evenly_in_the_exponent():
    draws = [trial.settings["x"] for trial in optimise(bowl, FREE, name="s", sampler="random", trials=200)]
    assert sum(x < 1 for x in draws) == pytest.approx(100, abs=35)  # five standard deviations


def test_models_find_a_bowl_better_than_chance():
    means = {
        sampler: sum(
            best(optimise(bowl, FREE[:2] + FREE[3:], name="s", sampler=sampler, trials=30, seed=seed)).value
            for seed in range(5)
        )
        for sampler in ("random", "tpe")
    }
    assert means["tpe"] > means["random"]


def test_a_small_budget_has_fewer_random_trials():
    assert [samplers.startup_trials(count) for count in (1, 4, 12, 40, 100)] == [1, 1, 3, 10, 10]


@pytest.mark.parametrize("sampler", SAMPLERS)
@pytest.mark.parametrize("storage", ["sqlite:///{}/s.db", "journal:{}/s.log"])
def test_a_search_goes_on_as_if_it_had_not_stopped(tmp_path, sampler, storage):
    storage = storage.format(tmp_path)
    whole = optimise(bowl, FREE, name="s", sampler=sampler, trials=9)
    left = iter(range(10))

    def dies(settings, report):
        if next(left) % 4 == 3:
            raise KeyboardInterrupt
        return bowl(settings)

    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            optimise(dies, FREE, name="s", sampler=sampler, trials=9, storage=storage)
    assert told(optimise(bowl, FREE, name="s", sampler=sampler, trials=9, storage=storage)) == told(whole)


OWN = {
    "tpe": lambda: optuna.samplers.TPESampler(n_startup_trials=2, multivariate=True, group=True),
    "gp": lambda: optuna.samplers.GPSampler(seed=1, n_startup_trials=2, deterministic_objective=True),
    "cma-es": lambda: optuna.samplers.CmaEsSampler(n_startup_trials=1, warn_independent_sampling=False),
    "nsga2": lambda: optuna.samplers.NSGAIISampler(seed=1, population_size=4),
    "qmc": lambda: optuna.samplers.QMCSampler(seed=1, scramble=True, warn_independent_sampling=False),
    "random": lambda: optuna.samplers.RandomSampler(seed=1),
    "brute force": lambda: optuna.samplers.BruteForceSampler(),
    "grid": lambda: optuna.samplers.GridSampler({"n": [2, 3, 4, 5], "word": ["a", "b"]}),
    "fixed": lambda: optuna.samplers.PartialFixedSampler({"n": 4}, optuna.samplers.TPESampler(n_startup_trials=2)),
}


SMALL = (Dimension(field="n", low=1, high=8, integer=True), Dimension(field="word", choices=("a", "b")))


def number(settings, report=None):
    return Outcome(value=float(settings["n"]))


def interrupted(settings, report):
    raise KeyboardInterrupt


@pytest.mark.filterwarnings("ignore::optuna.exceptions.ExperimentalWarning")
@pytest.mark.parametrize("name", OWN)
def test_a_sampler_object_goes_on_after_a_stop_and_repeats_no_draw(tmp_path, name):
    left, storage = iter(range(20)), f"journal:{tmp_path}/s.log"

    def dies(settings, report):
        if next(left) == 5:
            raise KeyboardInterrupt
        return number(settings)

    def run(evaluate):
        return optimise(evaluate, SMALL, name="s", sampler=OWN[name](), trials=10, storage=storage)

    with pytest.raises(KeyboardInterrupt):
        run(dies)
    found = run(number)
    assert [trial.number for trial in found] == list(range(10))
    first, second = ([tuple(trial.settings.values()) for trial in found][part] for part in (slice(5), slice(5, 10)))
    assert name in ("fixed", "grid", "brute force", "qmc") or first != second


def test_a_sampler_object_draws_as_it_was_seeded():
    words = {"name": "s", "trials": 6}
    first, second, other = (
        told(optimise(bowl, FREE, sampler=optuna.samplers.RandomSampler(seed=seed), **words)) for seed in (1, 1, 2)
    )
    assert first == second != other


def test_a_sampler_object_is_not_changed_by_a_search():
    for part in (optuna.samplers.RandomSampler(seed=1), optuna.samplers.TPESampler(n_startup_trials=2, seed=1)):
        searches = [told(optimise(bowl, FREE, name="s", sampler=part, trials=5)) for _ in range(2)]
        assert searches[0] == searches[1] and part.__class__(seed=1)._rng.rng.rand() == part._rng.rng.rand()


@pytest.mark.parametrize("part", ["sampler", "pruner"])
@pytest.mark.parametrize("wrong", [5, None, optuna.samplers.TPESampler, optuna.pruners.MedianPruner])
def test_what_is_neither_a_name_nor_an_object_of_optuna_is_refused(part, wrong):
    with pytest.raises(UserError, match=f"expected the name of a {part} .*got"):
        optimise(bowl, FREE, name="s", trials=2, **{part: wrong})


def test_what_a_sampler_gets_wrong_is_not_blamed_on_the_storage():
    class Broken(optuna.samplers.RandomSampler):
        def sample_independent(self, *words):
            raise KeyError("my mistake")

    with pytest.raises(KeyError, match="my mistake"):
        optimise(bowl, FREE, name="s", sampler=Broken(), trials=2)

    class Locked(optuna.samplers.RandomSampler):
        def __deepcopy__(self, known):
            raise TypeError("a lock")

    with pytest.raises(UserError, match="expected a sampler that can be copied, got a Locked"):
        optimise(bowl, FREE, name="s", sampler=Locked(), trials=2)


def test_a_trial_that_ends_before_its_lock_is_taken_is_not_evaluated_again(tmp_path, monkeypatch):
    words = {"name": "race", "sampler": "random", "trials": 2, "storage": f"journal:{tmp_path}/s.log"}
    with pytest.raises(KeyboardInterrupt):
        optimise(interrupted, FREE, **words)  # a trial that runs
    claimed, evaluated = loop._Study._claimed, []

    def late(study, trial, held):
        monkeypatch.undo()  # the other process tells its trial before this one has the lock
        told_late = study._all()[trial]
        study.tell(told_late, bowl(told_late.params))
        return claimed(study, trial, held)

    monkeypatch.setattr(loop._Study, "_claimed", late)
    trials = optimise(lambda settings, report: evaluated.append(settings) or bowl(settings), FREE, **words)
    assert evaluated == [trials[1].settings] and [trial.number for trial in trials] == [0, 1]
    assert told(trials) == told(optimise(bowl, FREE, **words | {"storage": "memory"}))


def test_a_trial_that_died_between_two_draws_is_completed_to_the_same_settings(tmp_path, monkeypatch):
    storage = f"sqlite:///{tmp_path}/s.db"
    for sampler in ("random", "tpe", "cma-es"):
        whole = optimise(bowl, FREE, name=sampler, sampler=sampler, trials=5)
        draw, left = optuna.Trial._suggest, iter(range(100))

        def dies(trial, name, kind, draw=draw, left=left):
            if next(left) == 13:  # in the middle of the fourth trial
                raise KeyboardInterrupt
            return draw(trial, name, kind)

        monkeypatch.setattr(optuna.Trial, "_suggest", dies)
        with pytest.raises(KeyboardInterrupt):
            optimise(bowl, FREE, name=sampler, sampler=sampler, trials=5, storage=storage)
        monkeypatch.undo()
        assert told(optimise(bowl, FREE, name=sampler, sampler=sampler, trials=5, storage=storage)) == told(whole)


@pytest.mark.parametrize("value", [None, math.nan, math.inf])
@pytest.mark.parametrize("direction,worst", [("maximize", 0.0), ("minimize", 10.0)])
def test_a_trial_that_diverges_is_the_worst_and_the_search_goes_on(tmp_path, value, direction, worst):
    def fragile(settings, report):
        return Outcome(value=value) if settings["x"] > 1 else Outcome(value=5 + math.log10(settings["x"]))

    storage, space = f"journal:{tmp_path}/s.log", FREE[:1]
    trials = optimise(
        fragile, space, name="s", trials=12, storage=storage, direction=direction, worst=worst, sampler="random"
    )
    diverged = {trial.number for trial in trials if trial.state == "diverged"}
    assert diverged and all(trial.value is None for trial in trials if trial.number in diverged)
    study = optuna.load_study(
        study_name="s",
        storage=optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(f"{tmp_path}/s.log")),
    )
    assert {trial.value for trial in study.trials if trial.number in diverged} == {worst}
    assert best(trials, direction).number not in diverged
    with pytest.raises(UserError, match="all diverged"):
        best([trial for trial in trials if trial.number in diverged])


def climbing(settings, report):
    """Ten epochs towards a level: good settings are ahead from the first epoch on."""
    for epoch in range(1, 10):
        value = math.log10(settings["x"]) * epoch
        if report(epoch, value):
            return Outcome(value=value, state="stopped", epochs=epoch)
    return Outcome(value=value, epochs=9)


def test_hyperband_stops_trials_that_fall_behind():
    trials = optimise(climbing, FREE[:1], name="h", sampler="random", pruner="hyperband", epochs=9, trials=30)
    states = {trial.state for trial in trials}
    assert states == {"complete", "stopped"}
    assert {trial.epochs for trial in trials if trial.state == "stopped"} <= {1, 3}
    assert best(trials).value == max(trial.value for trial in trials if trial.state == "complete")


def test_hyperband_decides_as_optuna_does():
    trials = optimise(climbing, FREE[:1], name="h", sampler="random", pruner="hyperband", epochs=10, trials=40)
    study = optuna.create_study(
        study_name="h", pruner=optuna.pruners.HyperbandPruner(max_resource=10), direction="maximize"
    )
    epochs = []
    for ours in trials:
        trial, epoch = study.ask(), 0
        for epoch in range(1, 10):
            trial.report(math.log10(ours.settings["x"]) * epoch, epoch)
            if epoch < 9 and trial.should_prune():
                break
        study.tell(trial, state=optuna.trial.TrialState.PRUNED)
        epochs.append(epoch)
    # Optuna also decides at rung 9 of 9 epochs, where there is nothing left to stop.
    assert [trial.epochs for trial in trials] == epochs


def test_brackets_are_those_of_optuna():
    pruner, study = optuna.pruners.HyperbandPruner(max_resource=27), optuna.create_study(study_name="b")
    pruner._try_initialization(study)
    for number in range(50):
        frozen = optuna.trial.create_trial(value=0.0)
        frozen.number = number
        assert pruners.bracket("b", number, 27) == pruner._get_bracket_id(study, frozen)


def test_a_stopped_search_with_hyperband_goes_on_identically(tmp_path):
    whole = optimise(climbing, FREE[:1], name="h", sampler="tpe", pruner="hyperband", epochs=9, trials=12)
    for kill in (2, 5, 8):
        seen = iter(range(100))

        def dies(settings, report, seen=seen, kill=kill):
            count = next(seen)

            def heard(epoch, value):
                stop = report(epoch, value)
                if count == kill and epoch == 1:
                    raise KeyboardInterrupt  # the value is stored, the decision is lost
                return stop

            return climbing(settings, heard)

        storage = f"sqlite:///{tmp_path}/{kill}.db"
        words = {"name": "h", "sampler": "tpe", "pruner": "hyperband", "epochs": 9, "trials": 12, "storage": storage}
        with pytest.raises(KeyboardInterrupt):
            optimise(dies, FREE[:1], **words)
        assert told(optimise(climbing, FREE[:1], **words)) == told(whole)


def test_samplers_and_pruners_of_optuna_can_be_handed_in():
    sampler, pruner = optuna.samplers.RandomSampler(seed=0), optuna.pruners.MedianPruner(n_startup_trials=3)
    trials = optimise(climbing, FREE[:1], name="o", sampler=sampler, pruner=pruner, trials=12)
    assert len(trials) == 12 and "stopped" in {trial.state for trial in trials}


@pytest.mark.parametrize(
    "words,expected",
    [
        ({"low": 2.0, "high": 1.0}, "the low end of x to be at most the high one, got 2 > 1"),
        ({"low": 0.0, "high": 1.0, "log": True}, "a low end of x above 0 for a logarithmic scale, got 0"),
        ({"low": 0.5, "high": 2.0, "integer": True}, "whole numbers for the integer x"),
        ({"low": 0.1}, "expected finite numbers as low and high of x, or choices, got 0.1 and None"),
        ({"low": 0.0, "high": math.inf}, "expected finite numbers"),
        ({"low": 0.0, "high": 1.0, "step": 0.0}, "a step of x above 0"),
        ({"low": 0.1, "high": 1.0, "step": 0.1, "log": True}, "a step of x above 0 on a linear scale"),
        ({"low": 0.0, "high": 1.0, "choices": (1, 2)}, "either choices or an interval for x, got both"),
        ({"choices": ((1, 2),)}, "choices of x to be numbers, words"),
    ],
)
def test_a_dimension_that_makes_no_sense_is_refused(words, expected):
    with pytest.raises(UserError, match=expected.replace("(", r"\(")):
        Dimension(field="x", **words)


@pytest.mark.parametrize(
    "changes,expected",
    [
        ({"sampler": "tpee"}, "unknown sampler 'tpee' .*expected one of tpe, tpe-univariate, gp, cma-es, random"),
        ({"pruner": "halving"}, "unknown pruner 'halving': expected one of none, hyperband"),
        ({"objective": "f1"}, "unknown objective 'f1': expected one of top1, top5, loss"),
        ({"best_of": "mean"}, "unknown value of best_of"),
        ({"trials": 0}, "at least 1 trial and at most 1,000,000, got 0"),
        ({"space": ()}, "at least one dimension"),
        ({"space": (SPACE[0], SPACE[0])}, "train.lr twice"),
        ({"space": (replace(SPACE[0], field="train.rate"),)}, "unknown field of TrainConfig 'rate'.*expected one of"),
        ({"space": (replace(SPACE[0], field="optimizer.lr"),)}, "unknown field of RunSpec 'optimizer'"),
        ({"space": (replace(SPACE[0], field="train.lr.x"),)}, "expected a field of the base spec, got 'train.lr.x'"),
        ({"space": (replace(SPACE[1], integer=False),)}, "TrainConfig.batch_size must be a whole number"),
        ({"warm_start": True, "pruner": "hyperband"}, "warm_start without a pruner"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused_before_it_begins(changes, expected):
    with pytest.raises(UserError, match=expected):
        replace(SEARCH, **changes)


@pytest.mark.parametrize(
    "storage,expected",
    [
        ("redis://host", "unknown storage 'redis://host': expected memory, sqlite"),
        ("sqlite:////nonexistent/folder/s.db", "the folder of the storage .* to exist"),
        ("journal:/nonexistent/s.log", "the folder of the storage .* to exist"),
        ("journal:{tmp}", "expected to reach the storage"),
        ("sqlite:///{tmp}/text.db", "expected to reach the storage .*Every finished run is kept"),
        ("postgresql://me:secret@127.0.0.1:1/none", r"me:\*\*\*@"),
        ("postgresql+nodriver://me:secret@host/none", "unknown storage 'postgresql.nodriver"),
        ("postgresql", "unknown storage 'postgresql'"),
        ("sqlite", "unknown storage 'sqlite'"),
    ],
)
def test_a_storage_that_cannot_be_reached_is_one_sentence(tmp_path, storage, expected):
    (tmp_path / "text.db").write_text("no database " * 100)
    with pytest.raises(UserError, match=expected) as caught:
        optimise(bowl, FREE, name="s", trials=2, storage=storage.replace("{tmp}", str(tmp_path)))
    assert "secret" not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "address,module,advice",
    [
        ("postgresql://me:secret@host/none", "psycopg", r"pip install 'pruneproxy\[postgres\]'"),
        ("postgresql+psycopg2://me:secret@host/none", "psycopg2", r"pip install psycopg2 \(or"),
    ],
)
def test_a_missing_driver_is_advised_before_anything_is_reached(monkeypatch, address, module, advice):
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    for reach in (storages.check, storages.connect):
        with pytest.raises(UserError, match=f"expected a driver for .*{advice}") as caught:
            reach(address)
        assert "secret" not in str(caught.value)


def test_the_address_of_a_storage_is_a_word(tmp_path):
    with pytest.raises(UserError, match="expected the address of a storage as a word .*got PosixPath"):
        optimise(bowl, FREE, name="s", trials=2, storage=tmp_path / "s.log")


def test_a_study_with_another_space_is_refused(tmp_path):
    storage = f"sqlite:///{tmp_path}/s.db"
    optimise(bowl, FREE, name="s", trials=1, storage=storage)
    with pytest.raises(UserError, match="the same search space"):
        optimise(bowl, (*FREE[1:], replace(FREE[0], low=0.1)), name="s", trials=2, storage=storage)


def test_a_half_written_line_of_a_journal_is_dropped(tmp_path):
    storage, whole = f"journal:{tmp_path}/s.log", optimise(bowl, FREE, name="s", trials=6)
    optimise(bowl, FREE, name="s", trials=6, storage=storage)
    path = tmp_path / "s.log"
    text = path.read_bytes()
    for share in (0.3, 0.6, 0.9):
        path.write_bytes(text[: int(len(text) * share)])
        assert told(optimise(bowl, FREE, name="s", trials=6, storage=storage)) == told(whole)


def test_settings_replace_dotted_fields():
    changed = apply(BASE, {"train.lr": 0.5, "data.train_images": 80, "seed": 3})
    assert (changed.train.lr, changed.data.train_images, changed.seed) == (0.5, 80, 3)
    assert replace(changed, train=replace(changed.train, lr=BASE.train.lr)).train == BASE.train


def test_searches_can_be_read_back_from_their_records():
    winner = WinnerSpec(search=SEARCH, target=replace(BASE, seed=2))
    assert from_dict(WinnerSpec, json.loads(json.dumps(to_dict(winner)))) == winner
    assert from_dict(WinnerSpec, to_dict(winner)).id == winner.id


def test_a_winner_trains_the_target_with_the_best_settings_of_its_search(tmp_path):
    store, target = Store(tmp_path), replace(BASE, seed=5, train=replace(TRAIN, evaluate_on="test"))
    winner = WinnerSpec(search=SEARCH, target=target)
    assert [list(wave) for wave in workers.plan([winner], store).waves] == [[SEARCH.id], [winner.id]]
    assert set(workers.run_all([winner], store).made) == {SEARCH.id, winner.id}
    search, found = store.get(SEARCH.id), store.get(winner.id)
    top = max(search["trials"], key=lambda trial: (trial["value"], -trial["number"]))
    assert search["best"] == {name: top[name] for name in ("number", "settings", "value")}
    assert found["run"] == apply(target, top["settings"]).id and found["metrics"] == store.get(found["run"])["metrics"]
    for trial in search["trials"]:
        run = store.get(trial["run"])
        assert run["metrics"]["top1"] == trial["value"] and run["spec"]["train"]["lr"] == trial["settings"]["train.lr"]
    assert search["cost"]["multiplications"] == sum(trial["multiplications"] for trial in search["trials"])


def test_a_search_of_which_every_trial_diverges_has_no_winner(tmp_path):
    space = (Dimension(field="train.lr", low=1e9, high=1e10),)
    search = replace(SEARCH, space=space, trials=2)
    record = runs.ensure(search, store := Store(tmp_path))
    assert record["status"] == "diverged" and record["best"] is None
    assert {trial["state"] for trial in record["trials"]} == {"diverged"}
    winner = runs.ensure(WinnerSpec(search=search, target=BASE), store)
    assert winner["status"] == "diverged" and winner["settings"] is None


def test_the_best_epoch_counts_when_it_is_asked_for(tmp_path):
    store, search = Store(tmp_path), replace(SEARCH, best_of="max")
    for trial in runs.ensure(search, store)["trials"]:
        assert trial["value"] == max(store.get(trial["run"])["history"]["eval_top1"])
    searched = runs.ensure(replace(search, objective="loss"), store)
    assert searched["best"]["value"] == min(trial["value"] for trial in searched["trials"])


def test_hyperband_stores_stopped_runs_and_finds_them_again(tmp_path):
    search = replace(SEARCH, pruner="hyperband", trials=8, base=replace(BASE, train=replace(TRAIN, epochs=9)))
    record = runs.ensure(search, store := Store(tmp_path))
    stopped = [trial for trial in record["trials"] if trial["state"] == "stopped"]
    assert stopped and all(trial["epochs"] < 9 for trial in stopped)
    for trial in stopped:
        spec = from_dict(RunSpec, store.get(trial["run"])["spec"])
        assert spec.train.stop_after == trial["epochs"] and spec.id == trial["run"]
        again = runs.execute(spec, Store(tmp_path / "other"))
        assert again["weights"] == store.get(spec.id)["weights"]
        assert again["history"]["eval_top1"] == store.get(spec.id)["history"]["eval_top1"]
    before = len(store)
    again = search.execute(store)
    assert said(again) == said(record) and len(store) == before


def test_one_network_for_all_trials_goes_on_after_a_stop(tmp_path):
    search = replace(SEARCH, warm_start=True)
    whole = runs.ensure(search, Store(tmp_path / "whole"))
    store, epochs = Store(tmp_path / "cut"), iter(range(100))

    def dies(spec, row):
        if next(epochs) == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        runs.ensure(search, store, Conditions(on_epoch=dies))
    assert said(runs.ensure(search, store)) == said(whole)
    assert len(store) == 1 and store.checkpoint(search.id) is None


def test_a_budget_stops_a_search_and_the_next_call_ends_it(tmp_path):
    store = Store(tmp_path)
    assert workers.run_all([SEARCH], store, budget=0).missing == (SEARCH.id,)
    with pytest.raises(runs.BudgetSpent):
        runs.ensure(SEARCH, store, Conditions(deadline=Deadline.after(-1)))
    assert not workers.run_all([SEARCH], store, workers=2).missing
    assert said(store.get(SEARCH.id)) == said(runs.ensure(SEARCH, Store(tmp_path / "other")))


WORKER = """
import sys, time
sys.path.insert(0, sys.argv[4])
from test_search import SEARCH, bowl, FREE
from dataclasses import replace
from pruneproxy import runs, search
from pruneproxy.runs import Conditions
from pruneproxy.store import Store
kind, folder, storage = sys.argv[1:4]
if kind == "spec":
    runs.ensure(replace(SEARCH, trials=8), Store(folder), Conditions(storage=storage))
else:
    def slow(settings, report):
        time.sleep(0.05)
        with open(folder + "/evaluated", "a") as file:
            file.write(repr(sorted(settings.items())) + "\\n")
        return bowl(settings)
    search.optimise(slow, FREE, name="shared", sampler="tpe", trials=20, storage=storage)
"""


def start(kind, folder, storage):
    words = [sys.executable, "-c", WORKER, kind, str(folder), storage, str(Path(__file__).parent)]
    return subprocess.Popen(words, env={**os.environ, "OMP_NUM_THREADS": "1"}, start_new_session=True)


@pytest.mark.slow
@pytest.mark.parametrize("storage", ["memory", "sqlite:///{}/s.db", "journal:{}/s.log"])
def test_a_search_that_is_killed_again_and_again_has_the_same_history(tmp_path, storage):
    search, chance = replace(SEARCH, trials=8), random.Random(storage)
    whole = runs.ensure(search, Store(tmp_path / "whole"))
    cut = tmp_path / "cut"
    cut.mkdir()
    for _ in range(int(os.environ.get("PRUNEPROXY_KILLS", "2"))):
        process = start("spec", cut, storage.format(cut))
        before, deadline = len(Store(cut)), time.time() + 60
        while len(Store(cut)) <= before and process.poll() is None and time.time() < deadline:
            time.sleep(0.01)
        time.sleep(chance.uniform(0, 0.4))
        process.send_signal(signal.SIGKILL)
        process.wait()
    record = runs.ensure(search, Store(cut), Conditions(storage=storage.format(cut)))
    assert said(record) == said(whole)


@pytest.mark.slow
@pytest.mark.parametrize("storage", ["journal:{}/s.log", "sqlite:///{}/s.db"])
def test_two_processes_on_one_study_lose_and_repeat_nothing(tmp_path, storage):
    processes = [start("free", tmp_path, storage.format(tmp_path)) for _ in range(2)]
    assert [process.wait(120) for process in processes] == [0, 0]
    trials = optimise(bowl, FREE, name="shared", trials=20, storage=storage.format(tmp_path))
    evaluated = (tmp_path / "evaluated").read_text().splitlines()
    assert [trial.number for trial in trials] == list(range(20))
    assert sorted(evaluated) == sorted(repr(sorted(trial.settings.items())) for trial in trials)


@pytest.mark.slow
def test_a_survivor_takes_over_the_trial_of_a_killed_process(tmp_path):
    storage = f"journal:{tmp_path}/s.log"
    killed, survivor = (start("free", tmp_path, storage) for _ in range(2))
    path = tmp_path / "evaluated"
    while not path.exists() or len(path.read_text().splitlines()) < 3:
        time.sleep(0.02)
    killed.send_signal(signal.SIGKILL)
    assert survivor.wait(120) == 0 and killed.wait() != 0
    trials = optimise(bowl, FREE, name="shared", trials=20, storage=storage)
    assert [trial.number for trial in trials] == list(range(20))
    assert len(path.read_text().splitlines()) in (20, 21)  # at most the trial of the killed process is repeated


@pytest.mark.slow
def test_two_processes_make_one_search_together(tmp_path):
    storage = f"journal:{tmp_path}/s.log"
    processes = [start("spec", tmp_path, storage) for _ in range(2)]
    assert [process.wait(120) for process in processes] == [0, 0]
    store = Store(tmp_path)
    record = store.get(replace(SEARCH, trials=8).id)
    assert [trial["number"] for trial in record["trials"]] == list(range(8))
    assert len(store) == 1 + len({trial["run"] for trial in record["trials"]})


def test_pruners_and_samplers_are_explained():
    assert set(pruners.EXPLAINED) == set(PRUNERS) and all(sampler.text for sampler in SAMPLERS.values())
