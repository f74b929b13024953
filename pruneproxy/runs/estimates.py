"""How long missing runs will take, from those that have been measured."""

import functools
import statistics
from collections.abc import Iterable

import torch

from pruneproxy import costs, data, models
from pruneproxy.cache import cached
from pruneproxy.specs import to_dict

START = 0.1  # seconds that even the smallest training takes: images, network, evaluations, record


def seconds_left(missing: Iterable, specs: Iterable, records: Iterable[dict]) -> float | None:
    """Seconds of one worker that `missing` will take, or None when nothing has been measured.

    A training of a kind that has been measured takes the median of its kind; any other one takes `START` and what all
    `records` took per multiplication, which ignores that larger networks use a processor better. A search counts all
    its trials in full, though a pruner may stop some; what trains nothing takes no time.
    """
    brief = [_brief(record) for record in records if record["status"] == "ok" and "cost" in record]
    measured = {record["id"]: record["cost"] for record in brief}
    pace = seconds_per_multiplication(brief)
    if pace is None:
        return None
    times: dict[tuple, list[float]] = {}
    for spec in specs:
        trained = trainings(spec)
        if spec.id in measured and trained:
            (run, count), *_ = trained
            times.setdefault(kind(run), []).append(measured[spec.id]["seconds"] / count)
    typical = {name: statistics.median(values) for name, values in times.items()}
    return sum(
        count * (typical.get(kind(run)) or START + pace * training_multiplications(run))
        for spec in missing
        for run, count in trainings(spec)
    )


def _brief(record: dict) -> dict:
    """What an estimate needs of a record."""
    return {name: record[name] for name in ("id", "cost", "sparse") if name in record}


def seconds_per_multiplication(records: Iterable[dict]) -> float | None:
    """Over all trainings together; those with masks count only where there are no others.

    A mask spares multiplications in the record, but no time. Of small networks most of the time is no multiplication,
    so that a median would be theirs.
    """
    costs_of = [(record["cost"], record.get("sparse", {}).get("label", "dense") == "dense") for record in records]
    counted = [(cost, dense) for cost, dense in costs_of if cost.get("training_multiplications") and cost["seconds"]]
    chosen = [cost for cost, dense in counted if dense] or [cost for cost, _ in counted]
    if not chosen:
        return None
    return sum(cost["seconds"] for cost in chosen) / sum(cost["training_multiplications"] for cost in chosen)


def trainings(spec) -> tuple:
    """Pairs of the runs that a spec of any kind trains and how often; none for what is no training."""
    return getattr(spec, "trainings", ())


def kind(spec) -> tuple:
    """What the time of a run depends on: everything but the seed, the rate and the decay."""
    return spec.data, spec.model, spec.prune, spec.train.epochs, spec.train.batch_size, spec.train.precision


def training_multiplications(spec) -> float:
    """Multiplications of a whole run, forward and backward: three times those of all its forward passes."""
    images = spec.data.train_images or data.CATALOGUE[spec.data.name].train_examples
    share = 1.0 if spec.prune is None else spec.prune.channels.multiplications
    return (
        3 * share * dense_multiplications(spec.model, spec.data) * images * (spec.train.stop_after or spec.train.epochs)
    )


@functools.cache
def dense_multiplications(model: models.ModelConfig, dataset: data.DataConfig) -> int:
    """Multiplications per image of an unpruned network, from shapes alone; counted once by each version of the code."""
    shape, classes = data.input_shape(dataset), data.CATALOGUE[dataset.name].classes
    key = (sorted(to_dict(model).items()), shape, classes)
    return cached("multiplications", key, lambda: _counted(model, shape, classes), parts=("models", "costs"))


def _counted(model: models.ModelConfig, shape: tuple[int, ...], classes: int) -> int:
    with torch.device("meta"):
        shell = models.build(model, shape=shape, classes=classes)
    return costs.total(costs.layers(shell))
