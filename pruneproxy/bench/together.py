"""Many small trainings in one program, against the same ones one after the other."""

from dataclasses import replace

import torch

from pruneproxy import data, environment, models
from pruneproxy.bench.ways import BATCH, pictures
from pruneproxy.train import Together, TrainConfig, Training

ROWS, HIDDEN = 4096, (64, 64)  # of a table of 20 columns; widths of the networks that are trained on it
COUNTS = (1, 4, 16, 64)


def table() -> data.Dataset:
    """Random rows of 20 numbers."""
    draw = torch.Generator().manual_seed(0)
    split = data.Split(torch.randn(ROWS, 20, generator=draw), torch.randint(10, (ROWS,), generator=draw))
    splits = dict.fromkeys(("train", "validation", "test"), split)
    return replace(pictures(1, 28), **splits, mean=torch.zeros(20), std=torch.ones(20))


def small(dataset: data.Dataset, seed: int) -> Training:
    """A training of a small MLP with a rate and seed of its own."""
    config = TrainConfig(epochs=1000, batch_size=BATCH, lr=0.01 * (1 + seed % 5), schedule="constant")
    draw = torch.Generator().manual_seed(seed)
    model = models.build(models.ModelConfig(name="mlp", widths=HIDDEN), shape=dataset.shape, classes=10, generator=draw)
    return Training(model.to(dataset.device), dataset, config, seed)


def gains(count: int, device: torch.device, *, turns: int = 7) -> list[float]:
    """How many times more epochs per second so many runs at once make than one after the other, turn by turn."""
    environment.settle()
    dataset = table().to(device)
    alone, group = ([small(dataset, seed) for seed in range(count)] for _ in range(2))
    program, found = Together(group), []
    for _ in range(1 + turns):
        started = environment.clock(device)
        for training in alone:
            training.epoch()
        between = environment.clock(device)
        program.epoch()
        found.append((between - started) / (environment.clock(device) - between))
    return found[1:]  # the first turn allocates
