"""The loop under every search: ask for settings, evaluate them, tell. It knows nothing of networks."""

import contextlib
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np
import optuna
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from pruneproxy.errors import UserError, choose
from pruneproxy.search import storages
from pruneproxy.search.parts import check_parts, check_several, proposing, stopping
from pruneproxy.search.starting import Start, begin
from pruneproxy.space import Dimension, active, check_space
from pruneproxy.store import Busy

STATES = {
    "complete": "trained to its last epoch",
    "stopped": "stopped early by the pruner, or because others are better on the same folds",
    "diverged": "the loss was not finite: counts as the worst",
}
DIRECTIONS = {"maximize": 1, "minimize": -1}
PAUSE = 0.2  # seconds between looks at the trials that other processes still evaluate


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What an evaluation found: the `value`, a tuple of several objectives, and the ids of its records in `run`.

    A diverged one has None, or the values that stand for it where they are known.
    """

    value: float | tuple[float, ...] | None
    state: str = "complete"
    epochs: int = 0
    seconds: float = 0.0
    multiplications: float | None = None
    run: str | tuple[str, ...] | None = None

    def __post_init__(self):
        choose(self.state, STATES, "state of a trial")


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One evaluated setting of a search."""

    number: int
    settings: dict
    value: float | tuple[float, ...] | None
    state: str
    epochs: int
    seconds: float
    multiplications: float | None
    run: str | tuple[str, ...] | None


class Report:
    """What an evaluation says to its study and hears from it: `report(epoch, value)` is whether to stop."""

    def __init__(self, study: "_Study", trial: FrozenTrial):
        self._study, self._trial = study, trial

    def __call__(self, epoch: int, value: float) -> bool:
        return self._study.report(self._trial, epoch, value)

    def earlier(self) -> list[Trial]:
        """The trials with smaller numbers that are finished."""
        return [trial for trial in self._study.history() if trial.number < self._trial.number]


Evaluate = Callable[[dict, Report], Outcome]


def optimise(
    evaluate: Evaluate,
    space: Sequence[Dimension],
    *,
    name: str,
    sampler: str | BaseSampler = "tpe",
    pruner: str | BasePruner = "none",
    epochs: int | None = None,
    trials: int,
    seed: int = 0,
    storage: str = "memory",
    direction: str | Sequence[str] = "maximize",
    worst: float | Sequence[float] = 0.0,
    scale: Callable[[tuple[float, ...]], tuple[float, ...]] = tuple,
    default_first: bool = False,
    lock: storages.Lock | None = None,
    on_trial: Callable[[Trial], None] | None = None,
    pause: Callable[[], None] | None = None,
    brackets: str | None = None,
    sharing: storages.Sharing | None = None,
    start: Start | None = None,
    enough: Callable[[Sequence[Trial]], bool] | None = None,
) -> list[Trial]:
    """All trials of the study `name`, in order: those that its storage has, and then new ones up to `trials`.

    `evaluate(settings, report)` returns an Outcome; it calls `report(epoch, value)` after each evaluated epoch and
    stops when that returns true. `epochs` is the largest epoch, which Hyperband needs. Any number of processes may
    call this for one study in a shared storage. A trial whose process died is taken over with its own settings.
    A trial that diverges without a value is told to the sampler as the worst value so far, or as `worst` if that is
    worse still. Several objectives have a `direction` and a `worst` each, and no pruner; `scale(values)` is what the
    sampler is told instead of their values. With `default_first` the first trial has the defaults of the space.

    Sampler and pruner objects of Optuna are copied for each study; a sampler draws as it was seeded, so that only one
    taken by name repeats exactly in a resumed study. `brackets` is the name by which the pruner hyperband deals trials
    out (default: that of the study).

    `lock(name, wait=...)` holds a lock between processes (default: a file beside the storage's), `pause()` is called
    while only trials of other processes are left. With `sharing` a study of another folder of records is refused, and
    the processes that have joined are counted.

    `start` is what a study begins with; what it has by then counts among the `trials`. The study ends before these are
    all made when `enough(finished)` says so.
    """
    check_space(space)
    check_parts(sampler, pruner)
    storages.check(storage)
    directions = (direction,) if isinstance(direction, str) else tuple(direction)
    signs = [choose(one, DIRECTIONS, "direction") for one in directions]
    if not isinstance(trials, int) or trials < 1:
        raise UserError(f"expected at least 1 trial, got {trials!r}")
    if len(signs) > 1:
        check_several(sampler, pruner)
    stops = stopping(pruner, study=brackets or name, epochs=epochs, sign=signs[0])
    sampler = proposing(sampler, seed=seed, trials=trials, space=space, default_first=default_first)
    worsts = np.broadcast_to(np.asarray(worst, dtype=float), len(signs)).tolist()
    lock = lock or storages.locks(storage)
    study = _Study(name, space, storage, sampler, stops, signs, trials, worsts, scale, lock, enough)
    if start is not None:
        study.begin(start)
    if sharing is not None:
        with storages.reaching(storage), lock(name):
            storages.join(study.study, sharing)
    while True:
        with contextlib.ExitStack() as held:
            trial = study.next(held)
            if trial is not None:
                outcome = evaluate(dict(trial.params), Report(study, trial))
                told = study.tell(trial, outcome)
                if on_trial is not None:
                    on_trial(told)
        if trial is None:
            if study.all_told():
                if sharing is not None:
                    sharing.processes = storages.joined(study.study)
                return study.history()
            (pause or _pause)()


