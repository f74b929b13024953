"""Scores from one backward pass: SynFlow on a real mini-batch (000, Sec. 4) and 3SP's sensitivity to a channel."""

import copy
from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from pruneproxy import costs
from pruneproxy.scores.choices import Choices, over_fan_in
from pruneproxy.scores.layers import columns

CHUNK = 64  # images per pass where they do not meet in batch statistics


def synflow(model: nn.Module, names: Sequence[str], choices: Choices) -> dict[str, Tensor]:
    """Per layer, the score of each output channel over fan-in and kernel (000, eq. 1, 2, Algorithm 1).

    S = |dL/dW * W| with L the sum of the logits of a real mini-batch, weights with their signs; "signed" leaves the
    bars out. In float64: before batch normalisation with batch statistics a filter's length does not matter, so its
    signed saliencies add up to nearly zero, and single precision would leave only rounding.
    """
    gradients, weights = weight_gradients(model, names, lambda logits, _: logits.sum(), choices, score="synflow")
    saliency = {name: gradients[name] * weights[name] for name in names}
    if choices.sign == "absolute":
        saliency = {name: values.abs() for name, values in saliency.items()}
    return {name: over_fan_in(values, choices.fan_in).cpu() for name, values in saliency.items()}


def gate_saliency(model: nn.Module, groups: Iterable, choices: Choices) -> dict[str, Tensor]:
    """|dL/dc| of a gate c = 1 on each channel where it is read, L the cross-entropy (3SP, van Amersfoort et al. 2020).

    A gate scales the columns of all layers that read the channel, so its derivative is the sum of gradient times
    weight over these columns.
    """
    choices.need("labels", "3sp")
    groups = list(groups)
    names = list(dict.fromkeys(name for group in groups for name in group.consumers))
    count = len(choices.need("inputs", "3sp"))

    def loss(logits, labels):
        return functional.cross_entropy(logits, labels, reduction="sum") / count

    gradients, weights = weight_gradients(model, names, loss, choices, score="3sp")
    return {
        group.name: sum(columns(gradients[name] * weights[name], group.width).sum((0, 2)) for name in group.consumers)
        .abs()
        .cpu()
        for group in groups
    }


def saliency_per_cost(model: nn.Module, groups: Iterable, choices: Choices) -> dict[str, Tensor]:
    """3SP's compute-aware score: sensitivity per multiplication that goes with the channel.

    The cost of a channel is what the dense network saves without it.
    """
    groups = list(groups)
    dense = costs.layers(model)
    saved = {
        group.name: costs.total(dense) - costs.total(costs.narrowed(dense, model, {group.name: group.width - 1}))
        for group in groups
    }
    return {name: values / saved[name] for name, values in gate_saliency(model, groups, choices).items()}


def weight_gradients(
    model: nn.Module,
    names: Sequence[str],
    loss: Callable[[Tensor, Tensor | None], Tensor],
    choices: Choices,
    *,
    score: str,
) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """Gradient and value of the weights `names` for a loss that adds up over images, of a float64 copy of `model`."""
    inputs = choices.need("inputs", score)
    network = copy.deepcopy(model).to(inputs.device).double().train(choices.scored_in == "train")
    weights = [network.get_submodule(name).weight.requires_grad_() for name in names]
    totals = [torch.zeros_like(weight) for weight in weights]
    with torch.enable_grad():
        for images, labels in _chunks(inputs, choices.labels, whole=choices.scored_in == "train"):
            gradients = torch.autograd.grad(loss(network(images.double()), labels), weights)
            totals = [total + gradient for total, gradient in zip(totals, gradients, strict=True)]
    return dict(zip(names, totals, strict=True)), {
        name: weight.detach() for name, weight in zip(names, weights, strict=True)
    }


def _chunks(inputs: Tensor, labels: Tensor | None, *, whole: bool) -> Iterator[tuple[Tensor, Tensor | None]]:
    size = len(inputs) if whole else CHUNK
    for start in range(0, len(inputs), size):
        yield inputs[start : start + size], None if labels is None else labels[start : start + size]
