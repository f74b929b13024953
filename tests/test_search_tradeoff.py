"""Searches with several objectives: samplers, acquisitions, folds, fronts and sweeps."""

import math
from dataclasses import asdict, replace

import numpy as np
import optuna
import pytest

from pruneproxy import data, models, pareto, runs, workers
from pruneproxy.errors import UserError
from pruneproxy.runs import Conditions, RunSpec
from pruneproxy.search import (
    SAMPLERS,
    Dimension,
    FrontSpec,
    Outcome,
    SweepSpec,
    TradeoffSpec,
    apply,
    best,
    mosmac,
    optimise,
    samplers,
    storages,
)
from pruneproxy.search.proposing import Draw
from pruneproxy.search.repeating import Repeatable
from pruneproxy.search.tradeoffs import Compared
from pruneproxy.sparse import SparseConfig
from pruneproxy.specs import from_dict, to_dict
from pruneproxy.store import Store
from pruneproxy.train import TrainConfig

SEVERAL = [name for name, sampler in SAMPLERS.items() if sampler.several]
FREE = (
    Dimension(field="x", low=0.0, high=1.0),
    Dimension(field="kind", choices=("a", "b")),
    Dimension(field="n", low=1, high=50, integer=True, log=True, when=("kind", ("a",))),
)
TWO = {"direction": ("minimize", "minimize"), "worst": (9.0, 9.0)}


def valley(settings, report=None):
    """Two objectives that pull x apart; kind b and a large n make both worse."""
    extra = 1.0 if settings["kind"] == "b" else math.log(settings["n"]) / 4
    return Outcome(value=(settings["x"] ** 2 + extra, (settings["x"] - 1) ** 2 + extra))


def told(trials):
    return [asdict(trial) for trial in trials]


@pytest.mark.parametrize("sampler", SEVERAL)
def test_a_search_for_a_trade_off_goes_on_as_if_it_had_not_stopped(tmp_path, sampler):
    words = {"name": "t", "sampler": sampler, "trials": 9, "default_first": True, **TWO}
    whole = optimise(valley, FREE, **words)
    for storage in (f"sqlite:///{tmp_path}/s.db", f"journal:{tmp_path}/s.log"):
        left = iter(range(30))

        def dies(settings, report, left=left):
            if next(left) % 4 == 3:
                raise KeyboardInterrupt
            return valley(settings)

        for _ in range(2):
            with pytest.raises(KeyboardInterrupt):
                optimise(dies, FREE, storage=storage, **words)
        assert told(optimise(valley, FREE, storage=storage, **words)) == told(whole)


@pytest.mark.parametrize("sampler", SEVERAL)
def test_a_killed_draw_is_completed_to_the_same_settings(tmp_path, monkeypatch, sampler):
    words = {"name": "t", "sampler": sampler, "trials": 8, **TWO}
    whole, draw, left = optimise(valley, FREE, **words), optuna.Trial._suggest, iter(range(100))

    def dies(trial, name, kind):
        if next(left) == 11:  # in the middle of a trial
            raise KeyboardInterrupt
        return draw(trial, name, kind)

    monkeypatch.setattr(optuna.Trial, "_suggest", dies)
    with pytest.raises(KeyboardInterrupt):
        optimise(valley, FREE, storage=f"sqlite:///{tmp_path}/s.db", **words)
    monkeypatch.undo()
    assert told(optimise(valley, FREE, storage=f"sqlite:///{tmp_path}/s.db", **words)) == told(whole)


def test_one_objective_has_a_best_trial_and_several_a_front():
    with pytest.raises(UserError, match="one objective, got several: take the front"):
        best(optimise(valley, FREE, name="t", sampler="random", trials=2, **TWO))
    with pytest.raises(UserError, match="a sampler for several objectives, got 'cma-es': take one of tpe"):
        optimise(valley, FREE, name="t", sampler="cma-es", trials=2, **TWO)
    with pytest.raises(UserError, match="no pruner with several objectives"):
        optimise(valley, FREE, name="t", sampler="tpe", pruner="hyperband", epochs=3, trials=2, **TWO)


