"""One test per row of paper 002's ledger on sparse training, networks and costs: the readings differ on a toy input."""

import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.nn import functional

from pruneproxy import costs, data, importance, models, published, sparse
from pruneproxy.costs import RIGL_CHARGED, SparseCost
from pruneproxy.errors import UserError
from pruneproxy.models import ModelConfig
from pruneproxy.randomness import generator
from pruneproxy.recipes import sparse_tradeoff
from pruneproxy.recipes.sparse_tradeoff import protocol
from pruneproxy.sparse import SEMANTICS, SparseConfig, Topology, updated
from pruneproxy.train import TrainConfig, Training, fit
from pruneproxy.train.schedules import lr_at

MLP = ModelConfig(name="mlp", widths=(12, 9))
TRAIN = TrainConfig(epochs=3, batch_size=16, lr=0.05, schedule="constant")  # 18 steps
MOVING = SparseConfig(method="rigl", density=0.4, interval=4, end=0.8)  # updates at 4, 8, 12
FIXED_MLP = {"hidden1": (1000, 784), "hidden2": (1000, 1000), "hidden3": (1000, 1000), "fc": (10, 1000)}


@pytest.fixture(scope="module")
def digits():
    return data.load(data.DataConfig(name="digits", train_images=96, eval_images=40))


def network(config=MLP, *, shape=(1, 8, 8), classes=10):
    return models.build(config, shape=shape, classes=classes, generator=generator(0, "weights"))


def resnet(**choices):
    with torch.device("meta"):
        config = ModelConfig(name="resnet_stages", **{"blocks": (3, 3, 3)} | choices)
        return models.build(config, shape=(3, 32, 32), classes=10)


def begun(digits, config, *, seed=0, train=TRAIN):
    return Training(network(), digits, train, seed, hook=Topology(config, seed=seed))


def steps(training, count):
    """The first layer's weights before the first of `count` steps on one batch and after each."""
    training.model.train()
    weight, found = training.model.hidden1.weight, []
    for _ in range(count):
        found.append(weight.detach().clone())
        training.step(torch.arange(16), None)
    return [*found, weight.detach().clone()]


def moved(config, steps=100, interval=10):
    """The shares removed by all updates of a run, in order."""
    config = replace(config, interval=interval)
    return [config.share_at(step, steps) for step in range(steps) if config.due(step, steps)]


def test_the_released_drop_fraction_moves_a_third_of_the_weights():
    text, code = (moved(SparseConfig(method="set", semantics=name)) for name in ("text", "jaxpruner"))
    assert len(text) == len(code) == 8 and sum(code) / sum(text) == pytest.approx(1 / 3)
    assert text[0] == pytest.approx(0.3 * 0.5 * (1 + math.cos(math.pi / 8)))


def test_with_a_cosine_sets_updates_fade_away():
    cosine = moved(SparseConfig(method="set"))
    constant = moved(SparseConfig(method="set", drop_schedule="constant"))
    assert constant == [0.3] * 8 and cosine[-1] == pytest.approx(0, abs=1e-9) and sum(cosine) < sum(constant) / 2
    assert SEMANTICS["set"].drop_schedule == "constant" and SEMANTICS["jaxpruner"].drop_schedule == "cosine"


def test_a_last_removal_would_change_the_density(digits):
    run = fit(network(), digits, TRAIN, hook=Topology(replace(MOVING, method="set")))
    kept, weight = run.hook.keep()["hidden1"], run.model.hidden1.weight
    ours = run.hook.facts()["densities"]["hidden1"]
    _, removed = updated(weight, kept, torch.zeros_like(weight), share=0.3, removal="per-sign")
    assert ours == pytest.approx(0.4, abs=1e-3) and (kept & ~removed).float().mean() == pytest.approx(0.28, abs=0.01)


def test_removal_per_sign_and_by_magnitude_take_other_weights():
    weight = torch.tensor([0.1, 0.2, 0.3, 0.4, -1.0, -2.0, -3.0, -4.0])
    kept, scores = torch.ones(8, dtype=torch.bool), torch.zeros(8)
    removed = {name: updated(weight, kept, scores, share=0.5, removal=name)[1].tolist() for name in sparse.REMOVALS}
    assert removed["magnitude"] == [True] * 4 + [False] * 4
    assert removed["per-sign"] == [True, True, False, False] * 2
    assert SEMANTICS["text"].removal == "per-sign" and SEMANTICS["jaxpruner"].removal == "magnitude"


