"""Masks that stay what they are, as a hook of the training loop."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn


class Fixed:
    """Trains the weights that the masks keep, by layer; the others, their gradients and their momentum are 0."""

    def __init__(self, keep: Mapping[str, Tensor]):
        self._keep = dict(keep)
        self.weights: dict[str, nn.Parameter] = {}
        self.masks: dict[str, Tensor] = {}  # as numbers in the layout of the weights

    @torch.no_grad()
    def begin(self, training) -> None:
        """Applies the masks."""
        self.weights = {name: training.model.get_submodule(name).weight for name in self._keep}
        for name, weight in self.weights.items():
            self.masks[name] = torch.empty_like(weight).copy_(self._keep[name])
            weight.mul_(self.masks[name])

    def step(self, optimizer: torch.optim.Optimizer) -> None:
        """A step of the optimiser on what is kept."""
        for name, weight in self.weights.items():
            weight.grad.mul_(self.masks[name])
        optimizer.step()

    def alone(self) -> bool:
        """Never is a step more than that."""
        return False

    def passed(self) -> None:
        """Nothing to do."""

    def state(self) -> dict:
        """Nothing: the masks are known."""
        return {}

    def restore(self, state: dict) -> None:
        """Nothing to do."""

    def keep(self) -> dict[str, Tensor]:
        """The masks."""
        return dict(self._keep)

    def facts(self) -> dict:
        """What a record says: the kept share of each layer."""
        return {"label": "fixed", "densities": {name: float(mask.float().mean()) for name, mask in self._keep.items()}}
