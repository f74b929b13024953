"""Searches for sub-networks and their training as records: what is stored, repeated, shared and counted."""

from collections import Counter
from dataclasses import replace

import pytest
import torch

from pruneproxy import costs, data, ekg, models, surgery, workers
from pruneproxy.errors import UserError
from pruneproxy.runs import RunSpec, ensure
from pruneproxy.runs.guided import GuidedSpec
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
    record = store.get(GuidedSpec(subnetwork=FOUND, train=TRAIN, knowledge="none", views=1).id)
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
    with pytest.raises(UserError, match="unknown knowledge 'some'"):
        GuidedSpec(subnetwork=FOUND, knowledge="some")