def test_table_5_1_leaves_no_layer_dense():
    """At a sparsity of 0.925 the table prints 0.07 and 0.08, both roundings of 0.075."""
    table = published.read("sparse_tradeoff", "table-5.1").query("sparsity == 0.925")
    printed = set(table["training_flops_relative_to_dense"]) | set(table["inference_flops_relative_to_dense"])
    share = {}
    for kept_dense in sparse.KEPT_DENSE:
        found = sparse.densities(FIXED_MLP, 0.075, kept_dense=kept_dense)
        weights = {name: math.prod(shape) for name, shape in FIXED_MLP.items()}
        share[kept_dense] = sum(found[name] * weights[name] for name in weights) / sum(weights.values())
    assert printed == {0.07, 0.08} and share["none"] == pytest.approx(0.075)
    assert share["last"] > 0.078 and share["first"] > 0.3 and share["ends"] > 0.3


def test_layers_rounded_one_by_one_miss_the_asked_number():
    shapes = {f"layer{number}": (3, 5) for number in range(20)}
    ours = sparse.counts(shapes, sparse.densities(shapes, 0.5))
    one_by_one = {name: round(math.prod(shape) * 0.5) for name, shape in shapes.items()}  # 7.5 becomes 8
    assert sum(ours.values()) == 150 and sum(one_by_one.values()) == 160


def test_with_one_key_all_seeds_share_their_masks(digits):
    def overlap(config):
        first, second = (begun(digits, config, seed=seed).hook.keep()["hidden1"] for seed in (1, 2))
        return ((first & second).sum() / first.sum()).item()

    assert overlap(replace(MOVING, mask_seed=8)) == 1 and overlap(MOVING) == pytest.approx(0.4, abs=0.1)


def test_the_first_step_of_the_code_is_dense(digits):
    dense = {}
    for name in ("text", "jaxpruner"):
        training = begun(digits, replace(MOVING, semantics=name))
        before, after = steps(training, 1)
        absent = ~training.hook.keep()["hidden1"]
        dense[name] = (before[absent] != 0).any().item()
        assert not after[absent].any()
    assert dense == {"text": False, "jaxpruner": True}


def test_an_update_that_replaces_the_step_changes_no_weight_that_stays(digits):
    changed = {}
    for name in ("text", "jaxpruner"):
        found = steps(begun(digits, replace(MOVING, semantics=name)), 5)
        both = (found[4] != 0) & (found[5] != 0)
        changed[name] = (found[4][both] != found[5][both]).any().item()
    assert changed == {"text": True, "jaxpruner": False}


def test_updates_at_every_step_stop_the_released_code_from_learning(digits):
    def learned(semantics, interval):
        config = replace(MOVING, semantics=semantics, interval=interval)
        training = begun(digits, config)
        before = [bias.detach().clone() for name, bias in training.model.named_parameters() if "bias" in name]
        steps(training, 10)
        after = [bias for name, bias in training.model.named_parameters() if "bias" in name]
        return sum((a - b).abs().sum().item() for a, b in zip(before, after, strict=True))

    first = [bias for name, bias in begun(digits, MOVING).model.named_parameters() if "bias" in name]
    assert not any(bias.any() for bias in first)
    training = begun(digits, replace(MOVING, semantics="jaxpruner", interval=1))
    found = steps(training, 10)
    kept = [(a != 0) & (b != 0) for a, b in zip(found[1:-1], found[2:], strict=True)]
    assert all(torch.equal(a[k], b[k]) for a, b, k in zip(found[1:-1], found[2:], kept, strict=True))
    assert learned("text", 1) > 3 * learned("jaxpruner", 1)


def test_a_weight_that_returns_keeps_its_value_in_the_code(digits):
    """All absent weights have gradient 0, so that RigL grows exactly what it has removed."""
    left = {}
    for name in ("text", "jaxpruner"):
        training = begun(digits, replace(MOVING, semantics=name, drop=1.0, drop_schedule="constant"))
        hook, weight = training.hook, training.model.hidden1.weight
        hook._apply(training.optimizer)
        hook.taken, kept = 4, hook.keep()["hidden1"]
        for layer in hook.weights.values():
            layer.grad = torch.zeros_like(layer)
        weight.grad = kept.float()
        training.optimizer.param_groups[0]["lr"] = 0.0
        hook.step(training.optimizer)
        assert torch.equal(hook.keep()["hidden1"], kept)
        left[name] = (weight != 0).sum().item() / kept.sum().item()
    assert left == {"text": 0, "jaxpruner": 1}


