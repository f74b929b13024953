"""A search and its winner as specs: what their records depend on, and how they are made."""

import importlib.metadata
from dataclasses import asdict, dataclass, field

from pruneproxy import environment, runs
from pruneproxy.errors import UserError, choose
from pruneproxy.runs import Conditions, RunSpec
from pruneproxy.search.loop import Trial, best, optimise
from pruneproxy.search.pruners import PRUNERS
from pruneproxy.search.samplers import SAMPLERS
from pruneproxy.search.space import Dimension, apply, check_space
from pruneproxy.search.trials import Stored, WarmStarted
from pruneproxy.specs import identity, to_dict
from pruneproxy.store import Store, now

DEFAULTS = Conditions()
# Direction, and what a diverged trial is told as unless an earlier value is worse.
OBJECTIVES = {
    "top1": ("maximize", 0.0),
    "top5": ("maximize", 0.0),
    "loss": ("minimize", 10.0),  # above the loss of guessing, ln(classes), for up to 20 000 classes
}
BEST_OF = {
    "last": "the value after the last epoch",
    "max": "the best value of all epochs, as the paper's released code takes it",
}


@dataclass(frozen=True, kw_only=True)
class SearchSpec:
    """A hyperparameter search: `trials` trainings of `base`, each with other settings of the fields in `space`.

    The objective is measured on the split that `base.train.evaluate_on` names. With `warm_start` every trial goes on
    from the weights that the one before has left, as in the paper's released code.
    """

    base: RunSpec = field(default_factory=RunSpec)
    space: tuple[Dimension, ...]
    sampler: str = "tpe"
    pruner: str = "none"
    trials: int = 50
    objective: str = "top1"
    best_of: str = "last"
    warm_start: bool = False
    seed: int = 0  # of the sampler; that of the trained networks is base.seed

    def __post_init__(self):
        choose(self.sampler, SAMPLERS, "sampler")
        choose(self.pruner, PRUNERS, "pruner")
        choose(self.objective, OBJECTIVES, "objective")
        choose(self.best_of, BEST_OF, "value of best_of")
        check_space(self.space)
        if not isinstance(self.trials, int) or self.trials < 1:
            raise UserError(f"expected at least 1 trial, got {self.trials!r}")
        if self.warm_start and self.pruner != "none":
            raise UserError("expected warm_start without a pruner, as in the released code: set pruner to none")
        for dimension in self.space:
            for end in dimension.ends:
                apply(self.base, {dimension.field: end})

    @property
    def id(self) -> str:
        """The name of this search's record, and of its study."""
        return identity(self)

    @property
    def needs(self) -> tuple:
        """No record has to exist before this one; its trials are made on the way."""
        return ()

    @property
    def scoring_run(self) -> RunSpec | None:
        """The run whose trained weights decide the channels of the searched network, if there is one."""
        return self.base.scoring_run

    @property
    def trainings(self) -> tuple[tuple[RunSpec, int], ...]:
        """What is trained, and how often."""
        return ((self.base, self.trials),)

    @property
    def direction(self) -> str:
        """Whether the objective is maximized or minimized."""
        return OBJECTIVES[self.objective][0]

    def shared(self, conditions: Conditions) -> bool:
        """Whether several processes may work on it at once."""
        return conditions.storage != "memory" and not self.warm_start

    def execute(self, store: Store, conditions: Conditions = DEFAULTS) -> dict:
        """Runs the search and returns its record; the trials' own records are in the store then."""
        environment.settle()
        device = environment.resolve_device(conditions.device)
        started = environment.clock(device)
        evaluate = (WarmStarted if self.warm_start else Stored)(self, store, conditions)
        trials = self._optimise(evaluate, store, conditions)
        return self._record(trials, evaluate, conditions, environment.clock(device) - started)

    def _optimise(self, evaluate, store: Store, conditions: Conditions) -> list[Trial]:
        direction, worst = OBJECTIVES[self.objective]
        shared = self.shared(conditions)
        return optimise(
            evaluate,
            self.space,
            name=self.id,
            sampler=self.sampler,
            pruner=self.pruner,
            epochs=self.base.train.epochs,
            trials=self.trials,
            seed=self.seed,
            storage=conditions.storage if shared else "memory",
            direction=direction,
            worst=worst,
            lock=(lambda name, *, wait=True: store.run_lock(f"study-{name}", wait=wait)) if shared else None,
            pause=lambda: runs.pause(conditions),
        )

    def _record(self, trials, evaluate, conditions, wall: float) -> dict:
        found = [trial for trial in trials if trial.value is not None]
        winner = best(trials, self.direction) if found else None
        device = str(environment.resolve_device(conditions.device))
        surroundings = environment.describe(device)
        packages = surroundings["packages"] | {"optuna": importlib.metadata.version("optuna")}
        return {
            "id": self.id,
            "kind": "search",
            "status": "ok" if found else "diverged",
            "spec": to_dict(self),
            "trials": [asdict(trial) for trial in trials],
            "best": winner and {name: getattr(winner, name) for name in ("number", "settings", "value")},
            "cost": {
                "seconds": round(sum(trial.seconds for trial in trials), 3),
                "multiplications": sum(trial.multiplications or 0 for trial in trials),
                # Of the process that finished the search: all its time but that of training.
                "overhead_seconds": round(max(wall - evaluate.trained, 0.0), 3),
            },
            "data": evaluate.data,
            "environment": surroundings | {"packages": packages},
            "finished": now(),
        }


@dataclass(frozen=True, kw_only=True)
class WinnerSpec:
    """The run of `target` with the best settings that `search` has found; its other fields are the target's own."""

    search: SearchSpec
    target: RunSpec

    def __post_init__(self):
        for dimension in self.search.space:
            apply(self.target, {dimension.field: dimension.ends[0]})

    @property
    def id(self) -> str:
        """The name of this record."""
        return identity(self)

    @property
    def needs(self) -> tuple[SearchSpec]:
        """The search."""
        return (self.search,)

    @property
    def scoring_run(self) -> RunSpec | None:
        """The run whose trained weights decide the target's channels, if it is pruned after training."""
        return self.target.scoring_run

    @property
    def trainings(self) -> tuple[tuple[RunSpec, int], ...]:
        """What is trained, and how often."""
        return ((self.target, 1),)

    def execute(self, store: Store, conditions: Conditions = DEFAULTS) -> dict:
        """Trains the target and returns the record; with a search all of whose trials diverged there is no run."""
        searched = runs.finished(self.search, store, conditions)
        record = {"id": self.id, "kind": "winner", "status": "diverged", "spec": to_dict(self)}
        if searched["best"] is None:
            device = str(environment.resolve_device(conditions.device))
            empty = {"run": None, "settings": None, "metrics": {}, "cost": {"seconds": 0.0}, "data": searched["data"]}
            return record | empty | {"environment": environment.describe(device), "finished": now()}
        settings = searched["best"]["settings"]
        run = runs.finished(apply(self.target, settings), store, conditions)
        copied = {name: run[name] for name in ("status", "metrics", "cost", "data", "environment")}
        return record | copied | {"run": run["id"], "settings": settings, "finished": now()}
