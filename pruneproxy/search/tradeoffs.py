"""A search for the trade-off between objectives (002, Sec. 4.4), as a spec."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from pruneproxy import data, pareto, runs
from pruneproxy.errors import UserError, choose
from pruneproxy.runs import Conditions, RunSpec
from pruneproxy.runs.estimates import dense_multiplications, training_multiplications
from pruneproxy.search.loop import Outcome, Report, Trial
from pruneproxy.search.parts import check_several
from pruneproxy.search.studied import Studied, check_fields, check_trials
from pruneproxy.space import Dimension, apply
from pruneproxy.sparse import Infeasible
from pruneproxy.store import Store


def error(record: dict) -> float:
    """Wrong answers in percent; those of guessing for a run that diverged."""
    if record["status"] != "ok":
        return 100.0 - 100.0 / record["data"]["classes"]
    return 100.0 - record["metrics"]["top1"]


def inference(record: dict) -> float:
    """Multiplications for one input."""
    return float(record["cost"]["multiplications"])


def training(record: dict) -> float:
    """Multiplications of the training; a run that diverged is charged all its epochs, as if it had not been ended."""
    train, done = record["spec"]["train"], len(record["history"].get("epoch", ()))
    return record["cost"]["training_multiplications"] * (train["stop_after"] or train["epochs"]) / max(done, 1)


# What is minimised: a number of a run's record.
MEASURES: dict[str, Callable[[dict], float]] = {"error": error, "inference": inference, "training": training}
INTENSIFY = {
    "all": "every configuration is trained on every fold",
    "race": "a configuration goes on to the next fold only while no rival dominates its mean over the same folds",
}


@dataclass(frozen=True, kw_only=True)
class TradeoffSpec(Studied):
    """A search for settings that trade several objectives off; all of them are minimised.

    A setting is trained on `folds` of the folds of `base.data`, from `base.data.fold` on, and has the mean of each
    objective. With `intensify="race"` it is compared after every fold with its rivals: the front of the earlier
    settings that were trained on all folds. When the mean of one of them over the same folds dominates its own, it is
    left with the mean over the folds that it has seen (state "stopped"). A setting diverges with its first fold that
    does: it has the error of guessing, and is in no front. So has one whose density leaves a layer without a weight.

    With `default_first` the first setting is the defaults of the space. The sampler is told logarithms of the
    objectives in `logged`.
    """

    base: RunSpec = field(default_factory=RunSpec)
    space: tuple[Dimension, ...]
    objectives: tuple[str, ...] = ("error", "inference", "training")
    sampler: str = "mo-smac"
    trials: int = 50
    folds: int = 1
    intensify: str = "all"
    default_first: bool = True
    logged: tuple[str, ...] = ("inference", "training")
    seed: int = 0  # of the sampler; that of the trained networks is base.seed
    kind = "tradeoff"

    def __post_init__(self):
        check_several(self.sampler)
        choose(self.intensify, INTENSIFY, "value of intensify")
        for name in (*self.objectives, *self.logged):
            choose(name, MEASURES, "objective")
        if len(self.objectives) < 2 or len(set(self.objectives)) < len(self.objectives):
            raise UserError(f"expected two or more different objectives, got {', '.join(self.objectives) or 'none'}")
        check_trials(self.trials)
        check_fields(self.base, self.space)
        available = self.base.data.folds or 1
        if not isinstance(self.folds, int) or not 1 <= self.folds <= available:
            raise UserError(f"expected 1 to {available} folds, as base.data.folds says, got {self.folds!r}")

    @property
    def trainings(self) -> tuple[tuple[RunSpec, int], ...]:
        """What is trained, and how often at most."""
        return ((self.base, self.trials * self.folds),)

    def runs(self, settings: dict) -> Iterator[RunSpec]:
        """The runs of a setting, one per fold."""
        run = apply(self.base, settings)
        for step in range(self.folds):
            if run.data.folds is None:
                yield run
            else:
                yield replace(run, data=replace(run.data, fold=(run.data.fold + step) % run.data.folds))

    def values(self, record: dict) -> tuple[float, ...]:
        """The objectives of a run."""
        return tuple(MEASURES[name](record) for name in self.objectives)

    def scaled(self, values: Sequence[float]) -> tuple[float, ...]:
        """What the sampler is told of the objectives; nothing costs less than one multiplication then."""
        pairs = zip(self.objectives, values, strict=True)
        return tuple(math.log10(max(value, 1.0)) if name in self.logged else value for name, value in pairs)

    def _variants(self, settings: dict) -> Iterator[RunSpec]:
        return self.runs(settings)

    def _value_of(self, trial: Trial, store: Store) -> tuple[float, ...]:
        return self.mean([store.get(name) for name in trial.run], trial.state)

    def mean(self, records: Sequence[dict], state: str = "complete") -> tuple[float, ...]:
        """Each objective's mean over the folds of a setting; of one that diverged only the fold in which it did."""
        counted = records[-1:] if state == "diverged" else records
        columns = zip(*(self.values(record) for record in counted), strict=True)
        return tuple(math.fsum(column) / len(counted) for column in columns)

    def _evaluator(self, store: Store, conditions: Conditions):
        return Compared(self, store, conditions)

    def _choices(self) -> dict:
        count = len(self.objectives)
        return {"direction": ("minimize",) * count, "scale": self.scaled, "default_first": self.default_first}

    def _said(self, trials) -> tuple[str, dict]:
        found = any(trial.state != "diverged" for trial in trials)
        said = [
            {
                "number": trial.number,
                "settings": trial.settings,
                "values": list(trial.value),
                "state": trial.state,
                "folds": len(trial.run),
                "seconds": trial.seconds,
                "multiplications": trial.multiplications,
                "runs": list(trial.run),
            }
            for trial in trials
        ]
        return "ok" if found else "diverged", {"trials": said}


