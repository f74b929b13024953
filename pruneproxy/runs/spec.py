"""What one run is, and one round of a chain of runs."""

from dataclasses import dataclass, field, replace
from functools import cached_property

from pruneproxy import data, surgery
from pruneproxy.data import DataConfig
from pruneproxy.errors import UserError, choose
from pruneproxy.limits import MOST_ROUNDS
from pruneproxy.models import ModelConfig
from pruneproxy.runs import rounds
from pruneproxy.runs.ensuring import DEFAULTS, Conditions
from pruneproxy.runs.execution import execute
from pruneproxy.runs.kinds import Kind
from pruneproxy.sparse import SparseConfig
from pruneproxy.store import Store
from pruneproxy.train import TrainConfig, check_trains

WEIGHTS = {
    "fresh": "drawn anew for the narrow network (retrain from scratch, thesis Sec. 3.2.4)",
    "kept": "those of the scored network, cut to the kept channels",
    "merged": "the same, with each removed filter folded into its most similar kept one (Neuron Merging)",
}


@dataclass(frozen=True, kw_only=True)
class Pruning:
    """Which channels go, and what is known when they are chosen."""

    channels: surgery.PruneConfig
    scored_after: TrainConfig | None = None  # None: scored at initialisation
    seed: int = 0  # of the scored network: all runs that share it share one narrow network
    weights: str = "fresh"
    merging: surgery.MergeConfig = field(default_factory=surgery.MergeConfig)  # of "merged" weights

    def __post_init__(self):
        choose(self.weights, WEIGHTS, "value of weights")
        if self.scored_after is not None:
            check_trains(self.scored_after)


@dataclass(frozen=True, kw_only=True)
class Finding:
    """How weights are found round by round, by magnitude (003, Algorithm A1).

    Every round removes the `share` of what is left of the convolutions, the `first` of them included or not, and the
    next one trains from where `rewind` says: for "epoch" after so many epochs of the dense network.
    """

    share: float = 0.2
    scope: str = "global"
    first: bool = True
    rewind: str = "start"
    epoch: int = 0

    def __post_init__(self):
        choose(self.scope, rounds.SCOPES, "scope of the rounds")
        choose(self.rewind, rounds.REWINDS, "value of rewind")
        if not 0 < self.share < 1:
            raise UserError(f"Finding.share must be a share of the weights in (0, 1), got {self.share!r}")


@dataclass(frozen=True, kw_only=True)
class RoundSpec(Kind):
    """A round of iterative magnitude pruning: a training with the masks of the round before, and the masks after it.

    `find` is the training of the dense network; with a `donor`, a round of the same number, every layer keeps as many
    weights as there.
    """

    find: "RunSpec"
    number: int = 1
    finding: Finding = field(default_factory=Finding)
    donor: "RoundSpec | None" = None
    kind = "round"

    def __post_init__(self):
        if not 1 <= self.number <= MOST_ROUNDS:
            raise UserError(f"rounds are numbered from 1 to {MOST_ROUNDS}, got {self.number!r}")
        if self.finding.epoch >= self.find.train.epochs and self.finding.rewind == "epoch":
            raise UserError(
                f"expected an epoch to rewind to below the {self.find.train.epochs} of the run, got "
                f"{self.finding.epoch}"
            )
        if (self.finding.scope == "donor") != (self.donor is not None):
            raise UserError("expected a donor with scope='donor', and none with another scope")
        if self.donor is not None and self.donor.number != self.number:
            raise UserError(f"expected a donor of round {self.number}, got one of round {self.donor.number}")
        if self.donor is not None and self.donor.find.model != self.find.model:
            raise UserError(f"expected a donor of the same network, {self.find.model}, got {self.donor.find.model}")

    @cached_property
    def before(self) -> "RoundSpec | None":
        """The round before; None for the first one."""
        if self.number == 1:
            return None
        return replace(self, number=self.number - 1, donor=self.donor and self.donor.before)

    @property
    def training(self) -> "RunSpec":
        """What is trained before it prunes."""
        return self.find if self.before is None else replace(self.find, ticket=Ticket(round=self.before))

    @property
    def needs(self) -> tuple:
        """The round before, and the donor."""
        return tuple(one for one in (self.before, self.donor) if one is not None)

    @property
    def makes(self) -> "tuple[RunSpec, ...]":
        """Its training, whose weights are not kept."""
        return (self.training,)

    @property
    def trainings(self) -> tuple:
        """Its training, once."""
        return ((self.training, 1),)

    def execute(self, store: Store, conditions: Conditions = DEFAULTS) -> dict:
        """Trains, prunes, and returns the record."""
        return rounds.execute(self, store, conditions)


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """The masks of a round, or a random baseline of the same size, and with them what training starts from."""

    round: RoundSpec
    mask: str = "found"

    def __post_init__(self):
        choose(self.mask, rounds.MASKS, "mask")


