"""What sparse training may choose."""

import math
from dataclasses import dataclass

from pruneproxy.errors import UserError, choose
from pruneproxy.masks import ALLOCATIONS, KEPT_DENSE
from pruneproxy.sparse.updates import METHODS


def _constant(progress: float) -> float:
    return 1.0


def _cosine(progress: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * progress))


DROP_SCHEDULES = {
    "constant": _constant,  # SET
    "cosine": _cosine,  # falls to 0 at the last update (Evci et al. 2020, Sec. 3, item 2)
}


@dataclass(frozen=True, kw_only=True)
class Semantics:
    """What a paper or its code does at a topology update, beyond the method.

    In all of them a weight that was absent grows from 0 with its momentum cleared.
    """

    removal: str  # key of REMOVALS
    drop: float  # the share of a layer's weights that the first update removes
    drop_schedule: str
    replaces_step: bool  # the update takes the place of the optimiser's step, whose gradient is thrown away
    returning: str  # a weight removed and grown at once: "keeps" value and momentum, or starts from "zero"
    clears: str = "grown"  # momentum of what has grown, or of "all" weights
    dense_first_step: bool = False  # masks are applied after the first step
    once_at_least: bool = False  # updates do not end before the first one is due
    rounding: str = "down"  # key of ROUNDINGS


SEMANTICS = {
    # 002, Sec. 2.2.2: per sign for both methods; it names no share, which is then SET's and RigL's 0.3.
    "text": Semantics(removal="per-sign", drop=0.3, drop_schedule="cosine", replaces_step=False, returning="zero"),
    # 002's released code, which calls JaxPruner with its defaults.
    "jaxpruner": Semantics(
        removal="magnitude",
        drop=0.1,
        drop_schedule="cosine",
        replaces_step=True,
        returning="keeps",
        dense_first_step=True,
        once_at_least=True,
        rounding="kept",
    ),
    # Evci et al. 2020, Algorithm 1, and their code.
    "rigl": Semantics(removal="magnitude", drop=0.3, drop_schedule="cosine", replaces_step=True, returning="keeps"),
    # Mocanu et al. 2018 and their code, less its last removal, after which the density would be another one.
    "set": Semantics(
        removal="per-sign", drop=0.3, drop_schedule="constant", replaces_step=False, returning="zero", clears="all"
    ),
}


@dataclass(frozen=True, kw_only=True)
class SparseConfig:
    """Which weights exist while a network trains; defaults are those of 002, Table 4.2."""

    method: str = "set"
    density: float = 0.5  # share kept of the weights of all layers that are not kept dense
    allocation: str = "uniform"
    kept_dense: str = "none"
    interval: int = 10  # steps from one update to the next
    end: float = 0.8  # share of the steps after which there are no updates
    semantics: str = "text"
    drop: float | None = None  # share removed by the first update; None: that of the semantics
    drop_schedule: str | None = None  # likewise
    mask_seed: int | None = None  # None: the run's seed; 002's released code has one key for all runs

    def __post_init__(self):
        choose(self.method, METHODS, "method of sparse training")
        choose(self.allocation, ALLOCATIONS, "allocation of density")
        choose(self.kept_dense, KEPT_DENSE, "choice of layers kept dense")
        choose(self.semantics, SEMANTICS, "semantics of topology updates")
        if self.drop_schedule is not None:
            choose(self.drop_schedule, DROP_SCHEDULES, "schedule of the drop fraction")
        if not _number(self.density) or not 0 < self.density <= 1:
            raise UserError(f"SparseConfig.density must be a share of the weights in (0, 1], got {self.density!r}")
        if type(self.interval) is not int or self.interval < 1:
            raise UserError(f"SparseConfig.interval must be a whole number of at least 1 step, got {self.interval!r}")
        if not _number(self.end) or not 0 <= self.end <= 1:
            raise UserError(f"SparseConfig.end must be a share of the steps in [0, 1], got {self.end!r}")
        if self.drop is not None and not (_number(self.drop) and 0 < self.drop <= 1):
            raise UserError(f"SparseConfig.drop must be None or a share of the weights in (0, 1], got {self.drop!r}")

        if self.mask_seed is not None and type(self.mask_seed) is not int:
            raise UserError(f"SparseConfig.mask_seed must be None or a whole number, got {self.mask_seed!r}")

    def last_update(self, steps: int) -> int:
        """The last step, counted from 0, at which there may be an update in a run of `steps` steps."""
        last = int(steps * self.end)
        return max(last, self.interval + 1) if SEMANTICS[self.semantics].once_at_least else last

    def due(self, step: int, steps: int) -> bool:
        """Whether there is an update at this step, counted from 0: every `interval` steps, and not at the first."""
        moves = METHODS[self.method] is not None
        return moves and step % self.interval == 0 and 1 <= step <= self.last_update(steps)

    def share_at(self, step: int, steps: int) -> float:
        """The share of the weights that an update at this step removes."""
        semantics = SEMANTICS[self.semantics]
        drop = semantics.drop if self.drop is None else self.drop
        schedule = DROP_SCHEDULES[self.drop_schedule or semantics.drop_schedule]
        return drop * schedule(min(step / self.last_update(steps), 1.0))


def _number(value) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)
