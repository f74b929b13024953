"""Bounds on foreign files: what kind they are, how large they are once unpacked, and one sentence for their damage."""

import errno
import gzip
import io
import lzma
import math
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from pruneproxy.data.catalogue import Entry
from pruneproxy.errors import UserError, printable

OPENERS = {".gz": gzip.open, ".tgz": gzip.open, ".xz": lzma.open}
SPARE = 16 * 2**20  # bytes that any set may have beside its examples: names, headers, padding
HEADROOM = 2  # test split and labels beside the training examples
RATIO = 100  # no published file shrinks to less than a hundredth
BYTES = {"image": 1, "folder": 1, "tabular": 32}  # of one value: a pixel, or a number in digits (HIGGS has 25)
LINE = 256  # bytes of a line in a list of images
BLOCK = 1 << 20
MOST_COLUMNS = 64
LARGEST_LABEL = 2**31
LONG = 400  # letters of a name or a foreign message in an error
DISK = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # our own disk is full: nothing that a copy could be blamed for


def most_examples(entry: Entry) -> int:
    """More examples than any split of the set has."""
    return HEADROOM * entry.train_examples


def room(entry: Entry) -> int:
    """Bytes that a file of the set may have, packed or unpacked."""
    return SPARE + most_examples(entry) * math.prod(entry.shape) * BYTES[entry.kind]


def list_room(entry: Entry) -> int:
    """Bytes that a list of the set's images may have."""
    return SPARE + LINE * most_examples(entry)


def ceiling(path: Path, entry: Entry) -> int:
    """Bytes that may come out of a file."""
    return min(room(entry), max(SPARE, RATIO * path.stat().st_size))


def too_much(path: Path, limit: int) -> UserError:
    """The error for a file that holds more than it may."""
    return UserError(f"expected at most {limit:,} bytes in {shown(path)}, got more: it is no copy of this data set")


def regular(path: Path) -> Path:
    """The path, if a file with contents is there; to open a pipe could wait for ever."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        raise UserError(f"{shown(path)} cannot be read ({said(error)}): give a file that you can read") from error
    if not stat.S_ISREG(mode):
        raise UserError(f"expected a file at {shown(path)}, got a {kind(mode)}: give the file that holds the copy")
    return path


def kind(mode: int) -> str:
    """What lies at a place, in a word."""
    names = {stat.S_IFDIR: "folder", stat.S_IFIFO: "pipe", stat.S_IFSOCK: "socket"}
    return names.get(stat.S_IFMT(mode), "device")


def said(error: Exception) -> str:
    """An error's text in one short line."""
    return shown(" ".join(str(error).split())) or type(error).__name__


def shown(text: str | Path) -> str:
    """The text on one line of a terminal, its middle left out if it is long."""
    return printable(str(text), LONG)


@contextmanager
def refusing(path: Path | str) -> Iterator[None]:
    """Whatever goes wrong while a foreign file is read becomes an error that says what to do."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # parsers of foreign bytes raise everything: KeyError, MemoryError, RecursionError
        if isinstance(error, OSError) and error.errno in DISK:
            raise
        raise UserError(f"{shown(path)} is damaged ({said(error)}): fetch it again") from error


def decoded(chunks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """The chunks; what goes wrong while one is decoded is an error that says what to do."""
    with refusing("the copy"):
        yield from chunks


class Limited(io.RawIOBase):
    """What a file gives, up to `limit` bytes; one more is an error, and in a `table` so is a line without end."""

    def __init__(self, file, limit: int, path: Path, table: bool = False):
        self._file, self._left, self._limit, self._path, self._table = file, limit, limit, path, table

    def readable(self) -> bool:
        """True."""
        return True

    def readinto(self, buffer) -> int:
        """The number of bytes that were read into `buffer`."""
        block, wanted = b"", min(len(buffer), BLOCK)
        while len(block) < wanted and (more := self._file.read(wanted - len(block))):
            block += more
        self._left -= len(block)
        if self._left < 0:
            raise too_much(self._path, self._limit)
        if self._table and len(block) == BLOCK and b"\n" not in block:
            raise UserError(f"expected a table in {shown(self._path)}, got a line without end: it is another file")
        buffer[: len(block)] = block
        return len(block)


@contextmanager
def opened(path: Path, entry: Entry, *, table: bool = False) -> Iterator[io.BufferedReader]:
    """A binary file, unpacked while it is read; a damaged or an endless one is an error that says what to do."""
    with refusing(path), OPENERS.get(path.suffix, open)(regular(path), "rb") as file:
        yield io.BufferedReader(Limited(file, ceiling(path, entry), path, table), BLOCK)


@contextmanager
def opened_table(path: Path, entry: Entry) -> Iterator[io.BufferedReader]:
    """The same for a table; a very wide one would fill the memory with what its shorter lines lack."""
    with opened(path, entry, table=True) as file:
        if (columns := file.peek(BLOCK).partition(b"\n")[0].count(b",") + 1) > MOST_COLUMNS:
            raise UserError(f"expected a table of few columns in {shown(path)}, got {columns:,}: it is another file")
        yield file


def lines(path: Path, entry: Entry) -> list[str]:
    """The lines of a text file that are not empty."""
    limit = list_room(entry)
    with opened(path, entry) as file:
        text = file.read(limit + 1)
        if len(text) > limit:
            raise too_much(path, limit)
        return [line for line in text.decode("utf-8").splitlines() if line.strip()]


def whole(labels) -> np.ndarray:
    """Labels as int64; anything but one row of whole numbers is an error."""
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iuf":
        raise UserError(f"expected a row of labels, got {labels.ndim} dimensions of {labels.dtype}: wrong data set?")
    fine = np.isfinite(labels) & (np.abs(labels.astype(np.float64)) < LARGEST_LABEL) & (np.floor(labels) == labels)
    if not fine.all():
        raise UserError(f"expected whole numbers as labels, got {labels[~fine][0]}: is it another data set?")
    return np.ascontiguousarray(labels, dtype=np.int64)
