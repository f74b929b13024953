"""Which weights stay when a network is pruned: the largest of all, of each layer, or as random baselines have it.

A mask is a boolean tensor by layer, True where a weight stays.
"""

from collections.abc import Callable, Mapping

import numpy as np
import torch
from torch import Tensor

from pruneproxy.errors import UserError

Masks = Mapping[str, Tensor]


def remaining_share(share: float, rounds: int) -> float:
    """The share of the weights that is left when every round removes a share of those that the one before has left."""
    return (1 - share) ** rounds


def remaining(total: int, share: float, rounds: int) -> int:
    """How many of `total` weights are left then."""
    return round(total * remaining_share(share, rounds))


def largest(weights: Mapping[str, Tensor], keep: Masks, count: int) -> dict[str, Tensor]:
    """The `count` largest magnitudes of all layers together among the kept weights; of equal ones the first."""
    if count < 1:
        raise UserError("expected a weight or more to stay, got none: prune fewer rounds or a smaller share")
    flat = torch.cat([_magnitudes(weights[name], mask) for name, mask in keep.items()])
    chosen = _largest(flat, count)
    parts = chosen.split([mask.numel() for mask in keep.values()])
    return {name: part.view(mask.shape) for part, (name, mask) in zip(parts, keep.items(), strict=True)}


def largest_of_layers(weights: Mapping[str, Tensor], keep: Masks, counts: Mapping[str, int]) -> dict[str, Tensor]:
    """The same within each layer, with a number of its own."""
    strange = set(counts) ^ set(keep)
    if strange:
        raise UserError(
            f"expected numbers of weights for the layers {', '.join(keep)}, got others: {', '.join(sorted(strange))} "
            f"(is the donor another network?)"
        )
    for name, mask in keep.items():
        if not 1 <= counts[name] <= int(mask.sum()):
            raise UserError(
                f"expected from 1 to {int(mask.sum())} of the weights that {name} has left, got {counts[name]}: prune "
                f"fewer rounds or a smaller share"
            )
    return {
        name: _largest(_magnitudes(weights[name], mask), counts[name]).view(mask.shape) for name, mask in keep.items()
    }


def _magnitudes(weight: Tensor, mask: Tensor) -> Tensor:
    """Magnitudes in one row, -1 for weights that are gone."""
    return torch.where(mask, weight.detach().cpu().abs(), -1.0).flatten()


def _largest(values: Tensor, count: int) -> Tensor:
    chosen = torch.zeros(len(values), dtype=torch.bool)
    chosen[values.argsort(descending=True, stable=True)[:count]] = True
    return chosen


def _anywhere(keep: Masks, generator: torch.Generator) -> dict[str, Tensor]:
    total, count = sum(mask.numel() for mask in keep.values()), sum(int(mask.sum()) for mask in keep.values())
    chosen = torch.zeros(total, dtype=torch.bool)
    chosen[torch.randperm(total, generator=generator)[:count]] = True
    parts = chosen.split([mask.numel() for mask in keep.values()])
    return {name: part.view(mask.shape) for part, (name, mask) in zip(parts, keep.items(), strict=True)}


def _shuffled(keep: Masks, generator: torch.Generator) -> dict[str, Tensor]:
    return {
        name: mask.flatten()[torch.randperm(mask.numel(), generator=generator)].view(mask.shape)
        for name, mask in keep.items()
    }


BASELINES: dict[str, Callable[[Masks, torch.Generator], dict[str, Tensor]]] = {  # each with new weights (Sec. 2.3)
    "random": _anywhere,  # as many weights, anywhere in the network
    "shuffled": _shuffled,  # as many weights of every layer, anywhere in it
    "reinitialised": lambda keep, _: dict(keep),  # the same weights
}


def counts(keep: Masks) -> dict[str, int]:
    """The weights that each layer keeps."""
    return {name: int(mask.sum()) for name, mask in keep.items()}


def ratios(keep: Masks) -> dict[str, float]:
    """The share of each layer that is pruned (003, Sec. 1)."""
    return {name: 1 - int(mask.sum()) / mask.numel() for name, mask in keep.items()}


def distance(one: Mapping[str, float], other: Mapping[str, float]) -> float:
    """The mean absolute difference of the layers' ratios (003, Fig. A19)."""
    return float(np.mean([abs(one[name] - other[name]) for name in one]))


def packed(keep: Masks) -> dict[str, Tensor]:
    """Masks as bits, eight in a byte."""
    return {name: torch.from_numpy(np.packbits(mask.numpy().reshape(-1))) for name, mask in keep.items()}


def unpacked(bits: Mapping[str, Tensor], shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """The masks of these shapes from their bits."""
    return {
        name: torch.from_numpy(np.unpackbits(bits[name].numpy(), count=int(np.prod(shape))).astype(bool)).view(shape)
        for name, shape in shapes.items()
    }
