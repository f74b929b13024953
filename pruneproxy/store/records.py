"""Results on disk: a folder of JSON-lines files. Every writer appends whole lines to a part of its own.

A kill loses no finished run, any number of processes may write and pack, git can merge the folder, and there is no
server. A part only grows and its name is never used again; every other file is replaced as a whole.
"""

import contextlib
import errno
import os
import re
import stat
import uuid
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from pruneproxy import durable
from pruneproxy.errors import Damaged, UserError
from pruneproxy.store import lines, parts
from pruneproxy.store.arrays import Arrays, unreadable, unwritable
from pruneproxy.store.locks import held, remove_free
from pruneproxy.store.parts import PACKED

ASIDE = "aside.txt"
_NAME = re.compile(rb"[0-9a-f]{32}")
NAMED = 3  # damaged lines that a warning names
# Elsewhere a file that is open cannot be replaced; texts are kept in memory there.
_CAN_STAY_OPEN = hasattr(os, "pread")


class Store(Arrays):
    """Records by id in `folder`. Later records of an id replace a `failed` one, never an `ok` or `diverged` one.

    A line that is damaged is named in a warning and left out, so that its run counts as missing and is made again.
    """

    def __init__(self, folder: str | os.PathLike):
        super().__init__(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise UserError(f"expected a folder of records, got the file {self.folder}: name a folder")
        self._lines: dict[str, lines.Line] = {}
        self._read: dict[Path, parts.Read] = {}
        self._aside: dict[bytes | Path, str] = {}  # lines and files that do not count, and why
        self._rivals: dict[str, list[lines.Line]] = {}  # sound lines that another of the same id keeps from counting
        self._part: Path | None = None  # where this writer appends, once it has
        self.refresh()

    def __contains__(self, identity: str) -> bool:
        line = self._lines.get(identity)
        return line is not None and line.status != "failed"

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[dict]:
        found = (self.get(identity) for identity in list(self._lines))
        return (record for record in found if record is not None)

    def identities(self) -> Iterator[str]:
        """The ids of all records."""
        return iter(self._lines)

    @property
    def lines_read(self) -> int:
        """How many lines there are, sound or not."""
        return len(self._lines) + len(self._lines_aside())

    def get(self, identity: str) -> dict | None:
        """The record with this id, or None."""
        line = self._lines.get(identity)
        try:
            return None if line is None else line.record
        except lines.Damage:  # its file has been changed in its place since it was read
            self._forget(line.place[0])
            self._read.clear()
            self.refresh()
            return self.get(identity)

    def select(self, identities: Iterable[str]) -> Iterator[dict]:
        """The records of `identities` that are finished, in that order."""
        return (self.get(identity) for identity in identities if identity in self)

    def refresh(self):
        """Reads what other writers have added since the last look."""
        known = len(self._aside)
        for path in parts.files(self.folder):
            with contextlib.suppress(FileNotFoundError):  # another process has just packed it into another file
                self._read_file(path)
        self._warn(list(self._aside.values())[known:])

    def _read_file(self, path: Path):
        try:
            facts = path.stat()
            if not stat.S_ISREG(facts.st_mode):
                self._aside.setdefault(path, f"{path.name} is no file")
                return
            known, state = self._read.get(path), (facts.st_ino, facts.st_size, facts.st_mtime_ns)
            if known is not None and known.state == state:
                return
            grown = known is not None and parts.is_part(path) and known.state[0] == state[0] and known.end <= state[1]
            start, number = (known.end, known.lines) if grown else (0, 0)
            if not parts.is_part(path) and not parts.has_records(path):
                return
            if known is not None and known.file is not None:
                self._forget(known.file)
            self._read[path] = self._read_lines(path, state, start, number)
        except FileNotFoundError:
            raise
        except OSError as error:
            raise unreadable(path, error) from error

    def _forget(self, file: lines.OpenFile):
        """Drops the lines whose places are in a file that is another one now, or was changed in its place."""

        def elsewhere(line: lines.Line) -> bool:
            return isinstance(line.place, bytes) or line.place[0] is not file

        self._lines = {name: line for name, line in self._lines.items() if elsewhere(line)}
        self._rivals = {name: list(filter(elsewhere, known)) for name, known in self._rivals.items()}

    def _read_lines(self, path: Path, state: tuple, start: int, number: int) -> parts.Read:
        """Takes in the lines of a file from a byte on. Of a file that does not grow only the places are kept."""
        opened = lines.OpenFile(path)
        stays = _CAN_STAY_OPEN and not parts.is_part(path)
        with open(opened.handle, "rb", closefd=False) as file:
            file.seek(start)
            for line in file:
                number += 1
                place = f"line {number} of {path.name}"
                if not line.endswith(b"\n"):
                    self._take_last(line, path, place)
                    return parts.Read(state, start, number - 1, opened if stays else None)
                self._take(line, place, (opened, start, len(line)) if stays else None)
                start += len(line)
        return parts.Read(state, start, number, opened if stays else None)

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
        if not parts.is_part(path):
            self._take(line, place)
            return
        try:
            self._index(lines.opened(line), place)
        except lines.Damage:
            if not durable.alive(path.stem.removeprefix("part-")):
                self._aside.setdefault(line, f"{place} is the half of one")

    def _index(self, line: lines.Line, place: str):
        known = self._lines.get(line.id)
        if known is None or known.status == "failed":
            self._lines[line.id] = line
        elif line.status != "failed" and line.text != known.text:
            first, second = sorted((known, line), key=lambda one: (str(one.record.get("finished")), one.text))
            self._lines[line.id] = first
            self._rivals.setdefault(line.id, []).append(second)
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
            self._part = self.folder / f"part-{durable.writer()}-{uuid.uuid4().hex[:6]}.jsonl"
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
        return held(self.folder / ".lock")

    def run_lock(self, identity: str, *, wait: bool = True):
        """Held while a process works on a run, so that no second one repeats it; a kill releases it.

        Without `wait`, a lock that another process holds raises Busy.
        """
        self._writable("locks")
        return held(self.folder / "locks" / f"{identity}.lock", timeout=-1 if wait else 0)

    @property
    def name(self) -> str:
        """What tells this folder from others on whatever machine it is seen: drawn once and kept in it."""
        path = self.folder / ".name"
        self._writable()
        with self._lock():
            try:
                known = path.read_bytes() if path.exists() else b""
                if not _NAME.fullmatch(known):
                    known = uuid.uuid4().hex.encode()
                    with durable.replacing(path) as new:
                        new.write_bytes(known)
                return known.decode()
            except OSError as error:
                raise unwritable(self.folder, error) from error

    def pack(self, *, fits: Callable[[dict], bool] = lambda record: True, adopt: bool = False) -> "Packed":
        """Merges all files of records into one, ordered by id, and returns what that has come to.

        It may run at any moment beside readers and writers. Lines that do not count, and records that do not `fit`, go
        to the file aside.txt; with `adopt`, lines of before there were checksums get theirs.
        """
        self._writable()
        with self._lock():
            self.refresh()
            adopted = self._adopt() if adopt else 0
            self._leave_out(fits)
            aside = tuple(self._aside[line] for line in self._lines_aside())
            self._write_packed([path for path in self._read if path.name != PACKED])
            self._remove_strays()
        remove_free(self.folder / "locks")
        return Packed(records=len(self._lines), adopted=adopted, aside=aside)

    def _adopt(self) -> int:
        before = len(self._aside)
        for line in self._lines_aside():
            with contextlib.suppress(lines.Damage):
                self._index(lines.opened(lines.adopted(line)), "a line without a checksum")
                del self._aside[line]
        return before - len(self._aside)

    def _lines_aside(self) -> list[bytes]:
        return [line for line in self._aside if isinstance(line, bytes)]

    def _leave_out(self, fits: Callable[[dict], bool]):
        for identity in list(self._lines):
            record = self.get(identity)
            if record is not None and not fits(record):
                self._aside[self._lines[identity].text] = f"{identity} is not of the run that its id stands for"
                rival = next((one for one in self._rivals.get(identity, ()) if fits(one.record)), None)
                if rival is None:
                    del self._lines[identity]
                else:
                    self._lines[identity] = rival
                    self._aside.pop(rival.text, None)

    def _write_packed(self, packed: list[Path]):
        """Writes the packed file, and only then removes what it was made of."""
        try:
            if self._lines_aside():
                self._put_lines_aside()
            with durable.replacing(self.folder / PACKED) as new, new.open("wb") as file:
                file.writelines(self._lines[identity].text for identity in sorted(self._lines))
            for path in packed:
                path.unlink(missing_ok=True)
        except OSError as error:
            raise unwritable(self.folder, error) from error
        self._read, self._aside, self._rivals = {}, {}, {}

    def _put_lines_aside(self):
        path = self.folder / ASIDE
        earlier = path.read_bytes() if path.exists() else b""
        new = [line.rstrip(b"\r\n") + b"\n" for line in self._lines_aside()]
        with durable.replacing(path) as file:
            file.write_bytes(earlier + b"".join(line for line in new if line not in earlier))


@dataclass(frozen=True, kw_only=True)
class Packed:
    """What `pack` has come to: records, those that had no checksum before, and why lines were put aside."""

    records: int
    adopted: int
    aside: tuple[str, ...]