def test_a_trial_without_values_is_told_as_the_worst_in_every_objective(tmp_path):
    def fragile(settings, report):
        return Outcome(value=None) if settings["kind"] == "b" else Outcome(value=(10.0, 1.0))

    words = {"name": "t", "sampler": "random", "trials": 8, "storage": f"sqlite:///{tmp_path}/s.db"}
    trials = optimise(fragile, FREE, **words, **TWO)
    study = optuna.load_study(study_name="t", storage=words["storage"])
    for trial, known in zip(trials, study.trials, strict=True):
        assert trial.state == ("diverged" if trial.settings["kind"] == "b" else "complete")
        assert known.values in ([10.0, 1.0], [10.0, 9.0], [9.0, 9.0])
    assert [10.0, 9.0] in [trial.values for trial in study.trials]


def test_a_latin_hypercube_has_every_part_of_every_dimension_once():
    space = (
        FREE[0],
        Dimension(field="c", choices=("a", "b", "c", "d")),
        Dimension(field="l", low=1e-4, high=1.0, log=True),
    )
    trials = optimise(lambda *_: Outcome(value=(0.0, 0.0)), space, name="t", sampler="lhs", trials=20, seed=3, **TWO)
    assert sorted(int(trial.settings["x"] * 20) for trial in trials) == list(range(20))
    assert sorted(int((math.log10(trial.settings["l"]) + 4) * 5) for trial in trials) == list(range(20))
    assert all([trial.settings["c"] for trial in trials].count(name) == 5 for name in "abcd")
    other = optimise(lambda *_: Outcome(value=(0.0, 0.0)), space, name="t", sampler="lhs", trials=20, seed=4, **TWO)
    assert told(other) != told(trials)


LINE = (Dimension(field="x", low=0.0, high=1.0),)


def known_line():
    """A study of both objectives equal to x, with x from 0.3 to 1: smaller values dominate."""
    with storages.quiet():
        study = optuna.create_study(directions=["minimize", "minimize"])
    for x in np.linspace(0.3, 1.0, 15):
        kinds = {"x": LINE[0].distribution}
        study.add_trial(optuna.trial.create_trial(values=[x, x], params={"x": x}, distributions=kinds))
    return study


def asked(study, name, seed=0):
    """Settings that a sampler proposes next."""
    study.sampler = Repeatable(name, seed=seed, trials=100, space=LINE)
    return study.ask({"x": LINE[0].distribution}).params["x"]


def test_nsga2_selects_what_dominates():
    sampler = samplers.SAMPLERS["nsga2"].make(Draw(seed=0, search_seed=0, trials=20, first=0, space=LINE))
    chosen = sampler._elite_population_selection_strategy(known_line(), known_line().trials)
    assert samplers.population(20) == 4 and sorted(trial.params["x"] for trial in chosen) == pytest.approx(
        [0.3, 0.35, 0.4, 0.45]
    )
    assert [samplers.population(count) for count in (5, 60, 650)] == [4, 12, 50]


@pytest.mark.parametrize("name", ["tpe", "tpe-univariate"])
def test_tpe_scores_what_dominates_higher(monkeypatch, name):
    score, scores = optuna.samplers.TPESampler._compute_acquisition_func, []

    def heard(self, samples, below, above):
        scores.append(score(self, {"x": np.array([0.3, 0.95])}, below, above))
        return score(self, samples, below, above)

    monkeypatch.setattr(optuna.samplers.TPESampler, "_compute_acquisition_func", heard)
    asked(known_line(), name)
    assert scores and all(good > bad for good, bad in scores)


def test_the_gaussian_processes_score_what_dominates_higher(monkeypatch):
    scores = []

    def heard(self, acquisition, known):
        scores.append(acquisition.eval_acqf_no_grad(np.array([[0.05], [0.95]])))
        return np.array([0.05])

    monkeypatch.setattr(optuna.samplers.GPSampler, "_optimize_acqf", heard)
    asked(known_line(), "gp")
    assert scores and all(good > bad for good, bad in scores)


