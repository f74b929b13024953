"""What names a network: architecture, widths and the choices that its paper leaves open."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from pruneproxy.errors import UserError, choose
from pruneproxy.limits import MANY, MOST
from pruneproxy.models.plans import MODELS, MLPPlan, Plan, ResNetPlan, Slot
from pruneproxy.models.shapes import MLPSizes

PADDING = {
    "both": "one row and column on every side",
    "end": "where a 3x3 convolution has stride 2, at the bottom and right only (TensorFlow's SAME)",
}
DROPOUT_PLACED = {
    "text": "after the ReLU of every hidden layer, the usual place, as the papers' texts name none",
    "code": "after every linear layer, the classifier's logits included (002's released code)",
}


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """A network up to the shape of its input and the number of its classes.

    `widths` has one entry per group in the order of `model.groups()`; None takes the published widths times `width`,
    rounded, at least 1. Explicit widths are taken as they are. For the MLP they are the hidden layers, as many as
    wanted; `sizes` says the same with four numbers.

    `shortcut`: "A" takes every second pixel and pads missing channels with zeros (akamaster's code), "B" is a 1x1
    convolution with batch normalisation, "B-plain" one without it. The default is A for CIFAR ResNets (the thesis's
    published cost fits no other) and B for ResNet-18/34/50.

    `strides`: MobileNetV2 has "thesis" (the default: stride 2 in the stages of 64 and 160 channels), "hpo-code" (32 and
    160 channels) and "imagenet"; ResNet-18/34/50 have "imagenet" (the default: 7x7, stride 2, max-pooling) and "small"
    (3x3, stride 1). resnet_stages has "small" and "padding-3" (a padding of 3 instead of 1, as 002's released code).

    `blocks` are the residual blocks of each stage of resnet_stages. `zero_last_scale` starts the last batch
    normalisation of every block at 0, so that a block starts as its shortcut. `padding` is that of a ResNet's blocks.
    `dropout` is the share of an MLP's
    activations that training sets to zero, at the place that `dropout_placed` names.
    """

    name: str = "resnet20"
    widths: tuple[int, ...] | None = None
    shortcut: str = "default"
    strides: str = "default"
    width: float = 1.0
    blocks: tuple[int, ...] | None = None
    zero_last_scale: bool = False
    padding: str = "both"
    dropout: float = 0.0
    dropout_placed: str = "text"
    sizes: MLPSizes | None = None

    def __post_init__(self):
        choose(self.name, MODELS, "model")
        if not 0 < self.width <= MANY:
            raise UserError(
                f"ModelConfig.width must be a positive factor of the published widths, at most {MANY:,}, "
                f"got {self.width!r}"
            )
        _check_blocks(self)
        _check_sizes(self)
        shortcut_of(self)
        strides_of(self)
        _check_dropout(self)
        if self.widths is not None:
            object.__setattr__(self, "widths", tuple(self.widths))
            _check_widths(self)


def plan_of(config: ModelConfig) -> Plan:
    """The published architecture behind `config`, with the blocks or hidden layers that it asks for."""
    plan = MODELS[config.name]
    if config.sizes is not None:
        return replace(plan, hidden=config.sizes.widths)
    return plan if config.blocks is None else replace(plan, blocks=config.blocks)


def slots_of(config: ModelConfig) -> tuple[Slot, ...]:
    """The groups of channels of `config`, with the widths that it asks for."""
    plan = plan_of(config)
    if config.widths is None:
        return tuple(replace(slot, width=max(1, round(slot.width * config.width))) for slot in plan.slots())
    if isinstance(plan, MLPPlan):
        return replace(plan, hidden=config.widths).slots()
    return tuple(replace(slot, width=width) for slot, width in zip(plan.slots(), config.widths, strict=True))


def shortcut_of(config: ModelConfig) -> str | None:
    """The kind of shortcut that changes shape: A, B or B-plain; None for networks that have none."""
    return _option(config, "shortcut", dict.fromkeys(plan_of(config).shortcuts))[0]


def strides_of(config: ModelConfig) -> object:
    """The stem of a ResNet or the strides of MobileNetV2, as their plan writes them."""
    return _option(config, "strides", plan_of(config).strides)[1]


def _option(config: ModelConfig, field: str, choices: Mapping[str, object]) -> tuple[str | None, object]:
    """The chosen member of `choices`; "default" is the first one."""
    asked = getattr(config, field)
    if asked == "default":
        return next(iter(choices.items()), (None, None))
    if not choices:
        raise UserError(f"{config.name} has no choice of {field}: leave {field} at 'default' instead of {asked!r}")
    choose(asked, {"default": None, **choices}, f"{field} of {config.name}")
    return asked, choices[asked]


def _check_blocks(config: ModelConfig) -> None:
    """Blocks are positive whole numbers, one per stage, of a network that lets them be chosen."""
    plan = MODELS[config.name]
    if config.zero_last_scale and not isinstance(plan, ResNetPlan):
        raise UserError(f"expected a ResNet for zero_last_scale, got {config.name}, which has no residual blocks")
    choose(config.padding, PADDING, "padding")
    if config.padding != "both" and not isinstance(plan, ResNetPlan):
        raise UserError(f"expected a ResNet for padding={config.padding!r}, got {config.name}, which has no blocks")
    if config.blocks is None:
        return
    if not (isinstance(plan, ResNetPlan) and plan.free_blocks):
        raise UserError(f"{config.name} has no choice of blocks: leave blocks at None or take resnet_stages")
    object.__setattr__(config, "blocks", tuple(config.blocks))
    stages = len(plan.blocks)
    if len(config.blocks) != stages or any(type(count) is not int or not 1 <= count <= MANY for count in config.blocks):
        raise UserError(
            f"ModelConfig.blocks must be {stages} whole numbers of at least 1 and at most {MANY:,}, got "
            f"{config.blocks!r}"
        )


def _check_sizes(config: ModelConfig) -> None:
    """Sizes belong to an MLP, and name its widths instead of `widths`."""
    if config.sizes is None:
        return
    if not isinstance(MODELS[config.name], MLPPlan):
        raise UserError(f"{config.name} has no hidden layers to size: leave sizes at None or take an mlp")
    if config.widths is not None:
        raise UserError("expected either sizes or widths of an mlp, got both: leave one out")


def _check_dropout(config: ModelConfig) -> None:
    """Dropout is a share below 1, and only the MLP has it."""
    choose(config.dropout_placed, DROPOUT_PLACED, "place of dropout")
    if not 0 <= config.dropout < 1:
        raise UserError(f"ModelConfig.dropout must be a share of the activations in [0, 1), got {config.dropout!r}")
    if config.dropout and not isinstance(plan_of(config), MLPPlan):
        raise UserError(f"{config.name} has no dropout: leave dropout at 0 or take an mlp")


def _check_widths(config: ModelConfig) -> None:
    """Widths are positive whole numbers, one per group."""
    if not config.widths or any(type(width) is not int or not 1 <= width <= MOST for width in config.widths):
        raise UserError(
            f"ModelConfig.widths must be whole numbers of at least 1 and at most {MOST:,}, got {config.widths!r}"
        )
    expected = len(plan_of(config).slots())
    if len(config.widths) != expected and not isinstance(plan_of(config), MLPPlan):
        raise UserError(
            f"{config.name} has {expected} groups of channels, got {len(config.widths)} widths: "
            f"give one width per group, in the order of model.groups()"
        )
