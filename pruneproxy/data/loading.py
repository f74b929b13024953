"""From stored arrays to splits in memory, and from splits to batches."""

import hashlib
import os
from collections.abc import Iterator
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import torch
from torch import Generator, Tensor

from pruneproxy.data.augment import AUGMENTATIONS, centre
from pruneproxy.data.catalogue import CATALOGUE
from pruneproxy.data.config import DataConfig, Dataset, Split
from pruneproxy.data.resize import resized
from pruneproxy.data.splits import fold_rows, split_rows
from pruneproxy.data.stored import SOURCE, Stored, data_root, read_stored
from pruneproxy.errors import UserError

MAPPED_BYTES = 4 * 2**30  # inputs above this stay on disk, mapped into memory
SAMPLE = 10_000  # images of a mapped training split from which its mean and deviation are computed
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


def load(config: DataConfig, *, device="cpu", root=None) -> Dataset:
    """The data set of `config` on `device`, from the folder `root` (see `data_root`); repeated calls share memory."""
    root = data_root(root)
    stamp = root / config.name / SOURCE
    changed = stamp.stat().st_mtime_ns if os.path.exists(stamp) else 0
    return _load(config, str(torch.device(device)), root, changed)


@lru_cache(maxsize=4)
def _load(config: DataConfig, device: str, root: Path, changed: int) -> Dataset:
    stored = digits() if config.name == "digits" else read_stored(config.name, root)
    splits, fingerprint = make_splits(stored, config)
    mean, std = constants(splits["train"], config.normalise)
    data = Dataset(
        config=config,
        **splits,
        classes=stored.classes,
        mean=mean,
        std=std,
        fingerprint=fingerprint,
        source=stored.source,
    )
    return data.to(device)


def digits() -> Stored:
    """scikit-learn's digits, its grey levels 0..16 spread over 0..255."""
    place = find_spec("sklearn").submodule_search_locations[0]  # importing it takes most of a second
    table = np.loadtxt(Path(place, "datasets", "data", "digits.csv.gz"), delimiter=",", dtype=np.int64)
    images = table[:, :-1].reshape(-1, 1, 8, 8)
    return Stored(
        train_inputs=np.floor(images * 255 / 16 + 0.5).astype(np.uint8),
        train_labels=table[:, -1],
        test_inputs=None,
        test_labels=None,
        classes=CATALOGUE["digits"].names,
        source="scikit-learn",
        digests={},
    )


def make_splits(stored: Stored, config: DataConfig) -> tuple[dict[str, Split], str]:
    """Train, validation and test split, and their fingerprint."""
    rows = choose_rows(stored, config)
    inputs = {"train": stored.train_inputs, "validation": stored.train_inputs, "test": stored.test_inputs}
    labels = {"train": stored.train_labels, "validation": stored.train_labels, "test": stored.test_labels}
    if stored.test_inputs is None:
        inputs["test"], labels["test"] = stored.train_inputs, stored.train_labels
    splits, digest = {}, hashlib.sha256(repr(stored.classes).encode())
    for name, chosen in rows.items():
        splits[name] = make_split(inputs[name], labels[name], chosen, config.size)
        digest.update(split_digest(splits[name], stored).encode())
    return splits, digest.hexdigest()


def choose_rows(stored: Stored, config: DataConfig) -> dict[str, np.ndarray]:
    """Ascending row numbers of each split; test rows count in the test arrays, if there are any."""
    labels, pool = stored.train_labels, np.arange(len(stored.train_labels))
    if stored.test_labels is None:
        share = CATALOGUE[config.name].test_share
        pool, test = split_rows(labels, f"{config.name}/test", held_out=share, held_kept=config.eval_images)
    else:
        test, _ = split_rows(stored.test_labels, f"{config.name}/test", kept=config.eval_images)
    train, validation = held_out(labels[pool], config)
    check_count(config.train_images, len(train), "train_images")
    return {"train": pool[train], "validation": pool[validation], "test": test}


def held_out(labels: np.ndarray, config: DataConfig) -> tuple[np.ndarray, np.ndarray]:
    """Rows of the training and the validation split among the official training data."""
    name, kept = f"{config.name}/train", {"kept": config.train_images, "held_kept": config.eval_images}
    if config.folds is None:
        return split_rows(labels, name, held_out=config.holdout, **kept)
    check_count(config.folds, len(labels), "folds")
    stratified = config.folded == "stratified"
    return fold_rows(labels, name, folds=config.folds, fold=config.fold, stratified=stratified, **kept)