FRONT = np.array([[0.1, 0.8], [0.4, 0.4], [0.8, 0.1]])
DOMINATES, DOMINATED, WORSE = [0.05, 0.05], [0.5, 0.5], [0.99, 0.99]


def scored(name):
    points = np.array([DOMINATES, DOMINATED, WORSE])
    return mosmac.ACQUISITIONS[name](FRONT, points, np.full(points.shape, 0.1))


def test_mo_smac_scores_what_dominates_higher():
    good, bad, worse = scored("improvement")
    assert good > 0 >= bad > worse
    rest = pareto.hypervolume(FRONT, direction="minimize", reference=1.1)
    assert good == pytest.approx(1.05**2 - rest)


def test_the_released_code_of_mo_smac_scores_what_is_dominated_higher():
    good, bad, worse = scored("released")
    assert good < bad < worse
    # The expected gain of a normal variable, by a sum over its density.
    grid = np.linspace(-12, 12, 400_001)
    density = np.exp(-(grid**2) / 2) / math.sqrt(2 * math.pi)
    for mean in (0.99, 0.5, 1.4):
        gain = np.trapezoid(np.maximum(mean + 0.1 * grid - 1.1, 0) * density, grid)
        found = mosmac.released(FRONT, np.array([[mean]]), np.array([[0.1]]))[0]
        assert found == pytest.approx(math.log(gain), abs=1e-4)
    far = mosmac.released(FRONT, np.array([[0.0], [0.5], [1.0]]), np.full((3, 1), 1e-3))
    assert np.isfinite(far).all() and (np.diff(far) > 0).all()


def test_mo_smac_proposes_good_settings_and_the_released_code_bad_ones(monkeypatch):
    monkeypatch.setattr(mosmac, "RANDOM", 0.0)
    good = [asked(known_line(), "mo-smac", seed) for seed in range(6)]
    bad = [asked(known_line(), "mo-smac-code", seed) for seed in range(6)]
    assert max(good) < 0.5 < min(bad)  # the front is 0.3


def mirrored(study):
    """The same study with the negative of both objectives, to be maximised."""
    with storages.quiet():
        found = optuna.create_study(directions=["maximize", "maximize"])
    for trial in study.trials:
        values = [-value for value in trial.values]
        words = {"params": trial.params, "distributions": trial.distributions}
        found.add_trial(optuna.trial.create_trial(values=values, **words))
    return found


def test_mo_smac_maximises_what_is_to_be_maximised(monkeypatch):
    monkeypatch.setattr(mosmac, "RANDOM", 0.0)
    for seed in range(3):
        assert asked(mirrored(known_line()), "mo-smac", seed) == asked(known_line(), "mo-smac", seed)


def test_half_of_the_proposals_of_mo_smac_are_random(monkeypatch):
    asks = []
    monkeypatch.setattr(mosmac.MOSMAC, "_candidates", lambda *_: asks.append(1) or [])
    study = known_line()
    for seed in range(200):
        asked(study, "mo-smac", seed)
    assert sum(asks) == pytest.approx(100, abs=35)  # five standard deviations


@pytest.mark.slow
def test_mo_smac_covers_more_than_chance_and_the_released_code_does_not():
    space = tuple(Dimension(field=f"x{place}", low=0.0, high=1.0) for place in range(6))

    def sphere(settings, report):  # the unit circle is the front (DTLZ2 of Deb et al. 2002)
        angle, *rest = settings.values()
        far = 1 + sum((value - 0.5) ** 2 for value in rest)
        return Outcome(value=(far * math.cos(angle * math.pi / 2), far * math.sin(angle * math.pi / 2)))

    def covered(sampler):
        found = [optimise(sphere, space, name="t", sampler=sampler, trials=50, seed=seed, **TWO) for seed in range(3)]
        volumes = (
            pareto.hypervolume([trial.value for trial in trials], direction="minimize", reference=2.0)
            for trials in found
        )
        return np.median(list(volumes))

    assert covered("mo-smac") > covered("random") > covered("mo-smac-code")


