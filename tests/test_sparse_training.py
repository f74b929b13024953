"""Sparse training as a hook of the loop, and as part of a run's record."""

import copy
from dataclasses import replace

import pytest
import torch
from faults import AfterEpochs

from pruneproxy import costs, data, models, runs, sparse, surgery
from pruneproxy.randomness import generator
from pruneproxy.runs import Conditions, RunSpec
from pruneproxy.sparse import SparseConfig, Topology
from pruneproxy.specs import from_dict, to_dict
from pruneproxy.store import Store
from pruneproxy.train import TrainConfig, Training, fit, weights_hash

DATA = data.DataConfig(name="digits", train_images=96, eval_images=40)
MLP = models.ModelConfig(name="mlp", widths=(12, 9))
TRAIN = TrainConfig(epochs=3, batch_size=16, lr=0.05, schedule="constant")  # 18 steps
MOVING = SparseConfig(method="rigl", density=0.4, interval=4, end=0.8)  # updates at 4, 8, 12


@pytest.fixture(scope="module")
def digits():
    return data.load(DATA)


def network(config=MLP, seed=0):
    return models.build(config, shape=(1, 8, 8), classes=10, generator=generator(seed, "weights"))


def trained(digits, config, *, seed=0, train=TRAIN, kind=Topology, model=MLP):
    return fit(network(model), digits, train, seed=seed, hook=kind(config, seed=seed))


class Watched(Topology):
    """Looks at masks, weights and momentum after every step."""

    def begin(self, training):
        super().begin(training)
        self.history, self.grown = [], 0

    def step(self, optimizer):
        before, updates = self.keep(), self.updates
        super().step(optimizer)
        keep = self.keep()
        self.history.append({name: int(mask.sum()) for name, mask in keep.items()})
        for name, weight in self.weights.items():
            momentum = optimizer.state.get(weight, {}).get("momentum_buffer")
            grown = keep[name] & ~before[name]
            assert not weight[~keep[name]].any() and not weight[grown].any()
            assert momentum is None or not (momentum[~keep[name]].any() or momentum[grown].any())
            assert self.updates > updates or not grown.any()
            self.grown += int(grown.sum())


@pytest.mark.parametrize("kept_dense", ["none", "ends"])
@pytest.mark.parametrize("semantics", sparse.SEMANTICS)
@pytest.mark.parametrize("allocation", sparse.ALLOCATIONS)
@pytest.mark.parametrize("method", sparse.METHODS)
def test_every_layer_has_the_same_number_of_weights_after_every_step(digits, method, allocation, semantics, kept_dense):
    config = replace(MOVING, method=method, allocation=allocation, semantics=semantics, kept_dense=kept_dense)
    run = trained(digits, config, kind=Watched)
    shapes = {name: tuple(weight.shape) for name, weight in run.model.named_parameters() if weight.ndim > 1}
    shapes = {name.removesuffix(".weight"): shape for name, shape in shapes.items()}
    shares = sparse.densities(shapes, 0.4, allocation=allocation, kept_dense=kept_dense)
    expected = sparse.counts(shapes, shares) if method != "dense" else {}
    expected = {name: count for name, count in expected.items() if shares[name] < 1}
    assert run.hook.history == [expected] * 18 and run.status == "ok"
    assert run.hook.updates == (3 if method in ("set", "rigl") else 0)
    assert (run.hook.grown > 0) == (method in ("set", "rigl"))
    assert run.hook.label == method


@pytest.mark.parametrize("channels_last", [True, False])
@pytest.mark.parametrize("method", ["set", "rigl"])
def test_convolutions_and_projections_are_sparse_too(digits, method, channels_last):
    model = models.ModelConfig(name="resnet_stages", blocks=(1, 1, 1), shortcut="B", width=0.25)
    train = replace(TRAIN, epochs=1, channels_last=channels_last)
    run = trained(digits, replace(MOVING, method=method, interval=2), train=train, model=model, kind=Watched)
    densities = run.hook.facts()["densities"]
    assert set(densities) == {layer.name for layer in costs.layers(run.model) if layer.kind != "batchnorm"}
    assert "layer2.0.downsample.0" in densities and run.hook.updates == 2
    assert all(abs(density - 0.4) < 0.5 / 36 for density in densities.values())


@pytest.mark.parametrize("method", ["set", "rigl"])
@pytest.mark.parametrize("semantics", sparse.SEMANTICS)
def test_a_run_that_is_killed_and_restored_ends_bit_identical(digits, method, semantics):
    config = replace(MOVING, method=method, semantics=semantics)
    model = replace(MLP, dropout=0.3)
    whole = trained(digits, config, seed=1, model=model)
    begun = Training(network(model), digits, TRAIN, seed=1, hook=Topology(config, seed=1))
    begun.epoch()
    state = copy.deepcopy(begun.state())
    resumed = fit(network(model, 9), digits, TRAIN, seed=1, state=state, hook=Topology(config, seed=1))
    assert weights_hash(resumed.model) == weights_hash(whole.model) and resumed.hook.facts() == whole.hook.facts()
    assert all(torch.equal(mask, whole.hook.keep()[name]) for name, mask in resumed.hook.keep().items())


