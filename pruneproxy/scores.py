"""Importance of channels. A score maps every group of coupled channels to one number per channel; larger is kept."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from pruneproxy.errors import choose

FAN_IN = {"sum": "the plain L1 norm of a filter", "mean": "the norm divided by the fan-in (mean absolute weight)"}
COUPLED = {
    "sum": "add up the norms of every layer that produces the channel",
    "first": "the first layer that produces it decides (MobileNetV2: the expansion, not the depthwise kernel)",
}


def l1_norms(weight: Tensor, *, fan_in: str = "sum") -> Tensor:
    """The L1 norm of each filter, ||F_j||_1 (Li et al. 2017; thesis Sec. 3.2), in float64 so that ties are real."""
    choose(fan_in, FAN_IN, "fan-in rule")
    absolute = weight.detach().double().abs().flatten(1)
    return absolute.sum(1) if fan_in == "sum" else absolute.mean(1)


def producing_weights(model: nn.Module, group) -> list[Tensor]:
    """The kernels and matrices whose rows are the channels of `group`, in the order of the forward pass."""
    modules = (model.get_submodule(name) for name in group.producers)
    return [module.weight for module in modules if isinstance(module, (nn.Conv2d, nn.Linear))]


def l1(model: nn.Module, groups: Iterable, *, fan_in: str = "sum", coupled: str = "sum") -> dict[str, Tensor]:
    """Per group, the L1 score of each of its channels."""
    choose(coupled, COUPLED, "coupling rule")
    result = {}
    for group in groups:
        norms = [l1_norms(weight, fan_in=fan_in) for weight in producing_weights(model, group)]
        result[group.name] = norms[0] if coupled == "first" else torch.stack(norms).sum(0)
    return result


SCORES = {"l1": l1}
