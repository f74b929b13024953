"""Shortcuts that change the shape of a residual stream (He et al. 2015, Sec. 3.3, options A and B)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class PaddedShortcut(nn.Module):
    """Option A: every `stride`-th pixel, and zeros for the channels that the input does not have.

    Output channel j is input channel `source[j]`, or zero where `source[j]` is -1. By default the zeros go in equal
    parts before and after the input's channels. `source` is saved with the weights: in a network whose streams were
    pruned, it remembers which channel came from where.
    """

    is_shortcut = True

    def __init__(self, inputs: int, outputs: int, *, stride: int):
        super().__init__()
        self.stride = stride
        source = torch.arange(outputs) - (outputs - inputs) // 2
        self.register_buffer("source", source.where((source >= 0) & (source < inputs), -1))

    def forward(self, x: Tensor) -> Tensor:
        sampled = F.pad(x[:, :, :: self.stride, :: self.stride], (0, 0, 0, 0, 0, 1))
        return sampled.index_select(1, self.source % sampled.shape[1])  # -1 is the zero channel that was appended

    def narrowed_source(self, inputs: Tensor, outputs: Tensor) -> Tensor:
        """`source` of the network that has only the input channels `inputs` and the output channels `outputs`."""
        wanted = self.source[outputs]
        matches = wanted[:, None] == inputs
        return torch.where(matches.any(1), matches.int().argmax(1), -1)

    def masked_source(self, inputs: Tensor, outputs: Tensor) -> Tensor:
        """`source` at full width with no path left into or out of any channel but the ones named."""
        positions = torch.arange(len(self.source), device=self.source.device)
        alive = torch.isin(self.source, inputs) & torch.isin(positions, outputs)
        return self.source.where(alive, -1)


class Projection(nn.Sequential):
    """Option B: a 1x1 convolution, followed by batch normalisation unless it is "plain"."""

    is_shortcut = True

    def __init__(self, inputs: int, outputs: int, *, stride: int, plain: bool):
        convolution = nn.Conv2d(inputs, outputs, 1, stride=stride, bias=False)
        super().__init__(*([convolution] if plain else [convolution, nn.BatchNorm2d(outputs)]))


def shortcut(kind: str, inputs: int, outputs: int, *, stride: int) -> nn.Module:
    """The shortcut of one of the kinds A, B, B-plain."""
    if kind == "A":
        return PaddedShortcut(inputs, outputs, stride=stride)
    return Projection(inputs, outputs, stride=stride, plain=kind == "B-plain")
