"""Runs that train together find what they find by themselves, up to the rounding of floats."""

import copy
from dataclasses import replace

import pytest
import torch

from pruneproxy import data, models
from pruneproxy.randomness import generator
from pruneproxy.sparse import SEMANTICS, Fixed, SparseConfig, Topology
from pruneproxy.train import Together, TrainConfig, Training, weights_hash

LOSS = 1e-5  # the relative tolerance of losses in these short runs: sums of float32 are taken in another order
TOP1 = 1.26  # of accuracies in percent: one of the 80 images may change sides
MLP = models.ModelConfig(name="mlp", widths=(24, 16))
SIZES = {"vgg16_bn": 32, "resnet50": 16}  # others read the digits as they are
TRAIN = TrainConfig(epochs=3, batch_size=32, lr=0.05)
SETTINGS = [  # what each member has of its own
    {"lr": 0.02},
    {"lr": 0.1, "weight_decay": 1e-2, "momentum": 0.5},
    {"schedule": "cosine", "warmup": 1.0, "epochs": 2},
    {"momentum": 0.0, "decay_factor": 0.5, "evaluate_every": 2, "slimming": 1e-3},
]
NETWORKS = {
    **{name: {"width": 0.25} for name in ("resnet8", "resnet20", "resnet56", "resnet_stages")},
    **{name: {"width": 0.125, "strides": "small"} for name in ("resnet18", "resnet50")},
    "vgg16_bn": {"width": 0.05},
    "mobilenet_v2": {"width": 0.1},
    "mlp": {"widths": (24, 16)},
}


def digits(**choices):
    choices = {"train_images": 110, "eval_images": 80, "augment": "crop-flip"} | choices  # the last batch is smaller
    return data.load(data.DataConfig(name="digits", **choices))


def member(dataset, model, train, seed, hook=None):
    network = models.build(model, shape=dataset.shape, classes=10, generator=generator(seed, "weights"))
    return Training(network, dataset, train, seed, hook=hook)


def both(dataset, model, trains, hooks=None, seeds=None):
    """The same runs by themselves, and together."""
    hooks, seeds = hooks or [lambda: None] * len(trains), seeds or range(len(trains))

    def made():
        return [
            member(dataset, model, train, seed, hook()) for train, hook, seed in zip(trains, hooks, seeds, strict=True)
        ]

    single, together = made(), made()
    train_alone(single)
    train_together(together)
    return single, together


def train_alone(runs):
    for run in runs:
        while not run.finished:
            run.epoch()


def train_together(members):
    group, ended = Together(members), []
    while group.members:
        ended += group.epoch()
    assert {id(run) for run in ended} == {id(run) for run in members if run.history}


def assert_alike(single, together, loss=LOSS, top1=TOP1):
    for one, other in zip(single, together, strict=True):
        assert (one.status, one.done, list(one.history)) == (other.status, other.done, list(other.history))
        for name in ("train_loss", "eval_loss"):
            assert other.history[name] == [value and pytest.approx(value, rel=loss) for value in one.history[name]]
        for name in ("train_top1", "eval_top1", "eval_top5"):
            expected = one.history[name]
            assert other.history[name] == [
                value if value is None else pytest.approx(value, abs=top1) for value in expected
            ]
        assert one.history["lr"] == other.history["lr"]


@pytest.mark.parametrize("name", NETWORKS)
def test_every_network_learns_together_what_it_learns_alone(name):
    """In float64: batch normalisation of small batches multiplies the rounding of float32 too fast to compare."""
    rows = digits(train_images=70, eval_images=40, **({"size": SIZES[name]} if name in SIZES else {}))
    rows = replace(rows, mean=rows.mean.double(), std=rows.std.double())
    trains = [replace(TRAIN, **{"epochs": 2} | own | {"lr": 2e-4 * (1 + place)}) for place, own in enumerate(SETTINGS)]
    made = [[member(rows, models.ModelConfig(name=name, **NETWORKS[name]), train, 0) for train in trains] for _ in "ab"]
    for runs in made:
        for run in runs:
            run.model.double()
    single, together = made
    train_alone(single)
    train_together(together)
    assert_alike(single, together, loss=1e-5, top1=0.01)
    for one, other in zip(single, together, strict=True):
        for key, value in one.model.state_dict().items():
            assert torch.allclose(value, other.model.state_dict()[key], rtol=1e-4, atol=1e-5), key


def test_each_member_has_settings_seed_and_length_of_its_own():
    single, together = both(digits(), MLP, [replace(TRAIN, **own) for own in SETTINGS])
    assert_alike(single, together)
    assert [run.done for run in together] == [3, 3, 2, 3]
    assert len({weights_hash(run.model) for run in together}) == 4


@pytest.mark.parametrize(
    "choice",
    [
        {"nesterov": True},
        {"decayed": "weights", "weight_decay": 0.1},
        {"label_smoothing": 0.2},
        {"drop_last": True},
        {"shuffled": False},
        {"evaluate_on": "validation"},
    ],
    ids=lambda choice: next(iter(choice)),
)
def test_what_members_share_is_heeded(choice):
    trains = [replace(TRAIN, lr=lr, **choice) for lr in (0.02, 0.1)]
    single, together = both(digits(), MLP, trains)
    assert_alike(single, together)
    plain, _ = both(digits(), MLP, [replace(TRAIN, lr=0.1)])
    assert together[1].history["train_loss"] != pytest.approx(plain[0].history["train_loss"], rel=LOSS)


