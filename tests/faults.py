"""Faults that tests plant."""

import itertools
import os
import signal
from dataclasses import dataclass
from pathlib import Path

from pruneproxy.runs import Kind


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
