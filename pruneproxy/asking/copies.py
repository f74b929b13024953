"""Cheaper copies of a network or of its training, on which settings may be tried in its place."""

import dataclasses
import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from pruneproxy import models
from pruneproxy.asking.subject import Subject, Train
from pruneproxy.data import Dataset, Split
from pruneproxy.data.resize import resized
from pruneproxy.errors import UserError
from pruneproxy.randomness import generator
from pruneproxy.runs.subnetworks import part
from pruneproxy.surgery import foreign
from pruneproxy.tuning import Trainer
from pruneproxy.tuning.proxy import narrowed

ITSELF = "network"
PERCENTILE, SIGMA = 60.0, 0.15  # of the channels that a narrow copy loses, and what each group keeps at least
SHARE = 0.25  # of the training images
EPOCHS = 1 / 3
SIDE = 0.5  # of the images' side
SMALLEST = 4  # pixels that are left of a side


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A network, the function that trains it, and what share of the steps that takes."""

    network: nn.Module
    train: Train
    steps: float = 1.0


def itself(subject: Subject, seed: int) -> Copy:
    """The network as it is."""
    return Copy(network=foreign.make(subject.factory, seed), train=subject.train)


def pruned(subject: Subject, seed: int) -> Copy:
    """Pruned at initialisation by |gradient x weight|, as 000 does it."""
    return Copy(network=_narrow(subject, seed, "synflow", "kept"), train=subject.train)


def width(subject: Subject, seed: int) -> Copy:
    """As many channels less, chosen by lot, with new weights."""
    return Copy(network=_narrow(subject, seed, "random", "fresh"), train=subject.train)


def mup(subject: Subject, seed: int) -> Copy:
    """As narrow, with initial weights and learning rates rescaled so that the network's settings are its own."""
    trainer, narrow = _ours(subject, "mup"), _narrow(subject, seed, "random", "fresh")
    rescaled = models.factors(narrow, foreign.make(subject.factory, seed))
    return Copy(network=models.parametrise(narrow, rescaled), train=trainer)


def _narrow(subject: Subject, seed: int, score: str, weights: str) -> nn.Module:
    return narrowed(
        subject.factory,
        subject.example,
        percentile=PERCENTILE,
        sigma=SIGMA,
        score=score,
        weights=weights,
        seed=seed,
    )[0]


def subset(subject: Subject, seed: int) -> Copy:
    """Fewer training images, as many epochs."""
    trainer = _ours(subject, "subset")
    split = trainer.dataset.train
    count = max(1, round(SHARE * len(split)))
    rows = torch.randperm(len(split), generator=generator(seed, "pilot", "subset"))[:count].sort().values
    return _trained_on(subject, seed, dataclasses.replace(trainer.dataset, train=part(split, rows)), steps=SHARE)


def epochs(subject: Subject, seed: int) -> Copy:
    """Fewer epochs, with their schedule: of our trainer, or of a function that takes `epochs`, by default a number."""
    train, whole = subject.train, _epochs_of(subject.train)
    count = max(1, round(EPOCHS * whole))
    if count == whole:
        raise UserError(f"expected 2 epochs or more, got {count}: there is nothing to leave out")
    if isinstance(train, Trainer):
        fewer = dataclasses.replace(train, epochs=count)
    else:
        fewer = functools.partial(train, epochs=count)
    return Copy(network=foreign.make(subject.factory, seed), train=fewer, steps=count / whole)


def _epochs_of(train: Train) -> int:
    if isinstance(train, Trainer):
        return train.epochs
    taken = inspect.signature(train).parameters.get("epochs")
    if taken is None or type(taken.default) is not int or taken.default < 1:
        raise UserError(
            "expected a tuning.Trainer or a function that takes epochs=NUMBER for the copy 'epochs', got a function "
            "that alone knows how many it trains"
        )
    return taken.default


def resolution(subject: Subject, seed: int) -> Copy:
    """Smaller images, where the network reads them."""
    trainer = _ours(subject, "resolution")
    dataset = trainer.dataset
    side = round(SIDE * dataset.shape[-1])
    if len(dataset.shape) != 3 or dataset.train.inputs.dtype != torch.uint8 or side < SMALLEST:
        raise UserError(f"expected images of 8-bit pixels and {2 * SMALLEST} of them a side, got {dataset.shape}")
    smaller = {name: _shrunk(getattr(dataset, name), side) for name in ("train", "validation")}  # nobody tests a copy
    copy = _trained_on(subject, seed, dataclasses.replace(dataset, **smaller), steps=1.0)
    foreign.outputs(copy.network, copy.train.example(2))
    return copy


def _shrunk(split: Split, side: int) -> Split:
    images = split.inputs.cpu().numpy()
    rows = np.arange(len(images)) if split.rows is None else split.rows.cpu().numpy()
    inputs = torch.from_numpy(resized(images, rows, side)).to(split.labels.device)
    return dataclasses.replace(split, inputs=inputs, rows=None)


def _trained_on(subject: Subject, seed: int, dataset: Dataset, *, steps: float) -> Copy:
    train = dataclasses.replace(subject.train, source=dataset, labels=None)
    return Copy(network=foreign.make(subject.factory, seed), train=train, steps=steps)


def _ours(subject: Subject, name: str) -> Trainer:
    if not isinstance(subject.train, Trainer):
        raise UserError(
            f"expected a tuning.Trainer for the copy {name!r}, got a function, whose data and optimiser are its own"
        )
    return subject.train


COPIES: dict[str, Callable[[Subject, int], Copy]] = {
    "pruned": pruned,
    "width": width,
    "mup": mup,
    "subset": subset,
    "epochs": epochs,
    "resolution": resolution,
}
ALL = {ITSELF: itself, **COPIES}


def possible(subject: Subject, names) -> tuple[list[str], dict[str, str]]:
    """The names of the copies that can be made of a network, and why the others cannot."""
    found, refused = [], {}
    for name in names:
        try:
            ALL[name](subject, 0)
            found.append(name)
        except UserError as error:
            refused[name] = str(error)
    return found, refused
