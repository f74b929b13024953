"""One training loop for every paper: model + data + config -> trained model + history. Touches no disk."""

from pruneproxy.train.config import DROPOUT_DRAWN, PRECISIONS, TrainConfig, check_trains
from pruneproxy.train.fastest import fastest_precision
from pruneproxy.train.loop import Hook, Masking, Training, evaluate, fit, weights_hash
from pruneproxy.train.schedules import SCHEDULES, lr_at
from pruneproxy.train.together import Together, shared
