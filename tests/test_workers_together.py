"""Workers form groups of runs that train together; what they leave in the store is what single runs would."""

from dataclasses import replace

import pytest
from faults import AfterEpochs, Deadly

from pruneproxy import runs, workers
from pruneproxy.__main__ import main
from pruneproxy.data import DataConfig
from pruneproxy.errors import UserError
from pruneproxy.models import ModelConfig
from pruneproxy.runs import Conditions, RunSpec, together
from pruneproxy.runs.together import Group
from pruneproxy.runs.verifying import verified
from pruneproxy.search import FrontSpec, SearchSpec, TradeoffSpec
from pruneproxy.space import Dimension
from pruneproxy.sparse import SparseConfig
from pruneproxy.store import Store
from pruneproxy.train import TrainConfig
from pruneproxy.workers import pools, tasks

MLP = RunSpec(
    data=DataConfig(name="digits", train_images=96, eval_images=60),
    model=ModelConfig(name="mlp", widths=(16, 12)),
    train=TrainConfig(epochs=3, batch_size=32, lr=0.05),
)
SPECS = [
    MLP,
    replace(MLP, seed=1, sparse=SparseConfig(method="rigl", density=0.5, interval=2)),
    replace(MLP, train=replace(MLP.train, lr=0.01, weight_decay=1e-2, epochs=2)),
    replace(MLP, sparse=SparseConfig(method="static", density=0.3)),
    replace(MLP, train=replace(MLP.train, lr=1e9)),  # diverges
]
CONV = replace(MLP, model=ModelConfig(name="resnet8", width=0.25), train=replace(MLP.train, lr=1e-3))
ROUNDING = 1e-4
ENVIRONMENT = ("engine", "members")


def assert_alike(found: dict, expected: dict):
    """Equal but for the rounding of floats, and for what is said of where and how."""
    assert found.keys() == expected.keys()
    for name in found.keys() - {"metrics", "history", "cost", "weights", "environment", "finished"}:
        assert found[name] == expected[name], name
    assert found["metrics"] == pytest.approx(expected["metrics"], rel=ROUNDING)
    assert found["history"].keys() == expected["history"].keys()
    if expected["status"] == "ok":  # what rounding comes to before a run diverges is chance
        for name in found["history"].keys() - {"seconds"}:
            assert found["history"][name] == pytest.approx(expected["history"][name], rel=ROUNDING)
    for name in ("multiplications", "parameters", "training_multiplications"):
        assert found["cost"][name] == expected["cost"][name]
    same = [{k: v for k, v in one["environment"].items() if k not in ENVIRONMENT} for one in (found, expected)]
    assert same[0] == same[1]


@pytest.fixture(scope="module")
def single(tmp_path_factory):
    store = Store(tmp_path_factory.mktemp("single"))
    assert not workers.run_all(SPECS, store, engine="single").missing
    return store


@pytest.mark.parametrize("processes", [1, 2])
def test_records_of_a_group_are_those_of_single_runs(tmp_path, single, processes):
    store, heard = Store(tmp_path), []
    outcome = workers.run_all(SPECS, store, workers=processes, on_record=lambda *words: heard.append(words))
    assert sorted(outcome.made) == sorted(spec.id for spec in SPECS) and not outcome.missing
    assert [done for _, done, _ in heard] == [1, 2, 3, 4, 5] and {total for *_, total in heard} == {5}
    for spec in SPECS:
        record = store.get(spec.id)
        assert_alike(record, single.get(spec.id))
        assert record["environment"]["engine"] == "batched" and record["environment"]["members"] in (5, 3, 2)
        assert single.get(spec.id)["environment"]["engine"] == "single"
    assert [store.get(spec.id)["status"] for spec in SPECS] == ["ok"] * 4 + ["diverged"]


def test_records_of_a_group_repeat_bit_by_bit_when_they_are_verified(tmp_path):
    store = Store(tmp_path)
    workers.run_all(SPECS, store)
    outcomes = [found.outcome for found in verified(store, sample=10)]
    assert outcomes == ["identical"] * 4  # those that have not diverged


def test_groups_are_of_one_shape_and_each_worker_has_one():
    wave = [replace(MLP, seed=seed) for seed in range(70)] + [replace(CONV, seed=seed) for seed in range(3)]
    wave += [replace(MLP, model=ModelConfig(name="mlp", widths=(16, 13)))]

    def sizes(workers=1, **choices):
        units = together.grouped(wave, Conditions(**choices), workers=workers)
        ids = sorted(spec.id for unit in units for spec in (unit.specs if isinstance(unit, Group) else [unit]))
        assert ids == sorted(spec.id for spec in wave)
        return [len(unit.specs) if isinstance(unit, Group) else 1 for unit in units]

    assert sizes() == [35, 35, 1, 1, 1, 1]
    assert sizes(workers=2) == [35, 35, 1, 1, 1, 1]
    assert sizes(workers=3) == [24, 24, 22, 1, 1, 1, 1]
    assert sizes(engine="batched") == [35, 35, 3, 1]
    assert sizes(device="cuda") == [35, 35, 3, 1]
    assert sizes(engine="single") == [1] * 74


def test_large_networks_are_not_grouped_on_a_processor_and_searches_never():
    large = replace(MLP, model=ModelConfig(name="mlp"), train=replace(MLP.train, batch_size=128))
    search = SearchSpec(base=MLP, space=(Dimension(field="train.lr", low=0.01, high=0.1),), sampler="random", trials=2)
    wave = [large, replace(large, seed=1), search, replace(search, seed=1)]
    assert together.grouped(wave, Conditions()) == wave


