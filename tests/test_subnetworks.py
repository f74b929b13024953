"""Searches for sub-networks and their training as records: what is stored, repeated, shared and counted."""

from collections import Counter
from dataclasses import replace

import pytest
import torch

from pruneproxy import costs, curvature, data, ekg, models, surgery, workers
from pruneproxy.errors import UserError
from pruneproxy.runs import BudgetSpent, Conditions, RunSpec, ensure, execution, subnetworks
from pruneproxy.runs.accuracies import AccuracySpec
from pruneproxy.runs.bends import BendsSpec
from pruneproxy.runs.guided import BankSpec, GuidedSpec
from pruneproxy.runs.subnetworks import SubnetworkSpec, drawn, keeps, tuned
from pruneproxy.specs import from_dict, to_dict
from pruneproxy.store import Store
from pruneproxy.train import TrainConfig, evaluate, fit

DENSE = RunSpec(
    data=data.DataConfig(name="digits", train_images=300, eval_images=100, holdout=0.0),
    model=models.ModelConfig(name="resnet8", width=0.5),
    train=TrainConfig(epochs=2, batch_size=32, lr=0.1),
)
FOUND = SubnetworkSpec(dense=DENSE, search=ekg.SearchConfig(target=0.6), tuned_on=12, judged_on=6)
TRAIN = TrainConfig(epochs=1, batch_size=32, lr=0.05)


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    """A store in which one sub-network was searched and trained in all three ways."""
    found = Store(tmp_path_factory.mktemp("subnetworks"))
    specs = [GuidedSpec(subnetwork=FOUND, train=TRAIN, knowledge=name) for name in ("none", "single", "ensemble")]
    workers.run_all(specs, found)
    return found


def test_the_dense_network_and_the_search_are_made_once_for_all_that_need_them(store):
    assert Counter(record["kind"] for record in store) == {"run": 1, "subnetwork": 1, "bank": 1, "guided": 3}
    assert all(record["status"] == "ok" for record in store)


def test_the_record_of_a_search_has_every_network_on_the_way(store):
    record = store.get(FOUND.id)
    model = models.build(DENSE.model, shape=(1, 8, 8), classes=10)
    networks = keeps(record, model)
    dense, groups = costs.layers(model), surgery.prunable(model, "all")
    for step, keep in zip(record["steps"], networks, strict=True):
        widths = {name: len(index) for name, index in keep.items()}
        assert step["multiplications"] == costs.total(costs.narrowed(dense, groups, widths))
    assert record["widths"] == {name: len(index) for name, index in networks[-1].items()}
    assert record["steps"][-1]["multiplications"] <= 0.6 * record["steps"][0]["multiplications"]


def test_a_search_is_that_of_the_tuned_network_on_other_images_than_it_was_tuned_on(store):
    dataset = data.load(DENSE.data)
    taught, judged = drawn(dataset, (12, 6), 0)
    assert len(taught) == 120 and len(judged) == 60 and not set(taught.tolist()) & set(judged.tolist())
    assert set(torch.bincount(dataset.train.labels[judged]).tolist()) == {6}
    dense = models.build(DENSE.model, shape=dataset.shape, classes=10)
    dense.load_state_dict(tuned(FOUND, dataset, store).state_dict())
    images, labels = data.prepare(dataset.train, judged, dataset), dataset.train.labels[judged]
    again = ekg.search(dense, images, labels, FOUND.search)
    losses = [step["loss"] for step in store.get(FOUND.id)["steps"]]
    assert [step.loss for step in again.steps] == pytest.approx(losses, rel=1e-5)


def test_without_knowledge_the_narrow_network_is_trained_as_any_other(store):
    dataset = data.load(DENSE.data)
    dense = models.build(DENSE.model, shape=dataset.shape, classes=10)
    dense.load_state_dict(tuned(FOUND, dataset, store).state_dict())
    narrow = surgery.narrow(dense, keeps(store.get(FOUND.id), dense)[-1])
    training = fit(narrow, dataset, TRAIN)
    record = ensure(GuidedSpec(subnetwork=FOUND, train=TRAIN, knowledge="none", views=1), store)
    assert record["metrics"]["top1"] == evaluate(training.model, dataset)["top1"]
    assert record["widths"] == store.get(FOUND.id)["widths"]


