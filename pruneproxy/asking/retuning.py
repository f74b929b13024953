"""Must I tune again after pruning? The dense network's setting, and others near it, on the pruned network."""

import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from typing import Self

import numpy as np

from pruneproxy import environment, surgery
from pruneproxy.asking import answers
from pruneproxy.asking.answers import Loss
from pruneproxy.asking.piloting import DIVERGED, LOOKS, Plan
from pruneproxy.asking.subject import Subject, on
from pruneproxy.asking.trials import Bench, OfSubject, Unfinished
from pruneproxy.errors import UserError, choose
from pruneproxy.randomness import stream_seed
from pruneproxy.runs import Conditions
from pruneproxy.scores import SCORES
from pruneproxy.stopping import duration
from pruneproxy.store import Store
from pruneproxy.surgery import foreign
from pruneproxy.tuning.proxy import pruned

NEAR = 0.25  # of a dimension's range, to either side: how far from the dense network's setting others are drawn
FLOOR = 0.1  # of its channels that every group keeps
VERDICTS = {
    "keep": "keeping the setting loses no more than the margin",
    "search": "keeping the setting loses more than the margin",
    "cannot tell": "the interval of the loss holds the margin",
}


@dataclass(frozen=True, kw_only=True)
class Dense(OfSubject):
    """The training of the network before it is pruned; its weights are kept beside the record."""

    subject: str
    settings: tuple[tuple[str, object], ...]
    seed: int
    kind = "asked-dense"

    def execute(self, store: Store, conditions: Conditions) -> dict:
        """Trains, saves the weights, and returns the record of the score."""
        subject = self.asked_about
        environment.settle()
        device = str(environment.resolve_device(conditions.device))
        network = foreign.make(subject.factory, self.seed)
        score = subject.score(network, on(device, subject.train), dict(self.settings), self.seed)
        store.save_tensors(f"{self.id}-weights", network.state_dict())
        return self.record({"score": score}, device=device)


@dataclass(frozen=True, kw_only=True)
class Retrained(OfSubject):
    """The training of the network that is pruned, from the weights that it had, with some settings."""

    dense: Dense
    keep: float
    method: str
    settings: tuple[tuple[str, object], ...]
    seed: int
    kind = "asked-retrained"

    def of(self, subject: Subject) -> Self:
        """The same, able to train, and the network before it."""
        self.dense.of(subject)
        return super().of(subject)

    @property
    def needs(self) -> tuple:
        """The network before it is pruned."""
        return (self.dense,)

    def execute(self, store: Store, conditions: Conditions) -> dict:
        """Prunes, trains on, and returns the record of the score."""
        subject = self.asked_about
        environment.settle()
        device = str(environment.resolve_device(conditions.device))
        network = _narrow(self, subject, store, conditions)
        started = environment.clock(environment.resolve_device(conditions.device))
        score = subject.score(network, on(device, subject.train), dict(self.settings), self.seed)
        seconds = environment.clock(environment.resolve_device(conditions.device)) - started
        return self.record({"score": score, "cost": {"seconds": seconds}}, device=device)


def _narrow(spec: Retrained, subject: Subject, store: Store, conditions: Conditions):
    network, name = foreign.make(subject.factory, spec.dense.seed), f"{spec.dense.id}-weights"
    if not store.has_tensors(name):  # records travel without their arrays
        spec.dense.execute(store, conditions)
    network.load_state_dict(store.tensors(name))
    config = surgery.PruneConfig(
        percentile=100 * (1 - spec.keep), sigma=FLOOR, score=spec.method, fan_in="mean", coupled="mean", scope="all"
    )
    return pruned(network, subject.example, config, seed=spec.dense.seed)[0]


