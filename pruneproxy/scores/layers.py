"""Which layers make a group's channels, and how the scores of several become one."""

import torch
from torch import Tensor, nn


def kernels(model: nn.Module, group) -> list[str]:
    """The convolutions and linear layers that produce the channels of `group`, in the order of the forward pass."""
    return [name for name in group.producers if isinstance(model.get_submodule(name), nn.Conv2d | nn.Linear)]


def norms(model: nn.Module, group) -> list[str]:
    """The batch normalisations that produce the channels of `group`."""
    return [name for name in group.producers if isinstance(model.get_submodule(name), nn.BatchNorm2d | nn.BatchNorm1d)]


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


def columns(weight: Tensor, width: int) -> Tensor:
    """A consumer's weight as (outputs, channels, everything that reads one channel)."""
    return weight.reshape(weight.shape[0], width, -1)
