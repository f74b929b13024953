"""What a training run may choose."""

import math
from dataclasses import dataclass

import torch

from pruneproxy.errors import UserError, choose
from pruneproxy.limits import MOST
from pruneproxy.train.schedules import SCHEDULES

PRECISIONS = {"float32": None, "bfloat16": torch.bfloat16}
DECAYED = {
    "all": "every parameter, as PyTorch's SGD does by default",
    "weights": "matrices and kernels only, not biases and batch norm",
}
DROPOUT_DRAWN = {
    "batch": "anew for every batch",
    "epoch": "once: all batches of an epoch lose the same activations (002's released code reuses one key)",
}
EVALUATED = {
    "test": "the official test images (the papers that call them validation images do this)",
    "validation": "images held out of the training data",
}


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Stochastic gradient descent with coupled weight decay."""

    epochs: int = 180
    batch_size: int = 128
    lr: float = 0.1
    weight_decay: float = 1e-4
    momentum: float = 0.9
    nesterov: bool = False
    schedule: str = "step"
    milestones: tuple[float, ...] = (0.5, 0.75)  # shares of the epochs
    decay_factor: float = 0.1
    warmup: float = 0.0  # epochs of linear growth from 0
    label_smoothing: float = 0.0
    decayed: str = "all"
    precision: str = "float32"
    channels_last: bool = True
    drop_last: bool = False
    max_loss: float = 1e4  # a mean loss above it, or NaN, ends the run as diverged
    evaluate_on: str = "test"
    evaluate_every: int = 1  # epochs; the last one is always evaluated
    slimming: float = 0.0  # weight of the L1 penalty on batch normalisation's scales (Liu et al. 2017, eq. 1)
    stop_after: int | None = None  # ends the run early; the schedule stays that of `epochs`
    dropout_drawn: str = "batch"
    shuffled: bool = True  # a new order every epoch; False: the order of the data (002's released code)

    def __post_init__(self):
        choose(self.schedule, SCHEDULES, "schedule")
        choose(self.precision, PRECISIONS, "precision")
        choose(self.decayed, DECAYED, "value of decayed")
        choose(self.evaluate_on, EVALUATED, "value of evaluate_on")
        choose(self.dropout_drawn, DROPOUT_DRAWN, "value of dropout_drawn")
        for name, smallest in (("epochs", 0), ("batch_size", 1), ("evaluate_every", 1)):
            _require(
                name,
                getattr(self, name),
                f"a whole number from {smallest} to {MOST:,}",
                lambda v, low=smallest: isinstance(v, int) and low <= v <= MOST,
            )
        _require(
            "stop_after",
            self.stop_after,
            "None or a whole number of epochs from 1 to below epochs",
            lambda v: v is None or (isinstance(v, int) and 1 <= v < self.epochs),
        )
        for name in ("lr", "weight_decay", "warmup", "slimming", "decay_factor"):
            _require(name, getattr(self, name), "a finite number of at least 0", lambda v: 0 <= v < math.inf)
        _require("max_loss", self.max_loss, "a finite number above 0", lambda v: 0 < v < math.inf)
        for name in ("momentum", "label_smoothing"):
            _require(name, getattr(self, name), "a number in [0, 1)", lambda v: 0 <= v < 1)
        _require(
            "milestones",
            self.milestones,
            "rising shares of the epochs in (0, 1)",
            lambda m: list(m) == sorted(m) and all(0 < share < 1 for share in m),
        )
        _require("nesterov", self.nesterov, "momentum above 0 to go with it", lambda v: not v or self.momentum > 0)


def _require(name, value, expected, holds):
    if not holds(value):
        raise UserError(f"TrainConfig.{name} must be {expected}, got {value!r}")


def check_trains(config: TrainConfig):
    """Raises for no epochs at all, which only published weights can do without: nothing would be measured."""
    _require("epochs", config.epochs, "at least 1", lambda v: v >= 1)
