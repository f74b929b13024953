"""Runs of one shape, made by one process in one program; their records are those of single runs up to rounding."""

import contextlib
import math
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from pruneproxy import data, environment
from pruneproxy.errors import UserError
from pruneproxy.models.plans import MODELS, MLPPlan
from pruneproxy.runs.ensuring import BudgetSpent, Conditions, ensure, out_of_time
from pruneproxy.runs.estimates import dense_multiplications
from pruneproxy.runs.execution import CHECKPOINT_AFTER, hook, network
from pruneproxy.runs.recording import Part, record_of
from pruneproxy.runs.spec import RunSpec
from pruneproxy.sparse.breakeven import DENSITIES
from pruneproxy.sparse.engines import SMALLEST
from pruneproxy.store import Busy, Store
from pruneproxy.train import Together, Training, shared

ENGINES = {
    "auto": "runs of one shape train together where that was measured to pay",
    "single": "every run by itself",
    "batched": "runs of one shape train together wherever they can",
}
WORTHWHILE = 4e7  # multiplications of a forward pass of a batch from which on a CPU is as fast with one run at a time
AT_ONCE = 64  # runs; more are no faster, and the first of them would be ready later
CONVOLUTIONS_AT_ONCE = 8
PARAMETERS = 2**25  # of all runs of a group, each of which is held five times


@dataclass(frozen=True)
class Group:
    """Runs that train together, as one task."""

    specs: tuple[RunSpec, ...]

    @property
    def id(self) -> str:
        """The name of the task."""
        return f"{self.specs[0].id}+{len(self.specs) - 1}"

    @property
    def needs(self) -> tuple:
        """Nothing that is not there yet."""
        return ()


def grouped(wave: Iterable, conditions: Conditions, *, workers: int = 1) -> list:
    """The specs of a wave, those that can train together as groups, at least one for every worker."""
    wave = list(wave)
    identities, programs = {spec.id for spec in wave}, {}
    for spec in wave:
        own = any(need.id in identities for need in spec.needs)
        program = (None if own else _program(spec, conditions)) or spec.id
        programs.setdefault(program, []).append(spec)
    return [unit for specs in programs.values() for unit in _chunks(specs, workers)]


def _chunks(specs: Sequence, workers: int) -> Iterator:
    """Equal parts of the specs of one program: those that are alone as they are."""
    count = max(workers, math.ceil(len(specs) / _most(specs[0]))) if len(specs) > 1 else 1
    size = math.ceil(len(specs) / count)
    for start in range(0, len(specs), size):
        chunk = specs[start : start + size]
        yield Group(tuple(chunk)) if len(chunk) > 1 else chunk[0]


def _program(spec, conditions: Conditions) -> tuple | None:
    """What runs that can train together have in common; None for what trains by itself."""
    if type(spec) is not RunSpec or spec.settings_of is not None or conditions.engine == "single":
        return None  # the layers of a run with the settings of another have rates of their own
    if conditions.engine == "auto" and not conditions.device.startswith("cuda") and not _pays(spec):
        return None
    return spec.data, spec.model, spec.prune, shared(spec.train)


def _pays(spec: RunSpec) -> bool:
    """Whether a CPU spends much of a step on anything but products, which batched ones do not make faster."""
    if not _is_mlp(spec):
        return False
    count = dense_multiplications(spec.model, spec.data)
    # Compressed rows gain more in large sparse layers, and belong to one run.
    by_rows = spec.sparse is not None and spec.sparse.density <= DENSITIES[0] and count >= 2 * SMALLEST
    return not by_rows and spec.train.batch_size * count < WORTHWHILE


def _is_mlp(spec: RunSpec) -> bool:
    return isinstance(MODELS[spec.model.name], MLPPlan)


