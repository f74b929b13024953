import copy
import random

import pytest
import torch
from torch.nn import functional

from pruneproxy import costs, models, surgery
from pruneproxy.errors import UserError
from pruneproxy.surgery import PruneConfig

CASES = [
    ("resnet8", {"shortcut": "A"}),
    ("resnet14", {"shortcut": "B"}),
    ("resnet20", {"shortcut": "B-plain"}),
    ("resnet18", {"strides": "small"}),
    ("resnet34", {"strides": "small", "shortcut": "A"}),
    ("resnet50", {"strides": "small"}),
    ("mobilenet_v2", {"strides": "thesis"}),
    ("mobilenet_v2", {"strides": "hpo-code"}),
    ("vgg16_bn", {}),
    ("mlp", {}),
]


def network(name, options, seed, *, width=0.08):
    size = 32 if name.startswith("vgg") else 8
    config = models.ModelConfig(name=name, width=width, **options)
    model = models.build(
        config,
        shape=(random.Random(seed).choice((1, 3)), size, size),
        classes=5,
        generator=torch.Generator().manual_seed(seed),
    ).double()
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():  # statistics and scales away from 0 and 1, so that nothing is equal by chance
        for name, value in (*model.named_buffers(), *model.named_parameters()):
            if value.is_floating_point() and any(word in name for word in ("running", "bn", "bias")):
                value.copy_(torch.rand(value.shape, generator=generator, dtype=value.dtype) + 0.5)
    return model


def random_keep(model, seed):
    chooser = random.Random(seed)
    groups = [group for group in model.groups() if chooser.random() < 0.7] or list(model.groups())[:1]
    return {
        group.name: torch.tensor(sorted(chooser.sample(range(group.width), chooser.randint(1, group.width))))
        for group in groups
    }


def loss_gradients(model, inputs):
    model.zero_grad()
    logits = model(inputs)
    functional.cross_entropy(logits, torch.arange(len(inputs)) % model.classes).backward()
    return logits.detach(), {name: value.grad for name, value in model.named_parameters()}


@pytest.mark.parametrize("case", range(200))
def test_narrow_and_masked_networks_have_equal_outputs_and_gradients(case):
    name, options = CASES[case % len(CASES)]
    model = network(name, options, case)
    keep = random_keep(model, case)
    inputs = torch.randn(3, *model.shape, generator=torch.Generator().manual_seed(case), dtype=torch.float64)
    narrow, masked = surgery.narrow(model, keep), surgery.masked(model, keep)
    for mode in (True, False):
        expected, wide = loss_gradients(masked.train(mode), inputs)
        found, slim = loss_gradients(narrow.train(mode), inputs)
        assert torch.allclose(found, expected, atol=1e-8, rtol=1e-6)
        for name, value in surgery.narrow_tensors(masked, wide, keep).items():
            assert torch.allclose(slim[name], value, atol=1e-8, rtol=1e-6), name


@pytest.mark.parametrize("allocation", ["uniform", "global"])
@pytest.mark.parametrize(
    "name,shape,target",
    [
        ("resnet56", (3, 32, 32), 0.6),
        ("resnet56", (3, 32, 32), 0.2),
        ("mobilenet_v2", (3, 32, 32), 0.6),
        ("mobilenet_v2", (3, 32, 32), 0.4),
        ("resnet50", (3, 224, 224), 0.4),
    ],
)
def test_the_target_is_hit_within_one_channel_of_the_coarsest_group(allocation, name, shape, target):
    model = models.build(
        models.ModelConfig(name=name), shape=shape, classes=10, generator=torch.Generator().manual_seed(0)
    )
    dense = costs.layers(model)
    full = costs.total(dense)
    keep = surgery.choose_channels(model, PruneConfig(target=target, allocation=allocation))
    with torch.device("meta"):
        small = models.build(
            models.with_widths(model, {group: len(index) for group, index in keep.items()}), shape=shape, classes=10
        )
    coarsest = max(
        full - costs.total(costs.narrowed(dense, model.groups(), {group.name: group.width - 1}))
        for group in surgery.prunable(model)
    )
    assert abs(costs.total(costs.layers(small)) - target * full) <= coarsest / 2 + 1
    assert min(len(index) for index in keep.values()) >= 1
    spared = {group.name for group in model.groups() if group.kind != "inner"}
    assert not spared & set(keep)


def test_a_narrow_network_saves_and_loads_as_usual():
    model = network("resnet14", {"shortcut": "A"}, 3)
    narrow = surgery.narrow(model, random_keep(model, 3))
    again = models.build(narrow.config, shape=narrow.shape, classes=narrow.classes).double()
    again.load_state_dict(narrow.state_dict())
    inputs = torch.randn(2, *model.shape, dtype=torch.float64)
    assert type(again) is type(model)
    assert torch.equal(again.eval()(inputs), narrow.eval()(inputs))


def test_surgery_leaves_the_network_unchanged():
    model = network("mobilenet_v2", {}, 5)
    before = copy.deepcopy(model.state_dict())
    keep = surgery.choose_channels(model, PruneConfig(target=0.5, allocation="global"))
    surgery.narrow(model, keep), surgery.masked(model, keep)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


def test_keeping_everything_changes_nothing():
    model = network("resnet8", {"shortcut": "A"}, 7).eval()
    inputs = torch.randn(2, *model.shape, dtype=torch.float64)
    keep = {group.name: torch.arange(group.width) for group in model.groups()}
    assert torch.equal(surgery.narrow(model, keep)(inputs), model(inputs))
    assert torch.equal(surgery.masked(model, keep)(inputs), model(inputs))


@pytest.mark.parametrize(
    "wrong,expected",
    [
        ({"target": 0}, "a share of the multiplications in"),
        ({"target": 1.2}, "got 1.2"),
        ({"target": 0.5, "floor": 0}, "at least 1 so that no layer is emptied"),
        ({"target": 0.5, "allocation": "layerwise"}, "expected one of uniform, global"),
        ({"target": 0.5, "score": "l7"}, "expected one of l1"),
        ({"target": 0.5, "scope": "outer"}, "expected one of inner, all"),
    ],
)
def test_a_wrong_pruning_configuration_is_refused(wrong, expected):
    with pytest.raises(UserError, match=expected):
        PruneConfig(**wrong)


def test_a_network_without_blocks_is_refused_inside_blocks():
    with pytest.raises(UserError, match="scope='all'"):
        surgery.choose_channels(network("mlp", {}, 0), PruneConfig(target=0.5))


def test_a_target_below_the_floor_is_refused():
    with pytest.raises(UserError, match="raise the target or lower the floor"):
        surgery.choose_channels(network("resnet8", {"shortcut": "A"}, 0), PruneConfig(target=0.01))
