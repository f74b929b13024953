"""The proxy of a network: as our own pruning where both apply, refused in one sentence where it cannot be made."""

import copy
import random
import warnings
from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from pruneproxy import costs, examples, models, scores, surgery, tuning
from pruneproxy.errors import UserError
from pruneproxy.surgery import foreign, graph

OURS = [
    ("vgg16_bn", {"width": 0.1}, (3, 32, 32)),
    ("resnet18", {"width": 0.1, "strides": "small"}, (3, 8, 8)),
    ("resnet50", {"width": 0.1, "strides": "small"}, (3, 8, 8)),
    ("resnet8", {"shortcut": "B"}, (3, 8, 8)),
    ("mobilenet_v2", {"width": 0.2}, (3, 16, 16)),
    ("mlp", {}, (20,)),
]


def ours(name, choices, shape):
    config = models.ModelConfig(name=name, **choices)
    return models.build(config, shape=shape, classes=5, generator=torch.Generator().manual_seed(3))


def batch(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def small(*, classes=3):
    return nn.Sequential(
        nn.Conv2d(1, 12, 3, padding=1),
        nn.BatchNorm2d(12),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(12 * 16, 20),
        nn.ReLU(),
        nn.Linear(20, classes),
    )


IMAGES = batch(8, 1, 8, 8)


def chosen(network, shape, score, *, groups=None):
    config = surgery.PruneConfig(
        percentile=60, sigma=0.15, score=score, fan_in="mean", coupled="mean", scope="all", rounds=5
    )
    stream = torch.Generator().manual_seed(7)
    labelled = batch(4, *shape), torch.arange(4)
    return surgery.choose_channels(network, config, batch=labelled, generator=stream, groups=groups)


def with_scales(network):
    """The network with scales of its batch normalisations as if they were trained; new ones are all 1."""
    stream = torch.Generator().manual_seed(1)
    with torch.no_grad():
        for module in network.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.weight.copy_(torch.rand(module.weight.shape, generator=stream) + 0.5)
    return network


def in_declared_order(network, traced):
    """The traced groups in the order of the declared ones, which have the same layers."""
    by_layers = {(frozenset(group.producers), frozenset(group.consumers)): group for group in traced}
    assert len(by_layers) == len(traced) == len(network.groups())
    return [by_layers[frozenset(group.producers), frozenset(group.consumers)] for group in network.groups()]


@pytest.mark.parametrize("name, choices, shape", OURS, ids=lambda value: value if isinstance(value, str) else "")
def test_both_ways_of_pruning_keep_the_same_channels_by_every_score(name, choices, shape):
    network, example = with_scales(ours(name, choices, shape)), batch(4, *shape)
    traced = in_declared_order(network, graph.trace(network, example).groups)
    assert not any(group.rows or group.columns for group in traced)
    for score in scores.SCORES:
        if score in ("slimming", "gbn") and name == "mlp":  # which has no batch normalisation
            continue
        declared, found = (chosen(network, shape, score, groups=groups) for groups in (None, traced))
        for ours_group, group in zip(network.groups(), traced, strict=True):
            assert torch.equal(declared[ours_group.name], found[group.name]), (score, group.name)


@pytest.mark.parametrize("name, choices, shape", OURS, ids=lambda value: value if isinstance(value, str) else "")
def test_the_dependency_graph_cuts_the_network_that_declared_groups_give(name, choices, shape):
    network, example = ours(name, choices, shape), batch(4, *shape)
    traced = graph.trace(network, example)
    assert list(traced.whole) == ["fc"]
    keep = chosen(network, shape, "synflow")
    mirrored = zip(network.groups(), in_declared_order(network, traced.groups), strict=True)
    expected = surgery.narrow(network, keep).state_dict()
    state = graph.cut(traced, {group.name: keep[declared.name] for declared, group in mirrored}).state_dict()
    assert state.keys() == expected.keys()
    assert all(torch.equal(value, state[key]) for key, value in expected.items())


@pytest.mark.parametrize("name, choices, shape", OURS[:3], ids=lambda value: value if isinstance(value, str) else "")
def test_multiplications_by_torchs_counter_are_ours(name, choices, shape):
    network = ours(name, choices, shape)
    assert foreign.multiplications(network, batch(4, *shape)) == costs.total(costs.layers(network))


def test_the_narrow_network_computes_what_the_full_one_does_with_its_channels_at_zero():
    network = small().eval()
    traced = graph.trace(network, IMAGES)
    config = surgery.PruneConfig(percentile=50, sigma=0.1, score="synflow", fan_in="mean")
    keep = surgery.choose_channels(network, config, batch=IMAGES, groups=traced.groups)
    widths = {group.name: group.width for group in traced.groups}
    with torch.no_grad():
        masked = copy.deepcopy(network)
        for name, norm in (("0", "1"), ("5", None)):
            gone = torch.ones(widths[name], dtype=torch.bool)
            gone[keep[name]] = False
            for layer in filter(None, (name, norm)):
                masked.get_submodule(layer).weight[gone] = 0
                masked.get_submodule(layer).bias[gone] = 0
        narrow = graph.cut(traced, keep).eval()
        assert narrow[0].out_channels < 12 or narrow[5].out_features < 20
        assert torch.allclose(narrow(IMAGES), masked(IMAGES), atol=1e-6)


def scored(network, example, score, groups=None, **choices):
    groups = graph.trace(network, example).groups if groups is None else groups
    choices = scores.Choices(inputs=example, fan_in="mean", coupled="mean", **choices)
    return scores.of_groups(network, groups, score=score, choices=choices)


def test_scores_are_the_mean_of_gradient_times_weight_over_the_fan_in():
    network = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 3))
    rows = batch(5, 4, seed=2)
    [found] = scored(network, rows, "synflow").values()
    # By hand: d(sum of outputs)/dW1[o, i] = sum_n x[n, i] * sum_c W2[c, o].
    gradient = network[1].weight.sum(0)[:, None] * rows.sum(0)[None]
    assert torch.allclose(found, (gradient * network[0].weight).abs().mean(1).double(), rtol=1e-5)


