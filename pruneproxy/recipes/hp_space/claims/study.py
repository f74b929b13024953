"""Every quantity that the claims speak of, as effects with bootstrap replicates, from a frame of records."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from pruneproxy.evidence.claims import Effect
from pruneproxy.recipes.hp_space.variants import REGIONS, Variant, family, published, variants
from pruneproxy.stats import Replicates, replicate, rowwise

AXES = ("weight_decay", "lr")
RISK_REGION = 0.5  # Sec. 3.3.2
RELATIVE_LIMIT = 0.01  # twice 0.5 / 95, the bound that Sec. 4.2 calls the unpruned network's risk
PRIOR_TOLERANCE = 1e-3  # decades


@dataclass(frozen=True, eq=False)
class Study:
    """The records of one or more networks with their replicates; each method lists effects, empty if not run."""

    frame: pd.DataFrame
    replicates: int = 10_000
    seed: int = 0
    value: str = "top1"

    @cached_property
    def variants(self) -> tuple[Variant, ...]:
        return variants(self.frame, self.value)

    @cached_property
    def draws(self) -> dict[str, Replicates]:
        return {
            network: replicate(rows, value=self.value, replicates=self.replicates, seed=self.seed)
            for network, rows in self.frame.groupby("network")
            if any(v.network == network for v in self.variants)
        }

    @cached_property
    def ellipses(self) -> dict[tuple[Variant, float], rowwise.Ellipses]:
        return {
            (variant, x): rowwise.ellipses(self.draws[variant.network].points, self.rows(variant), x)
            for variant in self.variants
            for x in REGIONS
        }

    def rows(self, variant: Variant) -> rowwise.Rows:
        return self.draws[variant.network].landscapes[variant.name]

    def networks(self, *models: str) -> tuple[str, ...]:
        """The networks that stand in for the given models of the thesis; all of them where none is given."""
        return tuple(name for name in self.draws if not models or family(name) in models)

    def pruned(self) -> Iterator[tuple[Variant, Variant]]:
        """(unpruned, pruned) for every pruned variant whose network was also run unpruned."""
        base = {variant.network: variant for variant in self.variants if variant.method == "none"}
        return ((base[v.network], v) for v in self.variants if v.method != "none" and v.network in base)

    def pairs(self) -> Iterator[tuple[Variant, Variant, Variant]]:
        """(unpruned, uniform, global) at equal targets."""
        known = {variant.key: variant for variant in self.variants}
        for base, variant in self.pruned():
            other = known.get((variant.network, "global", variant.key[2]))
            if variant.method == "uniform" and other:
                yield base, variant, other

    def steps(self) -> Iterator[tuple[Variant, Variant, Variant]]:
        """(unpruned, milder, stronger) for neighbouring targets of one method."""
        cases = list(self.pruned())
        for (base, milder), (_, stronger) in zip(cases, cases[1:], strict=False):
            if (milder.network, milder.method) == (stronger.network, stronger.method):
                yield base, milder, stronger

    def correlations(self) -> list[Effect]:
        return [
            effect(f"{v.network} {v.label}", rowwise.spearman(self.rows(base), self.rows(v)), mirrored=True)
            for base, v in self.pruned()
        ]

    def band_correlations(self) -> list[Effect]:
        return [effect(f"{v.network} {v.label}", self.ellipses[v, 1.0].correlation) for v in self.variants]

    def band_angles(self) -> list[Effect]:
        return [effect(f"{v.network} {v.label}", self.ellipses[v, 1.0].angle) for v in self.variants]

    def centre_products(self) -> list[Effect]:
        return [
            effect(
                f"{v.network} {v.label}, {x:.1f}-ROI",
                self._shift(base, v, x, "lr") + self._shift(base, v, x, "weight_decay"),
            )
            for base, v, x in self._fitted()
        ]

    def centre_shifts(self) -> list[Effect]:
        return [
            effect(f"{v.network} {v.label}, {x:.1f}-ROI, {axis}", self._shift(base, v, x, axis))
            for base, v, x in self._fitted()
            for axis in AXES
        ]

    def _fitted(self) -> Iterator[tuple[Variant, Variant, float]]:
        """Every 1.0-ROI, and the 0.5-ROIs that hold enough settings for an ellipse, as in Table 4.1."""
        return (
            (base, v, x)
            for base, v in self.pruned()
            for x in REGIONS
            if x == max(REGIONS) or np.isfinite(self._shift(base, v, x, "lr")[0])
        )

    def _shift(self, base, variant, x, axis) -> np.ndarray:
        return getattr(self.ellipses[variant, x], axis) - getattr(self.ellipses[base, x], axis)

    def lengths(self, model: str, x: float, method: str, target: float | None = None) -> list[Effect]:
        return [
            effect(
                f"{v.network} {v.label}, {x:.1f}-ROI", _ratio(self.ellipses[v, x].length, self.ellipses[base, x].length)
            )
            for base, v in self.pruned()
            if family(v.network) == model and v.method == method and (target is None or abs(v.target - target) < 0.05)
        ]

    def best_gaps(self) -> list[Effect]:
        return [
            effect(f"{a.network} at {100 * a.target:.0f}%", self.best(a) - self.best(b)) for _, a, b in self.pairs()
        ]

    def loss_steps(self) -> list[Effect]:
        return [effect(f"{b.network} {a.label} to {b.label}", self.best(a) - self.best(b)) for _, a, b in self.steps()]

    def loss_offsets(self) -> list[Effect]:
        """Loss minus the printed loss of the model that the network stands in for, where one is printed."""
        return [
            effect(f"{v.network} {v.label}", self.best(base) - self.best(v) - printed)
            for base, v in self.pruned()
            if (printed := printed_losses().get((family(v.network), v.method, v.key[2]))) is not None
        ]

    def best(self, variant: Variant) -> np.ndarray:
        """The best mean accuracy of a landscape, one number per replicate."""
        return self._of_one_setting(variant.network, self.rows(variant).best)

    def _of_one_setting(self, network: str, values: np.ndarray) -> np.ndarray:
        """Undefined replicates without repeated runs: resampled settings say nothing about the noise at one."""
        if self.draws[network].by == "seeds":
            return values
        return np.concatenate([values[:1], np.full(self.replicates, np.nan)])

    def risks(self) -> list[Effect]:
        return [effect(f"{v.network} {v.label}", self.risk(base, v)) for base, v in self.pruned()]

    def risk_ratios(self) -> list[Effect]:
        return [
            effect(f"{v.network} {v.label}", _ratio(self.risk(base, v), self.risk(base, base)))
            for base, v in self.pruned()
        ]

    def shares_within(self, *models: str) -> list[Effect]:
        names = self.networks(*models)
        return [
            effect(f"{v.network} {v.label}", self._share(base, v)) for base, v in self.pruned() if v.network in names
        ]

    def _share(self, base, variant) -> np.ndarray:
        loss = rowwise.risks(self.rows(base), self.rows(variant), RISK_REGION, relative=True)
        return rowwise.mean(np.where(np.isnan(loss), np.nan, loss <= RELATIVE_LIMIT))

    def method_gaps(self) -> list[Effect]:
        return [
            effect(f"{a.network} at {100 * a.target:.0f}%", self.risk(base, b) - self.risk(base, a))
            for base, a, b in self.pairs()
        ]

    def strength_gaps(self) -> list[Effect]:
        return [
            effect(f"{b.network} {a.label} to {b.label}", self.risk(base, b) - self.risk(base, a))
            for base, a, b in self.steps()
        ]

    def risk(
        self, base: Variant, variant: Variant, *, relative: bool = False, summary: Callable = rowwise.mean
    ) -> np.ndarray:
        """Mean (or deviation) of the risk over the unpruned 0.5-ROI, one number per replicate (eq. 3.5)."""
        return summary(rowwise.risks(self.rows(base), self.rows(variant), RISK_REGION, relative=relative))

    def metric_correlations(self) -> list[Effect]:
        return [
            effect(f"{v.network} {v.label}", rowwise.spearman(a, b), mirrored=True) for v, a, b in self._two_metrics()
        ]

    def same_best(self) -> list[Effect]:
        """1 where the setting with the best top-1 accuracy also has the best top-5 accuracy, else 0."""
        return [
            effect(f"{v.network} {v.label}", (rowwise.at_best(a, b) >= 0).astype(float))
            for v, a, b in self._two_metrics()
        ]

    def _two_metrics(self):
        if "top5" not in self.frame:
            return
        for network in self.networks("ResNet-50"):
            both = self.frame[
                (self.frame["network"] == network) & self.frame["top1"].notna() & self.frame["top5"].notna()
            ]
            for variant in (v for v in self.variants if v.network == network):
                rows = both[both["variant"] == variant.name]
                if len(rows):
                    top1, top5 = (self._drawn(rows, metric, variant) for metric in ("top1", "top5"))
                    yield variant, top1, top5

    def _drawn(self, rows, metric, variant) -> rowwise.Rows:
        """Replicates of one metric; equal seeds pick equal runs, so that both metrics of a run stay together."""
        return replicate(rows, value=metric, replicates=self.replicates, seed=self.seed).landscapes[variant.name]

    def prior_gains(self) -> list[Effect]:
        return [
            gain
            for v in self.variants
            if v.method == "none" and family(v.network) in ("MobileNetV2", "ResNet-56")
            for gain in self._prior_gain(v)
        ]

    def _prior_gain(self, variant) -> list[Effect]:
        prior = published("table-3.4").set_index("architecture").loc[family(variant.network)]
        wanted = np.array([prior["prior_weight_decay_log10"], prior["prior_learning_rate_log10"]], dtype=float)
        found = np.abs(self.draws[variant.network].points[0] - wanted).max(axis=1) < PRIOR_TOLERANCE
        rows = self.rows(variant)
        gain = rows.best - rows.values[:, found.argmax()]
        if not found.any() or np.isnan(gain[0]):
            return []
        return [effect(f"{variant.network} unpruned", self._of_one_setting(variant.network, gain))]

    def best_transfers(self) -> list[Effect]:
        return [
            effect(
                f"{v.network} {v.label}",
                self._of_one_setting(v.network, rowwise.at_best(self.rows(base), self.rows(v))),
            )
            for base, v in self.pruned()
        ]


def effect(label: str, rows: np.ndarray, *, mirrored: bool = False) -> Effect:
    """An effect from the values of a statistic on all rows of the replicates, the measured one first."""
    return Effect(label=label, value=float(rows[0]), samples=np.asarray(rows[1:], dtype=float), mirrored=mirrored)


def _ratio(over: np.ndarray, under: np.ndarray) -> np.ndarray:
    """NaN where nothing is divided by: a region of one setting has no risk and no length."""
    return np.divide(over, under, out=np.full(np.shape(over), np.nan), where=under > 0)


def printed_losses() -> dict[tuple[str, str, float], float]:
    """(model, method, target) -> best top-1 accuracy lost to pruning, from the accuracies in Sec. 4.1.1."""
    rows = published("text-4.1.1")
    rows = rows[rows["metric"] == "top-1"]
    base = rows[rows["method"] == "none"].set_index("model")["best_accuracy_pct"]
    return {
        (row.model, row.method, round(row.target, 6)): float(base[row.model] - row.best_accuracy_pct)
        for row in rows.itertuples()
    }
