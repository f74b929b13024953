"""Groups: which layers share which channels, against Torch-Pruning's dependency graph and by brute force."""

import pytest
import torch
import torch_pruning
from test_models import OPTIONS, images, label, seeded, slim, with_random_statistics
from torch import nn

from pruneproxy.models import KINDS, MODELS, ModelConfig, build, masked_shortcuts, narrow_shortcuts, with_widths
from pruneproxy.models.shortcuts import PaddedShortcut

LAYERS = (nn.Conv2d, nn.Linear, nn.BatchNorm2d)


def random_keep(model, *, seed=0):
    """About half of the channels of every group, at least one, sorted."""
    generator = seeded(seed)
    return {
        group.name: torch.randperm(group.width, generator=generator)[: (group.width + 1) // 2].sort().values
        for group in model.groups()
    }


def narrowed(model, keep):
    """The narrow network, cut with nothing but what the groups say."""
    state = model.state_dict()
    for group in model.groups():
        kept = keep[group.name]
        for key in [
            f"{name}.{part}" for name in group.producers for part in ("weight", "bias", "running_mean", "running_var")
        ]:
            if key in state:
                state[key] = state[key][kept]
        for key in [f"{name}.weight" for name in group.consumers]:
            repeated = state[key].unflatten(1, (group.width, -1))
            state[key] = repeated[:, kept].flatten(1, 2)
    config = with_widths(model, {name: len(kept) for name, kept in keep.items()})
    small = build(config, shape=model.shape, classes=model.classes)
    small.load_state_dict(state | narrow_shortcuts(model, keep))
    return small.eval()


def masked(model, keep):
    """The same function at full width: consumers do not see removed channels, and shortcuts do not carry them."""
    state = {name: value.clone() for name, value in model.state_dict().items()}
    for group in model.groups():
        gone = torch.ones(group.width, dtype=torch.bool)
        gone[keep[group.name]] = False
        for name in group.consumers:
            state[f"{name}.weight"].unflatten(1, (group.width, -1))[:, gone] = 0
    twin = build(model.config, shape=model.shape, classes=model.classes)
    twin.load_state_dict(state | masked_shortcuts(model, keep))
    return twin.eval()


@pytest.mark.parametrize("config", OPTIONS, ids=label)
def test_every_layer_has_one_connection_and_its_widths_are_those_of_its_groups(config):
    model = slim(config)
    layers = {name: module for name, module in model.named_modules() if isinstance(module, LAYERS)}
    padded = [one.module for one in model.padded_shortcuts()]
    assert sorted(one.module for one in model.connections()) == sorted([*layers, *padded])
    for group in model.groups():
        assert group.kind in KINDS and group.producers and group.consumers
        assert all(layers[name].weight.shape[0] == group.width for name in group.producers)
        assert all(layers[name].weight.shape[1] % group.width == 0 for name in group.consumers)


TRACEABLE = [config for config in OPTIONS if config.shortcut != "A"]  # Torch-Pruning cannot follow option A's gather


@pytest.mark.parametrize("config", TRACEABLE, ids=label)
def test_groups_equal_the_dependency_graph_of_torch_pruning(config):
    model = slim(config)
    graph = torch_pruning.DependencyGraph().build_dependency(model, example_inputs=images(2, *model.shape))
    names = {module: name for name, module in model.named_modules()}
    for group in model.groups():
        first = model.get_submodule(group.producers[0])
        cut = (
            torch_pruning.prune_conv_out_channels
            if isinstance(first, nn.Conv2d)
            else torch_pruning.prune_linear_out_channels
        )
        producers, consumers = set(), set()
        for dependency, _ in graph.get_pruning_group(first, cut, idxs=[0]):
            side = producers if graph.is_out_channel_pruning_fn(dependency.handler) else consumers
            side.add(names.get(dependency.target.module))
        assert producers - {None} == set(group.producers)
        assert consumers - {None} == set(group.consumers)


@pytest.mark.parametrize("config", OPTIONS, ids=label)
def test_a_network_cut_in_every_group_equals_the_masked_one(config):
    model = with_random_statistics(slim(config))
    keep = random_keep(model)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    x = images(2, *model.shape)
    torch.testing.assert_close(narrowed(model, keep)(x), masked(model, keep)(x), rtol=1e-4, atol=1e-5)
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize(("inputs", "outputs"), [(4, 8), (16, 32), (5, 9), (6, 6), (7, 3), (1, 5)])
@pytest.mark.parametrize("seed", range(4))
def test_a_cut_padded_shortcut_equals_the_full_one_on_masked_channels(inputs, outputs, seed):
    generator = seeded(seed)
    full = PaddedShortcut(inputs, outputs, stride=2)
    sizes = [int(torch.randint(1, count + 1, (), generator=generator)) for count in (inputs, outputs)]
    kept = [
        torch.randperm(count, generator=generator)[:size].sort().values
        for count, size in zip((inputs, outputs), sizes, strict=True)
    ]
    x = torch.randn(2, inputs, 5, 4, generator=generator)
    alive = torch.zeros(inputs)
    alive[kept[0]] = 1
    expected = full(x * alive[:, None, None])

    small = PaddedShortcut(len(kept[0]), len(kept[1]), stride=2)
    small.source = full.narrowed_source(*kept)
    assert torch.equal(small(x[:, kept[0]]), expected[:, kept[1]])

    wide = PaddedShortcut(inputs, outputs, stride=2)
    wide.source = full.masked_source(*kept)
    gone = torch.ones(outputs, dtype=torch.bool)
    gone[kept[1]] = False
    assert torch.equal(wide(x)[:, kept[1]], expected[:, kept[1]])
    assert not wide(x)[:, gone].any()


def test_a_cut_shortcut_can_be_cut_again():
    full = PaddedShortcut(4, 8, stride=2)
    first = full.narrowed_source(torch.tensor([0, 2, 3]), torch.tensor([0, 2, 3, 4, 5]))
    assert full.source.tolist() == [-1, -1, 0, 1, 2, 3, -1, -1]
    assert first.tolist() == [-1, 0, -1, 1, 2]
    small = PaddedShortcut(3, 5, stride=2)
    small.source = first
    assert small.narrowed_source(torch.tensor([1]), torch.tensor([1, 3])).tolist() == [-1, 0]


def test_groups_that_are_not_named_keep_all_channels():
    model = build(ModelConfig(name="resnet8"), shape=(1, 8, 8), classes=3)
    for entries in (narrow_shortcuts(model, {}), masked_shortcuts(model, {})):
        assert list(entries) == ["layer2.0.downsample.source", "layer3.0.downsample.source"]
        assert all(torch.equal(value, model.state_dict()[name]) for name, value in entries.items())


@pytest.mark.parametrize("name", MODELS)
def test_only_channels_inside_blocks_are_inner(name):
    model = slim(ModelConfig(name=name))
    kinds = [group.kind for group in model.groups()]
    plan = MODELS[name]
    expected = {"resnet50": 2 * 16, "mobilenet_v2": 16}.get(name, sum(getattr(plan, "blocks", ())))
    assert kinds.count("inner") == expected
    inner = [group for group in model.groups() if group.kind == "inner"]
    assert all(len(group.consumers) == 1 for group in inner)
    assert not any("fc" in group.consumers for group in inner)
