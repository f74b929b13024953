"""When to stop: a time that is over, or a signal. Runs look between their epochs, so that nothing of them is lost."""

import contextlib
import multiprocessing
import os
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

SIGNALS = (signal.SIGINT, signal.SIGTERM)
_heard: list[int] = []


class Interrupted(KeyboardInterrupt):
    """A second signal: whoever sent it does not want to wait for the end of an epoch."""


@dataclass(frozen=True)
class Deadline:
    """A moment on the clock of a machine that nobody can set; another machine goes by the time of day."""

    uptime: float
    time: float
    machine: str

    @classmethod
    def after(cls, seconds: float) -> "Deadline":
        """So many seconds from now."""
        return cls(uptime=time.monotonic() + seconds, time=time.time() + seconds, machine=_machine())

    @property
    def left(self) -> float:
        """Seconds until then; negative afterwards."""
        return self.uptime - time.monotonic() if self.machine == _machine() else self.time - time.time()

    @property
    def passed(self) -> bool:
        """Whether it is over."""
        return self.left < 0


def _machine() -> str:
    """What tells this machine, since its last start, from others."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text()
    except OSError:
        return str(uuid.getnode())


def heard() -> int | None:
    """The first signal that has asked this process to stop, None without one."""
    return _heard[0] if _heard else None


@contextlib.contextmanager
def listening(say: Callable[[str], None]) -> Iterator[None]:
    """Inside, a first SIGINT or SIGTERM asks runs to stop, here and in the processes below; a second one interrupts."""

    def hear(number, _):
        if _heard:
            raise Interrupted
        _heard.append(number)
        say("stopping when the epoch of each run is over; once more to stop at once")
        for child in multiprocessing.active_children():
            child.terminate()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, hear) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def obey_parent():
    """In a worker: SIGTERM, which its parent sends, asks runs to stop; the terminal's SIGINT is the parent's affair."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, _: _heard.append(number))
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def end_with(parent: int):
    """Makes this process end soon after its parent, however that ends."""

    def watch():
        while os.getppid() == parent:
            time.sleep(0.5)
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()


@contextlib.contextmanager
def unheard_by_children() -> Iterator[None]:
    """Inside, processes are started that hear no signal before they call `obey_parent`; this one hears it later."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def forget():
    """Makes as if no signal had come."""
    _heard.clear()
