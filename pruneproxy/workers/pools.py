"""Runs in processes of this machine. One that kills its process is tried again, alone, and then recorded as failed."""

import os
import warnings
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Executor, Future, ProcessPoolExecutor
from concurrent.futures import wait as wait_for
from concurrent.futures.process import BrokenProcessPool

from pruneproxy import processes, runs, stopping
from pruneproxy.errors import UserError
from pruneproxy.runs import Conditions
from pruneproxy.store import Damaged, Store
from pruneproxy.workers.tasks import Task, in_worker, specs_of

ATTEMPTS = 3  # of a run by itself, when a process has died that may have been at it


class Broken(Exception):
    """A process has died while these runs were with the pool."""

    def __init__(self, running: set[str]):
        super().__init__(running)
        self.running = running


class Lost(Exception):
    """Nobody is there to do what is left; says why."""


class Died(Exception):
    """Why a run failed that took its process with it."""


def in_processes(
    wave: dict, task: Task, store: Store, conditions: Conditions, workers: int, made: Callable[[str], None]
):
    """Makes a wave with so many local processes; `made(id)` hears of each run that is done."""
    left, accidents = dict(wave), 0
    while left and not runs.out_of_time(conditions):
        before = len(left)
        begun = processes.context().Event()
        with _pool(workers, conditions.device, begun) as pool:
            try:
                _drain(pool, left, task, str(store.folder), conditions, made)
                return
            except Broken as broken:
                suspects = broken.running & left.keys() if begun.is_set() else set()
        accidents = accidents + 1 if not suspects and len(left) == before else 0
        if accidents == ATTEMPTS:
            raise UserError(
                f"expected processes that start, but they died {accidents} times with {len(left)} runs left: a script "
                'must do its work under `if __name__ == "__main__":`, and too many workers may lack memory; every '
                "finished run is kept"
            )
        for identity in suspects:
            if len(members := specs_of(left[identity])) > 1:  # one of them may be to blame, the others are not
                del left[identity]
                left.update({spec.id: spec for spec in members})
                continue
            _alone(identity, left, task, store, conditions, made)


def _alone(identity: str, left: dict, task: Task, store: Store, conditions: Conditions, made: Callable[[str], None]):
    """Tries a run again that was at work when a process died: if it is to blame, it takes nobody with it now."""
    spec = left[identity]
    for _ in range(ATTEMPTS):
        if runs.out_of_time(conditions):
            return
        with _pool(1, conditions.device) as pool:
            try:
                _drain(pool, {identity: spec}, task, str(store.folder), conditions, made)
                del left[identity]
                return
            except Broken:
                continue
    error = Died(f"its process died {ATTEMPTS} times by itself, as when memory is short or a library crashes")
    store.append(runs.failed(spec, error, conditions))
    del left[identity]
    made(identity)


def _drain(pool: Executor, left: dict, task: Task, folder: str, conditions: Conditions, made: Callable[[str], None]):
    """Has a pool do all of `left`, and takes out of it what is done or was stopped.

    What another process holds comes last, and is waited for.
    """
    for wait in (False, True):
        with stopping.unheard_by_children():
            futures: dict[Future, str] = {
                pool.submit(in_worker, task, spec, folder, conditions, wait): name for name, spec in left.items()
            }
        try:
            _collect(futures, left, made)
        except BaseException:
            for future in futures:
                future.cancel()
            raise


def _collect(futures: dict[Future, str], left: dict, made: Callable[[str], None]):
    pending = set(futures)
    while pending:
        running = {futures[future] for future in pending if future.running()}
        done, pending = wait_for(pending, return_when=FIRST_COMPLETED)
        for future in done:
            try:
                result = future.result()
            except BrokenProcessPool as error:
                raise Broken(running) from error
            if result == "done":
                made(futures[future])
            if result != "busy":
                left.pop(futures[future])


def _pool(workers: int, device: str, begun=None) -> ProcessPoolExecutor:
    """Workers that are started as they are needed; the event `begun` is set by the first that is ready."""
    processes.prepare()  # again, should the server have died
    context = processes.context()
    slots = context.Queue()
    for slot in range(workers):
        slots.put(slot)
    return ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker, initargs=(slots, device, begun))


def _start_worker(slots, device: str, begun):
    """Gives this worker its GPU, and makes it stop and end with its parent: an orphan would train on, unseen."""
    stopping.obey_parent()
    if device == "cuda" and "CUDA_VISIBLE_DEVICES" not in os.environ and (count := _gpu_count()) > 1:
        os.environ["CUDA_VISIBLE_DEVICES"] = str(slots.get() % count)
    warnings.simplefilter("ignore", Damaged)  # the process that has started this one has said it
    stopping.end_with_parent()
    if begun is not None:
        begun.set()


def _gpu_count() -> int:
    """GPUs that the driver shows, without starting CUDA in this process."""
    return (
        len([name for name in os.listdir("/dev") if name.startswith("nvidia") and name[6:].isdigit()])
        if os.path.isdir("/dev")
        else 0
    )
