"""Readers of the files that the data sets are published as, packed or unpacked."""

import csv
import io
import itertools
import math
import pickle
import pickletools
import struct
import tarfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from pruneproxy.data.catalogue import Entry
from pruneproxy.data.folders import read_folder, read_places, read_tiny
from pruneproxy.data.guards import LONG, ceiling, most_examples, opened, opened_table, refusing, shown, too_much, whole
from pruneproxy.data.stored import Copy, Part, find, missing_file, part
from pruneproxy.errors import UserError

ELEC2_FEATURES = ("period", "nswprice", "nswdemand", "vicprice", "vicdemand", "transfer")
ELEC2_CLASSES = {"DOWN": "0", "UP": "1"}
HIGGS_ROWS = 500_000  # rows read at once
MOST_TUPLES = 1_000  # in a pickle: hashing tuples within tuples without end overflows the stack
MAT_ARRAY, MAT_PACKED = 14, 15  # types of elements of a MATLAB file, as those below
MAT_TYPES = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
MAT_NUMERIC, MAT_COMPLEX = range(6, 16), 0x800  # classes of arrays, and the flag of imaginary numbers


def read_idx(path: Path, entry: Entry, scratch: Path, size: int | None) -> Copy:
    """MNIST-like: four idx files."""
    stems = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    files = tuple(find(path, f"{stem}.gz", stem, stem.replace("-idx", ".idx")) for stem in stems)
    arrays = [idx_array(file, entry) for file in files]
    return Copy(
        train=image_part(np.expand_dims(arrays[0], 1), arrays[1], entry, files[0]),
        test=image_part(np.expand_dims(arrays[2], 1), arrays[3], entry, files[2]),
        classes=entry.names,
        form="idx",
        files=files,
    )


def idx_array(path: Path, entry: Entry) -> np.ndarray:
    """The array of an idx file: bytes 0, 0, type 8 (uint8), number of dimensions, then big-endian sizes."""
    with opened(path, entry) as file:
        data = file.read()
        zero, kind, dimensions = struct.unpack_from(">HBB", data)
        shape = struct.unpack_from(f">{dimensions}I", data, 4)
    if zero or kind != 8 or len(data) != 4 + 4 * dimensions + math.prod(shape):
        raise UserError(f"{path} is not a complete idx file of bytes: fetch it again")
    return np.frombuffer(data, np.uint8, offset=4 + 4 * dimensions).reshape(shape)


def image_part(images: np.ndarray, labels: np.ndarray, entry: Entry, path: Path) -> Part:
    """A Part, its shape checked against the catalogue."""
    if images.shape[1:] != entry.shape or len(images) != len(labels):
        raise UserError(
            f"expected images of shape {entry.shape} and as many labels in {path}, "
            f"got {images.shape[1:]}, {len(images)} images and {len(labels)} labels: wrong data set?"
        )
    return part(images, labels)


class Bytes:
    """What stands for numpy's type of bytes in a pickle; numpy's own would believe whatever the file says of it."""

    __slots__ = ()  # so that the file cannot change it

    def __call__(self, code, *_):
        if code not in ("u1", b"u1"):
            raise pickle.UnpicklingError(f"it holds values of type {code!r} in the place of bytes")
        return self

    def __setstate__(self, state):
        """Leaves it as it is."""


class Array:
    """What stands for an array in a pickle: `values` are its bytes."""

    __slots__ = ("values",)

    def __call__(self, *_):
        return Array()

    def __setstate__(self, state):
        _, shape, _, by_columns, content = state
        self.values = np.frombuffer(content, np.uint8).reshape(shape, order="F" if by_columns else "C")


class FromBuffer:
    """How newer pickles hold an array."""

    __slots__ = ()

    def __call__(self, content, kind, shape, order):
        found = Array()
        found.values = np.frombuffer(content, np.uint8).reshape(shape, order=order)
        return found


class ArrayUnpickler(pickle.Unpickler):
    """Unpickles arrays of bytes and nothing else, so that a foreign file cannot run code; nothing of it is numpy's."""

    def find_class(self, module, name):
        """What stands for the class, if an array needs it."""
        allowed = {"_reconstruct": Array, "ndarray": Bytes, "dtype": Bytes, "_frombuffer": FromBuffer}
        if module.partition(".")[0] == "numpy" and name in allowed:
            return allowed[name]()
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no CIFAR file needs")


def unpickled(data: bytes) -> dict[bytes, object]:
    """The dictionary of one of CIFAR's Python files."""
    tuples = 0
    for code, argument, _ in pickletools.genops(data):
        tuples += code.name.startswith(("TUPLE", "FROZENSET"))
        if tuples > MOST_TUPLES or ("PUT" in code.name and int(argument) > len(data)):
            raise pickle.UnpicklingError("it asks for more memory than it has contents")
    content = ArrayUnpickler(io.BytesIO(data), encoding="bytes").load()
    if not isinstance(content, dict):
        raise pickle.UnpicklingError(f"it holds a {type(content).__name__} in the place of a dictionary")
    return content


