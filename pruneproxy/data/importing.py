"""Taking a local copy of a data set into the data folder."""

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from pruneproxy.data.catalogue import CATALOGUE, Entry
from pruneproxy.data.readers import READERS
from pruneproxy.data.stored import Copy, data_root, describe, read_facts, write_copy
from pruneproxy.errors import UserError, choose

Reader = Callable[[Path, Entry, Path, int | None], Copy]
Progress = Callable[[int, int | None], None]  # bytes done, bytes in all (None if unknown), of one file after the other


def silent(done: int, total: int | None) -> None:
    """The progress callback that shows nothing."""


def import_set(
    name: str, path, root=None, progress: Progress = silent, *, size: int | None = None, read: Reader | None = None
) -> str:
    """A sentence about what was taken from `path` (a folder or file) into the data folder, replacing an older copy.

    Accepted are the set's published files, packed or unpacked, and what another `read` reads. `size` is the side at
    which images of an ImageNet-style folder are stored.
    """
    entry, path = importable(name), Path(os.path.expanduser(path))
    if not path.exists():
        raise UserError(f"{path} does not exist: give the folder or file that holds your copy of {name}")
    origin = {"origin": f"import of {path.resolve().name}", "path": str(path.resolve())}
    root = data_root(root)
    with new_folder(root, name) as (scratch, folder):
        copy = (read or READERS[entry.form])(path, entry, scratch, size)
        store(name, copy, folder, origin, progress)
    return sentence(name, root)


def importable(name: str) -> Entry:
    """The catalogue's entry; a set that is built in is an error."""
    entry = choose(name, CATALOGUE, "data set")
    if entry.form == "builtin":
        raise UserError(f"{name} comes with scikit-learn: there is nothing to get or import")
    return entry


def store(name: str, copy: Copy, folder: Path, origin: Mapping, progress: Progress) -> None:
    """Checks a copy against the catalogue and writes it into `folder`."""
    check_labels(copy, CATALOGUE[name])
    write_copy(copy, folder, origin, progress)


def sentence(name: str, root: Path) -> str:
    """What the stored set is, in words."""
    return f"{name}: {describe(read_facts(name, root), CATALOGUE[name])}"


def check_labels(copy: Copy, entry: Entry) -> None:
    """An error if a label has no class, or if there are more classes than the set has."""
    classes = len(copy.classes)
    if classes > entry.classes:
        raise UserError(f"expected at most {entry.classes} classes, got {classes}: is it another data set?")
    labels = np.concatenate([split.labels for split in (copy.train, copy.test) if split is not None])
    if not len(labels) or not 0 <= labels.min() <= labels.max() < classes:
        found = f"{labels.min()} to {labels.max()}" if len(labels) else "none"
        raise UserError(f"expected labels 0 to {classes - 1}, got {found}: is it another data set?")


@contextmanager
def new_folder(root: Path, name: str) -> Iterator[tuple[Path, Path]]:
    """A scratch folder and an empty folder that becomes root/name when the block ends well, and vanishes otherwise."""
    try:
        root.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=f".{name}-", dir=root))
    except OSError as error:
        raise UserError(f"cannot write to {root} ({error}): set PRUNEPROXY_DATA to a folder you own") from error
    try:
        folder = scratch / "new"
        folder.mkdir()
        yield scratch, folder
        if (root / name).exists():
            (root / name).rename(scratch / "old")
        folder.rename(root / name)
    except OSError as error:
        raise UserError(f"{name} was not stored ({error}); nothing was changed in {root}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