def test_without_masks_the_hook_changes_nothing(digits):
    plain = weights_hash(fit(network(), digits, TRAIN, seed=0).model)
    assert weights_hash(trained(digits, SparseConfig(method="dense")).model) == plain
    assert weights_hash(trained(digits, SparseConfig(method="static", density=1)).model) == plain
    assert weights_hash(trained(digits, SparseConfig(method="static")).model) != plain


def test_masks_are_those_of_the_seed_unless_one_key_is_fixed(digits):
    def masks(config, seed):
        training = Training(network(), digits, TRAIN, seed, hook=Topology(config, seed=seed))
        return training.hook.keep()["hidden1"]

    own, fixed = SparseConfig(), SparseConfig(mask_seed=8)
    assert torch.equal(masks(own, 1), masks(own, 1)) and not torch.equal(masks(own, 1), masks(own, 2))
    assert torch.equal(masks(fixed, 1), masks(fixed, 2))


def test_a_run_without_any_update_is_static_in_name_and_in_numbers(digits):
    never = trained(digits, replace(MOVING, interval=1000))
    static = trained(digits, replace(MOVING, method="static", interval=1000))
    assert never.hook.label == static.hook.label == "static" and never.hook.updates == 0
    assert weights_hash(never.model) == weights_hash(static.model)
    assert Topology(SparseConfig(method="dense")).label == "dense"


def stepwise(digits, config, steps):
    """Weights of the first layer before the first step and after each of `steps` steps."""
    training = Training(network(), digits, TRAIN, hook=Topology(config))
    training.model.train()
    index, found = torch.arange(16), [training.model.hidden1.weight.detach().clone()]
    for _ in range(steps):
        training.step(index, None)
        found.append(training.model.hidden1.weight.detach().clone())
    return found, training


@pytest.mark.parametrize(("semantics", "replaces"), [("text", 0), ("set", 0), ("rigl", 1), ("jaxpruner", 1)])
def test_an_update_takes_the_place_of_a_step_or_comes_after_it(digits, semantics, replaces):
    """Weights that exist before and after the update stay what they were exactly if there is no step."""
    found, _ = stepwise(digits, replace(MOVING, semantics=semantics), 5)
    before, after = found[4], found[5]
    both = (before != 0) & (after != 0)
    assert torch.equal(before[both], after[both]) == bool(replaces)


def test_an_update_removes_the_share_of_its_own_step(digits, monkeypatch):
    asked = []
    monkeypatch.setattr(SparseConfig, "share_at", lambda _, step, steps: asked.append((step, steps)) or 0.3)
    trained(digits, MOVING)
    assert asked == [(4, 18), (8, 18), (12, 18)]


@pytest.mark.parametrize("semantics", sparse.SEMANTICS)
def test_only_the_released_codes_first_step_is_dense(digits, semantics):
    found, training = stepwise(digits, replace(MOVING, semantics=semantics), 1)
    absent = ~training.hook.keep()["hidden1"]
    assert bool(found[0][absent].any()) == (semantics == "jaxpruner") and not found[1][absent].any()


@pytest.mark.parametrize(("semantics", "keeps"), [("text", False), ("set", False), ("rigl", True), ("jaxpruner", True)])
def test_a_weight_that_is_removed_and_grown_at_once_keeps_its_value_or_starts_anew(digits, semantics, keeps):
    """With every absent weight's gradient at 0, RigL grows what it has just removed."""
    training = Training(network(), digits, TRAIN, hook=Topology(replace(MOVING, semantics=semantics, drop=1.0)))
    hook, weight = training.hook, training.model.hidden1.weight
    hook.taken = 4
    kept = hook.keep()["hidden1"]
    for layer in hook.weights.values():
        layer.grad = torch.zeros_like(layer)
    weight.grad = kept.float()
    for group in training.optimizer.param_groups:
        group["lr"] = 0.0
    before = (weight * kept).detach().clone()
    hook.config = replace(hook.config, drop_schedule="constant")
    hook.step(training.optimizer)
    assert torch.equal(hook.keep()["hidden1"], kept) and hook.updates == 1
    assert torch.equal(weight * kept, before) == keeps and bool(weight.any()) == keeps


