"""How much of either cost each hyperparameter explains. Costs follow from settings: nothing is trained or fitted."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import cache
from itertools import pairwise
from math import prod

import numpy as np
import pandas as pd
import torch

from pruneproxy import costs, data, masks
from pruneproxy.cache import cached
from pruneproxy.models import ModelConfig
from pruneproxy.recipes.recipe import untrained
from pruneproxy.recipes.sparse_tradeoff.arithmetic import weighted
from pruneproxy.recipes.sparse_tradeoff.experiments import METHODS, images, space, target
from pruneproxy.recipes.sparse_tradeoff.frames import FIELDS
from pruneproxy.recipes.sparse_tradeoff.protocol import PAPER, Case
from pruneproxy.runs import RunSpec
from pruneproxy.space import Dimension, active, apply
from pruneproxy.sparse import SparseConfig

DRAWS, BINS = 2**13, 64
Layers = Mapping[str, tuple[tuple[int, ...], int]]  # the shape of each one's weights, and its multiplications
COSTS = ("inference", "training")
COUNT = ("sparse.", "model.sizes.", "model.blocks.", "train.epochs")  # what costs depend on


def cost_importances(dataset: str, name: str = "text") -> pd.DataFrame:
    """The share of the variance of the logarithm of each cost that each hyperparameter explains alone, by its name.

    Over the thesis's own space of a data set: the mean of the cost in each of 64 equally probable parts of the range of
    a hyperparameter (one for each choice), from 8,192 draws, less what the finite number of draws adds to the variance
    of these means. A hyperparameter that is inactive has no effect where it is.
    """
    case = next(one for one in PAPER.values() if one.dataset == dataset)
    found = cached("importances of costs", (dataset, name), lambda: explained(case, space(case, name)).to_dict())
    return pd.DataFrame(found)


def explained(case: Case, dimensions: Sequence[Dimension]) -> pd.DataFrame:
    """The same for any dimensions of a case."""
    cost = _cost_of(case)
    shares = np.random.default_rng(0).random((DRAWS, len(dimensions)))
    rows = [{one.field: one.at(float(share)) for one, share in zip(dimensions, row, strict=True)} for row in shares]
    found = [cost({one.field: row[one.field] for one in dimensions if active(one, row)}) for row in rows]
    possible = np.array([one is not None for one in found])
    values = np.log10(np.array([one for one in found if one is not None], dtype=float))
    names = {field: name for name, field in FIELDS.items()}
    parts = {names[one.field]: _parts(one, shares[possible, place]) for place, one in enumerate(dimensions)}
    return pd.DataFrame(
        {cost: {name: _share(values[:, at], part) for name, part in parts.items()} for at, cost in enumerate(COSTS)}
    )


def _parts(dimension, shares: np.ndarray) -> np.ndarray:
    """In which part of a range each draw lies: choices and few whole numbers are parts of their own."""
    if dimension.choices or dimension.integer:
        drawn = [dimension.at(float(share)) for share in shares]
        values = {value: place for place, value in enumerate(dict.fromkeys(drawn))}
        if len(values) <= BINS:
            return np.array([values[value] for value in drawn])
    return np.minimum((shares * BINS).astype(int), BINS - 1)


def _share(values: np.ndarray, parts: np.ndarray) -> float:
    """The variance of the means of the parts over that of the values, without what the noise of the means adds."""
    groups = [values[parts == part] for part in np.unique(parts)]
    weights = np.array([len(group) for group in groups]) / len(values)
    between = weights @ (np.array([group.mean() for group in groups]) - values.mean()) ** 2
    noise = weights @ np.array([group.var() / max(1, len(group) - 1) for group in groups])
    return float(max(0.0, between - noise) / values.var())


def _cost_of(case: Case) -> Callable[[Mapping], tuple[int, int] | None]:
    """From a setting to the multiplications of an image and of a training; None where a density is too low."""
    base, seen = target(case), images(case, folded=True)
    ends = prod(data.input_shape(base.data)), data.CATALOGUE[base.data.name].classes

    @cache
    def layers(model: ModelConfig) -> Layers:
        return _dense_layers(*ends, model.sizes.widths) if model.sizes else _built(replace(base, model=model))

    def cost(setting: Mapping) -> tuple[int, int] | None:
        spec = apply(base, {field: value for field, value in setting.items() if field.startswith(COUNT)})
        found = layers(spec.model)
        dense = sum(multiplications for _, multiplications in found.values())
        try:
            kept = _kept(found, spec.sparse) if spec.sparse.method in METHODS else dense
        except masks.Infeasible:
            return None
        charged = costs.SparseCost(dense=dense, sparse=kept, interval=spec.sparse.interval)
        return kept, costs.training(charged, method=spec.sparse.method, images=seen * spec.train.epochs)

    return cost


def _dense_layers(inputs: int, classes: int, widths: tuple[int, ...]) -> Layers:
    """Those of an MLP, whose weights are used once each."""
    ends = (inputs, *widths, classes)
    return {str(at): ((wide, before), wide * before) for at, (before, wide) in enumerate(pairwise(ends))}


def _built(spec: RunSpec) -> Layers:
    with torch.device("meta"):
        network = untrained(spec)
    shapes = {name: tuple(module.weight.shape) for name, module in network.named_modules() if hasattr(module, "weight")}
    return {layer.name: (shapes[layer.name], layer.multiplications) for layer in weighted(network)}


def _kept(layers: Layers, sparse: SparseConfig) -> int:
    """The multiplications of the weights that masks keep, from each layer's shape and multiplications."""
    shapes = {name: shape for name, (shape, _) in layers.items()}
    shares = masks.densities(shapes, sparse.density, allocation=sparse.allocation, kept_dense=sparse.kept_dense)
    kept = masks.counts(shapes, shares)
    return sum(count * layers[name][1] // prod(shapes[name]) for name, count in kept.items())
