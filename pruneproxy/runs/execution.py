"""One training run: spec -> record. Prunes if the spec says so, trains, measures, and survives a kill.

A spec is a `RunSpec`, whose module imports this one.
"""

import functools
from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch

from pruneproxy import data, environment, models, surgery
from pruneproxy.channels import Keep
from pruneproxy.errors import UserError
from pruneproxy.randomness import generator
from pruneproxy.runs import tickets
from pruneproxy.runs.ensuring import DEFAULTS, BudgetSpent, Conditions, alone, out_of_time
from pruneproxy.runs.recording import Meter, data_facts, record_of
from pruneproxy.runs.records import check_widths
from pruneproxy.sparse import Fixed, Topology, layer_densities
from pruneproxy.store import Busy, Store
from pruneproxy.train import Training

CHECKPOINT_AFTER = 60.0  # seconds; a shorter run is cheaper to repeat than to save


def execute(spec, store: Store, conditions: Conditions = DEFAULTS) -> dict:
    """Runs `spec` and returns its record; only scoring weights and checkpoints are read and written."""
    return _run(spec, store, conditions)[1]


def finished_or_stopped(spec, stop: Callable[[dict], bool], store: Store, conditions: Conditions) -> dict:
    """Runs `spec` until its end, or until `stop(row)` says so of an evaluated epoch, and stores the record.

    A stopped run is stored as what it is: the spec whose `train.stop_after` is that epoch.
    """
    with alone(spec.id, store, conditions):
        store.refresh()
        if spec.id in store:  # another process has just made it
            return store.get(spec.id)
        record = _run(spec, store, conditions, stop)[1]
        store.append(record)
        store.save_checkpoint(spec.id, None)
    return store.get(record["id"])


def _run(spec, store: Store, conditions: Conditions, stop=None) -> tuple[Training, dict]:
    environment.settle()
    device = environment.resolve_device(conditions.device)
    dataset = data.load(spec.data).to(device)
    model = network(spec, dataset, store, conditions).to(device)
    training, meter = Training(model, dataset, spec.train, spec.seed, hook=hook(spec, store)), Meter(device)
    if carried(training, meter, spec, store, conditions, stop):
        spec = replace(spec, train=replace(spec.train, stop_after=training.done))
    return training, record_of(spec, training, meter, dataset, device)


def hook(spec, store: Store, engine: str | None = None) -> Topology | Fixed | None:
    """What makes the training of `spec` sparse, or None; `engine` is one of `sparse.ENGINES` or None."""
    if spec.ticket is not None:
        return Fixed(tickets.masks(spec, store))
    return None if spec.sparse is None else Topology(spec.sparse, seed=spec.seed, engine=engine)


def network(spec, dataset, store: Store, conditions: Conditions = DEFAULTS) -> torch.nn.Module:
    """The network that `spec` trains, before its first step."""
    shape, classes = dataset.shape, dataset.num_classes
    if spec.ticket is not None:
        return _rewound(spec, dataset, store, conditions)
    if spec.prune is None:
        fresh = models.build(spec.model, shape=shape, classes=classes, generator=generator(spec.seed, "weights"))
        fresh = fresh if not spec.start else _started(fresh, spec.start)
        return fresh if spec.settings_of is None else _parametrised(fresh, spec)
    source = _Source(dataset.fingerprint, str(dataset.device), dataset)
    dense, keep = _scored(spec.architecture, source, store, replace(conditions, on_epoch=None))
    if spec.prune.weights == "kept":
        return surgery.narrow(dense, keep)
    if spec.prune.weights == "merged":
        return surgery.narrow(surgery.merged(dense, keep, spec.prune.merging), keep)
    return drawn_anew(dense, keep, spec.seed)


def _parametrised(fresh: models.Network, spec) -> torch.nn.Module:
    """The network in maximal-update parametrisation, relative to the one whose settings it uses."""
    with torch.device("meta"):
        like = models.build(spec.settings_of, shape=fresh.shape, classes=fresh.classes)
    densities = None if spec.sparse is None else layer_densities(fresh, spec.sparse)
    return models.parametrise(fresh, models.factors(fresh, like, densities))


def drawn_anew(dense: torch.nn.Module, keep: Keep, seed: int) -> torch.nn.Module:
    """A network of the widths that are kept, with new weights."""
    config = models.with_widths(dense, {name: len(index) for name, index in keep.items()})
    fresh = models.build(config, shape=dense.shape, classes=dense.classes, generator=generator(seed, "weights"))
    fresh.load_state_dict(fresh.state_dict() | models.narrow_shortcuts(dense, keep))
    return fresh


def _started(model: torch.nn.Module, name: str) -> torch.nn.Module:
    """The network with published weights, which must be of its layers and widths."""
    try:
        counters = {key: value for key, value in model.state_dict().items() if key.endswith("num_batches_tracked")}
        model.load_state_dict(counters | data.weights(name))
    except RuntimeError as error:
        raise UserError(
            f"expected a network that the published weights {name} fit, got {model.config.name} "
            f"({str(error).splitlines()[-1].strip()}): choose the network that they were trained for"
        ) from error
    return model


