"""What everything that is run has in common: an identity, what it needs, and the frame of its record."""

from functools import cached_property

from pruneproxy import environment
from pruneproxy.specs import identity, to_dict
from pruneproxy.store import now


class Kind:
    """A spec that can be executed to a record: a training, a search, a front, a measurement, a round of a chain.

    A kind says what it trains (`training`), which other kinds must be there before (`needs`), and how often it trains
    what (`trainings`, for estimates); `execute` makes its record by `record`.
    """

    kind = "run"

    @cached_property
    def id(self) -> str:
        """The name of its record."""
        return identity(self)

    @property
    def training(self):
        """The run that it is about, pruned or not."""
        return self

    @property
    def needs(self) -> tuple:
        """The specs whose records have to exist before."""
        return ()

    @property
    def makes(self) -> tuple:
        """The specs whose records it makes on the way, so that nobody else should."""
        return ()

    @property
    def scoring_run(self):
        """The run whose trained weights decide the channels of what it trains, if there is one."""
        return self.training.scoring_run

    @property
    def trainings(self) -> tuple:
        """What is trained, and about how often; nothing by itself."""
        return ()

    def lost(self, store) -> tuple:
        """Runs that its record in the store names and that are not there any more."""
        return ()

    def shared(self, conditions) -> bool:
        """Whether several processes may work on it at once."""
        return False

    def execute(self, store, conditions) -> dict:
        """Makes the record; what it needs is in the store by then, or is made on the way."""
        raise NotImplementedError

    def record(self, content: dict, *, device: str, status: str = "ok") -> dict:
        """The record with this content: what it is, what was found, and where it ran."""
        first = {"id": self.id, "kind": self.kind, "status": status, "spec": to_dict(self)}
        return first | content | {"environment": environment.describe(device), "finished": now()}
