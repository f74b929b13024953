"""Claims of the papers, the evidence for and against them, and verdicts.

A claim is tested by effects, one number per network and variant, each with its bootstrap replicates. A statement
about one effect has a one-sided p-value, the share of replicates against it; statements combine by `every`, `some`
and `most`.
"""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field, fields

import numpy as np
import pandas as pd
from scipy.stats import t as student

from pruneproxy.errors import UserError
from pruneproxy.stats import holm

STATUSES = ("confirmed", "refuted", "inconclusive", "not run")
LEVEL = 0.95
TAIL = 1e-6
ROUNDING = 9  # decimals at which printed and computed numbers are compared with thresholds


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A claim in our own words, its place in the paper, what is measured, and what confirms or refutes it."""

    id: str
    text: str
    where: str
    quantity: str
    confirm: str
    refute: str


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The judgement of one claim.

    `effect` says in words what was found; `value` and `interval` are the effect that decides, with its unadjusted 95
    % interval (None where nothing was resampled); `p` is corrected over the family of claims; `seeds` is the fewest
    runs of a setting; `records` are the ids that the verdict rests on.
    """

    claim: str
    status: str
    effect: str
    value: float | None = None
    interval: tuple[float, float] | None = None
    p: float | None = None
    seeds: int = 0
    scale: str = ""
    records: tuple[str, ...] = ()
    note: str = ""

    def __post_init__(self):
        if self.status not in STATUSES:
            raise UserError(f"expected a status out of {', '.join(STATUSES)}, got {self.status!r}")


@dataclass(frozen=True, kw_only=True)
class Effect:
    """One measured number, its replicates (empty for a printed number), and what it belongs to.

    `mirrored` is for rank correlations, which noise pulls down: replicates are mirrored at the value and cut to [-1,
    1] (the basic bootstrap interval). In simulated landscapes this covers the noise-free correlation at least as
    often, and up to twice as often when noise is strong; for risks, losses and ellipses the plain percentiles err
    less.
    """

    label: str
    value: float
    samples: np.ndarray = field(default_factory=lambda: np.empty(0))
    mirrored: bool = False

    @property
    def draws(self) -> np.ndarray:
        """The replicates that intervals and p-values use; the value itself where there are none."""
        if not self.samples.size:
            return np.array([self.value])
        return np.clip(2 * self.value - self.samples, -1, 1) if self.mirrored else self.samples

    @property
    def interval(self) -> tuple[float, float] | None:
        """The central 95 % of the defined replicates."""
        draws = self.draws[np.isfinite(self.draws)]
        if not self.samples.size or not draws.size or not np.isfinite(self.value):
            return None
        if np.ptp(draws) == 0:  # a region of one setting, or a single run: nothing varied, so nothing is known
            return None
        return tuple(float(edge) for edge in np.quantile(draws, [(1 - LEVEL) / 2, (1 + LEVEL) / 2]))


Statement = Callable[[Effect], float]


def one_sided(effect: Effect, margins: np.ndarray, *, strict: bool) -> float:
    """One-sided p of a statement whose replicates hold by `margins`: (1 + number against) / (1 + number).

    Where no replicate is against it, the tail of Student's t continues below that resolution, to 1e-6 and no further.
    A printed number gives 0 or 1.
    """
    if not np.isfinite(effect.value):
        return 1.0
    margins = np.round(margins, ROUNDING)
    against = int((~(margins > 0 if strict else margins >= 0)).sum())
    if not effect.samples.size:
        return float(against > 0)
    p = (1 + against) / (1 + margins.size)
    finite = margins[np.isfinite(margins)]  # a ratio to nothing is infinite
    if against or not finite.size or np.ptp(finite) == 0:
        return p
    return min(p, max(TAIL, float(student.sf(finite.mean() / finite.std(ddof=1), finite.size - 1))))


def above(threshold: float, *, strict: bool = False) -> Statement:
    """The effect is at least `threshold` (more than it if strict)."""
    return lambda effect: one_sided(effect, effect.draws - threshold, strict=strict)


def below(threshold: float, *, strict: bool = False) -> Statement:
    """The effect is at most `threshold` (less than it if strict)."""
    return lambda effect: one_sided(effect, threshold - effect.draws, strict=strict)


def within(low: float, high: float) -> Statement:
    """The effect lies between two bounds: the larger p of two one-sided tests, so equality is shown."""
    return lambda effect: max(above(low)(effect), below(high)(effect))


def outside(low: float, high: float) -> Statement:
    """The effect lies beyond one of two bounds."""
    return lambda effect: min(1.0, 2 * min(below(low, strict=True)(effect), above(high, strict=True)(effect)))


def every(statement: Statement, effects: Iterable[Effect]) -> float:
    """p of the statement holding for all effects: the largest (intersection-union test, needs no correction)."""
    return max((statement(effect) for effect in effects), default=1.0)


def some(statement: Statement, effects: Iterable[Effect]) -> float:
    """p of the statement holding for one effect or more: the smallest times their number (Bonferroni)."""
    return at_least(1, statement, effects)


def most(statement: Statement, effects: Iterable[Effect]) -> float:
    """p of the statement holding for more than half of the effects."""
    effects = tuple(effects)
    return at_least(len(effects) // 2 + 1, statement, effects)


def at_least(count: int, statement: Statement, effects: Iterable[Effect]) -> float:
    """p of the statement holding for `count` of m effects: (m - count + 1) times the count-th smallest p.

    This is the partial conjunction test of Benjamini & Heller (2008).
    """
    p = sorted(statement(effect) for effect in effects)
    return min(1.0, (len(p) - count + 1) * p[count - 1]) if len(p) >= count else 1.0


def statuses(confirm: Iterable[float], refute: Iterable[float]) -> tuple[tuple[str, ...], np.ndarray]:
    """Status and corrected p of each claim from its two one-sided p-values.

    The smaller one, doubled for looking in both directions, is corrected over the claims by Holm's method; 5 % or
    less decides.
    """
    confirm, refute = np.asarray(list(confirm), dtype=float), np.asarray(list(refute), dtype=float)
    corrected = holm(np.minimum(1, 2 * np.minimum(confirm, refute)))
    decided = np.where(confirm <= refute, "confirmed", "refuted")
    return tuple(str(name) for name in np.where(corrected <= 1 - LEVEL + 1e-12, decided, "inconclusive")), corrected


def table(verdicts: Iterable[Verdict]) -> pd.DataFrame:
    """The verdicts as a frame, record ids counted; `dataclasses.asdict` keeps them all."""
    frame = pd.DataFrame([asdict(verdict) for verdict in verdicts], columns=[item.name for item in fields(Verdict)])
    return frame.assign(records=frame["records"].map(len))
