"""One run as a task of a worker, wherever that is."""

import functools
from collections.abc import Callable

from pruneproxy import environment, runs
from pruneproxy.errors import UserError
from pruneproxy.runs import Conditions
from pruneproxy.runs.together import Group, ensure_together
from pruneproxy.store import Store

Task = Callable[..., dict | bool | None]  # (spec or group, store, conditions, wait=...): None while others are at it


def made(unit, store: Store, conditions: Conditions, *, wait: bool) -> dict | bool | None:
    """The record of a spec; or of a group, that all its records are there."""
    if isinstance(unit, Group):
        return ensure_together(unit.specs, store, conditions, wait=wait)
    return runs.ensure(unit, store, conditions, wait=wait)


def specs_of(unit) -> tuple:
    """The specs that a task makes."""
    return unit.specs if isinstance(unit, Group) else (unit,)


def scored(spec, store: Store, conditions: Conditions, *, wait: bool) -> dict | None:
    """The weights of a scoring run; one that goes wrong has a record that says so, and no weights."""
    try:
        return runs.trained_weights(spec, store, conditions, wait=wait)
    except (UserError, runs.BudgetSpent):
        raise
    except Exception as error:
        store.append(runs.failed(spec, error, conditions))
        return {}


def within_budget(task: Task, spec, store: Store, conditions: Conditions, wait: bool) -> str:
    """`done`, `busy` while another process has the run, or `stopped` by deadline or signal, perhaps before it began."""
    if runs.out_of_time(conditions):
        return "stopped"
    try:
        return "busy" if task(spec, store, conditions, wait=wait) is None else "done"
    except runs.BudgetSpent:
        return "stopped"


def in_worker(task: Task, spec, folder: str, conditions: Conditions, wait: bool) -> str:
    """The same in another process, which opens the folder of records itself."""
    environment.settle()
    return within_budget(task, spec, _store(folder), conditions, wait)


@functools.cache
def _store(folder: str) -> Store:
    return Store(folder)  # one reader and one part file per worker process
