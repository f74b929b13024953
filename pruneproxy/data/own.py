"""A folder of the reader's own images as a data set: one folder per class, with or without train/ and val/ above."""

import contextlib
import hashlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch

from pruneproxy.data.config import DataConfig, Dataset, Split
from pruneproxy.data.folders import Listing, class_listing, pixels, subfolders
from pruneproxy.data.guards import refusing, shown
from pruneproxy.data.loading import constants
from pruneproxy.data.splits import split_rows
from pruneproxy.data.stored import data_root
from pruneproxy.durable import replacing
from pruneproxy.errors import UserError
from pruneproxy.limits import MOST_IMAGES, MOST_SIDE, check_counts

TESTS = ("val", "test")
FEWEST = 20  # images from which three splits can be made
KEPT = "folders"  # below the folder of all data sets: decoded images, so that no other process need decode them


@dataclass(frozen=True, kw_only=True)
class ImageFolder:
    """The folder `path` with CLASS/*, or with train/CLASS/* and val/CLASS/* (or test/CLASS/*).

    Images are read as squares of `size` pixels. The share `holdout` of the training images validates, and the same
    share of all images tests where no folder has test images. `train_images` takes a stratified subset.
    """

    path: str
    size: int = 64
    holdout: float = 0.15
    train_images: int | None = None

    def __post_init__(self):
        check_counts(self, "size", most=MOST_SIDE)
        check_counts(self, "train_images", most=MOST_IMAGES)
        if not 0 < self.holdout < 0.5:
            raise UserError(f"expected a holdout between 0 and 0.5, got {self.holdout!r}")


@lru_cache(maxsize=2)
def load_folder(config: ImageFolder) -> Dataset:
    """The images of a folder in three splits, which depend on nothing but the order of their names."""
    top = Path(config.path).expanduser()
    with refusing(top):
        train, test, classes = _listings(top)
    labels = np.array([label for _, label in train + test], dtype=np.int64)
    pool, tested = np.arange(len(train)), np.arange(len(train), len(labels))
    if not test:
        pool, tested = split_rows(labels, "folder/test", held_out=config.holdout)
    rest, held = split_rows(labels[pool], "folder/train", held_out=config.holdout, kept=config.train_images)
    images = _decoded(train + test, top, config.size)
    rows = {"train": pool[rest], "validation": pool[held], "test": tested}
    splits = {
        name: Split(torch.from_numpy(images[some]), torch.from_numpy(labels[some])) for name, some in rows.items()
    }
    mean, std = constants(splits["train"], "train")
    return Dataset(
        config=DataConfig(),  # its augmentation, "none", is all that batches ask of it
        **splits,
        classes=classes,
        mean=mean,
        std=std,
        fingerprint=_fingerprint(splits),
        source=f"the folder {shown(top.name)}",
    )


def _listings(top: Path) -> tuple[Listing, Listing, tuple[str, ...]]:
    """Training images, test images (none where the folder does not tell them apart) and the names of the classes."""
    inner = top / "train"
    classes = subfolders(inner if inner.is_dir() else top)
    train = class_listing(inner if inner.is_dir() else top, classes)
    tests = next((top / name for name in TESTS if inner.is_dir() and (top / name).is_dir()), None)
    test = class_listing(tests, classes) if tests is not None else []
    if len({label for _, label in train}) < 2 or len(train) < FEWEST:
        raise UserError(
            f"expected a folder with one folder of images per class, and {FEWEST} images or more, got {len(train)} of "
            f"{len(classes)} classes in {shown(top)}: give the folder above CLASS/*, or above train/CLASS/*"
        )
    return train, test, classes


def _decoded(listing: Listing, top: Path, size: int) -> np.ndarray:
    """All images as N x 3 x size x size, decoded once as long as their files stay the same."""
    facts = [(str(path.relative_to(top)), path.stat().st_size, path.stat().st_mtime_ns) for path, _ in listing]
    name = hashlib.sha256(repr((str(top.resolve()), size, facts)).encode()).hexdigest()[:32]
    kept = data_root() / KEPT / f"{name}.npy"
    with contextlib.suppress(OSError, ValueError):  # what is not there, or is damaged, is decoded
        return np.load(kept)
    images = np.empty((len(listing), 3, size, size), dtype=np.uint8)
    for place, (path, _) in enumerate(listing):
        images[place] = pixels(path, size)
    with contextlib.suppress(OSError), replacing(kept) as new, new.open("wb") as file:  # a full disk costs time only
        np.save(file, images)
    return images


def _fingerprint(splits: dict[str, Split]) -> str:
    digest = hashlib.sha256()
    for split in splits.values():
        digest.update(split.inputs.numpy())
        digest.update(split.labels.numpy())
    return digest.hexdigest()
