"""Scores that only look at weights, and the one that looks at nothing."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from pruneproxy.errors import UserError, choose
from pruneproxy.scores.choices import FAN_IN, Choices, over_fan_in
from pruneproxy.scores.layers import coupled, norms


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


def norm_scales(model: nn.Module, groups: Iterable, choices: Choices) -> dict[str, Tensor]:
    """|gamma| of the batch normalisations behind a group's layers (Network Slimming, Liu et al. 2017, Sec. 3)."""
    result = {}
    for group in groups:
        names = norms(model, group)
        if not names:
            raise UserError(
                f"expected batch normalisation behind every pruned layer for the score 'slimming', got none in "
                f"{group.name}: choose another score"
            )
        scales = {name: model.get_submodule(name).weight.detach().double().abs().cpu() for name in names}
        result[group.name] = coupled(group, scales, names, choices.coupled)
    return result


def drawn(model: nn.Module, groups: Iterable, choices: Choices) -> dict[str, Tensor]:
    """Independent uniform numbers: the baseline of random pruning."""
    stream = choices.need("generator", "random")
    return {group.name: torch.rand(group.width, generator=stream, dtype=torch.float64) for group in groups}
