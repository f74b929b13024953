"""Many runs: in this process, in local processes, or on any `concurrent.futures.Executor` such as Dask's."""

from pruneproxy.workers.planning import plan
from pruneproxy.workers.pools import ATTEMPTS
from pruneproxy.workers.running import Outcome, run_all

__all__ = ["ATTEMPTS", "Outcome", "plan", "run_all"]
