from dataclasses import replace

import pytest
import torch
from faults import AfterEpochs

from pruneproxy import costs, data, models, runs, workers
from pruneproxy.errors import UserError
from pruneproxy.recipes import hp_space
from pruneproxy.runs import Conditions, Pruning, RunSpec
from pruneproxy.runs.records import select
from pruneproxy.store import Store
from pruneproxy.surgery import PruneConfig
from pruneproxy.train import TrainConfig

DATA = data.DataConfig(name="digits", train_images=100, eval_images=60)
TRAIN = TrainConfig(epochs=2, batch_size=50)
DENSE = RunSpec(data=DATA, model=models.ModelConfig(name="resnet8", width=0.25), train=TRAIN)


def pruned(**changes):
    return replace(DENSE, prune=Pruning(channels=PruneConfig(target=0.6, allocation="global"), **changes))


def numbers(record):
    """What a record says, less what differs from one execution to the next."""
    if record["kind"] == "channels":
        return record["keep"]
    history = {name: column for name, column in record["history"].items() if name != "seconds"}
    return {**record, "history": history, "cost": None, "finished": None}


def test_the_same_spec_gives_the_same_record_twice(tmp_path):
    first, second = (runs.ensure(pruned(), Store(tmp_path / name)) for name in "ab")
    assert numbers(first) == numbers(second)


def test_a_record_says_what_was_run_where_and_at_what_cost(tmp_path):
    record = runs.ensure(DENSE, Store(tmp_path))
    assert record["id"] == DENSE.id and record["status"] == "ok"
    assert set(record["metrics"]) == {"loss", "top1", "top5", "train_loss"}
    assert record["cost"]["training_multiplications"] == 3 * record["cost"]["multiplications"] * 2 * 100
    assert sum(pair[0] for pair in record["layers"].values()) == record["cost"]["multiplications"]
    assert record["environment"]["threads"] == 1 and "torch" in record["environment"]["packages"]
    assert len(record["data"]["fingerprint"]) == 64 and record["data"]["source"] == "scikit-learn"


def test_a_stored_run_is_not_repeated(tmp_path):
    store = Store(tmp_path)
    first = runs.ensure(DENSE, store)
    assert runs.ensure(DENSE, store)["finished"] == first["finished"]
    assert len(list(store)) == 1


def moved(store, name):
    """A store's scoring weights as another machine would have trained them: other filters are the weak ones."""
    weights = store.tensors(name)
    generator = torch.Generator().manual_seed(5)
    noise = {key: torch.rand(value.shape, generator=generator) for key, value in weights.items() if value.dim() == 4}
    store.save_tensors(name, weights | {key: weights[key] * value**4 for key, value in noise.items()})


def test_channels_are_chosen_once_whatever_the_scoring_weights_are_elsewhere(tmp_path):
    store, spec = Store(tmp_path), pruned(scored_after=TRAIN)
    first = runs.ensure(spec, store)
    moved(store, f"{DENSE.id}-weights")
    runs.execution._scored.cache_clear()
    assert runs.ensure(replace(spec, seed=1), store)["widths"] == first["widths"]
    elsewhere = Store(tmp_path / "elsewhere")
    runs.trained_weights(DENSE, elsewhere)
    moved(elsewhere, f"{DENSE.id}-weights")
    assert runs.ensure(spec, elsewhere)["widths"] != first["widths"]  # so the weights do make a difference


def test_a_run_that_contradicts_the_stored_channels_is_refused(tmp_path):
    store, spec = Store(tmp_path), pruned(scored_after=TRAIN)
    first = runs.ensure(spec, store)
    name = next(iter(store.get(spec.channels.id)["keep"]))
    width, other = first["widths"][name], replace(spec, seed=1)
    store.append(first | {"id": other.id, "widths": first["widths"] | {name: width + 1}})
    with pytest.raises(UserError, match=f"expected run {other.id} to have {width} channels in {name}.*got {width + 1}"):
        select(store, [spec, other])


def test_runs_without_stored_channels_must_agree_with_those_chosen_now(tmp_path):
    store, spec = Store(tmp_path / "a"), pruned()
    first = runs.ensure(spec, store)
    old = Store(tmp_path / "b")
    old.append(first | {"widths": {name: width + 1 for name, width in first["widths"].items()}})
    runs.execution._scored.cache_clear()
    with pytest.raises(UserError, match="of different networks"):
        runs.ensure(replace(spec, seed=1), old)


def test_known_channels_need_no_scoring_run(tmp_path):
    store, spec = Store(tmp_path), pruned(scored_after=TRAIN)
    runs.ensure(spec, store)
    fresh = Store(tmp_path / "other")
    fresh.append(store.get(spec.channels.id))
    assert not workers.plan([spec], fresh).scoring
    assert runs.ensure(spec, fresh)["weights"] == store.get(spec.id)["weights"] and DENSE.id not in fresh


