"""One run: spec -> record. Prunes if the spec says so, trains, measures, and survives a kill."""

import contextlib
import functools
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property

import torch

from pruneproxy import costs, data, environment, models, surgery
from pruneproxy.data import DataConfig
from pruneproxy.errors import UserError, choose
from pruneproxy.models import ModelConfig
from pruneproxy.randomness import generator
from pruneproxy.sparse import SparseConfig, Topology
from pruneproxy.specs import identity, to_dict
from pruneproxy.store import Busy, Store, now
from pruneproxy.train import TrainConfig, Training, weights_hash

CHECKPOINT_AFTER = 60.0  # seconds; a shorter run is cheaper to repeat than to save
WEIGHTS = {
    "fresh": "drawn anew for the narrow network (retrain from scratch, thesis Sec. 3.2.4)",
    "kept": "those of the scored network, cut to the kept channels",
    "merged": "the same, with each removed filter folded into its most similar kept one (Neuron Merging)",
}


class BudgetSpent(Exception):
    """The time that was given is over; the run's state is saved."""


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """Which channels go, and what is known when they are chosen."""

    channels: surgery.PruneConfig
    scored_after: TrainConfig | None = None  # None: scored at initialisation
    seed: int = 0  # of the scored network: all runs that share it share one narrow network
    weights: str = "fresh"
    merging: surgery.MergeConfig = field(default_factory=surgery.MergeConfig)  # of "merged" weights

    def __post_init__(self):
        choose(self.weights, WEIGHTS, "value of weights")


@dataclass(frozen=True, kw_only=True)
class RunSpec:
    """Everything that the numbers of a run depend on."""

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    prune: Pruning | None = None
    seed: int = 0
    sparse: SparseConfig | None = None  # None: dense training without any mask

    @cached_property
    def id(self) -> str:
        """The name of this run's record."""
        return identity(self)

    @property
    def needs(self) -> tuple:
        """No record has to exist before this one."""
        return ()

    @property
    def trainings(self) -> "tuple[tuple[RunSpec, int], ...]":
        """What is trained, and how often."""
        return ((self, 1),)

    def execute(self, store: Store, conditions: "Conditions | None" = None) -> dict:
        """Runs it and returns the record."""
        return execute(self, store, conditions or Conditions())

    @property
    def scoring_run(self) -> "RunSpec | None":
        """The run of the dense network whose trained weights decide the channels, if there is one."""
        if self.prune is None or self.prune.scored_after is None:
            return None
        return replace(self, prune=None, sparse=None, train=self.prune.scored_after, seed=self.prune.seed)

    @property
    def architecture(self) -> "RunSpec":
        """What runs on the same narrow network have in common: this spec without its own seed and training."""
        return replace(self, train=TrainConfig(), sparse=None, seed=0)


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """How to run, none of which changes a number.

    Device, deadline (time.time), who wants to hear of each epoch, and where the studies of searches are kept.
    """

    device: str = "cpu"
    deadline: float | None = None
    on_epoch: Callable[[RunSpec, dict], None] | None = None
    storage: str = "memory"


def ensure(spec, store: Store, conditions: Conditions = Conditions(), *, wait: bool = True) -> dict | None:
    """The record of `spec`, of any kind: from the store if it is there, else by making it, and what it needs before.

    While another process makes it, this one waits for the result, or without `wait` returns None at once; a search
    whose study is shared is worked on by both.
    """
    shared = hasattr(spec, "shared") and spec.shared(conditions)
    try:
        with contextlib.nullcontext() if shared else store.run_lock(spec.id, wait=wait):
            store.refresh()
            if spec.id not in store:
                store.append(_attempt(spec, store, conditions))
                store.save_checkpoint(spec.id, None)
    except Busy:
        return None
    return store.get(spec.id)


