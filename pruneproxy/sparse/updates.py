"""One update of one layer's mask: weights that are removed, and as many that grow. Methods differ in what grows."""

import functools
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

from pruneproxy.errors import choose

Part = Callable[[int], int]  # of a number of weights, how many are removed
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

LOOK_AT_GRADIENTS = ("rigl",)  # those whose growth does


def _by_magnitude(weight: Tensor, kept: Tensor, part: Part) -> Tensor:
    """The share of the kept weights that is closest to zero."""
    return _smallest(weight.abs(), kept, part(int(kept.sum())))


def _by_sign(weight: Tensor, kept: Tensor, part: Part) -> Tensor:
    """That share of the positive and of the negative ones, each for itself, and those that are exactly zero."""
    removed = kept & (weight == 0)
    for side in (kept & (weight > 0), kept & (weight < 0)):
        removed |= _smallest(weight.abs(), side, part(int(side.sum())))
    return removed


REMOVALS = {"magnitude": _by_magnitude, "per-sign": _by_sign}


ROUNDINGS: dict[str, Callable[[float, int], int]] = {  # how many of a number of weights a share removes
    "down": lambda share, count: int(share * count + 1e-9),  # without the error of 0.29 * 100
    "kept": lambda share, count: count - round((1 - share) * count),  # what is kept is rounded, as JaxPruner does
}


def _smallest(values: Tensor, among: Tensor, count: int) -> Tensor:
    """A mask of the `count` smallest of `values` where `among` is true."""
    if values.device.type == "cpu" and count:
        found = values.detach().numpy()[among.numpy()]
        if count <= len(found):
            chosen = among & (values <= float(np.partition(found, count - 1)[count - 1]))
            if int(chosen.sum()) == count:  # else equal values are at the border, of which `topk` chooses
                return chosen
    chosen = torch.zeros(values.numel(), dtype=torch.bool, device=values.device)
    order = values.masked_fill(~among, torch.inf).flatten()
    chosen[order.topk(count, largest=False).indices] = True
    return chosen.view(values.shape)


def updated(
    weight: Tensor, kept: Tensor, scores: Tensor, *, share: float, removal: str = "magnitude", rounding: str = "down"
) -> tuple:
    """The new mask and the mask of removed weights, some of which may be back in the new one.

    `share` of the kept weights are removed, and as many of those that are then absent grow, the highest `scores`
    first. The number of kept weights stays what it was.
    """
    part = functools.partial(choose(rounding, ROUNDINGS, "rounding of what is removed"), share)
    removed = choose(removal, REMOVALS, "way of removing weights")(weight, kept, part)
    remaining = kept & ~removed
    return remaining | _smallest(-scores, ~remaining, int(removed.sum())), removed
