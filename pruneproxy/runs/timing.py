"""How long one forward and backward pass takes, in a narrow network and in the full one, measured in turns."""

import math
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch.nn import functional

from pruneproxy import costs, data, environment
from pruneproxy.errors import UserError
from pruneproxy.randomness import generator
from pruneproxy.runs import Conditions, RunSpec, network
from pruneproxy.runs.kinds import Kind
from pruneproxy.store import Store
from pruneproxy.train import Training

WARM_UP = 2


@dataclass(frozen=True, kw_only=True)
class TimingSpec(Kind):
    """Two networks whose forward and backward passes are timed on the same batches.

    The full and the narrow one take turns, so that a change of the machine's speed meets both.
    """

    full: RunSpec
    narrow: RunSpec
    batch_size: int = 128
    repeats: int = 20
    kind = "timing"

    def __post_init__(self):
        for name in ("batch_size", "repeats"):
            if getattr(self, name) < 1:
                raise UserError(f"TimingSpec.{name} must be at least 1, got {getattr(self, name)!r}")

    @property
    def training(self) -> RunSpec:
        """The narrow network."""
        return self.narrow

    def execute(self, store: Store, conditions: Conditions) -> dict:
        """Measures, and returns the record."""
        environment.settle()
        started = time.perf_counter()
        device = environment.resolve_device(conditions.device)
        dataset = data.load(self.full.data).to(device)
        pair = {
            name: network(spec, dataset, store, conditions).to(device)
            for name, spec in (("full", self.full), ("narrow", self.narrow))
        }
        facts = {name: _facts(model) for name, model in pair.items()}
        seconds = _in_turns(
            {name: _step(Training(model, dataset, self.full.train), self.batch_size) for name, model in pair.items()},
            self.repeats,
            device,
        )
        content = {
            "seconds": seconds,
            "networks": facts,
            "cost": {"seconds": round(time.perf_counter() - started, 3)},
            "data": {"fingerprint": dataset.fingerprint, "source": dataset.source, "classes": dataset.num_classes},
        }
        return self.record(content, device=str(device))


def _facts(model) -> dict:
    return {
        "multiplications": costs.total(costs.layers(model)),
        "parameters": costs.parameters(model),
        "groups": [[group.name, group.kind, group.width] for group in model.groups()],
    }


def _step(training: Training, batch_size: int) -> Callable[[], None]:
    """One forward and backward pass as training does it, without the optimizer's step."""
    split = training.dataset.train
    repeated = math.ceil(batch_size / len(split))
    index = torch.randperm(len(split), generator=generator(0, "timing")).repeat(repeated)[:batch_size]
    inputs, labels = data.prepare(split, index, training.dataset), split.labels[index]
    training.model.train()

    def step():
        loss = functional.cross_entropy(training.logits(inputs), labels)
        loss.backward()
        training.optimizer.zero_grad(set_to_none=True)

    return step


def _in_turns(steps: dict[str, Callable[[], None]], repeats: int, device: torch.device) -> dict[str, list[float]]:
    """Seconds of each step, `repeats` times, after warming up."""
    times: dict[str, list[float]] = {name: [] for name in steps}
    for count in range(WARM_UP + repeats):
        for name, step in steps.items():
            started = environment.clock(device)
            step()
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            if count >= WARM_UP:
                times[name].append(round(environment.clock(device) - started, 7))
    return times
