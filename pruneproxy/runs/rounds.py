"""A round of iterative magnitude pruning: trains, removes the smallest weights, stores masks (003, Algorithm A1)."""

import hashlib

import torch
from torch import Tensor, nn

from pruneproxy import data, environment, magnitude, models
from pruneproxy.errors import UserError
from pruneproxy.runs.ensuring import DEFAULTS, Conditions
from pruneproxy.runs.execution import trained_weights
from pruneproxy.runs.tickets import MASKS, stored
from pruneproxy.store import Store

__all__ = ["MASKS", "REWINDS", "SCOPES", "execute", "prunable", "pruned"]

SCOPES = {
    "global": "the smallest weights of all layers together",
    "layerwise": "the same share of every layer (local pruning, Figs. A15 and A16)",
    "donor": "of every layer as many as a round of another run has removed (match-LPR, Fig. 7)",
}
REWINDS = {
    "start": "the initial weights",
    "epoch": "the weights after some epochs of the dense network (late rewinding)",
    "end": "the weights at the end of the round (learning-rate rewinding)",
}


def execute(spec, store: Store, conditions: Conditions = DEFAULTS) -> dict:
    """Runs a `RoundSpec` and returns its record; masks are stored as bits, beside it."""
    weights = trained_weights(spec.training, store, conditions)
    names = prunable(spec)
    keep = _before(spec, {name: weights[f"{name}.weight"] for name in names}, store)
    found = pruned(spec, {name: weights[f"{name}.weight"] for name in names}, keep, store)
    bits = magnitude.packed(found)
    store.save_tensors(f"{spec.id}-masks", bits)
    if spec.finding.rewind == "end":
        store.save_tensors(f"{spec.id}-weights", weights)
    trained = store.get(spec.training.id)
    content = {
        "training": spec.training.id,
        "shapes": {name: list(mask.shape) for name, mask in found.items()},
        "kept": magnitude.counts(found),
        "masks": _digest(bits),
        "cost": {"seconds": trained["cost"]["seconds"]},
        "data": trained["data"],
    }
    store.remove_tensors(f"{spec.training.id}-weights")
    return spec.record(content, device=str(environment.resolve_device(conditions.device)))


def prunable(spec) -> list[str]:
    """The convolutions that a round prunes, in forward order."""
    shape, classes = data.input_shape(spec.find.data), data.CATALOGUE[spec.find.data.name].classes
    with torch.device("meta"):
        network = models.build(spec.find.model, shape=shape, classes=classes)
    names = [name for name, module in network.named_modules() if isinstance(module, nn.Conv2d)]
    names = names if spec.finding.first else names[1:]
    if not names:
        raise UserError(f"expected a network with convolutions to prune, got {spec.find.model.name}")
    return names


def _before(spec, weights: dict[str, Tensor], store: Store) -> dict[str, Tensor]:
    """The masks before the round."""
    if spec.before is None:
        return {name: torch.ones(weight.shape, dtype=torch.bool) for name, weight in weights.items()}
    return stored(spec.before, store)


def pruned(spec, weights: dict[str, Tensor], keep: dict[str, Tensor], store: Store) -> dict[str, Tensor]:
    """The masks after a round, from the weights that it has trained and the masks before."""
    share, number = spec.finding.share, spec.number
    if spec.finding.scope == "global":
        total = sum(mask.numel() for mask in keep.values())
        return magnitude.largest(weights, keep, magnitude.remaining(total, share, number))
    if spec.finding.scope == "donor":
        return magnitude.largest_of_layers(weights, keep, magnitude.counts(stored(spec.donor, store)))
    counts = {name: magnitude.remaining(mask.numel(), share, number) for name, mask in keep.items()}
    return magnitude.largest_of_layers(weights, keep, counts)


def _digest(bits: dict[str, Tensor]) -> str:
    found = hashlib.sha256()
    for name, values in bits.items():
        found.update(name.encode() + values.numpy().tobytes())
    return found.hexdigest()