def test_convolutions_train_together_when_they_are_asked_to(tmp_path):
    specs = [replace(CONV, seed=seed, train=replace(CONV.train, epochs=1)) for seed in range(2)]
    store, alone = Store(tmp_path / "a"), Store(tmp_path / "b")
    workers.run_all(specs, store, engine="batched")
    workers.run_all(specs, alone)
    for spec in specs:
        assert store.get(spec.id)["environment"]["members"] == 2
        assert alone.get(spec.id)["environment"]["engine"] == "single"
        assert_alike(store.get(spec.id), alone.get(spec.id))


def test_the_members_of_a_front_train_together(tmp_path):
    base = replace(MLP, train=replace(MLP.train, evaluate_on="validation", epochs=1))
    space = (Dimension(field="train.lr", low=0.01, high=0.1, log=True),)
    search = TradeoffSpec(base=base, space=space, sampler="random", trials=2)
    front = FrontSpec(searches=(search,), target=MLP, seeds=(0, 1, 2))
    stores = {engine: Store(tmp_path / engine) for engine in ("auto", "single")}
    for engine, store in stores.items():
        workers.run_all([front], store, engine=engine)
    members = [store.get(front.id)["members"] for store in stores.values()]
    assert members[0] == members[1]
    for name in (name for member in members[0] for name in member["runs"]):
        found, expected = (store.get(name) for store in stores.values())
        assert_alike(found, expected)
        assert found["environment"]["members"] >= 3 and expected["environment"]["engine"] == "single"


@pytest.mark.parametrize("then", ["single", "batched"])
def test_a_group_that_is_stopped_is_gone_on_with_by_either_engine(tmp_path, single, then):
    store = Store(tmp_path)
    with pytest.raises(runs.BudgetSpent):
        together.ensure_together(SPECS, store, Conditions(deadline=AfterEpochs(2)), wait=True)
    assert {record["id"] for record in store} == {SPECS[2].id, SPECS[4].id}  # of two epochs, and the one that diverged
    assert len(list(tmp_path.glob("checkpoints/*.pt"))) == 3
    outcome = workers.run_all(SPECS, store, engine=then)
    assert len(outcome.made) == 3 and not outcome.missing and not list(tmp_path.glob("checkpoints/*.pt"))
    for spec in SPECS:
        assert_alike(store.get(spec.id), single.get(spec.id))


def test_a_single_run_that_was_stopped_is_gone_on_with_by_a_group(tmp_path, single):
    store = Store(tmp_path)
    with pytest.raises(runs.BudgetSpent):
        runs.ensure(SPECS[1], store, Conditions(deadline=AfterEpochs(1)))
    workers.run_all(SPECS, store)
    assert_alike(store.get(SPECS[1].id), single.get(SPECS[1].id))
    assert store.get(SPECS[1].id)["environment"]["engine"] == "batched"


def test_what_is_saved_of_a_member_holds_no_others(tmp_path):
    def saved(count):
        store, specs = Store(tmp_path / str(count)), [replace(MLP, seed=seed) for seed in range(count)]
        with pytest.raises(runs.BudgetSpent):
            together.ensure_together(specs, store, Conditions(deadline=AfterEpochs(1)), wait=True)
        return max(path.stat().st_size for path in (tmp_path / str(count)).glob("checkpoints/*.pt"))

    assert saved(20) < 1.2 * saved(2)


def test_a_budget_that_ends_early_counts_what_has_ended(tmp_path, monkeypatch):
    store = Store(tmp_path)
    monkeypatch.setattr("pruneproxy.workers.running.Deadline.after", lambda _: AfterEpochs(4))
    outcome = workers.run_all(SPECS, store, budget=1.0)
    assert set(outcome.made) == {SPECS[2].id, SPECS[4].id} and len(outcome.missing) == 3


def test_what_others_are_at_is_left_to_them(tmp_path, single):
    store = Store(tmp_path)
    with store.run_lock(SPECS[0].id):
        assert together.ensure_together(SPECS, Store(tmp_path), Conditions(), wait=False) is None
    store.refresh()
    assert len(store) == 4 and SPECS[0].id not in store
    assert together.ensure_together(SPECS, store, Conditions(), wait=False) and SPECS[0].id in store


def test_a_group_that_cannot_train_is_made_run_by_run(tmp_path, monkeypatch, single):
    def fails(self):
        raise MemoryError("too little")

    monkeypatch.setattr("pruneproxy.train.together.Together.epoch", fails)
    store = Store(tmp_path)
    with pytest.warns(UserWarning, match="5 runs cannot train together .too little.: each is made by itself"):
        assert not workers.run_all(SPECS, store).missing
    assert all(record["environment"]["engine"] == "single" for record in store)


def test_a_group_whose_process_dies_is_made_run_by_run(tmp_path):
    """Runs of another kind cannot train together, so that the one that kills its process does so in the group."""
    specs = [Deadly(folder=str(tmp_path), deaths=deaths, number=n) for n, deaths in enumerate((0, 1, 9, 0))]
    group, store, made = Group(tuple(specs)), Store(tmp_path / "records"), []
    pools.in_processes({group.id: group}, tasks.made, store, Conditions(), 2, made.append)
    store.refresh()
    assert [store.get(spec.id)["status"] for spec in specs] == ["ok", "ok", "failed", "ok"]
    assert set(made) >= {specs[2].id, specs[3].id}


def test_an_unknown_engine_is_one_sentence(tmp_path, capsys):
    with pytest.raises(UserError, match="unknown engine 'fast': expected one of auto, single, batched"):
        workers.run_all(SPECS, Store(tmp_path), engine="fast")
    words = ["run", "sparse_tradeoff", "--scale", "smoke", "--records", str(tmp_path), "--engine", "bathced"]
    assert main(words) == 2
    assert "did you mean 'batched'?" in capsys.readouterr().err
