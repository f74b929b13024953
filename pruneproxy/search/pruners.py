"""Who stops a trial early. The decision is a function of the reported values, so it repeats after a kill."""

import binascii
import math
from collections.abc import Callable, Sequence

from pruneproxy.errors import choose

REDUCTION = 3  # of every REDUCTION trials that reach a rung, one goes on (eta of Li et al.; Optuna's default too)

# Stops(number of the trial, epoch) with the reported values {epoch: value} of all trials by number.
Stops = Callable[[int, int, dict[int, dict[int, float]]], bool]


def brackets(epochs: int) -> int:
    """How many brackets Hyperband has: in bracket b the first decision falls after 3^b epochs."""
    return math.floor(math.log(epochs, REDUCTION) + 1e-9) + 1


def bracket(name: str, number: int, epochs: int) -> int:
    """The bracket of a trial: drawn from a hash of the study's name and its number, as Optuna does."""
    count = brackets(epochs)
    shares = [math.ceil(count * REDUCTION ** (count - 1 - b) / (count - b)) for b in range(count)]
    place = binascii.crc32(f"{name}_{number}".encode()) % sum(shares)
    return next(b for b in range(count) if place < sum(shares[: b + 1]))


def promoted(value: float, competing: Sequence[float], sign: int) -> bool:
    """Whether `value` is in the best third of those that reached the rung (the best one, when they are few)."""
    ranked = sorted((sign * other for other in competing), reverse=True)
    return sign * value >= ranked[max(len(ranked) // REDUCTION - 1, 0)]


def hyperband(name: str, epochs: int, sign: int) -> Stops:
    """Asynchronous Hyperband (Li et al. 2018): rungs after 3^b, 3^(b+1), ... epochs, each passed by the best third.

    Unlike Optuna's, the sampler learns from the trials of all brackets, since small budgets leave few in each. The
    last epoch is no rung: a trial that gets there is complete.
    """

    def stops(number: int, epoch: int, reported: dict[int, dict[int, float]]) -> bool:
        here = bracket(name, number, epochs)
        rung = REDUCTION**here
        while rung < epochs:
            reached = _reached(reported[number], rung)
            if reached == epoch:
                values = {n: _reached(rows, rung) for n, rows in reported.items() if bracket(name, n, epochs) == here}
                competing = [reported[n][step] for n, step in values.items() if step is not None]
                if not promoted(reported[number][epoch], competing, sign):
                    return epoch < epochs
            rung *= REDUCTION
        return False

    return stops


def _reached(rows: dict[int, float], rung: int) -> int | None:
    """The first reported epoch at or after a rung."""
    return min((step for step in rows if step >= rung), default=None)


PRUNERS = {
    "none": None,
    "hyperband": hyperband,
}
EXPLAINED = {
    "none": "every trial is trained to its last epoch",
    "hyperband": "trials that fall behind others of their bracket after 1, 3, 9, ... epochs are stopped",
}


def make(name: str, *, study: str, epochs: int | None, sign: int) -> Stops | None:
    """The pruner called `name`, or None for the one that stops nothing."""
    factory = choose(name, PRUNERS, "pruner")
    return factory and factory(study, epochs, sign)
