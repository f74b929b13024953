"""Which layers make a group's channels, and how the scores of several become one."""

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor, nn

KERNELS = (nn.modules.conv._ConvNd, nn.Linear)
NORMS = (nn.modules.batchnorm._BatchNorm,)


def kernels(model: nn.Module, group) -> list[str]:
    """The convolutions and linear layers that produce the channels of `group`, in the order of the forward pass."""
    return [name for name in group.producers if isinstance(model.get_submodule(name), KERNELS)]


def norms(model: nn.Module, group) -> list[str]:
    """The batch normalisations with a scale that produce the channels of `group`."""
    found = {name: model.get_submodule(name) for name in group.producers}
    return [name for name, module in found.items() if isinstance(module, NORMS) and module.affine]


def outputs_first(module: nn.Module, values: Tensor) -> Tensor:
    """The weight of a layer, or what has its shape, with the output channels first and the inputs second."""
    turned = isinstance(module, nn.modules.conv._ConvTransposeNd) and module.groups == 1
    return values.transpose(0, 1) if turned or isinstance(module, nn.Embedding) else values


def on_shortcuts(model: nn.Module) -> set[str]:
    """The names of all layers inside shortcuts that change the shape of a residual stream."""
    shortcuts = tuple(f"{name}." for name, module in model.named_modules() if getattr(module, "is_shortcut", False))
    return {name for name, _ in model.named_modules() if name.startswith(shortcuts)}


def couple(scores: list[Tensor], rule: str) -> Tensor:
    """The scores of a group's channels from those of the layers that produce them."""
    if rule == "first":
        return scores[0]
    stacked = torch.stack(scores)
    return stacked.mean(0) if rule == "mean" else stacked.sum(0)


def coupled(group, scores: Mapping[str, Tensor], names: Sequence[str], rule: str) -> Tensor:
    """The scores of a group's channels from those of the layers `names`, some of which may produce a part of them."""
    if not any(name in group.rows for name in names):
        return couple([scores[name] for name in names], rule)
    places = torch.arange(group.width)
    owners = [group.rows.get(name, places) for name in names]
    sums = torch.stack([by_owner(scores[name], owner, group.width) for name, owner in zip(names, owners, strict=True)])
    counts = torch.stack([by_owner(torch.ones(len(owner)), owner, group.width) for owner in owners])
    means, there = sums / counts.clamp(min=1), counts > 0
    if rule == "first":
        return means[there.int().argmax(0), places]
    return means.sum(0) / there.sum(0).clamp(min=1) if rule == "mean" else means.sum(0)


def by_owner(values: Tensor, owner: Tensor, width: int) -> Tensor:
    """The sums of the values of each channel of a group; -1 is none."""
    used = owner >= 0
    return torch.zeros(width, dtype=values.dtype).index_add_(0, owner[used], values[used])


def columns(weight: Tensor, width: int) -> Tensor:
    """A consumer's weight as (outputs, channels, everything that reads one channel)."""
    return weight.reshape(weight.shape[0], width, -1)
