"""Mini-batches of any network: a tensor, a tuple of arguments or a dictionary of keyword arguments."""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor, nn

from pruneproxy.errors import UserError

Example = Tensor | Sequence | Mapping  # one mini-batch: the input, the arguments, or the keyword arguments


def call(network: nn.Module, example: Example):
    """What the network makes of the example."""
    if isinstance(example, Tensor):
        return network(example)
    return network(**example) if isinstance(example, Mapping) else network(*example)


def floating(output) -> list[Tensor]:
    """The tensors of floating point numbers in an output, however it is nested."""
    if isinstance(output, Tensor):
        found = [output] if output.is_floating_point() else []
    elif isinstance(output, Mapping):
        found = [tensor for value in output.values() for tensor in floating(value)]
    elif isinstance(output, Sequence) and not isinstance(output, str):
        found = [tensor for value in output for tensor in floating(value)]
    else:
        found = []
    return found


def mapped(example, change: Callable[[Tensor], Tensor]):
    """The example with every tensor changed."""
    if isinstance(example, Tensor):
        return change(example)
    if isinstance(example, Mapping):
        return {name: mapped(value, change) for name, value in example.items()}
    if isinstance(example, Sequence) and not isinstance(example, str):
        return tuple(mapped(value, change) for value in example)
    return example


def double(example: Example):
    """The example with its floating point tensors in double precision."""
    return mapped(example, lambda tensor: tensor.double() if tensor.is_floating_point() else tensor)


def first(example: Example, device="cpu"):
    """The first input of the example, a mini-batch of one, on a device."""
    count = batch_size(example)
    return mapped(example, lambda one: (one[:1] if one.ndim and len(one) == count else one).to(device))


def device(example: Example) -> torch.device:
    """Where the first tensor of the example is; the processor, if it has none."""
    return next((tensor.device for tensor in _tensors(example)), torch.device("cpu"))


def batch_size(example: Example) -> int:
    """How many inputs the example holds: the length of its first tensor."""
    tensors = _tensors(example)
    if not tensors or tensors[0].ndim < 1 or not len(tensors[0]):
        raise UserError(
            f"expected an example input with a first tensor of at least one row, got {type(example).__name__}: pass "
            f"one mini-batch of inputs"
        )
    return len(tensors[0])


def _tensors(example: Example) -> list[Tensor]:
    found: list[Tensor] = []
    mapped(example, lambda tensor: found.append(tensor) or tensor)
    return found