@pytest.mark.parametrize("placed", models.config.DROPOUT_PLACED)
@pytest.mark.parametrize("drawn", ["batch", "epoch"])
def test_each_member_has_its_own_dropout(placed, drawn):
    trains = [replace(TRAIN, dropout_drawn=drawn, lr=lr) for lr in (0.02, 0.05)]
    single, together = both(digits(), replace(MLP, dropout=0.3, dropout_placed=placed), trains)
    assert_alike(single, together)


def test_half_precision_learns_the_same_within_its_own_rounding():
    single, together = both(digits(), MLP, [replace(TRAIN, precision="bfloat16", lr=lr) for lr in (0.02, 0.05)])
    assert_alike(single, together, loss=2e-2, top1=5.0)


@pytest.mark.parametrize("semantics", SEMANTICS)
@pytest.mark.parametrize("method", ["static", "set", "rigl"])
def test_sparse_members_move_the_same_weights(method, semantics):
    sparse = SparseConfig(method=method, density=0.4, interval=3, semantics=semantics)
    hooks = [
        lambda: Topology(sparse, seed=0),
        lambda: Topology(replace(sparse, density=0.2, interval=2), seed=1),
        lambda: None,
        lambda: Topology(replace(sparse, method="dense"), seed=3),
    ]
    trains = [replace(TRAIN, lr=0.05, momentum=momentum) for momentum in (0.9, 0.5, 0.9, 0.0)]
    single, together = both(digits(), MLP, trains, hooks)
    assert_alike(single, together)
    for one, other in zip(single, together, strict=True):
        if one.hook is not None:
            assert one.hook.facts() == other.hook.facts()
            kept = other.hook.keep()
            assert all(torch.equal(mask, kept[name]) for name, mask in one.hook.keep().items())
            assert not any(other.hook.weights[name][~mask].any() for name, mask in kept.items())
    assert together[0].hook.moved > 0 or method == "static"


def test_fixed_masks_stay():
    keep = [{"hidden1": torch.rand(24, 64, generator=generator(seed, "test")) < 0.3} for seed in range(2)]
    single, together = both(digits(), MLP, [TRAIN, TRAIN], [lambda k=k: Fixed(k) for k in keep])
    assert_alike(single, together)
    for run, mask in zip(together, keep, strict=True):
        assert torch.equal(run.model.hidden1.weight != 0, mask["hidden1"])


def test_one_that_diverges_ends_as_it_does_alone_and_the_others_go_on():
    trains = [TRAIN, replace(TRAIN, lr=1e9), replace(TRAIN, lr=0.1)]
    hooks = [lambda seed=seed: Topology(SparseConfig(method="set", interval=2), seed=seed) for seed in range(3)]
    single, together = both(digits(), MLP, trains, hooks)
    assert [run.status for run in together] == ["ok", "diverged", "ok"] and together[1].done == 1
    assert_alike(single[::2], together[::2])
    assert single[1].history.keys() == together[1].history.keys()


def test_one_that_diverges_early_in_an_epoch_is_left_as_it_was_then():
    rows, train = digits(train_images=800), replace(TRAIN, batch_size=16, lr=1e-3)  # 50 steps, looked at after 20
    single, together = both(rows, MLP, [train, replace(train, max_loss=1e-3)])
    assert_alike(single[:1], together[:1])
    assert [run.status for run in together] == ["ok", "diverged"]
    for name in ("train_loss", "train_top1"):
        assert together[1].history[name] == pytest.approx(single[1].history[name], rel=LOSS)
    for one, other in zip(single[1].model.parameters(), together[1].model.parameters(), strict=True):
        assert torch.allclose(one, other, rtol=1e-4, atol=1e-6)


SPARSE = SparseConfig(method="rigl", density=0.4, interval=3)


@pytest.mark.parametrize("stop", [1, 2])
def test_either_way_goes_on_from_what_the_other_has_saved(stop):
    rows, trains = digits(), [replace(TRAIN, lr=0.02), replace(TRAIN, lr=0.1, epochs=4)]

    def made():
        return [member(rows, MLP, train, number, Topology(SPARSE, seed=number)) for number, train in enumerate(trains)]

    whole = made()
    train_alone(whole)
    begun = made()
    group = Together(begun)
    for _ in range(stop):
        group.epoch()
    states = [run.state() for run in begun]
    alone, again, single = made(), made(), made()
    for number, state in enumerate(states):
        for runs in (alone, again):
            runs[number].restore(copy.deepcopy(state))
    train_alone(alone)
    train_together(again)
    assert_alike(whole, alone)
    assert_alike(whole, again)
    for run, epochs in zip(single, (stop, 1), strict=True):  # members may have done different numbers of epochs
        for _ in range(epochs):
            run.epoch()
    train_together(single)
    assert_alike(whole, single)


@pytest.mark.parametrize("others", [(1,), (1, 2, 3), (4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16)], ids=len)
def test_the_others_of_a_group_change_no_bit_of_a_member(others):
    sparse = SparseConfig(method="set", density=0.4, interval=3)
    model = replace(MLP, widths=(33, 7), dropout=0.2)  # no multiples of anything

    def trained(seeds):
        group = [member(digits(), model, TRAIN, seed, Topology(sparse, seed=seed)) for seed in seeds]
        train_together(group)
        return weights_hash(group[-1].model), group[-1].history["train_loss"], group[-1].history["eval_loss"]

    assert trained((*others, 0)) == trained((0,))


def test_the_draws_of_several_generators_are_those_of_each_in_turn():
    rows = digits(augment="box-flip", size=16)
    index = torch.arange(12)
    expected = [
        data.prepare(rows.train, part, rows, generator=generator(n, "x")) for n, part in enumerate(index.split(6))
    ]
    found = data.prepare(rows.train, index, rows, generator=tuple(generator(n, "x") for n in range(2)))
    assert torch.equal(found, torch.cat(expected))
