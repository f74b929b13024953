"""How worker processes start on this machine: where it can be, as copies of one that has imported everything once."""

import multiprocessing
import sys
from multiprocessing.context import BaseContext

from pruneproxy import stopping

# Tried on Linux; elsewhere libraries of the system may not survive a copy, and every process imports for itself.
COPIED = sys.platform == "linux"
IMPORTED = ["pruneproxy.workers.tasks", "torch._dynamo"]  # the latter takes a second at the first step of an optimiser


def context() -> BaseContext:
    """What starts workers: quick copies of a server that holds no threads and no data, or fresh processes."""
    found = multiprocessing.get_context("forkserver" if COPIED else "spawn")
    if COPIED:
        found.set_forkserver_preload(IMPORTED)
    return found


def prepare():
    """Starts the server, which imports while its caller does, too. It ends with its caller."""
    if COPIED:
        from multiprocessing import forkserver, resource_tracker

        context()
        resource_tracker.ensure_running()  # which lets signals through when it starts: they would reach the server
        with stopping.unheard_by_children():
            forkserver.ensure_running()
