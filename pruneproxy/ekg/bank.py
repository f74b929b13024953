"""The memory bank: what networks on the way say of every training image, and which teach when (004, Sec. 3.3)."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from pruneproxy import data
from pruneproxy.errors import UserError, choose

READINGS = {
    "text": "at losses evenly between the found and the unpruned network, the unpruned one among them (eq. 11)",
    "code": "the found network left out, each of the others at most once (released code)",
}
RULES = {
    "loss": "teachers whose loss is at most the student's (eq. 13)",
    "divergence": "teachers no farther from the best one than the student is, at the temperature (released code)",
}
BATCH = 256


def teachers(losses: Sequence[float], count: int, reading: str = "text") -> list[int]:
    """Which networks on the way teach, best first: `count` of them at even distances of loss.

    `losses` are of the networks in the order of the search, the unpruned one first and the found one last.
    """
    choose(reading, READINGS, "reading of the teachers")
    if len(losses) < 2:
        raise UserError("expected networks on the way to teach, got none but the unpruned one: lower the target")
    if not 1 <= count < len(losses):
        raise UserError(f"expected from 1 to {len(losses) - 1} teachers out of {len(losses)} networks, got {count}")
    if reading == "text":
        steps = [step / count for step in range(count, 0, -1)]
        targets = [(1 - step) * losses[-1] + step * losses[0] for step in steps]
        return [min(range(len(losses)), key=lambda k, at=target: abs(losses[k] - at)) for target in targets]
    left, chosen = list(range(len(losses) - 1)), []
    low, high = min(losses[:-1]), max(losses[:-1])
    for step in range(count):
        target = low + step * (high - low) / count
        chosen.append(min(left, key=lambda k: abs(losses[k] - target)))
        left.remove(chosen[-1])
    return chosen


@torch.no_grad()
def knowledge(network: nn.Module, dataset: data.Dataset) -> Tensor:
    """The logits of all training images, not augmented, in half precision: a row per image.

    Batch normalisation uses the statistics of each batch, as masked networks have none of their own.
    """
    network.train()
    parts = [
        network(data.prepare(dataset.train, index, dataset)).half() for index in data.batches(len(dataset.train), BATCH)
    ]
    return torch.cat(parts)


def ensemble(known: Tensor, labels: Tensor, student: Tensor, *, rule: str = "loss", temperature: float = 1.0) -> Tensor:
    """The mean logits of the teachers that a student has not caught up with, for a batch (eq. 13).

    `known` is teachers x images x classes, the unpruned network or what is nearest to it first, `student` its logits of
    these images. Where no teacher is good enough, the first one teaches alone: the mean of none is not defined.
    """
    choose(rule, RULES, "rule of the teachers")
    known = known.to(student.dtype)
    if rule == "loss":
        losses = torch.stack([functional.cross_entropy(one, labels) for one in known])
        chosen = losses <= functional.cross_entropy(student, labels)
    else:
        apart = torch.stack([divergence(known[0], one, temperature) for one in known])
        chosen = apart <= divergence(known[0], student, temperature)
    chosen[0] |= not chosen.any()
    return known[chosen].mean(0)


def divergence(teacher: Tensor, student: Tensor, temperature: float) -> Tensor:
    """The mean Kullback-Leibler divergence of a student's predictions from a teacher's, both softened."""
    return functional.kl_div(
        functional.log_softmax(student / temperature, 1),
        functional.log_softmax(teacher / temperature, 1),
        reduction="batchmean",
        log_target=True,
    )
