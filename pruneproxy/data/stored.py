"""Data sets on disk: arrays that can be mapped into memory, and source.json, which says where they came from."""

import hashlib
import json
import math
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from platformdirs import user_cache_path

from pruneproxy.data.catalogue import CATALOGUE, Entry
from pruneproxy.errors import UserError
from pruneproxy.limits import named_folder

SOURCE = "source.json"
ARRAYS = ("train_inputs", "train_labels", "test_inputs", "test_labels")


@dataclass(frozen=True, kw_only=True)
class Part:
    """One official split on its way to disk: chunks of inputs, each (n, *shape), in order, and all labels."""

    shape: tuple[int, ...]
    dtype: str
    chunks: Iterable[np.ndarray]
    labels: np.ndarray


@dataclass(frozen=True, kw_only=True)
class Copy:
    """A data set as a reader finds it; `lossy` has the positions of images that are not the original pixels."""

    train: Part
    test: Part | None
    classes: tuple[str, ...]
    form: str
    files: tuple[Path, ...] = ()
    lossy: Mapping[str, tuple[int, ...]] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Stored:
    """A data set on disk, inputs mapped into memory; without an official test split those two are None."""

    train_inputs: np.ndarray
    train_labels: np.ndarray
    test_inputs: np.ndarray | None
    test_labels: np.ndarray | None
    classes: tuple[str, ...]
    source: str
    digests: Mapping[str, str]


def part(inputs: np.ndarray, labels: np.ndarray) -> Part:
    """A Part of arrays that are in memory."""
    labels = np.ascontiguousarray(labels, dtype=np.int64)
    return Part(shape=inputs.shape[1:], dtype=str(inputs.dtype), chunks=(inputs,), labels=labels)


def data_root(root: str | os.PathLike | None = None) -> Path:
    """The folder of all data sets: `root`, or PRUNEPROXY_DATA, or pruneproxy/data in the user's cache folder."""
    if root is None:
        root = os.environ.get("PRUNEPROXY_DATA") or user_cache_path("pruneproxy") / "data"
    return Path(os.path.expanduser(named_folder(root, "data")))


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """Hexadecimal digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def array_digest(array: np.ndarray) -> str:
    """sha256 of an array's bytes in C order."""
    return hashlib.sha256(np.ascontiguousarray(array)).hexdigest()


def find(path: Path, *names: str) -> Path:
    """The file or folder called one of `names`: `path` itself, or the first below it."""
    if path.name in names:
        return path
    for name in names if path.is_dir() else ():
        if found := sorted(path.rglob(name)):
            return found[0]
    raise missing_file(path, names)


def missing_file(path: Path, names: Iterable[str]) -> UserError:
    """The error that says which names were looked for in `path`."""
    return UserError(f"expected {' or '.join(names)} in {path}, found none: give the folder that holds the copy")


def write_inputs(part: Part, path: Path, report) -> str:
    """The sha256 of the inputs, written to `path` chunk by chunk; `report(bytes done, bytes in all)` after each.

    Plain writes: on a full disk a mapped file would kill the process instead of raising an error.
    """
    total, done, digest, dtype = len(part.labels), 0, hashlib.sha256(), np.dtype(part.dtype)
    row = math.prod(part.shape) * dtype.itemsize
    facts = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False, "shape": (total, *part.shape)}
    with path.open("wb") as file:
        np.lib.format.write_array_header_1_0(file, facts)
        for chunk in part.chunks:
            chunk = np.ascontiguousarray(chunk, dtype=dtype)
            file.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            report(done * row, total * row)
    if done != total:
        raise UserError(f"expected as many inputs as labels, got {done} and {total}: the copy is incomplete")
    return digest.hexdigest()


def write_copy(copy: Copy, folder: Path, origin: Mapping, report) -> None:
    """Writes the arrays of `copy` and source.json (with `origin`) into `folder`."""
    digests = {}
    for name, split in (("train", copy.train), ("test", copy.test)):
        if split is not None:
            digests[f"{name}_inputs"] = write_inputs(split, folder / f"{name}_inputs.npy", report)
            np.save(folder / f"{name}_labels.npy", split.labels)
            digests[f"{name}_labels"] = array_digest(split.labels)
    facts = {
        **origin,
        "form": copy.form,
        "files": {file.name: file_digest(file) for file in copy.files},
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "classes": list(copy.classes),
        "lossy": {name: list(positions) for name, positions in copy.lossy.items()},
        "sha256": digests,
    }
    (folder / SOURCE).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def read_facts(name: str, root: Path) -> dict:
    """source.json of a stored set; a set that is not there is an error that says how to get it."""
    path, entry = root / name / SOURCE, CATALOGUE[name]
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        ways = [f"pruneproxy data get {name}"] * bool(entry.files) + [f"pruneproxy data import {name} PATH"]
        raise UserError(f"{name} is not in {root}: run `{'` or `'.join(ways)}`") from None
    except (OSError, json.JSONDecodeError) as error:
        raise UserError(f"{path} cannot be read ({error}): get or import {name} again") from None


def describe(facts: Mapping, entry: Entry) -> str:
    """Where a set came from and how it differs from the original, in words."""
    words = [f"{facts['origin']} ({facts['form']})"]
    lossy = sum(len(positions) for positions in facts["lossy"].values())
    if lossy:
        words.append(f"{lossy:,} lossy images")
    if len(facts["classes"]) != entry.classes:
        words.append(f"{len(facts['classes'])} of {entry.classes} classes")
    if entry.original:
        same = all(facts["sha256"].get(key) == digest for key, digest in entry.original.items())
        words.append("identical to the original" if same else "NOT identical to the original")
    return ", ".join(words)


def open_array(path: Path) -> np.ndarray | None:
    """The array mapped into memory, None if there is none; writing to it would not reach the disk."""
    try:
        return np.load(path, mmap_mode="c") if path.exists() else None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is damaged ({error}): get or import the data set again") from None


def read_stored(name: str, root: Path) -> Stored:
    """A data set as it lies on disk."""
    facts = read_facts(name, root)
    arrays = {key: open_array(root / name / f"{key}.npy") for key in ARRAYS}
    missing = [key for key in facts["sha256"] if arrays[key] is None]
    if missing:
        raise UserError(f"{root / name} lacks {', '.join(missing)}: get or import {name} again")
    source, classes = describe(facts, CATALOGUE[name]), tuple(facts["classes"])
    return Stored(**arrays, classes=classes, source=source, digests=facts["sha256"])
