"""Scores from one backward pass: SynFlow on a real mini-batch (000, Sec. 4) and 3SP's sensitivity to a channel."""

from collections.abc import Callable, Iterable, Iterator, Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from pruneproxy import costs, examples
from pruneproxy.errors import UserError
from pruneproxy.scores.choices import Choices, over_fan_in
from pruneproxy.scores.layers import by_owner, columns, norms, outputs_first
from pruneproxy.scores.passes import in_double

CHUNK = 64  # images per pass where they do not meet in batch statistics


def synflow(model: nn.Module, names: Sequence[str], choices: Choices) -> dict[str, Tensor]:
    """Per layer, the score of each output channel over fan-in and kernel (000, eq. 1, 2, Algorithm 1).

    S = |dL/dW * W| with L the sum of the logits of a real mini-batch, weights with their signs; "signed" leaves the
    bars out. In float64: before batch normalisation with batch statistics a filter's length does not matter, so its
    signed saliencies add up to nearly zero, and single precision would leave only rounding.
    """
    gradients, weights = weight_gradients(model, names, _sum, choices, score="synflow")
    saliency = {name: gradients[name] * weights[name] for name in names}
    if choices.sign == "absolute":
        saliency = {name: values.abs() for name, values in saliency.items()}
    return {name: over_fan_in(values, choices.fan_in).cpu() for name, values in saliency.items()}


def _sum(output, labels) -> Tensor:
    return sum(tensor.sum() for tensor in examples.floating(output))


def gate_saliency(
    model: nn.Module, groups: Iterable, choices: Choices, loss: Callable[[Tensor, Tensor], Tensor] | None = None
) -> dict[str, Tensor]:
    """|dL/dc| of a gate c = 1 on each channel where it is read, L the cross-entropy (3SP, van Amersfoort et al. 2020).

    A gate scales the columns of all layers that read the channel, so its derivative is the sum of gradient times
    weight over these columns: that of gradient times activation over images and places (004, eq. 9, with a `loss`).
    """
    choices.need("labels", "3sp")
    groups = list(groups)
    names = list(dict.fromkeys(name for group in groups for name in group.consumers))
    count = examples.batch_size(choices.need("inputs", "3sp"))

    def entropy(output, labels):
        return functional.cross_entropy(examples.floating(output)[0], labels, reduction="sum") / count

    gradients, weights = weight_gradients(model, names, loss or entropy, choices, score="3sp")
    products = {name: gradients[name] * weights[name] for name in names}
    return {
        group.name: sum(_by_channel(group, name, products[name]) for name in group.consumers).abs().cpu()
        for group in groups
    }


def norm_gates(
    model: nn.Module, groups: Iterable, choices: Choices, loss: Callable[[Tensor, Tensor], Tensor] | None = None
) -> dict[str, Tensor]:
    """|dL/dc| of a gate c = 1 on each channel behind batch normalisation (Gate Decorator, You et al. 2019, eq. 6).

    A gate scales what normalisation gives, so its derivative is that of scale and shift times themselves. One gate is
    shared by all layers that produce a channel.
    """
    choices.need("labels", "gbn")
    groups = list(groups)
    names = {group.name: norms(model, group) for group in groups}
    bare = next((name for name, found in names.items() if not found), None)
    if bare is not None:
        raise UserError(
            f"expected batch normalisation behind every pruned layer for the score 'gbn', got none in {bare}"
        )

    def gradients(network, inputs):
        network.to(examples.device(inputs)).train(choices.scored_in == "train")
        norm = {name: network.get_submodule(name) for found in names.values() for name in found}
        values = [value for module in norm.values() for value in (module.weight, module.bias)]
        with torch.enable_grad():
            output = examples.floating(examples.call(network, inputs))[0]
            slopes = torch.autograd.grad((loss or functional.cross_entropy)(output, choices.labels), values)
        products = [(value * slope).detach() for value, slope in zip(values, slopes, strict=True)]
        return {name: scale + shift for name, scale, shift in zip(norm, products[::2], products[1::2], strict=True)}

    found = in_double(gradients, model, choices.need("inputs", "gbn"), double=choices.double)
    return {name: sum(found[norm] for norm in those).abs().cpu() for name, those in names.items()}


def _by_channel(group, name: str, product: Tensor) -> Tensor:
    """The sum over all that reads a channel of a group in a consumer."""
    owner = group.columns.get(name)
    if owner is None:
        return columns(product, group.width).sum((0, 2))
    return by_owner(columns(product, product.shape[1]).sum((0, 2)).cpu(), owner, group.width).to(product.device)


def saliency_per_cost(model: nn.Module, groups: Iterable, choices: Choices) -> dict[str, Tensor]:
    """3SP's compute-aware score: sensitivity per multiplication that goes with the channel.

    The cost of a channel is what the dense network saves without it.
    """
    groups = list(groups)
    dense = costs.layers(model, example=choices.need("inputs", "3sp-compute"))
    saved = {
        group.name: costs.total(dense) - costs.total(costs.narrowed(dense, groups, {group.name: group.width - 1}))
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
    """Gradient and value of the weights `names`, outputs first, for a loss that adds up over images: in float64."""

    def gradients(network, inputs):
        network.to(examples.device(inputs)).train(choices.scored_in == "train")
        modules = [network.get_submodule(name) for name in names]
        weights = [module.weight.requires_grad_() for module in modules]
        totals = [torch.zeros_like(weight) for weight in weights]
        with torch.enable_grad():
            for images, labels in _chunks(inputs, choices.labels, whole=choices.scored_in == "train"):
                output = loss(examples.call(network, images), labels)
                found = torch.autograd.grad(output, weights, materialize_grads=True)
                totals = [total + gradient for total, gradient in zip(totals, found, strict=True)]
        return tuple(
            {name: outputs_first(*pair).detach() for name, *pair in zip(names, modules, values, strict=True)}
            for values in (totals, weights)
        )

    return in_double(gradients, model, choices.need("inputs", score), double=choices.double)


def _chunks(inputs, labels: Tensor | None, *, whole: bool) -> Iterator[tuple]:
    """Mini-batches of a tensor of images; all at once where they meet in batch statistics or are no tensor."""
    if whole or not isinstance(inputs, Tensor):
        yield inputs, labels
        return
    for start in range(0, len(inputs), CHUNK):
        yield inputs[start : start + CHUNK], None if labels is None else labels[start : start + CHUNK]