@dataclass(frozen=True, kw_only=True, eq=False)
class Retuning:
    """What keeping the dense network's setting loses on the pruned one, and what a search would find.

    `loss` is None where the budget allowed no further seeds. `gains` has the expected gain of a search of so many
    trials near that setting, in points, noise taken out; `seconds` is what a training of the pruned network takes, and
    `more` says how many further seeds of the `again` settings that were tried again would tell.
    """

    name: str
    verdict: str
    loss: Loss | None
    margin: float
    kept: dict
    best: dict
    gains: Mapping[int, float]
    tried: int
    again: int
    more: int | None
    seconds: float
    dense_score: float | None
    trainings: int
    complete: bool

    @property
    def sentence(self) -> str:
        """The answer in one sentence."""
        within = "" if self.complete else " within the budget"
        said = {
            "keep": f"You may keep the setting of {self.name} after pruning",
            "search": f"Tune {self.name} again after pruning",
            "cannot tell": f"It cannot be told{within} whether {self.name} must be tuned again after pruning",
        }[self.verdict]
        rests = f"margin {self.margin:.2g} ({self.trainings} trainings)"
        if self.loss is None:
            return f"{said}: no setting was trained with more seeds{self._telling}, {rests}."
        ends = f"[{self.loss.low:.2g}, {self.loss.high:.2g}]"
        return (
            f"{said}: keeping it loses {self.loss.value:.2g} points {ends} against the best of {self.tried} settings"
            f"{self._telling}, {rests}."
        )

    @property
    def _telling(self) -> str:
        """What would tell where it cannot be told."""
        if self.more is None:
            return ""
        lasts = duration(self.more * self.again * self.seconds)
        return f"; about {self.more} more seeds of {self.again} settings would tell, {lasts} of one worker"

    def __str__(self) -> str:
        if not self.gains:
            return self.sentence
        searched = ", ".join(f"{gain:.2g} by {count}" for count, gain in self.gains.items())
        lasts = f"{self.seconds:.2g} s" if self.seconds < 60 else duration(self.seconds)
        return f"{self.sentence}\n  expected gain of a search, in points by trials: {searched}; a trial takes {lasts}"


def retune(
    subject: Subject,
    settings: Mapping,
    *,
    keep: float = 0.5,
    method: str = "l1",
    plan: Plan | None = None,
    records: str | Path | None = None,
    on_record: Callable[[str, int, int], None] | None = None,
) -> Retuning:
    """Trains with `settings`, keeps a share of the channels by a score, and trains on with these settings and others.

    Others are drawn near them. The best three are chosen with one seed and measured with others, as many as it takes.
    When the budget is spent, the answer is what is known by then.
    """
    plan = plan or Plan(settings=8)
    choose(method, SCORES, "score")
    if not 0 < keep < 1:
        raise UserError(f"expected a share of channels to keep between 0 and 1, got {keep!r}")
    missing = [dimension.field for dimension in subject.space if dimension.field not in settings]
    if missing:
        raise UserError(f"expected a setting with a value of {missing[0]}, as the space has it: add it")
    with tempfile.TemporaryDirectory() as scratch:
        work = _Work(subject, dict(settings), keep, method, plan, plan.bench(Store(records or scratch), on_record))
        return work.done()