def read_cifar(path: Path, entry: Entry, scratch: Path, size: int | None) -> Copy:
    """CIFAR-10 or CIFAR-100 in its Python version."""
    ten = entry.classes == 10
    train = [f"data_batch_{number}" for number in range(1, 6)] if ten else ["train"]
    test, meta = ("test_batch", "batches.meta") if ten else ("test", "meta")
    members, files = cifar_members(path, [*train, test, meta], entry)

    def joined(wanted: Iterable[str]) -> Part:
        batches = [cifar_batch(members[name], b"labels" if ten else b"fine_labels", entry) for name in wanted]
        images, labels = (np.concatenate(parts) for parts in zip(*batches, strict=True))
        return image_part(images.reshape(-1, *entry.shape), labels, entry, path)

    with refusing(path):
        names = members[meta][b"label_names" if ten else b"fine_label_names"]
        classes = tuple(name.decode() for name in names[: entry.classes + 1])
        parts = {"train": joined(train), "test": joined([test])}
    return Copy(**parts, classes=classes, form="python version", files=files)


def cifar_batch(content: dict[bytes, object], key: bytes, entry: Entry) -> tuple[np.ndarray, np.ndarray]:
    """Images, one per row, and labels; a list within a list could take for ever to become an array."""
    images, labels = content[b"data"], content[key]
    if not isinstance(images, Array) or images.values.ndim != 2 or not isinstance(labels, list):
        raise UserError(
            "expected rows of bytes and a list of labels in a CIFAR file, got something else: fetch it again"
        )
    found = images.values.shape
    if found != (len(labels), math.prod(entry.shape)) or not all(type(label) is int for label in labels):
        raise UserError(f"expected {len(labels)} images and whole numbers as labels, got {found}: wrong data set?")
    return images.values, np.asarray(labels)


def cifar_members(path: Path, names: list[str], entry: Entry) -> tuple[dict[str, dict], tuple[Path, ...]]:
    """The unpickled files called `names` and where they come from: the unpacked folder or the tar archive."""
    folders = [found.parent for found in sorted(path.rglob(names[0]))] if path.is_dir() else []
    if not folders:
        archive = find(path, f"cifar-{entry.classes}-python.tar.gz")
        return archived(archive, names, entry), (archive,)
    files = tuple(find(folders[0], name) for name in names)
    contents = {}
    for file in files:
        with opened(file, entry) as opened_file:
            contents[file.name] = unpickled(opened_file.read())
    return contents, files


def archived(archive: Path, names: list[str], entry: Entry) -> dict[str, dict]:
    """The unpickled files called `names` of a tar archive, which is read once, from its beginning to its end."""
    found = {}
    with opened(archive, entry) as file, tarfile.open(fileobj=file, mode="r|") as tar:
        for member in tar:
            name = Path(member.name).name
            if name in names and member.isfile() and not member.issparse():
                found[name] = unpickled(tar.extractfile(member).read())
    if lacking := [name for name in names if name not in found]:
        raise missing_file(archive, lacking)
    return found


def read_mat(path: Path, entry: Entry, scratch: Path, size: int | None) -> Copy:
    """SVHN's cropped digits: two MATLAB files, in which the digit 0 has the label 10."""
    files = tuple(find(path, f"{split}_32x32.mat") for split in ("train", "test"))
    train, test = (mat_part(file, entry) for file in files)
    return Copy(train=train, test=test, classes=entry.names, form="MATLAB files", files=files)


def mat_part(path: Path, entry: Entry) -> Part:
    """Images (H, W, C, N) and labels (N, 1) of a MATLAB file."""
    with opened(path, entry) as file, refusing(path):
        found = mat_variables(file.read(), path, ceiling(path, entry))
        images, labels = found["X"].transpose(3, 2, 0, 1), whole(found["y"].ravel())
    if not ((labels >= 0) & (labels <= entry.classes)).all():
        raise UserError(f"expected labels 1 to {entry.classes} in {path}, got others: is it another data set?")
    return image_part(np.ascontiguousarray(images), labels % entry.classes, entry, path)


def mat_variables(data: bytes, path: Path, limit: int) -> dict[str, np.ndarray]:
    """The numeric arrays of a MATLAB 5 file; scipy's reader ends the process at some damaged ones."""
    if data[124:128] not in (b"\0\1IM", b"\1\0MI"):
        raise UserError(f"expected a MATLAB 5 file, got {path}, which is something else: fetch it again")
    order, most, found = "<" if data[126:128] == b"IM" else ">", limit, {}
    for kind, body in mat_elements(data[128:], order):
        if kind == MAT_PACKED:
            limit -= len(plain := zlib.decompressobj().decompress(body, limit + 1))
            if limit < 0:
                raise too_much(path, most)
            kind, body = next(mat_elements(plain, order))
        if kind == MAT_ARRAY:
            found |= mat_array(body, order)
    return found


