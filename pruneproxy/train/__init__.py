"""One training loop for every paper: model + data + config -> trained model + history. Touches no disk."""

from pruneproxy.train.config import PRECISIONS, TrainConfig
from pruneproxy.train.loop import Training, evaluate, fit, weights_hash
from pruneproxy.train.schedules import SCHEDULES, lr_at

__all__ = ["PRECISIONS", "SCHEDULES", "TrainConfig", "Training", "evaluate", "fit", "lr_at", "weights_hash"]