DATA = data.DataConfig(name="digits", train_images=100, eval_images=60, folds=3)
BASE = RunSpec(
    data=DATA,
    model=models.ModelConfig(name="mlp", sizes=models.MLPSizes(layers=1)),
    train=TrainConfig(epochs=2, batch_size=50, evaluate_on="validation"),
    sparse=SparseConfig(method="set", interval=2),
)
SPACE = (
    Dimension(field="sparse.method", choices=("rigl", "set", "dense"), default="set"),
    Dimension(field="sparse.density", low=0.1, high=1.0, when=("sparse.method", ("rigl", "set"))),
    Dimension(field="model.sizes.layers", low=1, high=3, integer=True),
    Dimension(field="model.sizes.last", low=1, high=60, integer=True, log=True, when=("model.sizes.layers", (2, 3))),
    Dimension(field="train.lr", low=1e-3, high=1.0, log=True, default=0.1),
    Dimension(field="switch.dropout", choices=(False, True)),
    Dimension(field="model.dropout", low=0.1, high=0.5, when=("switch.dropout", (True,))),
)
TRADE = TradeoffSpec(base=BASE, space=SPACE, sampler="random", trials=6, folds=2)
TARGET = replace(BASE, data=replace(DATA, folds=None), train=replace(BASE.train, evaluate_on="test"))


def said(record):
    return [{**trial, "seconds": None} for trial in record["trials"]]


def test_a_trade_off_has_the_mean_objectives_of_its_folds(tmp_path):
    record = runs.ensure(TRADE, store := Store(tmp_path))
    assert (record["kind"], record["status"]) == ("tradeoff", "ok")
    assert record["trials"][0]["settings"]["sparse.method"] == "set"
    assert record["trials"][0]["settings"]["train.lr"] == 0.1
    for trial in record["trials"]:
        found = [store.get(name) for name in trial["runs"]]
        assert trial["folds"] == 2 and [run["spec"]["data"]["fold"] for run in found] == [0, 1]
        means = [
            np.mean([100 - run["metrics"]["top1"] for run in found]),
            np.mean([run["cost"]["multiplications"] for run in found]),
            np.mean([run["cost"]["training_multiplications"] for run in found]),
        ]
        assert trial["values"] == pytest.approx(means)
        assert trial["multiplications"] == sum(run["cost"]["training_multiplications"] for run in found)
    assert len(store) == 1 + 12
    again = TRADE.execute(store)
    assert said(again) == said(record) and len(store) == 13


def test_a_search_for_a_trade_off_that_is_cut_goes_on_identically(tmp_path):
    search = replace(TRADE, intensify="race", sampler="mo-smac", trials=5)
    whole = runs.ensure(search, Store(tmp_path / "whole"))
    for kind in ("memory", "sqlite"):
        store, epochs = Store(tmp_path / kind), iter(range(100))
        storage = "memory" if kind == "memory" else f"sqlite:///{tmp_path}/{kind}.db"

        def dies(spec, row, epochs=epochs):
            if next(epochs) == 7:
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            runs.ensure(search, store, Conditions(on_epoch=dies, storage=storage))
        assert said(runs.ensure(search, store, Conditions(storage=storage))) == said(whole)


def test_a_race_ends_where_a_rival_dominates_the_mean_over_the_same_folds(tmp_path):
    search = replace(TRADE, intensify="race", folds=3, trials=14)
    record = runs.ensure(search, store := Store(tmp_path))
    whole = runs.ensure(replace(search, intensify="all"), store)
    lengths = {trial["folds"] for trial in record["trials"]}
    assert 3 in lengths and lengths & {1, 2}
    values = [[search.values(store.get(name)) for name in trial["runs"]] for trial in whole["trials"]]
    complete = []
    for trial, folds in zip(record["trials"], values, strict=True):
        rivals = [
            one for one in complete if not any(dominates(np.mean(other, 0), np.mean(one, 0)) for other in complete)
        ]
        seen = 1
        while seen < 3 and not any(dominates(np.mean(rival[:seen], 0), np.mean(folds[:seen], 0)) for rival in rivals):
            seen += 1
        assert (trial["folds"], trial["state"]) == (seen, "complete" if seen == 3 else "stopped")
        assert trial["values"] == pytest.approx(np.mean(folds[:seen], 0).tolist())
        complete += [folds] if seen == 3 else []


