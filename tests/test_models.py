"""Networks: built from widths, equal to the published ones, with errors that say what to do."""

import copy
import itertools
import pickle
from dataclasses import FrozenInstanceError, replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F
import torchvision
from torch import nn

from pruneproxy import costs
from pruneproxy.errors import UserError
from pruneproxy.models import (
    MODELS,
    WIDTHS_ROUNDED,
    Dropout,
    MLPSizes,
    ModelConfig,
    build,
    listings,
    mlp_widths,
    slots_of,
    smallest_size,
    with_widths,
)

OPTIONS = [
    ModelConfig(name=name, shortcut=shortcut, strides=strides)
    for name, plan in MODELS.items()
    for shortcut in plan.shortcuts or ("default",)
    for strides in (plan.strides if len(plan.strides) > 1 else ("default",))
]


def label(config):
    return "-".join((config.name, config.shortcut, config.strides))


def seeded(seed=0):
    return torch.Generator().manual_seed(seed)


def images(*shape, seed=1):
    return torch.randn(*shape, generator=seeded(seed))


def slim(config, *, channels=3, classes=10, seed=0):
    """A narrow network on the smallest images that it reads."""
    size = max(smallest_size(config), 4)
    return build(replace(config, width=0.1), shape=(channels, size, size), classes=classes, generator=seeded(seed))


