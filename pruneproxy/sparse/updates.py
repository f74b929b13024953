"""One update of one layer's mask: weights that are removed, and as many that grow. Methods differ in what grows."""

from collections.abc import Callable

import torch
from torch import Tensor

from pruneproxy.errors import choose

Growth = Callable[[Tensor, torch.Generator], Tensor]  # gradient -> scores, the highest of which grow


def _at_random(gradient: Tensor, generator: torch.Generator) -> Tensor:
    return torch.rand(gradient.shape, generator=generator).to(gradient.device)


def _by_gradient(gradient: Tensor, generator: torch.Generator) -> Tensor:
    return gradient.abs()


METHODS: dict[str, Growth | None] = {
    "dense": None,  # no masks
    "static": None,  # random masks that stay
    "set": _at_random,  # Mocanu et al. 2018
    "rigl": _by_gradient,  # Evci et al. 2020
}


def _by_magnitude(weight: Tensor, kept: Tensor, share: float) -> Tensor:
    """The share of the kept weights that is closest to zero."""
    return _smallest(weight.abs(), kept, _part(share, int(kept.sum())))


def _by_sign(weight: Tensor, kept: Tensor, share: float) -> Tensor:
    """That share of the positive and of the negative ones, each for itself, and those that are exactly zero."""
    removed = kept & (weight == 0)
    for side in (kept & (weight > 0), kept & (weight < 0)):
        removed |= _smallest(weight.abs(), side, _part(share, int(side.sum())))
    return removed


REMOVALS = {"magnitude": _by_magnitude, "per-sign": _by_sign}


def _part(share: float, count: int) -> int:
    """Whole weights in a share, without the error of 0.29 * 100."""
    return int(share * count + 1e-9)


def _smallest(values: Tensor, among: Tensor, count: int) -> Tensor:
    """A mask of the `count` smallest of `values` where `among` is true."""
    chosen = torch.zeros(values.numel(), dtype=torch.bool, device=values.device)
    order = values.masked_fill(~among, torch.inf).flatten()
    chosen[order.topk(count, largest=False).indices] = True
    return chosen.view(values.shape)


def updated(weight: Tensor, kept: Tensor, scores: Tensor, *, share: float, removal: str = "magnitude") -> tuple:
    """The new mask and the mask of removed weights, some of which may be back in the new one.

    `share` of the kept weights are removed, and as many of those that are then absent grow, the highest `scores`
    first. The number of kept weights stays what it was.
    """
    removed = choose(removal, REMOVALS, "way of removing weights")(weight, kept, share)
    remaining = kept & ~removed
    return remaining | _smallest(-scores, ~remaining, int(removed.sum())), removed