@pytest.mark.parametrize(("rival", "beaten"), [([90.0, 50.0], True), ([70.0, 99.0], False)])
def test_a_rival_counts_with_the_folds_that_both_have_seen(rival, beaten):
    """After one fold of two: what the rival did on the second one says nothing of a setting that has not seen it."""

    def fold(top1):
        cost = {"multiplications": 10, "training_multiplications": 30}
        done = {"history": {"epoch": [1]}, "spec": to_dict(replace(BASE, train=replace(BASE.train, epochs=1)))}
        return {"status": "ok", "metrics": {"top1": top1}, "cost": cost} | done

    compared = Compared(TRADE, None, Conditions())
    assert compared._beaten([fold(80.0)], [[fold(top1) for top1 in rival]]) == beaten


def dominates(a, b):
    return bool((a <= b).all() and (a < b).any())


def test_a_setting_that_diverges_has_the_error_of_guessing_and_its_whole_costs(tmp_path):
    rates = (Dimension(field="train.lr", choices=(1e9, 0.1), default=1e9),)
    search = replace(TRADE, space=rates, trials=1, base=replace(BASE, train=replace(BASE.train, epochs=4)))
    store = Store(tmp_path)
    [trial] = runs.ensure(search, store)["trials"]
    healthy = runs.ensure(apply(search.base, {"train.lr": 0.1}), store)
    assert trial["state"] == "diverged" and trial["folds"] == 1
    assert trial["values"] == pytest.approx(
        [90.0, healthy["cost"]["multiplications"], healthy["cost"]["training_multiplications"]]
    )
    front = FrontSpec(searches=(search,), target=TARGET)
    record = runs.ensure(front, store)
    assert record["members"] == [] and record["status"] == "diverged"


def test_a_density_that_no_layer_can_have_is_the_worst_and_ends_no_search(tmp_path):
    densities = (Dimension(field="sparse.density", choices=(1e-4, 0.5), default=1e-4),)
    search = replace(TRADE, space=densities, trials=3, sampler="random", intensify="race")
    store = Store(tmp_path)
    trials = runs.ensure(search, store)["trials"]
    none = [trial for trial in trials if trial["settings"]["sparse.density"] == 1e-4]
    dense = runs.ensure(replace(search.base, sparse=SparseConfig(method="dense")), store)
    assert none and {trial["state"] for trial in none} == {"diverged"} and not none[0]["runs"]
    assert none[0]["values"] == [
        90.0,
        dense["cost"]["multiplications"],
        dense["cost"]["training_multiplications"],
    ]
    assert said(runs.ensure(search, Store(tmp_path / "again"))) == said(store.get(search.id))


def test_samplers_are_told_logarithms_of_costs():
    assert TRADE.scaled((12.0, 1000.0, 0.0)) == (12.0, pytest.approx(3.0), 0.0)
    assert replace(TRADE, logged=()).scaled((12.0, 1000.0, 0.0)) == (12.0, 1000.0, 0.0)


@pytest.mark.parametrize(
    "changes,expected",
    [
        ({"sampler": "cma-es"}, "a sampler for several objectives"),
        ({"objectives": ("error",)}, "two or more different objectives, got error"),
        ({"objectives": ("error", "size")}, "unknown objective 'size'"),
        ({"folds": 4}, "expected 1 to 3 folds, as base.data.folds says, got 4"),
        ({"intensify": "some"}, "unknown value of intensify"),
        ({"trials": 0}, "at least 1 trial"),
        ({"space": (Dimension(field="model.heads", low=1, high=2),)}, "unknown field of ModelConfig 'heads'"),
    ],
)
def test_a_trade_off_that_makes_no_sense_is_refused(changes, expected):
    with pytest.raises(UserError, match=expected):
        replace(TRADE, **changes)


