"""Iterative SynFlow on channels (Tanaka et al. 2020): no data, absolute weights, many small steps."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from pruneproxy import examples
from pruneproxy.scores.choices import Choices, over_fan_in
from pruneproxy.scores.layers import coupled, kernels, outputs_first
from pruneproxy.scores.passes import in_double


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
    inputs = torch.empty(1, *model.shape) if choices.inputs is None else examples.first(choices.inputs)

    def scores(network, inputs):
        network.cpu().eval()
        with torch.no_grad():
            _make_absolute(network)
            for group in groups:
                _silence(network, group, ~alive[group.name])
        layers = {name: network.get_submodule(name) for group in groups for name in kernels(model, group)}
        weights = [module.weight.requires_grad_() for module in layers.values()]
        ones = examples.mapped(inputs, lambda one: torch.ones_like(one) if one.is_floating_point() else one)
        output = sum(tensor.sum() for tensor in examples.floating(examples.call(network, ones)))
        gradients = torch.autograd.grad(output, weights, materialize_grads=True)
        return {
            name: over_fan_in(outputs_first(module, gradient * module.weight).detach(), choices.fan_in)
            for (name, module), gradient in zip(layers.items(), gradients, strict=True)
        }

    found = in_double(scores, model, inputs)
    return {group.name: coupled(group, found, kernels(model, group), choices.coupled) for group in groups}


def _make_absolute(network: nn.Module) -> None:
    for value in (*network.parameters(), *network.buffers()):
        if value.is_floating_point():
            value.abs_()


def _silence(network: nn.Module, group, gone: Tensor) -> None:
    """Sets what produces the channels `gone` of a group to zero."""
    for name in group.producers:
        module, owner = network.get_submodule(name), group.rows.get(name)
        rows = gone if owner is None else gone[owner] & (owner >= 0)
        if module.weight is not None:
            outputs_first(module, module.weight)[rows] = 0
        if getattr(module, "bias", None) is not None:
            module.bias[rows] = 0


def _split(values: Tensor, groups: list) -> dict[str, Tensor]:
    """One vector over all channels, cut into groups."""
    parts = values.split([group.width for group in groups])
    return {group.name: part for group, part in zip(groups, parts, strict=True)}
