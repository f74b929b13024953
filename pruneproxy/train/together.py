"""Many runs at once: networks of one shape, each with its own weights, order of the data, masks, rate and decay."""

import dataclasses
import math
from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

from pruneproxy import data, environment
from pruneproxy.models.plain import MLP
from pruneproxy.randomness import generator
from pruneproxy.train.config import TrainConfig
from pruneproxy.train.loop import CHECK_EVERY, EVALUATION_BATCH, Training, autocast
from pruneproxy.train.schedules import lr_at
from pruneproxy.train.stacked import Stack

OWN = {  # what runs that train together may each have of their own
    *("epochs", "stop_after", "lr", "schedule", "milestones", "decay_factor", "warmup"),
    *("weight_decay", "momentum", "slimming", "max_loss", "evaluate_every"),
}


def shared(config: TrainConfig) -> tuple:
    """What runs must have in common to train together."""
    names = [field.name for field in dataclasses.fields(config) if field.name not in OWN]
    return tuple(getattr(config, name) for name in names)


class Together:
    """Runs in progress that take every step together; call `epoch()` until `members` is empty.

    Each member is a `Training` as it would be by itself, up to the rounding of floats: its state may be saved between
    epochs and restored by either way, it may have done more epochs than the others, and it leaves when it is finished
    or has diverged. Members share data set, architecture and widths, and what `shared` returns.
    """

    def __init__(self, members: Sequence[Training]):
        self.members = [member for member in members if not member.finished]
        self._stack: Stack | None = None

    def epoch(self) -> list[Training]:
        """Trains an epoch of every member, each of which has its row of history then; returns those that ended."""
        if self._stack is None or self._stack.members != self.members:
            self._stack = Stack(self.members)
        device = self._stack.values.device
        started = environment.clock(device)
        trained = _Epoch(self._stack).train()
        measuring = any(member.measures for member in self.members)
        measured = evaluated(self._stack) if measuring else [None] * len(trained)
        seconds = (environment.clock(device) - started) / len(self.members)
        for member, row, found in zip(self.members, trained, measured, strict=True):
            member.ended(row, found if member.measures else None, seconds)
        ended = [member for member in self.members if member.finished]
        self.members = [member for member in self.members if not member.finished]
        return ended

    def part(self):
        """Gives every member tensors of its own, as they were before: what is saved of one holds no others."""
        for row in range(0 if self._stack is None else len(self._stack.members)):
            self._stack.release(row)
        self._stack = None


class _Epoch:
    """One pass over the data by all members of a stack."""

    def __init__(self, stack: Stack):
        self.stack, self.members = stack, stack.members
        self.config, self.dataset = self.members[0].config, self.members[0].dataset
        self.augmentation = tuple(generator(one.seed, "augmentation", one.done) for one in self.members)
        own = [one.batches(_order(one)) for one in self.members]
        self.batches = [torch.stack(index).to(stack.values.device) for index in zip(*own, strict=True)]
        self.rates = self._rates()
        self.rows: list[dict | None] = [None] * len(self.members)
        self.loss, self.hits = (torch.zeros(len(self.members), device=stack.values.device) for _ in range(2))
        self.seen, self.checked = 0, ([0.0] * len(self.members), 0)

    def _rates(self) -> Tensor:
        """The learning rate of every step and member: one copy to the device an epoch."""
        steps = range(len(self.batches))
        rates = [[[lr_at(one.config, one.done + step / len(steps))] for one in self.members] for step in steps]
        return self.stack.values.new_tensor(rates)

    def train(self) -> list[dict]:
        """Takes all steps and returns each member's measures of them; one that diverges is left as it is then."""
        self.members[0].model.train()
        for member in self.members:
            member.model.train()
            member.seed_dropout()
        for step, index in enumerate(self.batches):
            if self.config.dropout_drawn == "epoch":
                for member in self.members:
                    member.seed_dropout()
            self._step(index, step)
            if (step + 1) % CHECK_EVERY == 0 or step + 1 == len(self.batches):
                self._look()
                if None not in self.rows:
                    break
        losses, hits = self.loss.tolist(), self.hits.tolist()
        return [row or self._row(loss, hit) for row, loss, hit in zip(self.rows, losses, hits, strict=True)]

    def _step(self, index: Tensor, step: int):
        labels = self.dataset.train.labels[index]
        inputs = data.prepare(self.dataset.train, index.flatten(), self.dataset, generator=self.augmentation)
        logits = computed(self.stack, inputs.view(*index.shape, *inputs.shape[1:]))
        smoothing = self.config.label_smoothing
        losses = functional.cross_entropy(logits, labels, reduction="none", label_smoothing=smoothing).mean(1)
        gradients = torch.autograd.grad(losses.sum(), list(self.stack.leaves.values()))
        self.stack.step(gradients, self.rates[step], step / len(self.batches))
        with torch.no_grad():
            self.loss += losses * index.shape[1]
            # the first of equal ones, as argmax, which is six times slower along this dimension
            self.hits += (logits.max(1).indices == labels).sum(1)
        self.seen += index.shape[1]

    def _look(self):
        """Ends the members whose mean loss since the last look is too high, or no number."""
        losses, (before, seen) = self.loss.tolist(), self.checked
        self.checked = (losses, self.seen)
        for place, member in enumerate(self.members):
            mean = (losses[place] - before[place]) / max(self.seen - seen, 1)
            if self.rows[place] is None and not mean <= member.config.max_loss:  # NaN compares false
                member.status = "diverged"
                self.rows[place] = self._row(losses[place], self.hits[place].item())
                self.stack.release(place)

    def _row(self, loss: float, hits: float) -> dict:
        total = loss / max(self.seen, 1)
        top1 = 100 * hits / max(self.seen, 1)
        return {"train_loss": total if math.isfinite(total) else None, "train_top1": top1}