def with_random_statistics(model):
    """Batch normalisations that do something, as after training."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight, module.running_var):
                nn.init.uniform_(tensor, 0.5, 1.5, generator=seeded(tensor.numel()))
            for tensor in (module.bias, module.running_mean):
                nn.init.normal_(tensor, generator=seeded(tensor.numel()))
    return model.eval()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("config", OPTIONS, ids=label)
def test_every_network_trains_on_the_smallest_images_that_it_reads(config, channels):
    model = slim(config, channels=channels, classes=7)
    logits = model(images(3, *model.shape))
    logits.square().mean().backward()
    assert logits.shape == (3, 7)
    assert all(parameter.grad is not None and parameter.grad.isfinite().all() for parameter in model.parameters())


@pytest.mark.parametrize("config", OPTIONS, ids=label)
def test_every_network_builds_on_the_meta_device_with_the_same_state(config):
    with torch.device("meta"):
        shell = build(replace(config, width=0.1), shape=(3, 32, 32), classes=10)
    real = build(replace(config, width=0.1), shape=(3, 32, 32), classes=10)
    assert {name: value.shape for name, value in shell.state_dict().items()} == {
        name: value.shape for name, value in real.state_dict().items()
    }
    assert all(value.is_meta for value in shell.state_dict().values())


@pytest.mark.parametrize("config", OPTIONS, ids=label)
def test_a_network_rebuilt_from_its_own_config_takes_its_state(config):
    model = slim(config).eval()
    twin = build(model.config, shape=model.shape, classes=model.classes).eval()
    twin.load_state_dict(model.state_dict())
    x = images(2, *model.shape)
    assert twin.config == model.config
    assert torch.equal(twin(x), model(x))
    assert torch.equal(copy.deepcopy(model)(x), model(x))
    assert torch.equal(pickle.loads(pickle.dumps(model))(x), model(x))


@pytest.mark.parametrize("name", MODELS)
def test_a_seed_gives_the_same_weights_and_leaves_the_global_random_state_alone(name):
    before = torch.get_rng_state()
    first, again, other = (slim(ModelConfig(name=name), seed=seed) for seed in (3, 3, 4))
    assert torch.equal(torch.get_rng_state(), before)
    assert all(torch.equal(a, b) for a, b in zip(first.parameters(), again.parameters(), strict=True))
    assert not torch.equal(first.fc.weight, other.fc.weight)


def test_without_a_generator_the_global_seed_decides():
    torch.manual_seed(5)
    first, second = (build(ModelConfig(), shape=(1, 8, 8), classes=10).fc.weight for _ in range(2))
    torch.manual_seed(5)
    again = build(ModelConfig(), shape=(1, 8, 8), classes=10).fc.weight
    assert torch.equal(again, first)
    assert not torch.equal(again, second)


@pytest.mark.parametrize("name", ["resnet20", "mobilenet_v2", "vgg16_bn", "mlp"])
def test_weights_have_the_variance_of_he_initialisation(name):
    model = build(ModelConfig(name=name), shape=(3, 32, 32), classes=10, generator=seeded())
    for module in model.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            fan_in, _ = nn.init._calculate_fan_in_and_fan_out(module.weight)
            tolerance = 5 / module.weight.numel() ** 0.5  # more than seven standard errors of a standard deviation
            assert module.weight.std().item() == pytest.approx((2 / fan_in) ** 0.5, rel=tolerance)
            assert module.bias is None or not module.bias.any()


@pytest.mark.parametrize("name", ["resnet18", "resnet34", "resnet50"])
def test_resnets_equal_torchvisions_with_its_state_dict(name):
    reference = with_random_statistics(getattr(torchvision.models, name)(num_classes=5))
    model = build(ModelConfig(name=name), shape=(3, 64, 64), classes=5).eval()
    model.load_state_dict(reference.state_dict())
    x = images(2, 3, 64, 64)
    torch.testing.assert_close(model(x), reference(x))


def test_mobilenet_equals_torchvisions_with_its_weights_in_order():
    reference = with_random_statistics(torchvision.models.mobilenet_v2(num_classes=5))
    model = build(ModelConfig(name="mobilenet_v2", strides="imagenet"), shape=(3, 64, 64), classes=5).eval()
    model.load_state_dict(dict(zip(model.state_dict(), reference.state_dict().values(), strict=True)))
    x = images(2, 3, 64, 64)
    torch.testing.assert_close(model(x), reference(x))


@pytest.mark.parametrize("name", ["vgg16_bn", "vgg19_bn"])
def test_vggs_equal_torchvisions_features_with_their_weights_in_order(name):
    reference = with_random_statistics(getattr(torchvision.models, name)(num_classes=5).features)
    convolutions = [module for module in reference if isinstance(module, nn.Conv2d)]
    for convolution in convolutions:
        nn.init.zeros_(convolution.bias)
    skipped = {id(convolution.bias) for convolution in convolutions}
    values = [value for value in reference.state_dict(keep_vars=True).values() if id(value) not in skipped]
    model = build(ModelConfig(name=name), shape=(3, 32, 32), classes=5).eval()
    model.load_state_dict(dict(zip(list(model.state_dict())[:-2], values, strict=True)), strict=False)
    x = images(2, 3, 32, 32)
    torch.testing.assert_close(model(x), model.fc(reference(x).flatten(1)))


@pytest.mark.parametrize("shortcut", ["A", "B", "B-plain"])
def test_cifar_resnets_equal_the_formulae_of_the_paper(shortcut):
    config = ModelConfig(name="resnet14", shortcut=shortcut)
    model = with_random_statistics(build(config, shape=(3, 32, 32), classes=10))
    state = model.state_dict()

    def normalise(x, name):
        return F.batch_norm(x, *(state[f"{name}.{part}"] for part in ("running_mean", "running_var", "weight", "bias")))

    x = z = images(2, 3, 32, 32)
    z = normalise(F.conv2d(z, state["conv1.weight"], padding=1), "bn1").relu()
    for stage in (1, 2, 3):
        for block in (0, 1):
            at, stride = f"layer{stage}.{block}", 2 if stage > 1 and block == 0 else 1
            y = normalise(F.conv2d(z, state[f"{at}.conv1.weight"], stride=stride, padding=1), f"{at}.bn1").relu()
            y = normalise(F.conv2d(y, state[f"{at}.conv2.weight"], padding=1), f"{at}.bn2")
            if stride == 2 and shortcut == "A":
                quarter = y.shape[1] // 4
                z = F.pad(z[:, :, ::2, ::2], (0, 0, 0, 0, quarter, quarter))
            elif stride == 2:
                z = F.conv2d(z, state[f"{at}.downsample.0.weight"], stride=2)
                z = z if shortcut == "B-plain" else normalise(z, f"{at}.downsample.1")
            z = (y + z).relu()
    expected = z.mean((2, 3)) @ state["fc.weight"].T + state["fc.bias"]
    torch.testing.assert_close(model(x), expected)


@pytest.mark.parametrize("config", OPTIONS, ids=label)
def test_channels_last_stays_until_the_pooling(config):
    model = slim(config).to(memory_format=torch.channels_last).eval()
    formats = []
    for module in model.modules():
        if isinstance(module, nn.Conv2d):
            module.register_forward_hook(
                lambda _, inputs, output: formats.append(inputs[0].is_contiguous(memory_format=torch.channels_last))
            )
    model(images(2, *model.shape).to(memory_format=torch.channels_last))
    assert all(formats)


@pytest.mark.parametrize("name", MODELS)
def test_a_width_multiplier_scales_every_published_width(name):
    full, half, thinnest = (slots_of(ModelConfig(name=name, width=width)) for width in (1, 0.5, 1e-9))
    assert [slot.width for slot in half] == [round(slot.width / 2) for slot in full]
    assert {slot.width for slot in thinnest} == {1}


def test_explicit_widths_are_taken_as_they_are():
    config = ModelConfig(name="resnet8", widths=[3, 4, 5, 6, 7, 8], width=0.5)
    model = build(config, shape=(1, 8, 8), classes=3)
    assert model.config == config and config.widths == (3, 4, 5, 6, 7, 8)
    assert [group.width for group in model.groups()] == [3, 4, 5, 6, 7, 8]
    assert model.layer3[0].conv1.weight.shape == (8, 5, 3, 3)
    assert model(images(2, 1, 8, 8)).shape == (2, 3)


def test_an_mlp_takes_any_number_of_hidden_layers_and_tabular_inputs():
    model = build(ModelConfig(name="mlp", widths=(9, 4)), shape=(6,), classes=3)
    assert [tuple(weight.shape) for weight in model.parameters() if weight.dim() == 2] == [(9, 6), (4, 9), (3, 4)]
    assert model(images(5, 6)).shape == (5, 3)


def test_an_mlp_of_three_sizes_has_the_widths_of_figure_4_1_of_002():
    assert mlp_widths(8, first=100, middle=40, last=80) == (100, 80, 60, 40, 50, 60, 70, 80)
    assert mlp_widths(1, first=7) == (7,) and mlp_widths(2, first=7, last=3, middle=99) == (7, 3)
    assert mlp_widths(3, first=1000, middle=1000, last=1000) == (1000,) * 3
    assert mlp_widths(5, first=10, middle=30, last=10) == (10, 20, 30, 20, 10)


def test_roundings_of_widths_differ_where_a_layer_has_half_a_neuron():
    sizes = {"first": 10, "middle": 5, "last": 5}
    assert mlp_widths(5, **sizes) == (10, 8, 5, 5, 5) == mlp_widths(5, **sizes, rounded="half-up")
    sizes = {"first": 1, "middle": 4, "last": 4}
    assert mlp_widths(5, **sizes) == (1, 2, 4, 4, 4)
    assert mlp_widths(5, **sizes, rounded="half-up") == (1, 3, 4, 4, 4)


@pytest.mark.parametrize("rounded", WIDTHS_ROUNDED)
@pytest.mark.parametrize("layers", range(1, 11))
def test_widths_lie_between_the_sizes_that_are_given(layers, rounded):
    for sizes in itertools.product((1, 7, 1000), repeat=3):
        first, middle, last = sizes
        found = mlp_widths(layers, first=first, middle=middle, last=last, rounded=rounded)
        line = np.interp(range(layers), (0, (layers + 1) // 2 - 1, layers - 1), sizes) if layers > 2 else found
        assert len(found) == layers and found[0] == first and all(type(width) is int for width in found)
        assert layers == 1 or found[-1] == last
        assert np.abs(np.array(found) - line).max() <= 0.5 + 1e-9


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"layers": 0, "first": 3}, "a whole number of at least 1 hidden layers, got 0"),
        ({"layers": 2, "first": 3}, "the last of 2 hidden layers as a whole number of at least 1, got None"),
        ({"layers": 3, "first": 3, "last": 3, "middle": 0}, "the middle of 3 hidden layers .*, got 0"),
        (
            {"layers": 1, "first": 3, "rounded": "up"},
            "unknown rounding of widths 'up'.*: expected one of code, half-up",
        ),
    ],
)
def test_wrong_sizes_of_an_mlp_are_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        mlp_widths(**arguments)


@pytest.mark.parametrize("layers", range(1, 12))
def test_an_mlp_is_built_from_its_sizes(layers):
    sizes = {"first": 30, "middle": 5, "last": 20}
    config = ModelConfig(name="mlp", sizes=MLPSizes(layers=layers, **sizes))
    model, widths = build(config, shape=(1, 4, 4), classes=3), mlp_widths(layers, **sizes)
    assert tuple(slot.width for slot in slots_of(config)) == widths == model.config.widths
    assert [layer.out_features for layer in model.modules() if isinstance(layer, nn.Linear)] == [*widths, 3]
    chain = (16, *widths, 3)
    assert costs.total(costs.layers(model)) == sum(a * b for a, b in itertools.pairwise(chain))
    assert with_widths(model, {"hidden1": 4}).widths == (4, *widths[1:])


@pytest.mark.parametrize(
    "words,message",
    [
        ({"name": "resnet8"}, "resnet8 has no hidden layers to size"),
        ({"name": "mlp", "widths": (3,)}, "either sizes or widths of an mlp, got both"),
    ],
)
def test_sizes_belong_to_an_mlp_without_widths(words, message):
    with pytest.raises(UserError, match=message):
        ModelConfig(sizes=MLPSizes(layers=2), **words)
    with pytest.raises(UserError, match="at least 1 hidden layers, got 0"):
        MLPSizes(layers=0)


def test_the_resnet_of_stages_is_the_published_one_at_its_published_blocks():
    for name, blocks in (("resnet8", (1, 1, 1)), ("resnet20", (3, 3, 3))):
        staged = slim(ModelConfig(name="resnet_stages", blocks=blocks))
        published = slim(ModelConfig(name=name))
        x = images(2, *published.shape)
        assert torch.equal(staged(x), published(x))
        assert [group.name for group in staged.groups()] == [group.name for group in published.groups()]


def test_the_resnet_of_stages_takes_any_number_of_blocks():
    model = slim(ModelConfig(name="resnet_stages", blocks=[1, 4, 2], shortcut="B"))
    assert [len(model.get_submodule(f"layer{stage}")) for stage in (1, 2, 3)] == [1, 4, 2]
    assert with_widths(model, {"layer1": 3}).blocks == (1, 4, 2)
    assert build(ModelConfig(name="resnet_stages"), shape=(3, 8, 8), classes=10).layer1[1].depth == 2


def test_blocks_that_start_at_zero_start_as_their_shortcuts():
    zero = slim(ModelConfig(name="resnet_stages", shortcut="B", zero_last_scale=True))
    x = images(2, 2, 4, 4).relu()
    assert torch.equal(zero.layer1[0](x), x) and not zero.layer2[0].bn2.weight.any()
    assert zero.layer2[0].bn1.weight.all() and zero.layer2[0].downsample[1].weight.all()


@pytest.mark.parametrize(("placed", "loses_logits"), [("text", False), ("code", True)])
def test_dropout_spares_the_logits_unless_placed_as_in_the_released_code(placed, loses_logits):
    model = slim(ModelConfig(name="mlp", dropout=0.5, dropout_placed=placed))
    x = images(40, *model.shape)
    assert bool((model(x) == 0).any()) == loses_logits
    plain = slim(ModelConfig(name="mlp")).eval()
    assert torch.equal(model.eval()(x), plain(x))


def test_dropout_removes_its_share_and_keeps_the_mean():
    drop, x = Dropout(0.3), torch.ones(400, 500)
    drop.generator = seeded()
    y = drop(x)
    assert sorted(set(y.flatten().tolist())) == pytest.approx([0, 1 / 0.7])
    assert (y == 0).float().mean().item() == pytest.approx(0.3, abs=0.01)  # nine standard errors
    assert torch.equal(drop.eval()(x), x)


def test_with_widths_changes_only_the_groups_that_it_names():
    model = build(ModelConfig(name="resnet8"), shape=(1, 8, 8), classes=3)
    assert with_widths(model, {"layer2.0.conv1": 5}).widths == (16, 16, 32, 5, 64, 64)
    assert model.config.widths == (16, 16, 32, 32, 64, 64)
    with pytest.raises(UserError, match="no group 'layer9': expected some of layer1, layer1.0.conv1"):
        with_widths(model, {"layer9": 5})


def test_listings_name_every_network_with_its_published_size():
    found = {listing.name: listing for listing in listings()}
    assert list(found) == list(MODELS)
    for name in ("resnet18", "resnet34", "resnet50"):
        weights = torchvision.models.get_model_weights(name).DEFAULT
        assert found[name].parameters == weights.meta["num_params"]
        assert found[name].multiplications / 1e9 == pytest.approx(weights.meta["_ops"], abs=5e-4)


@pytest.mark.parametrize("name", MODELS)
def test_an_image_one_pixel_too_small_is_refused_with_the_smallest_size(name):
    config = ModelConfig(name=name, width=0.1)
    size = smallest_size(config)
    if name == "mlp":
        assert size == 1
        return
    with pytest.raises(UserError, match=f"needs images of at least {size} pixels a side, got {size}x{size - 1}"):
        build(config, shape=(3, size, size - 1), classes=10)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "resnet57"}, r"unknown model 'resnet57' \(did you mean 'resnet56'\?\): expected one of resnet8, "),
        ({"shortcut": "C"}, "unknown shortcut of resnet20 'C'.*: expected one of default, A, B, B-plain"),
        ({"name": "vgg16_bn", "shortcut": "A"}, "vgg16_bn has no choice of shortcut: leave shortcut at 'default'"),
        ({"name": "mobilenet_v2", "strides": "small"}, "unknown strides .* of default, thesis, hpo-code, imagenet"),
        ({"width": 0}, "width must be a positive factor of the published widths, .*, got 0"),
        ({"widths": (1, 2)}, "resnet20 has 12 groups of channels, got 2 widths: give one width per group"),
        ({"widths": (4,) * 11 + (0,)}, "widths must be whole numbers of at least 1 and at most 1,000,000, got"),
        ({"name": "mlp", "widths": ()}, "widths must be whole numbers of at least 1 and at most 1,000,000, got"),
        ({"name": "mlp", "widths": (2.5,)}, "widths must be whole numbers of at least 1 and at most 1,000,000, got"),
        ({"name": "resnet20", "blocks": (1, 1, 1)}, "resnet20 has no choice of blocks: .* or take resnet_stages"),
        ({"name": "resnet_stages", "blocks": (1, 1)}, r"blocks must be 3 whole numbers of at least 1 .*, got \(1, 1\)"),
        ({"name": "resnet_stages", "blocks": (1, 0, 1)}, "blocks must be 3 whole numbers of at least 1 .*, got"),
        ({"name": "vgg16_bn", "zero_last_scale": True}, "expected a ResNet for zero_last_scale, got vgg16_bn"),
        ({"name": "resnet20", "dropout": 0.3}, "resnet20 has no dropout: leave dropout at 0 or take an mlp"),
        ({"name": "mlp", "dropout": 1.0}, r"dropout must be a share of the activations in \[0, 1\), got 1.0"),
        ({"name": "mlp", "dropout_placed": "first"}, "unknown place of dropout 'first'.*: expected one of text, code"),
    ],
)
def test_a_wrong_configuration_is_refused_in_one_sentence(settings, message):
    with pytest.raises(UserError, match=message):
        ModelConfig(**settings)


def test_a_wrong_input_or_number_of_classes_is_refused():
    with pytest.raises(UserError, match=r"reads images of shape \(channels, height, width\), got \(8,\): use an mlp"):
        build(ModelConfig(), shape=(8,), classes=10)
    with pytest.raises(UserError, match="expected at least 2 classes, got 1"):
        build(ModelConfig(), shape=(3, 8, 8), classes=1)


def test_a_configuration_cannot_be_changed_in_place():
    with pytest.raises(FrozenInstanceError):
        ModelConfig().name = "resnet8"
