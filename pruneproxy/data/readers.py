"""Readers of the files that the data sets are published as, packed or unpacked."""

import gzip
import io
import lzma
import pickle
import struct
import tarfile
import zlib
from collections.abc import Callable, Iterable
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from pruneproxy.data.catalogue import Entry
from pruneproxy.data.folders import read_folder, read_places, read_tiny
from pruneproxy.data.stored import Copy, Part, find, missing_file, part
from pruneproxy.errors import UserError

OPENERS = {".gz": gzip.open, ".xz": lzma.open}
ELEC2_FEATURES = ("period", "nswprice", "nswdemand", "vicprice", "vicdemand", "transfer")
DAMAGE = (
    OSError,
    EOFError,
    ValueError,
    lzma.LZMAError,
    zlib.error,
    pickle.UnpicklingError,
    tarfile.TarError,
    struct.error,
)
HIGGS_ROWS = 500_000  # rows read at once


@contextmanager
def opened(path: Path):
    """A binary file, unpacked while it is read; a damaged one is an error that says what to do."""
    try:
        with OPENERS.get(path.suffix, open)(path, "rb") as file:
            yield file
    except UserError:
        raise
    except DAMAGE as error:
        raise UserError(f"{path} is damaged ({error}): fetch it again") from error


def read_idx(path: Path, entry: Entry, scratch: Path, size: int | None) -> Copy:
    """MNIST-like: four idx files."""
    stems = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    files = tuple(find(path, f"{stem}.gz", stem, stem.replace("-idx", ".idx")) for stem in stems)
    arrays = [idx_array(file) for file in files]
    return Copy(
        train=image_part(arrays[0][:, None], arrays[1], entry, files[0]),
        test=image_part(arrays[2][:, None], arrays[3], entry, files[2]),
        classes=entry.names,
        form="idx",
        files=files,
    )


def idx_array(path: Path) -> np.ndarray:
    """The array of an idx file: bytes 0, 0, type 8 (uint8), number of dimensions, then big-endian sizes."""
    with opened(path) as file:
        data = file.read()
        zero, kind, dimensions = struct.unpack_from(">HBB", data)
        shape = struct.unpack_from(f">{dimensions}I", data, 4)
    if zero or kind != 8 or len(data) != 4 + 4 * dimensions + int(np.prod(shape)):
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


class ArrayUnpickler(pickle.Unpickler):
    """Unpickles numpy arrays and nothing else, so that a foreign file cannot run code."""

    def find_class(self, module, name):
        """The class, if an array needs it."""
        allowed = {"_reconstruct", "ndarray", "dtype", "_frombuffer"}
        if module.partition(".")[0] == "numpy" and name in allowed:
            return super().find_class(module, name)
        raise pickle.UnpicklingError(f"it asks for {module}.{name}, which no CIFAR file needs")


def unpickled(data: bytes) -> dict[bytes, object]:
    """The dictionary of one of CIFAR's Python files."""
    return ArrayUnpickler(io.BytesIO(data), encoding="bytes").load()


def read_cifar(path: Path, entry: Entry, scratch: Path, size: int | None) -> Copy:
    """CIFAR-10 or CIFAR-100 in its Python version."""
    ten = entry.classes == 10
    train = [f"data_batch_{number}" for number in range(1, 6)] if ten else ["train"]
    test, meta = ("test_batch", "batches.meta") if ten else ("test", "meta")
    key = b"labels" if ten else b"fine_labels"
    members, files = cifar_members(path, [*train, test, meta], "cifar-10" if ten else "cifar-100")
    names = members[meta][b"label_names" if ten else b"fine_label_names"]

    def joined(wanted: Iterable[str]) -> Part:
        images = np.concatenate([members[name][b"data"] for name in wanted]).reshape(-1, *entry.shape)
        labels = np.concatenate([members[name][key] for name in wanted])
        return image_part(images, labels, entry, path)

    classes = tuple(name.decode() for name in names)
    return Copy(train=joined(train), test=joined([test]), classes=classes, form="python version", files=files)