def mat_elements(data: bytes, order: str) -> Iterator[tuple[int, bytes]]:
    """Types and contents of what follows one another in a MATLAB file; up to four bytes stand in the head itself."""
    at = 0
    while at + 8 <= len(data):
        kind, count = struct.unpack_from(f"{order}2I", data, at)
        start, end = at + 8, at + 8 + count
        if small := kind >> 16:
            kind, count, start, end = kind & 0xFFFF, small, at + 4, at + 4 + small
        if end > len(data) or small > 4:
            raise ValueError("it ends too early")
        yield kind, data[start:end]
        at = at + 8 if small else end if kind == MAT_PACKED else end + -count % 8


def mat_array(body: bytes, order: str) -> dict[str, np.ndarray]:
    """The array of a variable by its name, if it is one of real numbers; whole doubles may be stored as bytes."""
    (_, flags), (_, sides), (_, name), (kind, content), *_ = mat_elements(body, order)
    flags, sides = int(np.frombuffer(flags, f"{order}u4")[0]), np.frombuffer(sides, f"{order}i4")
    if flags & 0xFF not in MAT_NUMERIC or flags & MAT_COMPLEX or kind not in MAT_TYPES:
        return {}
    return {name.decode(): np.frombuffer(content, order + MAT_TYPES[kind]).reshape(sides, order="F")}


def read_elec2(path: Path, entry: Entry, scratch: Path, size: int | None) -> Copy:
    """Elec2: a table with a header; the class is 1 or UP where the price rose."""
    import pandas  # slow to import, and needed for tables only

    file = find(path, *(f"{stem}.csv{ending}" for stem in ("elec2", "elec") for ending in ("", ".gz", ".xz")))
    with opened_table(file, entry) as table:
        frame = pandas.read_csv(table, dtype={"class": str}, low_memory=False, nrows=most_examples(entry) + 1)
        if lacking := [name for name in (*ELEC2_FEATURES, "class") if name not in frame]:
            got = shown(", ".join(map(str, frame.columns[:LONG])))
            raise UserError(f"expected columns {', '.join(lacking)} in {file}, got {got}: wrong table?")
        labels = pandas.to_numeric(frame["class"].replace(ELEC2_CLASSES)).to_numpy()
        features = single(frame[list(ELEC2_FEATURES)].to_numpy(dtype=np.float64))
    return Copy(train=part(features, labels), test=None, classes=entry.names, form="table", files=(file,))


def single(values: np.ndarray) -> np.ndarray:
    """The values in single precision; what is too large for it becomes infinite, which no set may have."""
    with np.errstate(over="ignore"):
        return values.astype(np.float32)


def read_higgs(path: Path, entry: Entry, scratch: Path, size: int | None) -> Copy:
    """HIGGS: a table without a header, the class first; the last rows are the test split."""
    import pandas  # slow to import, and needed for tables only

    file = find(path, "HIGGS.csv.gz", "HIGGS.csv", "HIGGS.csv.xz")
    choices = {"header": None, "dtype": np.float32, "quoting": csv.QUOTE_NONE, "chunksize": HIGGS_ROWS}
    with opened_table(file, entry) as table, np.errstate(over="ignore"):  # what is too large is refused as infinite
        frames = itertools.islice(pandas.read_csv(table, **choices), most_examples(entry) // HIGGS_ROWS)
        rows = np.concatenate([higgs_rows(frame.to_numpy(), entry, file) for frame in frames])
        more = table.read(1)
    cut = len(rows) - entry.test_rows
    if cut <= 0 or more:
        raise UserError(
            f"expected over {entry.test_rows:,} rows, got {'more than ' * bool(more)}{len(rows):,} in {file}"
        )
    train, test = (part(split[:, 1:], split[:, 0]) for split in (rows[:cut], rows[cut:]))
    return Copy(train=train, test=test, classes=entry.names, form="table", files=(file,))


def higgs_rows(rows: np.ndarray, entry: Entry, path: Path) -> np.ndarray:
    """The rows, if they are those of a table like HIGGS; another one is refused at its first rows."""
    if rows.shape[1] != 1 + entry.shape[0] or not np.isfinite(rows).all():
        raise UserError(f"expected {1 + entry.shape[0]} finite columns in {path}, got {rows.shape[1]}: wrong table?")
    return rows


READERS: dict[str, Callable[[Path, Entry, Path, int | None], Copy]] = {
    "idx": read_idx,
    "cifar": read_cifar,
    "mat": read_mat,
    "tiny": read_tiny,
    "places": read_places,
    "folder": read_folder,
    "elec2": read_elec2,
    "higgs": read_higgs,
}
