"""The published architectures as plain data: what every network is made of before a single tensor exists."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import prod

KINDS = {
    "stem": "output of the first convolution, where no shortcut couples it to anything",
    "residual": "the stream of a stage: every block of the stage adds to it, so its channels go together",
    "inner": "inside a block; removing one changes nothing outside the block",
    "head": "the last convolution, read by the classifier only",
    "plain": "a layer of a network without shortcuts",
}


@dataclass(frozen=True)
class Slot:
    """Channels that are kept or removed together, with their published number."""

    name: str
    kind: str  # key of KINDS
    width: int


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What `pruneproxy models` lists about an architecture; subclasses say what it is made of."""

    title: str
    shape: tuple[int, ...]  # of one published input
    classes: int
    shortcuts: tuple[str, ...] = ()  # the first one is the default
    strides: Mapping[str, object]  # likewise

    def slots(self) -> tuple[Slot, ...]:
        """The groups of channels, in the order of `ModelConfig.widths`."""
        raise NotImplementedError

    def reduction(self, strides: object) -> int:
        """Pixels of the input's side per pixel of the last feature map."""
        raise NotImplementedError


@dataclass(frozen=True)
class Stem:
    """The first convolution of a ResNet, and whether a 3x3 max-pooling of stride 2 follows it."""

    kernel: int
    stride: int
    pool: bool
    padding: int | None = None  # None keeps the size of the image


SMALL_STEM = Stem(kernel=3, stride=1, pool=False)
PADDED_STEM = Stem(kernel=3, stride=1, pool=False, padding=3)  # 002's released code: maps of 36x36 for images of 32x32
IMAGENET_STEM = Stem(kernel=7, stride=2, pool=True)


@dataclass(frozen=True, kw_only=True)
class ResNetPlan(Plan):
    """He et al. 2015: stages of residual blocks; `widths` counts the inner channels of each stage."""

    blocks: tuple[int, ...]
    widths: tuple[int, ...]
    stem: int
    bottleneck: bool = False
    free_blocks: bool = False  # whether `ModelConfig.blocks` may choose other numbers of blocks

    @property
    def expansion(self) -> int:
        """Channels of a stage's stream per inner channel of its blocks."""
        return 4 if self.bottleneck else 1

    @property
    def inner(self) -> tuple[str, ...]:
        """The convolutions of a block whose output stays inside it."""
        return ("conv1", "conv2") if self.bottleneck else ("conv1",)

    @property
    def stem_is_coupled(self) -> bool:
        """Whether the first block adds its output to the stem's without a projection."""
        return self.stem == self.widths[0] * self.expansion

    def slots(self) -> tuple[Slot, ...]:
        found = [] if self.stem_is_coupled else [Slot("stem", "stem", self.stem)]
        for stage, (blocks, width) in enumerate(zip(self.blocks, self.widths, strict=True), start=1):
            found.append(Slot(f"layer{stage}", "residual", width * self.expansion))
            found += [
                Slot(f"layer{stage}.{block}.{name}", "inner", width) for block in range(blocks) for name in self.inner
            ]
        return tuple(found)

    def reduction(self, strides: Stem) -> int:
        return strides.stride * (2 if strides.pool else 1) * 2 ** (len(self.blocks) - 1)


@dataclass(frozen=True, kw_only=True)
class VGGPlan(Plan):
    """Simonyan & Zisserman 2014 with batch normalisation: 3x3 convolutions, a 2x2 max-pooling after each stage."""

    stages: tuple[tuple[int, ...], ...]

    def slots(self) -> tuple[Slot, ...]:
        names = [
            (f"stage{stage}.{layer}", width)
            for stage, widths in enumerate(self.stages, start=1)
            for layer, width in enumerate(widths)
        ]
        return tuple(Slot(name, "plain" if place else "stem", width) for place, (name, width) in enumerate(names))

    def reduction(self, strides: object) -> int:
        return 2 ** len(self.stages)


@dataclass(frozen=True)
class InvertedStage:
    """A row of Table 2 of Sandler et al. 2018: inverted residual blocks of one output width."""

    expansion: int
    width: int
    blocks: int


