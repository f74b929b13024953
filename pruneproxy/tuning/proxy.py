"""The proxy of a network: its narrow copy, pruned at initialisation as in the paper (Sec. 4, Algorithm 1)."""

import copy
import numbers
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pruneproxy import channels, models, surgery
from pruneproxy.errors import UserError, choose
from pruneproxy.surgery import foreign, graph
from pruneproxy.surgery.graph import Coupled

WEIGHTS = {
    "kept": "the initial weights of the scored network, cut to the kept channels, as in the paper",
    "fresh": "drawn anew in the narrow network, for its own fan-in",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Proxy:
    """A narrow network, the full one that it stands for, and what both cost.

    `kept` gives per group of coupled channels, named by its first layer, how many it had and has; `whole` says why
    other layers were left as they are. Multiplications are per input, seconds are those of a training step on the
    example.
    """

    network: nn.Module
    full: nn.Module
    kept: dict[str, tuple[int, int]]
    whole: dict[str, str]
    multiplications: int
    full_multiplications: int
    parameters: int
    full_parameters: int
    seconds: float
    full_seconds: float


def build_proxy(
    factory: foreign.Factory,
    example: foreign.Example,
    *,
    percentile: float = 85.0,
    sigma: float = 0.15,
    round_to: int = 1,
    weights: str = "kept",
    spare: str | Sequence[str] = (),
    seed: int = 0,
) -> Proxy:
    """The `Proxy` of the network that `factory` makes with `seed`.

    Channels are scored by |gradient x weight| of the sum of logits on the example, averaged over the fan-in (eq. 1
    and 2) and over coupled layers; those below the global `percentile` go, but every group keeps at least the share
    `sigma`, and its number is rounded up to a multiple of `round_to`. Layers named in `spare` and those that make the
    output stay whole. Percentile 0 is the full network itself.

    >>> example = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    >>> build_proxy(lambda: torchvision.models.resnet18(num_classes=10), example).multiplications
    """
    spare = spared(spare)
    _check(percentile, sigma, round_to, weights)
    full = foreign.made_alike(factory, seed, example)
    if percentile == 0:
        narrow, kept, whole = copy.deepcopy(full), {}, {}
    elif isinstance(full, models.Network) and not spare:
        narrow, kept, whole = _by_groups(full, example, percentile, sigma, round_to)
    else:
        narrow, kept, whole = by_graph(full, example, percentile, sigma, round_to, spare=spare, seed=seed)
    if weights == "fresh" and percentile:
        _draw_again(narrow, seed)
    _check_narrow(narrow, full, example)
    return Proxy(network=narrow, full=full, kept=kept, whole=whole, **_costs(narrow, full, example, seed))


def by_graph(
    full: nn.Module,
    example: foreign.Example,
    percentile: float,
    sigma: float,
    round_to: int = 1,
    *,
    spare: Sequence[str] = (),
    seed: int = 0,
) -> tuple[nn.Module, dict[str, tuple[int, int]], dict[str, str]]:
    """The narrow network with kept channels and layers left whole, from the dependency graph of Torch-Pruning."""
    unknown = [name for name in spare if name not in dict(full.named_modules())]
    if unknown:
        raise UserError(f"expected names of layers to spare, as in named_modules(), got {unknown[0]!r}")
    traced = graph.trace(full, example, spare=spare)
    if not traced.groups:
        raise UserError(
            f"there is nothing to prune in {type(full).__name__}: expected a hidden convolution or linear layer whose "
            f"channels may go, got {_listed(traced.whole) or 'no such layer'}; tune this network directly"
        )
    scored = scores(traced.network, traced.groups, example, seed=seed)
    keep = _rounded(_above(scored, percentile, sigma), scored, round_to)
    narrow = graph.cut(traced, keep)
    for name, module in full.named_modules():
        narrow.get_submodule(name).training = module.training
    for name, parameter in full.named_parameters():
        narrow.get_parameter(name).requires_grad_(parameter.requires_grad)
    return narrow, _kept(scored, keep), traced.whole


def _by_groups(full, example, percentile, sigma, round_to):
    """The same for a network that declares its groups."""
    config = surgery.PruneConfig(
        percentile=percentile, sigma=sigma, score="synflow", fan_in="mean", coupled="mean", scope="all"
    )
    keep = surgery.choose_channels(full, config, batch=example)
    scored = scores(full, declared(full), example)
    keep = _rounded(keep, scored, round_to)
    return surgery.narrow(full, keep), _kept(scored, keep), {"fc": "makes the output"}


def declared(network: models.Network) -> tuple[Coupled, ...]:
    """The groups that one of our networks declares, as the dependency graph would give them."""
    return tuple(
        Coupled(
            name=group.name,
            width=group.width,
            producers=tuple(
                (name, torch.arange(group.width))
                for name in group.producers
                if isinstance(network.get_submodule(name), graph.SCORED)
            ),
        )
        for group in network.groups()
    )


def scores(
    network: nn.Module, groups: Sequence[Coupled], example: foreign.Example, *, seed: int = 0
) -> dict[str, Tensor]:
    """Per group, the score of each channel: eq. 2 of the paper, averaged over the layers that produce the channel."""
    try:  # double precision, as for our own networks; code with a fixed one is scored in its own
        scored = copy.deepcopy(network).requires_grad_(True).double()
        _backward(scored, foreign.double(example), seed)
    except UserError:
        scored = copy.deepcopy(network).requires_grad_(True)
        _backward(scored, example, seed)
    return {group.name: _group_score(scored, group) for group in groups}


def _group_score(network: nn.Module, group: Coupled) -> Tensor:
    total, layers = torch.zeros(group.width, dtype=torch.float64), torch.zeros(group.width, dtype=torch.float64)
    for name, owner in group.producers:
        module, used = network.get_submodule(name), owner >= 0
        sums = torch.zeros(group.width, dtype=torch.float64).index_add_(0, owner[used], _filter_score(module)[used])
        counts = torch.bincount(owner[used], minlength=group.width)
        total += sums / counts.clamp(min=1)
        layers += counts > 0
    return total / layers.clamp(min=1)


def _filter_score(module: nn.Module) -> Tensor:
    """The mean of |gradient x weight| over the fan-in of each output channel."""
    saliency = (module.weight.grad * module.weight).detach().abs().double().cpu()
    if getattr(module, "transposed", False):
        saliency = saliency.transpose(0, 1)
    return saliency.flatten(1).mean(1)


def _backward(network: nn.Module, example: foreign.Example, seed: int) -> None:
    """Gradients of the sum of all outputs, in training mode, on every parameter."""
    network.train().zero_grad(set_to_none=False)
    try:
        with foreign.seeded(seed, "scores"), torch.enable_grad():
            output = foreign.call(network, example)
            sum(tensor.sum() for tensor in foreign.floating(output)).backward()
    except torch.OutOfMemoryError:
        raise
    except Exception as error:
        raise UserError(
            f"the network cannot be trained on the example ({foreign.short(error)}): pass a mini-batch of two inputs "
            f"or more, and leave out no_grad and detach"
        ) from error
    for parameter in network.parameters():
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)


