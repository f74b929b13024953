"""What one run is."""

from dataclasses import dataclass, field, replace

from pruneproxy import surgery
from pruneproxy.data import DataConfig
from pruneproxy.errors import choose
from pruneproxy.models import ModelConfig
from pruneproxy.runs.ensuring import DEFAULTS, Conditions
from pruneproxy.runs.execution import execute
from pruneproxy.runs.kinds import Kind
from pruneproxy.sparse import SparseConfig
from pruneproxy.store import Store
from pruneproxy.train import TrainConfig

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


@dataclass(frozen=True, kw_only=True)
class RunSpec(Kind):
    """Everything that the numbers of a run depend on."""

    data: DataConfig = field(default_factory=DataConfig)
    model: ModelConfig = field(default_factory=ModelConfig)
    train: TrainConfig = field(default_factory=TrainConfig)
    prune: Pruning | None = None
    seed: int = 0
    sparse: SparseConfig | None = None  # None: dense training without any mask

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


@dataclass(frozen=True, kw_only=True)
class ChannelsSpec(Kind):
    """The channels that a pruned network keeps: chosen once, and the same for all runs on it, wherever they run."""

    architecture: RunSpec
    kind = "channels"
