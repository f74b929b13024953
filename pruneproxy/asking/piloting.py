"""May I tune on a cheaper copy of my network? A pilot: the same settings on it and on every copy, with paired seeds."""

import math
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pruneproxy.asking import answers, prior
from pruneproxy.asking.answers import AGAIN, Answer
from pruneproxy.asking.copies import COPIES, ITSELF, possible
from pruneproxy.asking.subject import Subject
from pruneproxy.asking.trials import Bench, Unfinished, asked
from pruneproxy.errors import UserError, choose
from pruneproxy.limits import check_counts
from pruneproxy.stopping import Deadline, duration
from pruneproxy.store import Store

LOOKS = (3, 5, 8)  # seeds of the settings that were chosen, as many as it takes
FEWEST = 4  # settings from which anything can be said
FINALS = 3  # trainings of the network that follow a search on a copy
LONGEST = 1000  # trials of a search for which a detour may still be advised
DIVERGED = (
    "expected a setting with which the training ends in a number, got {count} that all diverge: give a space of "
    "smaller learning rates; what was trained is kept in {folder}"
)
DIRECTLY = "not worth it: tune directly"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How a pilot is made: which copies, how many settings, and when it ends."""

    copies: tuple[str, ...] = tuple(COPIES)
    settings: int = 12
    margin: float | None = None  # points of the score; None: a quarter of what tuning gains
    budget: float | None = None  # seconds
    workers: int = 1
    device: str = "cpu"
    dask: str | None = None  # address of a scheduler whose workers train instead
    seed: int = 0

    def __post_init__(self):
        check_counts(self, "settings", least=FEWEST)
        check_counts(self, "workers")
        for name in self.copies:
            choose(name, COPIES, "copy")
        if self.margin is not None and not self.margin > 0:
            raise UserError(f"expected a margin above 0 in points of the score, got {self.margin!r}")

    def bench(self, store: Store, on_record) -> Bench:
        """Where its trainings are made, from now on."""
        deadline = None if self.budget is None else Deadline.after(self.budget)
        where = {"workers": self.workers, "device": self.device, "dask": self.dask}
        return Bench(store=store, **where, deadline=deadline, on_record=on_record)


@dataclass(frozen=True, kw_only=True, eq=False)
class Pilot:
    """What a pilot has found: an answer for every copy, cheapest first.

    `scores` has a row for every training, `refused` the reason for every copy that could not be made, and `best` is the
    setting with the network's best mean over further seeds (its best score where the budget allowed none).
    """

    name: str
    answers: tuple[Answer, ...]
    refused: Mapping[str, str]
    scores: pd.DataFrame
    margin: float
    best: dict
    complete: bool

    @property
    def advice(self) -> str | None:
        """The cheapest copy that is safe and cheaper than the network; None if none is."""
        return next((one.copy for one in self.answers if one.verdict == "safe" and one.share < 1), None)

    @property
    def seconds(self) -> float:
        """What a training of the network takes, in the middle."""
        return float(self.scores.loc[self.scores["copy"] == ITSELF, "seconds"].median())

    @property
    def pays_from(self) -> int | None:
        """Of how many trials a search must be for the detour over the advised copy, this pilot included, to pay."""
        if self.advice is None:
            return None
        share = next(one.share for one in self.answers if one.copy == self.advice)
        spent = float(self.scores["seconds"].sum()) / self.seconds
        return math.ceil((spent + FINALS) / (1 - share))

    @property
    def sentence(self) -> str:
        """The answer in one sentence."""
        rests = f"{self.scores['config'].nunique()} settings and {len(self.scores)} trainings"
        unsure = self._unsure
        if self.advice is not None and (self.pays_from <= LONGEST or not unsure):
            return f"{self._advised()} ({rests})."
        if not self.answers:
            said = f"It cannot be told within the budget whether {self.name} may be tuned on a copy"
            return f"{said}: {self._first_look()} ({rests})."
        if unsure:
            said = f"It cannot be told whether {self.name} may be tuned on a copy"
            return f"{said}: {self.telling(unsure[0])} ({rests})."
        return f"{DIRECTLY.capitalize()}; no copy of {self.name} was shown to be both safe and cheaper ({rests})."

    @property
    def _unsure(self) -> list[Answer]:
        """Copies of which it cannot be told, cheaper than the network and than any that is safe."""
        cheapest = min((one.share for one in self.answers if one.verdict == "safe"), default=1.0)
        return [one for one in self.answers if one.verdict == "cannot tell" and one.share < min(cheapest, 1.0)]

    def _advised(self) -> str:
        one = next(one for one in self.answers if one.copy == self.advice)
        loses = (
            f"its choice loses {one.loss.value:.2g} points [{one.loss.low:.2g}, {one.loss.high:.2g}], no more than the "
            f"margin of {self.margin:.2g}"
        )
        if self.pays_from > LONGEST:
            return f"{DIRECTLY.capitalize()}; the copy {one.copy!r} of {self.name} is safe, but takes {one.share:.0%}"
        said = f"You may tune {self.name} on its copy {one.copy!r}, at {one.share:.0%} of the time: {loses}"
        return f"{said}; it pays for a search of {self.pays_from} trials or more"

    def _first_look(self) -> str:
        again = min(AGAIN + len(set(self.scores["copy"]) - {ITSELF}), self.scores["config"].nunique())
        return (
            f"{LOOKS[0]} more seeds of up to {again} settings would be a first answer, about "
            f"{duration(LOOKS[0] * again * self.seconds)} of one worker"
        )

    def book(self, one: Answer) -> str:
        """What the book's records led to expect of a copy, and how much these settings moved that.

        No verdict rests on it.
        """
        return prior.of(one.copy).said(one.correlation, self.scores["config"].nunique())

    def telling(self, one: Answer) -> str:
        """Why it cannot be told of a copy, and what would tell."""
        if one.more is None and one.p <= answers.CHANCE:
            return f"{one.why}; with a margin of {one.loss.high:.2g} points it would be safe"
        if one.more is None:
            return one.why
        again = self.scores[(self.scores["copy"] == ITSELF) & (self.scores["seed"] > self.scores["seed"].min())]
        count = again["config"].nunique()
        return (
            f"{one.why}; about {one.more} more seeds of {count} settings would tell, "
            f"{duration(one.more * count * self.seconds)} of one worker, or a margin of {one.loss.high:.2g}"
        )

    def frame(self) -> pd.DataFrame:
        """A row for every copy: what it costs, how it orders settings, and what its choice loses."""
        rows = [
            {"copy": one.copy, "verdict": one.verdict, "share of time": one.share, "correlation": one.correlation}
            | {"correlation low": one.correlation_low, "correlation high": one.correlation_high}
            | {"loss": one.loss.value, "loss low": one.loss.low, "loss high": one.loss.high}
            | {"loss of three": one.three.value, "three low": one.three.low, "three high": one.three.high}
            for one in self.answers
        ]
        return pd.DataFrame(rows).set_index("copy") if rows else pd.DataFrame()

    def __str__(self) -> str:
        lines = [self.sentence]
        for one in self.answers:
            lines.append(
                f"  {one.copy:11}{one.verdict:12} {one.share:5.0%} of the time, rank correlation {one.correlation:.2f} "
                f"[{one.correlation_low:.2f}, {one.correlation_high:.2f}], its choice loses {one.loss.value:.2g} "
                f"[{one.loss.low:.2g}, {one.loss.high:.2g}], its three best tried again {one.three.value:.2g}"
            )
            if one.verdict == "cannot tell":
                lines.append(f"{'':13}{self.telling(one)}")
            if prior.of(one.copy).comparisons:
                lines.append(f"{'':13}{self.book(one)}")
        lines += [f"  {name:11}not possible: {reason}" for name, reason in self.refused.items()]
        return "\n".join(lines)


def pilot(
    subject: Subject,
    plan: Plan | None = None,
    *,
    records: str | Path | None = None,
    on_record: Callable[[str, int, int], None] | None = None,
) -> Pilot:
    """Tries settings on a network and on its copies until it is clear on which it may be tuned.

    Every training is a record in the folder `records` (a temporary one if None): the same call goes on where a killed
    or stopped one was. When the budget is spent, the answer is what is known by then.
    """
    plan = plan or Plan()
    found, refused = possible(subject, plan.copies)
    if not found:
        raise UserError(f"expected a copy that can be made of {subject.name}, got none: {'; '.join(refused.values())}")
    with tempfile.TemporaryDirectory() as scratch:
        trial = _Trial(subject, plan, plan.bench(Store(records or scratch), on_record), tuple(found))
        trial.explore()
        trial.check()
        while not trial.clear and trial.go_on():
            pass
        return trial.result(refused)


class _Trial:
    """A pilot at work: first every setting once on every side, then more seeds of the settings that were chosen."""

    def __init__(self, subject: Subject, plan: Plan, bench: Bench, copies: tuple[str, ...]):
        self.subject, self.plan, self.bench, self.copies = subject, plan, bench, copies
        self.settings = subject.settings(plan.settings, plan.seed)
        self.look, self.complete = 0, True

    def explore(self):
        """Trains every setting once on the network and on every copy, side by side, so that a stop leaves pairs."""
        self._made([asked(self.subject, c, s, self.plan.seed) for s in self.settings for c in (ITSELF, *self.copies)])

    def check(self):
        """There must be a setting with which the network can be trained."""
        tried = [self._record(ITSELF, settings, self.plan.seed) for settings in self.settings]
        if len(found := [record["score"] for record in tried if record]) > 1 and all(score is None for score in found):
            raise UserError(DIVERGED.format(count=len(found), folder=self.bench.store.folder))

    def go_on(self) -> bool:
        """Trains the chosen settings with more seeds; whether that could still be done."""
        if self.look == len(LOOKS) or not self.complete or len(self._explored()) < FEWEST:
            return False
        chosen = self._chosen()
        self._made([self._fresh(place, seed) for place in chosen for seed in self._seeds(LOOKS[self.look])])
        self.look += self.complete
        return self.complete

    @property
    def clear(self) -> bool:
        """Whether no copy is left of which it cannot be told, or a safe one is found that none of these undercuts."""
        if not self.look:
            return False
        known = self._answers()
        safe = next((one.share for one in known if one.verdict == "safe"), float("inf"))
        return not any(one.verdict == "cannot tell" and one.share < safe for one in known)

    def result(self, refused: Mapping[str, str]) -> Pilot:
        """All that is known now."""
        own = self._explored()
        if len(own) < 2:
            raise Unfinished(
                f"expected time for 2 settings on the network and its copies, got it for {len(own)}: give more than "
                f"the budget of {self.plan.budget or 0:g} s, or fewer copies; what was trained is kept in "
                f"{self.bench.store.folder}"
            )
        fresh = self._fresh_scores(own)
        best = self.settings[own.index[answers.steadiest(fresh) if fresh else int(np.argmax(own[ITSELF]))]]
        return Pilot(
            name=self.subject.name,
            answers=tuple(self._answers()),
            refused=refused,
            scores=self._frame(),
            margin=self._margin(),
            best=best,
            complete=self.complete,
        )

    def _made(self, trainings: Sequence):
        self.complete = self.bench.made(trainings) and self.complete

    def _fresh(self, place: int, seed: int):
        return asked(self.subject, ITSELF, self.settings[place], seed)

    def _seeds(self, count: int) -> range:
        return range(self.plan.seed + 1, self.plan.seed + 1 + count)

    def _explored(self) -> pd.DataFrame:
        """The scores of the settings that were tried on every side, a column for each; the worst where one diverged."""
        rows = {}
        for place, settings in enumerate(self.settings):
            records = {c: self._record(c, settings, self.plan.seed) for c in (ITSELF, *self.copies)}
            if all(records.values()):
                rows[place] = {name: record["score"] for name, record in records.items()}
        table = pd.DataFrame.from_dict(rows, orient="index", dtype=float)
        return table.fillna(table.min()).fillna(0.0)

    def _record(self, copy: str, settings: dict, seed: int) -> dict | None:
        return self.bench.record(asked(self.subject, copy, settings, seed))

    def _chosen(self) -> list[int]:
        """The network's three best, a copy's best, and of a copy's three best the network's choice."""
        table = self._explored()
        own = table[ITSELF].to_numpy()
        found = [*answers.favourites(own), *(p for c in self.copies for p in answers.choices(own, table[c].to_numpy()))]
        return [int(table.index[place]) for place in dict.fromkeys(found)]

    def _answers(self) -> list[Answer]:
        table = self._explored()
        own = table[ITSELF].to_numpy()
        fresh = self._fresh_scores(table)
        if not fresh:
            return []
        found = [
            answers.answer(
                name,
                own,
                table[name].to_numpy(),
                fresh,
                share=self._share(name),
                margin=self._margin(),
                looks=len(LOOKS),
            )
            for name in self.copies
        ]
        return sorted(found, key=lambda one: one.share)

    def _fresh_scores(self, table: pd.DataFrame) -> dict[int, list[float]]:
        """By row of the table, the scores of the chosen settings with the seeds that all of them have."""
        seeds = self._seeds(LOOKS[self.look - 1]) if self.look else ()
        rows = {row: self.settings[place] for row, place in enumerate(table.index) if place in self._chosen()}
        worst = float(table[ITSELF].min())
        found = {}
        for row, settings in rows.items():
            records = [self._record(ITSELF, settings, seed) for seed in seeds]
            found[row] = [worst if record["score"] is None else record["score"] for record in records]
        return found if seeds else {}

    def _share(self, name: str) -> float:
        """The median over settings of a copy's seconds as a share of the network's."""
        pairs = [
            [self._record(copy, settings, self.plan.seed) for copy in (name, ITSELF)] for settings in self.settings
        ]
        ratios = [mine["cost"]["seconds"] / own["cost"]["seconds"] for mine, own in pairs if mine and own]
        return float(np.median(ratios))

    def _margin(self) -> float:
        if self.plan.margin is not None:
            return self.plan.margin
        return answers.margin_of(self._explored()[ITSELF].to_numpy())

    def _frame(self) -> pd.DataFrame:
        return pd.DataFrame(self._rows())

    def _rows(self) -> Iterator[dict]:
        seeds = (self.plan.seed, *self._seeds(LOOKS[-1]))
        for place, settings in enumerate(self.settings):
            for copy in (ITSELF, *self.copies):
                for seed in seeds:
                    record = self._record(copy, settings, seed)
                    if record is not None:
                        about = {"config": place, "copy": copy, "seed": seed, "score": record["score"]}
                        yield about | record["cost"] | settings
