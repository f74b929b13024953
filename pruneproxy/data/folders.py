"""Readers of data sets that are folders of image files."""

import tarfile
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image, ImageOps

from pruneproxy.data.catalogue import Entry
from pruneproxy.data.guards import ceiling, lines, opened, refusing, regular, said, shown, too_much
from pruneproxy.data.stored import Copy, Part, find, missing_file
from pruneproxy.errors import UserError

ENDINGS = {".jpeg", ".jpg", ".png", ".webp", ".bmp"}
FORMATS = ("JPEG", "PNG", "WEBP", "BMP")  # what is drawn by other programs, such as PostScript, is left alone
DEEP = 20  # folders within folders of an archive
MEMBER = 1024  # bytes that a file of an archive takes at least, counted against what may be unpacked
Listing = list[tuple[Path, int]]  # image files and their labels


def pixels(path: Path, side: int) -> np.ndarray:
    """RGB (3, side, side): the shorter side scaled to `side` (bilinear, antialiased), then the centre."""
    try:
        with _strict(), Image.open(regular(path), formats=FORMATS) as found:
            image = found.convert("RGB")
    except UserError:
        raise
    except Exception as error:  # decoders raise everything
        raise UserError(f"{shown(path)} is not a readable image ({said(error)}): fetch it again") from error
    if image.size != (side, side):
        image = ImageOps.fit(image, (side, side), Image.Resampling.BILINEAR)
    return np.asarray(image).transpose(2, 0, 1)


def _strict() -> warnings.catch_warnings:
    """Within it, an image of more pixels than Pillow thinks safe is an error; by itself Pillow prints a warning."""
    return warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning)


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
    with refusing(folder):
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
        raise UserError(f"{test} has classes that train has not: {shown(', '.join(sorted(strange)))}")
    listings = (class_listing(folder, classes) for folder in (path / "train", test))
    return listed_copy(*listings, classes, size or entry.shape[-1], path)


def read_tiny(path: Path, entry: Entry, scratch: Path, size: int | None) -> Copy:
    """Tiny-ImageNet: train/WNID/images/*, val/images/* with val_annotations.txt; classes in order of their WNID."""
    table = find(unpacked(path, scratch, "tiny-imagenet-200.zip", entry), "val_annotations.txt")
    top = table.parent.parent
    wnids = subfolders(top / "train")
    label = {wnid: number for number, wnid in enumerate(wnids)}
    rows = [line.split("\t") for line in lines(table, entry)]
    with refusing(table):
        test = [(inside(table.parent / "images", row[0]), label[row[1]]) for row in rows if row[1] in label]
    words = first_words(top / "words.txt", entry)
    classes = tuple(words.get(wnid, wnid) for wnid in wnids)
    return listed_copy(class_listing(top / "train", wnids), test, classes, entry.shape[-1], path)


def inside(folder: Path, file: str) -> Path:
    """The path of a file that a list names; one that lies elsewhere is an error."""
    named = PurePosixPath(file)
    if named.is_absolute() or ".." in named.parts or "\\" in file or ":" in file:
        raise UserError(f"expected the name of a file in {folder}, got {shown(repr(file))}: it is another list")
    return folder / named


def first_words(path: Path, entry: Entry) -> dict[str, str]:
    """WNID -> first name, from lines "WNID<tab>name, other name"; nothing without the file."""
    if not path.exists():
        return {}
    rows = (line.partition("\t") for line in lines(path, entry))
    return {wnid: names.partition(",")[0] for wnid, _, names in rows}


def read_places(path: Path, entry: Entry, scratch: Path, size: int | None) -> Copy:
    """MiniPlaces: images/train and images/val, labels in train.txt and val.txt ("val/00000001.jpg 63")."""
    tables = [find(path, f"{split}.txt") for split in ("train", "val")]
    images = find(unpacked(path, scratch, "data.tar.gz", entry), "images")
    train, test = (label_lines(table, images, entry) for table in tables)
    names = {label: file.parent.name for file, label in train}
    classes = tuple(names.get(label, str(label)) for label in range(max(names, default=-1) + 1))
    return listed_copy(train, test, classes, entry.shape[-1], path)


def label_lines(table: Path, images: Path, entry: Entry) -> Listing:
    """Files and labels from lines "path label", the path relative to `images`."""
    with refusing(table):
        rows = [line.rsplit(maxsplit=1) for line in lines(table, entry)]
        listing = [(inside(images, file), int(label)) for file, label in rows]
    if strange := [label for _, label in listing if not 0 <= label < entry.classes]:
        raise UserError(f"expected labels 0 to {entry.classes - 1} in {table}, got {strange[0]}: another data set?")
    return listing


def unpacked(path: Path, scratch: Path, archive: str, entry: Entry) -> Path:
    """The folder with the contents of `archive` (a zip or tar file at `path`), or `path` if it is unpacked already."""
    packed = path / archive if path.is_dir() else path
    if not packed.exists():
        return path
    folder = scratch / "unpacked"
    folder.mkdir()
    with refusing(packed):
        (unpack_zip if packed.suffix == ".zip" else unpack_tar)(packed, folder, entry)
    return folder


def unpack_zip(packed: Path, folder: Path, entry: Entry) -> None:
    """Unpacks a zip file whose contents, by its own list, are no larger than the data set can be."""
    with zipfile.ZipFile(regular(packed)) as file:
        if sum(member.file_size + MEMBER for member in file.infolist()) > ceiling(packed, entry):
            raise too_much(packed, ceiling(packed, entry))
        for member in file.infolist():
            file.extract(shallow(member, member.filename), folder)  # no more than the list says, and nothing outside


def unpack_tar(packed: Path, folder: Path, entry: Entry) -> None:
    """Unpacks the files of a tar archive up to what the data set can be; links and devices are left out."""
    left = ceiling(packed, entry)
    with opened(packed, entry) as file, tarfile.open(fileobj=file, mode="r|") as tar:
        for member in tar:
            left -= member.size + MEMBER
            if left < 0:
                raise too_much(packed, ceiling(packed, entry))
            if member.isfile() and not member.issparse():
                tar.extract(shallow(member, member.name), folder, filter="data")


def shallow(member, name: str):
    """The member of an archive; folders within folders without end could neither be read nor removed."""
    if name.count("/") > DEEP:
        raise UserError(f"expected files in at most {DEEP} folders, got {shown(name)}: it is no copy of this data set")
    return member
