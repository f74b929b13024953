"""Results on disk: a folder of JSON-lines files. Every writer appends whole lines to a part of its own.

A kill loses no finished run, any number of processes may write and pack, git can merge the folder, and there is no
server. A part only grows and its name is never used again; every other file is replaced as a whole.
"""

import contextlib
import errno
import os
import socket
import stat
import time
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from pruneproxy import durable
from pruneproxy.errors import UserError
from pruneproxy.limits import named_folder
from pruneproxy.store import lines
from pruneproxy.store.arrays import Arrays, Damaged, unwritable

PACKED, ASIDE = "records.jsonl", "aside.txt"
NAMED = 3  # damaged lines that a warning names
# Elsewhere a file that is open cannot be replaced; texts are kept in memory there.
_CAN_STAY_OPEN = hasattr(os, "pread")


class Busy(Exception):
    """Another process works on this run."""


class Store(Arrays):
    """Records by id in `folder`. Later records of an id replace a `failed` one, never an `ok` or `diverged` one.

    A line that is damaged is named in a warning and left out, so that its run counts as missing and is made again.
    """

    def __init__(self, folder: str | os.PathLike):
        super().__init__(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise UserError(f"expected a folder of records, got the file {self.folder}: name a folder")
        self._lines: dict[str, lines.Line] = {}
        self._read: dict[Path, _Read] = {}
        self._aside: dict[bytes | Path, str] = {}  # lines and files that do not count, and why
        self._part: Path | None = None  # where this writer appends, once it has
        self.refresh()

    def __contains__(self, identity: str) -> bool:
        line = self._lines.get(identity)
        return line is not None and line.status != "failed"

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[dict]:
        return (line.record for line in self._lines.values())

    def identities(self) -> Iterator[str]:
        """The ids of all records."""
        return iter(self._lines)

    def get(self, identity: str) -> dict | None:
        """The record with this id, or None."""
        line = self._lines.get(identity)
        return None if line is None else line.record

    def select(self, identities: Iterable[str]) -> Iterator[dict]:
        """The records of `identities` that are finished, in that order."""
        return (self.get(identity) for identity in identities if identity in self)

    def refresh(self):
        """Reads what other writers have added since the last look."""
        known = len(self._aside)
        for path in self._files():
            with contextlib.suppress(FileNotFoundError):  # another process has just packed it into another file
                self._read_file(path)
        self._warn(list(self._aside.values())[known:])

    def _files(self) -> list[Path]:
        """All files of records. What another process packs meanwhile is in the packed one, which comes last."""
        try:
            with os.scandir(self.folder) as entries:
                names = sorted(entry.name for entry in entries if entry.name.endswith(".jsonl"))
        except FileNotFoundError:
            return []
        except OSError as error:
            raise _unreadable(self.folder, error) from error
        return [self.folder / name for name in names if name != PACKED] + [self.folder / PACKED]

    def _read_file(self, path: Path):
        try:
            facts = path.stat()
            if not stat.S_ISREG(facts.st_mode):
                self._aside.setdefault(path, f"{path.name} is no file")
                return
            known, state = self._read.get(path), (facts.st_ino, facts.st_size, facts.st_mtime_ns)
            if known is not None and known.state == state:
                return
            grown = known is not None and _is_part(path) and known.state[0] == state[0] and known.end <= state[1]
            start, number = (known.end, known.lines) if grown else (0, 0)
            self._read[path] = self._read_lines(path, state, start, number)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise _unreadable(path, error) from error

    def _read_lines(self, path: Path, state: tuple, start: int, number: int) -> "_Read":
        """Takes in the lines of a file from a byte on. Of a file that does not grow only the places are kept."""
        opened = lines.OpenFile(path)
        stays = _CAN_STAY_OPEN and not _is_part(path)
        with open(opened.handle, "rb", closefd=False) as file:
            file.seek(start)
            for line in file:
                number += 1
                place = f"line {number} of {path.name}"
                if not line.endswith(b"\n"):
                    self._take_last(line, path, place)
                    return _Read(state, start, number - 1)
                self._take(line, place, (opened, start, len(line)) if stays else None)
                start += len(line)
        return _Read(state, start, number)

    def _take(self, line: bytes, place: str, where: tuple | None = None):
        """Takes in the record of a line, or notes why it is none; `where` is its file, and its first byte and size."""
        if not line.strip():
            return
        try:
            found = lines.opened(line)
            self._index(found if where is None else lines.Line(found.id, found.status, where), place)
        except lines.Damage as damage:
            self._aside.setdefault(line, f"{place} {damage}")

    def _take_last(self, line: bytes, path: Path, place: str):
        """The same of what follows the last newline: in a part it may be the half of a line that is being written."""
        if not _is_part(path):
            self._take(line, place)
            return
        with contextlib.suppress(lines.Damage):
            self._index(lines.opened(line), place)

    def _index(self, line: lines.Line, place: str):
        known = self._lines.get(line.id)
        if known is None or known.status == "failed":
            self._lines[line.id] = line
        elif line.status != "failed" and line.text != known.text:
            first, second = sorted((known, line), key=lambda one: (str(one.record.get("finished")), one.text))
            self._lines[line.id] = first
            self._aside.setdefault(second.text, f"{place} is one of two different records of {line.id}, not the first")

    def _warn(self, reasons: list[str]):
        if reasons:
            more = f" (and {len(reasons) - NAMED} more)" if len(reasons) > NAMED else ""
            warnings.warn(
                Damaged(
                    f"in {self.folder} {', '.join(reasons[:NAMED])}{more}: left out, and made again when it is asked "
                    "for; `pruneproxy pack RECIPE` puts such lines aside, with --adopt it gives records of version 0.1 "
                    "their checksums"
                ),
                stacklevel=4,
            )

    def append(self, record: dict) -> bool:
        """Writes one record unless another writer was first; says whether it wrote."""
        line = lines.sealed(record)
        self._writable()
        with self._lock():
            self.refresh()
            if record["id"] in self:
                return False
            self._append_line(line)
        self.refresh()
        return True

    def _append_line(self, line: bytes):
        try:
            part = self._own_part()
            size = part.stat().st_size
            try:
                with part.open("ab", buffering=0) as file:
                    if file.write(line) != len(line):
                        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                    os.fsync(file.fileno())
            except OSError:
                os.truncate(part, size)
                raise
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def _own_part(self) -> Path:
        """This writer's part; a new one if another process has packed the last one: no name is used twice."""
        if self._part is None or not self._part.exists():
            if self._part is None:
                self._remove_strays()
            self._part = self.folder / f"part-{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}.jsonl"
            self._part.touch()
            durable.sync(self.folder)
        return self._part

    def _remove_strays(self):
        for folder in (self.folder, self.folder / "arrays", self.folder / "checkpoints"):
            durable.remove_strays(folder)

    def _writable(self, below: str = ""):
        try:
            durable.make_folder(self.folder / below)
        except OSError as error:
            raise unwritable(self.folder, error) from error

    def _lock(self):
        return self._held(self.folder / ".lock")

    def run_lock(self, identity: str, *, wait: bool = True):
        """Held while a process works on a run, so that no second one repeats it; a kill releases it.

        Without `wait`, a lock that another process holds raises Busy.
        """
        self._writable("locks")
        return self._held(self.folder / "locks" / f"{identity}.lock", timeout=-1 if wait else 0)

    @contextlib.contextmanager
    def _held(self, path: Path, timeout: float = -1):
        """Holds a lock file; Busy if another process does for longer than `timeout` seconds (negative: wait)."""
        lock = FileLock(path, timeout=timeout)
        try:
            lock.acquire()
        except Timeout as error:
            raise Busy(path.stem) from error
        except OSError as error:
            raise unwritable(self.folder, error) from error
        try:
            yield
        finally:
            lock.release()

    @property
    def name(self) -> str:
        """What tells this folder from others on whatever machine it is seen: drawn once and kept in it."""
        path = self.folder / ".name"
        self._writable()
        with self._lock():
            try:
                if not path.exists():
                    with durable.replacing(path) as new:
                        new.write_text(uuid.uuid4().hex)
                return path.read_text().strip()
            except OSError as error:
                raise unwritable(self.folder, error) from error

    def pack(self, *, fits: Callable[[dict], bool] = lambda record: True, adopt: bool = False) -> int:
        """Merges all files of records into one, ordered by id, and returns the number of records.

        It may run at any moment beside readers and writers. Lines that do not count, and records that do not `fit`, go
        to the file aside.txt; with `adopt`, lines of before there were checksums get theirs.
        """
        self._writable()
        with self._lock():
            self.refresh()
            if adopt:
                self._adopt()
            self._leave_out(fits)
            self._write_packed([path for path in self._read if path.name != PACKED])
            self._remove_strays()
        self._remove_free_locks()
        return len(self._lines)

    def _adopt(self):
        for line in self._lines_aside():
            with contextlib.suppress(lines.Damage):
                self._index(lines.opened(lines.adopted(line)), "a line without a checksum")
                del self._aside[line]

    def _lines_aside(self) -> list[bytes]:
        return [line for line in self._aside if isinstance(line, bytes)]

    def _leave_out(self, fits: Callable[[dict], bool]):
        for identity, line in list(self._lines.items()):
            if not fits(line.record):
                self._aside[line.text] = f"the record {identity} is not of the run that its id stands for"
                del self._lines[identity]

    def _write_packed(self, parts: list[Path]):
        """Writes the packed file, and only then removes what it was made of."""
        try:
            if self._lines_aside():
                self._put_lines_aside()
            with durable.replacing(self.folder / PACKED) as new, new.open("wb") as file:
                file.writelines(self._lines[identity].text for identity in sorted(self._lines))
            for path in parts:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(self.folder, error) from error
        self._read, self._aside = {}, {}

    def _put_lines_aside(self):
        path = self.folder / ASIDE
        earlier = path.read_bytes() if path.exists() else b""
        new = [line.rstrip(b"\r\n") + b"\n" for line in self._lines_aside()]
        with durable.replacing(path) as file:
            file.write_bytes(earlier + b"".join(line for line in new if line not in earlier))

    def _remove_free_locks(self):
        """Removes the lock files that nobody holds: who waits for one that vanishes takes a new one."""
        for path in (self.folder / "locks").glob("*.lock"):
            with contextlib.suppress(Busy, UserError), self._held(path, timeout=0):
                path.unlink(missing_ok=True)


class _Read:
    """What has been read of a file: its state then, where its last whole line ends, and how many lines that are."""

    __slots__ = ("end", "lines", "state")

    def __init__(self, state: tuple, end: int, count: int):
        self.state, self.end, self.lines = state, end, count


def _is_part(path: Path) -> bool:
    return path.name.startswith("part-")


def _unreadable(path: Path, error: OSError) -> UserError:
    return UserError(
        f"expected to read records in {path}, got: {error}. Make it readable or name another folder with --records"
    )


def drop_torn_line(path: str | os.PathLike):
    """Cuts off what follows the last newline of a file, if there is one: a writer was killed inside that line."""
    with contextlib.suppress(FileNotFoundError), open(path, "rb+") as file:
        end = file.seek(0, os.SEEK_END)
        while end and (file.seek(end - 1), file.read(1))[1] != b"\n":
            end -= 1
        file.truncate(end)


def now() -> str:
    """The time of day in UTC, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def records_folder(stem: str, given: str | None = None) -> Path:
    """The folder of a recipe's records: `given`, $PRUNEPROXY_RECORDS/<stem>, or notebooks/records/<stem>."""
    if given is not None:
        return named_folder(given, "records")
    if root := os.environ.get("PRUNEPROXY_RECORDS"):
        return named_folder(root, "records") / stem
    return _project() / "notebooks" / "records" / stem


def _project() -> Path:
    """The nearest folder, from here upwards, that has notebooks/; else the current one."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / "notebooks").is_dir()), here)
