"""Maximal-update parametrisation: the coordinate check in both directions, and its factors against the published table.

A parametrisation by width and density is right when a few steps at one learning rate change what the layers put out by
as much in every network (Yang et al. 2022, Appendix D.1); in the standard one the change grows with width and shrinks
with density.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from pruneproxy import data, models, runs, workers
from pruneproxy.errors import UserError
from pruneproxy.models.maximal import factors, lr_factors, parametrise
from pruneproxy.randomness import generator
from pruneproxy.runs import RunSpec
from pruneproxy.sparse import SparseConfig, Topology, layer_densities
from pruneproxy.store import Store
from pruneproxy.train import TrainConfig, Training

STEPS, SEEDS = 4, 3
WIDTHS = (256, 512, 1024)
DENSITIES = (1.0, 0.5, 0.25)  # sparser, and the few inputs that a unit of the first layer keeps differ by chance
TRAIN = TrainConfig(lr=0.02, batch_size=64, weight_decay=0.0, schedule="constant")


@pytest.fixture(scope="module")
def digits():
    return data.load(data.DataConfig(name="digits", train_images=300, eval_images=50))


def mlp(width: int, seed: int = 0) -> nn.Module:
    config = models.ModelConfig(name="mlp", widths=(width, width))
    return models.build(config, shape=(1, 8, 8), classes=10, generator=generator(seed, "weights"))


def outputs(network, digits) -> dict[str, torch.Tensor]:
    """What every linear layer puts out for the same images."""
    found = {}
    layers = [(name, one) for name, one in network.named_modules() if isinstance(one, nn.Linear)]
    hooks = [
        one.register_forward_hook(lambda module, inputs, out, name=name: found.update({name: out.detach()}))
        for name, one in layers
    ]
    network(data.prepare(digits.train, torch.arange(100), digits))
    for hook in hooks:
        hook.remove()
    return found


def moved(digits, *, width: int, density: float, maximal: bool, seed: int) -> dict[str, float]:
    """By how much a few steps change the outputs of every layer, as a root mean square."""
    network = mlp(width, seed)
    config = SparseConfig(method="static", density=density, kept_dense="last")
    if maximal:
        parametrise(network, factors(network, mlp(WIDTHS[0]), layer_densities(network, config)))
    training = Training(network, digits, TRAIN, seed, hook=Topology(config, seed=seed))
    before = outputs(network, digits)
    for index in training.batches(generator(seed, "order"))[:STEPS]:
        training.set_lr(0)
        training.step(index, generator(seed, "augmentation"))
    return {name: float((out - before[name]).square().mean().sqrt()) for name, out in outputs(network, digits).items()}


def slopes(digits, *, maximal: bool, widths=(), densities=()) -> dict[str, float]:
    """By layer, how the logarithm of the change goes with that of the width, or of the density."""
    cells = [(width, 1.0) for width in widths] or [(512, density) for density in densities]
    rows = [
        [moved(digits, width=width, density=density, maximal=maximal, seed=seed) for seed in range(SEEDS)]
        for width, density in cells
    ]
    means = {name: [np.log2([one[name] for one in row]).mean() for row in rows] for name in rows[0][0]}
    return {name: float(np.polyfit(np.log2(widths or densities), values, 1)[0]) for name, values in means.items()}


def test_over_widths_the_change_is_flat_and_in_the_standard_parametrisation_the_last_layer_s_grows(digits):
    flat, standard = slopes(digits, maximal=True, widths=WIDTHS), slopes(digits, maximal=False, widths=WIDTHS)
    assert max(map(abs, flat.values())) < 0.15
    assert standard["fc"] > 0.25 and standard["hidden1"] < -0.5  # where gradients of size 1 / root of width arrive


def test_over_densities_the_change_is_flat_and_shrinks_in_the_standard_parametrisation(digits):
    flat, shrunk = slopes(digits, maximal=True, densities=DENSITIES), slopes(digits, maximal=False, densities=DENSITIES)
    assert max(map(abs, flat.values())) < 0.15
    assert min(shrunk.values()) > 0.5


def test_the_factors_of_gradient_descent_are_those_of_the_published_table():
    """2203.03466, Table 3, SGD: first layers and biases as the width, hidden layers 1, the last layer as 1 / width."""
    found = factors(mlp(64), mlp(256))
    assert found.lr == {
        "hidden1.weight": 1 / 4,
        "hidden1.bias": 1 / 4,
        "hidden2.weight": 1.0,
        "hidden2.bias": 1 / 4,
        "fc.weight": 4.0,
        "fc.bias": 1.0,
    }
    assert found.start["fc.weight"] == 0 and found.start["hidden2.weight"] == 1


def test_a_density_divides_learning_rate_and_variance_of_its_layer_alone():
    found = factors(mlp(64), mlp(64), {"hidden1": 0.25, "fc": 1.0})
    assert found.lr == dict.fromkeys(found.lr, 1.0) | {"hidden1.weight": 4.0}
    assert found.start["hidden1.weight"] == 2 and found.start["hidden2.weight"] == 1


def test_sparse_layers_put_out_as_much_as_dense_ones(digits):
    def size(density: float) -> float:
        network, config = mlp(512), SparseConfig(method="static", density=density, kept_dense="last")
        parametrise(network, factors(network, mlp(512), layer_densities(network, config)))
        Training(network, digits, TRAIN, hook=Topology(config))
        return float(outputs(network, digits)["hidden2"].square().mean())

    assert size(0.25) == pytest.approx(size(1.0), rel=0.2)


def test_training_multiplies_learning_rates_and_leaves_their_product_with_weight_decay(digits):
    network = mlp(64)
    parametrise(network, factors(network, mlp(256)))
    training = Training(network, digits, replace(TRAIN, weight_decay=1e-3))
    training.set_lr(0)
    groups = {id(value): group for group in training.optimizer.param_groups for value in group["params"]}
    for name, value in network.named_parameters():
        group = groups[id(value)]
        assert group["lr"] == pytest.approx(TRAIN.lr * lr_factors(network)[name])
        assert group["lr"] * group["weight_decay"] == pytest.approx(TRAIN.lr * 1e-3)


def test_a_run_with_the_settings_of_another_network_is_rescaled_and_recorded(tmp_path):
    wide = models.ModelConfig(name="mlp", widths=(32, 32))
    config = data.DataConfig(name="digits", train_images=60, eval_images=20)
    train = replace(TRAIN, epochs=1, lr=0.1)
    spec = RunSpec(data=config, model=replace(wide, widths=(8, 8)), train=train, settings_of=wide)
    network = runs.network(spec, data.load(config), Store(tmp_path))
    assert not network.fc.weight.any() and lr_factors(network)["fc.weight"] == 4
    record = runs.ensure(spec, Store(tmp_path))
    assert record["status"] == "ok" and record["spec"]["settings_of"]["widths"] == [32, 32]
    assert record["weights"] != runs.ensure(replace(spec, settings_of=None), Store(tmp_path))["weights"]


def test_what_is_not_newly_drawn_or_has_other_layers_is_refused():
    with pytest.raises(UserError, match="settings_of"):
        RunSpec(start="ekg-resnet56", train=TrainConfig(epochs=0), settings_of=models.ModelConfig())
    with pytest.raises(UserError, match="hidden2.weight"):
        factors(mlp(8), models.build(models.ModelConfig(name="mlp", widths=(8,)), shape=(1, 8, 8), classes=10))
    with pytest.raises(UserError, match="no rule"):
        factors(nn.Sequential(nn.Embedding(4, 2), nn.Linear(2, 2)), nn.Sequential(nn.Embedding(4, 8), nn.Linear(8, 2)))
    with pytest.raises(UserError, match="linear layer"):
        factors(nn.Conv2d(1, 2, 3), nn.Conv2d(1, 2, 3))


def test_runs_that_are_made_with_others_learn_at_the_rates_of_their_own_layers(tmp_path):
    wide = models.ModelConfig(name="mlp", widths=(32, 32))
    config = data.DataConfig(name="digits", train_images=60, eval_images=20)
    narrow = RunSpec(data=config, model=replace(wide, widths=(4, 4)), train=replace(TRAIN, epochs=2), settings_of=wide)
    specs = [replace(narrow, seed=seed) for seed in range(4)]
    many, single = Store(tmp_path / "many"), Store(tmp_path / "single")
    assert not workers.run_all(specs, many).missing
    for spec in specs:
        alone = runs.ensure(spec, single)["history"]["train_loss"]
        assert many.get(spec.id)["history"]["train_loss"] == pytest.approx(alone, rel=1e-4)
