"""Residual networks: the CIFAR family of depth 6n + 2 and ResNet-18/34/50, from explicit widths."""

from collections.abc import Iterator

import torch.nn.functional as F
from torch import Tensor, nn

from pruneproxy.models.config import ModelConfig, plan_of, shortcut_of, strides_of
from pruneproxy.models.network import Connection, Network
from pruneproxy.models.shortcuts import Projection, shortcut


class EndPadded(nn.Conv2d):
    """A convolution whose padding is at the bottom and right alone: one row and column of the usual two."""

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(F.pad(x, (0, 1, 0, 1)), self.weight, self.bias, self.stride)


class Block(nn.Module):
    """relu(x + f(x)), f a chain of convolution, batch normalisation, ReLU (He et al. 2015, Fig. 5).

    `widths` are those of the input, of what lies inside, and of the output. Two convolutions are a basic block
    (3x3, 3x3), three a bottleneck (1x1, 3x3, 1x1); the first 3x3 convolution carries the stride.
    """

    def __init__(self, widths: tuple[int, ...], *, stride: int, shortcut: nn.Module | None, padding: str = "both"):
        super().__init__()
        self.depth = len(widths) - 1
        kernels = (3, 3) if self.depth == 2 else (1, 3, 1)
        strided = kernels.index(3)
        for place, kernel in enumerate(kernels):
            step = stride if place == strided else 1
            kind = EndPadded if padding == "end" and step == 2 else nn.Conv2d
            convolution = kind(*widths[place : place + 2], kernel, stride=step, padding=kernel // 2, bias=False)
            self.add_module(f"conv{place + 1}", convolution)
            self.add_module(f"bn{place + 1}", nn.BatchNorm2d(widths[place + 1]))
        self.downsample = shortcut

    def forward(self, x: Tensor) -> Tensor:
        inside = F.relu(self.bn1(self.conv1(x)))
        inside = self.bn2(self.conv2(inside))
        if self.depth == 3:
            inside = self.bn3(self.conv3(F.relu(inside)))
        return F.relu(inside + (x if self.downsample is None else self.downsample(x)))


class ResNet(Network):
    """A stem, stages of residual blocks, global average pooling and a linear classifier.

    Layers are named as in torchvision, so that its state dicts load (up to `PaddedShortcut.source`).
    """

    def __init__(self, config: ModelConfig, *, shape: tuple[int, ...], classes: int):
        super().__init__(config, shape=shape, classes=classes)
        plan, stem = plan_of(config), strides_of(config)
        widths = {slot.name: slot.width for slot in self.slots}
        stream = widths["layer1" if plan.stem_is_coupled else "stem"]
        padding = stem.kernel // 2 if stem.padding is None else stem.padding
        self.conv1 = nn.Conv2d(shape[0], stream, stem.kernel, stride=stem.stride, padding=padding, bias=False)
        self.bn1 = nn.BatchNorm2d(stream)
        self.maxpool = nn.MaxPool2d(3, stride=2, padding=1) if stem.pool else nn.Identity()
        for stage in self._stages():
            self.add_module(stage, self._stage(stage, stream, widths))
            stream = widths[stage]
        self.fc = nn.Linear(stream, classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.maxpool(F.relu(self.bn1(self.conv1(x))))
        for stage in self._stages():
            x = self.get_submodule(stage)(x)
        return self.fc(x.mean((2, 3)))

    def chain(self) -> tuple[str, ...]:
        return tuple(f"{stage}.{place}" for stage in self._stages() for place in range(len(self.get_submodule(stage))))

    def connections(self) -> Iterator[Connection]:
        stream = "layer1" if plan_of(self.config).stem_is_coupled else "stem"
        yield Connection("conv1", None, stream)
        yield Connection("bn1", None, stream)
        for stage in self._stages():
            for place, block in enumerate(self.get_submodule(stage)):
                yield from _block_connections(f"{stage}.{place}", block, stream, stage)
                stream = stage
        yield Connection("fc", stream, None)

    def _stages(self) -> list[str]:
        return [f"layer{number}" for number in range(1, len(plan_of(self.config).blocks) + 1)]

    def _stage(self, stage: str, stream: int, widths: dict[str, int]) -> nn.Sequential:
        """The blocks of a stage; the first one changes the stream's shape, except where the stem has it already."""
        plan, blocks = plan_of(self.config), []
        first = stage == "layer1"
        for place in range(plan.blocks[int(stage.removeprefix("layer")) - 1]):
            inside = [widths[f"{stage}.{place}.{name}"] for name in plan.inner]
            stride = 1 if place or first else 2
            changes = not place and not (first and plan.stem_is_coupled)
            path = shortcut(shortcut_of(self.config), stream, widths[stage], stride=stride) if changes else None
            chain = (stream, *inside, widths[stage])
            blocks.append(Block(chain, stride=stride, shortcut=path, padding=self.config.padding))
            stream = widths[stage]
        return nn.Sequential(*blocks)


def _block_connections(name: str, block: Block, entering: str, leaving: str) -> Iterator[Connection]:
    """The layers of one block between two streams."""
    inputs = entering
    for place in range(1, block.depth + 1):
        outputs = leaving if place == block.depth else f"{name}.conv{place}"
        yield Connection(f"{name}.conv{place}", inputs, outputs)
        yield Connection(f"{name}.bn{place}", None, outputs)
        inputs = outputs
    if isinstance(block.downsample, Projection):
        yield Connection(f"{name}.downsample.0", entering, leaving)
        if len(block.downsample) == 2:
            yield Connection(f"{name}.downsample.1", None, leaving)
    elif block.downsample is not None:
        yield Connection(f"{name}.downsample", entering, leaving)
