"""Products with compressed rows, compiled by Numba (the optional extra `fast`).

Activations are features x images, so that each kept weight multiplies a contiguous row. NaN stays NaN: fast arithmetic
may only reorder sums.
"""

import numpy as np
import torch
from torch import Tensor

from pruneproxy.errors import UserError

try:
    import numba
except ImportError as error:
    raise UserError("expected Numba for compiled sparse products, got none: install pruneproxy[fast]") from error

_NONE = np.empty(0, np.float32)
_compiled = numba.njit(fastmath={"reassoc", "contract", "nsz", "arcp"}, nogil=True, cache=True)


@_compiled
def _combine(start, column, value, x, bias, out):
    """Each row of `out` from its weights times the rows of `x`; eight at a time, or storing sums takes the time."""
    for row in range(len(start) - 1):
        sums, k, end = out[row], start[row], start[row + 1]
        sums[:] = bias[row] if len(bias) else 0
        while k + 8 <= end:
            a, b, c, d = value[k], value[k + 1], value[k + 2], value[k + 3]
            e, f, g, h = value[k + 4], value[k + 5], value[k + 6], value[k + 7]
            p, q, r, s = x[column[k]], x[column[k + 1]], x[column[k + 2]], x[column[k + 3]]
            t, u, v, w = x[column[k + 4]], x[column[k + 5]], x[column[k + 6]], x[column[k + 7]]
            for n in range(x.shape[1]):
                first = a * p[n] + b * q[n] + c * r[n] + d * s[n]
                sums[n] += first + e * t[n] + f * u[n] + g * v[n] + h * w[n]
            k += 8
        while k < end:
            a, p = value[k], x[column[k]]
            for n in range(x.shape[1]):
                sums[n] += a * p[n]
            k += 1


@_compiled
def _inner(start, column, x, gradient, out):
    """For each kept weight the product of its row of `gradient` and its row of `x`, four at a time."""
    for row in range(len(start) - 1):
        g, k, end = gradient[row], start[row], start[row + 1]
        while k + 4 <= end:
            p, q, r, s = x[column[k]], x[column[k + 1]], x[column[k + 2]], x[column[k + 3]]
            a = b = c = d = np.float32(0)
            for n in range(x.shape[1]):
                a += g[n] * p[n]
                b += g[n] * q[n]
                c += g[n] * r[n]
                d += g[n] * s[n]
            out[k], out[k + 1], out[k + 2], out[k + 3] = a, b, c, d
            k += 4
        while k < end:
            p, a = x[column[k]], np.float32(0)
            for n in range(x.shape[1]):
                a += g[n] * p[n]
            out[k] = a
            k += 1


@_compiled
def _descend(start, column, value, gradient, weight, velocity, lr, decay, momentum, nesterov):
    """A step of SGD on the kept weights, in the compressed rows and in the dense weight and momentum beside them."""
    for row in range(len(start) - 1):
        dense, moving = weight[row], velocity[row]
        for k in range(start[row], start[row + 1]):
            place = column[k]
            change = gradient[k] + decay * value[k]
            if momentum != 0:
                moved = momentum * moving[place] + change
                moving[place] = moved
                change = change + momentum * moved if nesterov else moved
            value[k] -= lr * change
            dense[place] = value[k]


def combined(rows, value: Tensor, x: Tensor, bias: Tensor | None = None) -> Tensor:
    """The matrix times `x`, plus a bias per row."""
    out, first = torch.empty(rows.shape[0], x.shape[1]), _NONE if bias is None else bias.detach().numpy()
    _combine(*_indices(rows), value.numpy(), x.numpy(), first, out.numpy())
    return out


def inner(rows, x: Tensor, gradient: Tensor) -> Tensor:
    """The gradient of every kept weight."""
    out = torch.empty(len(rows.column))
    _inner(*_indices(rows), x.numpy(), gradient.numpy(), out.numpy())
    return out


def descend(rows, value: Tensor, gradient: Tensor, weight: Tensor, velocity: Tensor | None, group: dict) -> None:
    """A step of the optimiser's `group` on `value`, `weight` and `velocity`, in place."""
    dense = weight.detach().numpy()
    moving = dense if velocity is None else velocity.numpy()
    numbers = (np.float32(group[name]) for name in ("lr", "weight_decay", "momentum"))
    _descend(*_indices(rows), value.numpy(), gradient.numpy(), dense, moving, *numbers, group["nesterov"])


def _indices(rows) -> tuple[np.ndarray, np.ndarray]:
    return rows.start.numpy().view(np.uint32), rows.column.numpy().view(np.uint32)  # unsigned ones need no look for -1
