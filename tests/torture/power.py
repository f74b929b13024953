"""A power cut after any write: what a disk may hold then, from the recorded order of a process's system calls.

Until a file is synced its content may be lost, and until its folder is synced its name may be old or new. Two disks are
made for every moment: one that keeps no name that was not synced, and one that keeps every name. Both have of each file
only what was synced, which is what journaling file systems promise.
"""

import contextlib
import itertools
import os
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import torch

from pruneproxy.store import Store


class Disk:
    """Follows what a process does to the files below a folder, and can show what would be left of it."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.moments, self._looking = 0, False
        self._content: dict[int, bytes] = {}  # of each file (inode), as it was synced
        self._names: dict[str, int] = {}  # as they were synced
        self._calls = {name: getattr(os, name) for name in ("fsync", "replace", "rename", "unlink")}

    @contextlib.contextmanager
    def watching(self, at_each_moment) -> Iterator[None]:
        """Calls `at_each_moment()` before and after each call that orders what is on the disk."""

        def fsync(handle):
            self._calls["fsync"](handle)
            if not self._looking:
                self._synced(handle)
            self._moment(at_each_moment)

        def moved(name):
            def call(*args, **options):
                self._moment(at_each_moment)
                self._calls[name](*args, **options)
                self._forget_removed()
                self._moment(at_each_moment)

            return call

        os.fsync = fsync
        for name in ("replace", "rename", "unlink"):
            setattr(os, name, moved(name))
        try:
            yield
        finally:
            for name, call in self._calls.items():
                setattr(os, name, call)

    def _forget_removed(self):
        """A number of a file that is gone may be given to another one, whose content was never synced."""
        there = {path.stat().st_ino for path in self.folder.rglob("*")} | set(self._names.values())
        self._content = {inode: content for inode, content in self._content.items() if inode in there}

    def _moment(self, call):
        if not self._looking:  # what the look itself writes and removes is no moment
            self._looking, self.moments = True, self.moments + 1
            try:
                call()
            finally:
                self._looking = False

    def _synced(self, handle: int):
        facts, path = os.fstat(handle), Path(os.readlink(f"/proc/self/fd/{handle}"))
        if path.is_dir():
            below = {str(one.relative_to(self.folder)): one.stat().st_ino for one in path.iterdir() if one.is_file()}
            inside = str(path.relative_to(self.folder))
            here = {name for name in self._names if str(Path(name).parent) == inside}
            self._names = {name: self._names[name] for name in self._names.keys() - here} | below
        else:
            self._content[facts.st_ino] = path.read_bytes()

    def left(self, place: Path, *, names: str) -> Path:
        """A new folder at `place` with what a power cut leaves: of `names` the "synced" ones, or "all"."""
        now = {str(p.relative_to(self.folder)): p.stat().st_ino for p in self.folder.rglob("*") if p.is_file()}
        for name, inode in (self._names if names == "synced" else now).items():
            (place / name).parent.mkdir(parents=True, exist_ok=True)
            (place / name).write_bytes(self._content.get(inode, b""))
        return place


def every_moment(folder: Path, do: Callable[[Path], None], holds: Callable[[Store], bool]) -> Counter:
    """Does something to a folder, and counts the disks that a power cut may leave and those where nothing holds."""
    watched, numbers, found = folder / "watched", itertools.count(), Counter()
    watched.mkdir(parents=True)
    disk = Disk(watched)

    def check():
        for names in ("synced", "all"):
            with tempfile.TemporaryDirectory() as place, warnings.catch_warnings():
                warnings.simplefilter("ignore")
                left = disk.left(Path(place) / str(next(numbers)), names=names)
                left.mkdir(parents=True, exist_ok=True)
                found["cuts"] += 1
                found["lost"] += not holds(Store(left))

    with disk.watching(check):
        do(watched)
        check()
    return found


def records(folder: Path) -> Counter:
    """Cuts while records are written and packed: all that were acknowledged are there."""
    told = []

    def write(watched: Path):
        for numbers in (range(4), range(4, 8)):
            store = Store(watched)
            for number in numbers:
                store.append({"id": f"{number:016x}", "status": "ok", "spec": {"seed": number}})
                told.append(number)
            store.pack()
        Store(watched).pack()

    def holds(store: Store) -> bool:
        return all((store.get(f"{number:016x}") or {}).get("spec") == {"seed": number} for number in told)

    return every_moment(folder, write, holds)


def arrays(folder: Path) -> Counter:
    """Cuts while arrays and states are saved: the last ones that were are whole, or newer ones."""
    saved: list[int] = []

    def write(watched: Path):
        for number in range(3):
            Store(watched).save_tensors("weights", {"a": torch.full((1000,), float(number))})
            Store(watched).save_checkpoint("run", {"epoch": number})
            saved.append(number)

    def holds(store: Store) -> bool:
        found, state = store.tensors("weights"), store.checkpoint("run")
        return not saved or (found is not None and found["a"][0] >= saved[-1] and state["epoch"] >= saved[-1])

    return every_moment(folder, write, holds)


def tortured(rounds: int, folder: Path) -> Counter:
    """Both, so many times."""
    found: Counter = Counter()
    for number in range(rounds):
        found += records(folder / f"{number}-records") + arrays(folder / f"{number}-arrays")
    return found