def check_count(wanted: int | None, available: int, field: str) -> None:
    """An error if more examples are wanted than there are."""
    if wanted is not None and wanted > available:
        raise UserError(f"{field} must be at most {available}, the size of the split, got {wanted}")


def make_split(inputs: np.ndarray, labels: np.ndarray, rows: np.ndarray, size: int | None) -> Split:
    """The rows as a Split: copied into memory and resized, or mapped when native and large."""
    targets = torch.from_numpy(np.asarray(labels[rows], dtype=np.int64))
    if size in (None, inputs.shape[-1]) and len(rows) * inputs[:1].nbytes > MAPPED_BYTES:
        return Split(torch.from_numpy(inputs), targets, torch.from_numpy(rows))
    return Split(torch.from_numpy(resized(inputs, rows, size)), targets)


def split_digest(split: Split, stored: Stored) -> str:
    """sha256 of a split's shape, inputs and labels; of a mapped split, of the stored digests and its rows."""
    digest = hashlib.sha256(repr((tuple(split.inputs.shape), str(split.inputs.dtype))).encode())
    digest.update(split.labels.numpy())
    if split.rows is None:
        digest.update(split.inputs.numpy())
    else:
        digest.update(repr(sorted(stored.digests.items())).encode())
        digest.update(split.rows.numpy())
    return digest.hexdigest()


def constants(train: Split, normalise: str) -> tuple[Tensor, Tensor]:
    """Mean and standard deviation per channel (scale 0..255) or feature; a constant one is divided by 1."""
    width = train.inputs.shape[1]
    if normalise in ("train", "train-reversed"):
        found = training_constants(train)
        return found if normalise == "train" else tuple(values.flip(0) for values in found)
    scale = 255.0 if train.inputs.dtype == torch.uint8 else 1.0
    if normalise == "unit":
        return torch.zeros(width), torch.full((width,), scale)
    mean, std = (torch.tensor(values) * scale for values in IMAGENET)
    return mean, std


def training_constants(train: Split) -> tuple[Tensor, Tensor]:
    """Population mean and deviation of the training split: exact, from histograms, for images."""
    count = len(train) if train.rows is None else min(len(train), SAMPLE)
    inputs = train.take(torch.linspace(0, len(train) - 1, count).long()) if train.rows is not None else train.inputs
    if inputs.dtype != torch.uint8:
        values = inputs.double()
        mean, std = values.mean(0), values.std(0, correction=0)
    else:
        levels = torch.arange(256, dtype=torch.float64)
        shares = torch.stack([histogram(inputs[:, channel]) for channel in range(inputs.shape[1])])
        mean = shares @ levels
        std = (shares @ levels**2 - mean**2).clamp(min=0).sqrt()
    return mean.float(), torch.where(std > 0, std, 1.0).float()


def histogram(values: Tensor) -> Tensor:
    """The share of each of the 256 levels."""
    counts = sum(np.bincount(chunk.ravel(), minlength=256) for chunk in np.array_split(values.numpy(), 16))
    return torch.from_numpy(counts / values.numel())


def batches(
    count: int, batch_size: int, *, generator: Generator | None = None, drop_last: bool = False
) -> Iterator[Tensor]:
    """Index batches over `count` examples, shuffled by `generator`, in order without one."""
    if batch_size < 1:
        raise UserError(f"batch_size must be a positive whole number, got {batch_size!r}")
    order = torch.arange(count) if generator is None else torch.randperm(count, generator=generator)
    end = count - count % batch_size if drop_last else count
    return iter(order[:end].split(batch_size) if end else ())


def prepare(split: Split, index: Tensor, dataset: Dataset, *, generator: Generator | None = None) -> Tensor:
    """The inputs at `index`, (x - mean) / std in float32 on the data set's device; augmented iff `generator` is given.

    `generator` lives on the CPU; its draws are per image and the same for every device.
    """
    inputs = split.take(index).to(dataset.device)
    if inputs.ndim == 2:
        return (inputs - dataset.mean) / dataset.std
    policy = AUGMENTATIONS[dataset.config.augment]
    if generator is not None:
        inputs = policy.change(inputs, generator)
    elif policy.window < 1:
        inputs = centre(inputs, policy.window)
    return torch.sub(inputs, dataset.mean.view(-1, 1, 1)).div_(dataset.std.view(-1, 1, 1))
