"""Faults that tests plant."""

import contextlib
import itertools
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from pruneproxy.runs import Kind


class Late(BaseException):
    """Something took too long; no Exception, so that nothing on the way takes it for its own."""


@contextlib.contextmanager
def in_time(seconds):
    """Raises Late inside when so many seconds are over."""

    def late(*_):
        raise Late(f"took more than {seconds} seconds")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


class AfterEpochs:
    """A deadline that passes after so many epochs."""

    def __init__(self, epochs):
        self._looks = itertools.count(-epochs)

    @property
    def passed(self):
        return next(self._looks) >= 0


@dataclass(frozen=True, kw_only=True)
class Deadly(Kind):
    """A run that kills its process so many times before it is done; `folder` counts."""

    folder: str
    deaths: int
    number: int = 0
    kind = "deadly"
    scoring_run = None

    def execute(self, store, conditions):
        """Dies, or makes an empty record."""
        path = Path(self.folder) / str(self.number)
        lived = len(path.read_text()) if path.exists() else 0
        path.write_text("x" * (lived + 1))
        if lived < self.deaths:
            os.kill(os.getpid(), signal.SIGKILL)
        return self.record({}, device="cpu")