@dataclass(frozen=True, kw_only=True)
class RunSpec(Kind):
    """Everything that the numbers of a run depend on."""

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    prune: Pruning | None = None
    seed: int = 0
    sparse: SparseConfig | None = None  # None: dense training without any mask
    ticket: Ticket | None = None  # the masks with which it trains
    start: str = ""  # published weights that it starts from
    settings_of: ModelConfig | None = None  # the dense network whose settings it uses, by the rules of models.maximal

    def __post_init__(self):
        if not self.start:
            check_trains(self.train)
        else:
            choose(self.start, data.WEIGHTS, "published weights")
            if self.prune is not None or self.ticket is not None:
                raise UserError(
                    "expected neither prune nor a ticket with published weights, which are of a whole network"
                )
        if self.ticket is not None:
            _check_ticket(self, self.ticket.round.find)
        if self.settings_of is not None and (self.start or self.prune is not None or self.ticket is not None):
            raise UserError(
                "expected neither published weights, prune nor a ticket with settings_of, which rescales new weights: "
                "leave them out, and give the widths of a narrow network"
            )

    @property
    def needs(self) -> tuple[RoundSpec, ...]:
        """The round whose masks it trains with."""
        return () if self.ticket is None else (self.ticket.round,)

    @property
    def trainings(self) -> "tuple[tuple[RunSpec, int], ...]":
        """What is trained, and how often."""
        return ((self, 1),)

    def execute(self, store: Store, conditions: Conditions = DEFAULTS) -> dict:
        """Runs it and returns the record."""
        return execute(self, store, conditions)

    @property
    def scoring_run(self) -> "RunSpec | None":
        """The run of the dense network whose trained weights decide the channels, if there is one."""
        if self.prune is None or self.prune.scored_after is None:
            return None
        return replace(self, prune=None, sparse=None, train=self.prune.scored_after, seed=self.prune.seed)

    @property
    def architecture(self) -> "RunSpec":
        """What runs on the same narrow network have in common: this spec without its own seed and training."""
        return replace(self, train=TrainConfig(), sparse=None, seed=0)

    @property
    def channels(self) -> "ChannelsSpec | None":
        """The record of the channels that its network keeps, if it is pruned."""
        return None if self.prune is None else ChannelsSpec(architecture=self.architecture)


def _check_ticket(spec: RunSpec, find: RunSpec) -> None:
    """The masks of a ticket are those of the network that it trains, and nothing else prunes that."""
    if spec.prune is not None or spec.sparse is not None:
        raise UserError("expected neither prune nor sparse with a ticket, whose masks are the round's: leave them out")
    if spec.model != find.model:
        raise UserError(f"expected a ticket of the network that its round has pruned, {find.model}, got {spec.model}")


class OfDense(Kind):
    """What starts from the weights of a trained network, its `dense`."""

    dense: RunSpec

    @property
    def training(self) -> RunSpec:
        """The training of that network."""
        return self.dense

    @property
    def scoring_run(self) -> RunSpec:
        """The same: its weights are needed."""
        return self.dense


@dataclass(frozen=True, kw_only=True)
class ChannelsSpec(Kind):
    """The channels that a pruned network keeps: chosen once, and the same for all runs on it, wherever they run."""

    architecture: RunSpec
    kind = "channels"