def finished(spec, store: Store, conditions: Conditions = Conditions()) -> dict:
    """The same, for a record that others are made of: one that failed is an error."""
    record = ensure(spec, store, conditions)
    if record["status"] == "failed":
        raise RuntimeError(f"{spec.id} failed: {record['error']}")
    return record


def _attempt(spec, store, conditions) -> dict:
    try:
        return spec.execute(store, conditions)
    except (UserError, BudgetSpent, KeyboardInterrupt):
        raise
    except Exception as error:
        return {
            "id": spec.id,
            "status": "failed",
            "spec": to_dict(spec),
            "error": f"{type(error).__name__}: {error}",
            "environment": environment.describe(str(environment.resolve_device(conditions.device))),
            "finished": now(),
        }


def execute(spec: RunSpec, store: Store, conditions: Conditions = Conditions()) -> dict:
    """Runs `spec` and returns its record; only scoring weights and checkpoints are read and written."""
    return _run(spec, store, conditions)[1]


def finished_or_stopped(spec: RunSpec, stop: Callable[[dict], bool], store: Store, conditions: Conditions) -> dict:
    """Runs `spec` until its end, or until `stop(row)` says so of an evaluated epoch, and stores the record.

    A stopped run is stored as what it is: the spec whose `train.stop_after` is that epoch.
    """
    with store.run_lock(spec.id):
        store.refresh()
        if spec.id in store:  # another process has just made it
            return store.get(spec.id)
        record = _run(spec, store, conditions, stop)[1]
        store.append(record)
        store.save_checkpoint(spec.id, None)
    return store.get(record["id"])


def _run(spec: RunSpec, store: Store, conditions: Conditions, stop=None) -> tuple[Training, dict]:
    environment.settle()
    device = environment.resolve_device(conditions.device)
    dataset = data.load(spec.data).to(device)
    model = network(spec, dataset, store, conditions).to(device)
    training, meter = Training(model, dataset, spec.train, spec.seed, hook=hook(spec)), _Meter(device)
    state = store.checkpoint(spec.id)
    if state is not None:
        training.restore(state["training"])
        meter.before = state["seconds"]
    if _train(training, meter, spec, store, conditions, stop):
        spec = replace(spec, train=replace(spec.train, stop_after=training.done))
    return training, _record(spec, training, meter, dataset, device)


def hook(spec: RunSpec) -> Topology | None:
    """What makes the training of `spec` sparse, or None."""
    return None if spec.sparse is None else Topology(spec.sparse, seed=spec.seed)


def network(spec: RunSpec, dataset, store: Store, conditions: Conditions = Conditions()) -> torch.nn.Module:
    """The network that `spec` trains, before its first step."""
    shape, classes = dataset.shape, dataset.num_classes
    if spec.prune is None:
        return models.build(spec.model, shape=shape, classes=classes, generator=generator(spec.seed, "weights"))
    source = _Source(dataset.fingerprint, str(dataset.device), dataset)
    dense, keep = _scored(spec.architecture, source, store, replace(conditions, on_epoch=None))
    if spec.prune.weights == "kept":
        return surgery.narrow(dense, keep)
    if spec.prune.weights == "merged":
        return surgery.narrow(surgery.merged(dense, keep, spec.prune.merging), keep)
    config = models.with_widths(dense, {name: len(index) for name, index in keep.items()})
    fresh = models.build(config, shape=shape, classes=classes, generator=generator(spec.seed, "weights"))
    fresh.load_state_dict(fresh.state_dict() | models.narrow_shortcuts(dense, keep))
    return fresh


@dataclass(frozen=True)
class _Source:
    """A data set that is told apart from others by its arrays and its device."""

    fingerprint: str
    device: str
    dataset: data.Dataset = field(compare=False, repr=False)


