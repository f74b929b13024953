"""Whether stored arrays still have the sha256 that was recorded when they were stored."""

import contextlib
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from pruneproxy import durable

VERIFIED = "verified.json"
ALWAYS_BYTES = 2**29  # sets below are read once in each process, larger ones when a file's size, time or number differs
_seen: set[tuple] = set()  # what this process has verified


def array_digest(array: np.ndarray) -> str:
    """sha256 of an array's bytes in C order."""
    return hashlib.sha256(np.ascontiguousarray(array)).hexdigest()


def verify(
    folder: Path, digests: Mapping[str, str], arrays: Mapping[str, np.ndarray], *, again: bool = False
) -> list[str]:
    """The arrays that have changed. What was verified before is read again when its file is another, or with `again`.

    verified.json remembers that for sets too large to be read by every process; a file that keeps its size, time and
    number while its contents change is then found by `again` alone.
    """
    marks = {key: [digests[key], *stamp(folder / f"{key}.npy")] for key in digests}
    large = sum(arrays[key].nbytes for key in digests) >= ALWAYS_BYTES
    known = remembered(folder) if large else {}
    old = {key for key, mark in marks.items() if key_of(folder, mark) in _seen or known.get(key) == mark}
    fresh = set(marks) if again else set(marks) - old
    wrong = [key for key in sorted(fresh) if array_digest(arrays[key]) != digests[key]]
    _seen.update(key_of(folder, mark) for key, mark in marks.items() if key not in wrong)
    if fresh and large and not wrong:
        remember(folder, marks)
    return wrong


def key_of(folder: Path, mark: list) -> tuple:
    """What stands for a verified file in this process."""
    return (str(folder), *mark)


def stamp(path: Path) -> tuple[int, int, int]:
    """What differs between two files, or between two states of one."""
    facts = path.stat()
    return facts.st_size, facts.st_mtime_ns, facts.st_ino


def remembered(folder: Path) -> dict:
    """What verified.json says; one that is not there or cannot be read says nothing."""
    try:
        found = json.loads((folder / VERIFIED).read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def remember(folder: Path, marks: Mapping[str, list]) -> None:
    """Writes verified.json, complete or not at all; in a folder that cannot be written the set is read each time."""
    with contextlib.suppress(OSError):
        durable.write(folder / VERIFIED, json.dumps(marks))