def _order(member: Training) -> torch.Generator | None:
    return generator(member.seed, "order", member.done) if member.config.shuffled else None


def computed(stack: Stack, inputs: Tensor) -> Tensor:
    """Logits (members x classes x inputs) of inputs of each member's own, or (without that dimension) of the same."""
    model, common = stack.members[0].model, inputs.ndim == len(stack.members[0].dataset.shape) + 1
    with autocast(stack.members[0].config.precision, inputs.device):
        if isinstance(model, MLP):
            return _of_mlps(stack, inputs.expand(len(stack.members), *inputs.shape) if common else inputs).float()
        forward = torch.func.vmap(
            lambda leaves, buffers, batch: torch.func.functional_call(model, (leaves, buffers), (batch,)),
            in_dims=(0, 0, None if common else 0),
        )
        return forward(stack.leaves, stack.buffers, inputs).float().transpose(1, 2)


def _of_mlps(stack: Stack, inputs: Tensor) -> Tensor:
    """A batched product a layer, with the inputs of a batch side by side: softmax along columns is fast."""
    values, model = inputs.flatten(2).transpose(1, 2), stack.members[0].model
    for name in (*(slot.name for slot in model.slots), "fc"):
        bias, weight = (stack.leaves[f"{name}.{kind}"] for kind in ("bias", "weight"))
        values = torch.baddbmm(bias.unsqueeze(2), weight, values)
        if name != "fc":
            values = functional.relu_(values)
        if name != "fc" or model.config.dropout_placed == "code":
            values = _dropped(stack, values)
    return values


def _dropped(stack: Stack, values: Tensor) -> Tensor:
    """What each member's own dropout leaves of its values."""
    probability = stack.members[0].model.config.dropout
    if not probability or not stack.members[0].model.training:
        return values
    kept = torch.empty_like(values.transpose(1, 2), memory_format=torch.contiguous_format)
    for place, member in enumerate(stack.members):
        kept[place].bernoulli_(1 - probability, generator=member.model.dropout.generator)
    return values * kept.transpose(1, 2) / (1 - probability)


@torch.no_grad()
def evaluated(stack: Stack) -> list[dict]:
    """The measures of `evaluate`, of every member."""
    first = stack.members[0]
    dataset, split = first.dataset, getattr(first.dataset, first.config.evaluate_on)
    first.model.eval()
    count = len(stack.members)
    loss, *hits = torch.zeros(3, count, dtype=torch.float64, device=stack.values.device)
    for index in data.batches(len(split), EVALUATION_BATCH):
        inputs, labels = data.prepare(split, index, dataset), split.labels[index]
        logits = computed(stack, inputs)
        loss += functional.cross_entropy(logits, labels.expand(count, -1), reduction="none").sum(1)
        better = (logits > logits.gather(1, labels.expand(count, 1, -1))).sum(1)  # ten times faster than to sort them
        hits[0] += (better < 1).sum(1)
        hits[1] += (better < 5).sum(1)
    first.model.train()
    losses, top1, top5 = (values.tolist() for values in (loss / len(split), *(100 * hit / len(split) for hit in hits)))
    return [{"loss": a, "top1": b, "top5": c} for a, b, c in zip(losses, top1, top5, strict=True)]
