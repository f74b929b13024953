"""Sparse layers that multiply by their kept weights only: the same numbers as with masks, to rounding."""

import copy
import importlib.util
from dataclasses import replace

import pytest
import torch
from torch import nn

from pruneproxy import cache, data, models, sparse
from pruneproxy.errors import UserError
from pruneproxy.randomness import generator
from pruneproxy.sparse import SparseConfig, Topology, breakeven, engines
from pruneproxy.sparse.rows import Places, Rows
from pruneproxy.train import TrainConfig, Training, fit, weights_hash

needs_numba = pytest.mark.skipif(importlib.util.find_spec("numba") is None, reason="needs the extra `fast`")
BY_ROWS = [pytest.param("numba", marks=needs_numba), "torch"]
DATA = data.DataConfig(name="digits", train_images=96, eval_images=40)
TRAIN = TrainConfig(epochs=3, batch_size=16, lr=0.05, schedule="constant")  # 18 steps
MOVING = SparseConfig(method="rigl", density=0.4, interval=4, end=0.8)  # updates at 4, 8, 12
MLP = models.ModelConfig(name="mlp", widths=(24, 19))
CLOSE = {"rtol": 1e-4, "atol": 1e-5}  # after 18 steps in float32; a step differs by rounding only


@pytest.fixture(scope="module")
def digits():
    return data.load(DATA)


def network(config=MLP):
    return models.build(config, shape=(1, 8, 8), classes=10, generator=generator(0, "weights"))


def trained(digits, config, engine, *, train=TRAIN, model=MLP):
    return fit(network(model), digits, train, hook=Topology(config, engine=engine))


@pytest.mark.parametrize("engine", BY_ROWS)
@pytest.mark.parametrize("density", [0.0, 0.01, 0.3, 1.0])
def test_products_are_those_of_the_dense_matrix(engine, density):
    draw = torch.Generator().manual_seed(0)
    matrix, mask = torch.randn(37, 29, generator=draw), torch.rand(37, 29, generator=draw) < density
    x, gradient = torch.randn(29, 13, generator=draw), torch.randn(37, 13, generator=draw)
    bias, products, places = (
        torch.randn(37, generator=draw),
        importlib.import_module(engines.ENGINES[engine]),
        Places.of(mask),
    )
    value = matrix[mask]
    torch.testing.assert_close(products.combined(places, value, x), (matrix * mask) @ x)
    torch.testing.assert_close(products.combined(places, value, x, bias), (matrix * mask) @ x + bias[:, None])
    torch.testing.assert_close(
        products.combined(places.transposed, value[places.order], gradient), (matrix * mask).t() @ gradient
    )
    torch.testing.assert_close(products.inner(places, x, gradient), (gradient @ x.t())[mask])


@pytest.mark.parametrize("engine", BY_ROWS)
@pytest.mark.parametrize("semantics", sparse.SEMANTICS)
@pytest.mark.parametrize("method", ["static", "set", "rigl"])
def test_a_run_has_the_masks_and_the_weights_of_masked_training(digits, method, semantics, engine):
    config = replace(MOVING, method=method, semantics=semantics)
    ours, theirs = (trained(digits, config, kind) for kind in (engine, "masked"))
    assert ours.hook.facts() == theirs.hook.facts() | {"engine": engine}
    assert ours.hook.updates == (0 if method == "static" else 3)
    for name, mask in theirs.hook.keep().items():
        assert torch.equal(ours.hook.keep()[name], mask) and not ours.model.get_submodule(name).weight[~mask].any()
    for one, other in zip(ours.model.parameters(), theirs.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, **CLOSE)
    for one, other in zip(ours.model.parameters(), theirs.model.parameters(), strict=True):
        found, expected = (run.optimizer.state[weight] for run, weight in ((ours, one), (theirs, other)))
        torch.testing.assert_close(found["momentum_buffer"], expected["momentum_buffer"], **CLOSE)


@pytest.mark.parametrize("engine", BY_ROWS)
@pytest.mark.parametrize(
    "changed",
    [{"nesterov": True}, {"momentum": 0.0}, {"weight_decay": 0.05}, {"decayed": "weights"}, {"batch_size": 7}],
)
def test_every_choice_of_the_optimiser_is_followed(digits, changed, engine):
    train, model = replace(TRAIN, **changed), replace(MLP, dropout=0.3)
    ours, theirs = (trained(digits, MOVING, kind, train=train, model=model) for kind in (engine, "masked"))
    assert ours.hook.rows and not theirs.hook.rows
    for one, other in zip(ours.model.parameters(), theirs.model.parameters(), strict=True):
        torch.testing.assert_close(one, other, **CLOSE)


@pytest.mark.parametrize("engine", BY_ROWS)
@pytest.mark.parametrize("semantics", sparse.SEMANTICS)
def test_a_run_that_is_killed_and_restored_ends_bit_identical(digits, semantics, engine):
    config = replace(MOVING, semantics=semantics)
    whole = trained(digits, config, engine)
    begun = Training(network(), digits, TRAIN, hook=Topology(config, engine=engine))
    begun.epoch()
    state = copy.deepcopy(begun.state())
    resumed = fit(network(), digits, TRAIN, state=state, hook=Topology(config, engine=engine))
    assert weights_hash(resumed.model) == weights_hash(whole.model)


@pytest.mark.parametrize("engine", BY_ROWS)
def test_the_gradient_of_absent_weights_is_computed_only_for_an_update_that_looks_at_it(digits, engine):
    for method, expected in (("rigl", [4, 8, 12]), ("set", []), ("static", [])):
        training = Training(network(), digits, TRAIN, hook=Topology(replace(MOVING, method=method), engine=engine))
        dense, weight = [], training.model.hidden1.weight
        for step in range(14):
            training.step(torch.arange(16), None)
            dense += [step] if weight.grad is not None else []
        assert dense == expected


