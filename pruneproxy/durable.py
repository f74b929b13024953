"""Files that are there after a power cut: written whole beside their place, on the disk before they take it."""

import contextlib
import os
import socket
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

_ENDING = ".tmp"
OLD = 3600.0  # seconds: containers may share a name and not their processes


def sync(path: Path) -> None:
    """Waits until a file's content, or a folder's names, are on the disk; some systems open no folders."""
    folder = path.is_dir()
    try:
        place = os.open(path, os.O_RDONLY if folder else os.O_RDWR)  # Windows flushes only what is open for writing
    except PermissionError:
        if folder:
            return
        raise
    try:
        os.fsync(place)
    finally:
        os.close(place)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new file to write, which takes the place of `path` when the block ends well, and vanishes otherwise."""
    temporary = path.parent / f"{path.name}.{writer()}.{uuid.uuid4().hex[:6]}{_ENDING}"
    try:
        make_folder(path.parent)
        yield temporary
        sync(temporary)
        os.replace(temporary, path)
        sync(path.parent)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


def write(path: Path, text: str) -> None:
    """Writes a whole file of text."""
    with replacing(path) as new:
        new.write_text(text, encoding="utf-8")


def make_folder(path: Path) -> None:
    """Makes a folder, and those above it, so that a power cut does not take it away."""
    missing = [folder for folder in (path, *path.parents) if not folder.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for folder in missing:
        sync(folder.parent)


def remove_strays(folder: Path) -> None:
    """Removes the unfinished files in a folder that are old, and whose writers on this machine are dead."""
    for path in folder.glob(f"*{_ENDING}"):
        named = path.name.removesuffix(_ENDING).rpartition(".")[0].rpartition(".")[2]
        if not alive(f"{named}-") and path.stat().st_mtime < time.time() - OLD:
            path.unlink(missing_ok=True)


def writer() -> str:
    """This process among all that write: its machine, without dots, which part the names of files, and its number."""
    return f"{_host()}-{os.getpid()}"


def alive(name: str) -> bool:
    """Whether the process whose `writer()` a name begins with may live: one of another machine may."""
    host, number, _ = (*name.rsplit("-", 2), "", "")[:3]
    if host != _host() or not number.isdigit() or os.name == "nt":  # to ask for a process there would interrupt it
        return True
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _host() -> str:
    return socket.gethostname().replace(".", "_")
