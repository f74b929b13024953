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
from pruneproxy.data.guards import decoded, printable, regular, said, whole
from pruneproxy.data.integrity import verify
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
    return Part(shape=inputs.shape[1:], dtype=str(inputs.dtype), chunks=(inputs,), labels=whole(labels))


def data_root(root: str | os.PathLike | None = None) -> Path:
    """The folder of all data sets: `root`, or PRUNEPROXY_DATA, or pruneproxy/data in the user's cache folder."""
    if root is None:
        root = os.environ.get("PRUNEPROXY_DATA") or user_cache_path("pruneproxy") / "data"
    return Path(os.path.expanduser(named_folder(root, "data")))


def file_digest(path: Path, algorithm: str = "sha256") -> str:
    """Hexadecimal digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


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
        for chunk in decoded(part.chunks):
            chunk = fitting(chunk, part)
            file.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            report(done * row, total * row)
    if done != total:
        raise UserError(f"expected as many inputs as labels, got {done} and {total}: the copy is incomplete")
    return digest.hexdigest()


def fitting(chunk: np.ndarray, part: Part) -> np.ndarray:
    """The chunk in C order; other kinds of values than the part's, NaN and infinity are errors."""
    if chunk.dtype != part.dtype or chunk.shape[1:] != tuple(part.shape):
        raise UserError(f"expected {part.dtype} of shape {part.shape}, got {chunk.dtype} of {chunk.shape[1:]}")
    if chunk.dtype.kind == "f" and not np.isfinite(chunk).all():
        raise UserError("expected finite features, got NaN or infinity: is it another data set?")
    return np.ascontiguousarray(chunk)


def write_copy(copy: Copy, folder: Path, origin: Mapping, report) -> dict:
    """The facts in source.json (`origin` among them), which is written into `folder` with the arrays of `copy`."""
    digests = {}
    for name, split in (("train", copy.train), ("test", copy.test)):
        if split is not None:
            digests[f"{name}_inputs"] = write_inputs(split, folder / f"{name}_inputs.npy", report)
            np.save(folder / f"{name}_labels.npy", split.labels)
            digests[f"{name}_labels"] = hashlib.sha256(split.labels).hexdigest()
    facts = {
        **origin,
        "form": copy.form,
        "files": {file.name: file_digest(file) for file in copy.files},
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "classes": [printable(name) for name in copy.classes],
        "lossy": {name: list(positions) for name, positions in copy.lossy.items()},
        "sha256": digests,
    }
    (folder / SOURCE).write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")
    return facts


def read_facts(name: str, root: Path) -> dict:
    """source.json of a stored set; a set that is not there is an error that says how to get it."""
    path, entry = root / name / SOURCE, CATALOGUE[name]
    if not os.path.exists(path):  # an unreadable folder holds nothing, and raises nothing
        ways = [f"pruneproxy data get {name}"] * bool(entry.files) + [f"pruneproxy data import {name} PATH"]
        raise UserError(f"{name} is not in {root}: run `{'` or `'.join(ways)}`")
    try:
        facts = json.loads(regular(path).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{path} cannot be read ({said(error)}): get or import {name} again") from None
    if wrong := wrong_fact(facts, entry):
        raise UserError(f"{path} is damaged (expected {wrong}, got something else): get or import {name} again")
    return facts


def wrong_fact(facts, entry: Entry) -> str:
    """What is not as it was written, in words; nothing if all is."""
    if not isinstance(facts, dict):
        return "facts by name"
    classes, digests, lossy = facts.get("classes"), facts.get("sha256"), facts.get("lossy")
    complete = (set(ARRAYS), set(ARRAYS[:2]))
    wanted = {
        "words as origin and form": all(isinstance(facts.get(key), str) for key in ("origin", "form")),
        f"1 to {entry.classes} names of classes": words(classes) and 1 <= len(classes) <= entry.classes,
        "a sha256 of each array": isinstance(digests, dict) and set(digests) in complete and words(digests.values()),
        "lists of lossy images": isinstance(lossy, dict) and all(isinstance(rows, list) for rows in lossy.values()),
    }
    return next((what for what, fine in wanted.items() if not fine), "")


def words(values) -> bool:
    """Whether these are several texts."""
    return isinstance(values, Iterable) and not isinstance(values, str) and all(isinstance(one, str) for one in values)


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


def open_array(path: Path) -> np.ndarray:
    """The array mapped into memory; writing to it would not reach the disk."""
    try:
        return np.lib.format.open_memmap(regular(path), mode="c")
    except UserError:
        raise
    except Exception as error:  # a damaged header is parsed as Python's literals are
        raise UserError(f"{path} is damaged ({said(error)}): get or import the data set again") from error


def read_stored(name: str, root: Path, *, again: bool = False) -> Stored:
    """A data set as it lies on disk; one whose arrays have changed is an error. `again` reads what was read before."""
    facts, folder, entry = read_facts(name, root), root / name, CATALOGUE[name]
    digests = facts["sha256"]
    if missing := [key for key in digests if not (folder / f"{key}.npy").exists()]:
        raise UserError(f"{folder} lacks {', '.join(missing)}: get or import {name} again")
    arrays = dict.fromkeys(ARRAYS) | {key: open_array(folder / f"{key}.npy") for key in digests}
    wrong = [key for key in digests if not expected(key, arrays, entry)] or verify(folder, digests, arrays, again=again)
    if wrong:
        raise UserError(f"{name} has changed since it was stored ({', '.join(wrong)}): get or import it again")
    return Stored(**arrays, classes=tuple(facts["classes"]), source=describe(facts, entry), digests=digests)


def expected(key: str, arrays: Mapping[str, np.ndarray], entry: Entry) -> bool:
    """Whether an array has the type and the shape that were stored, which its digest does not tell."""
    split, what = key.split("_")
    array, inputs = arrays[key], arrays[f"{split}_inputs"]
    if not array.flags.c_contiguous or not array.ndim or array.shape[:1] != inputs.shape[:1]:
        return False
    if what == "labels":
        return array.dtype == np.int64 and array.ndim == 1
    return array.dtype == stored_type(entry) and fits(array.shape[1:], entry)


def stored_type(entry: Entry) -> np.dtype:
    """The type of a set's inputs."""
    return np.dtype(np.float32 if entry.kind == "tabular" else np.uint8)


def fits(shape: tuple[int, ...], entry: Entry) -> bool:
    """Whether inputs have the set's shape; a folder of images may be stored at any side."""
    if entry.form == "folder" and len(shape) == len(entry.shape):
        return shape == (entry.shape[0], shape[-1], shape[-1])
    return tuple(shape) == entry.shape