def test_sets_own_semantics_forget_all_momentum_and_the_texts_only_that_of_new_weights(digits):
    def momentum(semantics):
        _, training = stepwise(digits, replace(MOVING, method="set", semantics=semantics), 5)
        return [state["momentum_buffer"].abs().sum() for state in training.optimizer.state.values()]

    assert not any(momentum("set")) and all(momentum("text"))


@pytest.mark.parametrize("nesterov", [True, False])
def test_masking_gradients_equals_masking_weights_after_every_step(digits, nesterov):
    choice = replace(TRAIN, nesterov=nesterov, weight_decay=0.01)
    hook = Topology(SparseConfig(method="static", density=0.3))
    run = Training(network(), digits, choice, hook=hook)
    twin = network()
    naive = torch.optim.SGD(twin.parameters(), lr=0.05, momentum=0.9, weight_decay=0.01, nesterov=nesterov)
    index = torch.arange(16)
    inputs, labels = data.prepare(digits.train, index, digits), digits.train.labels[index]
    for step in range(8):
        with torch.no_grad():
            for name, mask in hook.keep().items():
                twin.get_submodule(name).weight.mul_(mask)
        if step < 7:
            run.step(index, None)
            naive.zero_grad()
            torch.nn.functional.cross_entropy(twin(inputs), labels).backward()
            naive.step()
    for ours, theirs in zip(run.model.parameters(), twin.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_masks_cost_little_time():
    """The bound is 0.9 on a quiet machine (784-1000-1000-1000-10, batches of 128); a busy one gets some room."""
    images = data.load(data.DataConfig(name="digits", train_images=128, eval_images=20, size=28))
    assert sparse.relative_speed(images, engine="masked", turns=7, steps=2) > 0.8


SPEC = RunSpec(data=DATA, model=MLP, train=TRAIN, sparse=replace(MOVING, density=0.25))


def test_the_record_of_a_sparse_run_says_label_updates_densities_and_cost(tmp_path):
    record = runs.ensure(SPEC, Store(tmp_path))
    assert record["sparse"]["label"] == "rigl" and record["sparse"]["updates"] == 3 and record["sparse"]["steps"] == 18
    assert set(record["sparse"]["densities"]) == {"hidden1", "hidden2", "fc"}
    dense = 64 * 12 + 12 * 9 + 9 * 10
    kept = 192 + 27 + 23  # a quarter of each; 241.5 of all are rounded to the even number
    assert record["cost"]["multiplications"] == kept and record["cost"]["parameters"] == kept + 12 + 9 + 10
    assert {name: pair[0] for name, pair in record["layers"].items()} == {"hidden1": 192, "hidden2": 27, "fc": 23}
    expected = (3 * kept * 4 + 2 * kept + dense) / 5 * 96 * 3
    assert record["cost"]["training_multiplications"] == round(expected)
    assert from_dict(RunSpec, to_dict(SPEC)) == SPEC and record["spec"] == to_dict(SPEC)


def test_a_record_that_never_moved_its_masks_says_static(tmp_path):
    spec = replace(SPEC, sparse=replace(SPEC.sparse, interval=500))
    assert runs.ensure(spec, Store(tmp_path))["sparse"]["label"] == "static"
    assert "sparse" not in runs.ensure(replace(SPEC, sparse=None), Store(tmp_path))


def test_a_sparse_run_stopped_by_its_deadline_goes_on_bit_exactly(tmp_path):
    whole = runs.ensure(SPEC, Store(tmp_path / "whole"))
    store = Store(tmp_path / "cut")
    with pytest.raises(runs.BudgetSpent):
        runs.ensure(SPEC, store, Conditions(deadline=AfterEpochs(2)))
    assert store.checkpoint(SPEC.id)["training"]["hook"]["updates"] > 0
    record = runs.ensure(SPEC, store)
    assert record["weights"] == whole["weights"] and record["sparse"] == whole["sparse"]


def test_sparse_training_names_a_run_of_its_own_and_its_scoring_run_is_dense():
    assert SPEC.id != replace(SPEC, sparse=None).id != replace(SPEC, sparse=SparseConfig()).id
    pruned = replace(SPEC, prune=runs.Pruning(channels=surgery.PruneConfig(target=0.6), scored_after=TrainConfig()))
    assert pruned.scoring_run.sparse is None and pruned.architecture.sparse is None


def test_updates_that_remove_nothing_leave_a_run_static(digits):
    """At the last update the cosine is 0, and a share of three weights is none."""
    last = SparseConfig(method="set", density=0.4, interval=15, end=0.84)
    few = replace(MOVING, density=3 / 64)
    for config, widths in ((last, (16,)), (few, (1,))):
        hook = trained(digits, config, model=replace(MLP, widths=widths)).hook
        assert hook.updates > 0 and hook.moved == 0 and hook.label == "static"
    moving = trained(digits, MOVING).hook
    assert moving.moved > 0 and moving.label == "rigl"
