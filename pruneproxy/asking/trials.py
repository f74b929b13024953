"""One training of a network, or of a cheaper copy, as a run whose record is kept."""

from dataclasses import dataclass

from pruneproxy import environment
from pruneproxy.asking.copies import ALL
from pruneproxy.asking.subject import Subject, on
from pruneproxy.runs import Conditions, Kind
from pruneproxy.store import Store
from pruneproxy.surgery import foreign


@dataclass(frozen=True, kw_only=True)
class Asked(Kind):
    """A training: of which subject (its digest), which copy of it, with which settings and seed."""

    subject: str
    copy: str
    settings: tuple[tuple[str, object], ...]
    seed: int
    kind = "asked"
    scoring_run = None

    def of(self, subject: Subject) -> "Asked":
        """The same, able to train: it takes the subject with it to wherever it runs."""
        self.__dict__["_subject"] = subject
        return self

    def execute(self, store: Store, conditions: Conditions) -> dict:
        """Trains, and returns the record of the score and of what it cost."""
        subject: Subject = self.__dict__["_subject"]
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
