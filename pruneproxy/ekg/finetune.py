"""Training of the pruned network with knowledge of the search: two views of every image and a teacher (004, eq. 12)."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from pruneproxy import data
from pruneproxy.ekg.bank import divergence, ensemble
from pruneproxy.train import Training

Teacher = Callable[[Tensor, Tensor, Tensor, Tensor], Tensor]  # rows, view, labels, student's logits -> logits
TEMPERATURE = 4.0


def from_bank(known: Tensor, *, rule: str = "loss", temperature: float = TEMPERATURE) -> Teacher:
    """Teaches by a memory bank (teachers x images x classes), whatever the view."""
    return lambda rows, view, labels, student: ensemble(
        known[:, rows.to(known.device)].to(student.device), labels, student, rule=rule, temperature=temperature
    )


def from_network(network: nn.Module) -> Teacher:
    """Teaches by forwarding every view through a network: the usual distillation."""
    network.eval()

    def taught(rows, view, labels, student):
        with torch.no_grad():
            return network(view)

    return taught


class Guided(Training):
    """A training whose loss adds to that of each of two views the distance to a teacher (eq. 12).

    Both views are drawn by the data set's augmentation. The distance is weighted with the temperature, as in the
    released code.
    """

    def taught_by(self, teacher: Teacher, *, temperature: float = TEMPERATURE) -> "Guided":
        """This training with its teacher."""
        self.teacher, self.temperature = teacher, temperature
        return self

    def step(self, index, augmentation):
        """One step on two views of the training images `index`; returns mean loss and hits, still on the device."""
        split = self.dataset.train
        labels = split.labels[index]
        views = [data.prepare(split, index, self.dataset, generator=augmentation) for _ in range(2)]
        logits = [self.logits(view) for view in views]
        student = torch.stack([found.detach() for found in logits]).mean(0)
        entropies = [functional.cross_entropy(f, labels, label_smoothing=self.config.label_smoothing) for f in logits]
        distances = [
            divergence(self.teacher(index, view, labels, student), found, self.temperature)
            for view, found in zip(views, logits, strict=True)
        ]
        loss = (sum(entropies) + self.temperature * sum(distances)) / 2
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.optimizer.step()
        return loss.detach(), (student.argmax(1) == labels).sum()
