"""Dropout whose draws come from a named stream, so that a run that was killed draws the same ones again."""

import torch
from torch import Tensor, nn


class Dropout(nn.Module):
    """While training: sets each number to zero with `probability` and divides the others by 1 - probability.

    (Srivastava et al. 2014, in the inverted form.) `generator` is on the device of the input; the training loop sets
    it from the run's seed, and None means torch's global one.
    """

    def __init__(self, probability: float):
        super().__init__()
        self.probability = probability
        self.generator: torch.Generator | None = None

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return x
        # Draws fill memory in its order: a matrix has the same ones however it is laid out.
        layout = torch.contiguous_format if x.ndim == 2 else torch.preserve_format
        kept = torch.empty_like(x, memory_format=layout).bernoulli_(1 - self.probability, generator=self.generator)
        return x * kept / (1 - self.probability)

    def extra_repr(self) -> str:
        return f"{self.probability:g}"
