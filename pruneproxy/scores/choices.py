"""What a score may choose, and what it is given to look at."""

from dataclasses import dataclass

import torch
from torch import Tensor

from pruneproxy.errors import UserError, choose

FAN_IN = {"sum": "the plain L1 norm of a filter", "mean": "the norm divided by the fan-in (mean absolute weight)"}
COUPLED = {
    "sum": "add up the norms of every layer that produces the channel",
    "first": "the first layer that produces it decides (MobileNetV2: the expansion, not the depthwise kernel)",
    "mean": "their mean, so that a stream that many layers produce competes on equal terms",
}
SIGNS = {
    "absolute": "the magnitude of each weight's saliency (000, eq. 1)",
    "signed": "saliencies with their signs (000, Algorithm 1 and its released code)",
}
MODES = {
    "train": "batch normalisation with the statistics of the scoring batch",
    "eval": "batch normalisation with its running statistics",
}


@dataclass(frozen=True, kw_only=True)
class Choices:
    """The choices of a score, and the mini-batch, random stream and share of channels that some scores need."""

    fan_in: str = "sum"
    coupled: str = "sum"
    sign: str = "absolute"
    scored_in: str = "train"
    rounds: int = 100  # of iterative SynFlow
    density: float = 0.1  # share of channels at which iterative SynFlow ends
    inputs: Tensor | None = None
    labels: Tensor | None = None
    generator: torch.Generator | None = None
    double: bool = True  # whether passes are in float64; single precision ranks gates as well, several times as fast

    def __post_init__(self):
        choose(self.fan_in, FAN_IN, "fan-in rule")
        choose(self.coupled, COUPLED, "coupling rule")
        choose(self.sign, SIGNS, "sign of a score")
        choose(self.scored_in, MODES, "mode of scoring")

    def need(self, field: str, score: str):
        """The field's value, which the score cannot do without."""
        value = getattr(self, field)
        if value is None:
            raise UserError(f"expected {field} for the score {score!r}, got none: pass them to choose_channels")
        return value


def over_fan_in(saliency: Tensor, fan_in: str) -> Tensor:
    """One number per output channel: the sum over fan-in and kernel, or their mean (000, eq. 2)."""
    flat = saliency.flatten(1)
    return flat.sum(1) if fan_in == "sum" else flat.mean(1)
