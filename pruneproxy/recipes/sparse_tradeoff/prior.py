"""How many configurations drawn from the space of Table 4.2 ever move their masks (paper 002)."""

import math

import numpy as np
import pandas as pd

from pruneproxy import published

INTERVAL = (1, 1_000_000)  # steps, evenly (Table 4.2)
END = (0.1, 1.0)  # share of the steps, evenly
FOLDS = 5  # of the search; its runs train on all but one (Sec. 4.4.3)


def share_that_updates(
    train_size: int,
    batch_size: int,
    max_epochs: int,
    *,
    interval: tuple[int, int] = INTERVAL,
    end: tuple[float, float] = END,
    drop_last: bool = False,
    once_at_least: bool = False,
) -> float:
    """The share of the draws with SET or RigL whose topology is updated at least once.

    A whole number of epochs is drawn evenly in its logarithm from 1 to `max_epochs`, the interval evenly from whole
    numbers, the end evenly. A run of n steps has an update if the interval is at most the last step at which there may
    be one, int(n * end), or with `once_at_least` at most n - 1 as in the released code.
    """
    steps = (train_size // batch_size if drop_last else math.ceil(train_size / batch_size)) * np.arange(
        1, max_epochs + 1
    )
    low, high = interval
    if once_at_least:
        expected = np.clip(steps - 1 - (low - 1), 0, high - low + 1)
    else:
        expected = np.array([_mean_count(n * end[0], n * end[1], low, high) for n in steps])
    return float(epochs_drawn(max_epochs) @ expected) / (high - low + 1)


def epochs_drawn(most: int) -> np.ndarray:
    """The probability of 1, 2, ..., `most` epochs: of number k that of the logarithms from k - 1/2 to k + 1/2."""
    edges = np.log(np.arange(most + 1) + 0.5)
    return np.diff(edges) / (edges[-1] - edges[0])


def by_dataset(*, folds: int | None = FOLDS) -> pd.DataFrame:
    """The share for each data set of the thesis, in the words of the text and as the released code runs.

    Sizes are those of Tables 4.3 and 5.3; `folds` None takes the whole training data, as the final runs do.
    """
    constants = published.read("sparse_tradeoff", "table-5.3").set_index("dataset")
    rows = []
    for dataset, size in published.read("sparse_tradeoff", "table-4.3").set_index("dataset")["train_size"].items():
        train = int(size) if folds is None else int(size) * (folds - 1) // folds
        sizes = (train, int(constants.loc[dataset, "batch_size"]), int(constants.loc[dataset, "max_epochs"]))
        text = share_that_updates(*sizes)
        code = share_that_updates(*sizes, drop_last=True, once_at_least=True)
        rows.append({"dataset": dataset, "most_steps": -(-sizes[0] // sizes[1]) * sizes[2], "text": text, "code": code})
    return pd.DataFrame(rows).set_index("dataset")


def _mean_count(start: float, stop: float, low: int, high: int) -> float:
    """The mean number of intervals from `low` to `high` that fit a last step spread evenly over start..stop."""
    return (_summed(stop, low, high) - _summed(start, low, high)) / (stop - start)


def _summed(x: float, low: int, high: int) -> float:
    """The integral from 0 to x of the number of whole numbers from `low` to `high` that are at most floor(t)."""
    full = max(0.0, min(x, high + 1) - low)  # beyond `low` the count grows by one with each unit
    whole = math.floor(full)
    return whole * (whole + 1) / 2 + (full - whole) * (whole + 1) + max(0.0, x - high - 1) * (high - low + 1)