def _most(spec: RunSpec) -> int:
    """How many runs train together at most; an MLP has about as many parameters as multiplications."""
    if not _is_mlp(spec):
        return CONVOLUTIONS_AT_ONCE
    return max(1, min(AT_ONCE, PARAMETERS // dense_multiplications(spec.model, spec.data)))


def ensure_together(specs: Sequence[RunSpec], store: Store, conditions: Conditions, *, wait: bool) -> bool | None:
    """Sees to it that the records of a group are in the store; None if, without `wait`, others are at some of them.

    What the group cannot do, each of its runs tries by itself, so that it is known whose error it is.
    """
    with contextlib.ExitStack() as locks:
        held = [spec for spec in specs if _held(spec, store, locks)]
        store.refresh()
        missing = [spec for spec in held if spec.id not in store]
        try:
            if missing:
                _made(missing, store, conditions)
        except (UserError, BudgetSpent, KeyboardInterrupt):
            raise
        except Exception as error:  # such as too little memory for all of them
            warnings.warn(f"{len(missing)} runs cannot train together ({error}): each is made by itself", stacklevel=2)
    found = [ensure(spec, store, conditions, wait=wait) for spec in specs if spec.id not in store]
    return None if None in found else True


def ensure_all(specs: Iterable, store: Store, conditions: Conditions):
    """Makes what the store lacks of runs that can be grouped; the others are left for whoever needs them."""
    store.refresh()
    missing = {spec.id: spec for spec in specs if spec.id not in store}
    for unit in grouped(missing.values(), conditions):
        if isinstance(unit, Group):
            ensure_together(unit.specs, store, conditions, wait=True)


def _held(spec: RunSpec, store: Store, locks: contextlib.ExitStack) -> bool:
    try:
        locks.enter_context(store.run_lock(spec.id, wait=False))
    except Busy:
        return False
    return True


def _made(specs: Sequence[RunSpec], store: Store, conditions: Conditions):
    """Trains the runs, and stores the record of each when it ends."""
    environment.settle()
    device = environment.resolve_device(conditions.device)
    started = environment.clock(device)
    dataset = data.load(specs[0].data).to(device)
    runs = {id(one.training): one for one in (_Run.begun(spec, dataset, store, conditions) for spec in specs)}
    group = Together([one.training for one in runs.values()])
    engine = {"engine": "batched", "members": len(specs)}

    def finish(training: Training):
        one = runs[id(training)]
        record = record_of(one.spec, training, one.part, dataset, device, engine=engine)
        store.append(record)
        store.save_checkpoint(one.spec.id, None)

    _charge(runs.values(), environment.clock(device) - started)
    for one in runs.values():
        if one.training.finished:
            finish(one.training)
    saved = environment.clock(device)
    while group.members:
        late = out_of_time(conditions)
        if late or environment.clock(device) - saved > CHECKPOINT_AFTER:
            _save(group, runs, store)
            saved = environment.clock(device)
        if late:
            raise BudgetSpent
        members, started = [runs[id(training)] for training in group.members], environment.clock(device)
        ended = group.epoch()
        _charge(members, environment.clock(device) - started)
        for one in members:
            one.tell(conditions)
        for training in ended:
            finish(training)


def _charge(runs: Iterable["_Run"], seconds: float):
    runs = list(runs)
    for one in runs:
        one.part.seconds += seconds / len(runs)


def _save(group: Together, runs: dict[int, "_Run"], store: Store):
    group.part()
    for training in group.members:
        one = runs[id(training)]
        store.save_checkpoint(one.spec.id, {"training": training.state(), "seconds": one.part.seconds})


@dataclass
class _Run:
    """A member of a group."""

    spec: RunSpec
    training: Training
    part: Part

    @classmethod
    def begun(cls, spec: RunSpec, dataset, store: Store, conditions: Conditions) -> "_Run":
        """A run where a kill may have left it."""
        model = network(spec, dataset, store, conditions).to(dataset.device)
        training, part = (
            Training(model, dataset, spec.train, spec.seed, hook=hook(spec, store, engine="masked")),
            Part(),
        )
        state = store.checkpoint(spec.id)
        if state is not None:
            training.restore(state["training"])
            part.seconds = state["seconds"]
        return cls(spec, training, part)

    def tell(self, conditions: Conditions):
        """Lets whoever listens hear of the epoch that has just ended."""
        if conditions.on_epoch is not None:
            conditions.on_epoch(self.spec, {name: column[-1] for name, column in self.training.history.items()})
