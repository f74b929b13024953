"""The workers of a Dask scheduler, wherever they run, and what may keep them from going on."""

import time
from collections.abc import Callable
from concurrent.futures import CancelledError

from pruneproxy import runs
from pruneproxy.errors import UserError
from pruneproxy.runs import Conditions
from pruneproxy.store import Store
from pruneproxy.workers.pools import Died, Lost, drain
from pruneproxy.workers.tasks import Task, stop_asked

ANSWER = 10.0  # seconds that a scheduler has to answer
NOBODY = 60.0  # seconds without any worker after which waiting ends


class Scheduler:
    """A scheduler at an address, as a context manager."""

    def __init__(self, address: str):
        self.address = address
        self._seen = time.monotonic()  # when there was a worker last

    def __enter__(self):
        try:
            from distributed import Client
        except ImportError as error:
            raise UserError("--dask needs the extra: pip install 'pruneproxy[dask]'") from error
        try:
            self._client = Client(self.address, timeout=ANSWER)
        except Exception as error:  # each protocol has failures of its own
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UserError(
                f"expected a Dask scheduler at {self.address}, got: {said}. Give the address that it printed when it "
                "started, such as tcp://host:8786"
            ) from error
        self._seen = time.monotonic()
        return self

    def __exit__(self, *_):
        self._client.close(timeout=ANSWER)

    def make(self, wave: dict, task: Task, store: Store, conditions: Conditions, made: Callable[[str], None]):
        """Makes a wave; Lost says why nobody does what is left."""
        from distributed.scheduler import KilledWorker

        left = dict(wave)
        with self._client.get_executor(pure=False, retries=0) as pool:
            while left:
                try:
                    drain(pool, left, task, str(store.folder), conditions, made, lambda: self._trouble(conditions))
                    return
                except KilledWorker as error:
                    self._record_death(error, left, store, conditions, made)
                except CancelledError as error:
                    raise Lost(f"the Dask scheduler at {self.address} is gone") from error

    def _record_death(self, error, left: dict, store: Store, conditions: Conditions, made: Callable[[str], None]):
        identity = next((name for name in left if name in str(error.task)), None)
        if identity is None:
            raise Lost(f"workers of the Dask scheduler at {self.address} died again and again: {error}") from error
        store.append(runs.failed(left.pop(identity), Died(str(error).splitlines()[0]), conditions))
        made(identity)

    def _trouble(self, conditions: Conditions) -> str | None:
        if stop_asked():
            return "interrupted"
        if self._client.status not in ("running", "connecting"):
            return f"the Dask scheduler at {self.address} is gone"
        if self._client.scheduler_info(n_workers=-1)["workers"]:
            self._seen = time.monotonic()
            return None
        waited = time.monotonic() - self._seen
        if waited > NOBODY or runs.out_of_time(conditions):
            return f"the Dask scheduler at {self.address} has had no workers for {waited:.0f} s: start some"
        return None
