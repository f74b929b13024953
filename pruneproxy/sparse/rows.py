"""A linear layer that multiplies by its kept weights only."""

import importlib
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional


@dataclass(frozen=True)
class Places:
    """Where the kept weights of a matrix are: those of row r have the numbers start[r] to start[r + 1]."""

    shape: tuple[int, int]
    start: Tensor
    column: Tensor

    @classmethod
    def of(cls, mask: Tensor) -> "Places":
        """Those of a boolean matrix."""
        start = torch.zeros(len(mask) + 1, dtype=torch.int32)
        start[1:] = mask.sum(1).cumsum(0)
        return cls(tuple(mask.shape), start, mask.nonzero()[:, 1].int())

    @cached_property
    def places(self) -> Tensor:
        """The place of every kept weight in the flattened matrix."""
        row = torch.arange(self.shape[0]).repeat_interleave(self.start.diff())
        return row * self.shape[1] + self.column

    @cached_property
    def order(self) -> Tensor:
        """The kept weights by column."""
        return self.column.argsort(stable=True)

    @cached_property
    def transposed(self) -> "Places":
        """Where those of the transposed matrix are; its kept weights are these in `order`."""
        start = torch.zeros(self.shape[1] + 1, dtype=torch.int32)
        start[1:] = self.column.bincount(minlength=self.shape[1]).cumsum(0)
        row = self.places.div(self.shape[1], rounding_mode="floor")
        return Places(self.shape[::-1], start, row[self.order].int())


class Rows:
    """Takes the place of the forward of a linear layer; `engine` is the name of a module with the products.

    The layer keeps its dense weight, and the optimiser its dense momentum: both are right after every step, so that
    whoever reads or changes them need not know. A batch in another precision than float32 is multiplied densely.
    """

    def __init__(self, layer: nn.Linear, engine: str):
        self.layer, self.engine = layer, engine
        self.dense_gradient = False  # whether the next backward pass gives absent weights their gradients too
        self.gradient: Tensor | None = None  # of the kept weights
        self.value, self._version = torch.empty(0), -1
        layer.forward = self.forward

    @property
    def products(self) -> ModuleType:
        """The module with the products; a network with a module inside could not be copied."""
        return importlib.import_module(self.engine)

    def follow(self, mask: Tensor) -> None:
        """From now on these weights are kept; all others must be 0."""
        self.rows, self._version, self.gradient = Places.of(mask), -1, None

    def forward(self, x: Tensor) -> Tensor:
        """The layer's output."""
        weight, bias = self.layer.weight, self.layer.bias
        if x.ndim != 2 or x.dtype != torch.float32 or torch.is_autocast_enabled("cpu"):
            return functional.linear(x, weight, bias)
        if self._version != weight._version:  # somebody has changed it
            self.value = weight.detach().view(-1).index_select(0, self.rows.places)
            self._version = weight._version
        return _Product.apply(x, weight, bias, self)

    def descend(self, optimizer: torch.optim.Optimizer) -> None:
        """A step of SGD on the kept weights, if the backward pass gave the gradients of these only."""
        if self.gradient is None:
            return
        weight = self.layer.weight
        group = next(one for one in optimizer.param_groups if any(weight is other for other in one["params"]))
        state = optimizer.state[weight] if group["momentum"] else {}
        if group["momentum"] and "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(weight)
        velocity = state.get("momentum_buffer")
        self.products.descend(self.rows, self.value, self.gradient, weight, velocity, group)
        self.gradient, self._version = None, weight._version


class _Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, weight, bias, rows):
        across = x.t().contiguous()  # no copy of what another such layer gives
        ctx.save_for_backward(across)
        ctx.rows = rows
        return rows.products.combined(rows.rows, rows.value, across, bias).t()

    @staticmethod
    @once_differentiable
    def backward(ctx, gradient):
        (x,), rows = ctx.saved_tensors, ctx.rows
        across = gradient.t().contiguous()
        to_input = to_weight = None
        if ctx.needs_input_grad[0]:
            value = rows.value.index_select(0, rows.rows.order)
            to_input = rows.products.combined(rows.rows.transposed, value, across).t()
        if rows.dense_gradient:
            to_weight = across @ x.t()
        elif ctx.needs_input_grad[1]:
            found = rows.products.inner(rows.rows, x, across)
            rows.gradient = found if rows.gradient is None else rows.gradient.add_(found)
        return to_input, to_weight, gradient.sum(0) if ctx.needs_input_grad[2] else None, None
