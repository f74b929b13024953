"""What was said to be stored is there after a power cut at any moment."""

import os
import sys

import pytest
from torture import power

from pruneproxy import durable

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the names of open files are read from /proc")


@pytest.mark.parametrize("written", [power.records, power.arrays])
def test_nothing_that_was_acknowledged_is_lost(tmp_path, written):
    found = written(tmp_path)
    assert found["cuts"] > 20 and not found["lost"]


@pytest.mark.parametrize("forgotten", ["file", "folder"])
def test_a_writer_that_forgets_to_sync_is_caught(tmp_path, monkeypatch, forgotten):
    def sync(path):
        if path.is_dir() == (forgotten == "file"):
            handle = os.open(path, os.O_RDONLY)
            os.fsync(handle)
            os.close(handle)

    monkeypatch.setattr(durable, "sync", sync)
    assert power.records(tmp_path)["lost"]
