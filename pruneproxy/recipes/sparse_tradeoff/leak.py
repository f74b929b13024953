"""How many held-out rows of Elec2 the released code has trained on (paper 002).

It shuffles the rows anew in every pass and only then takes the training part from the front and the test part from
the rest, so that each of them comes from an order of its own.
"""

import numpy as np

from pruneproxy.errors import UserError, choose
from pruneproxy.evidence import words

FOLDS, SHARE = 5, 0.7  # of the training part, and its share of all rows
SHUFFLED = {
    "once": "one order, cut into parts that share no row",
    "each pass": "every part is cut from an order of its own (the released code)",
}


def expected_seen(*, fold: int | None = None) -> float:
    """The share of the held-out rows that are expected among the training rows if every pass shuffles anew.

    Without a `fold` the test part after the training part; with one, the fold of the training part, whose training
    rows come in two pieces, before and after it, from two passes.
    """
    pieces, _ = _parts(fold)
    return 1 - float(np.prod([1 - (stop - start) for start, stop in pieces]))


def seen() -> str:
    """What `expected_seen` says of the released code, in a sentence."""
    share = words.number(100 * expected_seen())
    return f"The released code shuffles Elec2 anew in every pass: {share} percent of its test rows were trained on."


def simulated_seen(rows: int, *, fold: int | None = None, shuffled: str = "each pass") -> float:
    """The same share counted in one simulation with `rows` rows; `shuffled` is a key of SHUFFLED."""
    choose(shuffled, SHUFFLED, "way of shuffling")
    generator = np.random.default_rng(0)
    order = generator.permutation(rows)
    pieces, held_out = _parts(fold)

    def cut(part):
        start, stop = (round(edge * rows) for edge in part)
        return (order if shuffled == "once" else generator.permutation(rows))[start:stop]

    trained = np.concatenate([cut(piece) for piece in pieces])
    return float(np.isin(cut(held_out), trained).mean())


def _parts(fold) -> tuple[list[tuple[float, float]], tuple[float, float]]:
    """The pieces that are trained on and the one that is held out, as places between 0 and 1 in an order of rows."""
    if fold is None:
        return [(0.0, SHARE)], (SHARE, 1.0)
    if not 0 <= fold < FOLDS:
        raise UserError(f"expected a fold from 0 to {FOLDS - 1}, got {fold!r}")
    start, stop = SHARE * fold / FOLDS, SHARE * (fold + 1) / FOLDS
    return [(0.0, start), (stop, SHARE)], (start, stop)
