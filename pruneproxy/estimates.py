"""How long missing runs will take, from those that have been measured."""

import functools
import statistics
from collections.abc import Iterable

import torch

from pruneproxy import costs, data, models


def seconds_left(missing: Iterable, specs: Iterable, records: Iterable[dict]) -> float | None:
    """Seconds of one worker that `missing` will take, or None when nothing has been measured.

    A run of a kind that has been measured takes the median of its kind; any other one is scaled from all `records`
    by its training multiplications, which ignores that larger networks use a processor better.
    """
    measured = {record["id"]: record["cost"] for record in records if record["status"] == "ok" and "cost" in record}
    if not measured:
        return None
    times: dict[tuple, list[float]] = {}
    for spec in specs:
        if spec.id in measured:
            times.setdefault(kind(spec), []).append(measured[spec.id]["seconds"])
    typical = {name: statistics.median(values) for name, values in times.items()}
    pace = statistics.median(cost["seconds"] / cost["training_multiplications"] for cost in measured.values())
    return sum(typical.get(kind(spec)) or pace * training_multiplications(spec) for spec in missing)


def kind(spec) -> tuple:
    """What the time of a run depends on: everything but the seed, the rate and the decay."""
    return spec.data, spec.model, spec.prune, spec.train.epochs, spec.train.batch_size, spec.train.precision


def training_multiplications(spec) -> float:
    """Multiplications of a whole run, forward and backward: three times those of all its forward passes."""
    images = spec.data.train_images or data.CATALOGUE[spec.data.name].train_examples
    share = 1.0 if spec.prune is None else spec.prune.channels.target
    return 3 * share * dense_multiplications(spec.model, spec.data) * images * spec.train.epochs


@functools.cache
def dense_multiplications(model: models.ModelConfig, dataset: data.DataConfig) -> int:
    """Multiplications per image of an unpruned network, from shapes alone."""
    with torch.device("meta"):
        shell = models.build(model, shape=data.input_shape(dataset), classes=data.CATALOGUE[dataset.name].classes)
    return costs.total(costs.layers(shell))