def _rewound(spec, dataset, store: Store, conditions: Conditions) -> torch.nn.Module:
    """The network of a ticket before its first step: with new weights, or with those that its round rewinds to."""
    found, finding = spec.ticket.mask == "found", spec.ticket.round.finding
    names = (spec.ticket.round.find.seed, "weights") if found else (spec.seed, "weights", spec.ticket.mask)
    model = models.build(spec.model, shape=dataset.shape, classes=dataset.num_classes, generator=generator(*names))
    if found and finding.rewind == "epoch" and finding.epoch:
        find = spec.ticket.round.find
        early = replace(find, train=replace(find.train, stop_after=finding.epoch))
        model.load_state_dict(trained_weights(early, store, replace(conditions, on_epoch=None)))
    if found and finding.rewind == "end":
        model.load_state_dict(store.tensors(f"{spec.ticket.round.id}-weights"))
    return model


@dataclass(frozen=True)
class _Source:
    """A data set that is told apart from others by its arrays and its device."""

    fingerprint: str
    device: str
    dataset: data.Dataset = field(compare=False, repr=False)


@functools.lru_cache(maxsize=16)
def _scored(spec, source: _Source, store: Store, conditions: Conditions):
    """The dense network whose weights are scored, and the channels that it keeps; the same for a whole landscape.

    The choice is made once and stored: another processor, or weights trained anew, could choose other channels.
    """
    dataset, prune = source.dataset, spec.prune
    dense = models.build(
        spec.model, shape=dataset.shape, classes=dataset.num_classes, generator=generator(prune.seed, "weights")
    )
    chosen = store.get(spec.channels.id)
    if spec.scoring_run is not None and (chosen is None or prune.weights != "fresh"):
        dense.load_state_dict(trained_weights(spec.scoring_run, store, conditions))
    if chosen is None:
        store.append(_chosen(spec, dense, source, store))
        chosen = store.get(spec.channels.id)
    return dense, {name: torch.tensor(index) for name, index in chosen["keep"].items()}


def _chosen(spec, dense, source: _Source, store: Store) -> dict:
    """The record of the channels that `dense` keeps; they must not contradict the runs that there are."""
    dataset, prune = source.dataset, spec.prune
    batch = scoring_batch(dataset, prune.channels.batch, prune.seed) if prune.channels.needs_batch else None
    keep = surgery.choose_channels(dense, prune.channels, batch=batch, generator=generator(prune.seed, "channels"))
    indices = {name: index.tolist() for name, index in keep.items()}
    content = {"keep": indices, "data": data_facts(dataset, spec.train.evaluate_on)}
    record = spec.channels.record(content, device=source.device)
    check_widths(store, record)
    return record


def scoring_batch(dataset, size: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """The first `size` training images of a seeded order and their labels, without augmentation (000, Algorithm 1)."""
    index = torch.randperm(len(dataset.train), generator=generator(seed, "scoring"))[:size]
    return data.prepare(dataset.train, index, dataset), dataset.train.labels[index.to(dataset.train.labels.device)]


def trained_weights(spec, store: Store, conditions: Conditions = DEFAULTS, *, wait: bool = True) -> dict | None:
    """The weights at the end of `spec`, saved once for all runs that need them; its record is stored on the way.

    `wait` is as in `ensure`.
    """
    name = f"{spec.id}-weights"
    try:
        with alone(spec.id, store, conditions, wait=wait):
            if not store.has_tensors(name):
                training, record = _run(spec, store, replace(conditions, on_epoch=None))
                if training.status != "ok":
                    raise RuntimeError(
                        f"expected the run whose weights others go on from to succeed, but it {training.status} (lr "
                        f"{spec.train.lr:g}, weight_decay {spec.train.weight_decay:g}): choose other settings for it"
                    )
                store.save_tensors(name, training.model.state_dict())
                store.append(record)
                store.save_checkpoint(spec.id, None)
    except Busy:
        return None
    return store.tensors(name)


def carried(training: Training, meter: Meter, spec, store: Store, conditions: Conditions, stop=None) -> bool:
    """Trains to the end, or until `stop(row)` says so, from where a kill may have left it; whether it was stopped."""
    state = store.checkpoint(spec.id)
    if state is not None:
        training.restore(state["training"])
        meter.before = state["seconds"]

    def save():
        store.save_checkpoint(spec.id, {"training": training.state(), "seconds": meter.seconds})

    def after(row) -> bool:
        if stop is not None and row.get("eval_loss") is not None and stop(row) and not training.finished:
            return True
        if meter.seconds > CHECKPOINT_AFTER and not training.finished:
            save()
        return False

    earlier = [dict(zip(training.history, row, strict=True)) for row in zip(*training.history.values(), strict=True)]
    if any([after(row) for row in earlier][-1:]):  # all are heard again, and the last one may have been the end
        return True
    return train(training, spec, conditions, after=after, interrupted=save)


def train(training: Training, spec, conditions: Conditions, *, after=None, interrupted=None) -> bool:
    """Trains to the end of the configuration, or until `after(row)` is true, and returns whether it was.

    When the deadline has passed, calls `interrupted` and raises BudgetSpent.
    """
    while not training.finished:
        if out_of_time(conditions):
            if interrupted is not None:
                interrupted()
            raise BudgetSpent
        row = training.epoch()
        if conditions.on_epoch is not None:
            conditions.on_epoch(spec, row)
        if after is not None and after(row):
            return True
    return False
