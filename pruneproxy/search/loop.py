"""The loop under every search: ask for settings, evaluate them, tell. It knows nothing of networks."""

import contextlib
import functools
import math
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass

import optuna
from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from pruneproxy.errors import UserError, choose
from pruneproxy.search import pruners, storages
from pruneproxy.search.samplers import Repeatable
from pruneproxy.search.space import Dimension, check_space
from pruneproxy.store import Busy

STATES = {
    "complete": "trained to its last epoch",
    "stopped": "stopped early by the pruner",
    "diverged": "the loss was not finite: counts as the worst",
}
DIRECTIONS = {"maximize": 1, "minimize": -1}
PAUSE = 0.2  # seconds between looks at the trials that other processes still evaluate


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What an evaluation found: `value` is None when it diverged, `run` the id of its record if it has one."""

    value: float | None
    state: str = "complete"
    epochs: int = 0
    seconds: float = 0.0
    multiplications: float | None = None
    run: str | None = None

    def __post_init__(self):
        choose(self.state, STATES, "state of a trial")


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One evaluated setting of a search."""

    number: int
    settings: dict
    value: float | None
    state: str
    epochs: int
    seconds: float
    multiplications: float | None
    run: str | None


Report = Callable[[int, float], bool]  # report(epoch, value) -> whether to stop
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
    direction: str = "maximize",
    worst: float = 0.0,
    lock: storages.Lock | None = None,
    on_trial: Callable[[Trial], None] | None = None,
    pause: Callable[[], None] | None = None,
) -> list[Trial]:
    """All trials of the study `name`, in order: those that its storage has, and then new ones up to `trials`.

    `evaluate(settings, report)` returns an Outcome; it calls `report(epoch, value)` after each evaluated epoch and
    stops when that returns true. `epochs` is the largest epoch, which Hyperband needs. Any number of processes may
    call this for one study in a shared storage. A trial whose process died is taken over with its own settings.
    A trial that diverges is told to the sampler as the worst value so far, or as `worst` if that is worse still.

    `lock(name, wait=...)` holds a lock between processes (default: a file beside the storage's), `pause()` is called
    while only trials of other processes are left.
    """
    check_space(space)
    sign = choose(direction, DIRECTIONS, "direction")
    if not isinstance(trials, int) or trials < 1:
        raise UserError(f"expected at least 1 trial, got {trials!r}")
    if pruner == "hyperband" and (not isinstance(epochs, int) or epochs < 1):
        raise UserError(f"expected the largest number of epochs for the pruner hyperband, got {epochs!r}")
    if isinstance(sampler, str):
        sampler = Repeatable(sampler, seed=seed, trials=trials)
    stops = pruners.make(pruner, study=name, epochs=epochs, sign=sign) if isinstance(pruner, str) else pruner
    study = _Study(name, space, storage, sampler, stops, sign, trials, worst, lock or storages.locks(storage))
    while True:
        with contextlib.ExitStack() as held:
            trial = study.next(held)
            if trial is not None:
                outcome = evaluate(dict(trial.params), functools.partial(study.report, trial))
                told = study.tell(trial, outcome)
                if on_trial is not None:
                    on_trial(told)
        if trial is None:
            if study.all_told():
                return study.history()
            (pause or _pause)()


def _pause():
    time.sleep(PAUSE)


def best(trials: Iterable[Trial], direction: str = "maximize") -> Trial:
    """The trial with the best value: of the complete ones, or of those that were stopped if none is complete."""
    sign = choose(direction, DIRECTIONS, "direction")
    valued = [trial for trial in trials if trial.value is not None and math.isfinite(trial.value)]
    if not valued:
        raise UserError("expected a trial with a value, but all diverged: search smaller learning rates")
    complete = [trial for trial in valued if trial.state == "complete"]
    return max(complete or valued, key=lambda trial: (sign * trial.value, -trial.number))


class _Study:
    """A study of Optuna that several processes may share, and its trials."""

    def __init__(self, name, space, storage, sampler, stops, sign, trials, worst, lock):
        self.name, self.address, self.stops, self.sign, self.worst = name, storage, stops, sign, worst
        self.trials, self.lock = trials, lock
        self.distributions = {dimension.field: dimension.distribution for dimension in space}
        self.storage: BaseStorage = storages.connect(storage)
        with self._reaching(), lock(name):
            self.study = optuna.create_study(
                storage=self.storage,
                study_name=name,
                sampler=sampler,
                direction="maximize" if sign > 0 else "minimize",
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

    def next(self, held: contextlib.ExitStack) -> FrozenTrial | None:
        """A trial to evaluate, its lock held in `held`: one whose process died, or a new one; None if there is none."""
        with self.lock(self.name):
            known = self._all()
            for trial in known:
                if trial.state == TrialState.RUNNING and self._claimed(trial.number, held):
                    return self._completed(trial)
            if len(known) >= self.trials:
                return None
            # Nobody can hold the lock of a trial that does not exist yet.
            held.enter_context(self.lock(f"{self.name}-{len(known)}"))
            with self._reaching():
                number = self.study.ask(self.distributions).number
            return self._all()[number]

    def _claimed(self, number: int, held: contextlib.ExitStack) -> bool:
        try:
            held.enter_context(self.lock(f"{self.name}-{number}", wait=False))
        except Busy:
            return False
        return True

    def _completed(self, trial: FrozenTrial) -> FrozenTrial:
        """A trial that another process has left, with the settings that it had not drawn yet."""
        if set(trial.params) == set(self.distributions):
            return trial
        with self._reaching():
            revived = optuna.Trial(self.study, trial._trial_id)
            for field, distribution in self.distributions.items():
                revived._suggest(field, distribution)
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
        finite = outcome.value is not None and math.isfinite(outcome.value) and outcome.state != "diverged"
        if not finite:
            outcome = Outcome(**asdict(outcome) | {"value": None, "state": "diverged"})
        value = outcome.value if finite else self._worst()
        stopped = outcome.state == "stopped" and getattr(self.study.sampler, "knows_stopped", True)
        with self._reaching():
            self.storage.set_trial_user_attr(trial._trial_id, "outcome", asdict(outcome))
            self.study.tell(
                trial.number, None if stopped else value, state=TrialState.PRUNED if stopped else TrialState.COMPLETE
            )
        return Trial(number=trial.number, settings=dict(trial.params), **asdict(outcome))

    def _worst(self) -> float:
        values = [trial.value for trial in self._all() if trial.state == TrialState.COMPLETE]
        return self.sign * min(self.sign * value for value in (self.worst, *values))

    def all_told(self) -> bool:
        """Whether every trial is finished, also those of other processes."""
        known = self._all()
        return len(known) == self.trials and all(trial.state.is_finished() for trial in known)

    def history(self) -> list[Trial]:
        """All trials in order."""
        return [
            Trial(
                number=trial.number,
                settings={field: trial.params[field] for field in self.distributions},
                **trial.user_attrs["outcome"],
            )
            for trial in self._all()
        ]