@pytest.mark.parametrize("engine", BY_ROWS)
def test_a_loss_that_is_not_a_number_stays_one(digits, engine):
    """Arithmetic that may assume numbers would hide a training that diverges."""
    assert trained(digits, MOVING, engine, train=replace(TRAIN, lr=1e20)).status == "diverged"


@pytest.mark.parametrize("engine", BY_ROWS)
def test_a_weight_that_somebody_else_changes_is_seen(engine):
    layer = nn.Linear(6, 5)
    mask = torch.arange(30).view(5, 6) % 3 == 0
    with torch.no_grad():
        layer.weight.mul_(mask)
    Rows(layer, engines.ENGINES[engine]).follow(mask)
    x = torch.randn(4, 6)
    for _ in range(2):
        torch.testing.assert_close(layer(x), nn.functional.linear(x, layer.weight, layer.bias))
        with torch.no_grad():
            layer.weight.mul_(2)
    twin = copy.deepcopy(layer)
    torch.testing.assert_close(twin(x), layer(x))
    assert layer(x.view(2, 2, 6)).shape == (2, 2, 5)  # dense: not a batch of vectors


@pytest.mark.parametrize("engine", BY_ROWS)
def test_two_passes_before_a_step_add_up(engine):
    layer, mask = nn.Linear(6, 5), torch.arange(30).view(5, 6) % 3 == 0
    with torch.no_grad():
        layer.weight.mul_(mask)
    twin, x = copy.deepcopy(layer), torch.randn(4, 6)
    rows = Rows(layer, engines.ENGINES[engine])
    rows.follow(mask)
    for one in (layer, layer, twin, twin):
        one(x).square().sum().backward()
    torch.testing.assert_close(rows.gradient, twin.weight.grad[mask])
    assert layer.weight.grad is None


def test_what_is_no_large_float32_linear_layer_stays_masked(digits, monkeypatch):
    monkeypatch.setattr(engines, "break_even", lambda *_: 0.5)
    small = Training(network(), digits, TRAIN, hook=Topology(MOVING, engine="auto"))
    assert not small.hook.rows and small.hook.facts()["engine"] == "masked"
    bf16 = Training(network(), digits, replace(TRAIN, precision="bfloat16"), hook=Topology(MOVING, engine="torch"))
    assert not bf16.hook.rows
    resnet = models.ModelConfig(name="resnet_stages", blocks=(1, 1, 1), shortcut="B", width=0.25)
    convolutions = Training(network(resnet), digits, TRAIN, hook=Topology(MOVING, engine="torch"))
    assert set(convolutions.hook.rows) == {"fc"}


@pytest.mark.parametrize(("density", "measured", "used"), [(0.1, 0.2, True), (0.3, 0.2, False), (0.1, 0.0, False)])
def test_a_large_layer_is_computed_by_rows_below_the_measured_density(digits, monkeypatch, density, measured, used):
    monkeypatch.setattr(engines, "break_even", lambda *_: measured)
    large = replace(MLP, widths=(1100, 64))
    hook = Topology(replace(MOVING, density=density))
    Training(network(large), digits, TRAIN, hook=hook)
    assert set(hook.rows) == ({"hidden1", "hidden2"} if used else set())


def test_the_break_even_is_the_largest_density_that_gains_and_is_kept(monkeypatch, tmp_path):
    monkeypatch.setenv(cache.SWITCH, str(tmp_path))
    asked = []

    def gain(engine, density, *sizes):
        asked.append((density, sizes))
        return 1.0 / density / 3

    monkeypatch.setattr(breakeven, "gain", gain)
    breakeven._break_even.cache_clear()
    assert breakeven.break_even("an engine", 1000, 784, 100) == 0.3
    assert asked == [(density, (1024, 1024, 128)) for density in (0.5, 0.4, 0.3)]
    breakeven._break_even.cache_clear()
    assert breakeven.break_even("an engine", 1000, 784, 128) == 0.3 and len(asked) == 3  # read, not measured again
    breakeven._break_even.cache_clear()


@pytest.mark.parametrize("engine", BY_ROWS)
def test_few_kept_weights_take_less_time_than_many(engine):
    """Five times is what a quiet machine gives at a density of 0.02; any gain is what can be held anywhere."""
    module = engines.ENGINES[engine]
    assert breakeven.gain(module, 0.02, 1024, 1024, 128, turns=5) > max(1.2, breakeven.gain(module, 0.9, 256, 256, 64))


@pytest.mark.parametrize("engine", ["torch", None])
def test_the_time_of_a_step_is_given_for_every_density(digits, engine):
    config = SparseConfig(method="set", interval=2)
    shares = sparse.by_density(digits, (0.1, 0.5), config, engine=engine, model=MLP, batch=16, turns=2, steps=3)
    assert list(shares) == [0.1, 0.5] and all(0 < share < 100 for share in shares.values())


def test_an_engine_is_chosen_by_name_by_the_environment_or_by_itself(monkeypatch):
    monkeypatch.delenv(engines.SWITCH, raising=False)
    assert not engines.engine_of().everywhere and engines.engine_of("masked").name == "masked"
    monkeypatch.setenv(engines.SWITCH, "torch")
    assert engines.engine_of() == engines.Engine("torch") and engines.engine_of("masked").name == "masked"
    monkeypatch.setenv(engines.SWITCH, "trch")
    with pytest.raises(UserError, match="did you mean 'torch'"):
        engines.engine_of()
