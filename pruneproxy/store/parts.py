"""The files of a folder of records: parts, which only grow, and others, which are replaced as a whole."""

import itertools
import os
from pathlib import Path

from pruneproxy.store.arrays import unreadable
from pruneproxy.store.lines import OpenFile

PACKED = "records.jsonl"


def files(folder: Path) -> list[Path]:
    """All files of records. What another process packs meanwhile is in the packed one, which comes last."""
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries if entry.name.endswith(".jsonl"))
    except FileNotFoundError:
        return []
    except OSError as error:
        raise unreadable(folder, error) from error
    return [folder / name for name in names if name != PACKED] + [folder / PACKED]


class Read:
    """What has been read of a file: its state then, where its last whole line ends, how many lines those are.

    `file` is held where the places of its lines are kept, and not their texts.
    """

    __slots__ = ("end", "file", "lines", "state")

    def __init__(self, state: tuple, end: int, count: int, file: OpenFile | None):
        self.state, self.end, self.lines, self.file = state, end, count, file


def is_part(path: Path) -> bool:
    """Whether it is the part of one writer."""
    return path.name.startswith("part-")


def has_records(path: Path) -> bool:
    """Whether a file holds records, or what is left of them: others, such as a study's journal, are left alone."""
    if path.name == PACKED:
        return True
    with path.open("rb") as file:
        return any(b'"id"' in line and b'"status"' in line for line in itertools.islice(file, 5))
