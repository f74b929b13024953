"""Networks without shortcuts: VGG with batch normalisation and the multi-layer perceptron."""

from collections.abc import Iterator
from itertools import pairwise
from math import prod

import torch.nn.functional as F
from torch import Tensor, nn

from pruneproxy.models.config import ModelConfig, plan_of
from pruneproxy.models.dropout import Dropout
from pruneproxy.models.network import Connection, Network


class NormalisedConv(nn.Module):
    """relu(batch_norm(convolution(x))) with a 3x3 kernel; no bias, which the normalisation would cancel."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn(self.conv(x)))


class VGG(Network):
    """Stages of 3x3 convolutions, each followed by a 2x2 max-pooling; global average pooling, one linear classifier."""

    def __init__(self, config: ModelConfig, *, shape: tuple[int, ...], classes: int):
        super().__init__(config, shape=shape, classes=classes)
        layers = {
            slot.name: NormalisedConv(inputs, slot.width)
            for inputs, slot in zip((shape[0], *self.config.widths), self.slots, strict=False)
        }
        for stage in self._stages():
            self.add_module(
                stage, nn.Sequential(*(layer for name, layer in layers.items() if name.startswith(f"{stage}.")))
            )
        self.fc = nn.Linear(self.config.widths[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        for stage in self._stages():
            x = F.max_pool2d(self.get_submodule(stage)(x), 2)
        return self.fc(x.mean((2, 3)))

    def connections(self) -> Iterator[Connection]:
        names = [slot.name for slot in self.slots]
        for inputs, name in pairwise((None, *names)):
            yield Connection(f"{name}.conv", inputs, name)
            yield Connection(f"{name}.bn", None, name)
        yield Connection("fc", names[-1], None)

    def _stages(self) -> list[str]:
        return [f"stage{number}" for number in range(1, len(plan_of(self.config).stages) + 1)]


class MLP(Network):
    """Linear layers with ReLU between them, on the flattened input, with dropout if the configuration asks for it."""

    def __init__(self, config: ModelConfig, *, shape: tuple[int, ...], classes: int):
        super().__init__(config, shape=shape, classes=classes)
        for inputs, slot in zip((prod(shape), *self.config.widths), self.slots, strict=False):
            self.add_module(slot.name, nn.Linear(inputs, slot.width))
        self.fc = nn.Linear(self.config.widths[-1], classes)
        self.dropout = Dropout(config.dropout) if config.dropout else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        x = x.flatten(1)
        for slot in self.slots:
            x = self.dropout(F.relu(self.get_submodule(slot.name)(x)))  # as before ReLU: both factors are at least 0
        return self.dropout(self.fc(x)) if self.config.dropout_placed == "code" else self.fc(x)

    def connections(self) -> Iterator[Connection]:
        names = [slot.name for slot in self.slots]
        for inputs, name in pairwise((None, *names)):
            yield Connection(name, inputs, name)
        yield Connection("fc", names[-1], None)