def test_two_batches_grow_other_weights(digits):
    grown = []
    for start in (0, 48):
        training = begun(digits, MOVING)
        kept = training.hook.keep()["hidden1"]
        training.hook.taken = 4
        training.step(torch.arange(start, start + 16), None)
        grown.append(training.hook.keep()["hidden1"] & ~kept)
    assert grown[0].any() and not torch.equal(*grown)


def test_a_late_interval_has_one_update_in_the_code_and_none_in_the_text():
    dates = {}
    for name in ("text", "jaxpruner"):
        config = SparseConfig(interval=60, end=0.5, semantics=name)
        dates[name] = [step for step in range(100) if config.due(step, 100)]
    assert dates == {"text": [], "jaxpruner": [60]}


def test_defaults_and_fixed_values_update_at_other_steps():
    case, total = protocol.PAPER["mnist"], 469 * 20

    def updates(interval, end):
        config = SparseConfig(interval=interval, end=end)
        return sum(config.due(step, total) for step in range(total))

    ours, code, printed = updates(case.base.sparse.interval, case.base.sparse.end), updates(10, 0.75), updates(10, 0.8)
    assert (ours, code, printed) == (17, 703, 750) and SparseConfig().interval == 10 and SparseConfig().end == 0.8


def test_weight_decay_shrinks_biases_too(digits):
    sizes = {}
    for decayed in ("all", "weights"):
        model = network()
        with torch.no_grad():
            model.fc.bias.fill_(1.0)
        fit(model, digits, replace(TRAIN, weight_decay=0.5, decayed=decayed))
        sizes[decayed] = model.fc.bias.abs().mean().item()
    assert TrainConfig().decayed == "all" and sizes["all"] < 0.8 * sizes["weights"]


def test_the_end_of_the_cosine_changes_next_to_nothing():
    config = TrainConfig(epochs=10, lr=0.1, schedule="cosine")
    ours = np.array([lr_at(config, epoch) for epoch in np.linspace(0, 10, 1001)])
    code = 0.1 * ((1 - 1e-4) * ours / 0.1 + 1e-4)
    assert ours[-1] == pytest.approx(0, abs=1e-12) and code[-1] == pytest.approx(1e-5)
    assert code.sum() / ours.sum() - 1 < 1e-3


def test_the_later_middle_layer_would_give_another_network():
    shown = models.mlp_widths(8, first=100, middle=40, last=80)
    later = models.mlp_widths(8, first=80, middle=40, last=100)[::-1]
    assert shown == (100, 80, 60, 40, 50, 60, 70, 80) and later[4] == 40 and later != shown
    cost = [sum(a * b for a, b in zip(widths, widths[1:], strict=False)) for widths in (shown, later)]
    assert cost[0] != cost[1]


def test_halves_rounded_to_even_numbers_make_other_layers():
    sizes = {"first": 5, "middle": 10, "last": 5}
    code, taught = (models.mlp_widths(5, rounded=name, **sizes) for name in ("code", "half-up"))
    assert code == (5, 8, 10, 8, 5) and taught == (5, 8, 10, 8, 5)
    sizes = {"first": 2, "middle": 3, "last": 2}
    code, taught = (models.mlp_widths(5, rounded=name, **sizes) for name in ("code", "half-up"))
    assert code == (2, 2, 3, 2, 2) and taught == (2, 3, 3, 3, 2)


def test_half_of_the_images_lose_one_of_two_logits():
    lost = {}
    for placed in ("text", "code"):
        config = ModelConfig(name="mlp", widths=(20,), dropout=0.3, dropout_placed=placed)
        model = network(config, shape=(28,), classes=2).train()
        model.dropout.generator = generator(0, "dropout")
        logits = model(torch.randn(4000, 28, generator=generator(0, "inputs")))
        lost[placed] = (logits == 0).any(1).float().mean().item()
    assert lost["text"] < 0.01 and lost["code"] == pytest.approx(1 - 0.7**2, abs=0.03)


def test_dropout_before_and_after_relu_are_the_same():
    x = torch.randn(50, 20, generator=generator(0, "inputs"))
    outputs = []
    for order in (lambda drop: drop(x.relu()), lambda drop: drop(x).relu()):
        drop = models.Dropout(0.3).train()
        drop.generator = generator(0, "dropout")
        outputs.append(order(drop))
    assert torch.equal(*outputs) and (outputs[0] == 0).float().mean() > 0.6


