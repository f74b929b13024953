"""From a configuration to a network with freshly drawn weights, and from kept channels to a configuration."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from pruneproxy.errors import UserError
from pruneproxy.models.config import ModelConfig, plan_of, strides_of
from pruneproxy.models.mobilenet import MobileNetV2
from pruneproxy.models.network import Connection, Network
from pruneproxy.models.plain import MLP, VGG
from pruneproxy.models.plans import MLPPlan, MobileNetV2Plan, ResNetPlan, VGGPlan
from pruneproxy.models.resnet import Block, ResNet

NETWORKS = {ResNetPlan: ResNet, MobileNetV2Plan: MobileNetV2, VGGPlan: VGG, MLPPlan: MLP}


def build(
    config: ModelConfig, *, shape: tuple[int, ...], classes: int, generator: torch.Generator | None = None
) -> Network:
    """The network of `config` for inputs of `shape`, with He-initialised weights drawn from a CPU `generator`.

    It follows the device of a surrounding `torch.device` context; on "meta" no weights are drawn. The global random
    state is untouched when a generator is given.
    """
    check_shape(config, shape)
    if classes < 2:
        raise UserError(f"expected at least 2 classes, got {classes}")
    with torch.random.fork_rng(devices=[]):  # torch's layers draw default weights that are thrown away here
        network = NETWORKS[type(plan_of(config))](config, shape=shape, classes=classes)
    initialise(network, generator)
    if config.zero_last_scale:
        _zero_last_scales(network)
    return network


@torch.no_grad()
def _zero_last_scales(network: ResNet) -> None:
    """The last batch normalisation of every block gives 0, so that the block starts as its shortcut."""
    for block in network.modules():
        if isinstance(block, Block):
            block.get_submodule(f"bn{block.depth}").weight.zero_()


@torch.no_grad()
def initialise(network: nn.Module, generator: torch.Generator | None = None) -> None:
    """He initialisation in place: weights ~ N(0, 2 / fan-in), biases 0, batch normalisation the identity.

    (He et al. 2015, "Delving deep", eq. 10.) Fan-in is what the CIFAR code behind the thesis uses, and the one that
    is right for depthwise convolutions without a special case. Numbers are drawn on the CPU in the order of the
    modules, so that a seed means the same weights on every device.
    """
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.reset_parameters()
        elif isinstance(module, nn.Conv2d | nn.Linear) and not module.weight.is_meta:
            noise = torch.randn(module.weight.shape, generator=generator, device="cpu")
            module.weight.copy_(noise * (2 / module.weight[0].numel()) ** 0.5)
            if module.bias is not None:
                module.bias.zero_()


def smallest_size(config: ModelConfig) -> int:
    """The smallest side of an image at which no layer halves a feature map of one pixel."""
    return plan_of(config).reduction(strides_of(config))


def check_shape(config: ModelConfig, shape: tuple[int, ...]) -> None:
    """An error if `config` cannot read inputs of `shape`."""
    if isinstance(plan_of(config), MLPPlan):
        return
    if len(shape) != 3:
        raise UserError(
            f"{config.name} reads images of shape (channels, height, width), got {tuple(shape)}: "
            f"use an mlp for such data"
        )
    if min(shape[1:]) < smallest_size(config):
        raise UserError(
            f"{config.name} needs images of at least {smallest_size(config)} pixels a side, got "
            f"{shape[1]}x{shape[2]}: choose larger images or other strides"
        )


def with_widths(model: Network, widths: Mapping[str, int]) -> ModelConfig:
    """The configuration of `model` with the named groups at other widths."""
    unknown = set(widths) - {slot.name for slot in model.slots}
    if unknown:
        raise UserError(
            f"{model.config.name} has no group {sorted(unknown)[0]!r}: "
            f"expected some of {', '.join(slot.name for slot in model.slots)}"
        )
    return replace(model.config, widths=tuple(int(widths.get(slot.name, slot.width)) for slot in model.slots))


def narrow_shortcuts(model: Network, keep: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """State-dict entries of the zero-padding shortcuts in the network that keeps only the channels `keep`.

    `keep` holds sorted indices per group; a group that it does not name keeps all channels.
    """
    return {
        f"{one.module}.source": model.get_submodule(one.module).narrowed_source(inputs, outputs)
        for one, inputs, outputs in _kept_ends(model, keep)
    }


def masked_shortcuts(model: Network, keep: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The same at full width: removed channels get nothing from the shortcut and give nothing to it."""
    return {
        f"{one.module}.source": model.get_submodule(one.module).masked_source(inputs, outputs)
        for one, inputs, outputs in _kept_ends(model, keep)
    }


def _kept_ends(model: Network, keep: Mapping[str, Tensor]) -> Iterator[tuple[Connection, Tensor, Tensor]]:
    """Each zero-padding shortcut with the kept channels of its input and its output."""
    widths = {slot.name: slot.width for slot in model.slots}
    for one in model.padded_shortcuts():
        device = model.get_submodule(one.module).source.device
        inputs, outputs = (
            keep[name].to(device) if name in keep else torch.arange(widths[name], device=device)
            for name in (one.inputs, one.outputs)
        )
        yield one, inputs, outputs
