"""Settings that all tests share."""

import logging
import os
import shutil
import tempfile

import pytest
from hypothesis import settings

# Before torch is imported: one thread per process, as in every run.
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("MPLBACKEND", "agg")

CACHE = "PRUNEPROXY_CACHE"

settings.register_profile("short", max_examples=100, deadline=None, derandomize=True)
settings.register_profile("torture", max_examples=5_000, deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "short"))


@pytest.fixture(autouse=True)
def logs_are_heard():
    """A command with a Dask scheduler turns logging off for its process."""
    yield
    logging.disable(logging.NOTSET)


def pytest_configure(config):
    """Values that the package keeps are kept for this run of the tests alone, and shared by its processes."""
    if CACHE not in os.environ:
        os.environ[CACHE] = tempfile.mkdtemp(prefix="pruneproxy-computed-")
        config.add_cleanup(lambda: shutil.rmtree(os.environ.pop(CACHE), ignore_errors=True))


# Groups of tests that take longest, and start first: what is left when they end is spread evenly over the workers.
SLOWEST = (
    *("test_book.py::TestInABrowser", "test_notebooks.py", "test_cli.py", "test_search.py", "test_calibration.py"),
    *("test_book.py", "test_search_tradeoff.py", "test_search_shared.py", "test_rounds.py", "test_runs.py"),
)


def pytest_collection_modifyitems(items):
    """The slowest groups first."""
    items.sort(
        key=lambda item: next((k for k, name in enumerate(SLOWEST) if f"/{name}::" in item.nodeid), len(SLOWEST))
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Tests of one module or class stay on one worker, as they share what they set up; each notebook is by itself."""
    from xdist.scheduler import LoadScopeScheduling

    class Scheduling(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            alone = nodeid.startswith("tests/test_notebooks.py::test_a_notebook_run")
            return nodeid if alone else super()._split_scope(nodeid)

    return Scheduling(config, log)
