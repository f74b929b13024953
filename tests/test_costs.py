"""Costs: equal to torch's counter, to an instrumented forward and to the published numbers."""

import pytest
import torch
import torch.nn.functional as F
from test_models import OPTIONS, images, label, seeded, slim
from torch import nn
from torch.overrides import TorchFunctionMode
from torch.utils.flop_counter import FlopCounterMode

from pruneproxy import costs
from pruneproxy.errors import UserError
from pruneproxy.models import MODELS, ModelConfig, build, with_widths
from pruneproxy.published import read as read_published


class Instrument(TorchFunctionMode):
    """Counts products in the calls that a real forward makes: patches times filters, rows times columns."""

    def __init__(self):
        super().__init__()
        self.products = 0

    def __torch_function__(self, function, types, args=(), kwargs=None):
        if function is F.linear:
            rows, weight = args[0].flatten(0, -2), args[1]
            self.products += sum(len(row) * len(weight) for row in rows)
        elif function is torch.conv2d:
            x, weight, _, stride, padding, dilation, groups = args
            patches = F.unfold(x[:, : x.shape[1] // groups], weight.shape[-2:], dilation, padding, stride)
            self.products += patches.numel() * len(weight)
        return function(*args, **(kwargs or {}))


def published(name, **options):
    """A network at its published size, without any memory behind its weights."""
    plan = MODELS[name]
    with torch.device("meta"):
        return build(ModelConfig(name=name, **options), shape=plan.shape, classes=plan.classes)


def of(model, convention="multiplications"):
    return costs.total(costs.layers(model), convention=convention)


@pytest.mark.parametrize("config", OPTIONS, ids=label)
def test_multiplications_equal_torchs_flop_counter_and_parameters_the_models_own(config):
    model = published(config.name, shortcut=config.shortcut, strides=config.strides)
    with FlopCounterMode(display=False) as counter:
        model.eval()(torch.zeros(1, *model.shape, device="meta"))
    layers = costs.layers(model)
    assert costs.total(layers) == counter.get_total_flops() // 2
    assert costs.total(layers, convention="flops") == counter.get_total_flops()
    assert sum(layer.parameters for layer in layers) == costs.parameters(model)


@pytest.mark.parametrize("config", OPTIONS, ids=label)
def test_multiplications_equal_an_instrumented_forward(config):
    model = slim(config).eval()
    with torch.no_grad(), Instrument() as instrument:
        model(images(1, *model.shape))
    assert of(model) == instrument.products > 0


@pytest.mark.parametrize(
    ("name", "parameters", "flops"),
    [("resnet56", "0.85", "2.5e+08"), ("mobilenet_v2", "2.24", "5.9e+08"), ("resnet50", "25.56", "8.2e+09")],
)
def test_parameters_and_flops_agree_with_table_3_2_of_the_thesis(name, parameters, flops):
    """All printed digits (0.85, 2.2 and 25.6 million) but MobileNetV2's FLOPs, printed as 6.1e8: the next test."""
    model = published(name)
    assert f"{costs.parameters(model) / 1e6:.2f}" == parameters
    assert f"{of(model, 'flops'):.1e}" == flops


@pytest.mark.parametrize(
    ("name", "options", "multiplications", "parameters"),
    [
        ("resnet56", {}, 125_485_696, 853_018),
        ("mobilenet_v2", {}, 296_473_088, 2_236_682),
        ("mobilenet_v2", {"strides": "hpo-code"}, 265_691_648, 2_236_682),
        ("resnet50", {}, 4_089_184_256, 25_557_032),
    ],
)
def test_exact_counts_stay_what_they_are(name, options, multiplications, parameters):
    model = published(name, **options)
    assert (of(model), costs.parameters(model)) == (multiplications, parameters)


def test_the_thesiss_strides_are_the_named_ones_closest_to_its_published_cost():
    distance = {
        strides: abs(of(published("mobilenet_v2", strides=strides), "flops") - 6.1e8)
        for strides in MODELS["mobilenet_v2"].strides
    }
    assert min(distance, key=distance.get) == "thesis"
    assert distance["thesis"] < 0.03 * 6.1e8


def test_conventions_on_a_network_counted_by_hand():
    class Residual(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(2, 3, 3, padding=1)
            self.norm = nn.BatchNorm2d(3)
            self.project = nn.Sequential(nn.Conv2d(2, 3, 1, bias=False))
            self.project.is_shortcut = True
            self.fc = nn.Linear(3, 5)

        def forward(self, x):
            return self.fc((self.norm(self.conv(x)) + self.project(x)).mean((2, 3)))

    layers = costs.layers(Residual(), shape=(2, 4, 6))
    conv, project, fc = 24 * 2 * 3 * 9, 24 * 2 * 3, 3 * 5
    assert [layer.name for layer in layers] == ["conv", "norm", "project.0", "fc"]
    assert [layer.multiplications for layer in layers] == [conv, 0, project, fc]
    assert [layer.parameters for layer in layers] == [2 * 3 * 9 + 3, 6, 6, 20]
    assert [layer.outputs for layer in layers] == [72, 72, 72, 5]
    assert {name: costs.total(layers, convention=name) for name in costs.CONVENTIONS} == {
        "multiplications": conv + project + fc,
        "flops": 2 * (conv + project + fc),
        "with-batch-norm": conv + project + fc + 2 * 72,
        "without-shortcuts": conv + fc,
    }


def test_released_code_of_002_forgets_the_projections_of_resnet20():
    model = published("resnet20", shortcut="B")
    assert of(model, "without-shortcuts") == of(published("resnet20", shortcut="A")) == 40_551_040
    assert of(model) - of(model, "without-shortcuts") == 16 * 32 * 256 + 32 * 64 * 64


def test_002s_padding_of_the_stem_costs_the_maps_of_36_pixels():
    """What the released code executes for ResNet-20 (51.65 million) is 1.27 times what it counts (40.55 million)."""
    model = published("resnet_stages", blocks=(3, 3, 3), shortcut="B", strides="padding-3")
    plain = published("resnet_stages", blocks=(3, 3, 3), shortcut="B")
    stages = {1: 36**2, 2: 18**2, 3: 9**2}
    counted = {1: 432 + 6 * 16 * 16 * 9, 2: 16 * 32 * 10 + 5 * 32 * 32 * 9, 3: 32 * 64 * 10 + 5 * 64 * 64 * 9}
    assert of(model) == sum(stages[stage] * counted[stage] for stage in stages) + 640 == 51_654_016
    assert of(plain, "without-shortcuts") == 40_551_040


def printed_5_1():
    return read_published("sparse_tradeoff", "table-5.1").to_dict("records")


def sparse_mlp(density):
    """Inference multiplications of 784-1000-1000-1000-10, dense and with uniform masks on every layer."""
    model = published("mlp")
    with torch.device("cpu"):
        shapes = {layer.name: model.get_submodule(layer.name).weight.shape for layer in costs.layers(model)}
        keep = {name: torch.zeros(shape, dtype=torch.bool) for name, shape in shapes.items()}
        for mask in keep.values():
            mask.flatten()[: round(density * mask.numel())] = True
    return of(model), costs.total(costs.layers(model, keep=keep))


def test_dense_costs_are_those_of_table_5_1_of_002():
    row, dense = printed_5_1()[0], of(published("mlp"))
    cost = costs.SparseCost(dense=dense, sparse=dense)
    assert float(f"{dense:.2e}") == row["inference_flops_absolute"] and dense == 2_794_000
    training = costs.training(cost, method="dense", images=60_000 * 200)
    assert float(f"{training:.2e}") == row["training_flops_absolute"]


@pytest.mark.parametrize("row", printed_5_1()[1:], ids=lambda row: f"{row['algorithm']}-{row['sparsity']}")
def test_relative_costs_are_those_of_table_5_1_of_002(row):
    """To the printed digits; 0.075 and 0.025 are printed as either neighbour."""
    dense, sparse = sparse_mlp(1 - row["sparsity"])
    cost = costs.SparseCost(dense=dense, sparse=sparse, interval=420)  # Table A.1
    training = costs.training(cost, method=row["algorithm"].lower(), images=10**6) / (3 * dense * 10**6)
    assert abs(sparse / dense - row["inference_flops_relative_to_dense"]) <= 0.005 + 1e-9
    assert abs(training - row["training_flops_relative_to_dense"]) <= 0.005 + 1e-9


def test_equation_4_5_as_printed_does_not_give_table_5_1():
    dense, sparse = sparse_mlp(0.5)
    cost = costs.SparseCost(dense=dense, sparse=sparse, interval=420)
    shares = {
        name: costs.training(cost, method="rigl", images=1, charged=name) / (3 * dense) for name in costs.RIGL_CHARGED
    }
    assert round(shares["algorithm-1"], 2) == round(shares["performed"], 2) == 0.5
    assert shares["equation-4.5"] < 0.01


def test_a_network_trained_sparsely_at_density_1_costs_what_the_dense_one_does():
    cost = costs.SparseCost(dense=1000, sparse=1000, interval=7, updates=3, steps=11)
    found = [costs.training(cost, method=method, images=5) for method in ("dense", "static", "set", "rigl")]
    assert found == [15_000] * 4
    assert costs.training(cost, method="rigl", images=5, charged="performed") == 15_000


def test_unknown_methods_and_charges_are_refused():
    cost = costs.SparseCost(dense=2, sparse=1)
    with pytest.raises(UserError, match="unknown method of sparse training 'snip'.*: expected one of dense, static, "):
        costs.training(cost, method="snip", images=1)
    with pytest.raises(UserError, match="unknown way of charging RigL's updates 'eq'.*: expected one of algorithm-1, "):
        costs.training(cost, method="set", images=1, charged="eq")


@pytest.mark.parametrize("config", OPTIONS, ids=label)
def test_costs_of_other_widths_equal_those_of_the_network_built_with_them(config):
    model = slim(config)
    generator = seeded(2)
    widths = {group.name: int(torch.randint(1, 9, (), generator=generator)) for group in model.groups()[::2]}
    narrow = build(with_widths(model, widths), shape=model.shape, classes=model.classes)
    assert costs.narrowed(costs.layers(model), model.groups(), widths) == costs.layers(narrow)


@pytest.mark.parametrize("name", MODELS)
def test_a_network_masked_by_whole_channels_costs_what_the_narrow_one_costs(name):
    model = slim(ModelConfig(name=name))
    widths = {group.name: (group.width + 1) // 2 for group in model.groups()}
    keep = {
        layer: torch.ones_like(module.weight, dtype=torch.bool)
        for layer, module in model.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear | nn.BatchNorm2d)
    }
    for group in model.groups():
        for layer in group.producers:
            keep[layer][widths[group.name] :] = False
        for layer in group.consumers:
            keep[layer][:, widths[group.name] :] = False
    narrow = build(with_widths(model, widths), shape=model.shape, classes=model.classes)
    masked, narrowed = costs.layers(model, keep=keep), costs.layers(narrow)
    for convention in costs.CONVENTIONS:
        assert costs.total(masked, convention=convention) == costs.total(narrowed, convention=convention)
    assert sum(layer.weights for layer in masked) == sum(layer.weights for layer in narrowed)


def test_a_mask_of_single_weights_counts_by_density():
    model = slim(ModelConfig(name="resnet8"))
    mask = torch.rand(model.layer2[0].conv2.weight.shape, generator=seeded()) < 0.3
    dense, masked = (
        dict(zip((layer.name for layer in layers), layers, strict=True))
        for layers in (costs.layers(model), costs.layers(model, keep={"layer2.0.conv2": mask}))
    )
    changed = masked.pop("layer2.0.conv2")
    full = dense.pop("layer2.0.conv2")
    assert changed.multiplications * mask.numel() == full.multiplications * int(mask.sum())
    assert masked == dense


@pytest.mark.parametrize("training", [True, False])
def test_counting_leaves_the_model_as_it_was(training):
    model = slim(ModelConfig(name="mobilenet_v2")).train(training)
    model.head_bn.eval()
    state = {name: value.clone() for name, value in model.state_dict().items()}
    modes = [module.training for module in model.modules()]
    costs.layers(model)
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, state[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


def test_costs_grow_with_the_image_but_parameters_do_not():
    model = slim(ModelConfig(name="resnet8"))
    small, large = (costs.layers(model, shape=(3, side, side)) for side in (16, 32))
    for before, after in zip(small, large, strict=True):
        assert after.multiplications == before.multiplications * (4 if before.kind == "conv" else 1)
    assert [layer.parameters for layer in small] == [layer.parameters for layer in large]


def test_frozen_parameters_are_not_counted_as_trained():
    model = slim(ModelConfig(name="mlp"))
    everything = costs.parameters(model)
    model.fc.weight.requires_grad_(False)
    assert costs.parameters(model) == everything - model.fc.weight.numel()


def test_a_layer_that_cannot_be_counted_is_refused():
    model = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4))
    with pytest.raises(UserError, match="cannot count 1, a LayerNorm: expected parameters only in Conv2d, Linear, "):
        costs.layers(model, shape=(4,))


def test_wrong_masks_layers_and_conventions_are_refused():
    model = slim(ModelConfig(name="resnet8"))
    with pytest.raises(UserError, match=r"the mask of fc must have the shape of its weights, \(10, 6\), got \(2,\)"):
        costs.layers(model, keep={"fc": torch.ones(2, dtype=torch.bool)})
    with pytest.raises(UserError, match="unknown layer 'conv9'.*: expected one of conv1, "):
        costs.layers(model, keep={"conv9": torch.ones(2, dtype=torch.bool)})
    with pytest.raises(UserError, match="unknown cost convention 'macs'.*: expected one of multiplications, flops, "):
        costs.total((), convention="macs")
    with pytest.raises(UserError, match="unknown group 'layer9'.*: expected one of layer1, "):
        costs.narrowed(costs.layers(model), model.groups(), {"layer9": 3})
