"""Making records of any kind of spec, once, whoever else is at it."""

import contextlib
import time
from collections.abc import Callable
from dataclasses import dataclass

from pruneproxy import environment
from pruneproxy.errors import UserError
from pruneproxy.store import Busy, Store


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """How to run, none of which changes a number.

    Device, deadline (time.time), who wants to hear of each run's epochs, and where the studies of searches are kept.
    """

    device: str = "cpu"
    deadline: float | None = None
    on_epoch: Callable[[object, dict], None] | None = None
    storage: str = "memory"


DEFAULTS = Conditions()


class BudgetSpent(Exception):
    """The time that was given is over; the run's state is saved."""


def ensure(spec, store: Store, conditions: Conditions = DEFAULTS, *, wait: bool = True) -> dict | None:
    """The record of `spec`, of any kind: from the store if it is there, else by making it, and what it needs before.

    While another process makes it, this one waits for the result, or without `wait` returns None at once; a search
    whose study is shared is worked on by both.
    """
    try:
        with contextlib.nullcontext() if spec.shared(conditions) else store.run_lock(spec.id, wait=wait):
            store.refresh()
            if spec.id not in store:
                store.append(_attempt(spec, store, conditions))
                store.save_checkpoint(spec.id, None)
    except Busy:
        return None
    return store.get(spec.id)


def finished(spec, store: Store, conditions: Conditions = DEFAULTS) -> dict:
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
        device = str(environment.resolve_device(conditions.device))
        return spec.record({"error": f"{type(error).__name__}: {error}"}, device=device, status="failed")


def out_of_time(conditions: Conditions) -> bool:
    """Whether the deadline has passed."""
    return conditions.deadline is not None and time.time() > conditions.deadline


def pause(conditions: Conditions, seconds: float = 0.2):
    """Waits a moment for other processes; raises BudgetSpent when the deadline has passed."""
    if out_of_time(conditions):
        raise BudgetSpent
    time.sleep(seconds)
