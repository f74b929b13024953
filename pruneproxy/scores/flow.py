"""Iterative SynFlow on channels (Tanaka et al. 2020): no data, absolute weights, many small steps."""

import copy
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from pruneproxy.scores.choices import Choices, over_fan_in
from pruneproxy.scores.layers import couple, kernels


def synflow_iterative(model: nn.Module, groups: Iterable, choices: Choices) -> dict[str, Tensor]:
    """When each channel goes in `rounds` exponential steps to `density`, later is larger (Tanaka et al., Alg. 1).

    Round k of n keeps density^(k/n) of all channels, by the score of the network that round k - 1 left. A channel
    that goes in round k gets k plus its rank among the channels of that round, so that the threshold at `density`
    removes exactly those that the rounds removed.
    """
    groups = list(groups)
    names = [group.name for group in groups for _ in range(group.width)]
    order = torch.zeros(len(names), dtype=torch.float64)
    alive = torch.ones(len(names), dtype=torch.bool)
    for number in range(1, choices.rounds + 1):
        scores = torch.cat(list(absolute_flow(model, groups, _split(alive, groups), choices).values()))
        kept = round(len(names) * choices.density ** (number / choices.rounds))
        ranked = scores.where(alive, -1.0).argsort(stable=True)
        gone = ranked[: len(names) - kept]
        fresh = gone[alive[gone]]
        order[fresh] = number + torch.arange(len(fresh), dtype=torch.float64) / len(names)
        alive[gone] = False
    survivors = ranked[len(names) - kept :]
    order[survivors] = choices.rounds + 1 + torch.arange(len(survivors), dtype=torch.float64) / len(names)
    return _split(order, groups)


@torch.enable_grad()
def absolute_flow(
    model: nn.Module, groups: Iterable, alive: Mapping[str, Tensor], choices: Choices
) -> dict[str, Tensor]:
    """Per group, the channel scores of dR/dW * W, R the sum of the outputs of |W| for an input of ones.

    Channels outside `alive` are zero behind every layer that produces them. Evaluation mode, float64: at
    initialisation batch normalisation is then the identity, and the saliencies of every layer add up to R.
    """
    groups = list(groups)
    network = copy.deepcopy(model).cpu().double().eval()
    with torch.no_grad():
        for value in (*network.parameters(), *network.buffers()):
            if value.is_floating_point():
                value.abs_()
        for group in groups:
            for module in map(network.get_submodule, group.producers):
                for value in (module.weight, module.bias):
                    if value is not None:
                        value[~alive[group.name]] = 0
    layers = {name: network.get_submodule(name).weight for group in groups for name in kernels(model, group)}
    output = network(torch.ones(1, *model.shape, dtype=torch.float64)).sum()
    gradients = dict(zip(layers, torch.autograd.grad(output, list(layers.values())), strict=True))
    scores = {name: over_fan_in((gradients[name] * layers[name]).detach(), choices.fan_in) for name in layers}
    return {g.name: couple([scores[name] for name in kernels(model, g)], choices.coupled) for g in groups}


def _split(values: Tensor, groups: list) -> dict[str, Tensor]:
    """One vector over all channels, cut into groups."""
    parts = values.split([group.width for group in groups])
    return {group.name: part for group, part in zip(groups, parts, strict=True)}
