"""The paper's number beside ours, and whether both are compatible."""

from dataclasses import dataclass

import numpy as np

from pruneproxy.evidence.claims import Claim, Ruling
from pruneproxy.evidence.effects import Effect, typical


@dataclass(frozen=True, kw_only=True)
class Compared:
    """Means over units, ours and the printed one (None where there is none), and what another study like ours finds.

    `expected` is the interval that predicts the mean of such a study; None where the size of a printed number says
    nothing about another network, or where nothing was resampled.
    """

    ours: Effect | None = None
    paper: Effect | None = None
    expected: tuple[float, float] | None = None

    @property
    def compatible(self) -> bool | None:
        """Whether the printed number lies where another study like ours would find its own."""
        if self.expected is None:
            return None
        return bool(self.expected[0] <= self.paper.value <= self.expected[1])

    @property
    def answer(self) -> str:
        """In words, or why there is no answer."""
        if self.compatible is not None:
            return "compatible" if self.compatible else "not compatible"
        if self.ours is None:
            return "not run here"
        return "not printed" if self.paper is None else "size not comparable: another network or data"

    @property
    def row(self) -> tuple:
        """Ours, its interval, the paper's and the answer, as a page shows them."""
        ours, paper = (side and side.value for side in (self.ours, self.paper))
        return ours, self.ours and self.ours.interval, paper, self.answer

    def __str__(self) -> str:
        if self.expected is None:
            return ""
        low, high = self.expected
        return f"{self.answer}: {self.paper.value:.3g} printed, {low:.3g} to {high:.3g} expected"


def compared(claim: Claim, ours: Ruling | None, printed: Ruling | None) -> Compared:
    """A claim's number in our records beside the printed one."""
    mine, theirs = (None if ruling is None else _mean(ruling) for ruling in (ours, printed))
    found = Compared(ours=mine, paper=theirs)
    if not claim.comparable or mine is None or theirs is None or mine.interval is None:
        return found
    low, high = (float(mine.value + (edge - mine.value) * np.sqrt(2)) for edge in mine.interval)
    return Compared(ours=mine, paper=theirs, expected=(low, high))


def _mean(ruling: Ruling) -> Effect | None:
    """The mean of a ruling's units; None where one of them is no number."""
    found = typical(list(ruling.effects))
    return found if np.isfinite(found.value) else None
