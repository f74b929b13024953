"""What happens to a network while it finds masks: how its layers' ratios drift, and whether noise parts its copies."""

from dataclasses import dataclass, field

import torch

from pruneproxy import data, environment, magnitude, paths
from pruneproxy.errors import UserError
from pruneproxy.runs import rounds
from pruneproxy.runs.ensuring import DEFAULTS, Conditions
from pruneproxy.runs.execution import hook, network, train
from pruneproxy.runs.kinds import Kind
from pruneproxy.runs.recording import Meter, data_facts
from pruneproxy.runs.spec import Finding, RoundSpec, RunSpec
from pruneproxy.store import Store
from pruneproxy.train import Training, evaluate


@dataclass(frozen=True, kw_only=True)
class DriftSpec(Kind):
    """The ratios that the first round would prune layers by, after every epoch of a training (003, Fig. A18)."""

    find: RunSpec
    finding: Finding = field(default_factory=Finding)
    kind = "drift"

    @property
    def training(self) -> RunSpec:
        """The training."""
        return self.find

    @property
    def trainings(self) -> tuple:
        """The training, once."""
        return ((self.find, 1),)

    def execute(self, store: Store, conditions: Conditions = DEFAULTS) -> dict:
        """Trains, and returns the record: a list of ratios for every layer, one for each epoch."""
        training, meter, device = _started(self.find, self.find.seed, store, conditions)
        first = RoundSpec(find=self.find, finding=self.finding)
        found: dict[str, list[float]] = {name: [] for name in rounds.prunable(first)}

        def after(_) -> bool:
            weights = {name: training.model.get_submodule(name).weight for name in found}
            keep = {name: torch.ones(weight.shape, dtype=torch.bool) for name, weight in weights.items()}
            for name, ratio in magnitude.ratios(rounds.pruned(first, weights, keep, store)).items():
                found[name].append(ratio)
            return False

        train(training, self, conditions, after=after)
        content = {"ratios": found, "cost": {"seconds": round(meter.seconds, 3)}}
        content["data"] = data_facts(training.dataset, self.find.train.evaluate_on)
        return self.record(content, device=str(device), status=training.status)


@dataclass(frozen=True, kw_only=True)
class StabilitySpec(Kind):
    """The error between two copies of a run that see the images in other orders (003, Fig. A13)."""

    run: RunSpec
    orders: tuple[int, int] = (1, 2)  # seeds of the orders and augmentations
    points: int = 11
    kind = "stability"

    def __post_init__(self):
        if len(self.orders) != 2:
            raise UserError(f"expected two seeds of orders, got {self.orders!r}")

    @property
    def training(self) -> RunSpec:
        """The run, whose start both copies share."""
        return self.run

    @property
    def needs(self) -> tuple:
        """The round whose masks the run trains with."""
        return self.run.needs

    @property
    def trainings(self) -> tuple:
        """The run, twice."""
        return ((self.run, 2),)

    def execute(self, store: Store, conditions: Conditions = DEFAULTS) -> dict:
        """Trains both copies, and returns the record: errors in percent along the line, and the barrier."""
        ends, seconds = [], 0.0
        for seed in self.orders:
            training, meter, device = _started(self.run, seed, store, conditions)
            train(training, self, conditions)
            ends.append({name: value.clone() for name, value in training.model.state_dict().items()})
            seconds += meter.seconds
        config = self.run.train

        def error(state) -> float:
            training.model.load_state_dict(state)
            kept = {"on": config.evaluate_on, "precision": config.precision, "channels_last": config.channels_last}
            return 100 - evaluate(training.model, training.dataset, **kept)["top1"]

        errors = paths.along(*ends, error, points=self.points)
        content = {"errors": errors, "barrier": paths.barrier(errors), "cost": {"seconds": round(seconds, 3)}}
        content["data"] = data_facts(training.dataset, config.evaluate_on)
        return self.record(content, device=str(device), status=training.status)


def _started(spec: RunSpec, seed: int, store: Store, conditions: Conditions) -> tuple[Training, Meter, torch.device]:
    """A training of the run before its first step, with the streams of a seed."""
    environment.settle()
    device = environment.resolve_device(conditions.device)
    dataset = data.load(spec.data).to(device)
    model = network(spec, dataset, store, conditions).to(device)
    return Training(model, dataset, spec.train, seed, hook=hook(spec, store)), Meter(device), device
