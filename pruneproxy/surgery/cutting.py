"""From kept channels to the masked and the narrow network."""

import copy
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from pruneproxy import channels, models


def narrow(model: nn.Module, keep: channels.Keep) -> nn.Module:
    """The same class with only the kept channels, and their weights."""
    config = models.with_widths(model, channels.kept_widths(keep))
    with next(model.parameters()).device:
        small = models.build(config, shape=model.shape, classes=model.classes).to(next(model.parameters()).dtype)
    small.load_state_dict(narrow_tensors(model, model.state_dict(), keep) | models.narrow_shortcuts(model, keep))
    return small.train(model.training)


def narrow_tensors(model: nn.Module, tensors: Mapping[str, Tensor], keep: channels.Keep) -> dict[str, Tensor]:
    """Per-parameter arrays of `model` (weights, gradients, momentum), cut: producers' rows and consumers' columns."""
    result = dict(tensors)
    for group in model.groups():
        if group.name not in keep:
            continue
        index = keep[group.name].to(next(model.parameters()).device)
        for name in group.producers:
            for part in ("weight", "bias", "running_mean", "running_var"):
                if result.get(f"{name}.{part}") is not None:
                    result[f"{name}.{part}"] = result[f"{name}.{part}"][index]
        for name in group.consumers:
            result[f"{name}.weight"] = _columns(result[f"{name}.weight"], index, group.width)
    return result


def _columns(weight: Tensor, index: Tensor, width: int) -> Tensor:
    """Input channels `index` of a consumer; a linear layer behind a flattening sees each channel several times."""
    repeat = weight.shape[1] // width
    positions = (index[:, None] * repeat + torch.arange(repeat, device=index.device)).flatten()
    return weight[:, positions]


def masked(model: nn.Module, keep: channels.Keep) -> nn.Module:
    """A copy of `model` whose removed channels are zero behind every layer that produces them."""
    result = copy.deepcopy(model)
    with torch.no_grad():
        for group in result.groups():
            if group.name not in keep:
                continue
            gone = torch.ones(group.width, dtype=torch.bool)
            gone[keep[group.name]] = False
            for module in map(result.get_submodule, group.producers):
                for value in (module.weight, module.bias):
                    if value is not None:
                        value[gone.to(value.device)] = 0
        result.load_state_dict(result.state_dict() | models.masked_shortcuts(model, keep))
    return result