def _pause():
    time.sleep(PAUSE)


def best(trials: Iterable[Trial], direction: str = "maximize") -> Trial:
    """The trial with the best value: of the complete ones, or of those that were stopped if none is complete."""
    sign = choose(direction, DIRECTIONS, "direction")
    told = [trial for trial in trials if trial.value is not None and trial.state != "diverged"]
    if any(isinstance(trial.value, tuple) for trial in told):
        raise UserError("expected trials with one objective, got several: take the front of them")
    valued = [trial for trial in told if math.isfinite(trial.value)]
    if not valued:
        raise UserError("expected a trial with a value, but all diverged: search smaller learning rates")
    complete = [trial for trial in valued if trial.state == "complete"]
    return max(complete or valued, key=lambda trial: (sign * trial.value, -trial.number))


class _Study:
    """A study of Optuna that several processes may share, and its trials."""

    def __init__(self, name, space, storage, sampler, stops, signs, trials, worsts, scale, lock, enough):
        self.name, self.address, self.stops, self.signs, self.worsts = name, storage, stops, signs, worsts
        self.trials, self.scale, self.lock, self.enough = trials, scale, lock, enough
        self.space = tuple(space)
        self.distributions = {dimension.field: dimension.distribution for dimension in space}
        self.storage: BaseStorage = storages.connect(storage)
        with self._reaching(), lock(name):
            self.study = optuna.create_study(
                storage=self.storage,
                study_name=name,
                sampler=sampler,
                directions=["maximize" if sign > 0 else "minimize" for sign in signs],
                load_if_exists=True,
            )
        self._check_space()

    def _reaching(self):
        return storages.reaching(self.address)

    def _check_space(self):
        for trial in self._all():
            if any(self.distributions.get(field) != kind for field, kind in trial.distributions.items()):
                raise UserError(
                    f"expected the study {self.name} in its storage to have the same search space, but it has another "
                    "one: give this search another name"
                )

    def _all(self) -> list[FrozenTrial]:
        with self._reaching():
            return self.study.get_trials(deepcopy=False)[: self.trials]

    def begin(self, start: Start):
        """Puts into the study what it begins with."""
        with self._reaching(), self.lock(self.name):
            begin(self.study, start, self.distributions, lambda trial: self._heard(_values(trial.value)))

    def next(self, held: contextlib.ExitStack) -> FrozenTrial | None:
        """A trial to evaluate, its lock held in `held`: one whose process died, or a new one; None if there is none."""
        with self.lock(self.name):
            known = self._all()
            for trial in known:
                if trial.state == TrialState.RUNNING and self._left(trial.number, held):
                    with self._reaching():
                        return self._drawn(optuna.Trial(self.study, trial._trial_id))
            waiting = [trial.number for trial in known if trial.state == TrialState.WAITING]
            if not waiting and (len(known) >= self.trials or self._settled(known)):
                return None
            # Nobody can hold the lock of a trial that waits or does not exist yet.
            held.enter_context(self.lock(f"{self.name}-{waiting[0] if waiting else len(known)}"))
            with self._reaching():
                return self._drawn(self.study.ask())

    def _settled(self, known: Sequence[FrozenTrial]) -> bool:
        return bool(known) and self.enough is not None and self.enough(_told(known, self.distributions))

    def _left(self, number: int, held: contextlib.ExitStack) -> bool:
        """Whether a trial was left by a process that died; its lock is in `held` then."""
        with contextlib.ExitStack() as claim:
            # Its process may have told it and let go since it was read.
            if not self._claimed(number, claim) or self._all()[number].state.is_finished():
                return False
            held.push(claim.pop_all())
            return True

    def _claimed(self, number: int, held: contextlib.ExitStack) -> bool:
        try:
            held.enter_context(self.lock(f"{self.name}-{number}", wait=False))
        except Busy:
            return False
        return True

    def _drawn(self, trial: optuna.Trial) -> FrozenTrial:
        """The trial with a value of every active dimension; those that it has already stay."""
        settings = {}
        for dimension in self.space:
            if active(dimension, settings):
                settings[dimension.field] = trial._suggest(dimension.field, self.distributions[dimension.field])
        return self._all()[trial.number]

    def report(self, trial: FrozenTrial, epoch: int, value: float) -> bool:
        """Stores the value of an epoch and says whether the trial should stop."""
        if self.stops is None:
            return False
        with self._reaching():
            self.storage.set_trial_intermediate_value(trial._trial_id, epoch, value)
            if isinstance(self.stops, BasePruner):
                return self.stops.prune(self.study, self.storage.get_trial(trial._trial_id))
        reported = {other.number: other.intermediate_values for other in self._all()}
        return self.stops(trial.number, epoch, reported)

    def tell(self, trial: FrozenTrial, outcome: Outcome) -> Trial:
        """Stores what was found."""
        values = _values(outcome.value)
        if not self._finite(values):
            outcome = replace(outcome, value=None, state="diverged")
        heard = self._heard(values)
        several, knows = len(self.signs) > 1, getattr(self.study.sampler, "knows_stopped", True)
        stopped = outcome.state == "stopped" and knows and not several
        try:
            with self._reaching():
                self.storage.set_trial_user_attr(trial._trial_id, "outcome", asdict(outcome))
                self.study.tell(
                    trial.number,
                    None if stopped else list(heard),
                    state=TrialState.PRUNED if stopped else TrialState.COMPLETE,
                )
        except optuna.exceptions.UpdateFinishedTrialError:  # by a process whose locks are elsewhere
            return next(told for told in self.history() if told.number == trial.number)
        return Trial(number=trial.number, settings=dict(trial.params), **asdict(outcome))

    def _finite(self, values: Sequence[float]) -> bool:
        return len(values) == len(self.signs) and all(map(math.isfinite, values))

    def _heard(self, values: Sequence[float]) -> Sequence[float]:
        """What the sampler is told of a trial."""
        return self.scale(values) if self._finite(values) else self._worst()

    def _worst(self) -> list[float]:
        known = [trial.values for trial in self._all() if trial.state == TrialState.COMPLETE]
        columns = zip(self.worsts, *known, strict=True)
        return [sign * min(sign * value for value in column) for sign, column in zip(self.signs, columns, strict=True)]

    def all_told(self) -> bool:
        """Whether every trial is finished, also those of other processes."""
        known = self._all()
        done = all(trial.state.is_finished() for trial in known)
        return done and (len(known) == self.trials or self._settled(known))

    def history(self) -> list[Trial]:
        """All finished trials in order."""
        return _told(self._all(), self.distributions)


def _told(known: Iterable[FrozenTrial], fields: Iterable[str]) -> list[Trial]:
    """The finished ones of a study's trials."""
    return [
        Trial(
            number=trial.number,
            settings={field: trial.params[field] for field in fields if field in trial.params},
            **{key: _frozen(value) for key, value in trial.user_attrs["outcome"].items()},
        )
        for trial in known
        if trial.state.is_finished()
    ]


def _values(value) -> tuple[float, ...]:
    """The objectives of a value."""
    return () if value is None else tuple(value) if isinstance(value, Sequence) else (value,)


def _frozen(value):
    """Tuples for the lists that storages return."""
    return tuple(value) if isinstance(value, list) else value
