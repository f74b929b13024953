"""Ways to train a network on pictures like CIFAR-10's: the usual loop, this package's, and that without one choice."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset
from torchvision import transforms

from pruneproxy import data, environment, models
from pruneproxy.sparse import SparseConfig, Topology
from pruneproxy.train import TrainConfig, Training

BATCH, PICTURES = 128, 2560
SIDES = {"mlp": 28}  # of the pictures, whose colours count for nothing there; 32 elsewhere


@dataclass(frozen=True, kw_only=True)
class Way:
    """How one network is trained, by some processes of some threads each at once."""

    network: str
    processes: int = 1
    threads: int = 1
    plain: bool = False  # DataLoader, float32, SGD, and nothing of this package
    in_memory: bool = True  # the data set as one tensor, batches augmented as a whole
    channels_last: bool = True
    keeps_pages: bool = True  # of the allocator
    fused: bool = False  # torch's fused SGD, whose last bits differ
    precision: str = "float32"
    sparse: SparseConfig | None = None
    engine: str | None = None
    device: str = "cpu"


def pictures(count: int = PICTURES, side: int = 32) -> data.Dataset:
    """Random pictures: speed does not depend on what they show."""
    draw, channels = torch.Generator().manual_seed(0), 1 if side == 28 else 3
    split = data.Split(
        torch.randint(256, (count, channels, side, side), generator=draw, dtype=torch.uint8),
        torch.randint(10, (count,), generator=draw),
    )
    return data.Dataset(
        config=data.DataConfig(name="cifar10" if channels == 3 else "mnist", augment="crop-flip"),
        train=split,
        validation=split,
        test=split,
        classes=tuple("0123456789"),
        mean=torch.full((channels,), 120.0),
        std=torch.full((channels,), 64.0),
        fingerprint="",
        source="random",
    )


class PerImage(TorchDataset):
    """The same pictures as torchvision's data sets give them: one at a time, transformed one at a time."""

    def __init__(self, split: data.Split):
        self.pictures, self.labels = split.inputs.permute(0, 2, 3, 1).numpy(), split.labels
        side, channels = self.pictures.shape[1], self.pictures.shape[3]
        steps = [transforms.ToPILImage(), transforms.RandomCrop(side, padding=4), transforms.RandomHorizontalFlip()]
        normalised = transforms.Normalize((0.47,) * channels, (0.25,) * channels)
        self.transform = transforms.Compose([*steps, transforms.ToTensor(), normalised])

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index):
        return self.transform(self.pictures[index]), int(self.labels[index])


def network(name: str, dataset: data.Dataset | None = None) -> nn.Module:
    """A fresh network for these pictures, by default those of CIFAR-10's shape."""
    shape = (3, 32, 32) if dataset is None else dataset.shape
    draw = torch.Generator().manual_seed(0)
    return models.build(models.ModelConfig(name=name), shape=shape, classes=10, generator=draw)


def steps(way: Way, dataset: data.Dataset) -> Iterator[None]:
    """A training step each time, for ever."""
    device = environment.resolve_device(way.device)
    model = network(way.network, dataset).to(device).train()
    return _plain_steps(model, dataset, device) if way.plain else _our_steps(way, model, dataset.to(device), device)


def _loaded(dataset: data.Dataset, device: torch.device) -> Iterator[tuple[Tensor, Tensor]]:
    while True:
        for inputs, labels in DataLoader(PerImage(dataset.train), batch_size=BATCH, shuffle=True, drop_last=True):
            yield inputs.to(device), labels.to(device)


def _plain_steps(model: nn.Module, dataset: data.Dataset, device: torch.device) -> Iterator[None]:
    """The usual loop: per-image transforms, DataLoader, float32, SGD."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    for inputs, labels in _loaded(dataset, device):
        optimizer.zero_grad()
        functional.cross_entropy(model(inputs), labels).backward()
        optimizer.step()
        yield


def _our_steps(way: Way, model: nn.Module, dataset: data.Dataset, device: torch.device) -> Iterator[None]:
    config = TrainConfig(
        epochs=10**6, batch_size=BATCH, lr=0.01, precision=way.precision, channels_last=way.channels_last
    )
    hook = None if way.sparse is None else Topology(way.sparse, engine=way.engine)
    training = Training(model, dataset, config, hook=hook)
    for group in training.optimizer.param_groups:
        group["fused"] = way.fused or None
    order, augmentation = torch.Generator().manual_seed(0), torch.Generator().manual_seed(1)
    while not way.in_memory:
        for inputs, labels in _loaded(dataset, device):
            training.learn(inputs, labels)
            yield
    while True:
        for index in data.batches(len(dataset.train), BATCH, generator=order, drop_last=True):
            training.step(index, augmentation)
            yield


def side_of(name: str) -> int:
    """The side of the pictures that a network of this name is shown."""
    return SIDES.get(name, 32)


def enough(seconds_of_a_step: float, wanted: float) -> int:
    """The number of steps that take about so many seconds."""
    return max(1, math.ceil(wanted / seconds_of_a_step))
