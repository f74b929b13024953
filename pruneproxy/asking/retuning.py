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
from pruneproxy.asking.piloting import LOOKS, Plan
from pruneproxy.asking.subject import Subject, on
from pruneproxy.asking.trials import Bench, OfSubject
from pruneproxy.errors import UserError, choose
from pruneproxy.randomness import stream_seed
from pruneproxy.runs import Conditions
from pruneproxy.scores import SCORES
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

    `gains` has the expected gain of a search of so many trials near that setting, in points, noise taken out; `seconds`
    is what a training of the pruned network takes.
    """

    name: str
    verdict: str
    loss: Loss
    margin: float
    kept: dict
    best: dict
    gains: Mapping[int, float]
    seconds: float
    dense_score: float | None
    trainings: int
    complete: bool

    @property
    def sentence(self) -> str:
        """The answer in one sentence."""
        said = {
            "keep": f"You may keep the setting of {self.name} after pruning",
            "search": f"Tune {self.name} again after pruning",
            "cannot tell": f"It cannot be told whether {self.name} must be tuned again after pruning",
        }[self.verdict]
        ends = f"[{self.loss.low:.2g}, {self.loss.high:.2g}]"
        return (
            f"{said}: keeping it loses {self.loss.value:.2g} points {ends} against the best of {len(self.gains) + 1} "
            f"settings, margin {self.margin:.2g} ({self.trainings} trainings)."
        )

    def __str__(self) -> str:
        searched = ", ".join(f"{gain:.2g} by {count}" for count, gain in self.gains.items())
        return f"{self.sentence}\n  expected gain of a search, in points by trials: {searched}"


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

    Others are drawn near them. What is best is chosen with one seed and measured with others, as many as it takes.
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
        """Every setting once, then the kept and the best one with more seeds until it is clear."""
        complete = self.bench.made([self._training(settings, self.plan.seed) for settings in self.settings])
        explored = self._explored()
        best = int(np.argmax(explored))
        margin = self.plan.margin or answers.margin_of(explored)
        for count in LOOKS:
            seeds = range(self.plan.seed + 1, self.plan.seed + 1 + count)
            chosen = {place: self.settings[place] for place in (0, best)}
            complete = complete and self.bench.made(
                [self._training(settings, seed) for settings in chosen.values() for seed in seeds]
            )
            if not complete:
                raise UserError(
                    f"expected time for {count} more seeds of two settings, but the budget is spent: give more; what "
                    f"was trained is kept in {self.bench.store.folder}"
                )
            fresh = {place: [self._score(one, seed) for seed in seeds] for place, one in chosen.items()}
            loss = answers.loss(fresh, best, 0, looks=len(LOOKS))
            verdict = _verdict(loss, margin)
            if verdict != "cannot tell":
                break
        return self._result(explored, best, loss, margin, verdict, fresh, complete)

    def _training(self, settings: dict, seed: int) -> Retrained:
        return Retrained(
            dense=self.dense, keep=self.keep, method=self.method, settings=tuple(settings.items()), seed=seed
        ).of(self.subject)

    def _score(self, settings: dict, seed: int) -> float:
        score = self.bench.record(self._training(settings, seed))["score"]
        return float("nan") if score is None else score

    def _explored(self) -> np.ndarray:
        found = [self.bench.record(self._training(settings, self.plan.seed)) for settings in self.settings]
        if not all(found):
            raise UserError(
                f"expected time for {len(found)} settings of the pruned network, got it for {sum(map(bool, found))}: "
                f"give a larger budget; what was trained is kept in {self.bench.store.folder}"
            )
        scores = np.array([np.nan if record["score"] is None else record["score"] for record in found])
        return np.where(np.isnan(scores), np.nanmin(scores) if np.isfinite(scores).any() else 0.0, scores)

    def _result(self, explored, best, loss, margin, verdict, fresh, complete) -> Retuning:
        noise = answers.pooled(fresh.values())[0] ** 2
        records = [self.bench.record(self._training(one, self.plan.seed)) for one in self.settings]
        dense = self.bench.record(self.dense)
        return Retuning(
            name=self.subject.name,
            verdict=verdict,
            loss=loss,
            margin=margin,
            kept=self.settings[0],
            best=self.settings[best],
            gains=gains(explored, noise),
            seconds=float(np.median([record["cost"]["seconds"] for record in records])),
            dense_score=dense and dense["score"],
            trainings=sum(record["kind"] == "asked-retrained" for record in self.bench.store),
            complete=complete,
        )


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