class Strided(nn.Module):
    """A small convolutional network with a residual, normalised as if it were trained."""

    def __init__(self):
        super().__init__()
        self.stem, self.norm = nn.Conv2d(1, 12, 3, padding=1), nn.BatchNorm2d(12)
        self.inside, self.inner = nn.Conv2d(12, 10, 3, padding=1, bias=False), nn.BatchNorm2d(10)
        self.back, self.outer = nn.Conv2d(10, 12, 3, padding=1), nn.BatchNorm2d(12)
        self.out = nn.Linear(12 * 16, 3)
        with_scales(self)

    def forward(self, images):
        stream = self.norm(self.stem(images)).relu()
        stream = (stream + self.outer(self.back(self.inner(self.inside(stream)).relu()))).relu()
        return self.out(nn.functional.max_pool2d(stream, 2).flatten(1))


def rows_of_numbers():
    layers = nn.Linear(4, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Linear(16, 8), nn.BatchNorm1d(8), nn.Linear(8, 3)
    return with_scales(nn.Sequential(*layers))


@pytest.mark.parametrize("score", scores.SCORES)
@pytest.mark.parametrize(
    "factory, example, widths", [(Strided, IMAGES, [10, 12]), (rows_of_numbers, batch(8, 4), [8, 16])]
)
def test_every_score_prunes_a_foreign_network(score, factory, example, widths):
    words = {"percentile": 50, "sigma": 0.2, "score": score, "labels": torch.arange(8) % 3}
    proxy, again = (tuning.build_proxy(factory, example, **words) for _ in range(2))
    assert sorted(width for width, _ in proxy.kept.values()) == widths and proxy.kept == again.kept
    assert sum(kept for _, kept in proxy.kept.values()) < sum(widths)
    assert proxy.network(example).shape == (8, 3) and proxy.multiplications < proxy.full_multiplications


def test_scores_of_concatenated_layers_are_those_of_the_layer_that_makes_each_channel():
    network = Joined().eval()
    groups = {group.name: group for group in graph.trace(network, IMAGES).groups}
    fine, coarse = groups["fine"], groups["coarse"]
    assert (fine.producers, fine.consumers) == (("fine", "norm"), ("hidden",))
    assert fine.rows["norm"].tolist() == [*range(16), *[-1] * 16]
    assert coarse.columns["hidden"].tolist() == [-1] * 256 + torch.arange(16).repeat_interleave(16).tolist()
    with torch.no_grad():
        network.norm.weight.copy_(torch.arange(32.0))
    found = scored(network, IMAGES, "slimming", [fine, coarse])
    assert found["fine"].tolist() == list(range(16)) and found["coarse"].tolist() == list(range(16, 32))


def gated(network, channel, gate):
    """The loss when one of the concatenated channels is scaled where it is read."""
    scaled, scale = copy.deepcopy(network).double(), torch.ones(32, 1, 1, dtype=torch.float64)
    scale[channel] = gate
    scaled.norm.register_forward_hook(lambda module, inputs, output: output * scale)
    return nn.functional.cross_entropy(scaled.train()(IMAGES.double()), torch.arange(8)).item()


@pytest.mark.parametrize("name, first", [("fine", 0), ("coarse", 16)])
def test_a_gate_on_a_concatenated_channel_has_the_derivative_of_the_loss(name, first):
    network, step = Joined(), 1e-6
    found = scored(network, IMAGES, "3sp", labels=torch.arange(8))[name]
    for channel in (0, 7, 15):
        slope = gated(network, first + channel, 1 + step) - gated(network, first + channel, 1 - step)
        assert found[channel].item() == pytest.approx(abs(slope) / (2 * step), rel=1e-4, abs=1e-8)


class Single(nn.Module):
    """Its code fixes single precision."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(4, 6), nn.Linear(6, 3)

    def forward(self, rows):
        return self.last(self.first(rows.to(torch.float32)).relu())


@pytest.mark.parametrize("score", ["synflow", "synflow-iterative", "3sp-compute"])
def test_code_that_fixes_a_precision_is_scored_in_it(score):
    rows, choices = batch(5, 4), {"labels": torch.arange(5) % 3, "rounds": 3}
    network = Single()
    free = nn.Sequential(OrderedDict(first=network.first, act=nn.ReLU(), last=network.last))
    single, double = (scored(one, rows, score, **choices)["first"] for one in (network, free))
    assert torch.allclose(single.double(), double.double(), rtol=1e-4)


def test_multiplications_of_any_layer_are_those_of_torchs_counter():
    network = nn.Sequential(
        nn.Conv2d(1, 4, 3, stride=2), nn.ConvTranspose2d(4, 6, 3, stride=2), nn.Flatten(2), nn.Conv1d(6, 2, 5, groups=2)
    )
    assert costs.total(costs.layers(network, example=IMAGES)) == foreign.multiplications(network, IMAGES)


def test_channels_of_transposed_convolutions_are_pruned_by_their_own_filters():
    network = nn.Sequential(nn.ConvTranspose2d(1, 6, 3), nn.ReLU(), nn.ConvTranspose2d(6, 5, 3), nn.Conv2d(5, 2, 3))
    first, second = graph.trace(network, IMAGES).groups
    found = scored(network, IMAGES, "l1", [first, second])
    assert torch.allclose(found["0"], network[0].weight.abs().double().mean((0, 2, 3)))
    assert torch.allclose(found["2"], network[2].weight.abs().double().mean((0, 2, 3)))
    proxy = tuning.build_proxy(lambda: network, IMAGES, percentile=50, score="3sp-compute", labels=CORNERS)
    assert proxy.network(IMAGES).shape == network(IMAGES).shape


CORNERS = torch.zeros(8, 10, 10, dtype=torch.long)  # a class for every pixel


def test_a_score_that_needs_labels_says_so_and_an_unknown_one_lists_the_others():
    with pytest.raises(UserError, match="expected labels for the score '3sp'"):
        tuning.build_proxy(small, IMAGES, score="3sp")
    with pytest.raises(UserError, match="unknown score 'l3'"):
        tuning.build_proxy(small, IMAGES, score="l3")


def test_percentile_and_floor_hold_for_every_group():
    proxy = tuning.build_proxy(small, IMAGES, percentile=90, sigma=0.5)
    assert {name: kept for name, (_, kept) in proxy.kept.items()} == {"0": 6, "5": 10}
    assert proxy.multiplications < proxy.full_multiplications and proxy.parameters < proxy.full_parameters
    rounded = tuning.build_proxy(small, IMAGES, percentile=90, sigma=0.5, round_to=8)
    assert {name: kept for name, (_, kept) in rounded.kept.items()} == {"0": 8, "5": 16}


def test_spared_layers_and_those_of_the_output_stay_whole():
    proxy = tuning.build_proxy(small, IMAGES, percentile=90, spare=["0"])
    assert list(proxy.kept) == ["5"]
    assert proxy.whole == {"0": "0 is spared", "7": "makes the output"}


def test_percentile_zero_is_the_full_network():
    proxy = tuning.build_proxy(small, IMAGES, percentile=0)
    assert proxy.network is not proxy.full and proxy.multiplications == proxy.full_multiplications
    assert all(torch.equal(a, b) for a, b in zip(proxy.network.parameters(), proxy.full.parameters(), strict=True))


def test_weights_are_kept_or_drawn_anew():
    kept, fresh = (tuning.build_proxy(small, IMAGES, percentile=50, weights=weights) for weights in ("kept", "fresh"))
    again = tuning.build_proxy(small, IMAGES, percentile=50, weights="fresh")
    first = [proxy.network[0].weight for proxy in (kept, fresh, again)]
    assert first[0].shape == first[1].shape
    assert not torch.equal(first[0], first[1]) and torch.equal(first[1], first[2])


def test_a_seed_makes_the_network_and_nothing_of_the_caller_changes():
    shared = small()
    before = copy.deepcopy(shared.state_dict())
    torch.manual_seed(5), np.random.seed(5), random.seed(5)
    state = torch.get_rng_state()
    tuning.build_proxy(lambda: shared, IMAGES, percentile=50)
    drawn = (torch.rand(1).item(), np.random.rand(), random.random())
    torch.manual_seed(5), np.random.seed(5), random.seed(5)
    assert torch.equal(torch.get_rng_state(), state)
    assert (torch.rand(1).item(), np.random.rand(), random.random()) == drawn
    assert all(torch.equal(value, before[key]) for key, value in shared.state_dict().items()) and shared.training
    one, same, other = (foreign.make(small, seed)[0].weight for seed in (1, 1, 2))
    assert torch.equal(one, same) and not torch.equal(one, other)


class Branching(nn.Module):
    """Which layer it calls depends on its data."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.last = nn.Linear(4, 6), nn.Linear(4, 6), nn.Linear(6, 2)

    def forward(self, x):
        return self.last(self.first(x) if x.sum() > 1e9 else self.second(x))


class Detached(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(4, 6), nn.Linear(6, 2)

    def forward(self, x):
        return self.last(self.first(x)).detach()


class Ungraded(nn.Sequential):
    def __init__(self):
        super().__init__(nn.Linear(4, 6), nn.Linear(6, 2))

    @torch.no_grad()
    def forward(self, x):
        return super().forward(x)


class Fixed(nn.Module):
    """Relies on its number of channels."""

    def __init__(self):
        super().__init__()
        self.first, self.last = nn.Linear(4, 6), nn.Linear(6, 2)

    def forward(self, x):
        return self.last(self.first(x) + torch.zeros(6))


class Alternating:
    def __init__(self):
        self.width = 5

    def __call__(self):
        self.width += 1
        return nn.Sequential(nn.Linear(4, self.width), nn.Linear(self.width, 2))


def compiled():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.trace(nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 2)), batch(2, 4))