def test_scores_after_training_are_taken_from_the_trained_network(tmp_path):
    store, dataset = Store(tmp_path), data.load(DATA)
    spec = pruned(scored_after=TRAIN, weights="kept")
    assert spec.scoring_run == DENSE
    network = runs.network(spec, dataset, store)
    assert torch.equal(network.conv1.weight, store.tensors(f"{DENSE.id}-weights")["conv1.weight"])
    assert not torch.equal(network.conv1.weight, runs.network(pruned(weights="kept"), dataset, store).conv1.weight)
    assert DENSE.id in store  # the scoring run's record came on the way


def test_weights_are_drawn_anew_or_kept(tmp_path):
    store, dataset = Store(tmp_path), data.load(DATA)
    dense = runs.network(DENSE, dataset, store)
    kept = runs.network(pruned(weights="kept"), dataset, store)
    fresh = runs.network(pruned(), dataset, store)
    assert kept.config == fresh.config
    column = dense.conv1.weight
    assert torch.equal(kept.conv1.weight, column)
    assert not torch.equal(kept.fc.weight, torch.zeros_like(kept.fc.weight))
    assert not torch.equal(kept.layer1[0].conv1.weight, fresh.layer1[0].conv1.weight)


def test_a_fresh_narrow_network_remembers_where_its_padded_shortcuts_come_from(tmp_path):
    store, dataset = Store(tmp_path), data.load(DATA)
    channels = PruneConfig(percentile=50, score="random", scope="all")
    specs = [replace(DENSE, prune=Pruning(channels=channels, weights=weights)) for weights in ("kept", "fresh")]
    kept, fresh = (runs.network(spec, dataset, store) for spec in specs)
    sources = [{name: value for name, value in one.named_buffers() if name.endswith("source")} for one in (kept, fresh)]
    plain = models.build(fresh.config, shape=dataset.shape, classes=10)
    assert sources[0] and all(torch.equal(value, sources[1][name]) for name, value in sources[0].items())
    assert any(not torch.equal(value, plain.get_buffer(name)) for name, value in sources[0].items())


def test_all_seeds_of_a_variant_share_one_narrow_network(tmp_path):
    store = Store(tmp_path)
    widths = [runs.ensure(replace(pruned(scored_after=TRAIN), seed=seed), store)["widths"] for seed in range(3)]
    assert widths[0] == widths[1] == widths[2]


def test_a_run_stopped_by_its_deadline_goes_on_bit_exactly(tmp_path):
    whole = runs.ensure(DENSE, Store(tmp_path / "whole"))
    store = Store(tmp_path / "cut")
    with pytest.raises(runs.BudgetSpent):
        runs.ensure(DENSE, store, Conditions(deadline=AfterEpochs(1)))
    assert store.checkpoint(DENSE.id)["training"]["done"] == 1 and DENSE.id not in store
    assert numbers(runs.ensure(DENSE, store)) == numbers(whole)
    assert store.checkpoint(DENSE.id) is None


def test_a_run_that_diverges_is_recorded_as_such(tmp_path):
    spec = replace(DENSE, train=replace(TRAIN, lr=1e9))
    record = runs.ensure(spec, Store(tmp_path))
    assert record["status"] == "diverged" and record["metrics"] == {}


def test_a_run_that_raises_is_recorded_as_failed_and_tried_again(tmp_path, monkeypatch):
    store = Store(tmp_path)
    monkeypatch.setattr(costs, "total", lambda *_: 1 / 0)
    assert runs.ensure(DENSE, store)["error"].startswith("ZeroDivisionError")
    monkeypatch.undo()
    assert runs.ensure(DENSE, store)["status"] == "ok"


def test_a_plan_runs_scoring_networks_first_and_everything_once(tmp_path):
    specs = [pruned(scored_after=TRAIN), DENSE, pruned(scored_after=TRAIN), replace(DENSE, seed=1)]
    todo = workers.plan(specs, Store(tmp_path))
    assert list(todo.scoring) == [DENSE.id]
    assert list(todo.rest) == [specs[0].id, specs[3].id]


@pytest.mark.parametrize("count", [1, 2])
def test_any_number_of_workers_makes_the_same_records(tmp_path, count):
    specs = [replace(spec, train=replace(spec.train, epochs=1)) for spec in hp_space.specs("smoke")[::3]]
    serial, store = Store(tmp_path / "serial"), Store(tmp_path / "many")
    workers.run_all(specs, serial)
    outcome = workers.run_all(specs, store, workers=count)
    assert not outcome.missing
    assert {r["id"]: numbers(r) for r in store} == {r["id"]: numbers(r) for r in serial}


def test_a_spent_budget_leaves_the_rest_for_the_next_call(tmp_path):
    specs = [replace(DENSE, seed=seed) for seed in range(4)]
    store = Store(tmp_path)
    assert set(workers.run_all(specs, store, budget=0).missing) == {spec.id for spec in specs}
    assert not workers.run_all(specs, store).missing and len(store) == 4
