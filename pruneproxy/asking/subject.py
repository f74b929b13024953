"""What is asked about: a network, how it is trained, and the settings that are to be tuned."""

import hashlib
import inspect
import json
import math
import numbers
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from functools import cached_property

import numpy as np
from torch import nn

from pruneproxy import environment, stopping
from pruneproxy.data import Dataset
from pruneproxy.errors import UserError
from pruneproxy.examples import Example
from pruneproxy.randomness import stream_seed
from pruneproxy.runs import BudgetSpent
from pruneproxy.space import Dimension, active
from pruneproxy.surgery import foreign
from pruneproxy.tuning import Trainer

Train = Callable[..., float]  # train(network, settings, *, seed, report) -> score, larger is better


@dataclass(frozen=True, kw_only=True, eq=False)
class Subject:
    """A network of `factory`, trained by `train` with settings from `space`; `example` is a mini-batch of its inputs.

    `name` is for readers. Everything that is known of it, its source code included, is in the `digest`, so that records
    of another network, training or space are not taken for its own.
    """

    name: str
    factory: foreign.Factory
    train: Train
    space: tuple[Dimension, ...]
    example: Example

    @cached_property
    def digest(self) -> str:
        """A short name for all that the scores depend on beside copy, settings and seed."""
        said = {
            "space": [asdict(dimension) for dimension in self.space],
            "factory": _source(self.factory),
            "train": _trained_how(self.train),
            "state": foreign.shapes(list(foreign.make(self.factory, 0).state_dict().values())),
        }
        return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()[:16]

    def settings(self, count: int, seed: int) -> list[dict]:
        """So many settings drawn at random; those of a smaller count come first."""
        drawn = np.random.default_rng(stream_seed(seed, "pilot", "settings"))
        return [self._setting(drawn.random(len(self.space))) for _ in range(count)]

    def _setting(self, shares: np.ndarray) -> dict:
        found: dict = {}
        for dimension, share in zip(self.space, shares, strict=True):
            if active(dimension, found):
                found[dimension.field] = dimension.at(float(share))
        return found

    def score(self, network: nn.Module, train: Train, settings: Mapping, seed: int) -> float | None:
        """The score of one training, None where it diverged."""
        environment.settle()
        with foreign.seeded(seed, "training"):
            value = train(network, dict(settings), seed=seed, report=_go_on)
        if not isinstance(value, numbers.Real):
            raise UserError(
                f"expected the training to return its score as a number, got {type(value).__name__}: return a float, "
                "larger is better"
            )
        return float(value) if math.isfinite(value) else None


def _go_on(epoch: int, score: float) -> bool:
    """The report of a training that nobody stops but a signal to this process: what it has done by then is lost."""
    if stopping.heard():
        raise BudgetSpent
    return False


def on(device: str, train: Train) -> Train:
    """The same training on a device, where it is one of ours; a function of the user's knows its own."""
    return replace(train, device=device) if isinstance(train, Trainer) else train


def _source(function) -> str:
    """The source code of a function, or what else tells it from others."""
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return getattr(function, "__qualname__", repr(type(function)))


def _trained_how(train: Train) -> str:
    if not isinstance(train, Trainer):
        return _source(train)
    return f"{train.dataset.fingerprint or _fingerprint(train.dataset)} {train.epochs} {train.holdout} {train.config}"


def _fingerprint(dataset: Dataset) -> str:
    """What tells data in memory from others."""
    digest = hashlib.sha256()
    for split in (dataset.train, dataset.validation):
        digest.update(np.ascontiguousarray(split.inputs.cpu().numpy()))
        digest.update(split.labels.cpu().numpy())
    return digest.hexdigest()
