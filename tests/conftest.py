"""Settings that all tests share."""

import os
import shutil
import tempfile

import pytest

# Before torch is imported: one thread per process, as in every run.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "agg")

CACHE = "PRUNEPROXY_CACHE"


def pytest_configure(config):
    """Values that the package keeps are kept for this session alone: its processes share them, no other one does."""
    if CACHE not in os.environ:
        os.environ[CACHE] = tempfile.mkdtemp(prefix="pruneproxy-computed-")
        config.add_cleanup(lambda: shutil.rmtree(os.environ.pop(CACHE), ignore_errors=True))


def pytest_collection_modifyitems(items):
    """The processes share the tests out one by one, but those of the built book, which is built once."""
    for item in items:
        if item.get_closest_marker("browser"):
            item.add_marker(pytest.mark.xdist_group("book"))
