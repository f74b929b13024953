"""Learning rate as a function of the progress of a run, in epochs."""

import math


def _step(config, epoch: float) -> float:
    passed = sum(math.floor(epoch) >= max(1, round(share * config.epochs)) for share in config.milestones)
    return config.decay_factor**passed


def _cosine(config, epoch: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * min(epoch / config.epochs, 1)))


def _constant(config, epoch: float) -> float:
    return 1.0


SCHEDULES = {"step": _step, "cosine": _cosine, "constant": _constant}


def lr_at(config, epoch: float) -> float:
    """The learning rate `epoch` epochs (a fraction counts) into the run; linear warm-up multiplies the schedule."""
    warm = min(1.0, epoch / config.warmup) if config.warmup else 1.0
    return config.lr * warm * SCHEDULES[config.schedule](config, epoch)
