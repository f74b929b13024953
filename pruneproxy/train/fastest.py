"""The precision in which a network trains fastest on this machine.

Processors without bfloat16 instructions emulate it, at less than half the speed of float32; those with them may double
it. A precision changes numbers, so a spec has to say it: this is what to say.
"""

import copy
from statistics import median

import torch
from torch import nn

from pruneproxy import data, environment
from pruneproxy.cache import cached
from pruneproxy.train.config import PRECISIONS, TrainConfig
from pruneproxy.train.loop import Training

TURNS = 3


def fastest_precision(model: nn.Module, dataset: data.Dataset, *, batch: int = 128) -> str:
    """The precision with the shortest training step, in this process's number of threads; measured once per machine."""
    facts = environment.describe(str(dataset.device))
    key = (repr(model), *dataset.shape, batch, facts["device"], facts["packages"]["torch"], torch.get_num_threads())
    seconds = cached("precision", key, lambda: _measured(model, dataset, batch), parts=("train", "models"))
    return min(seconds, key=seconds.get)


def _measured(model: nn.Module, dataset: data.Dataset, batch: int) -> dict[str, float]:
    """The median seconds of a step in each precision, which take turns."""
    index = torch.arange(batch) % len(dataset.train)
    runs = {
        precision: Training(copy.deepcopy(model).train(), dataset, TrainConfig(batch_size=batch, precision=precision))
        for precision in PRECISIONS
    }
    times: dict[str, list[float]] = {precision: [] for precision in runs}
    for _ in range(TURNS + 1):
        for precision, training in runs.items():
            started = environment.clock(dataset.device)
            training.step(index, None)
            times[precision].append(environment.clock(dataset.device) - started)
    return {precision: median(found[1:]) for precision, found in times.items()}  # the first one allocates
