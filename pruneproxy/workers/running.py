"""Making all that a store lacks of some specs."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from pruneproxy import runs
from pruneproxy.runs import Conditions
from pruneproxy.stopping import Deadline
from pruneproxy.store import Store
from pruneproxy.workers.planning import plan
from pruneproxy.workers.pools import Lost, in_processes
from pruneproxy.workers.remote import Scheduler
from pruneproxy.workers.tasks import Task, scored, within_budget


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a call of `run_all` has done: ids of records made and ids still missing, and why nobody made these."""

    made: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    trouble: str | None = None


def run_all(
    specs: Iterable,
    store: Store,
    *,
    workers: int = 1,
    device: str = "cpu",
    storage: str = "memory",
    budget: float | None = None,
    scheduler: Scheduler | None = None,
    on_record: Callable[[str, int, int], None] | None = None,
    on_epoch=None,
) -> Outcome:
    """Makes what the store lacks and says what was made and what is left.

    Each search is made by one process; with a `storage` that processes share, another call helps with it. `budget` is
    in seconds: when it is spent, runs in progress save their state at the end of their epoch and stop; so they do when
    a signal asks them to. `on_record(id, done, total)` hears of each finished record, `on_epoch(spec, row)` of each
    epoch in this process. Runs that go on from the weights of a run that failed are left out.
    """
    specs, made = list(specs), []
    todo = plan(specs, store)
    alone = scheduler is None and workers <= 1
    deadline = None if budget is None else Deadline.after(budget)
    conditions = Conditions(device=device, deadline=deadline, on_epoch=on_epoch if alone else None, storage=storage)

    def record_made(identity):
        made.append(identity)
        if on_record is not None:
            on_record(identity, len(made), len(todo))

    def make(wave: dict, task: Task):
        if runs.out_of_time(conditions):
            return
        if alone:
            _serial(wave, task, store, conditions, record_made)
        elif wave and scheduler is not None:
            scheduler.make(wave, task, store, conditions, record_made)
        elif wave:
            in_processes(wave, task, store, conditions, workers, record_made)
        store.refresh()

    trouble = None
    try:
        make(todo.scoring, scored)
        for wave in [todo.rest] if alone else todo.waves:
            make({name: spec for name, spec in wave.items() if not _hopeless(spec, made, store)}, runs.ensure)
    except Lost as lost:
        trouble = str(lost)
        store.refresh()
    missing = tuple(dict.fromkeys(spec.id for spec in specs if spec.id not in store))
    return Outcome(made=tuple(made), missing=missing, trouble=trouble)


def _hopeless(spec, made: list[str], store: Store) -> bool:
    """Whether a run needs the weights of one that has just failed."""
    needed = spec.scoring_run
    return needed is not None and needed.id in made and needed.id not in store


def _serial(wave: dict, task: Task, store: Store, conditions: Conditions, record_made):
    """One after the other; first without those that another process holds, and without those that need these."""
    left = dict(wave)
    for wait in (False, True):
        for identity, spec in list(left.items()):
            if not wait and any(need.id in left for need in spec.needs):
                continue
            result = within_budget(task, spec, store, conditions, wait)
            if result == "stopped":
                return
            if result == "done":
                left.pop(identity)
                record_made(identity)
