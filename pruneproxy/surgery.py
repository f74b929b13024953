"""From kept channels to networks: the masked one (same shape, dead channels) and the narrow one (same class, fewer)."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pruneproxy import costs, masks, models, scores
from pruneproxy.errors import UserError, choose

SCOPES = {
    "inner": "channels inside a block only, as the thesis prunes (Sec. 3.2.5)",
    "all": "every group that the network declares",
}


@dataclass(frozen=True, kw_only=True)
class PruneConfig:
    """Structured magnitude pruning to a share of the multiplications."""

    target: float  # share of the multiplications that is kept
    allocation: str = "uniform"
    score: str = "l1"
    fan_in: str = "sum"
    coupled: str = "sum"
    scope: str = "inner"
    floor: int = 1  # channels that every group keeps

    def __post_init__(self):
        if not 0 < self.target <= 1:
            raise UserError(f"PruneConfig.target must be a share of the multiplications in (0, 1], got {self.target!r}")
        if self.floor < 1:
            raise UserError(f"PruneConfig.floor must be at least 1 so that no layer is emptied, got {self.floor!r}")
        choose(self.allocation, masks.ALLOCATIONS, "allocation")
        choose(self.score, scores.SCORES, "score")
        choose(self.fan_in, scores.FAN_IN, "fan-in rule")
        choose(self.coupled, scores.COUPLED, "coupling rule")
        choose(self.scope, SCOPES, "scope")


def prunable(model: nn.Module, scope: str = "inner") -> list:
    """The groups of `model` that a scope allows to prune; none is an error."""
    choose(scope, SCOPES, "scope")
    found = [group for group in model.groups() if scope == "all" or group.kind == scope]
    if not found:
        raise UserError(f"{model.config.name} declares no channels inside blocks: prune it with scope='all'")
    return found


def choose_channels(model: nn.Module, config: PruneConfig) -> masks.Keep:
    """The channels that `config` keeps, scored on the weights that `model` has now."""
    groups = prunable(model, config.scope)
    scored = scores.SCORES[config.score](model, groups, fan_in=config.fan_in, coupled=config.coupled)
    removals = masks.removal_order(scored, allocation=config.allocation, floor=config.floor)
    widths = {group.name: group.width for group in groups}
    dense = costs.layers(model)
    target = round(config.target * costs.total(dense))
    return masks.closest(removals, widths, lambda kept: costs.total(costs.narrowed(dense, model, kept)), target)


def narrow(model: nn.Module, keep: masks.Keep) -> nn.Module:
    """The same class with only the kept channels, and their weights."""
    config = models.with_widths(model, masks.kept_widths(keep))
    with next(model.parameters()).device:
        small = models.build(config, shape=model.shape, classes=model.classes).to(next(model.parameters()).dtype)
    small.load_state_dict(narrow_tensors(model, model.state_dict(), keep) | models.narrow_shortcuts(model, keep))
    return small.train(model.training)


def narrow_tensors(model: nn.Module, tensors: Mapping[str, Tensor], keep: masks.Keep) -> dict[str, Tensor]:
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


def masked(model: nn.Module, keep: masks.Keep) -> nn.Module:
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
