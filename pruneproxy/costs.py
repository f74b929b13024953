"""What a network costs per image: multiplications and parameters of every layer, under named conventions."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from fractions import Fraction

import torch
from torch import Tensor, nn

from pruneproxy import examples
from pruneproxy.errors import UserError, choose

COUNTED = {nn.Conv2d: "conv", nn.Linear: "linear", nn.BatchNorm1d: "batchnorm", nn.BatchNorm2d: "batchnorm"}
FOREIGN = {nn.modules.conv._ConvNd: "conv", nn.Linear: "linear"}  # what costs multiplications in any network


@dataclass(frozen=True, kw_only=True)
class LayerCost:
    """The cost of one layer for one image."""

    name: str
    kind: str  # conv, linear or batchnorm
    multiplications: int  # weights times the positions at which they are used; 0 for batch normalisation
    weights: int
    biases: int
    outputs: int  # elements of the output
    shortcut: bool = False  # on a shortcut of a residual block

    @property
    def parameters(self) -> int:
        """Trained numbers: weights and biases."""
        return self.weights + self.biases


def _multiplications(layer: LayerCost) -> int:
    return layer.multiplications


def _flops(layer: LayerCost) -> int:
    return 2 * layer.multiplications


def _with_batch_norm(layer: LayerCost) -> int:
    return layer.multiplications + (2 * layer.outputs if layer.kind == "batchnorm" else 0)


def _without_shortcuts(layer: LayerCost) -> int:
    return 0 if layer.shortcut else layer.multiplications


CONVENTIONS = {
    "multiplications": _multiplications,  # of convolutions and linear layers, zero padding included
    "flops": _flops,  # 001, Table 3.2: a multiplication and an addition each
    "with-batch-norm": _with_batch_norm,  # 004's code: two more for each normalised element
    "without-shortcuts": _without_shortcuts,  # 002's code: projections are forgotten
}


def total(layers: Iterable[LayerCost], *, convention: str = "multiplications") -> int:
    """The sum over `layers` under a convention."""
    return sum(map(choose(convention, CONVENTIONS, "cost convention"), layers))


@dataclass(frozen=True, kw_only=True)
class SparseCost:
    """What the cost of sparse training depends on: multiplications of one forward pass, and topology updates."""

    dense: int  # of the network without masks
    sparse: int  # of the kept weights
    interval: int = 1  # steps from one topology update to the next, Delta T
    updates: int = 0  # how many there were
    steps: int = 1  # of the whole run


def _algorithm_1(cost: SparseCost) -> Fraction:
    """(3 f_s Delta T + 2 f_s + f_d) / (Delta T + 1)."""
    return Fraction(3 * cost.sparse * cost.interval + 2 * cost.sparse + cost.dense, cost.interval + 1)


def _equation_as_printed(cost: SparseCost) -> Fraction:
    """(3 Delta T + 2 f_s + f_d) / (Delta T + 1): f_s is missing in the first term."""
    return Fraction(3 * cost.interval + 2 * cost.sparse + cost.dense, cost.interval + 1)


def _as_performed(cost: SparseCost) -> Fraction:
    """A step at an update costs 2 f_s + f_d, every other one 3 f_s."""
    return 3 * cost.sparse + Fraction(cost.updates * (cost.dense - cost.sparse), cost.steps)


RIGL_CHARGED = {  # how the dense gradients of RigL's updates are charged, per image and step
    "algorithm-1": _algorithm_1,  # 002, Algorithm 1: over the whole run, even where updates have ended or never began
    "equation-4.5": _equation_as_printed,  # 002, eq. 4.5, letter by letter
    "performed": _as_performed,  # at the updates that took place
}


def training(cost: SparseCost, *, method: str, images: int, charged: str = "algorithm-1") -> int:
    """Multiplications of training on `images` images, repetitions counted (002, Algorithm 1, eq. 4.3 to 4.5).

    The backward pass costs twice the forward pass; a step of sparse training costs by density, and RigL's updates need
    the gradients of all weights, `charged` as named.
    """
    rigl = choose(charged, RIGL_CHARGED, "way of charging RigL's updates")
    per_image = {
        "dense": lambda cost: 3 * cost.dense,
        "static": lambda cost: 3 * cost.sparse,
        "set": lambda cost: 3 * cost.sparse,
        "rigl": rigl,
    }
    return round(choose(method, per_image, "method of sparse training")(cost) * images)


def parameters(model: nn.Module) -> int:
    """Trained numbers of `model`."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)


def layers(
    model: nn.Module,
    *,
    shape: tuple[int, ...] | None = None,
    keep: Mapping[str, Tensor] | None = None,
    example=None,
) -> tuple[LayerCost, ...]:
    """The cost of every layer of `model` for one input of `shape` (default: the model's own), in forward order.

    `keep` maps layer names to boolean masks of their weights: then only kept weights are counted, and only kept
    channels of a batch normalisation. The forward pass runs on the meta device: no arithmetic, and the model stays as
    it is. With an `example`, a mini-batch, the model may be any network: its first input is computed, and only
    convolutions and linear layers are counted.
    """
    found: list[LayerCost] = []
    shortcuts = tuple(f"{name}." for name, module in model.named_modules() if getattr(module, "is_shortcut", False))
    counted = _counted(model) if example is None else _foreign(model)
    _check_masks(keep or {}, counted)

    def record(name, module, inputs, output):
        mask = (keep or {}).get(name)
        found.append(_cost(module, inputs[0], output, mask, name=name, shortcut=name.startswith(shortcuts)))

    hooks = [
        module.register_forward_hook(lambda module, inputs, output, name=name: record(name, module, inputs, output))
        for name, module in counted.items()
    ]
    try:
        if example is None:
            _forward_on_meta(model, model.shape if shape is None else shape)
        else:
            _forward(model, examples.first(example, next(model.parameters()).device))
    finally:
        for hook in hooks:
            hook.remove()
    return tuple(found)


