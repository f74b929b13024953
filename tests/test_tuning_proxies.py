"""The proxy of a network: as our own pruning where both apply, refused in one sentence where it cannot be made."""

import copy
import random
import warnings
from collections import OrderedDict

import numpy as np
import pytest
import torch
from torch import nn

from pruneproxy import costs, models, tuning
from pruneproxy.errors import UserError
from pruneproxy.surgery import foreign, graph
from pruneproxy.tuning import proxy as proxies

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


@pytest.mark.parametrize("name, choices, shape", OURS, ids=lambda value: value if isinstance(value, str) else "")
def test_the_dependency_graph_finds_the_network_that_declared_groups_give(name, choices, shape):
    network, example = ours(name, choices, shape), batch(4, *shape)
    declared, kept, _ = proxies._by_groups(network, example, 60, 0.15, 1)
    traced, found, whole = proxies.by_graph(network, example, 60, 0.15)
    assert sorted(kept.values()) == sorted(found.values()) and list(whole) == ["fc"]
    expected, state = declared.state_dict(), traced.state_dict()
    assert {key: tuple(value.shape) for key, value in state.items()} == {
        key: tuple(value.shape) for key, value in expected.items()
    }
    assert all(torch.equal(value, state[key]) for key, value in expected.items())


@pytest.mark.parametrize("name, choices, shape", OURS[:3], ids=lambda value: value if isinstance(value, str) else "")
def test_multiplications_by_torchs_counter_are_ours(name, choices, shape):
    network = ours(name, choices, shape)
    assert foreign.multiplications(network, batch(4, *shape)) == costs.total(costs.layers(network))


def test_the_narrow_network_computes_what_the_full_one_does_with_its_channels_at_zero():
    network = small().eval()
    traced = graph.trace(network, IMAGES)
    scored = proxies.scores(network, traced.groups, IMAGES)
    keep = proxies._above(scored, 50, 0.1)
    with torch.no_grad():
        masked = copy.deepcopy(network)
        for name, norm in (("0", "1"), ("5", None)):
            gone = torch.ones(len(scored[name]), dtype=torch.bool)
            gone[keep[name]] = False
            for layer in filter(None, (name, norm)):
                masked.get_submodule(layer).weight[gone] = 0
                masked.get_submodule(layer).bias[gone] = 0
        narrow = graph.cut(traced, keep).eval()
        assert narrow[0].out_channels < 12 or narrow[5].out_features < 20
        assert torch.allclose(narrow(IMAGES), masked(IMAGES), atol=1e-6)


def test_scores_are_the_mean_of_gradient_times_weight_over_the_fan_in():
    network = nn.Sequential(nn.Linear(4, 6), nn.Linear(6, 3))
    rows = batch(5, 4, seed=2)
    [found] = proxies.scores(network, graph.trace(network, rows).groups, rows).values()
    # By hand: d(sum of outputs)/dW1[o, i] = sum_n x[n, i] * sum_c W2[c, o].
    gradient = network[1].weight.sum(0)[:, None] * rows.sum(0)[None]
    assert torch.allclose(found, (gradient * network[0].weight).abs().mean(1).double(), rtol=1e-5)


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
    assert foreign.call(proxy.network, example)["logits"].shape == (6, 2)


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
