"""Many runs: in this process, in local processes, or on any `concurrent.futures.Executor` such as Dask's."""

import contextlib
import functools
import multiprocessing
import os
import threading
import time
import warnings
from collections.abc import Callable, Iterable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor
from concurrent.futures import wait as wait_for
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field

from pruneproxy import environment, runs
from pruneproxy.errors import UserError
from pruneproxy.store import Damaged, Store

RESTARTS = 3  # of a pool that has lost a worker


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a call of `run_all` has done: ids of records made and ids still missing."""

    made: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()


@dataclass
class _Plan:
    """What is missing: runs whose trained weights others need, then the rest, each spec after those that it needs."""

    scoring: dict = field(default_factory=dict)
    rest: dict = field(default_factory=dict)

    def __len__(self):
        return len(self.scoring) + len(self.rest)

    @property
    def waves(self) -> list[dict]:
        """The rest in parts that need nothing of each other, for processes that work side by side."""
        waves: list[dict] = []
        depths: dict[str, int] = {}
        for key, spec in self.rest.items():
            depths[key] = 1 + max((depths[need.id] for need in spec.needs if need.id in depths), default=-1)
            waves += [{} for _ in range(depths[key] + 1 - len(waves))]
            waves[depths[key]][key] = spec
        return waves


def plan(specs: Iterable, store: Store) -> _Plan:
    """What has to be made so that the store holds every spec and all that it needs, each once."""
    result, missing = _Plan(), _with_needs(specs, store)
    for spec in missing.values():
        needed = spec.scoring_run
        if needed is not None and not _scored(spec, store):
            result.scoring[needed.id] = needed
    result.rest = {key: spec for key, spec in missing.items() if key not in result.scoring}
    return result


def _scored(spec, store: Store) -> bool:
    """Whether the weights that a spec needs are there, or are not needed because its channels are known."""
    prune = spec.training.prune
    known = prune is not None and prune.weights == "fresh" and spec.training.channels.id in store
    return known or store.has_tensors(f"{spec.scoring_run.id}-weights")


def _with_needs(specs: Iterable, store: Store) -> dict:
    """The specs that are not in the store by id, each after the missing ones that it needs."""
    missing: dict[str, object] = {}

    def add(spec):
        if spec.id not in missing and spec.id not in store:
            for need in spec.needs:
                add(need)
            missing[spec.id] = spec

    for spec in specs:
        add(spec)
    made = {one.id for spec in missing.values() for one in spec.makes}
    return {key: spec for key, spec in missing.items() if key not in made}


def run_all(
    specs: Iterable,
    store: Store,
    *,
    workers: int = 1,
    device: str = "cpu",
    storage: str = "memory",
    budget: float | None = None,
    executor: Executor | None = None,
    on_record: Callable[[str, int, int], None] | None = None,
    on_epoch=None,
) -> Outcome:
    """Makes what the store lacks and says what was made and what is left.

    Each search is made by one process; with a `storage` that processes share, another call helps with it. `budget` is
    in seconds: when it is spent, runs in progress save their state at the end of their epoch and stop.
    `on_record(id, done, total)` hears of each finished record, `on_epoch(spec, row)` of each epoch in this process.
    """
    specs, store_folder = list(specs), str(store.folder)
    todo = plan(specs, store)
    deadline = None if budget is None else time.time() + budget
    made = []

    def record_made(identity):
        made.append(identity)
        if on_record is not None:
            on_record(identity, len(made), len(todo))

    alone = executor is None and workers <= 1
    rest = [todo.rest] if alone else todo.waves
    for wave, task in ((todo.scoring, _score), *((wave, runs.ensure) for wave in rest)):
        if alone and wave:
            conditions = runs.Conditions(device=device, deadline=deadline, on_epoch=on_epoch, storage=storage)
            _serial(wave, task, store, conditions, record_made)
        elif wave:
            conditions = runs.Conditions(device=device, deadline=deadline, storage=storage)
            _parallel(wave, task, store_folder, conditions, workers, executor, record_made)
    store.refresh()
    return Outcome(made=tuple(made), missing=tuple(dict.fromkeys(s.id for s in specs if s.id not in store)))


def _score(spec, store, conditions, *, wait):
    """Trains a network for its weights; what goes wrong is recorded by the runs that need them, which try again."""
    try:
        return runs.trained_weights(spec, store, conditions, wait=wait)
    except (UserError, runs.BudgetSpent):
        raise
    except Exception:
        return {}


def _serial(wave, task, store, conditions, record_made):
    """One after the other; first without those that another process holds, and without those that need these."""
    left = dict(wave)
    for wait in (False, True):
        for identity, spec in list(left.items()):
            if not wait and any(need.id in left for need in spec.needs):
                continue
            result = _within_budget(task, spec, store, conditions, wait)
            if result == "stopped":
                return
            if result == "done":
                left.pop(identity)
                record_made(identity)


def _parallel(wave, task, folder, conditions, workers, executor, record_made):
    left = dict(wave)
    for _ in range(RESTARTS + 1):
        with contextlib.ExitStack() as stack:
            pool = executor or stack.enter_context(_pool(workers, conditions.device))
            try:
                for wait in (False, True):
                    _drain(pool, left, task, folder, conditions, wait, record_made)
                return
            except BrokenProcessPool:
                continue  # a worker died (killed, out of memory): what it had finished is in the store
    raise UserError(
        f"expected the workers to live, but they died {RESTARTS + 1} times with {len(left)} runs left: "
        "use fewer workers if memory is short; every finished run is kept"
    )


def _drain(pool: Executor, left: dict, task, folder, conditions, wait: bool, record_made):
    """Submits all of `left` and takes out of it what is done; what another process holds stays in, unless it waits."""
    futures: dict[Future, str] = {
        pool.submit(_in_worker, task, spec, folder, conditions, wait): identity for identity, spec in left.items()
    }
    pending = set(futures)
    try:
        while pending:
            done, pending = wait_for(pending, return_when=FIRST_COMPLETED)
            for future in done:
                result = future.result()
                if result == "done":
                    record_made(futures[future])
                if result != "busy":
                    left.pop(futures[future])
    except BaseException:
        for future in pending:
            future.cancel()
        raise


def _within_budget(task, spec, store, conditions, wait: bool) -> str:
    """`done`, `busy` while another process has the run, or `stopped` by the deadline, perhaps before it began."""
    if conditions.deadline is not None and time.time() > conditions.deadline:
        return "stopped"
    try:
        return "busy" if task(spec, store, conditions, wait=wait) is None else "done"
    except runs.BudgetSpent:
        return "stopped"


@functools.cache
def _store(folder: str) -> Store:
    return Store(folder)  # one reader and one part file per worker process


def _in_worker(task, spec, folder, conditions, wait: bool) -> str:
    environment.settle()
    return _within_budget(task, spec, _store(folder), conditions, wait)


def _pool(workers: int, device: str) -> ProcessPoolExecutor:
    context = multiprocessing.get_context("spawn")
    slots = context.Queue()
    for slot in range(workers):
        slots.put(slot)
    return ProcessPoolExecutor(
        workers, mp_context=context, initializer=_start_worker, initargs=(slots, os.getpid(), device)
    )


def _start_worker(slots, parent: int, device: str):
    """Gives this worker its GPU, and makes it end with its parent: an orphan would train on, unseen."""
    if device == "cuda" and "CUDA_VISIBLE_DEVICES" not in os.environ and (count := _gpu_count()) > 1:
        os.environ["CUDA_VISIBLE_DEVICES"] = str(slots.get() % count)
    warnings.simplefilter("ignore", Damaged)  # the process that has started this one has said it
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()


def _gpu_count() -> int:
    """GPUs that the driver shows, without starting CUDA in this process."""
    return (
        len([name for name in os.listdir("/dev") if name.startswith("nvidia") and name[6:].isdigit()])
        if os.path.isdir("/dev")
        else 0
    )


def _end_with(parent: int):
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)
