"""When to stop: a time that is over, or a signal. Runs look between their epochs, so that nothing of them is lost."""

import contextlib
import multiprocessing
import os
import re
import signal
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pruneproxy.errors import UserError

SIGNALS = (signal.SIGINT, signal.SIGTERM)
LONG = {"years": 365.25 * 86400, "days": 86400, "h": 3600, "min": 60}
UNITS = {"s": 1, "m": 60, "h": 3600}
KEPT = "every finished run is kept, the same command goes on"
_heard: list[int] = []
_ways = ["exit"]  # what a first signal does: end the process, be noted, or raise KeyboardInterrupt


def duration(value: float | None) -> str:
    """A time in words, to two digits."""
    if value is None:
        return "an unknown time (no record to go by)"
    for name, size in LONG.items():
        if value >= size:
            return f"{value / size:.1f} {name}"
    return f"{value:.0f} s"


def seconds(text: str | None) -> float | None:
    """`9m` as 540.0; None stays None."""
    if text is None:
        return None
    match = re.fullmatch(r"(\d{1,12}(?:\.\d{1,12})?)([smh]?)", text, re.ASCII)
    if match is None:
        raise UserError(f"expected a time such as 90s, 9m or 2h, got {text!r}")
    return float(match[1]) * UNITS[match[2] or "s"]


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
    """Inside, a first SIGINT or SIGTERM does what `way` says, a second one ends the process; both in a sentence.

    Nothing is raised into code that does not expect it, such as an import: a kill at any moment is safe.
    """

    def hear(number, _):
        if _heard or _ways[-1] == "exit":
            say(f"pruneproxy: interrupted; {KEPT}")
            for child in multiprocessing.active_children():
                child.kill()
            os._exit(128 + number)
        _heard.append(number)
        if _ways[-1] == "raise":
            raise KeyboardInterrupt
        say("stopping when the epoch of each run is over; once more to stop at once")
        for child in multiprocessing.active_children():
            child.terminate()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _heard.clear()
    before = {number: signal.signal(number, hear) for number in SIGNALS}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def way(name: str) -> Iterator[None]:
    """Inside, a first signal is noted ("note": who works looks between epochs) or raises an error ("raise")."""
    _ways.append(name)
    try:
        yield
    finally:
        _ways.pop()


def obey_parent():
    """In a worker: SIGTERM, which its parent sends, asks runs to stop; the terminal's SIGINT is the parent's affair."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, lambda number, _: _heard.append(number))
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, SIGNALS)


def end_with_parent():
    """Makes this process end soon after the one that has started it, however that ends."""
    parent = multiprocessing.parent_process()

    def watch():
        parent.join()
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
