"""Evaluating one setting of a search by training a network with it."""

from dataclasses import asdict, replace

from pruneproxy import costs, data, environment, runs
from pruneproxy.runs import Conditions, RunSpec
from pruneproxy.search.loop import Outcome, Report
from pruneproxy.space import apply
from pruneproxy.store import Store
from pruneproxy.train import Training


class Stored:
    """Trains each trial as a run of its own, whose record goes to the store: equal runs are trained once.

    `trained` counts the seconds that this object has spent on training, `data` says what was trained on.
    """

    def __init__(self, search, store: Store, conditions: Conditions):
        self.search, self.store, self.conditions = search, store, conditions
        self.trained, self.data = 0.0, None

    def __call__(self, settings: dict, report: Report) -> Outcome:
        """What the run of these settings found."""
        run = apply(self.search.base, settings)
        if self.search.pruner == "none":
            record = self._made(run, lambda: runs.finished(run, self.store, self.conditions))
            epochs = len(record["history"].get("epoch", ()))
        else:
            record, epochs = self._known(run, report) or self._stoppable(run, report)
        self.data = self.data or record["data"]
        return _outcome(record, epochs, run, self.search)

    def _made(self, run: RunSpec, make) -> dict:
        known = run.id in self.store
        record = make()
        self.trained += 0.0 if known else record["cost"]["seconds"]
        return record

    def _known(self, run: RunSpec, report: Report) -> tuple[dict, int] | None:
        """A stored record of this run, whole or stopped, and the epochs of it that the pruner lets pass."""
        self.store.refresh()
        for variant in (run, *(stopped(run, epoch) for epoch in range(1, run.train.epochs))):
            if variant.id in self.store:
                record = self.store.get(variant.id)
                epochs = self._replayed(record, report)
                if epochs is not None or variant == run:
                    return record, epochs or len(record["history"]["epoch"])
        return None

    def _replayed(self, record: dict, report: Report) -> int | None:
        """The epoch after which the pruner stops a stored run, or None."""
        values = record["history"].get(f"eval_{self.search.objective}", ())
        for epoch, value in enumerate(values, 1):
            if value is not None and report(epoch, value):
                return epoch
        return None

    def _stoppable(self, run: RunSpec, report: Report) -> tuple[dict, int]:
        name = f"eval_{self.search.objective}"
        record = self._made(
            run,
            lambda: runs.finished_or_stopped(
                run, lambda row: report(row["epoch"], row[name]), self.store, self.conditions
            ),
        )
        return record, len(record["history"]["epoch"])


def stopped(run: RunSpec, epoch: int) -> RunSpec:
    """The same run, ended after `epoch` epochs of its schedule."""
    return replace(run, train=replace(run.train, stop_after=epoch))


def _outcome(record: dict, epochs: int, run: RunSpec, search) -> Outcome:
    history, cost, whole = record["history"], record["cost"], len(record["history"].get("epoch", ()))
    diverged = record["status"] != "ok" and epochs == whole
    share = 1.0 if epochs == whole else epochs / whole
    return Outcome(
        value=None if diverged else value_of(history, epochs, search),
        state="diverged" if diverged else "complete" if epochs == whole and record["id"] == run.id else "stopped",
        epochs=epochs,
        seconds=cost["seconds"] if epochs == whole else sum(history["seconds"][:epochs]),
        multiplications=share * cost["training_multiplications"],
        run=record["id"],
    )


def value_of(history: dict, epochs: int, search) -> float:
    """The objective of a training by the epochs that count."""
    values = [value for value in history[f"eval_{search.objective}"][:epochs] if value is not None]
    if search.best_of == "last":
        return values[-1]
    return max(values) if search.direction == "maximize" else min(values)


class WarmStarted:
    """Trains all trials with one network that is never drawn anew, as the paper's released code does.

    The trials depend on one another, so they are no runs of their own. Their outcomes and the network are saved after
    each one, and a search that was killed goes on from there.
    """

    def __init__(self, search, store: Store, conditions: Conditions):
        self.search, self.store, self.conditions = search, store, conditions
        environment.settle()
        self.dataset = data.load(search.base.data).to(environment.resolve_device(conditions.device))
        self.model = runs.network(search.base, self.dataset, store, conditions).to(self.dataset.device)
        self.data = runs.data_facts(self.dataset, search.base.train.evaluate_on)
        state = store.checkpoint(search.id) or {"outcomes": [], "model": self.model.state_dict()}
        self.outcomes, self.trained, self._done = state["outcomes"], 0.0, 0
        self.model.load_state_dict(state["model"])

    def __call__(self, settings: dict, report: Report) -> Outcome:
        """What training on with these settings found."""
        self._done += 1
        if self._done > len(self.outcomes):
            self.outcomes.append(asdict(self._trained(apply(self.search.base, settings))))
            self.store.save_checkpoint(self.search.id, {"outcomes": self.outcomes, "model": self.model.state_dict()})
        return Outcome(**self.outcomes[self._done - 1])

    def _trained(self, run: RunSpec) -> Outcome:
        training = Training(self.model, self.dataset, run.train, run.seed)
        runs.train(training, run, self.conditions)
        seconds = sum(training.history.get("seconds", ()))
        self.trained += seconds
        diverged = training.status != "ok"
        images = training.done * len(self.dataset.train)
        return Outcome(
            value=None if diverged else value_of(training.history, training.done, self.search),
            state="diverged" if diverged else "complete",
            epochs=training.done,
            seconds=seconds,
            multiplications=3.0 * costs.total(costs.layers(self.model)) * images,
        )