def test_knowledge_changes_the_training_and_costs_what_it_takes(store):
    records = {
        name: store.get(GuidedSpec(subnetwork=FOUND, train=TRAIN, knowledge=name).id)
        for name in ("none", "single", "ensemble")
    }
    assert len({record["weights"] for record in records.values()}) == 3
    own, whole = (store.get(FOUND.id)["steps"][place]["multiplications"] for place in (-1, 0))
    assert {name: record["cost"]["training_multiplications"] for name, record in records.items()} == {
        "none": 2 * 3 * own * 300,
        "single": 2 * 300 * (3 * own + whole),
        "ensemble": 2 * 300 * 3 * own + 5 * 300 * whole,
    }


def test_specs_survive_being_written_and_a_search_repeats(store, tmp_path):
    spec = GuidedSpec(subnetwork=FOUND, train=TRAIN)
    assert (
        from_dict(GuidedSpec, to_dict(spec)) == spec and from_dict(SubnetworkSpec, store.get(FOUND.id)["spec"]) == FOUND
    )
    again = ensure(FOUND, Store(tmp_path))
    assert again["steps"] == store.get(FOUND.id)["steps"]


def test_more_images_than_there_are_and_unknown_knowledge_are_one_sentence(tmp_path):
    with pytest.raises(UserError, match="expected 60 training images of every class .*: lower tuned_on or judged_on"):
        ensure(replace(FOUND, tuned_on=40, judged_on=20), Store(tmp_path))
    with pytest.raises(UserError, match="expected judged_on of at least 1 image of every class, got 0"):
        replace(FOUND, judged_on=0)
    with pytest.raises(UserError, match="expected at least 1 teacher, got 0"):
        BankSpec(subnetwork=FOUND, teachers=0)
    with pytest.raises(UserError, match="expected an odd number of points"):
        BendsSpec(subnetwork=FOUND, points=2)
    with pytest.raises(UserError, match="got none but the unpruned one: lower the target"):
        ekg.bank.teachers([0.1], 1)
    with pytest.raises(UserError, match="unknown knowledge 'some'"):
        GuidedSpec(subnetwork=FOUND, knowledge="some")


def test_views_of_plain_training_are_one_or_two_and_those_of_knowledge_two(store):
    two, one = (
        ensure(GuidedSpec(subnetwork=FOUND, train=TRAIN, knowledge="none", views=views), store) for views in (2, 1)
    )
    assert two["cost"]["training_multiplications"] == 2 * one["cost"]["training_multiplications"]
    assert two["weights"] != one["weights"]
    with pytest.raises(UserError, match="expected 2 views, or 1 without knowledge, got 1 with 'single'"):
        GuidedSpec(subnetwork=FOUND, knowledge="single", views=1)


def test_what_was_found_can_be_trained_from_new_weights(store):
    fresh = ensure(GuidedSpec(subnetwork=FOUND, train=TRAIN, knowledge="none", start="fresh"), store)
    assert fresh["widths"] == store.get(FOUND.id)["widths"]
    assert (
        fresh["history"]["train_loss"][0]
        > ensure(GuidedSpec(subnetwork=FOUND, train=TRAIN, knowledge="none"), store)["history"]["train_loss"][0]
    )


def test_a_bank_holds_what_its_teachers_say_and_lists_them(store):
    spec = BankSpec(subnetwork=FOUND)
    record, dataset = store.get(spec.id), data.load(DENSE.data)
    losses = [step["loss"] for step in store.get(FOUND.id)["steps"]]
    assert record["teachers"] == ekg.bank.teachers(losses, 5) and record["shape"] == [5, 300, 10]
    known = spec.logits(dataset, store, Conditions())
    dense = tuned(FOUND, dataset, store)
    network = surgery.narrow(dense, keeps(store.get(FOUND.id), dense)[record["teachers"][1]])
    assert known.dtype == torch.float16
    assert torch.allclose(known[1].float(), ekg.bank.knowledge(network, dataset).float(), atol=0.02)


def test_a_bank_whose_arrays_are_gone_is_made_again(store):
    spec, dataset = BankSpec(subnetwork=FOUND), data.load(DENSE.data)
    before = spec.logits(dataset, store, Conditions())
    store.remove_tensors(f"{spec.id}-logits")
    assert torch.equal(spec.logits(dataset, store, Conditions()), before)


def test_a_bank_of_another_copy_or_size_is_one_sentence(store):
    dataset = data.load(DENSE.data)
    with pytest.raises(UserError, match="expected a memory bank of this copy of digits, got one of another"):
        BankSpec(subnetwork=FOUND).logits(replace(dataset, fingerprint="another"), store, Conditions())
    with pytest.raises(UserError, match="of 300 training images and 10 classes, got one of shape 5 x 200 x 10"):
        ekg.finetune.from_bank(torch.zeros(5, 200, 10), dataset)


