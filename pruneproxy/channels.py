"""From scores to kept channels: an allocation orders all removals, a target or a threshold says how many happen."""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor

from pruneproxy.errors import UserError, choose

Removals = list[tuple[str, int]]  # (group, channel), first to go first
Keep = dict[str, Tensor]  # group -> sorted indices of the kept channels


def _uniform(scores: Mapping[str, Tensor]) -> Removals:
    """Every group loses the same share of its channels: after a share x, round(x * width) of them, weakest first."""
    timed = [
        ((rank + 0.5) / len(values), place, name, channel)
        for place, (name, values) in enumerate(scores.items())
        for rank, channel in enumerate(values.argsort(stable=True).tolist())
    ]
    return [(name, channel) for _, _, name, channel in sorted(timed)]


def _global(scores: Mapping[str, Tensor]) -> Removals:
    """One ranking over all groups: the weakest channel of the whole network goes first."""
    ranked = [
        (value, place, channel, name)
        for place, (name, values) in enumerate(scores.items())
        for channel, value in enumerate(values.tolist())
    ]
    return [(name, channel) for _, _, channel, name in sorted(ranked)]


ALLOCATIONS = {"uniform": _uniform, "global": _global}


def removal_order(scores: Mapping[str, Tensor], *, allocation: str, floor: int | Mapping[str, int] = 1) -> Removals:
    """All removals that leave at least `floor` channels in every group, in the order in which they happen.

    `floor` is one number for all groups or one per group.
    """
    left = {name: len(values) for name, values in scores.items()}
    least = floor if isinstance(floor, Mapping) else dict.fromkeys(left, floor)
    order = []
    for name, channel in choose(allocation, ALLOCATIONS, "allocation")(scores):
        if left[name] > least[name]:
            left[name] -= 1
            order.append((name, channel))
    return order


def keep_after(removals: Removals, widths: Mapping[str, int]) -> Keep:
    """The channels of each group that remain after `removals`."""
    kept = {name: torch.ones(width, dtype=torch.bool) for name, width in widths.items()}
    for name, channel in removals:
        kept[name][channel] = False
    return {name: mask.nonzero().flatten() for name, mask in kept.items()}


def kept_widths(keep: Keep) -> dict[str, int]:
    """How many channels each group keeps."""
    return {name: len(index) for name, index in keep.items()}


def closest(
    removals: Removals, widths: Mapping[str, int], cost: Callable[[Mapping[str, int]], int], target: int
) -> Keep:
    """The prefix of `removals` whose cost comes closest to `target`.

    No removal raises the cost, so bisection finds the last prefix at or above the target; it or its successor is the
    answer, off by at most half of what one removal saves: of the cost of one channel, where each saves something.
    """

    def cost_after(count):
        return cost(kept_widths(keep_after(removals[:count], widths)))

    if cost_after(len(removals)) > target:
        raise UserError(
            f"expected a target of at least {cost_after(len(removals)):,} multiplications, which is what "
            f"remains when every group is at its floor, got {target:,}: raise the target or lower the floor"
        )
    low, high = 0, len(removals)  # cost(low) >= target >= cost(high)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if cost_after(middle) >= target else (low, middle)
    best = min((low, high), key=lambda count: abs(cost_after(count) - target))
    return keep_after(removals[:best], widths)


ROUNDINGS = {
    "up": "the ratio that remains is at least sigma (000, Algorithm 1)",
    "down": "whole channels below it are cut off, as the released code's int() does",
}


def least_kept(widths: Mapping[str, int], *, sigma: float, rounding: str = "up", floor: int = 1) -> dict[str, int]:
    """How many channels every group keeps at least: sigma of its width, rounded, and `floor`, but not more than all."""
    choose(rounding, ROUNDINGS, "rounding of sigma")
    whole = math.ceil if rounding == "up" else math.floor
    nudge = -1e-9 if rounding == "up" else 1e-9  # 0.15 * 40 is 6 in either
    return {name: min(width, max(floor, whole(sigma * width + nudge))) for name, width in widths.items()}


def threshold(scores: Mapping[str, Tensor], percentile: float) -> float:
    """tau, the `percentile`-th percentile of all scores taken together (000, Algorithm 1, step 4), interpolated."""
    return torch.cat([values.double() for values in scores.values()]).quantile(percentile / 100).item()


def surviving(scores: Mapping[str, Tensor], tau: float) -> dict[str, int]:
    """How many channels of each group score at least `tau`; none may be, which collapses the layer."""
    return {name: int((values >= tau).sum()) for name, values in scores.items()}


def _by_rank(scores: Tensor, count: int, generator: torch.Generator | None) -> Tensor:
    return scores.argsort(stable=True)[len(scores) - count :]


def _by_argsort(scores: Tensor, count: int, generator: torch.Generator | None) -> Tensor:
    return (scores.argsort(stable=True) >= len(scores) - count).nonzero().flatten()


def _by_chance(scores: Tensor, count: int, generator: torch.Generator | None) -> Tensor:
    if generator is None:
        raise UserError("expected a generator to pick channels at random, got none: pass one to choose_channels")
    return torch.randperm(len(scores), generator=generator)[:count]


def rounded_up(counts: Mapping[str, int], widths: Mapping[str, int], multiple: int) -> dict[str, int]:
    """The counts, each raised to a multiple, or to all channels of its group."""
    return {name: min(widths[name], -(-count // multiple) * multiple) for name, count in counts.items()}


PICKED = {  # how a group's channels are picked once their number is known
    "rank": _by_rank,  # the best ones
    "argsort": _by_argsort,  # 000's released code: places where argsort holds a large number, which is no rank test
    "random": _by_chance,  # any, at the same widths
}


def pick(
    scores: Mapping[str, Tensor],
    counts: Mapping[str, int],
    *,
    picked: str = "rank",
    generator: torch.Generator | None = None,
) -> Keep:
    """The kept channels of each group, as many as `counts` says."""
    rule = choose(picked, PICKED, "way of picking")
    return {name: rule(values, counts[name], generator).sort().values for name, values in scores.items()}