@functools.lru_cache(maxsize=16)
def _scored(spec: RunSpec, source: _Source, store: Store, conditions: Conditions):
    """The dense network whose weights are scored, and the channels that it keeps; the same for a whole landscape."""
    dataset, prune = source.dataset, spec.prune
    dense = models.build(
        spec.model, shape=dataset.shape, classes=dataset.num_classes, generator=generator(prune.seed, "weights")
    )
    if spec.scoring_run is not None:
        dense.load_state_dict(trained_weights(spec.scoring_run, store, conditions))
    batch = scoring_batch(dataset, prune.channels.batch, prune.seed) if prune.channels.needs_batch else None
    return dense, surgery.choose_channels(
        dense, prune.channels, batch=batch, generator=generator(prune.seed, "channels")
    )


def scoring_batch(dataset, size: int, seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """The first `size` training images of a seeded order and their labels, without augmentation (000, Algorithm 1)."""
    index = torch.randperm(len(dataset.train), generator=generator(seed, "scoring"))[:size]
    return data.prepare(dataset.train, index, dataset), dataset.train.labels[index.to(dataset.train.labels.device)]


def trained_weights(
    spec: RunSpec, store: Store, conditions: Conditions = Conditions(), *, wait: bool = True
) -> dict | None:
    """The weights at the end of `spec`, saved once for all runs that need them; its record is stored on the way.

    `wait` is as in `ensure`.
    """
    name = f"{spec.id}-weights"
    try:
        with store.run_lock(spec.id, wait=wait):
            if not store.has_tensors(name):
                training, record = _run(spec, store, replace(conditions, on_epoch=None))
                if training.status != "ok":
                    raise UserError(
                        f"expected the run whose weights are scored to succeed, but it {training.status} (lr "
                        f"{spec.train.lr:g}, weight_decay {spec.train.weight_decay:g}): choose another prior"
                    )
                store.save_tensors(name, training.model.state_dict())
                store.append(record)
                store.save_checkpoint(spec.id, None)
    except Busy:
        return None
    return store.tensors(name)


def _train(training: Training, meter: "_Meter", spec: RunSpec, store: Store, conditions: Conditions, stop) -> bool:
    """Trains to the end, or until `stop` says so, and returns whether it did."""

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


def train(training: Training, spec: RunSpec, conditions: Conditions, *, after=None, interrupted=None) -> bool:
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


def out_of_time(conditions: Conditions) -> bool:
    """Whether the deadline has passed."""
    return conditions.deadline is not None and time.time() > conditions.deadline


def pause(conditions: Conditions, seconds: float = 0.2):
    """Waits a moment for other processes; raises BudgetSpent when the deadline has passed."""
    if out_of_time(conditions):
        raise BudgetSpent
    time.sleep(seconds)


class _Meter:
    """Seconds, joules and bytes since its making, and the seconds of an interrupted run before it."""

    def __init__(self, device: torch.device):
        self.device, self.before = device, 0.0
        self._started, self._joules = environment.clock(device), environment.energy(device)

    @property
    def seconds(self) -> float:
        return self.before + environment.clock(self.device) - self._started

    @property
    def joules(self) -> float | None:
        return None if self._joules is None else environment.energy(self.device) - self._joules


def _record(spec, training, meter, dataset, device) -> dict:
    topology = training.hook
    layers = costs.layers(training.model, keep=None if topology is None else topology.keep())
    images = training.done * len(dataset.train)
    return {
        "id": spec.id,
        "status": training.status,
        "spec": to_dict(spec),
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
        "environment": environment.describe(str(device)),
        "finished": now(),
    } | ({} if topology is None else {"sparse": topology.facts()})


def _absent(topology: Topology | None) -> int:
    """Weights that masks remove."""
    return 0 if topology is None else sum(int((~mask).sum()) for mask in topology.keep().values())


def _training_multiplications(spec: RunSpec, training: Training, layers, images: int) -> int:
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
    }


def _metrics(training) -> dict:
    if training.status != "ok" or not training.history:
        return {}
    return {
        name.removeprefix("eval_"): column[-1] for name, column in training.history.items() if name.startswith("eval_")
    } | {"train_loss": training.history["train_loss"][-1]}
