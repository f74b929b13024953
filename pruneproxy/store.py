"""Results on disk: a folder of JSON-lines files. Every writer appends whole lines to a part of its own.

A kill loses no finished run, any number of processes may write, git can merge the folder, and there is no server.
"""

import contextlib
import errno
import json
import os
import shutil
import socket
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path

from filelock import FileLock, Timeout
from safetensors import SafetensorError

from pruneproxy.errors import UserError
from pruneproxy.limits import named_folder


class Busy(Exception):
    """Another process works on this run."""


class Store:
    """Records by id in `folder`. Later records of an id replace a `failed` one, never an `ok` or `diverged` one."""

    def __init__(self, folder: str | os.PathLike):
        self.folder = Path(folder)
        if self.folder.exists() and not self.folder.is_dir():
            raise UserError(f"expected a folder of records, got the file {self.folder}: name a folder")
        self._lines: dict[str, bytes] = {}
        self._failed: set[str] = set()
        self._read: dict[Path, tuple[int, int]] = {}  # file identity and bytes read of each part
        self._part = self.folder / f"part-{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:6]}.jsonl"
        self.refresh()

    def __contains__(self, identity: str) -> bool:
        return identity in self._lines and identity not in self._failed

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[dict]:
        return (self.get(identity) for identity in self._lines)

    def get(self, identity: str) -> dict | None:
        """The record with this id, or None."""
        line = self._lines.get(identity)
        return None if line is None else json.loads(line)

    def select(self, identities: Iterable[str]) -> list[dict]:
        """The records of `identities` that are finished, in that order."""
        return [self.get(identity) for identity in identities if identity in self]

    def refresh(self):
        """Reads what other writers have added since the last look."""
        for path in sorted(self.folder.glob("*.jsonl")):
            with contextlib.suppress(FileNotFoundError):  # another process has just packed it into another file
                self._read_part(path)

    def _read_part(self, path: Path):
        facts = path.stat()
        file_id, start = self._read.get(path, (facts.st_ino, 0))
        if file_id != facts.st_ino or facts.st_size < start:  # another file has taken its place
            start = 0
        if facts.st_size == start:
            return
        with path.open("rb") as file:
            file.seek(start)
            text = file.read()
        whole = text.rfind(b"\n") + 1
        for number, line in enumerate(text[:whole].splitlines(keepends=True), 1):
            self._index(line, f"{path} (line {number} after byte {start})")
        if _header(text[whole:]):  # a whole record whose newline an editor has stripped, or that is being written
            self._index(text[whole:] + b"\n", str(path))
        self._read[path] = (facts.st_ino, start + whole)  # the rest is torn, or is read again when it has grown

    def _index(self, line: bytes, place: str):
        if not line.strip():
            return
        header = _header(line)
        if header is None:
            raise UserError(
                f"expected one JSON record per line, got {line[:40]!r} in {place}: remove that line; "
                "every other record is untouched"
            )
        identity, status = header
        if identity in self:
            return
        self._lines[identity] = line
        (self._failed.add if status == "failed" else self._failed.discard)(identity)

    def append(self, record: dict) -> bool:
        """Writes one record unless another writer was first; says whether it wrote."""
        line = json.dumps({"id": record["id"], "status": record["status"]} | record, allow_nan=False).encode() + b"\n"
        self._writable()
        with self._lock():
            self.refresh()
            if record["id"] in self:
                return False
            self._append_line(line)
        self.refresh()
        return True

    def _append_line(self, line: bytes):
        size = self._part.stat().st_size if self._part.exists() else 0
        try:
            with self._part.open("ab", buffering=0) as file:
                written = file.write(line)
                if written != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file.fileno())
        except OSError as error:
            if self._part.exists():
                os.truncate(self._part, size)
            raise _unwritable(self.folder, error) from error

    def _writable(self, below: str = ""):
        try:
            (self.folder / below).mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise _unwritable(self.folder, error) from error

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
            raise _unwritable(self.folder, error) from error
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
                    path.write_text(uuid.uuid4().hex)
                return path.read_text().strip()
            except OSError as error:
                raise _unwritable(self.folder, error) from error

    def pack(self) -> int:
        """Merges all parts into one file, ordered by id, and returns the number of records; run it alone."""
        with self._lock():
            self.refresh()
            parts = sorted(self.folder.glob("*.jsonl"))
            target, temporary = self.folder / "records.jsonl", self.folder / f"records.{uuid.uuid4().hex}.tmp"
            _replace(temporary, target, b"".join(self._lines[identity] for identity in sorted(self._lines)))
            for path in parts:
                if path != target:
                    path.unlink()
            self._read = {}
            shutil.rmtree(self.folder / "locks", ignore_errors=True)
        return len(self._lines)

    def has_tensors(self, name: str) -> bool:
        """Whether arrays are saved under `name`."""
        return (self.folder / "arrays" / f"{name}.safetensors").exists()

    def tensors(self, name: str) -> dict | None:
        """The arrays saved under `name`, or None."""
        path = self.folder / "arrays" / f"{name}.safetensors"
        from safetensors.torch import load_file  # with torch, which reading records does not need

        return load_file(path) if path.exists() else None

    def save_tensors(self, name: str, tensors: dict):
        """Saves arrays under `name`: complete or not at all."""
        from safetensors.torch import save_file

        path = self.folder / "arrays" / f"{name}.safetensors"
        plain = {key: value.detach().cpu().contiguous().clone() for key, value in tensors.items()}
        self._write_whole(path, lambda temporary: save_file(plain, temporary))

    def remove_tensors(self, name: str):
        """Removes the arrays saved under `name`, if there are any."""
        (self.folder / "arrays" / f"{name}.safetensors").unlink(missing_ok=True)

    def checkpoint(self, identity: str) -> dict | None:
        """The state of an interrupted run, or None; one that cannot be read is as good as none."""
        import torch

        path = self.folder / "checkpoints" / f"{identity}.pt"
        try:
            return torch.load(path, map_location="cpu", weights_only=True) if path.exists() else None
        except Exception:  # whatever is wrong with it, the run starts again
            return None

    def save_checkpoint(self, identity: str, state: dict | None):
        """Saves the state of a run, or with None removes it."""
        path = self.folder / "checkpoints" / f"{identity}.pt"
        if state is None:
            path.unlink(missing_ok=True)
        else:
            import torch

            self._write_whole(path, lambda temporary: torch.save(state, temporary))

    def _write_whole(self, path: Path, write):
        temporary = path.with_suffix(f".{uuid.uuid4().hex}.tmp")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            write(temporary)
            os.replace(temporary, path)
        except (OSError, RuntimeError, SafetensorError) as error:
            temporary.unlink(missing_ok=True)
            raise _unwritable(self.folder, error) from error


def _header(line: bytes) -> tuple[str, str] | None:
    """Id and status of a line that holds a whole record, else None."""
    try:
        record = json.loads(line)
        return str(record["id"]), str(record["status"])
    except (ValueError, TypeError, KeyError):
        return None


def _replace(temporary: Path, target: Path, content: bytes):
    try:
        temporary.write_bytes(content)
        os.replace(temporary, target)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise _unwritable(target.parent, error) from error


def _unwritable(folder: Path, error: Exception) -> UserError:
    return UserError(
        f"expected to write records in {folder}, got: {error}. Free some space or name another folder with "
        "--records; every finished run is kept"
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