def narrowed(layers: Iterable[LayerCost], groups: Iterable, widths: Mapping[str, int]) -> tuple[LayerCost, ...]:
    """What `layers(model)` becomes when those of its `groups` named in `widths` have other widths.

    Exact, because a layer's weights are a product of its input and its output width; of a layer that a group shares
    with others, the mean over the group's channels.
    """
    known = {group.name: group for group in groups}
    inputs, outputs = defaultdict(lambda: Fraction(1)), defaultdict(lambda: Fraction(1))
    for name, width in widths.items():
        group = choose(name, known, "group")
        lost = 1 - Fraction(width, group.width)
        for layer in group.consumers:
            inputs[layer] -= lost * _part(group.columns.get(layer))
        for layer in group.producers:
            outputs[layer] -= lost * _part(group.rows.get(layer))
    return tuple(_scaled(layer, inputs.get(layer.name, 1), outputs.get(layer.name, 1)) for layer in layers)


def _part(owner: Tensor | None) -> Fraction:
    """The share of a layer's channels that belong to a group."""
    return Fraction(1) if owner is None else Fraction(int((owner >= 0).sum()), len(owner))


def _scaled(layer: LayerCost, inputs: Fraction | int, outputs: Fraction | int) -> LayerCost:
    """A layer whose input and output widths change by the given factors."""
    return replace(
        layer,
        multiplications=int(layer.multiplications * inputs * outputs),
        weights=int(layer.weights * inputs * outputs),
        biases=int(layer.biases * outputs),
        outputs=int(layer.outputs * outputs),
    )


def _cost(module, inputs: Tensor, output: Tensor, mask: Tensor | None, *, name: str, shortcut: bool) -> LayerCost:
    """The cost of a layer from the shape of its output; a mask counts kept weights only."""
    kind = _kind(module, COUNTED | FOREIGN)
    weights = module.weight.numel() if mask is None else int(mask.sum())
    channels = module.weight.shape[0]
    # Every weight is used once at each position of the output, of a transposed convolution at each of the input.
    positions = (inputs if getattr(module, "transposed", False) else output).numel() // channels
    normalised = kind == "batchnorm"
    return LayerCost(
        name=name,
        kind=kind,
        multiplications=0 if normalised else positions * weights,
        weights=weights,
        biases=0 if module.bias is None else weights if normalised else channels,
        outputs=positions * (weights if normalised else channels),
        shortcut=shortcut,
    )


def _kind(module: nn.Module, kinds: Mapping = COUNTED) -> str | None:
    """The kind of a layer that has a cost; None for any other module."""
    return next((kind for layer, kind in kinds.items() if isinstance(module, layer)), None)


def _foreign(model: nn.Module) -> dict[str, nn.Module]:
    return {name: module for name, module in model.named_modules() if _kind(module, FOREIGN)}


def _counted(model: nn.Module) -> dict[str, nn.Module]:
    """The layers of `model` that have a cost; a layer with parameters that nobody can count is an error."""
    for name, module in model.named_modules():
        if _kind(module) is None and any(True for _ in module.parameters(recurse=False)):
            raise UserError(
                f"cannot count {name or 'the model'}, a {type(module).__name__}: expected parameters only "
                f"in {', '.join(layer.__name__ for layer in COUNTED)}; build the network from these"
            )
    return {name: module for name, module in model.named_modules() if _kind(module)}


def _check_masks(keep: Mapping[str, Tensor], counted: Mapping[str, nn.Module]) -> None:
    """Every mask belongs to a counted layer and has the shape of its weights."""
    for name, mask in keep.items():
        weight = choose(name, counted, "layer").weight
        if mask.shape != weight.shape:
            raise UserError(
                f"the mask of {name} must have the shape of its weights, {tuple(weight.shape)}, got {tuple(mask.shape)}"
            )


def _forward_on_meta(model: nn.Module, shape: tuple[int, ...]) -> None:
    """One forward pass of shapes only; parameters and buffers are replaced, the model's modes restored."""
    state = {name: tensor.detach().to("meta") for name, tensor in (*model.named_parameters(), *model.named_buffers())}
    with torch.no_grad(), _evaluating(model):
        torch.func.functional_call(model, state, torch.zeros(1, *shape, device="meta"))


def _forward(model: nn.Module, example) -> None:
    with torch.no_grad(), _evaluating(model):
        examples.call(model, example)


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode inside, and every module's own mode again afterwards."""
    modes = [(module, module.training) for module in model.modules()]
    model.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode
