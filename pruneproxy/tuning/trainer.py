"""Our own training function for `tune`: stochastic gradient descent on tensors or on a catalogued data set."""

import dataclasses
import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from pruneproxy import data
from pruneproxy.data import DataConfig, Dataset, ImageFolder, Split
from pruneproxy.errors import UserError
from pruneproxy.randomness import generator
from pruneproxy.specs import check_names
from pruneproxy.surgery import foreign
from pruneproxy.train import TrainConfig, Training, evaluate

Report = Callable[[int, float], bool]


@dataclass(frozen=True, eq=False)
class Trainer:
    """Trains a classifier and returns its accuracy on validation data, in percent.

    `source` is a DataConfig, an ImageFolder, or a tensor of inputs (images N x C x H x W or rows of features) with
    `labels`, of which the share `holdout` validates and the same share tests. Settings are fields of `TrainConfig` (lr,
    weight_decay, batch_size, momentum, ...); those that no setting names are taken from `config`.

    >>> trainer = Trainer(images, labels, epochs=5)
    >>> trainer(network, {"lr": 0.1, "batch_size": 64}, seed=0)
    """

    source: DataConfig | ImageFolder | Dataset | Tensor
    labels: Tensor | None = None
    epochs: int = 5
    holdout: float = 0.15
    device: str = "cpu"
    config: TrainConfig = TrainConfig(evaluate_on="validation")

    def __post_init__(self):
        if isinstance(self.source, Tensor):
            _check_tensors(self.source, self.labels, self.holdout)
        elif not isinstance(self.source, DataConfig | ImageFolder | Dataset):
            raise UserError(
                "expected a DataConfig, an ImageFolder, or a tensor of inputs with its labels, got "
                f"{type(self.source).__name__}: convert arrays by torch.as_tensor"
            )

    def __getstate__(self) -> dict:
        """What another process needs: it loads the data itself."""
        return {name: value for name, value in self.__dict__.items() if name != "dataset"}

    @cached_property
    def dataset(self) -> Dataset:
        """The data, split, on the trainer's device."""
        if isinstance(self.source, Tensor):
            return of_tensors(self.source, self.labels, self.holdout).to(self.device)
        if isinstance(self.source, ImageFolder):
            return data.load_folder(self.source).to(self.device)
        return (data.load(self.source) if isinstance(self.source, DataConfig) else self.source).to(self.device)

    def batch(self, count: int = 64) -> tuple[Tensor, Tensor]:
        """A random mini-batch of training inputs as the network sees them, the same in every call, and their labels."""
        split = self.dataset.train
        rows = torch.randperm(len(split), generator=generator(0, "tuning", "example"))[:count]
        return data.prepare(split, rows, self.dataset), split.labels[rows.to(split.labels.device)]

    def example(self, count: int = 64) -> Tensor:
        """The inputs of `batch`, for `tune`."""
        return self.batch(count)[0]

    def __call__(
        self, network: nn.Module, settings: Mapping[str, object], *, seed: int = 0, report: Report | None = None
    ) -> float:
        """Trains `network` in place; the accuracy of the last epoch, NaN if the loss was not finite."""
        names = [field.name for field in dataclasses.fields(TrainConfig)]
        check_names(settings, names, what="setting of Trainer")
        config = dataclasses.replace(
            self.config, **({"epochs": self.epochs} | dict(settings) | {"evaluate_on": "validation"})
        )
        self._check_outputs(network)
        training, value = Training(network.to(self.device), self.dataset, config, seed), float("nan")
        while not training.finished:
            row = training.epoch()
            value = row.get("eval_top1", value)
            if "eval_top1" in row and report is not None and report(training.done, value):
                break
        return value if training.status == "ok" else float("nan")

    def _check_outputs(self, network: nn.Module):
        """There must be an output for every label, or the loss fails on one of them."""
        outputs = foreign.outputs(network.to(self.device), self.example(2))
        parts = (
            self.dataset.train,
            self.dataset.validation,
        )  # test images, and their labels, are for the end
        largest = max(self.dataset.num_classes - 1, *(int(part.labels.max()) for part in parts if len(part)))
        if len(outputs) != 1 or outputs[0].ndim != 2 or outputs[0].shape[1] <= largest:
            raise UserError(
                f"expected a network with one output of shape (inputs, classes), and classes numbered from 0 below its "
                f"width, got {foreign.shapes(outputs)} for 2 inputs and labels up to {largest}: widen its last layer "
                f"or number the labels from 0"
            )

    def test(self, network: nn.Module) -> float:
        """The accuracy in percent on the test images, which no search looks at."""
        return evaluate(network, self.dataset, on="test", channels_last=self.config.channels_last)["top1"]


def of_tensors(inputs: Tensor, labels: Tensor, holdout: float) -> Dataset:
    """The tensors in three splits, drawn once and for all, normalised by the training split."""
    count, held = len(inputs), max(1, round(holdout * len(inputs)))
    order = torch.randperm(count, generator=generator(0, "tuning", "splits"))
    parts = dict(zip(("test", "validation", "train"), order.split((held, held, count - 2 * held)), strict=True))
    images = inputs if inputs.dtype == torch.uint8 else inputs.float()
    splits = {name: Split(images[rows], labels[rows].long()) for name, rows in parts.items()}
    train = splits["train"].inputs.double()
    others = [axis for axis in range(train.ndim) if axis != 1]
    mean, deviation = train.mean(others), train.std(others, correction=0)
    return Dataset(
        config=DataConfig(),  # its augmentation, "none", is all that batches ask of it
        **splits,
        classes=tuple(map(str, labels.unique().tolist())),
        mean=mean.float(),
        std=torch.where(deviation > 0, deviation, 1.0).float(),
        fingerprint=_fingerprint(inputs, labels),
        source="tensors",
    )


def _fingerprint(*tensors: Tensor) -> str:
    """The sha256 of the values, which tells these data from others."""
    found = hashlib.sha256()
    for tensor in tensors:
        found.update(f"{tensor.dtype} {tuple(tensor.shape)}".encode())
        found.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return found.hexdigest()


def _check_tensors(inputs: Tensor, labels: Tensor | None, holdout: float) -> None:
    if labels is None or labels.ndim != 1 or len(labels) != len(inputs) or labels.is_floating_point():
        got = "none" if labels is None else f"{labels.dtype} of shape {tuple(labels.shape)}"
        raise UserError(f"expected one whole-numbered label for each of the {len(inputs)} inputs, got {got}")
    if labels.numel() and labels.min() < 0:
        raise UserError(f"expected labels that number the classes from 0, got {int(labels.min())}")
    if inputs.ndim not in (2, 4):
        raise UserError(
            f"expected inputs of shape (N, channels, height, width) or (N, features), got {tuple(inputs.shape)}: write "
            f"a training function of your own for other data"
        )
    if not 0 < holdout < 0.5 or len(inputs) < 3:
        raise UserError(f"expected a holdout in (0, 0.5) of at least 3 inputs, got {holdout!r} of {len(inputs)}")
