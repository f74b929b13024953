"""The loop. A step is three lines; everything else is bookkeeping that lets a killed run go on bit-exactly."""

import hashlib
import math
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import nn
from torch.nn import functional

from pruneproxy import data, environment
from pruneproxy.models import Dropout, lr_factors
from pruneproxy.randomness import generator, stream_seed
from pruneproxy.train.config import PRECISIONS, TrainConfig
from pruneproxy.train.schedules import lr_at

CHECK_EVERY = 20  # steps between looks at the loss: a look waits for the device
EVALUATION_BATCH = 500


def autocast(precision: str, device: torch.device):
    """The context in which a network of that precision computes."""
    dtype = PRECISIONS[precision]
    return torch.autocast(device.type, dtype=dtype) if dtype else nullcontext()


def _device(model: nn.Module) -> torch.device:
    return next(model.parameters()).device


def _layout(batch: torch.Tensor, channels_last: bool) -> torch.Tensor:
    return batch.contiguous(memory_format=torch.channels_last) if channels_last and batch.ndim == 4 else batch


def weights_hash(model: nn.Module) -> str:
    """sha256 of every parameter and buffer, in order: equal exactly when the networks are bit-identical."""
    digest = hashlib.sha256()
    for name, value in model.state_dict().items():
        digest.update(name.encode())
        digest.update(value.detach().cpu().numpy().tobytes())  # in C order, whatever the layout
    return digest.hexdigest()


@torch.no_grad()
def evaluate(model, dataset, *, on: str = "test", precision: str = "float32", channels_last: bool = True) -> dict:
    """Mean cross-entropy and top-1 and top-5 accuracy in percent (eq. 3.1, 3.2 of the thesis) on one split.

    Draws nothing from any generator and puts the model back in the mode it was in, so it never changes training.
    """
    split, was_training = getattr(dataset, on), model.training
    model.eval()
    loss, hits1, hits5 = 0.0, 0, 0
    for index in data.batches(len(split), EVALUATION_BATCH):
        inputs, labels = data.prepare(split, index, dataset), split.labels[index]
        with autocast(precision, _device(model)):
            logits = model(_layout(inputs, channels_last)).float()
        loss += functional.cross_entropy(logits, labels, reduction="sum").item()
        ranked = logits.topk(min(5, logits.shape[1])).indices == labels[:, None]
        hits1, hits5 = hits1 + ranked[:, 0].sum().item(), hits5 + ranked.sum().item()
    model.train(was_training)
    return {"loss": loss / len(split), "top1": 100 * hits1 / len(split), "top5": 100 * hits5 / len(split)}


class Hook(Protocol):
    """What takes the place of the optimiser's step in a run; sparse training is one."""

    def begin(self, training: "Training") -> None:
        """Looks at the run before its first step, with model and optimiser in place."""

    def step(self, optimizer: torch.optim.Optimizer) -> None:
        """Moves the weights, once the gradients of a batch are there."""

    def state(self) -> dict:
        """All that the rest of the run depends on, beside model and optimiser."""

    def restore(self, state: dict) -> None:
        """Goes on from `state`; model and optimiser are already what they were."""


class Masking(Hook, Protocol):
    """A hook whose steps are mostly the optimiser's on masked gradients, so that many runs can take them at once."""

    masks: dict[str, torch.Tensor]  # of layers by name, as numbers; replaced by views where runs train together

    def alone(self) -> bool:
        """Whether the next step is more than that."""

    def passed(self) -> None:
        """Hears that a step on masked gradients has been taken for it."""


