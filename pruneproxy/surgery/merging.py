"""Neuron Merging (Kim et al. 2020): what a removed filter said is said by its most similar kept one."""

import copy
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pruneproxy import channels
from pruneproxy.errors import UserError, choose
from pruneproxy.scores.layers import columns, kernels, norms

SIGMAS = {
    "deviation": lambda norm: (norm.running_var + norm.eps).sqrt(),  # the text, and batch normalisation itself
    "variance": lambda norm: norm.running_var,  # the released code, which calls the running variance sigma
}


@dataclass(frozen=True, kw_only=True)
class MergeConfig:
    """When filters are similar: `balance` weighs direction against bias, below `threshold` nothing is merged."""

    threshold: float = 0.1  # least cosine similarity, t of the paper
    balance: float = 0.85  # lambda of the paper
    sigma: str = "deviation"

    def __post_init__(self):
        choose(self.sigma, SIGMAS, "reading of sigma")
        for name, low in (("threshold", -1), ("balance", 0)):
            if not low <= getattr(self, name) <= 1:
                raise UserError(f"MergeConfig.{name} must be a number in [{low}, 1], got {getattr(self, name)!r}")


@torch.no_grad()
def merged(model: nn.Module, keep: channels.Keep, config: MergeConfig = MergeConfig()) -> nn.Module:
    """A copy of `model` whose removed channels are folded into kept ones where they are read; cut it next.

    Only groups that one layer produces are folded: for a stream that many layers write to, or an expansion behind a
    depthwise kernel, no kept channel is a multiple of a removed one.
    """
    result = copy.deepcopy(model)
    for group in result.groups():
        if group.name in keep and len(kernels(result, group)) == 1:
            weights = merge_weights(result, group, keep[group.name], config)
            for name in group.consumers:
                weight = result.get_submodule(name).weight
                kept = torch.einsum("okp,kc->ocp", columns(weight, group.width), weights.to(weight))
                weight.copy_(kept.reshape(weight.shape))
    return result


@torch.no_grad()
def merge_weights(model: nn.Module, group, kept: Tensor, config: MergeConfig = MergeConfig()) -> Tensor:
    """Z: entry (j, k) is how much of kept channel k stands for channel j, z_j ~ sum_k Z_jk z_k; the identity on kept.

    Without batch normalisation, the ratio of the norms of the most similar filters (Alg. 2). With it, the scale
    S = s (gamma_j / gamma_k) (sigma_k / sigma_j), s that ratio, of the filter with the least
    lambda (1 - cosine) + (1 - lambda) |B| / S, the latter scaled to [0, 1] over the kept filters, where
    B = gamma_j / sigma_j (s (mu_k - sigma_k beta_k / gamma_k) - mu_j) + beta_j is what scaling leaves (Alg. 3).
    A scale that is not positive is none, because ReLU does not let it pass.
    """
    filters = _filters(model, group)
    lengths = filters.norm(dim=1)
    cosine = (filters @ filters[kept].T) / (lengths[:, None] * lengths[kept]).clamp(min=1e-30)
    scale = lengths[:, None] / lengths[kept].clamp(min=1e-30)
    distance = 1 - cosine
    if norms(model, group):
        scale, residual = _through_norm(model.get_submodule(norms(model, group)[0]), kept, scale, config)
        distance = config.balance * distance + (1 - config.balance) * _unit(residual, scale > 0)
    distance = distance.where(scale > 0, torch.inf)
    best = distance.argmin(1)
    rows = torch.arange(group.width)
    chosen = (cosine[rows, best] >= config.threshold) & distance[rows, best].isfinite()
    chosen[kept] = False
    result = torch.zeros(group.width, group.width, dtype=torch.float64)
    result[kept, kept] = 1
    result[rows[chosen], kept[best[chosen]]] = scale[rows, best][chosen]
    return result


def _filters(model: nn.Module, group) -> Tensor:
    """One row per channel: its weights, and without batch normalisation its bias, which the scale must fit too."""
    module = model.get_submodule(kernels(model, group)[0])
    rows = module.weight.detach().double().flatten(1).cpu()
    if module.bias is not None and not norms(model, group):
        rows = torch.cat([rows, module.bias.detach().double().cpu()[:, None]], dim=1)
    return rows


def _through_norm(norm: nn.Module, kept: Tensor, ratio: Tensor, config: MergeConfig) -> tuple[Tensor, Tensor]:
    """Scale S and the bias residual |B| / S of each channel (rows) on each kept one (columns)."""
    sigma = SIGMAS[config.sigma](norm).double().cpu()
    gamma, beta, mu = (value.detach().double().cpu() for value in (norm.weight, norm.bias, norm.running_mean))
    inverse = gamma / sigma.clamp(min=1e-30)
    scale = ratio * inverse[:, None] / inverse[kept]
    offset = mu[kept] - beta[kept] / inverse[kept]
    residual = inverse[:, None] * (ratio * offset - mu[:, None]) + beta[:, None]
    return scale, residual.abs() / scale


def _unit(values: Tensor, valid: Tensor) -> Tensor:
    """Every row's valid values scaled to [0, 1]; equal ones are 0."""
    low = values.where(valid, torch.inf).amin(1, keepdim=True)
    high = values.where(valid, -torch.inf).amax(1, keepdim=True)
    return (values - low) / (high - low).where(high > low, 1.0)
