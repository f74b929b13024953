"""Settings that all tests share."""

import os
import shutil
import tempfile

# Before torch is imported: one thread per process, as in every run.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "agg")

CACHE = "PRUNEPROXY_CACHE"


def pytest_configure(config):
    """Values that the package keeps are kept for this session alone: its processes share them, no other one does."""
    if CACHE not in os.environ:
        os.environ[CACHE] = tempfile.mkdtemp(prefix="pruneproxy-computed-")
        config.add_cleanup(lambda: shutil.rmtree(os.environ.pop(CACHE), ignore_errors=True))