@dataclass(frozen=True, kw_only=True)
class MobileNetV2Plan(Plan):
    """Sandler et al. 2018; `strides` holds the stem's stride first, then one stride per stage."""

    stem: int
    stages: tuple[InvertedStage, ...]
    head: int

    def slots(self) -> tuple[Slot, ...]:
        found, entering = [Slot("stem", "stem", self.stem)], self.stem
        for number, stage in enumerate(self.stages, start=1):
            found.append(Slot(f"stage{number}", "residual", stage.width))
            for block in range(stage.blocks if stage.expansion > 1 else 0):
                found.append(Slot(f"stage{number}.{block}", "inner", stage.expansion * entering))
                entering = stage.width
            entering = stage.width
        return (*found, Slot("head", "head", self.head))

    def reduction(self, strides: tuple[int, ...]) -> int:
        return prod(strides)


@dataclass(frozen=True, kw_only=True)
class MLPPlan(Plan):
    """Fully connected layers; `ModelConfig.widths` may hold any number of hidden layers."""

    hidden: tuple[int, ...]

    def slots(self) -> tuple[Slot, ...]:
        return tuple(Slot(f"hidden{place}", "plain", width) for place, width in enumerate(self.hidden, start=1))

    def reduction(self, strides: object) -> int:
        return 1


CIFAR, IMAGENET, MNIST = (3, 32, 32), (3, 224, 224), (1, 28, 28)


def _cifar_resnet(depth: int) -> ResNetPlan:
    """Depth 6n + 2: three stages of n basic blocks (He et al. 2015, Sec. 4.2)."""
    return ResNetPlan(
        title=f"ResNet-{depth} for small images",
        shape=CIFAR,
        classes=10,
        shortcuts=("A", "B", "B-plain"),
        strides={"small": SMALL_STEM},
        blocks=((depth - 2) // 6,) * 3,
        widths=(16, 32, 64),
        stem=16,
    )


def _staged_resnet() -> ResNetPlan:
    """002, Table 4.1: the network for small images with a number of blocks to choose for every stage, 2 by default."""
    return replace(
        _cifar_resnet(14),
        title="ResNet of three stages",
        strides={"small": SMALL_STEM, "padding-3": PADDED_STEM},
        free_blocks=True,
    )


def _imagenet_resnet(depth: int, blocks: tuple[int, ...], *, bottleneck: bool = False) -> ResNetPlan:
    """The networks of He et al. 2015, Table 1."""
    return ResNetPlan(
        title=f"ResNet-{depth}",
        shape=IMAGENET,
        classes=1000,
        shortcuts=("B", "A", "B-plain"),
        strides={"imagenet": IMAGENET_STEM, "small": SMALL_STEM},
        blocks=blocks,
        widths=(64, 128, 256, 512),
        stem=64,
        bottleneck=bottleneck,
    )


def _vgg(depth: int, per_stage: tuple[int, ...]) -> VGGPlan:
    """Configurations D and E, with one linear classifier as is usual for small images."""
    stages = tuple((width,) * count for width, count in zip((64, 128, 256, 512, 512), per_stage, strict=True))
    return VGGPlan(
        title=f"VGG{depth}-BN for small images", shape=CIFAR, classes=10, strides={"pooled": None}, stages=stages
    )


MODELS: dict[str, Plan] = {
    **{f"resnet{depth}": _cifar_resnet(depth) for depth in (8, 14, 20, 32, 56, 110)},
    "resnet18": _imagenet_resnet(18, (2, 2, 2, 2)),
    "resnet34": _imagenet_resnet(34, (3, 4, 6, 3)),
    "resnet50": _imagenet_resnet(50, (3, 4, 6, 3), bottleneck=True),
    "resnet_stages": _staged_resnet(),
    "vgg16_bn": _vgg(16, (2, 2, 3, 3, 3)),
    "vgg19_bn": _vgg(19, (2, 2, 4, 4, 4)),
    "mobilenet_v2": MobileNetV2Plan(
        title="MobileNetV2",
        shape=CIFAR,
        classes=10,
        stem=32,
        head=1280,
        stages=tuple(
            InvertedStage(*row)
            for row in ((1, 16, 1), (6, 24, 2), (6, 32, 3), (6, 64, 4), (6, 96, 3), (6, 160, 3), (6, 320, 1))
        ),
        strides={
            "thesis": (1, 1, 1, 1, 2, 1, 2, 1),
            "hpo-code": (1, 1, 1, 2, 1, 1, 2, 1),
            "imagenet": (2, 1, 2, 2, 2, 1, 2, 1),
        },
    ),
    "mlp": MLPPlan(
        title="Multi-layer perceptron", shape=MNIST, classes=10, strides={"none": None}, hidden=(1000, 1000, 1000)
    ),
}
