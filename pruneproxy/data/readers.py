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
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from pruneproxy.data.catalogue import Entry
from pruneproxy.data.folders import read_folder, read_places, read_tiny
from pruneproxy.data.guards import LONG, ceiling, most_examples, opened, opened_table, refusing, shown, too_much
from pruneproxy.data.stored import Copy, Part, find, missing_file, part
from pruneproxy.errors import UserError

ELEC2_FEATURES = ("period", "nswprice", "nswdemand", "vicprice", "vicdemand", "transfer")
ELEC2_CLASSES = {"DOWN": "0", "UP": "1"}
HIGGS_ROWS = 500_000  # rows read at once
MOST_TUPLES = 1_000  # in a pickle: hashing tuples within tuples without end overflows the stack
COMPRESSED = 15  # the type of a packed element of a MATLAB file


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


class EmptyArray:
    """What unpickling starts an array with; the call's own arguments may ask for any amount of memory."""

    __slots__ = ()  # so that unpickling cannot change it

    def __call__(self, *_):
        return np.empty(0, np.uint8)


class ArrayOfBytes:
    """How newer files hold an array."""

    __slots__ = ()

    def __call__(self, content, dtype, shape, order):
        return np.frombuffer(content, dtype).reshape(shape, order=order)


class ArrayUnpickler(pickle.Unpickler):
    """Unpickles numpy arrays and nothing else, so that a foreign file cannot run code."""

    def find_class(self, module, name):
        """The class, if an array needs it."""
        if module.partition(".")[0] == "numpy":
            if name in ("_reconstruct", "ndarray"):
                return EmptyArray()
            if name == "_frombuffer":
                return ArrayOfBytes()
            if name == "dtype":
                return np.dtype
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
    if not isinstance(images, np.ndarray) or images.dtype != np.uint8 or images.ndim != 2:
        raise UserError("expected rows of bytes as CIFAR's images, got something else: fetch the set again")
    if images.shape[1] != math.prod(entry.shape) or len(labels) != len(images):
        raise UserError(f"expected {len(images)} images and labels, got {images.shape} and {len(labels)}: wrong set?")
    if not isinstance(labels, np.ndarray) and not all(type(label) is int for label in labels):
        raise UserError("expected whole numbers as CIFAR's labels, got something else: fetch the set again")
    return images, np.asarray(labels)


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
    from scipy.io import loadmat, whosmat  # slow to import, and needed for one set

    content = plain_mat(path, entry)
    with refusing(path):
        found = {name: (shape, kind) for name, shape, kind in whosmat(content)}
        count = found["X"][0][-1]
        if found["X"] != ((*entry.shape[1:], entry.shape[0], count), "uint8") or math.prod(found["y"][0]) != count:
            raise UserError(f"expected uint8 images X of 32 x 32 x 3 x N and N labels y in {path}, got {found}")
        arrays = loadmat(content, variable_names=("X", "y"))
        images, labels = arrays["X"].transpose(3, 2, 0, 1), arrays["y"].ravel()
        if labels.dtype.kind not in "iuf" or not ((labels >= 0) & (labels <= entry.classes)).all():
            raise UserError(f"expected labels 1 to {entry.classes} in {path}, got others: is it another data set?")
    return image_part(np.ascontiguousarray(images), labels % entry.classes, entry, path)


def plain_mat(path: Path, entry: Entry) -> io.BytesIO:
    """A MATLAB 5 file with its packed elements unpacked, so that nothing in it can grow any more."""
    with opened(path, entry) as file:
        header, limit = file.read(128), ceiling(path, entry)
        if header[124:128] not in (b"\0\1IM", b"\1\0MI"):
            raise UserError(f"expected a MATLAB 5 file, got {path}, which is something else: fetch it again")
        parts, order = [header], "<" if header[126:] == b"IM" else ">"
        while len(tag := file.read(8)) == 8:
            kind, count = struct.unpack(f"{order}2I", tag)
            body = file.read(count)
            plain = zlib.decompressobj().decompress(body, limit + 1) if kind == COMPRESSED else tag + body
            limit -= len(plain)
            if limit < 0:
                raise too_much(path, ceiling(path, entry))
            parts.append(plain)
    return io.BytesIO(b"".join(parts))


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
