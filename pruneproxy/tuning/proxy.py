"""The proxy of a network: its narrow copy, pruned at initialisation as in the paper (Sec. 4, Algorithm 1)."""

import copy
import numbers
import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pruneproxy import examples, models, scores, surgery
from pruneproxy.errors import UserError, choose
from pruneproxy.examples import Example
from pruneproxy.randomness import generator
from pruneproxy.surgery import foreign, graph

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
    example: Example,
    *,
    percentile: float = 85.0,
    sigma: float = 0.15,
    round_to: int = 1,
    score: str = "synflow",
    labels: Tensor | None = None,
    weights: str = "kept",
    spare: str | Sequence[str] = (),
    seed: int = 0,
) -> Proxy:
    """The `Proxy` of the network that `factory` makes with `seed`.

    Channels are scored by `score`, a key of `scores.SCORES`, averaged over the fan-in and over coupled layers: by
    default |gradient x weight| of the sum of logits on the example (eq. 1 and 2). Those below the global `percentile`
    go, but every group keeps at least the share `sigma`, and its number is rounded up to a multiple of `round_to`.
    Layers named in `spare` and those that make the output stay whole. Percentile 0 is the full network itself. The
    scores "3sp" and "3sp-compute" need the `labels` of the example.

    >>> example = torch.randn(8, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    >>> build_proxy(lambda: torchvision.models.resnet18(num_classes=10), example).multiplications
    """
    narrow, full, kept, whole = narrowed(
        factory,
        example,
        percentile=percentile,
        sigma=sigma,
        round_to=round_to,
        score=score,
        labels=labels,
        weights=weights,
        spare=spare,
        seed=seed,
    )
    return Proxy(network=narrow, full=full, kept=kept, whole=whole, **_costs(narrow, full, example, seed))


def narrowed(
    factory: foreign.Factory,
    example: Example,
    *,
    percentile: float = 85.0,
    sigma: float = 0.15,
    round_to: int = 1,
    score: str = "synflow",
    labels: Tensor | None = None,
    weights: str = "kept",
    spare: str | Sequence[str] = (),
    seed: int = 0,
) -> tuple[nn.Module, nn.Module, dict[str, tuple[int, int]], dict[str, str]]:
    """What `build_proxy` makes before its costs are measured: the narrow network, the full one, `kept` and `whole`."""
    spare = spared(spare)
    _check(percentile, sigma, round_to, weights)
    choose(score, scores.SCORES, "score")
    full = foreign.made_alike(factory, seed, example)
    if percentile == 0:
        narrow, kept, whole = copy.deepcopy(full), {}, {}
    else:
        config = surgery.PruneConfig(
            percentile=percentile,
            sigma=sigma,
            multiple=round_to,
            score=score,
            fan_in="mean",
            coupled="mean",
            scope="all",
        )
        narrow, kept, whole = pruned(full, example, config, labels=labels, spare=spare, seed=seed)
    if weights == "fresh" and percentile:
        _draw_again(narrow, seed)
    _check_narrow(narrow, full, example)
    return narrow, full, kept, whole


def pruned(
    full: nn.Module,
    example: Example,
    config: surgery.PruneConfig,
    *,
    labels: Tensor | None = None,
    spare: Sequence[str] = (),
    seed: int = 0,
) -> tuple[nn.Module, dict[str, tuple[int, int]], dict[str, str]]:
    """The narrow network, how many channels each group had and has, and the layers that were left whole."""
    ours = isinstance(full, models.Network)
    found = graph.declared(full, spare=spare) if ours else graph.trace(full, example, spare=spare)
    if not found.groups:
        raise UserError(
            f"there is nothing to prune in {type(full).__name__}: expected a hidden convolution or linear layer whose "
            f"channels may go, got {_listed(found.whole) or 'no such layer'}; tune this network directly"
        )
    with foreign.seeded(seed, "scores"), foreign.trained_on():
        keep = surgery.choose_channels(
            found.network,
            config,
            batch=(example, labels),
            generator=generator(seed, "channels"),
            groups=found.groups,
        )
    kept = {group.name: (group.width, len(keep[group.name])) for group in found.groups}
    return graph.cut(found, keep), kept, found.whole


def _backward(network: nn.Module, example: Example, seed: int) -> None:
    """Gradients of the sum of all outputs, in training mode, on every parameter."""
    network.train().zero_grad(set_to_none=False)
    with foreign.trained_on(), foreign.seeded(seed, "scores"), torch.enable_grad():
        sum(tensor.sum() for tensor in examples.floating(examples.call(network, example))).backward()


def _draw_again(network: nn.Module, seed: int) -> None:
    """New initial weights, by each layer's own rule."""
    with foreign.seeded(seed, "fresh weights"):
        if isinstance(network, models.Network):
            models.initialise(network)
            return
        for module in network.modules():
            if callable(getattr(module, "reset_parameters", None)):
                module.reset_parameters()


def _check_narrow(narrow: nn.Module, full: nn.Module, example: Example) -> None:
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


def _costs(narrow: nn.Module, full: nn.Module, example: Example, seed: int) -> dict[str, float]:
    parameters = [sum(value.numel() for value in one.parameters()) for one in (narrow, full)]
    counted = [foreign.multiplications(one, example) for one in (narrow, full)]
    seconds = step_seconds((narrow, full), example, seed=seed)
    names = ("parameters", "multiplications", "seconds")
    return {
        f"{prefix}{name}": values[place]
        for name, values in zip(names, (parameters, counted, seconds), strict=True)
        for place, prefix in enumerate(("", "full_"))
    }


def step_seconds(pair: Sequence[nn.Module], example: Example, *, repeats: int = 5, seed: int = 0) -> list:
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
