"""One run as a task of a worker, wherever that is."""

import functools
from collections.abc import Callable

from pruneproxy import environment, runs
from pruneproxy.errors import UserError
from pruneproxy.runs import Conditions
from pruneproxy.store import Store

Task = Callable[..., dict | None]  # (spec, store, conditions, wait=...): None while another process is at it


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
