"""What all searches by training have in common: their place among the specs, and how their records are made."""

import importlib.metadata
from collections.abc import Iterable, Sequence
from dataclasses import asdict

from pruneproxy import environment, runs
from pruneproxy.errors import UserError
from pruneproxy.limits import MOST
from pruneproxy.runs import DEFAULTS, Conditions, Kind, RunSpec
from pruneproxy.search import storages
from pruneproxy.search.loop import Trial, optimise
from pruneproxy.search.storages import Sharing
from pruneproxy.space import Dimension, apply, check_space
from pruneproxy.store import Store


def check_trials(trials: int):
    """Raises unless there is at least one, and not more than any search has."""
    if not isinstance(trials, int) or not 1 <= trials <= MOST:
        raise UserError(f"expected at least 1 trial and at most {MOST:,}, got {trials!r}")


def check_fields(base: RunSpec, space: Sequence[Dimension]):
    """Raises when the space makes no sense, or `base` cannot have a value at its ends."""
    check_space(space)
    for dimension in space:
        for end in dimension.ends:
            apply(base, {dimension.field: end})


class Studied(Kind):
    """A spec with `base`, `space`, `sampler`, `trials` and `seed` whose trials are trainings."""

    @property
    def training(self) -> RunSpec:
        """What is searched."""
        return self.base

    def shared(self, conditions: Conditions) -> bool:
        """Whether several processes may work on it at once."""
        return conditions.storage != "memory"

    def lost(self, store: Store) -> tuple[RunSpec, ...]:
        """The runs of its trials that are not in the store any more."""
        return self._lost_of((store.get(self.id) or {}).get("trials", ()), store)

    def _lost_of(self, trials: Sequence[dict], store: Store) -> tuple[RunSpec, ...]:
        found = {}
        for trial in trials:
            named = trial["runs"] if "runs" in trial else [trial["run"]]
            gone = {name for name in named if name is not None and name not in store}
            found |= {run.id: run for run in self._variants(trial["settings"]) if run.id in gone} if gone else {}
        return tuple(found.values())

    def _variants(self, settings: dict) -> Iterable[RunSpec]:
        """The runs that a trial with these settings may have made."""
        raise NotImplementedError

    def execute(self, store: Store, conditions: Conditions = DEFAULTS) -> dict:
        """Runs the search and returns its record; the trials' own records are in the store then."""
        environment.settle()
        device = environment.resolve_device(conditions.device)
        started = environment.clock(device)
        evaluate = self._evaluator(store, conditions)
        sharing = Sharing(folder=store.name) if self.shared(conditions) else None
        trials = self._optimised(evaluate, store, conditions, sharing)
        wall = environment.clock(device) - started
        status, found = self._said(trials)
        for run in self._lost_of(found["trials"], store):  # the study was made beside other records
            runs.finished(run, store, conditions)
        if sharing is not None:
            self._check_study(trials, store, conditions.storage)
        content = (
            found
            | {
                "cost": {
                    "seconds": round(sum(trial.seconds for trial in trials), 3),
                    "multiplications": sum(trial.multiplications or 0 for trial in trials),
                    # Of the process that finished the search: all its time but that of training.
                    "overhead_seconds": round(max(wall - evaluate.trained, 0.0), 3),
                },
                "data": evaluate.data,
            }
            | ({} if sharing is None else {"processes": sharing.processes})
        )
        return _with_optuna(self.record(content, device=str(device), status=status))

    def _check_study(self, trials: Sequence[Trial], store: Store, storage: str):
        """Refuses trials that are not what their records say: a storage has no checksums of its own."""
        for trial in trials:
            named = (trial.run,) if isinstance(trial.run, str) else trial.run or ()
            known = {run.id for run in self._variants(trial.settings)} if named else set()
            if not known.issuperset(named) or (named and self._value_of(trial, store) != trial.value):
                raise UserError(
                    f"expected trial {trial.number} of the study {self.id} to be what its records say, got other "
                    f"settings or values: the storage {storages.shown(storage)} is damaged or of other records; name "
                    "another one"
                )

    def _value_of(self, trial: Trial, store: Store) -> float | tuple[float, ...] | None:
        """The value of a trial by the records of its runs."""
        raise NotImplementedError

    def _optimised(self, evaluate, store: Store, conditions: Conditions, sharing: Sharing | None) -> list[Trial]:
        shared = sharing is not None
        return optimise(
            evaluate,
            self.space,
            name=self.id,
            sampler=self.sampler,
            trials=self.trials,
            seed=self.seed,
            storage=conditions.storage if shared else "memory",
            lock=(lambda name, *, wait=True: store.run_lock(f"study-{name}", wait=wait)) if shared else None,
            pause=lambda: runs.pause(conditions),
            sharing=sharing,
            **self._choices(),
        )

    def _evaluator(self, store: Store, conditions: Conditions):
        """What evaluates a setting, with `trained` seconds and `data`."""
        raise NotImplementedError

    def _choices(self) -> dict:
        """Further arguments of `optimise`."""
        raise NotImplementedError

    def _said(self, trials: Sequence[Trial]) -> tuple[str, dict]:
        """The status, and what the record says about the trials: `trials` and what follows from them."""
        raise NotImplementedError


def rows(trials: Sequence[Trial]) -> list[dict]:
    """The trials as a record has them."""
    return [asdict(trial) for trial in trials]


def _with_optuna(record: dict) -> dict:
    packages = record["environment"]["packages"] | {"optuna": importlib.metadata.version("optuna")}
    return record | {"environment": record["environment"] | {"packages": packages}}
