"""How a loss bends about a network's weights: ends of the Hessian's spectrum, their ratio, and surfaces (004).

A loss is a function of all weights in one row (`flat_loss`), so nothing here depends on what a network is.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.sparse.linalg import LinearOperator, eigsh
from torch import Tensor, nn
from torch.func import functional_call

from pruneproxy.errors import UserError

Loss = Callable[[Tensor], Tensor]
POINTS, REACH = 21, 0.1  # of the walk along the gradient (A.3)


@dataclass(frozen=True, kw_only=True)
class Extremes:
    """The smallest and the largest eigenvalue of a Hessian, with their signs."""

    low: float
    high: float

    @property
    def ratio(self) -> float:
        """|smallest / largest| (eq. 6): near 0 for a convex loss with a flat direction, however sharp the others are.

        The paper calls it a condition number; that would be its reciprocal, without the sign of the smallest.
        """
        return abs(self.low / self.high)


def flat_loss(
    model: nn.Module, images: Tensor, labels: Tensor, criterion: Callable[[Tensor, Tensor], Tensor]
) -> tuple[Loss, Tensor]:
    """The loss of a batch as a function of the model's weights in one row, and these weights.

    The model is used in the mode that it is in; running statistics stay as they are.
    """
    names, values = zip(*model.named_parameters(), strict=True)
    sizes, shapes = [value.numel() for value in values], [value.shape for value in values]
    buffers = dict(model.named_buffers())

    def loss(weights: Tensor) -> Tensor:
        parts = (part.view(shape) for part, shape in zip(weights.split(sizes), shapes, strict=True))
        state = dict(zip(names, parts, strict=True)) | {name: value.clone() for name, value in buffers.items()}
        return criterion(functional_call(model, state, (images,)), labels)

    return loss, torch.cat([value.detach().flatten() for value in values])


def gradient(loss: Loss, weights: Tensor) -> Tensor:
    """The gradient at these weights."""
    weights = weights.detach().requires_grad_()
    return torch.autograd.grad(loss(weights), weights)[0]


def hessian_product(loss: Loss, weights: Tensor) -> Callable[[Tensor], Tensor]:
    """The product of the Hessian at these weights with any direction, from a graph that is built once."""
    weights = weights.detach().requires_grad_()
    (slope,) = torch.autograd.grad(loss(weights), weights, create_graph=True)

    def product(direction: Tensor) -> Tensor:
        return torch.autograd.grad(slope, weights, grad_outputs=direction, retain_graph=True)[0]

    return product


def extremes(loss: Loss, weights: Tensor, *, tolerance: float = 1e-4, seed: int = 0) -> Extremes:
    """Both ends of the spectrum by the Lanczos method (ARPACK), from Hessian-vector products alone."""
    size = weights.numel()
    if size < 4:
        raise UserError(f"expected 4 weights or more, got {size}: the Lanczos method needs room for a subspace")
    product = hessian_product(loss, weights)

    def multiplied(direction: np.ndarray) -> np.ndarray:
        along = torch.as_tensor(direction.reshape(-1), dtype=weights.dtype, device=weights.device)
        return product(along).double().cpu().numpy()

    operator = LinearOperator((size, size), matvec=multiplied, dtype=np.float64)
    start = np.random.default_rng(seed).standard_normal(size)
    low, high = np.sort(eigsh(operator, k=2, which="BE", v0=start, tol=tolerance, return_eigenvectors=False))
    return Extremes(low=float(low), high=float(high))


def walk(loss: Loss, weights: Tensor, *, points: int = POINTS, reach: float = REACH, **choices) -> list[Extremes]:
    """The ends of the spectrum at points on the line along the gradient, `reach` gradients either way (A.3)."""
    slope = gradient(loss, weights)
    return [extremes(loss, weights + float(step) * slope, **choices) for step in np.linspace(-reach, reach, points)]


def mean_ratio(walked: Sequence[Extremes]) -> float:
    """The mean ratio over a walk (A.3); the paper's text names the ratio at the weights themselves."""
    return float(np.mean([ends.ratio for ends in walked]))


def fluctuation(losses: np.ndarray) -> float:
    """The total variation of a surface along both directions, as the mean over its lines."""
    losses = np.asarray(losses, dtype=float)
    return float(np.mean([np.abs(np.diff(losses, axis=axis)).sum(axis).mean() for axis in (0, 1)]))


def surface(loss: Loss, weights: Tensor, *, points: int = 11, reach: float = 1.0, seed: int = 0) -> np.ndarray:
    """Losses on a square grid: rows along the gradient, columns along an orthogonal random direction as long.

    The middle of an odd number of points are the weights themselves (Fig. 4).
    """
    slope = gradient(loss, weights)
    across = orthogonal(slope, seed)
    steps = np.linspace(-reach, reach, points)
    with torch.no_grad():
        return np.array([[float(loss(weights + float(a) * slope + float(b) * across)) for b in steps] for a in steps])


def orthogonal(direction: Tensor, seed: int = 0) -> Tensor:
    """A random direction of the same length at a right angle to one."""
    drawn = torch.randn(direction.shape, generator=torch.Generator().manual_seed(seed)).to(direction)
    drawn = drawn - (drawn @ direction) / (direction @ direction) * direction
    return drawn * (direction.norm() / drawn.norm())
