"""Passes of a copy of any network, in double precision where its code allows it."""

import copy
from collections.abc import Callable

import torch
from torch import nn

from pruneproxy import examples


def in_double(compute: Callable, model: nn.Module, inputs, *, double: bool = True):
    """`compute(network, inputs)` of a float64 copy; code that fixes another precision is computed in its own."""
    if not double:
        return compute(copy.deepcopy(model), inputs)
    try:
        return compute(copy.deepcopy(model).double(), examples.double(inputs))
    except torch.OutOfMemoryError:
        raise
    except (RuntimeError, TypeError):
        return compute(copy.deepcopy(model), inputs)