@dataclass
class Training:
    """A run in progress: call `epoch()` until `finished`; `state()` and `restore()` carry it over a kill."""

    model: nn.Module
    dataset: data.Dataset
    config: TrainConfig
    seed: int = 0
    done: int = 0
    status: str = "ok"
    history: dict[str, list] = field(default_factory=dict)
    hook: Hook | None = None

    def __post_init__(self):
        if self.config.channels_last:
            self.model.to(memory_format=torch.channels_last)
        self.optimizer = torch.optim.SGD(
            _parameter_groups(self.model, self.config),
            lr=self.config.lr,
            momentum=self.config.momentum,
            nesterov=self.config.nesterov,
        )
        self._dropouts = [module for module in self.model.modules() if isinstance(module, Dropout)]
        if self.hook is not None:
            self.hook.begin(self)

    @property
    def finished(self) -> bool:
        return self.done >= (self.config.stop_after or self.config.epochs) or self.status != "ok"

    def epoch(self) -> dict:
        """Trains one epoch and returns its row of the history."""
        device = _device(self.model)
        started = environment.clock(device)
        trained = self._train()
        measured = self.evaluate() if self.measures else None
        return self.ended(trained, measured, environment.clock(device) - started)

    @property
    def measures(self) -> bool:
        """Whether the epoch whose training has just ended is evaluated."""
        done, config = self.done + 1, self.config
        last = done >= (config.stop_after or config.epochs)
        return self.status == "ok" and (last or done % config.evaluate_every == 0)

    def ended(self, trained: dict, measured: dict | None, seconds: float) -> dict:
        """Enters an epoch, what it found and what it took into the history, and returns its row."""
        row = {"epoch": self.done + 1, "lr": lr_at(self.config, self.done), **trained}
        self.done += 1
        if measured is not None:
            if not math.isfinite(measured["loss"]):
                self.status, measured = "diverged", {}
            row |= {f"eval_{name}": value for name, value in measured.items()}
        row["seconds"] = seconds
        for name in (*self.history, *row):
            self.history.setdefault(name, [None] * (self.done - 1))
        for name, column in self.history.items():
            column.append(row.get(name))
        return row

    def evaluate(self) -> dict:
        """The measures on the split that the configuration names."""
        config = self.config
        return evaluate(
            self.model,
            self.dataset,
            on=config.evaluate_on,
            precision=config.precision,
            channels_last=config.channels_last,
        )

    def _train(self) -> dict:
        self.model.train()
        config = self.config
        order = generator(self.seed, "order", self.done) if config.shuffled else None
        augmentation = generator(self.seed, "augmentation", self.done)
        index = self.batches(order)
        device = _device(self.model)
        loss, hits, seen = torch.zeros((), device=device), torch.zeros((), device=device), 0
        checked = (0.0, 0)
        self.seed_dropout()
        for step, chosen in enumerate(index, 1):
            if config.dropout_drawn == "epoch":
                self.seed_dropout()
            self.set_lr(self.done + (step - 1) / len(index))
            batch_loss, batch_hits = self.step(chosen, augmentation)
            loss, hits, seen = loss + batch_loss * len(chosen), hits + batch_hits, seen + len(chosen)
            if step % CHECK_EVERY == 0 or step == len(index):
                mean = (loss.item() - checked[0]) / max(seen - checked[1], 1)
                checked = (loss.item(), seen)
                if not mean <= config.max_loss:  # NaN compares false
                    self.status = "diverged"
                    break
        total = loss.item() / max(seen, 1)
        return {"train_loss": total if math.isfinite(total) else None, "train_top1": 100 * hits.item() / max(seen, 1)}

    def batches(self, order: torch.Generator | None = None) -> list[torch.Tensor]:
        """The rows of every batch of an epoch; a last one that the network cannot train on joins the one before."""
        split, config = self.dataset.train, self.config
        found = list(data.batches(len(split), config.batch_size, generator=order, drop_last=config.drop_last))
        if len(found) > 1 and len(found[-1]) == 1 and _normalises_one_value(self.model, self.dataset):
            found[-2:] = [torch.cat(found[-2:])]
        return found

    def step(self, index, augmentation):
        """One step on the training images `index`; returns mean loss and hits, both still on the device."""
        split = self.dataset.train
        return self.learn(data.prepare(split, index, self.dataset, generator=augmentation), split.labels[index])

    def learn(self, inputs, labels):
        """The same on a batch that is already prepared."""
        config, logits = self.config, self.logits(inputs)
        loss = functional.cross_entropy(logits, labels, label_smoothing=config.label_smoothing)
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        if config.slimming:
            _penalise_scales(self.model, config.slimming)
        if self.hook is None:
            self.optimizer.step()
        else:
            self.hook.step(self.optimizer)
        return loss.detach(), (logits.detach().argmax(1) == labels).sum()

    def logits(self, inputs):
        """The network's output for a prepared batch, computed as the configuration says."""
        with autocast(self.config.precision, inputs.device):
            return self.model(_layout(inputs, self.config.channels_last)).float()

    def seed_dropout(self):
        """The dropout stream of this epoch from its beginning, on the device of the model."""
        if self._dropouts:
            seed = stream_seed(self.seed, "dropout", self.done)
            stream = torch.Generator(_device(self.model)).manual_seed(seed)
            for module in self._dropouts:
                module.generator = stream

    def set_lr(self, epoch: float):
        """The learning rate of the optimiser so many epochs into the run."""
        for group in self.optimizer.param_groups:
            group["lr"] = group.get("factor", 1.0) * lr_at(self.config, epoch)

    def state(self) -> dict:
        """All that the rest of the run depends on; the random streams are functions of seed and epoch."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "done": self.done,
            "status": self.status,
            "history": self.history,
        } | ({} if self.hook is None else {"hook": self.hook.state()})

    def restore(self, state: dict):
        """Goes on from `state`, as if the run had never stopped."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.done, self.status = state["done"], state["status"]
        self.history = {name: list(column) for name, column in state["history"].items()}
        if self.hook is not None:
            self.hook.restore(state["hook"])


