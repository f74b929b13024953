"""Training of the pruned network with knowledge of the search: two views of every image and a teacher (004, eq. 12)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from pruneproxy import data
from pruneproxy.ekg.bank import divergence, ensemble
from pruneproxy.errors import UserError
from pruneproxy.train import Training

Teacher = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]  # rows, view, labels, student's logits -> logits
TEMPERATURE = 4.0


def from_bank(known: Tensor, dataset: data.Dataset, *, rule: str = "loss", temperature: float = TEMPERATURE) -> Teacher:
    """Teaches by a memory bank (teachers x images x classes) of a data set, whatever the view."""
    wanted = (len(dataset.train), dataset.num_classes)
    if known.ndim != 3 or tuple(known.shape[1:]) != wanted:
        raise UserError(
            f"expected a memory bank of {wanted[0]} training images and {wanted[1]} classes, got one of shape "
            f"{' x '.join(map(str, known.shape))}: build it on the data that are trained on"
        )
    known = known.to(dataset.device)
    return lambda rows, view, labels, student: ensemble(
        known[:, rows.to(known.device)], labels, student, rule=rule, temperature=temperature
    )


def from_network(network: nn.Module) -> Teacher:
    """Teaches by forwarding every view through a network: the usual distillation."""
    network.eval()

    def taught(rows, view, labels, student):
        with torch.no_grad():
            return network(view)

    return taught


class Guided(Training):
    """A training on two views of every image, whose loss adds their distance to a teacher, if there is one (eq. 12).

    Both views are drawn by the data set's augmentation. The distance is weighted with the temperature, as in the
    released code; the loss is the mean over the views.
    """

    def taught_by(self, teacher: Teacher | None, *, temperature: float = TEMPERATURE) -> "Guided":
        """This training with its teacher; None: the labels alone teach."""
        self.teacher, self.temperature = teacher, temperature
        return self

    def step(self, index, augmentation):
        """One step on two views of the training images `index`; returns mean loss and hits, still on the device."""
        split = self.dataset.train
        labels = split.labels[index]
        views = [data.prepare(split, index, self.dataset, generator=augmentation) for _ in range(2)]
        logits = [self.logits(view) for view in views]
        student = torch.stack([found.detach() for found in logits]).mean(0)
        losses = [functional.cross_entropy(f, labels, label_smoothing=self.config.label_smoothing) for f in logits]
        if self.teacher is not None:
            losses += [
                self.temperature * divergence(self.teacher(index, view, labels, student), found, self.temperature)
                for view, found in zip(views, logits, strict=True)
            ]
        loss = sum(losses) / 2
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.detach(), (student.argmax(1) == labels).sum()
