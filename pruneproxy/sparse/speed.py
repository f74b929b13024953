"""What masks cost in time."""

from statistics import median

import torch

from pruneproxy import data, environment, models
from pruneproxy.randomness import generator
from pruneproxy.sparse.config import SparseConfig
from pruneproxy.sparse.topology import Topology
from pruneproxy.train import TrainConfig, Training


def relative_speed(
    dataset: data.Dataset,
    *,
    model: str = "mlp",
    method: str = "static",
    density: float = 0.1,
    interval: int = 100,
    batch: int = 128,
    turns: int = 15,
    steps: int = 3,
) -> float:
    """The median over `turns` of dense time / masked time for `steps` training steps: 1 where masks cost nothing.

    Both networks take turns, dense first and masked first alternately, so that a busy machine slows both.
    """
    config, index = TrainConfig(batch_size=batch, lr=0.01), torch.arange(batch) % len(dataset.train)
    runs = {}
    for kind in ("dense", method):
        network = models.build(
            models.ModelConfig(name=model),
            shape=dataset.shape,
            classes=dataset.num_classes,
            generator=generator(0, "weights"),
        )
        hook = None if kind == "dense" else Topology(SparseConfig(method=kind, density=density, interval=interval))
        runs[kind] = Training(network.to(dataset.device).train(), dataset, config, hook=hook)
    ratios = []
    for turn in range(turns + 1):
        order = ("dense", method) if turn % 2 else (method, "dense")
        seconds = {kind: _seconds(runs[kind], index, steps) for kind in order}
        ratios.append(seconds["dense"] / seconds[method])
    return median(ratios[1:])  # the first turn allocates


def _seconds(training: Training, index: torch.Tensor, steps: int) -> float:
    started = environment.clock(training.dataset.device)
    for step in range(steps):
        training.step(index, generator(0, "augmentation", step))
    return environment.clock(training.dataset.device) - started
