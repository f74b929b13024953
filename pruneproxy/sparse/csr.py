"""The same products as in `kernels` by torch's own compressed rows."""

import warnings

import torch
from torch import Tensor

warnings.filterwarnings("ignore", "Sparse CSR tensor support is in beta state")


def combined(rows, value: Tensor, x: Tensor, bias: Tensor | None = None) -> Tensor:
    """The matrix times `x`, plus a bias per row."""
    out = _matrix(rows, value) @ x
    return out if bias is None else out.add_(bias.detach()[:, None])


def inner(rows, x: Tensor, gradient: Tensor) -> Tensor:
    """The gradient of every kept weight."""
    nothing = _matrix(rows, torch.zeros(len(rows.column)))
    return torch.sparse.sampled_addmm(nothing, gradient, x.t()).values()


def descend(rows, value: Tensor, gradient: Tensor, weight: Tensor, velocity: Tensor | None, group: dict) -> None:
    """A step of the optimiser's `group` on `value`, `weight` and `velocity`, in place."""
    change, places = gradient.add(value, alpha=group["weight_decay"]), rows.places
    if velocity is not None:
        moved = velocity.view(-1).index_select(0, places).mul_(group["momentum"]).add_(change)
        velocity.view(-1)[places] = moved
        change = change.add_(moved, alpha=group["momentum"]) if group["nesterov"] else moved
    value.add_(change, alpha=-group["lr"])
    weight.detach().view(-1)[places] = value


def _matrix(rows, value: Tensor) -> Tensor:
    return torch.sparse_csr_tensor(rows.start, rows.column, value, rows.shape, check_invariants=False)
