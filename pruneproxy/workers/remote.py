"""The workers of a Dask scheduler, wherever they run, and what may keep them from going on."""

import logging
import time
from collections.abc import Callable
from concurrent.futures import CancelledError

from pruneproxy import runs, stopping
from pruneproxy.errors import UserError
from pruneproxy.runs import Conditions
from pruneproxy.store import Store
from pruneproxy.workers.pools import ATTEMPTS, Died, Lost
from pruneproxy.workers.tasks import Task, in_worker, specs_of

ANSWER = 10.0  # seconds that a scheduler has to answer
NOBODY = 60.0  # seconds without any worker after which waiting ends
LOOK = 0.2  # seconds between looks at what is done


class Scheduler:
    """A scheduler at an address, as a context manager."""

    def __init__(self, address: str):
        self.address = address
        self._seen = time.monotonic()  # when there was a worker last

    def __enter__(self):
        try:
            from distributed import Client
            from distributed.scheduler import KilledWorker
        except ImportError as error:
            raise UserError("--dask needs the extra: pip install 'pruneproxy[dask]'") from error
        logging.disable(logging.CRITICAL)  # what Dask and its loop log of lost connections, up to the end, is said here
        try:
            self._client = Client(self.address, timeout=ANSWER)
        except Exception as error:  # each protocol has failures of its own
            said = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UserError(
                f"expected a Dask scheduler at {self.address}, got: {said}. Give the address that it printed when it "
                "started, such as tcp://host:8786"
            ) from error
        self._killed, self._seen = KilledWorker, time.monotonic()
        return self

    def __exit__(self, *_):
        self._client.close(timeout=ANSWER)

    @property
    def slots(self) -> int:
        """How many tasks its workers do at once now; at least 1."""
        workers = self._client.scheduler_info(n_workers=-1)["workers"].values()
        return max(1, sum(worker["nthreads"] for worker in workers))

    def make(self, wave: dict, task: Task, store: Store, conditions: Conditions, made: Callable[[str], None]):
        """Makes a wave; Lost says why nobody does what is left."""
        left, folder = dict(wave), str(store.folder.absolute())
        # What another process holds comes last, and is waited for; what a dying worker took along is given out again.
        for wait in (False, *[True] * ATTEMPTS):
            pending = {
                name: self._client.submit(in_worker, task, spec, folder, conditions, wait, pure=False)
                for name, spec in left.items()
            }
            try:
                while pending:
                    for name in [name for name, future in pending.items() if future.status != "pending"]:
                        result = self._result(pending.pop(name), left[name], store, conditions)
                        if result == "done":
                            made(name)
                        if result != "busy":
                            left.pop(name)
                    if reason := self._trouble(conditions):
                        raise Lost(reason)
                    time.sleep(LOOK)
            finally:
                self._client.cancel(list(pending.values()))

    def _result(self, future, spec, store: Store, conditions: Conditions) -> str:
        """What a task has returned; a run that has killed one worker after the other is recorded as failed, and so are
        those of a group.
        """
        if future.status == "lost":
            return self._without_answer(spec, store)
        if future.status == "cancelled":
            raise Lost(f"the Dask scheduler at {self.address} is gone, or has dropped what it was given")
        try:
            return future.result(timeout=ANSWER)
        except CancelledError:
            return self._without_answer(spec, store)
        except self._killed as error:
            store.refresh()
            for one in specs_of(spec):
                if one.id not in store:
                    store.append(runs.failed(one, Died(str(error).splitlines()[0]), conditions))
            return "done"
        except TimeoutError:  # its worker has died with the answer, or the scheduler is gone, which is looked at next
            return self._without_answer(spec, store)

    def _without_answer(self, spec, store: Store) -> str:
        """What has come of a task whose worker has died since, and the answer with it."""
        store.refresh()
        return "done" if all(one.id in store for one in specs_of(spec)) else "busy"

    def _trouble(self, conditions: Conditions) -> str | None:
        if stopping.heard():
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
