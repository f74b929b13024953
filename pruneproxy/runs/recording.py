"""What is measured of a run, and the record of it."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch

from pruneproxy import costs, environment
from pruneproxy.sparse import Topology
from pruneproxy.train import Training, weights_hash


class Meter:
    """Seconds, joules and bytes since its making, and the seconds of an interrupted run before it."""

    def __init__(self, device: torch.device):
        self.device, self.before = device, 0.0
        self._started, self._joules = environment.clock(device), environment.energy(device)

    @property
    def seconds(self) -> float:
        """Spent on the run so far."""
        return self.before + environment.clock(self.device) - self._started

    @property
    def joules(self) -> float | None:
        """Used since its making; None where nothing counts them."""
        return None if self._joules is None else environment.energy(self.device) - self._joules


@dataclass
class Part:
    """The share of one run in the seconds of runs that train together."""

    seconds: float = 0.0
    joules: float | None = None  # nobody can tell them apart


SINGLE = {"engine": "single"}


def record_of(spec, training, meter: Meter | Part, dataset, device, *, engine: Mapping = SINGLE) -> dict:
    """The record of a training that has ended; `engine` is what its surroundings say of how it was made."""
    topology = training.hook
    layers = costs.layers(training.model, keep=None if topology is None else topology.keep())
    images = training.done * len(dataset.train)
    content = {
        "metrics": _metrics(training),
        "history": training.history,
        "widths": {group.name: group.width for group in training.model.groups()},
        "layers": {layer.name: [layer.multiplications, layer.parameters] for layer in layers},
        "cost": {
            "multiplications": costs.total(layers),
            "parameters": costs.parameters(training.model) - _absent(topology),
            "training_multiplications": _training_multiplications(spec, training, layers, images),
            "seconds": round(meter.seconds, 3),
            "peak_bytes": environment.peak_memory(device),
            "joules": meter.joules,
        },
        "weights": weights_hash(training.model),
        "data": data_facts(dataset, spec.train.evaluate_on),
    } | ({} if topology is None else {"sparse": topology.facts()})
    record = spec.record(content, device=str(device), status=training.status)
    return record | {"environment": record["environment"] | engine}


def _absent(topology: Topology | None) -> int:
    """Weights that masks remove."""
    return 0 if topology is None else sum(int((~mask).sum()) for mask in topology.keep().values())


def _training_multiplications(spec, training: Training, layers, images: int) -> int:
    """Three forward passes per image; of a sparse run as 002's Algorithm 1 counts, by the method that was asked for."""
    sparse = costs.total(layers)
    if spec.sparse is None:
        return 3 * sparse * images
    cost = costs.SparseCost(
        dense=costs.total(costs.layers(training.model)), sparse=sparse, interval=spec.sparse.interval
    )
    return costs.training(cost, method=spec.sparse.method, images=images)


def data_facts(dataset, evaluate_on: str) -> dict:
    """What a record says about its data."""
    return {
        "fingerprint": dataset.fingerprint,
        "source": dataset.source,
        "classes": dataset.num_classes,
        "train_images": len(dataset.train),
        "eval_images": len(getattr(dataset, evaluate_on)),
        "evaluated_on": evaluate_on,
    }


def _metrics(training) -> dict:
    if training.status != "ok" or not training.history:
        return {}
    return {
        name.removeprefix("eval_"): column[-1] for name, column in training.history.items() if name.startswith("eval_")
    } | {"train_loss": training.history["train_loss"][-1]}
