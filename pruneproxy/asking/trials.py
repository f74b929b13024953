"""One training of a network, or of a cheaper copy, as a run whose record is kept."""

import contextlib
import importlib.metadata
import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import cloudpickle

from pruneproxy import environment, stopping, workers
from pruneproxy.asking.copies import ALL
from pruneproxy.asking.subject import Subject, on
from pruneproxy.errors import UserError
from pruneproxy.runs import Conditions, Kind
from pruneproxy.stopping import Deadline
from pruneproxy.store import Store
from pruneproxy.surgery import foreign
from pruneproxy.workers.remote import Scheduler


class OfSubject(Kind):
    """A training that takes its subject with it to wherever it runs: records name that by its digest alone."""

    scoring_run = None

    def of(self, subject: Subject) -> Self:
        """The same, able to train."""
        self.__dict__["_subject"] = subject
        return self

    def __getstate__(self) -> dict:
        """With its subject, wherever its functions were written: in a notebook, or in a file of the reader's."""
        subject = self.__dict__.get("_subject")
        packed = subject if isinstance(subject, bytes) else cloudpickle.dumps(subject)
        return self.__dict__ | {"_subject": packed}

    def __setstate__(self, state: dict):
        self.__dict__.update(state)

    @property
    def asked_about(self) -> Subject:
        """The subject; in another process unpacked when it is needed, so that what is missing there fails the run."""
        if isinstance(self.__dict__["_subject"], bytes):
            self.of(cloudpickle.loads(self.__dict__["_subject"]))
        return self.__dict__["_subject"]


@dataclass(frozen=True, kw_only=True)
class Asked(OfSubject):
    """A training: of which subject (its digest), which copy of it, with which settings and seed."""

    subject: str
    copy: str
    settings: tuple[tuple[str, object], ...]
    seed: int
    kind = "asked"

    def execute(self, store: Store, conditions: Conditions) -> dict:
        """Trains, and returns the record of the score and of what it cost."""
        subject = self.asked_about
        environment.settle()
        device = environment.resolve_device(conditions.device)
        copy = ALL[self.copy](subject, self.seed)
        counted = foreign.multiplications(copy.network, getattr(copy.train, "example", lambda _: subject.example)(2))
        started = environment.clock(device)
        score = subject.score(copy.network, on(str(device), copy.train), dict(self.settings), self.seed)
        cost = {"seconds": environment.clock(device) - started, "multiplications": counted * copy.steps}
        return self.record({"score": score, "cost": cost}, device=str(device))


def asked(subject: Subject, copy: str, settings: dict, seed: int) -> Asked:
    """The training of a copy with these settings."""
    return Asked(subject=subject.digest, copy=copy, settings=tuple(settings.items()), seed=seed).of(subject)


class Unfinished(UserError):
    """Too little is trained for an answer: the same call goes on from what is kept, with more time or workers."""


@dataclass(frozen=True, kw_only=True)
class Bench:
    """Where trainings are made: in which store, by how many workers or whose, on what, and until when."""

    store: Store
    workers: int = 1
    device: str = "cpu"
    dask: str | None = None
    deadline: Deadline | None = None
    on_record: Callable[[str, int, int], None] | None = None

    def made(self, trainings: Sequence[Kind]) -> bool:
        """Makes what is missing; whether all is there then. One that failed is an error."""
        if all(training.id in self.store for training in trainings):
            return True
        if self.dask is not None:
            take_along(trainings[0].asked_about)
        with contextlib.nullcontext() if self.dask is None else Scheduler(self.dask) as scheduler:
            outcome = workers.run_all(
                trainings,
                self.store,
                workers=self.workers,
                device=self.device,
                scheduler=scheduler,
                budget=None if self.deadline is None else max(0.0, self.deadline.left),
                on_record=self.on_record,
            )
        if outcome.trouble and not stopping.heard():
            raise Unfinished(f"{outcome.trouble}; what was trained is kept, the same call goes on")
        failed = [record for record in map(self.store.get, outcome.missing) if record is not None]
        if failed:
            raise UserError(f"expected trainings that end, but one failed with {failed[0]['error']}")
        return not outcome.missing

    def record(self, training: Kind) -> dict | None:
        """The record of a training that is there."""
        return self.store.get(training.id) if training.id in self.store else None


def take_along(subject: Subject) -> None:
    """Has the reader's own functions travel as they are: the workers of a cluster need not have the files they are in.

    What these files import must be there.
    """
    installed = {"pruneproxy", "__main__", *importlib.metadata.packages_distributions()}
    for function in (subject.factory, subject.train):
        module = inspect.getmodule(function)
        if module is not None and module.__name__.partition(".")[0] not in installed:
            cloudpickle.register_pickle_by_value(module)