def cifar_members(path: Path, names: list[str], stem: str) -> tuple[dict[str, dict], tuple[Path, ...]]:
    """The unpickled files called `names` and where they come from: the unpacked folder or the tar archive."""
    folders = [found.parent for found in sorted(path.rglob(names[0]))] if path.is_dir() else []
    if folders:
        files = tuple(find(folders[0], name) for name in names)
        contents = {}
        for file in files:
            with opened(file) as opened_file:
                contents[file.name] = unpickled(opened_file.read())
        return contents, files
    archive = find(path, f"{stem}-python.tar.gz")
    with opened(archive) as file, tarfile.open(fileobj=file) as tar:
        members = {Path(member.name).name: member for member in tar if member.isfile()}
        if lacking := [name for name in names if name not in members]:
            raise missing_file(archive, lacking)
        return {name: unpickled(tar.extractfile(members[name]).read()) for name in names}, (archive,)


def read_mat(path: Path, entry: Entry, scratch: Path, size: int | None) -> Copy:
    """SVHN's cropped digits: two MATLAB files, in which the digit 0 has the label 10."""
    files = tuple(find(path, f"{split}_32x32.mat") for split in ("train", "test"))
    train, test = (mat_part(file, entry) for file in files)
    return Copy(train=train, test=test, classes=entry.names, form="MATLAB files", files=files)


def mat_part(path: Path, entry: Entry) -> Part:
    """Images (H, W, C, N) and labels (N, 1) of a MATLAB file."""
    from scipy.io import loadmat  # slow to import, and needed for one set

    try:
        content = loadmat(path)
        images, labels = content["X"].transpose(3, 2, 0, 1), content["y"].ravel()
    except Exception as error:
        raise UserError(f"{path} is not a readable SVHN file ({error}): fetch it again") from error
    return image_part(np.ascontiguousarray(images), labels % 10, entry, path)


def read_elec2(path: Path, entry: Entry, scratch: Path, size: int | None) -> Copy:
    """Elec2: a table with a header; the class is 1 or UP where the price rose."""
    import pandas  # slow to import, and needed for tables only

    file = find(path, *(f"{stem}.csv{ending}" for stem in ("elec2", "elec") for ending in ("", ".gz", ".xz")))
    with opened(file) as table:
        frame = pandas.read_csv(table)
    if lacking := [name for name in (*ELEC2_FEATURES, "class") if name not in frame]:
        raise UserError(f"expected columns {', '.join(lacking)} in {file}, got {', '.join(frame)}: wrong table?")
    labels = frame["class"].replace({"DOWN": 0, "UP": 1}).to_numpy(dtype=np.int64)
    features = frame[list(ELEC2_FEATURES)].to_numpy(dtype=np.float32)
    return Copy(train=part(features, labels), test=None, classes=entry.names, form="table", files=(file,))


def read_higgs(path: Path, entry: Entry, scratch: Path, size: int | None) -> Copy:
    """HIGGS: a table without a header, the class first; the last rows are the test split."""
    import pandas  # slow to import, and needed for tables only

    file = find(path, "HIGGS.csv.gz", "HIGGS.csv", "HIGGS.csv.xz")
    with opened(file) as table:
        frames = pandas.read_csv(table, header=None, dtype=np.float32, chunksize=HIGGS_ROWS)
        rows = np.concatenate([frame.to_numpy() for frame in frames])
    cut = len(rows) - entry.test_rows
    if rows.shape[1] != 1 + entry.shape[0] or cut <= 0:
        raise UserError(f"expected {1 + entry.shape[0]} columns and over {entry.test_rows:,} rows, got {rows.shape}")
    train, test = (part(split[:, 1:], split[:, 0]) for split in (rows[:cut], rows[cut:]))
    return Copy(train=train, test=test, classes=entry.names, form="table", files=(file,))


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
