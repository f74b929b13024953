"""The accuracy of a trained network under both statistics of batch normalisation, as a record."""

import copy
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional

from pruneproxy import data, environment, models
from pruneproxy.runs.ensuring import DEFAULTS, Conditions
from pruneproxy.runs.execution import trained_weights
from pruneproxy.runs.recording import Meter, data_facts
from pruneproxy.runs.spec import OfDense, RunSpec
from pruneproxy.store import Store
from pruneproxy.train import evaluate


@dataclass(frozen=True, kw_only=True)
class AccuracySpec(OfDense):
    """Loss and accuracy of a trained network with moving averages, and with the statistics of batches in file order."""

    dense: RunSpec
    batch: int = 256
    kind = "accuracy"

    def execute(self, store: Store, conditions: Conditions = DEFAULTS) -> dict:
        """Measures, and returns the record."""
        environment.settle()
        device, on = environment.resolve_device(conditions.device), self.dense.train.evaluate_on
        dataset = data.load(self.dense.data).to(device)
        network = models.build(self.dense.model, shape=dataset.shape, classes=dataset.num_classes).to(device)
        network.load_state_dict(trained_weights(self.dense, store, conditions))
        meter = Meter(device)
        moving, batch = evaluate(network, dataset, on=on), in_batches(network, dataset, on=on, size=self.batch)
        content = {"moving": moving, "batch": batch, "cost": {"seconds": round(meter.seconds, 3)}}
        return self.record(content | {"data": data_facts(dataset, on)}, device=str(device))


@torch.no_grad()
def in_batches(network: nn.Module, dataset: data.Dataset, *, on: str, size: int) -> dict:
    """Mean cross-entropy and top-1 accuracy in percent, every batch normalised by its own statistics."""
    split, own = getattr(dataset, on), copy.deepcopy(network).train()
    loss, hits = 0.0, 0
    for index in data.batches(len(split), size):
        logits, labels = own(data.prepare(split, index, dataset)), split.labels[index]
        loss += float(functional.cross_entropy(logits, labels, reduction="sum"))
        hits += int((logits.argmax(1) == labels).sum())
    return {"loss": loss / len(split), "top1": 100 * hits / len(split)}
