"""Taking a local copy of a data set into the data folder."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pruneproxy.data.catalogue import CATALOGUE, Entry
from pruneproxy.data.guards import most_examples, printable, refusing, regular, said
from pruneproxy.data.readers import READERS
from pruneproxy.data.stored import Copy, Part, data_root, describe, fits, read_facts, stored_type, write_copy
from pruneproxy.durable import sync
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
    entry, path = importable(name), local_copy(name, path)
    origin = {"origin": f"import of {printable(path.resolve().name)}", "path": printable(str(path.resolve()))}
    root = data_root(root)
    with new_folder(root, name) as (scratch, folder):
        with refusing(path):
            copy = (read or READERS[entry.form])(path, entry, scratch, size)
        store(name, copy, folder, origin, progress)
    return sentence(name, root)


def local_copy(name: str, path) -> Path:
    """The path, if a folder or a file is there."""
    try:
        path = Path(path).expanduser()
        there = path.exists()
    except (OSError, RuntimeError) as error:
        raise UserError(f"{path} cannot be read ({said(error)}): give the folder or file of your {name}") from error
    if not there:
        raise UserError(f"{path} does not exist: give the folder or file that holds your copy of {name}")
    return path if path.is_dir() else regular(path)


def importable(name: str) -> Entry:
    """The catalogue's entry; a set that is built in is an error."""
    entry = choose(name, CATALOGUE, "data set")
    if entry.form == "builtin":
        raise UserError(f"{name} comes with scikit-learn: there is nothing to get or import")
    return entry


def store(name: str, copy: Copy, folder: Path, origin: Mapping, progress: Progress) -> dict:
    """The facts of a copy that was checked against the catalogue and written into `folder`."""
    for part in parts(copy):
        check_part(part, CATALOGUE[name])
    check_labels(copy, CATALOGUE[name])
    return write_copy(copy, folder, origin, progress)


def parts(copy: Copy) -> list[Part]:
    """The official splits that a copy has."""
    return [part for part in (copy.train, copy.test) if part is not None]


def check_part(part: Part, entry: Entry) -> None:
    """An error if a split has other inputs than the set, none of them, or far more."""
    shape = " x ".join(map(str, entry.shape))
    if part.dtype != stored_type(entry) or not fits(part.shape, entry):
        got = f"{part.dtype} of {' x '.join(map(str, part.shape))}"
        raise UserError(f"expected {stored_type(entry)} of {shape}, got {got}: is it another data set?")
    if not 1 <= len(part.labels) <= most_examples(entry):
        count, most = len(part.labels), most_examples(entry)
        raise UserError(f"expected 1 to {most:,} examples in each split, got {count:,}: is the copy complete?")


def sentence(name: str, root: Path) -> str:
    """What the stored set is, in words."""
    return f"{name}: {describe(read_facts(name, root), CATALOGUE[name])}"


def check_labels(copy: Copy, entry: Entry) -> None:
    """An error if a label has no class, or if there are more classes than the set has."""
    classes = len(copy.classes)
    if classes > entry.classes:
        raise UserError(f"expected at most {entry.classes} classes, got {classes}: is it another data set?")
    low, high = min(part.labels.min() for part in parts(copy)), max(part.labels.max() for part in parts(copy))
    if not 0 <= low <= high < classes:
        raise UserError(f"expected labels 0 to {classes - 1}, got {low} to {high}: is it another data set?")


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
        for path in (*folder.iterdir(), folder):
            sync(path)
        exchange(folder, root / name, scratch / "old")
        sync(root)
    except OSError as error:
        raise UserError(f"{name} was not stored ({said(error)}); nothing was changed in {root}") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def exchange(new: Path, place: Path, old: Path) -> None:
    """Puts `new` in its place and what was there to `old`, or leaves all as it was."""
    if not place.exists():
        new.rename(place)
        return
    place.rename(old)
    try:
        new.rename(place)
    except OSError:
        old.rename(place)
        raise