def test_with_one_key_all_batches_of_an_epoch_lose_the_same(digits):
    def patterns(drawn):
        config = replace(MLP, widths=(50,), dropout=0.5, dropout_placed="code")
        train = replace(TRAIN, epochs=2, batch_size=48, dropout_drawn=drawn)
        training, found = Training(network(config), digits, train), []
        hook = training.model.dropout.register_forward_hook(lambda module, inputs, output: found.append(output != 0))
        training.model.train()
        for _ in range(2):
            training._train()
            training.done += 1
        hook.remove()
        return found[1::2]  # of the logits of four batches

    for drawn, same in (("epoch", True), ("batch", False)):
        first, second, third, fourth = patterns(drawn)
        assert torch.equal(first, second) == torch.equal(third, fourth) == same and not torch.equal(first, third)


def test_twenty_layers_need_blocks_of_two_convolutions():
    layers = [layer for layer in costs.layers(resnet(shortcut="A")) if layer.kind != "batchnorm"]
    assert len(layers) == 20 and len(layers) - 2 == 2 * sum((3, 3, 3))
    text = published.read("sparse_tradeoff", "text_numbers").query("quantity.str.contains('depth')")["value"].item()
    assert float(text) == 20
    single = sum(layer.multiplications for layer in layers if layer.name.endswith("conv1"))  # one for each of a block
    assert single < 0.55 * costs.total(layers)


def test_projections_cost_what_identities_do_not():
    projected, identity = (resnet(shortcut=kind) for kind in ("B", "A"))
    extra = costs.total(costs.layers(projected)) - costs.total(costs.layers(identity))
    assert extra == 2 * 32 * 16 * 16 * 16 == 64 * 32 * 8 * 8 + 32 * 16 * 16 * 16
    names = {layer.name for layer in costs.layers(projected) if layer.shortcut and layer.kind == "conv"}
    assert names == {"layer2.0.downsample.0", "layer3.0.downsample.0"}
    assert protocol.PAPER["cifar-10"].base.model.shortcut == "B"


def test_a_block_with_zero_scale_starts_as_its_shortcut():
    images = torch.randn(4, 3, 16, 16, generator=generator(0, "inputs"))
    same = {}
    for zero in (True, False):
        config = ModelConfig(name="resnet_stages", blocks=(2, 1, 1), width=0.5, zero_last_scale=zero)
        model = network(config, shape=(3, 16, 16)).eval()
        stream = functional.relu(model.bn1(model.conv1(images)))
        same[zero] = torch.equal(model.layer1(stream), stream)
    assert same == {True: True, False: False} and not ModelConfig().zero_last_scale


def test_strides_and_not_pooling_halve_the_maps():
    model = resnet()
    assert not [module for module in model.modules() if isinstance(module, nn.MaxPool2d | nn.AvgPool2d)]
    assert model.layer2[0].conv1.stride == model.layer3[0].conv1.stride == (2, 2)
    ours = {layer.name: layer.multiplications for layer in costs.layers(model)}
    pooled = costs.total(costs.layers(model)) + 3 * (ours["layer2.0.conv1"] + ours["layer3.0.conv1"])
    assert pooled / costs.total(costs.layers(model)) > 1.15  # a convolution that pooling follows works on four times


def test_a_padding_of_three_makes_maps_of_36():
    sizes, costs_of = {}, {}
    for strides in ("small", "padding-3"):
        model = network(ModelConfig(name="resnet_stages", blocks=(1, 1, 1), strides=strides), shape=(3, 32, 32))
        sizes[strides] = tuple(model.conv1(torch.zeros(1, 3, 32, 32)).shape[2:])
        costs_of[strides] = costs.total(costs.layers(resnet(strides=strides)))
    assert sizes == {"small": (32, 32), "padding-3": (36, 36)}
    assert costs_of["padding-3"] / costs_of["small"] == pytest.approx((36 / 32) ** 2, abs=0.01)
    assert models.config.strides_of(ModelConfig(name="resnet_stages")).padding is None


def test_both_ways_of_writing_momentum_are_one():
    module = nn.BatchNorm2d(1).train()
    images = torch.randn(8, 1, 4, 4, generator=generator(0, "inputs")) + 5
    module(images)
    module(images)
    kept = 0.9
    assert module.running_mean.item() == pytest.approx((1 - kept**2) * images.mean().item(), rel=1e-5)
    assert module.eps == 1e-5