@torch.no_grad()
def _normalises_one_value(model: nn.Module, dataset: data.Dataset) -> bool:
    """Whether a batch normalisation has a single value per channel for one input, which has no deviation."""
    found, was_training = [], model.training
    hooks = [
        module.register_forward_pre_hook(lambda module, inputs: found.append(inputs[0].numel() // inputs[0].shape[1]))
        for module in model.modules()
        if isinstance(module, nn.modules.batchnorm._BatchNorm)
    ]
    try:
        if hooks:
            model.eval()(data.prepare(dataset.train, torch.arange(1), dataset))
    finally:
        model.train(was_training)
        for hook in hooks:
            hook.remove()
    return 1 in found


@torch.no_grad()
def _penalise_scales(model: nn.Module, weight: float):
    """Adds the subgradient of weight * |gamma| to every batch normalisation's scale (Liu et al. 2017, Sec. 3)."""
    for module in model.modules():
        if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d):
            module.weight.grad.add_(module.weight.sign(), alpha=weight)


def _parameter_groups(model: nn.Module, config: TrainConfig) -> list[dict]:
    """Decayed parameters first, by what multiplies their learning rate, so that lr x weight decay is that of all."""
    factors, groups = lr_factors(model), {(False, 1.0): []}
    for name, value in model.named_parameters():
        if value.requires_grad:
            spared = config.decayed == "weights" and value.ndim < 2
            groups.setdefault((spared, factors.get(name, 1.0)), []).append(value)
    return [
        {"params": values, "weight_decay": 0.0 if spared else config.weight_decay / factor, "factor": factor}
        for (spared, factor), values in sorted(groups.items(), key=lambda item: item[0])
    ]


def fit(model, dataset, config, *, seed: int = 0, state: dict | None = None, on_epoch=None, hook=None) -> Training:
    """The finished run of `config` from `model` (or from `state`); `on_epoch(training, row)` sees each epoch."""
    training = Training(model, dataset, config, seed, hook=hook)
    if state is not None:
        training.restore(state)
    while not training.finished:
        row = training.epoch()
        if on_epoch is not None:
            on_epoch(training, row)
    return training