class Compared:
    """Evaluates a setting of a TradeoffSpec fold by fold. Every fold is a run of its own, whose record is stored.

    `trained` counts the seconds that this object has spent on training, `data` says what was trained on.
    """

    def __init__(self, search: TradeoffSpec, store: Store, conditions: Conditions):
        self.search, self.store, self.conditions = search, store, conditions
        self.trained, self.data = 0.0, None

    def __call__(self, settings: dict, report: Report) -> Outcome:
        """What the runs of these settings found."""
        rivals = self._rivals(report) if self.search.intensify == "race" else []
        records, state = [], "complete"
        for run in self.search.runs(settings):
            try:
                records.append(self._record(run))
            except Infeasible:
                return self._infeasible(run)
            if records[-1]["status"] != "ok":
                state = "diverged"
                break
            if len(records) < self.search.folds and self._beaten(records, rivals):
                state = "stopped"
                break
        return self._outcome(records, state)

    def _record(self, run: RunSpec) -> dict:
        known = run.id in self.store
        record = runs.finished(run, self.store, self.conditions)
        self.trained += 0.0 if known else record["cost"]["seconds"]
        self.data = self.data or record["data"]
        return record

    def _infeasible(self, run: RunSpec) -> Outcome:
        """The worst: it guesses, at the cost of the dense network."""
        values = {
            "error": 100.0 - 100.0 / data.CATALOGUE[run.data.name].classes,
            "inference": float(dense_multiplications(run.model, run.data)),
            "training": float(training_multiplications(run)),
        }
        return Outcome(value=tuple(values[name] for name in self.search.objectives), state="diverged", run=())

    def _rivals(self, report: Report) -> list[list[dict]]:
        """The records of the front of the earlier settings that were trained on all folds."""
        whole = [trial for trial in report.earlier() if trial.state == "complete"]
        kept = pareto.front([trial.value for trial in whole], direction="minimize")
        self.store.refresh()
        front = [trial for trial, inside in zip(whole, kept, strict=True) if inside]
        return [[self.store.get(name) for name in trial.run] for trial in front]

    def _beaten(self, records: list[dict], rivals: list[list[dict]]) -> bool:
        own = self.search.mean(records)
        means = (self.search.mean(rival[: len(records)]) for rival in rivals)
        return any(pareto.dominates(mean, own, direction="minimize") for mean in means)

    def _outcome(self, records: list[dict], state: str) -> Outcome:
        return Outcome(
            value=self.search.mean(records, state),
            state=state,
            epochs=sum(len(record["history"].get("epoch", ())) for record in records),
            seconds=sum(record["cost"]["seconds"] for record in records),
            multiplications=sum(record["cost"]["training_multiplications"] for record in records),
            run=tuple(record["id"] for record in records),
        )
