"""Locks between processes, as files: a kill releases them."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from pruneproxy.errors import UserError
from pruneproxy.store.arrays import unwritable


class Busy(Exception):
    """Another process works on this run."""


@contextlib.contextmanager
def held(path: Path, timeout: float = -1) -> Iterator[None]:
    """Holds a lock file; Busy if another process does for longer than `timeout` seconds (negative: wait)."""
    lock = FileLock(path, timeout=timeout)
    try:
        lock.acquire()
    except Timeout as error:
        raise Busy(path.stem) from error
    except OSError as error:
        raise unwritable(path.parent, error) from error
    try:
        yield
    finally:
        lock.release()


def remove_free(folder: Path):
    """Removes the lock files that nobody holds: who waits for one that vanishes takes a new one."""
    for path in folder.glob("*.lock"):
        # A system that removes no open file keeps it.
        with contextlib.suppress(Busy, UserError, OSError), held(path, timeout=0):
            path.unlink(missing_ok=True)
