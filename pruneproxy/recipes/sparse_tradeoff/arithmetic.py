"""What follows from the space and the formulae of cost alone: nothing here is trained."""

import functools
from collections.abc import Iterable

import numpy as np
import pandas as pd

from pruneproxy import costs, sparse
from pruneproxy.costs import SparseCost
from pruneproxy.evidence import words
from pruneproxy.evidence.effects import Effect
from pruneproxy.models import Network
from pruneproxy.published import read
from pruneproxy.recipes.recipe import untrained
from pruneproxy.recipes.sparse_tradeoff.experiments import fixed, images, space, steps_per_epoch
from pruneproxy.recipes.sparse_tradeoff.protocol import PAPER, Case
from pruneproxy.search import Dimension
from pruneproxy.space import budget

ENDS = 2000  # values between the least and the largest end of updates
UNITS = ("weights", "multiplications")
CHARGED = {"algorithm-1": "Algorithm 1", "equation-4.5": "eq. 4.5 as printed", "performed": "as performed"}


def weighted(network: Network) -> tuple[costs.LayerCost, ...]:
    """The convolutions and dense layers of a network."""
    return tuple(layer for layer in costs.layers(network) if layer.kind != "batchnorm")


def layers(case: Case) -> tuple[costs.LayerCost, ...]:
    """The convolutions and dense layers of the fixed network (eq. 4.1 and 4.2)."""
    return weighted(untrained(fixed(case)))


def absolute(case: Case = PAPER["mnist"]) -> pd.DataFrame:
    """The multiplications of the dense fixed network, and those that Table 5.1 prints for MNIST."""
    inference = costs.total(layers(case))
    seen = case.base.train.epochs * images(case, folded=False)
    counted = {"inference": inference, "training": costs.training(_cost(inference), method="dense", images=seen)}
    dense = read("sparse_tradeoff", "table-5.1").set_index("algorithm").loc["Dense"]
    printed = {name: float(dense[f"{name}_flops_absolute"]) for name in counted}
    return pd.DataFrame({"here": counted, "printed": printed}).rename_axis("multiplications")


def charges(case: Case = PAPER["mnist"]) -> pd.DataFrame:
    """What a step of RigL costs in units of a dense step, by sparsity and way of charging, and what Table 5.1 prints.

    With the same density in all layers. `as performed` counts the updates that the interval and the end allow.
    """
    config, epochs = case.base.sparse, case.base.train.epochs
    dense, steps = costs.total(layers(case)), steps_per_epoch(case, folded=False) * epochs
    updates = min(int(steps * config.end), steps - 1) // config.interval
    printed = read("sparse_tradeoff", "table-5.1").query("algorithm == 'RigL'").set_index("sparsity")
    rows = []
    for sparsity in case.sparsities:
        cost = _cost(dense, 1 - sparsity, interval=config.interval, updates=updates, steps=steps)
        row = {title: float(costs.RIGL_CHARGED[name](cost) / (3 * dense)) for name, title in CHARGED.items()}
        rows.append({"sparsity": sparsity, "SET": cost.sparse / dense} | row)
    return pd.DataFrame(rows).set_index("sparsity").assign(printed=printed["training_flops_relative_to_dense"])


@functools.cache
def kept_ratios(charged: str = "performed") -> dict[str, list[Effect]]:
    """By data set, each cost over that of the dense network and over the share of weights that is kept.

    Only where the thesis gives all layers the same sparsity."""
    found = {}
    for case in (case for case in PAPER.values() if case.base.sparse.allocation == "uniform"):
        table = charges(case)
        trained = {"SET": table["SET"], "RigL": table[CHARGED[charged]]}
        found[case.dataset] = [
            Effect(label=f"{case.dataset}, {name} {sparsity:g}, {cost}", value=round(float(share / (1 - sparsity)), 9))
            for name, shares in trained.items()
            for sparsity, share in shares.items()
            for cost, share in (("inference", table.loc[sparsity, "SET"]), ("training", share))
        ]
    return found


def _cost(dense: int, density: float = 1.0, **run) -> SparseCost:
    return SparseCost(dense=dense, sparse=round(dense * density), **run)