def test_a_killed_search_goes_on_to_the_same_networks(tmp_path, monkeypatch):
    """Every step is saved at once here; the search is stopped after the third one and started again."""
    monkeypatch.setattr(subnetworks, "CHECKPOINT_AFTER", -1.0)
    whole, store, heard = ensure(FOUND, Store(tmp_path / "whole")), Store(tmp_path / "killed"), []

    def late(conditions):
        heard.append(1)
        return len(heard) > 5  # twice a step

    monkeypatch.setattr(subnetworks, "out_of_time", late)
    with pytest.raises(BudgetSpent):
        ensure(FOUND, store)
    done = len(store.checkpoint(FOUND.id)["steps"])
    monkeypatch.setattr(subnetworks, "out_of_time", lambda conditions: False)
    again = ensure(FOUND, store)
    assert 1 < done < len(again["steps"]) and again["steps"] == whole["steps"]
    assert store.checkpoint(FOUND.id) is None


def test_a_killed_fine_tuning_goes_on_to_the_same_weights(tmp_path, monkeypatch):
    monkeypatch.setattr(execution, "CHECKPOINT_AFTER", -1.0)
    spec = GuidedSpec(subnetwork=FOUND, train=replace(TRAIN, epochs=3))
    whole, store, heard = ensure(spec, Store(tmp_path / "whole")), Store(tmp_path / "killed"), []
    ensure(spec.bank, store)

    def stopped(spec, row):
        heard.append(row)
        if len(heard) == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        ensure(spec, store, Conditions(on_epoch=stopped))
    assert store.checkpoint(spec.id)["training"]["done"] == 1
    assert ensure(spec, store)["weights"] == whole["weights"]


def test_curvature_of_what_was_found_is_that_of_its_loss_on_the_judging_images(store):
    spec = BendsSpec(subnetwork=FOUND, points=3, side=3, tolerance=1e-4)
    record, dataset = ensure(spec, store), data.load(DENSE.data)
    assert record["loss"] == pytest.approx(store.get(FOUND.id)["steps"][-1]["loss"], rel=1e-4)
    dense = tuned(FOUND, dataset, store)
    narrow = surgery.narrow(dense, keeps(store.get(FOUND.id), dense)[-1]).train()
    images, labels = subnetworks.judging(FOUND, dataset)
    loss, weights = curvature.flat_loss(narrow, images, labels, torch.nn.functional.cross_entropy)
    ends = curvature.extremes(loss, weights)
    assert (record["lowest"][1], record["highest"][1]) == pytest.approx((ends.low, ends.high), rel=1e-2)
    assert record["surface"][1][1] == pytest.approx(record["loss"], rel=1e-4)


def test_accuracies_are_those_of_moving_averages_and_of_batches(store):
    record, dataset = ensure(AccuracySpec(dense=DENSE, batch=50), store), data.load(DENSE.data)
    assert record["moving"]["top1"] == store.get(DENSE.id)["metrics"]["top1"]
    network = models.build(DENSE.model, shape=dataset.shape, classes=10)
    network.load_state_dict(execution.trained_weights(DENSE, store))
    images, labels = data.prepare(dataset.test, torch.arange(len(dataset.test)), dataset), dataset.test.labels
    with torch.no_grad():
        halves = [network.train()(part).argmax(1) for part in images.split(50)]
    assert record["batch"]["top1"] == pytest.approx(100 * float((torch.cat(halves) == labels).float().mean()))
    assert record["batch"] != record["moving"]


def test_what_was_judged_with_scaled_kernels_goes_on_with_them(store):
    spec, dataset = replace(FOUND, search=replace(FOUND.search, rescaled=True)), data.load(DENSE.data)
    record, bent = ensure(spec, store), ensure(BendsSpec(subnetwork=spec, points=1), store)
    assert bent["loss"] == pytest.approx(record["steps"][-1]["loss"], rel=1e-4)
    dense = tuned(spec, dataset, store)
    scaled = subnetworks.on_the_way(spec, dense, keeps(record, dense)[-1])
    plain = subnetworks.on_the_way(FOUND, dense, keeps(record, dense)[-1])
    assert not torch.equal(scaled.fc.weight, plain.fc.weight) or not torch.equal(
        scaled.conv1.weight, plain.conv1.weight
    )


def test_what_goes_on_from_a_search_of_another_copy_is_one_sentence(store, monkeypatch):
    dataset = data.load(DENSE.data)
    monkeypatch.setattr(data, "load", lambda config: replace(dataset, fingerprint="another"))
    with pytest.raises(UserError, match="expected a search of this copy of digits, got one of another"):
        ensure(BendsSpec(subnetwork=FOUND, points=5), store)
