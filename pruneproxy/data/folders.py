"""Readers of data sets that are folders of image files."""

import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from pruneproxy.data.catalogue import Entry
from pruneproxy.data.stored import Copy, Part, find, missing_file
from pruneproxy.errors import UserError

ENDINGS = {".jpeg", ".jpg", ".png", ".webp", ".bmp"}
Listing = list[tuple[Path, int]]  # image files and their labels


def pixels(path: Path, side: int) -> np.ndarray:
    """RGB (3, side, side): the shorter side scaled to `side` (bilinear, antialiased), then the centre."""
    try:
        image = Image.open(path).convert("RGB")
    except OSError as error:
        raise UserError(f"{path} is not a readable image ({error}): fetch it again") from error
    if image.size != (side, side):
        image = ImageOps.fit(image, (side, side), Image.Resampling.BILINEAR)
    return np.asarray(image).transpose(2, 0, 1)


def listed_part(listing: Listing, side: int) -> Part:
    """A Part that decodes its images one by one while it is stored."""

    def chunks() -> Iterator[np.ndarray]:
        return (pixels(path, side)[None] for path, _ in listing)

    labels = np.array([label for _, label in listing], dtype=np.int64)
    return Part(shape=(3, side, side), dtype="uint8", chunks=chunks(), labels=labels)


def images_in(folder: Path) -> list[Path]:
    """All image files below `folder`, in order of their paths."""
    return sorted(path for path in folder.rglob("*") if path.suffix.lower() in ENDINGS)


def class_listing(folder: Path, classes: tuple[str, ...]) -> Listing:
    """The images below folder/CLASS for each class in turn."""
    return [(path, label) for label, name in enumerate(classes) for path in images_in(folder / name)]


def subfolders(folder: Path) -> tuple[str, ...]:
    """Names of the folders in `folder`, sorted."""
    return tuple(sorted(path.name for path in folder.iterdir() if path.is_dir()))


def listed_copy(train: Listing, test: Listing, classes: tuple[str, ...], side: int, path: Path) -> Copy:
    """A Copy of listed images; a split without images is an error."""
    if not train or not test:
        raise UserError(f"found {len(train)} training and {len(test)} test images in {path}: the copy is incomplete")
    return Copy(train=listed_part(train, side), test=listed_part(test, side), classes=classes, form="image files")


def read_folder(path: Path, entry: Entry, scratch: Path, size: int | None) -> Copy:
    """train/CLASS/* and val/CLASS/* (or test/CLASS/*), stored as squares of side `size`."""
    test = next((path / name for name in ("val", "test") if (path / name).is_dir()), None)
    if test is None or not (path / "train").is_dir():
        raise missing_file(path, ["train/CLASS", "val/CLASS"])
    classes = subfolders(path / "train")
    if strange := set(subfolders(test)) - set(classes):
        raise UserError(f"{test} has classes that train has not: {', '.join(sorted(strange)[:5])}")
    listings = (class_listing(folder, classes) for folder in (path / "train", test))
    return listed_copy(*listings, classes, size or entry.shape[-1], path)


def read_tiny(path: Path, entry: Entry, scratch: Path, size: int | None) -> Copy:
    """Tiny-ImageNet: train/WNID/images/*, val/images/* with val_annotations.txt; classes in order of their WNID."""
    table = find(unpacked(path, scratch, "tiny-imagenet-200.zip"), "val_annotations.txt")
    top = table.parent.parent
    wnids = subfolders(top / "train")
    label = {wnid: number for number, wnid in enumerate(wnids)}
    lines = [line.split("\t")[:2] for line in table.read_text(encoding="utf-8").splitlines()]
    test = [(table.parent / "images" / file, label[wnid]) for file, wnid in lines if wnid in label]
    words = first_words(top / "words.txt")
    classes = tuple(words.get(wnid, wnid) for wnid in wnids)
    return listed_copy(class_listing(top / "train", wnids), test, classes, entry.shape[-1], path)


def first_words(path: Path) -> dict[str, str]:
    """WNID -> first name, from lines "WNID<tab>name, other name"; nothing without the file."""
    if not path.exists():
        return {}
    lines = (line.partition("\t") for line in path.read_text(encoding="utf-8").splitlines())
    return {wnid: names.partition(",")[0] for wnid, _, names in lines}


def read_places(path: Path, entry: Entry, scratch: Path, size: int | None) -> Copy:
    """MiniPlaces: images/train and images/val, labels in train.txt and val.txt ("val/00000001.jpg 63")."""
    tables = [find(path, f"{split}.txt") for split in ("train", "val")]
    images = find(unpacked(path, scratch, "data.tar.gz"), "images")
    train, test = (label_lines(table, images) for table in tables)
    names = {label: file.parent.name for file, label in train}
    classes = tuple(names.get(label, str(label)) for label in range(max(names, default=-1) + 1))
    return listed_copy(train, test, classes, entry.shape[-1], path)


def label_lines(table: Path, images: Path) -> Listing:
    """Files and labels from lines "path label", the path relative to `images`."""
    lines = (line.rsplit(maxsplit=1) for line in table.read_text(encoding="utf-8").splitlines() if line.strip())
    return [(images / file, int(label)) for file, label in lines]


def unpacked(path: Path, scratch: Path, archive: str) -> Path:
    """The folder with the contents of `archive` (a zip or tar file at `path`), or `path` if it is unpacked already."""
    packed = path if path.is_file() else path / archive
    if not packed.is_file():
        return path
    folder = scratch / "unpacked"
    try:
        if packed.suffix == ".zip":
            with zipfile.ZipFile(packed) as file:
                file.extractall(folder)
        else:
            with tarfile.open(packed) as file:
                file.extractall(folder, filter="data")
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise UserError(f"{packed} is damaged ({error}): fetch it again") from error
    return folder
