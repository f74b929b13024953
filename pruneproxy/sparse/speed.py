"""What masks and compressed rows cost in time, beside the multiplications that are counted."""

from collections.abc import Mapping
from dataclasses import replace
from statistics import median

import torch

from pruneproxy import data, environment, models
from pruneproxy.randomness import generator
from pruneproxy.sparse.config import SparseConfig
from pruneproxy.sparse.topology import Topology
from pruneproxy.train import TrainConfig, Training

DENSE = SparseConfig(method="dense")


def step_times(
    dataset: data.Dataset,
    kinds: Mapping[str, tuple[SparseConfig, str | None]],
    *,
    model: models.ModelConfig | None = None,
    batch: int = 128,
    turns: int = 15,
    steps: int = 3,
) -> dict[str, list[float]]:
    """The seconds of a training step of each kind, a sparse configuration and its engine (see `engines`), by turn.

    All take turns, forwards and backwards alternately, so that a busy machine slows all of them.
    """
    index = torch.arange(batch) % len(dataset.train)
    runs = {
        kind: _training(dataset, config, engine, model or models.ModelConfig(name="mlp"), batch)
        for kind, (config, engine) in kinds.items()
    }
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    for turn in range(turns + 1):
        for kind in list(kinds)[:: 1 if turn % 2 else -1]:
            times[kind].append(_seconds(runs[kind], index, steps))
    return {kind: values[1:] for kind, values in times.items()}  # the first turn allocates and compiles


def relative_speed(
    dataset: data.Dataset, config: SparseConfig | None = None, *, engine: str | None = None, **choices
) -> float:
    """The median of dense time / sparse time of a training step: 1 where sparsity costs nothing and gains nothing."""
    config = config or SparseConfig(method="static", density=0.1, interval=100)
    times = step_times(dataset, {"dense": (DENSE, None), "sparse": (config, engine)}, **choices)
    return median(dense / sparse for dense, sparse in zip(times["dense"], times["sparse"], strict=True))


def by_density(
    dataset: data.Dataset, densities: tuple[float, ...], config: SparseConfig, *, engine: str | None = None, **choices
) -> dict[float, float]:
    """The share of the dense time that a step takes at each density, as stands beside the share of multiplications."""
    kinds = {density: (replace(config, density=density), engine) for density in densities}
    times = step_times(dataset, {"dense": (DENSE, None), **kinds}, **choices)
    return {
        density: median(one / dense for one, dense in zip(times[density], times["dense"], strict=True))
        for density in densities
    }


def _training(dataset, config: SparseConfig, engine: str | None, model: models.ModelConfig, batch: int) -> Training:
    draw = generator(0, "weights")
    network = models.build(model, shape=dataset.shape, classes=dataset.num_classes, generator=draw)
    hook = None if config.method == "dense" else Topology(config, engine=engine)
    return Training(network.to(dataset.device).train(), dataset, TrainConfig(batch_size=batch, lr=0.01), hook=hook)


def _seconds(training: Training, index: torch.Tensor, steps: int) -> float:
    """Of one step."""
    started = environment.clock(training.dataset.device)
    for step in range(steps):
        training.step(index, generator(0, "augmentation", step))
    return (environment.clock(training.dataset.device) - started) / steps