def test_a_hyperparameter_without_effect_has_some_importance():
    draws = np.random.default_rng(0)
    settings = pd.DataFrame({"lr": draws.random(80), "ignored": draws.integers(1, 5, 80)})
    table = importance.fanova(settings, settings["lr"] + 0.3 * draws.normal(size=80))["importance"]
    assert 0 < table["ignored"] < 0.05 < 0.5 < table["lr"]
    with pytest.raises(UserError, match="3 whole numbers"):
        ModelConfig(name="resnet_stages", blocks=(2, 2, 2, 2))


def test_table_5_1_counts_multiplications():
    printed = published.read("sparse_tradeoff", "table-5.1").iloc[0]
    with torch.device("meta"):
        model = models.build(ModelConfig(name="mlp"), shape=(1, 28, 28), classes=10)
    once, twice = (costs.total(costs.layers(model), convention=name) for name in ("multiplications", "flops"))
    assert float(f"{once:.3g}") == printed["inference_flops_absolute"] and twice == 2 * once == 5_588_000
    trained = costs.training(SparseCost(dense=once, sparse=once), method="dense", images=60_000 * 200)
    assert float(f"{trained:.3g}") == printed["training_flops_absolute"]


def test_the_share_that_is_kept_fits_table_5_1():
    table = published.read("sparse_tradeoff", "table-5.1").dropna(subset="sparsity")
    printed = table["inference_flops_relative_to_dense"]
    assert ((1 - table["sparsity"]) - printed).abs().max() < 0.0051
    assert (table["sparsity"] - printed).abs().max() > 0.9


def test_the_equation_as_printed_loses_the_cost_of_ordinary_steps():
    cost = SparseCost(dense=1000, sparse=100, interval=9)
    algorithm, equation = (RIGL_CHARGED[name](cost) for name in ("algorithm-1", "equation-4.5"))
    assert (float(algorithm), float(equation)) == (390.0, 122.7)
    table = published.read("sparse_tradeoff", "table-5.1").query("algorithm == 'RigL' and sparsity == 0.9")
    mnist = SparseCost(dense=2_794_000, sparse=279_400, interval=420)
    share = {name: float(RIGL_CHARGED[name](mnist)) / (3 * mnist.dense) for name in ("algorithm-1", "equation-4.5")}
    assert round(share["algorithm-1"], 2) == table["training_flops_relative_to_dense"].item() == 0.10
    assert share["equation-4.5"] < 0.002


def test_updates_that_never_come_are_charged_too():
    cost = SparseCost(dense=1000, sparse=100, interval=10, updates=0, steps=1000)
    charged, performed = (RIGL_CHARGED[name](cost) for name in ("algorithm-1", "performed"))
    assert performed == 300 and float(charged) == pytest.approx(4200 / 11)
    ended = RIGL_CHARGED["performed"](replace(cost, updates=50))  # half of the run, then no more
    assert performed < ended < charged


def test_a_resnet_of_the_code_executes_a_quarter_more_than_it_counts():
    executed = costs.total(costs.layers(resnet(shortcut="B", strides="padding-3")))
    counted = costs.total(costs.layers(resnet(shortcut="B")), convention="without-shortcuts")
    assert (executed, counted) == (51_654_016, 40_551_040) and 1.27 < executed / counted < 1.28
    assert costs.total(costs.layers(resnet(shortcut="B"))) > counted  # what is counted by default


def test_folds_make_training_cheaper_by_a_fifth():
    cost = SparseCost(dense=1000, sparse=300)
    whole, folded = (costs.training(cost, method="set", images=images) for images in (60_000, 48_000))
    assert whole / folded == 1.25


def test_images_that_fill_no_batch_are_charged_without_a_step(digits):
    seen = {}
    for drop_last in (True, False):
        train = replace(TRAIN, epochs=1, batch_size=40, drop_last=drop_last)
        seen[drop_last] = sum(map(len, data.batches(len(digits.train), train.batch_size, drop_last=drop_last)))
    assert seen == {True: 80, False: 96} and not TrainConfig().drop_last
    charged = costs.training(SparseCost(dense=10, sparse=10), method="dense", images=len(digits.train))
    assert charged / costs.training(SparseCost(dense=10, sparse=10), method="dense", images=80) == 1.2


def test_the_recipe_takes_the_readings_that_the_rows_call_its_own():
    for case in protocol.PAPER.values():
        spec = case.base
        assert (spec.sparse.semantics, spec.sparse.kept_dense, spec.sparse.drop) == ("text", "none", None)
        assert (spec.model.dropout_placed, spec.train.dropout_drawn, spec.data.normalise) == ("text", "batch", "train")
    assert sparse_tradeoff.__doc__
