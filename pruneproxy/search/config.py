"""A search and its winner as specs: what their records depend on, and how they are made."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from pruneproxy import environment, runs
from pruneproxy.errors import UserError, choose
from pruneproxy.runs import DEFAULTS, Conditions, Kind, RunSpec
from pruneproxy.search.loop import Trial, best
from pruneproxy.search.pruners import PRUNERS
from pruneproxy.search.samplers import SAMPLERS
from pruneproxy.search.studied import Studied, check_fields, check_trials, rows
from pruneproxy.search.trials import Stored, WarmStarted, stopped, value_of
from pruneproxy.space import Dimension, apply
from pruneproxy.store import Store

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
class SearchSpec(Studied):
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
    kind = "search"

    def __post_init__(self):
        choose(self.sampler, SAMPLERS, "sampler")
        choose(self.pruner, PRUNERS, "pruner")
        choose(self.objective, OBJECTIVES, "objective")
        choose(self.best_of, BEST_OF, "value of best_of")
        check_trials(self.trials)
        check_fields(self.base, self.space)
        if self.warm_start and self.pruner != "none":
            raise UserError("expected warm_start without a pruner, as in the released code: set pruner to none")

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
        return super().shared(conditions) and not self.warm_start

    def _variants(self, settings: dict) -> Iterator[RunSpec]:
        run = apply(self.base, settings)
        yield run
        for epoch in range(1, run.train.epochs if self.pruner != "none" else 1):
            yield stopped(run, epoch)

    def _value_of(self, trial: Trial, store: Store) -> float | None:
        return None if trial.state == "diverged" else value_of(store.get(trial.run)["history"], trial.epochs, self)

    def _evaluator(self, store: Store, conditions: Conditions):
        return (WarmStarted if self.warm_start else Stored)(self, store, conditions)

    def _choices(self) -> dict:
        direction, worst = OBJECTIVES[self.objective]
        return {"pruner": self.pruner, "epochs": self.base.train.epochs, "direction": direction, "worst": worst}

    def _said(self, trials) -> tuple[str, dict]:
        found = [trial for trial in trials if trial.value is not None]
        winner = best(trials, self.direction) if found else None
        chosen = winner and {name: getattr(winner, name) for name in ("number", "settings", "value")}
        return "ok" if found else "diverged", {"trials": rows(trials), "best": chosen}


@dataclass(frozen=True, kw_only=True)
class WinnerSpec(Kind):
    """The run of `target` with the best settings that `search` has found; its other fields are the target's own."""

    search: SearchSpec
    target: RunSpec
    kind = "winner"

    def __post_init__(self):
        for dimension in self.search.space:
            apply(self.target, {dimension.field: dimension.ends[0]})

    @property
    def training(self) -> RunSpec:
        """The target."""
        return self.target

    @property
    def needs(self) -> tuple[SearchSpec]:
        """The search."""
        return (self.search,)

    @property
    def trainings(self) -> tuple[tuple[RunSpec, int], ...]:
        """What is trained, and how often."""
        return ((self.target, 1),)

    def execute(self, store: Store, conditions: Conditions = DEFAULTS) -> dict:
        """Trains the target and returns the record; with a search all of whose trials diverged there is no run."""
        searched = runs.finished(self.search, store, conditions)
        device = str(environment.resolve_device(conditions.device))
        if searched["best"] is None:
            empty = {"run": None, "settings": None, "metrics": {}, "cost": {"seconds": 0.0}, "data": searched["data"]}
            return self.record(empty, device=device, status="diverged")
        settings = searched["best"]["settings"]
        run = runs.finished(apply(self.target, settings), store, conditions)
        copied = {name: run[name] for name in ("metrics", "cost")}
        copied["data"] = run["data"] | {"selected_on": self.search.base.train.evaluate_on}
        record = self.record(copied | {"run": run["id"], "settings": settings}, device=device, status=run["status"])
        return record | {"environment": run["environment"]}
