"""MobileNetV2 (Sandler et al. 2018) from explicit widths, for large and for small images."""

from collections.abc import Iterator

import torch.nn.functional as F
from torch import Tensor, nn

from pruneproxy.models.config import ModelConfig, plan_of, strides_of
from pruneproxy.models.network import Connection, Network


class InvertedBlock(nn.Module):
    """Expand by a 1x1 convolution, filter each channel by a depthwise 3x3, project linearly; add the input or not.

    The first stage expands nothing (`inner` is None): there the depthwise convolution filters the input itself.
    """

    def __init__(self, inputs: int, inner: int | None, outputs: int, *, stride: int, residual: bool):
        super().__init__()
        self.residual = residual
        if inner is None:
            self.expand, inner = None, inputs
        else:
            self.expand, self.expand_bn = nn.Conv2d(inputs, inner, 1, bias=False), nn.BatchNorm2d(inner)
        self.depthwise = nn.Conv2d(inner, inner, 3, stride=stride, padding=1, groups=inner, bias=False)
        self.depthwise_bn = nn.BatchNorm2d(inner)
        self.project = nn.Conv2d(inner, outputs, 1, bias=False)
        self.project_bn = nn.BatchNorm2d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        inside = x if self.expand is None else F.relu6(self.expand_bn(self.expand(x)))
        inside = F.relu6(self.depthwise_bn(self.depthwise(inside)))
        inside = self.project_bn(self.project(inside))
        return x + inside if self.residual else inside


class MobileNetV2(Network):
    """A stem, stages of inverted residual blocks, a 1x1 head, global average pooling and a linear classifier.

    Within a stage every block but the first adds its input. That is the published rule, because the published widths
    differ between stages, and it stays so when pruning makes two of them equal.
    """

    def __init__(self, config: ModelConfig, *, shape: tuple[int, ...], classes: int):
        super().__init__(config, shape=shape, classes=classes)
        widths = {slot.name: slot.width for slot in self.slots}
        stem, *strides = strides_of(config)
        self.stem = nn.Conv2d(shape[0], widths["stem"], 3, stride=stem, padding=1, bias=False)
        self.stem_bn = nn.BatchNorm2d(widths["stem"])
        stream = widths["stem"]
        for name, stage, stride in zip(self._stages(), plan_of(config).stages, strides, strict=True):
            blocks = []
            for place in range(stage.blocks):
                blocks.append(
                    InvertedBlock(
                        stream,
                        widths.get(f"{name}.{place}"),
                        widths[name],
                        stride=1 if place else stride,
                        residual=place > 0,
                    )
                )
                stream = widths[name]
            self.add_module(name, nn.Sequential(*blocks))
        self.head = nn.Conv2d(stream, widths["head"], 1, bias=False)
        self.head_bn = nn.BatchNorm2d(widths["head"])
        self.fc = nn.Linear(widths["head"], classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu6(self.stem_bn(self.stem(x)))
        for stage in self._stages():
            x = self.get_submodule(stage)(x)
        return self.fc(F.relu6(self.head_bn(self.head(x))).mean((2, 3)))

    def chain(self) -> tuple[str, ...]:
        return tuple(f"{stage}.{place}" for stage in self._stages() for place in range(len(self.get_submodule(stage))))

    def connections(self) -> Iterator[Connection]:
        yield from _normalised("stem", None, "stem")
        stream = "stem"
        for stage in self._stages():
            for place, block in enumerate(self.get_submodule(stage)):
                yield from _block_connections(f"{stage}.{place}", block, stream, stage)
                stream = stage
        yield from _normalised("head", stream, "head")
        yield Connection("fc", "head", None)

    def _stages(self) -> list[str]:
        return [f"stage{number}" for number in range(1, len(plan_of(self.config).stages) + 1)]


def _block_connections(name: str, block: InvertedBlock, entering: str, leaving: str) -> Iterator[Connection]:
    """The layers of one block between two streams."""
    inner = entering if block.expand is None else name
    if block.expand is not None:
        yield from _normalised(f"{name}.expand", entering, inner)
    yield from _normalised(f"{name}.depthwise", None, inner)
    yield from _normalised(f"{name}.project", inner, leaving)


def _normalised(name: str, inputs: str | None, outputs: str) -> Iterator[Connection]:
    """A convolution and its batch normalisation."""
    yield Connection(name, inputs, outputs)
    yield Connection(f"{name}_bn", None, outputs)
