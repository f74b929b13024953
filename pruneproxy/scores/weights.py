"""Scores that only look at weights, and the one that looks at nothing."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from pruneproxy.errors import UserError, choose
from pruneproxy.scores.choices import COUPLED, FAN_IN, Choices, over_fan_in
from pruneproxy.scores.layers import couple, kernels, norms


def l1_norms(weight: Tensor, *, fan_in: str = "sum") -> Tensor:
    """The L1 norm of each filter, ||F_j||_1 (Li et al. 2017; thesis Sec. 3.2), in float64 so that ties are real."""
    choose(fan_in, FAN_IN, "fan-in rule")
    return over_fan_in(weight.detach().double().abs(), fan_in)


def l2_norms(weight: Tensor, *, fan_in: str = "sum") -> Tensor:
    """The L2 norm of each filter; with fan-in "mean" the root of the mean square."""
    choose(fan_in, FAN_IN, "fan-in rule")
    return over_fan_in(weight.detach().double() ** 2, fan_in).sqrt()


def geometric_median(weight: Tensor, *, fan_in: str = "sum") -> Tensor:
    """How far each filter is from all others, sum_k ||F_j - F_k||_2 (He et al. 2019): near the median is redundant."""
    choose(fan_in, FAN_IN, "fan-in rule")
    filters = weight.detach().double().flatten(1)
    distances = torch.cdist(filters, filters, compute_mode="donot_use_mm_for_euclid_dist").sum(1)
    return distances if fan_in == "sum" else distances / filters.shape[1] ** 0.5


def producing_weights(model: nn.Module, group) -> list[Tensor]:
    """The kernels and matrices whose rows are the channels of `group`, in the order of the forward pass."""
    return [model.get_submodule(name).weight for name in kernels(model, group)]


def l1(model: nn.Module, groups: Iterable, *, fan_in: str = "sum", coupled: str = "sum") -> dict[str, Tensor]:
    """Per group, the L1 score of each of its channels."""
    choose(coupled, COUPLED, "coupling rule")
    return {
        group.name: couple([l1_norms(weight, fan_in=fan_in) for weight in producing_weights(model, group)], coupled)
        for group in groups
    }


def norm_scales(model: nn.Module, groups: Iterable, choices: Choices) -> dict[str, Tensor]:
    """|gamma| of the batch normalisations behind a group's layers (Network Slimming, Liu et al. 2017, Sec. 3)."""
    result = {}
    for group in groups:
        scales = [model.get_submodule(name).weight.detach().double().abs().cpu() for name in norms(model, group)]
        if not scales:
            raise UserError(
                f"expected batch normalisation behind every pruned layer for the score 'slimming', got none in "
                f"{group.name}: choose another score"
            )
        result[group.name] = couple(scales, choices.coupled)
    return result


def drawn(model: nn.Module, groups: Iterable, choices: Choices) -> dict[str, Tensor]:
    """Independent uniform numbers: the baseline of random pruning."""
    stream = choices.need("generator", "random")
    return {group.name: torch.rand(group.width, generator=stream, dtype=torch.float64) for group in groups}