class _Work:
    """The question at work."""

    def __init__(self, subject: Subject, kept: dict, keep: float, method: str, plan: Plan, bench: Bench):
        self.subject, self.keep, self.method, self.plan, self.bench = subject, keep, method, plan, bench
        self.settings = [kept, *_near(subject, kept, plan.settings - 1, plan.seed)]
        self.dense = Dense(subject=subject.digest, settings=tuple(kept.items()), seed=plan.seed).of(subject)

    def done(self) -> Retuning:
        """Every setting once, then the kept and the best ones with more seeds until it is clear or the time is over."""
        complete = self.bench.made([self._training(settings, self.plan.seed) for settings in self.settings])
        explored = self._explored()
        margin = self.plan.margin or answers.margin_of(np.array(list(explored.values())))
        again = self._again(explored)
        seeds, found = range(0), None
        for count in LOOKS:
            seeds = range(self.plan.seed + 1, self.plan.seed + 1 + count)
            complete = complete and self.bench.made(
                [self._training(self.settings[place], seed) for seed in seeds for place in again]
            )
            found = self._loss(again, seeds, min(explored.values())) or found
            if not complete or (found and _verdict(found[0], margin) != "cannot tell"):
                break
        return self._result(explored, again, found, margin, complete)

    def _again(self, explored: Mapping[int, float]) -> list[int]:
        """The kept setting and the best ones of those that were tried."""
        places = list(explored)
        best = answers.favourites(np.array(list(explored.values())))
        return list(dict.fromkeys([0, *(places[row] for row in best)]))

    def _loss(self, again: list[int], seeds: range, worst: float) -> tuple[Loss, dict[int, list[float]]] | None:
        """What keeping loses over the seeds that all of these settings have, and their scores; None with fewer than 2.

        Where the budget ended inside a look, this is the last one, so no more are taken than are allowed for.
        """
        there = [seed for seed in seeds if all(self._record(self.settings[place], seed) for place in again)]
        if len(there) < 2:
            return None
        fresh = {place: [self._score(self.settings[place], seed, worst) for seed in there] for place in again}
        return answers.loss(fresh, 0, looks=len(LOOKS)), fresh

    def _training(self, settings: dict, seed: int) -> Retrained:
        return Retrained(
            dense=self.dense, keep=self.keep, method=self.method, settings=tuple(settings.items()), seed=seed
        ).of(self.subject)

    def _record(self, settings: dict, seed: int) -> dict | None:
        return self.bench.record(self._training(settings, seed))

    def _score(self, settings: dict, seed: int, worst: float) -> float:
        score = self._record(settings, seed)["score"]
        return worst if score is None else score

    def _explored(self) -> dict[int, float]:
        """The score of every setting that was tried, by its place; the worst where one diverged."""
        found = {place: self._record(one, self.plan.seed) for place, one in enumerate(self.settings)}
        found = {place: record for place, record in found.items() if record}
        if 0 not in found or len(found) < 2:
            raise Unfinished(
                f"expected time for the kept setting and another one on the pruned network, got it for {len(found)}: "
                f"give a larger budget; what was trained is kept in {self.bench.store.folder}"
            )
        scores = {place: record["score"] for place, record in found.items()}
        ended = [score for score in scores.values() if score is not None]
        if not ended:
            raise UserError(DIVERGED.format(count=len(found), folder=self.bench.store.folder))
        worst = min(ended)
        return {place: worst if score is None else score for place, score in scores.items()}

    def _result(self, explored, again, found, margin, complete) -> Retuning:
        loss, fresh = found or (None, {})
        scores = np.array(list(explored.values()))
        noise = answers.pooled(fresh.values())[0] ** 2 if fresh else None
        seconds = [self._record(self.settings[place], self.plan.seed)["cost"]["seconds"] for place in explored]
        dense = self.bench.record(self.dense)
        measured = len(next(iter(fresh.values()), ()))
        verdict = "cannot tell" if loss is None else _verdict(loss, margin)
        more = (answers.more_seeds(loss, margin, measured) if loss else LOOKS[0]) if verdict == "cannot tell" else None
        return Retuning(
            name=self.subject.name,
            verdict=verdict,
            loss=loss,
            margin=margin,
            kept=self.settings[0],
            best=self.settings[answers.steadiest(fresh) if fresh else max(explored, key=explored.get)],
            gains={} if noise is None else gains(scores, noise),
            tried=len(explored),
            again=len(again),
            more=more,
            seconds=float(np.median(seconds)),
            dense_score=dense and dense["score"],
            trainings=self._trainings(),
            complete=complete,
        )

    def _trainings(self) -> int:
        """How many trainings of the pruned network this question rests on."""
        seeds = range(self.plan.seed, self.plan.seed + 1 + LOOKS[-1])
        return sum(self._record(settings, seed) is not None for settings in self.settings for seed in seeds)


def gains(explored: np.ndarray, noise: float) -> dict[int, float]:
    """By the number of trials, what the best of so many other settings is expected to gain over the kept one.

    Scores are drawn to their mean by the share of their variance that is the seeds': the best of noisy scores flatters.
    """
    spread = float(np.var(explored, ddof=1))
    share = max(0.0, 1 - noise / spread) if spread > 0 else 0.0
    true = explored.mean() + share * (explored - explored.mean())
    kept, others = true[0], true[1:]
    return {
        count: float(np.mean([max(kept, max(some)) for some in combinations(others, count)]) - kept)
        for count in range(1, len(others) + 1)
    }


def _verdict(loss: Loss, margin: float) -> str:
    if loss.high <= margin:
        return "keep"
    return "search" if loss.low > margin else "cannot tell"


def _near(subject: Subject, kept: Mapping, count: int, seed: int) -> list[dict]:
    """Settings near another one: each dimension within a share of its range to either side."""
    drawn = np.random.default_rng(stream_seed(seed, "retune", "settings"))
    return [
        {
            dimension.field: _beside(dimension, kept[dimension.field], share)
            for dimension, share in zip(subject.space, drawn.uniform(-NEAR, NEAR, len(subject.space)), strict=True)
        }
        for _ in range(count)
    ]


def _beside(dimension, value, share: float):
    place = dimension.place(value)
    if dimension.choices:  # whose places are 0, 1, 2, ...
        place = (place + 0.5) / len(dimension.choices)
    return dimension.at(min(max(place + share, 0.0), 1.0))