def _above(scored: Mapping[str, Tensor], percentile: float, sigma: float) -> channels.Keep:
    """The channels at or above the percentile, and the best of the others where fewer than the share sigma are left."""
    least = channels.least_kept({name: len(values) for name, values in scored.items()}, sigma=sigma)
    counts = channels.surviving(scored, channels.threshold(scored, percentile))
    return channels.pick(scored, {name: max(count, least[name]) for name, count in counts.items()})


def _rounded(keep: channels.Keep, scored: Mapping[str, Tensor], multiple: int) -> channels.Keep:
    """`keep` with the best of the removed channels put back until each number is a multiple, or all channels."""
    result = {}
    for name, kept in keep.items():
        values = scored[name].clone()
        values[kept] = float("inf")
        count = min(len(values), -(-len(kept) // multiple) * multiple)
        result[name] = values.argsort(descending=True, stable=True)[:count].sort().values
    return result


def _kept(scored, keep) -> dict[str, tuple[int, int]]:
    return {name: (len(values), len(keep[name])) for name, values in scored.items()}


def _draw_again(network: nn.Module, seed: int) -> None:
    """New initial weights, by each layer's own rule."""
    with foreign.seeded(seed, "fresh weights"):
        if isinstance(network, models.Network):
            models.initialise(network)
            return
        for module in network.modules():
            if callable(getattr(module, "reset_parameters", None)):
                module.reset_parameters()


def _check_narrow(narrow: nn.Module, full: nn.Module, example: foreign.Example) -> None:
    """The narrow network reads the example, in both modes, and answers in the shape of the full one."""
    try:
        found = foreign.shapes(foreign.outputs(narrow, example))
        _backward(copy.deepcopy(narrow), example, 0)
    except UserError as error:
        raise UserError(
            f"cannot prune {type(full).__name__}: the narrow network fails on the example ({error.__cause__}), because "
            f"its code relies on a number of channels; name the layers concerned in `spare`"
        ) from error
    expected = foreign.shapes(foreign.outputs(full, example))
    if found != expected:
        raise UserError(
            f"cannot prune {type(full).__name__}: the narrow network puts out the shapes {found}, expected {expected}; "
            f"name the layers before the output in `spare`"
        )


def _costs(narrow: nn.Module, full: nn.Module, example: foreign.Example, seed: int) -> dict[str, float]:
    parameters = [sum(value.numel() for value in one.parameters()) for one in (narrow, full)]
    counted = [foreign.multiplications(one, example) for one in (narrow, full)]
    seconds = step_seconds((narrow, full), example, seed=seed)
    names = ("parameters", "multiplications", "seconds")
    return {
        f"{prefix}{name}": values[place]
        for name, values in zip(names, (parameters, counted, seconds), strict=True)
        for place, prefix in enumerate(("", "full_"))
    }


def step_seconds(pair: Sequence[nn.Module], example: foreign.Example, *, repeats: int = 5, seed: int = 0) -> list:
    """The median seconds of forward and backward pass of each network, taken in turns after one turn to warm up."""
    copies = [copy.deepcopy(network) for network in pair]
    times: list[list[float]] = [[] for _ in copies]
    for _ in range(repeats + 1):
        for network, found in zip(copies, times, strict=True):
            _wait(network)
            started = time.perf_counter()
            _backward(network, example, seed)
            _wait(network)
            found.append(time.perf_counter() - started)
    return [statistics.median(found[1:]) for found in times]


def _wait(network: nn.Module) -> None:
    if any(parameter.is_cuda for parameter in network.parameters()):
        torch.cuda.synchronize()


def spared(names: str | Sequence[str]) -> tuple[str, ...]:
    """The names of the layers to spare; one name alone is one layer."""
    return (names,) if isinstance(names, str) else tuple(names)


def _check(percentile, sigma, round_to, weights) -> None:
    choose(weights, WEIGHTS, "value of weights")
    if not (isinstance(percentile, numbers.Real) and 0 <= percentile < 100):
        raise UserError(f"expected a percentile of channels to remove in [0, 100), got {percentile!r}")
    if not (isinstance(sigma, numbers.Real) and 0 <= sigma <= 1):
        raise UserError(f"expected sigma, the least share of channels kept, in [0, 1], got {sigma!r}")
    if not isinstance(round_to, int) or round_to < 1:
        raise UserError(f"expected round_to, a multiple for numbers of channels, of at least 1, got {round_to!r}")


def _listed(whole: Mapping[str, str]) -> str:
    return "; ".join(f"{name or 'the network'} {why}" for name, why in list(whole.items())[:3])