REFUSED = [
    (nn.Linear(4, 2), "got a Linear itself: pass `lambda"),
    (7, "expected a function without arguments that makes the network, got 7"),
    (lambda: [nn.Linear(4, 2)], "expected the factory to return a torch.nn.Module, got list"),
    (compiled, "TorchScript hides its layers"),
    (lambda: nn.Sequential(nn.Linear(5, 6), nn.Linear(6, 2)), "the network cannot read the example .RuntimeError"),
    (lambda: nn.Linear(4, 2), "there is nothing to prune in Linear: .* makes the output"),
    (Branching, "cannot trace Branching: its layer first was not called"),
    (Detached, "cannot trace Detached"),
    (Ungraded, "cannot trace Ungraded: its layer 0 is called, but .* leave out no_grad and detach"),
    (Fixed, "cannot prune Fixed: the narrow network fails on the example .*`spare`"),
    (Alternating(), "expected a factory that makes the same network whenever it is called"),
]


@pytest.mark.parametrize("factory, sentence", REFUSED, ids=range(len(REFUSED)))
def test_what_cannot_be_pruned_is_refused_in_one_sentence(factory, sentence):
    with pytest.raises(UserError, match=sentence) as refusal:
        tuning.build_proxy(factory, batch(4, 4), percentile=80)
    assert "\n" not in str(refusal.value)


def test_one_name_to_spare_is_one_layer():
    network = nn.Sequential(OrderedDict(first=nn.Linear(4, 8), middle=nn.Linear(8, 8), last=nn.Linear(8, 2)))
    proxy = tuning.build_proxy(lambda: network, batch(4, 4), percentile=50, spare="last")
    assert list(proxy.kept) == ["first"] and "last is spared" in proxy.whole["middle"]


def test_grouped_convolutions_stay_whole_and_alone_are_refused():
    grouped = nn.Sequential(nn.Conv2d(1, 8, 3), nn.Conv2d(8, 8, 3, groups=4), nn.Flatten(), nn.Linear(128, 2))
    with pytest.raises(UserError, match="nothing to prune in Sequential.*grouped convolution"):
        tuning.build_proxy(lambda: grouped, IMAGES)
    mixed = nn.Sequential(nn.Conv2d(1, 8, 1), nn.Conv2d(8, 8, 1, groups=4), nn.Conv2d(8, 8, 1), *small()[3:])
    mixed[-3] = nn.Linear(8 * 16, 20)
    proxy = tuning.build_proxy(lambda: mixed, IMAGES)
    assert list(proxy.kept) == ["2", "5"] and "grouped convolution (1)" in proxy.whole["0"]


def test_without_torch_pruning_the_extra_is_named(monkeypatch):
    monkeypatch.setattr(graph, "torch_pruning", None)
    with pytest.raises(UserError, match=r"pip install 'pruneproxy\[prune\]'"):
        tuning.build_proxy(small, IMAGES)
    network = ours("vgg16_bn", {"width": 0.05}, (3, 32, 32))
    assert tuning.build_proxy(lambda: network, batch(4, 3, 32, 32)).kept


@pytest.mark.parametrize(
    "wrong, sentence",
    [
        ({"percentile": 100}, "percentile of channels to remove in"),
        ({"sigma": 2}, "the least share of channels kept"),
        ({"round_to": 0}, "a multiple for numbers of channels"),
        ({"weights": "trained"}, "expected one of kept, fresh"),
        ({"spare": ["nowhere"]}, "expected names of layers to spare.*got 'nowhere'"),
    ],
)
def test_a_wrong_choice_is_refused(wrong, sentence):
    with pytest.raises(UserError, match=sentence):
        tuning.build_proxy(small, IMAGES, **wrong)


class Residual(nn.Module):
    """A hand-written block with two inputs, a concatenation and a frozen layer."""

    def __init__(self):
        super().__init__()
        self.left, self.right = nn.Linear(4, 8), nn.Linear(3, 8)
        self.inside, self.joined = nn.Linear(8, 8), nn.Linear(16, 10)
        self.last = nn.Linear(10, 2)
        self.left.weight.requires_grad_(False)

    def forward(self, left, right):
        a, b = self.left(left).relu(), self.right(right).relu()
        a = a + self.inside(a)
        return {"logits": self.last(self.joined(torch.cat([a, b], dim=1)).relu())}


@pytest.mark.parametrize("example", [(batch(6, 4), batch(6, 3)), {"left": batch(6, 4), "right": batch(6, 3)}])
def test_arguments_may_be_several_and_outputs_nested(example):
    proxy = tuning.build_proxy(Residual, example, percentile=60)
    assert set(proxy.kept) == {"left", "right", "joined"} and not proxy.network.left.weight.requires_grad
    assert proxy.network.joined.in_features == proxy.kept["left"][1] + proxy.kept["right"][1]
    assert examples.call(proxy.network, example)["logits"].shape == (6, 2)


class Joined(nn.Module):
    """Two convolutions, concatenated, normalised or not, pooled and flattened."""

    def __init__(self, normalised=True):
        super().__init__()
        self.norm = nn.BatchNorm2d(32) if normalised else nn.Identity()
        self.fine, self.coarse = nn.Conv2d(1, 16, 3, padding=1), nn.Conv2d(1, 16, 5, padding=2)
        self.hidden, self.out = nn.Linear(32 * 16, 64), nn.Linear(64, 10)

    def forward(self, x):
        x = torch.cat([self.fine(x), self.coarse(x)], dim=1)
        return self.out(self.hidden(nn.functional.max_pool2d(self.norm(x).relu(), 2).flatten(1)).relu())


@pytest.mark.parametrize("seed", range(5))
def test_any_channels_of_concatenated_and_flattened_layers_can_go(seed):
    network, chooser = Joined().eval(), random.Random(seed)
    traced = graph.trace(network, IMAGES)
    keep = {
        group.name: torch.tensor(sorted(chooser.sample(range(group.width), chooser.randint(1, group.width))))
        for group in traced.groups
    }
    masked = copy.deepcopy(network)
    with torch.no_grad():
        for name, kept in keep.items():
            layer = masked.get_submodule(name)
            gone = [channel for channel in range(len(layer.weight)) if channel not in kept.tolist()]
            layer.weight[gone], layer.bias[gone] = 0, 0
    assert set(keep) == {"fine", "coarse", "hidden"}
    assert torch.allclose(graph.cut(traced, keep).eval()(IMAGES), masked(IMAGES), atol=1e-5)


def test_channels_that_the_graph_cannot_tell_apart_stay_whole():
    proxy = tuning.build_proxy(lambda: Joined(normalised=False), IMAGES, percentile=60)
    assert list(proxy.kept) == ["hidden"]
    assert any("concatenated and flattened" in why for why in proxy.whole.values())
