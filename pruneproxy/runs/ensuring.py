"""Making records of any kind of spec, once, whoever else is at it."""

import contextlib
import time
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from pruneproxy import environment, stopping
from pruneproxy.errors import UserError
from pruneproxy.stopping import Deadline
from pruneproxy.store import Busy, Store
from pruneproxy.store.lines import sealed


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """How to run, none of which changes a number.

    Device, deadline, who wants to hear of each run's epochs, where the studies of searches are kept, and whether runs
    of one shape train together (a key of `together.ENGINES`), which changes the rounding alone.
    """

    device: str = "cpu"
    deadline: Deadline | None = None
    on_epoch: Callable[[object, dict], None] | None = None
    storage: str = "memory"
    engine: str = "auto"


DEFAULTS = Conditions()


class BudgetSpent(Exception):
    """The time that was given is over, or a signal has come; the run's state is saved."""


def ensure(spec, store: Store, conditions: Conditions = DEFAULTS, *, wait: bool = True) -> dict | None:
    """The record of `spec`, of any kind: from the store if it is there, else by making it, and what it needs before.

    While another process makes it, this one waits for the result, or without `wait` returns None at once; a search
    whose study is shared is worked on by both.
    """
    try:
        shared = spec.shared(conditions)
        with contextlib.nullcontext() if shared else alone(spec.id, store, conditions, wait=wait):
            store.refresh()
            if spec.id not in store:
                store.append(_attempt(spec, store, conditions))
                store.save_checkpoint(spec.id, None)
    except Busy:
        return None
    return store.get(spec.id)


@contextlib.contextmanager
def alone(identity: str, store: Store, conditions: Conditions, *, wait: bool = True) -> Iterator[None]:
    """Inside, no other process works on this run; BudgetSpent if it still does when the time is over."""
    with contextlib.ExitStack() as held:
        while True:
            try:
                held.enter_context(store.run_lock(identity, wait=False))
                break
            except Busy:
                if not wait:
                    raise
                pause(conditions)
        yield


def finished(spec, store: Store, conditions: Conditions = DEFAULTS) -> dict:
    """The same, for a record that others are made of: one that failed is an error."""
    record = ensure(spec, store, conditions)
    if record["status"] == "failed":
        raise RuntimeError(f"{spec.id} failed: {record['error']}")
    return record


def _attempt(spec, store, conditions) -> dict:
    try:
        record = spec.execute(store, conditions)
        sealed(record)  # one that cannot be written is a failure of the run, not of the command
        return record
    except (UserError, BudgetSpent, KeyboardInterrupt):
        raise
    except Exception as error:
        return failed(spec, error, conditions)


def failed(spec, error: Exception, conditions: Conditions) -> dict:
    """The record of a run that went wrong; it counts as missing."""
    texts = {"error": f"{type(error).__name__}: {error}", "traceback": "".join(traceback.format_exception(error))}
    # Names of files may hold bytes that are no text.
    said = {name: text.encode("utf-8", "backslashreplace").decode() for name, text in texts.items()}
    return spec.record(said, device=str(environment.resolve_device(conditions.device)), status="failed")


def out_of_time(conditions: Conditions) -> bool:
    """Whether the deadline has passed, or a signal has asked to stop."""
    return stopping.heard() is not None or (conditions.deadline is not None and conditions.deadline.passed)


def pause(conditions: Conditions, seconds: float = 0.2):
    """Waits a moment for other processes; raises BudgetSpent when the time is over."""
    if out_of_time(conditions):
        raise BudgetSpent
    time.sleep(seconds)
