"""What was said to be stored is there after a power cut at any moment."""

import itertools
import os
import sys
import warnings

import pytest
import torch
from power import Disk

from pruneproxy import durable
from pruneproxy.store import Store

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the names of open files are read from /proc")


def record(number):
    return {"id": f"{number:016x}", "status": "ok", "spec": {"seed": number}}


def check_every_moment(folder, places, do, holds):
    """Does something to a folder and checks what `holds(store)` of every disk that a power cut may leave."""
    disk, numbers = Disk(folder), itertools.count()

    def check():
        for names in ("synced", "all"):
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                left = disk.left(places / str(next(numbers)), names=names)
                assert holds(Store(left)), (disk.moments, names, sorted(p.name for p in left.rglob("*")))

    with disk.watching(check):
        do()
        check()
    assert disk.moments > 3


@pytest.fixture
def folders(tmp_path):
    (tmp_path / "watched").mkdir()
    (tmp_path / "left").mkdir()
    return tmp_path / "watched", tmp_path / "left"


def test_no_record_that_was_acknowledged_is_lost_also_not_by_packing(folders):
    folder, places = folders
    told = []

    def write():
        for numbers in (range(4), range(4, 8)):
            store = Store(folder)
            told.extend(number for number in numbers if store.append(record(number)))
            assert store.pack() == len(told)
        Store(folder).pack()

    check_every_moment(folder, places, write, lambda store: len(store) >= len(told))
    assert len(told) == 8


def test_arrays_are_whole_or_not_there(folders):
    folder, places = folders
    saved: list = []

    def write():
        for number in range(3):
            Store(folder).save_tensors("weights", {"a": torch.full((1000,), float(number))})
            Store(folder).save_checkpoint("run", {"epoch": number})
            saved.append(number)

    def holds(store):
        found, state = store.tensors("weights"), store.checkpoint("run")
        if not saved:
            return True
        return found["a"][0] >= saved[-1] and state["epoch"] >= saved[-1]

    check_every_moment(folder, places, write, holds)


@pytest.mark.parametrize("forgotten", ["file", "folder"])
def test_a_writer_that_forgets_to_sync_is_caught(folders, monkeypatch, forgotten):
    def sync(path):
        if path.is_dir() == (forgotten == "file"):
            handle = os.open(path, os.O_RDONLY)
            os.fsync(handle)
            os.close(handle)

    monkeypatch.setattr(durable, "sync", sync)
    with pytest.raises(AssertionError):
        test_no_record_that_was_acknowledged_is_lost_also_not_by_packing(folders)
