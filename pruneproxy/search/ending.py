"""When a search may end before its budget: when no trial that is left is likely to change the choice."""

from collections.abc import Sequence

import numpy as np

from pruneproxy.search.loop import Trial

CHANCE = 0.02  # of all good ones to come in what is left; little, since every trial is another look
SLOPE = 2.0  # margins by which the best must exceed the middling setting: else nothing has been learned of the space
FEWEST = 8  # trials from which anything can be said


def settled(trials: Sequence[Trial], total: int, margin: float | None) -> bool:
    """Whether the trials that are left of `total` can hardly beat the best one by more than `margin` (None: unknown).

    If c others are within the margin of the best, settings as good are no rarity: were they dealt out over the whole
    search by lot, the chance that all of them came in the share r that is left would be r^c. The search may end when
    that is 2 % or less, and the best exceeds the middling setting by more than two margins, so that the search has
    seen a slope. In planted searches, random and by TPE, the choice was then within the margin of what the whole search
    would have chosen in at least 95 of 100. What no trial has come near, such as a narrow peak, cannot be foreseen.
    """
    if margin is None or not FEWEST <= len(trials) < total:
        return False
    values = np.array([-np.inf if trial.value is None else trial.value for trial in trials], dtype=float)
    best = values.max()
    if not np.isfinite(best) or best - np.median(values) <= SLOPE * margin:
        return False
    others = int((values >= best - margin).sum()) - 1
    return others > 0 and (1 - len(trials) / total) ** others <= CHANCE