def allocations(case: Case, sparsity: float) -> pd.DataFrame:
    """Every layer's weights and multiplications, and the density that each distribution gives it (Table 4.2).

    The last row has the shares of all weights and of all multiplications that are kept.
    """
    network = untrained(fixed(case))
    found = {layer.name: layer for layer in weighted(network)}
    shapes = {name: tuple(network.get_submodule(name).weight.shape) for name in found}
    counts = {unit: {name: getattr(one, unit) for name, one in found.items()} for unit in UNITS}
    shares = {name: sparse.densities(shapes, 1 - sparsity, allocation=name) for name in sparse.ALLOCATIONS}
    table = pd.DataFrame(counts | shares)
    sums = {unit: int(table[unit].sum()) for unit in UNITS}
    kept = {unit: table[list(shares)].mul(table[unit], axis=0).sum() / sums[unit] for unit in UNITS}
    for unit in UNITS:
        table.loc[f"all {unit}"] = {unit: sums[unit]} | dict(kept[unit])
    return table.astype(dict.fromkeys(UNITS, "Int64")).rename_axis("layer")


def budgets(cases: Iterable[Case]) -> pd.DataFrame:
    """The budget of a search by 50 d + 25 c (Sec. 5.2), and the trials of the protocol."""
    rows = []
    for case in cases:
        dimensions = space(case)
        whole = budget(dimensions, per_continuous=1, per_choice=0)
        row = {"dataset": case.dataset, "architecture": case.architecture, "d": whole, "c": len(dimensions) - whole}
        rows.append(row | {"50 d": 50 * whole, "50 d + 25 c": budget(dimensions), "trials": case.trials})
    return pd.DataFrame(rows).set_index("dataset")


def updating(cases: Iterable[Case]) -> pd.DataFrame:
    """The share of the draws with SET or RigL that ever move a mask in a search, from the ranges of the space itself.

    `text` and `fixed` are the two spaces (`protocol.SPACES`); `code` draws from the first, drops images that fill no
    batch and lets updates end no sooner than the first is due, as the released code does.
    """
    rows = {}
    for case in cases:
        steps = steps_per_epoch(case, folded=True)
        whole = images(case, folded=True) // case.base.train.batch_size
        rows[case.dataset] = {
            "text": share_that_moves(case, "text", steps),
            "code": share_that_moves(case, "text", whole, once_at_least=True),
            "fixed": share_that_moves(case, "fixed", steps),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("dataset")


def moves(shares: pd.DataFrame) -> str:
    """What `updating` finds, in a sentence."""
    text, fixed = (
        f"{words.number(100 * shares[name].min())} to {words.number(100 * shares[name].max())} percent"
        for name in ("text", "fixed")
    )
    return (
        f"In the printed space {text} of the draws with SET or RigL, by data set, ever move a mask; where an interval "
        f"is at most an epoch it is {fixed}."
    )


def share_that_moves(case: Case, name: str, per_epoch: int, *, once_at_least: bool = False) -> float:
    """The share of the draws whose interval is at most the last step at which there may be an update.

    That is the end in whole steps, or with `once_at_least` the last step of the run.
    """
    dimensions = {one.field: one for one in space(case, name)}
    interval, end = dimensions["sparse.interval"], dimensions["sparse.end"]
    epochs = np.arange(1, int(dimensions["train.epochs"].high) + 1)
    steps = per_epoch * epochs[:, None]
    ends = end.low + (end.high - end.low) * (np.arange(ENDS) + 0.5) / ENDS
    last = np.broadcast_to(steps - 1, (len(epochs), ENDS))
    if not once_at_least:
        last = np.minimum((steps * ends).astype(int), last)
    drawn = np.diff(_up_to(dimensions["train.epochs"], np.arange(len(epochs) + 1)))
    return float(drawn @ _up_to(interval, last).mean(axis=1))


def _up_to(dimension: Dimension, values: np.ndarray) -> np.ndarray:
    """The share of draws from whole numbers that are at most a value; what `Dimension.at` inverts."""
    low, high = dimension.low, dimension.high
    inside = np.clip(values, low - 1, high)
    if not dimension.log:
        return (inside - low + 1) / (high - low + 1)
    return np.log((inside + 0.5) / (low - 0.5)) / np.log((high + 0.5) / (low - 0.5))
