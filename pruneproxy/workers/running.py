"""Making all that a store lacks of some specs."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from pruneproxy import runs
from pruneproxy.errors import choose
from pruneproxy.runs import Conditions, together
from pruneproxy.runs.together import ENGINES
from pruneproxy.stopping import Deadline
from pruneproxy.store import Store
from pruneproxy.workers.planning import plan
from pruneproxy.workers.pools import Lost, in_processes
from pruneproxy.workers.remote import Scheduler
from pruneproxy.workers.tasks import Task, made, scored, specs_of, within_budget


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
    engine: str = "auto",
    budget: float | None = None,
    scheduler: Scheduler | None = None,
    on_record: Callable[[str, int, int], None] | None = None,
    on_epoch=None,
) -> Outcome:
    """Makes what the store lacks and says what was made and what is left.

    Each search is made by one process; with a `storage` that processes share, another call helps with it. Runs of one
    shape train together as `engine` says (a key of `runs.together.ENGINES`). `budget` is in seconds: when it is spent,
    runs in progress save their state at the end of their epoch and stop; so they do when a signal asks them to.
    `on_record(id, done, total)` hears of each finished record, `on_epoch(spec, row)` of each epoch in this process.
    Runs that go on from the weights of a run that failed are left out.
    """
    specs = list(specs)
    todo = plan(specs, store)
    alone = scheduler is None and workers <= 1
    conditions = Conditions(
        device=device,
        deadline=None if budget is None else Deadline.after(budget),
        on_epoch=on_epoch if alone else None,
        storage=storage,
        engine=choose(engine, ENGINES, "engine") and engine,
    )
    making = _Making(store, conditions, workers, scheduler, len(todo), on_record)
    trouble = None
    try:
        making.make(todo.scoring, scored)
        for wave in [todo.rest] if alone else todo.waves:
            making.make_grouped([spec for spec in wave.values() if not _hopeless(spec, making.made, store)])
    except Lost as lost:
        trouble = str(lost)
        store.refresh()
    missing = tuple(dict.fromkeys(spec.id for spec in specs if spec.id not in store))
    return Outcome(made=tuple(making.made), missing=missing, trouble=trouble)


@dataclass
class _Making:
    """Who makes waves of specs, and which of them are made so far, in that order."""

    store: Store
    conditions: Conditions
    workers: int
    scheduler: Scheduler | None
    total: int
    on_record: Callable[[str, int, int], None] | None
    made: dict[str, None] = field(default_factory=dict)

    def make(self, wave: dict, task: Task):
        """Makes a wave, each of whose members is a spec or a group."""
        if not wave or runs.out_of_time(self.conditions):
            return
        members = {name: [spec.id for spec in specs_of(unit)] for name, unit in wave.items()}

        def done(name: str):
            self._heard(members.get(name, [name]))  # a group that killed its process comes back run by run

        if self.scheduler is not None:
            self.scheduler.make(wave, task, self.store, self.conditions, done)
        elif self.workers > 1:
            in_processes(wave, task, self.store, self.conditions, self.workers, done)
        else:
            _serial(wave, task, self.store, self.conditions, done)
        self.store.refresh()
        # of a group that was stopped, the runs that had ended before
        self._heard(name for names in members.values() if len(names) > 1 for name in names if name in self.store)

    def make_grouped(self, wave: Iterable):
        """Makes the specs of a wave, those of one shape together."""
        slots = self.workers if self.scheduler is None else self.scheduler.slots
        self.make({unit.id: unit for unit in together.grouped(wave, self.conditions, workers=slots)}, made)

    def _heard(self, identities: Iterable[str]):
        for identity in identities:
            if identity not in self.made:
                self.made[identity] = None
                if self.on_record is not None:
                    self.on_record(identity, len(self.made), self.total)


def _hopeless(spec, made: Iterable[str], store: Store) -> bool:
    """Whether a run needs the weights of one that has just failed."""
    needed = spec.scoring_run
    return needed is not None and needed.id in made and needed.id not in store


def _members(wave: dict) -> set[str]:
    return {spec.id for unit in wave.values() for spec in specs_of(unit)}


def _serial(wave: dict, task: Task, store: Store, conditions: Conditions, record_made):
    """One after the other; first without those that another process holds, and without those that need these."""
    left = dict(wave)
    for wait in (False, True):
        for identity, spec in list(left.items()):
            if not wait and spec.needs and not {need.id for need in spec.needs}.isdisjoint(_members(left)):
                continue
            result = within_budget(task, spec, store, conditions, wait)
            if result == "stopped":
                return
            if result == "done":
                left.pop(identity)
                record_made(identity)
