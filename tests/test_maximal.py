"""Maximal-update parametrisation: the coordinate check in both directions, and its factors against the published table.

A parametrisation by width and density is right when a few steps at one learning rate change what the layers put out by
as much in every network (Yang et al. 2022, Appendix D.1); in the standard one the change grows with width and shrinks
with density.
"""

import numpy as np
import pytest
import torch
from torch import nn

from pruneproxy import data, models
from pruneproxy.models.maximal import factors, parametrise
from pruneproxy.randomness import generator
from pruneproxy.sparse import SparseConfig, Topology, layer_densities
from pruneproxy.train import TrainConfig, Training

STEPS, SEEDS = 4, 3
WIDTHS = (256, 512, 1024)
DENSITIES = (1.0, 0.25, 0.0625)
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
        training._set_lr(0)
        training.step(index, generator(seed, "augmentation"))
    return {name: float((out - before[name]).square().mean().sqrt()) for name, out in outputs(network, digits).items()}


def slopes(digits, *, maximal: bool, widths=(), densities=()) -> dict[str, float]:
    """By layer, how the logarithm of the change goes with that of the width, or of the density."""
    cells = [(width, 1.0) for width in widths] or [(256, density) for density in densities]
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
