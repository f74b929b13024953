"""What structured pruning may choose."""

from dataclasses import dataclass

from pruneproxy import channels, scores
from pruneproxy.errors import UserError, choose
from pruneproxy.limits import MOST, check_counts

SCOPES = {
    "inner": "channels inside a block only, as the thesis prunes (Sec. 3.2.5)",
    "all": "every group that the network declares",
    "stem": "every group, and all residual streams keep the channels that the stem keeps (000's released code)",
}
THRESHOLDS = {
    "groups": "the percentile of the scores of all groups in scope",
    "layers": "the percentile of the channel scores of all layers but projections (000's released code)",
}


@dataclass(frozen=True, kw_only=True)
class PruneConfig:
    """Structured pruning, either to a share of the multiplications or by one threshold on the scores.

    With `target`, channels leave in the order of `allocation` until the cost is met. With `percentile` (rho of 000,
    Algorithm 1) those below that percentile of all scores leave, whatever `allocation` says, and a group that would
    keep less than a share `sigma` of its channels keeps its next best.
    """

    target: float | None = None  # share of the multiplications that is kept
    allocation: str = "uniform"
    score: str = "l1"
    fan_in: str = "sum"
    coupled: str = "sum"
    scope: str = "inner"
    floor: int = 1  # channels that every group keeps
    percentile: float | None = None  # of the channels that is removed
    sigma: float = 0.0  # least share of its channels that a group keeps
    sigma_rounding: str = "up"
    multiple: int = 1  # of which a group keeps a whole number of channels, if it has as many (8 suits processors)
    sign: str = "absolute"
    picked: str = "rank"
    threshold_over: str = "groups"
    batch: int = 512  # images of the scoring mini-batch
    scored_in: str = "train"
    rounds: int = 100  # of iterative SynFlow

    def __post_init__(self):
        if (self.target is None) == (self.percentile is None):
            raise UserError(
                f"expected either PruneConfig.target (a share of the multiplications) or PruneConfig.percentile, got "
                f"target={self.target!r} and percentile={self.percentile!r}: give exactly one"
            )
        if self.target is not None and not 0 < self.target <= 1:
            raise UserError(f"PruneConfig.target must be a share of the multiplications in (0, 1], got {self.target!r}")
        if self.percentile is not None and not 0 <= self.percentile < 100:
            raise UserError(f"PruneConfig.percentile must be a number in [0, 100), got {self.percentile!r}")
        if self.floor < 1:
            raise UserError(f"PruneConfig.floor must be at least 1 so that no layer is emptied, got {self.floor!r}")
        if not 0 <= self.sigma <= 1:
            raise UserError(f"PruneConfig.sigma must be a share of the channels in [0, 1], got {self.sigma!r}")
        check_counts(self, "batch", "rounds", "multiple", most=MOST)
        for name, (family, what) in CHOICES.items():
            choose(getattr(self, name), family, what)
        self._check_target()

    def _check_target(self):
        """A target is met by removals: no threshold exists, and streams that follow the stem have no price."""
        if self.target is not None and (self.scope == "stem" or self.threshold_over == "layers"):
            name = "scope" if self.scope == "stem" else "threshold_over"
            raise UserError(
                f"expected PruneConfig.percentile with {name}={getattr(self, name)!r}, got a target: "
                f"give percentile instead, or another {name}"
            )

    @property
    def needs_batch(self) -> bool:
        """Whether the score looks at images."""
        return self.score in scores.NEED_BATCH

    @property
    def density(self) -> float:
        """The share of the channels that a percentile keeps; with a target, the target."""
        return self.target if self.percentile is None else 1 - self.percentile / 100

    @property
    def multiplications(self) -> float:
        """Roughly the share of the multiplications that remains, known before any channel is chosen.

        The target where there is one. With a percentile the layers keep on average the same share of their channels
        (or sigma), once as outputs and outside `inner` once more as inputs.
        """
        if self.target is not None:
            return self.target
        kept = max(self.density, self.sigma)
        return kept if self.scope == "inner" else kept**2


CHOICES = {
    "allocation": (channels.ALLOCATIONS, "allocation"),
    "score": (scores.SCORES, "score"),
    "fan_in": (scores.FAN_IN, "fan-in rule"),
    "coupled": (scores.COUPLED, "coupling rule"),
    "scope": (SCOPES, "scope"),
    "sigma_rounding": (channels.ROUNDINGS, "rounding of sigma"),
    "sign": (scores.SIGNS, "sign of a score"),
    "picked": (channels.PICKED, "way of picking"),
    "threshold_over": (THRESHOLDS, "population of the threshold"),
    "scored_in": (scores.MODES, "mode of scoring"),
}