def test_a_front_and_its_sweep_are_trained_and_a_cut_repeats_nothing(tmp_path):
    searches = tuple(replace(TRADE, seed=seed) for seed in (0, 1))
    front = FrontSpec(searches=searches, target=TARGET, layers=2, seeds=(0, 1))
    sweep = SweepSpec(front=front, target=TARGET, top=2, densities=(0.2, 0.5), methods=("set",), seeds=(0,))
    assert from_dict(SweepSpec, to_dict(sweep)) == sweep
    store, trained = Store(tmp_path), []

    def dies(spec, row):
        if row["epoch"] == spec.train.epochs:
            trained.append(spec.id)
            if len(trained) in (5, 30):
                raise KeyboardInterrupt

    assert [len(wave) for wave in workers.plan([sweep], store).waves] == [2, 1, 1]
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            workers.run_all([sweep], store, on_epoch=dies)
    assert not workers.run_all([sweep], store, on_epoch=dies).missing
    assert len(trained) == len(set(trained)) + 2  # those that were killed at their last epoch

    trials = {search.id: store.get(search.id)["trials"] for search in searches}
    members = store.get(front.id)["members"]
    settings = {repr(sorted(one["settings"].items())): one["values"] for rows in trials.values() for one in rows}
    layer = dict(zip(settings, pareto.layers(list(settings.values()), direction="minimize"), strict=True))
    assert {repr(sorted(one["settings"].items())): one["layer"] for one in members} == {
        key: rank for key, rank in layer.items() if rank < 2
    }
    assert len({member["config"] for member in members}) == len(members)
    for member in members:
        assert trials[member["search"]][member["number"]]["values"] == member["values"]
        assert member["runs"] == [replace(apply(TARGET, member["settings"]), seed=seed).id for seed in (0, 1)]

    def accuracy(member):
        return np.mean([store.get(name)["metrics"]["top1"] for name in member["runs"]])

    swept = store.get(sweep.id)["members"]
    origins = [row["origin"] for row in swept][::3]
    highest = sorted((accuracy(member) for member in members), reverse=True)[:2]
    by_config = {member["config"]: member for member in members}
    assert [accuracy(by_config[name]) for name in origins] == highest
    assert [(row["method"], row["density"]) for row in swept[:3]] == [("dense", 1.0), ("set", 0.2), ("set", 0.5)]
    for row in swept:
        spec = store.get(row["runs"][0])["spec"]
        assert spec["sparse"]["method"] == row["method"] and spec["train"]["lr"] == row["settings"]["train.lr"]
        assert row["method"] == "dense" or spec["sparse"]["density"] == row["density"]


def test_two_workers_make_a_search_for_a_trade_off(tmp_path):
    assert not workers.run_all([TRADE], Store(tmp_path), workers=2, storage=f"sqlite:///{tmp_path}/s.db").missing
    record = Store(tmp_path).get(TRADE.id)
    assert said(record) == said(runs.ensure(TRADE, Store(tmp_path / "alone")))


def test_members_that_differ_only_in_what_is_swept_are_swept_once(monkeypatch):
    pairs = ((0.1, 0.3), (0.1, 0.7), (0.2, 0.3))
    settings = [{"train.lr": lr, "sparse.method": "set", "sparse.density": density} for lr, density in pairs]
    members = [{"config": str(place), "settings": one, "runs": [place]} for place, one in enumerate(settings)]
    front = FrontSpec(searches=(TRADE,), target=TARGET)
    sweep = SweepSpec(front=front, target=TARGET, top=2, densities=(0.5,), methods=("set",), seeds=(0,))
    monkeypatch.setattr(runs, "finished", lambda spec, *rest: {"members": members})

    class Records:
        refresh = staticmethod(lambda: None)
        get = staticmethod(lambda place: {"status": "ok", "metrics": {"top1": 90 - place}})

    found = list(sweep._members(Records, Conditions()))
    assert [row["origin"] for row in found] == ["0", "0", "2", "2"]
    assert [row["settings"]["train.lr"] for row in found] == [0.1, 0.1, 0.2, 0.2]
