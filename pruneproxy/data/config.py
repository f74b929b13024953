"""What a data set is asked for, and what it is once loaded."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from pruneproxy.data.augment import AUGMENTATIONS, window_side
from pruneproxy.data.catalogue import CATALOGUE
from pruneproxy.errors import UserError, choose
from pruneproxy.limits import MOST_IMAGES, MOST_SIDE

NORMALISATIONS = {
    "train": "mean and standard deviation of the training split",
    "train-reversed": "the same with the channels' constants in reverse order (004's released code: BGR on RGB)",
    "imagenet": "the usual constants of ImageNet, whatever the data",
    "unit": "images divided by 255, tabular features as they are",
}
OF_COLOURS = ("train-reversed", "imagenet")
FOLDED = {
    "stratified": "every fold has each class in its share, fixed by hash as the other splits",
    "contiguous": "slices of the official order, whatever their classes (002's released code)",
}


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which data set, how much of it, at which size, and how it is shown to the network.

    `train_images` and `eval_images` (validation and test each) take stratified subsets, nested in size;
    `size` is the side after area averaging; `holdout` is the share of the official training data held out
    as validation, or with `folds` the part number `fold` (from 0) of that many equal ones, cut as `folded`
    says; `augment` and `normalise` are keys of AUGMENTATIONS and NORMALISATIONS.
    """

    name: str = "digits"
    train_images: int | None = None
    eval_images: int | None = None
    size: int | None = None
    holdout: float = 0.1
    augment: str = "none"
    normalise: str = "train"
    folds: int | None = None
    fold: int = 0
    folded: str = "stratified"

    def __post_init__(self):
        entry = choose(self.name, CATALOGUE, "data set")
        policy = choose(self.augment, AUGMENTATIONS, "augmentation")
        choose(self.normalise, NORMALISATIONS, "normalisation")
        for field, most in (("train_images", MOST_IMAGES), ("eval_images", MOST_IMAGES), ("size", MOST_SIDE)):
            value = getattr(self, field)
            if value is not None and (not isinstance(value, int) or not 1 <= value <= most):
                raise UserError(f"{field} must be a positive whole number up to {most:,} or None, got {value!r}")
        if not 0 <= self.holdout < 1:
            raise UserError(f"holdout must be a share from 0 to below 1, got {self.holdout!r}")
        _check_folds(self)
        if entry.kind == "tabular" and (self.size is not None or self.augment != "none"):
            raise UserError(f"{self.name} is tabular: leave size at None and augment at 'none'")
        if (policy.colour or self.normalise in OF_COLOURS) and (entry.kind == "tabular" or entry.shape[0] != 3):
            chosen = f"augment={self.augment!r}" if policy.colour else f"normalise={self.normalise!r}"
            raise UserError(f"{chosen} needs colour images, and those of {self.name} are not: choose another")


def _check_folds(config: DataConfig) -> None:
    """Folds are at least two, and the chosen one is one of them."""
    choose(config.folded, FOLDED, "value of folded")
    if config.folds is None:
        if config.fold != 0:
            raise UserError(f"expected a number of folds with fold {config.fold!r}, got none: set folds")
        return
    if type(config.folds) is not int or config.folds < 2:
        raise UserError(f"folds must be a whole number of at least 2 or None, got {config.folds!r}")
    if type(config.fold) is not int or not 0 <= config.fold < config.folds:
        raise UserError(f"fold must be a whole number from 0 to {config.folds - 1}, got {config.fold!r}")


def input_shape(config: DataConfig) -> tuple[int, ...]:
    """The shape of one input as a network sees it, (C, H, W) or (F,), known before any data are."""
    entry = CATALOGUE[config.name]
    if entry.kind == "tabular":
        return entry.shape
    side = window_side(config.size or entry.shape[-1], AUGMENTATIONS[config.augment].window)
    return (entry.shape[0], side, side)


@dataclass(frozen=True, eq=False)
class Split:
    """Inputs (uint8 N x C x H x W images or float32 N x F features) and int64 labels.

    `rows` is None when the inputs are the split's own; for memory-mapped inputs, which several splits
    share, it says which of their rows belong to this one.
    """

    inputs: Tensor
    labels: Tensor
    rows: Tensor | None = None

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, index: Tensor) -> Tensor:
        """The raw inputs at `index`, on the inputs' device."""
        rows = index if self.rows is None else self.rows[index]
        return self.inputs.index_select(0, rows.to(self.inputs.device))

    def to(self, device) -> "Split":
        """The split on `device`; memory-mapped inputs stay where they are."""
        inputs = self.inputs.to(device) if self.rows is None else self.inputs
        return replace(self, inputs=inputs, labels=self.labels.to(device))


@dataclass(frozen=True, eq=False, kw_only=True)
class Dataset:
    """The three splits, the normalisation constants (scale 0..255 for images) and where it all came from.

    `fingerprint` is the sha256 of the arrays after splitting and resizing; `source` says in words what they
    came from, so that a lossy or partial copy is never taken for the original.
    """

    config: DataConfig
    train: Split
    validation: Split
    test: Split
    classes: tuple[str, ...]
    mean: Tensor
    std: Tensor
    fingerprint: str
    source: str

    @property
    def shape(self) -> tuple[int, ...]:
        """Shape of one input as the network sees it: (C, H, W) or (F,); what a window shows is square."""
        stored, window = tuple(self.train.inputs.shape[1:]), AUGMENTATIONS[self.config.augment].window
        if window == 1:
            return stored
        side = window_side(stored[-1], window)
        return (stored[0], side, side)

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return len(self.classes)

    @property
    def device(self) -> torch.device:
        """Where prepared batches live."""
        return self.mean.device

    def to(self, device) -> "Dataset":
        """The same data on another device."""
        moved = {name: getattr(self, name).to(device) for name in ("train", "validation", "test", "mean", "std")}
        return replace(self, **moved)
