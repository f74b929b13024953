"""The trainings of one call of `tune`: each is a trial of a study, so that a killed call finds it again."""

import copy
import hashlib
import json
import math
import numbers
import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from torch import nn

from pruneproxy import search
from pruneproxy.asking.subject import Subject, Train
from pruneproxy.errors import UserError
from pruneproxy.search import Outcome, Trial
from pruneproxy.search.ending import settled
from pruneproxy.search.starting import Start
from pruneproxy.space import Dimension
from pruneproxy.surgery import foreign
from pruneproxy.tuner.taking import Taken
from pruneproxy.tuning import Search

SEED = Dimension(field="seed", low=0, high=2**31, integer=True)
PLAIN = re.compile(r"[^A-Za-z0-9._-]+")  # what no name of a study has, for files have it too


@dataclass(frozen=True, kw_only=True, eq=False)
class Work:
    """What all trainings of one call share."""

    subject: Subject
    taken: Taken
    how: Search
    trials: int
    margin: float | None
    storage: str
    study: str
    scored: dict = field(default_factory=dict)

    @property
    def test(self) -> Callable[[nn.Module], float] | None:
        """What measures a network on data that no search looks at."""
        return self.how.test or getattr(self.subject.train, "test", None)

    def on_copy(self) -> list[Trial]:
        """The search on the copy that was taken, from the pilot's trainings of it on."""
        known = self.taken.known(self.taken.copy)
        return self._searched("proxy", self.taken.made.network, self.taken.made.train, self.trials, known=known)

    def on_network(self, trials: int, *, first: Sequence[Mapping] = (), known: Sequence[Trial] = ()) -> list[Trial]:
        """The search on the network itself, from these settings and finished trials on."""
        what = "full" if self.taken.direct else "again"
        return self._searched(what, self.taken.full, self.subject.train, trials, first=first, known=known)

    def anew(self) -> list[Trial]:
        """The same search on the network itself, which knows nothing of the copy."""
        return self._searched("full", self.taken.full, self.subject.train, self.trials)

    def drawn(self) -> dict[str, list[Trial]]:
        """Copy and network trained with random settings, the same ones."""
        sides = {
            "proxy, drawn": (self.taken.made.network, self.taken.made.train),
            "full, drawn": (self.taken.full, self.subject.train),
        }
        return {
            what: self._study(what, *side, trials=self.how.configurations, sampler="random", pruner="none")
            for what, side in sides.items()
        }

    def scores(self, settings: dict) -> dict[int, float]:
        """The score of the network with `settings` by seed, each with weights of its own; NaN where it diverged."""
        return self._scores("checked", "full network", settings, 1, self.test)

    def finals(self, settings: dict) -> dict[int, float]:
        """The same on the data that searches look at, with other seeds, to choose by."""
        return self._scores("finalist", "finalist", settings, 1 + self.how.seeds, None)

    def _scores(self, name: str, what: str, settings: dict, after: int, test) -> dict[int, float]:
        known = f"{name}-{digest(sorted(settings.items()))}"
        if known not in self.scored:
            self.scored[known] = self._by_seed(known, what, settings, after, test) if self.how.seeds else {}
        return self.scored[known]

    def _by_seed(self, known: str, what: str, settings: dict, after: int, test) -> dict[int, float]:
        seeds = range(self.how.seed + after, self.how.seed + after + self.how.seeds)
        found = search.optimise(
            lambda drawn, report: self._trained(
                foreign.make(self.subject.factory, drawn["seed"]),
                self.subject.train,
                settings,
                drawn["seed"],
                test=test,
            ),
            [SEED],
            name=f"{self.study}-{known}",
            sampler="random",
            trials=len(seeds),
            storage=self.storage,
            start=Start(first=[{"seed": seed} for seed in seeds], about=self._about("full") | settings),
            on_trial=self._heard(what),
        )
        return {trial.settings["seed"]: float("nan") if trial.value is None else trial.value for trial in found}

    def _searched(self, what, network, train, trials, *, first=(), known=()) -> list[Trial]:
        """A search that ends when what is left cannot change the choice."""
        total = max(trials, len(known) + len(first))
        return self._study(
            what,
            network,
            train,
            trials=total,
            sampler=self.how.sampler,
            pruner=self.how.pruner,
            epochs=self.how.epochs or getattr(train, "epochs", None),
            brackets=self.study,
            start=Start(known=known, first=first, about=self._about(what)),
            enough=lambda finished: settled(finished, total, self.margin),
        )

    def _study(self, what: str, network: nn.Module, train: Train, **choices) -> list[Trial]:
        return search.optimise(
            lambda settings, report: self._trained(copy.deepcopy(network), train, settings, self.how.seed, report),
            self.subject.space,
            name=f"{self.study}-{plain(what)}",
            seed=self.how.seed,
            storage=self.storage,
            on_trial=self._heard(what),
            **choices,
        )

    def _about(self, what: str) -> dict:
        """What a study says of itself to whoever opens it."""
        copied = what.startswith("proxy")
        return {
            "network": self.subject.name,
            "trained": self.taken.copy if copied else "network",
            "proxy": self.taken.copy,
            "why": self.taken.why,
            "cost": round(self.taken.share, 4) if copied else 1.0,
            "margin": self.margin,
        }

    def _heard(self, what: str) -> Callable[[Trial], None] | None:
        return None if self.how.on_trial is None else lambda trial: self.how.on_trial(what, trial)

    def _trained(self, network, train, settings, seed, report=None, *, test=None) -> Outcome:
        """One training with generators of its own; what goes wrong in it names the settings."""
        seen, started = _Seen(report), time.perf_counter()
        try:
            with foreign.seeded(seed, "training"):
                value = train(network, dict(settings), seed=seed, report=seen)
                if not isinstance(value, numbers.Real):
                    raise UserError(
                        f"expected train to return its score as a number, got {type(value).__name__}: return a float, "
                        f"larger is better"
                    )
                if test is not None and math.isfinite(value):
                    value = test(network)
        except Exception as error:
            error.add_note(
                f"pruneproxy.tune: this came from training with {settings} and seed {seed}; with a storage in a "
                f"file, the trials before it are kept"
            )
            raise
        finite = math.isfinite(value)
        return Outcome(
            value=float(value) if finite else None,
            state="stopped" if finite and seen.stopped else "complete" if finite else "diverged",
            epochs=seen.epoch,
            seconds=time.perf_counter() - started,
        )


class _Seen:
    """The `report` of a training: hands values on, and remembers the last epoch and whether it said stop."""

    def __init__(self, report: Callable[[int, float], bool] | None):
        self._report, self.epoch, self.stopped = report, 0, False

    def __call__(self, epoch: int, value: float) -> bool:
        self.epoch = int(epoch)
        if self._report is not None and math.isfinite(value):
            self.stopped = bool(self._report(self.epoch, float(value))) or self.stopped
        return self.stopped


def digest(said) -> str:
    """A short name for plain values."""
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:12]


def plain(words: str) -> str:
    """Words as a part of a study's name."""
    return PLAIN.sub("-", words).strip("-")
