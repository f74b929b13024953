"""Widths of an MLP from a few numbers."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from pruneproxy.errors import UserError, choose
from pruneproxy.limits import MANY, MOST


def _added_up(start: int, end: int, steps: int) -> list[int]:
    """Equal steps added one after the other as fractions of the machine; Python rounds halves to even numbers."""
    width, found = float(start), []
    for _ in range(steps):
        width += (end - start) / steps
        found.append(round(width))
    return found


def _half_up(start: int, end: int, steps: int) -> list[int]:
    """The points of the line, exact halves rounded up."""
    return [math.floor(start + Fraction((end - start) * step, steps) + Fraction(1, 2)) for step in range(1, steps + 1)]


WIDTHS_ROUNDED: dict[str, Callable[[int, int, int], list[int]]] = {
    "code": _added_up,  # 002's released code; the text names no rounding
    "half-up": _half_up,  # as it is taught
}


def mlp_widths(
    layers: int, *, first: int, middle: int | None = None, last: int | None = None, rounded: str = "code"
) -> tuple[int, ...]:
    """The widths of the hidden layers of an MLP whose first, middle and last layer are given (002, Sec. 4.1).

    Between these three, widths lie on straight lines. Layer ceil(layers / 2) is the middle one, so that of an even
    number it is the last layer of the first half (Fig. 4.1: 8, 100, 40, 80). One layer has only `first`, two have no
    `middle`.
    """
    between = choose(rounded, WIDTHS_ROUNDED, "rounding of widths")
    _check_sizes(layers, first=first, middle=middle, last=last)
    if layers == 1:
        return (first,)
    if layers == 2:
        return (first, last)
    steps = math.ceil(layers / 2) - 1
    return (first, *between(first, middle, steps), *between(middle, last, layers - 1 - steps))


@dataclass(frozen=True, kw_only=True)
class MLPSizes:
    """The hidden layers of an MLP by their number and three widths, of which few layers use the first only."""

    layers: int
    first: int = 100
    middle: int = 100
    last: int = 100
    rounded: str = "code"

    def __post_init__(self):
        _ = self.widths  # what makes no sense is refused

    @property
    def widths(self) -> tuple[int, ...]:
        """The width of every hidden layer."""
        return mlp_widths(self.layers, first=self.first, middle=self.middle, last=self.last, rounded=self.rounded)


def _check_sizes(layers: int, **sizes: int | None) -> None:
    """A positive number of layers, and a positive size of each one that this number of layers uses."""
    if type(layers) is not int or not 1 <= layers <= MANY:
        raise UserError(f"expected a whole number of at least 1 hidden layers, got {layers!r}")
    used = ("first", "last", "middle")[:layers]
    for name in used:
        if type(sizes[name]) is not int or not 1 <= sizes[name] <= MOST:
            raise UserError(
                f"expected the {name} of {layers} hidden layers as a whole number of at least 1, got {sizes[name]!r}"
            )
