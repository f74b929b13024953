"""Every quantity that the claims speak of, as effects of single variants, from a frame of records.

What is best is chosen on some seeds and measured on the others (`stats.crossfit`); shapes of regions and ranks are
those of mean landscapes, whose replicates have the tails that few seeds need.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from pruneproxy.evidence.effects import Effect, from_seeds, over, tails
from pruneproxy.recipes.hp_space.noise import describe
from pruneproxy.recipes.hp_space.variants import REGIONS, Variant, family, published, select, variants
from pruneproxy.stats import Replicates, crossfit, replicate, rowwise
from pruneproxy.stats.landscapes import SETTING, finished

RISK_REGION = 0.5  # Sec. 3.3.2
RELATIVE_LIMIT = 0.01  # twice 0.5 / 95, the bound that Sec. 4.2 calls the unpruned network's risk
REGION_SETTINGS = 5  # the fewest for which an ellipse is fitted (Sec. 3.3.1)
PRIOR_TOLERANCE = 1e-3  # decades


@dataclass(frozen=True, eq=False)
class Quantities:
    """The records of one or more networks with their replicates; each method lists effects, none where not run."""

    frame: pd.DataFrame
    replicates: int = 4000
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

    @cached_property
    def tables(self) -> dict[Variant, np.ndarray]:
        """Per variant a row per setting and a column per seed, in one order for all variants of a network."""
        found = {}
        for network in self.draws:
            rows = finished(self.frame[self.frame["network"] == network], self.value)
            wide = rows.pivot_table(index=SETTING, columns=["variant", "seed"], values=self.value)
            of_network = [v for v in self.variants if v.network == network]
            seeds = sorted(set.intersection(*(set(wide[v.name].columns) for v in of_network)))
            found |= {v: wide[v.name][seeds].to_numpy(dtype=float) for v in of_network}
        return found

    @cached_property
    def noise(self) -> dict[str, str]:
        """What the seeds of each network say of noise, in words."""
        return {network: describe(self.frame[self.frame["network"] == network]) for network in self.draws}

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

    def drawn(self, variant: Variant, rows: np.ndarray, detail: str = "", *, mirrored: bool = False) -> Effect:
        """An effect of mean landscapes from its values on all rows of the replicates, the measured one first.

        Deviations get the tails of Student's t: the noise is known from the runs of five settings or more, which every
        region holds. Where settings were resampled, as there is one run of each, they say nothing of a run's noise.
        """
        draws = self.draws[variant.network]
        value, samples = float(rows[0]), np.asarray(rows[1:], dtype=float)
        if draws.by == "seeds" and np.isfinite(value):
            freedom = REGION_SETTINGS * (draws.runs - 1)
            wide = tails(freedom, samples.size, np.random.default_rng([self.seed, freedom]))
            samples = value + (samples - value) * wide
        label = f"{variant.network} {variant.label}{detail}"
        return Effect(label=label, value=value, samples=samples, seeds=draws.runs, mirrored=mirrored)

    def correlations(self) -> list[Effect]:
        pairs = ((v, self.rows(base), self.rows(v)) for base, v in self.pruned())
        return [self.drawn(v, rowwise.spearman(a, b), mirrored=True) for v, a, b in pairs]

    def band_correlations(self) -> list[Effect]:
        return [self.drawn(v, self.ellipses[v, 1.0].correlation) for v in self.variants]

    def band_angles(self) -> list[Effect]:
        return [self.drawn(v, self.ellipses[v, 1.0].angle) for v in self.variants]

    def centre_products(self) -> list[Effect]:
        return self._shifts("lr", "weight_decay")

    def lr_shifts(self) -> list[Effect]:
        return self._shifts("lr")

    def weight_decay_shifts(self) -> list[Effect]:
        return self._shifts("weight_decay")

    def _shifts(self, *axes: str) -> list[Effect]:
        """How far centres move along some axes together.

        In every 1.0-ROI, and in the 0.5-ROIs that hold enough settings for an ellipse, as in Table 4.1.
        """
        found = [(v, x, self.ellipses[base, x], self.ellipses[v, x]) for base, v in self.pruned() for x in REGIONS]
        moved = [(v, x, sum(getattr(to, name) - getattr(at, name) for name in axes)) for v, x, at, to in found]
        return [self.drawn(v, by, _region(x)) for v, x, by in moved if x == max(REGIONS) or np.isfinite(by[0])]

    def mobilenet_global_lengths(self) -> list[Effect]:
        return self._lengths("MobileNetV2", (1.0,), "global")

    def mobilenet_uniform_lengths(self) -> list[Effect]:
        return self._lengths("MobileNetV2", (1.0,), "uniform")

    def resnet_global_lengths(self) -> list[Effect]:
        return self._lengths("ResNet-56", REGIONS, "global", 0.2)

    def _lengths(self, model: str, regions, method: str, target: float | None = None) -> list[Effect]:
        return [
            self.drawn(v, _ratio(self.ellipses[v, x].length, self.ellipses[base, x].length), _region(x))
            for x in regions
            for base, v in self.pruned()
            if family(v.network) == model and v.method == method and (target is None or abs(v.target - target) < 0.05)
        ]

    def _of_seeds(self, variant: Variant, values: np.ndarray, label: str = "") -> Effect:
        return from_seeds(label or f"{variant.network} {variant.label}", values, crossfitted=True)

    def best(self, variant: Variant) -> np.ndarray:
        """Per seed, the accuracy at the setting that is best in the other seeds."""
        return crossfit.best(self.tables[variant], self._weights(variant))

    def _weights(self, variant: Variant) -> np.ndarray:
        return crossfit.neighbours(self.draws[variant.network].points[0])

    def best_accuracies(self) -> dict[Variant, Effect]:
        return {v: self._of_seeds(v, self.best(v)) for v in self.variants}

    def best_gaps(self) -> list[Effect]:
        return [self._of_seeds(a, self.best(a) - self.best(b), _at(a)) for _, a, b in self.pairs()]

    def loss_steps(self) -> list[Effect]:
        return [self._of_seeds(b, self.best(a) - self.best(b), _from(a, b)) for _, a, b in self.steps()]

    def loss_offsets(self) -> list[Effect]:
        """Loss minus the printed loss of the model that the network stands in for, where one is printed."""
        return [
            self._of_seeds(v, self.best(base) - self.best(v) - printed)
            for base, v in self.pruned()
            if (printed := printed_losses().get((family(v.network), v.method, v.key[2]))) is not None
        ]

    def risk_by_seed(self, base: Variant, variant: Variant) -> np.ndarray:
        """Per seed, the mean risk over the unpruned 0.5-ROI (eq. 3.5)."""
        return crossfit.risk(self.tables[base], self.tables[variant], RISK_REGION, self._weights(base))

    def risks(self) -> list[Effect]:
        return [self._of_seeds(v, self.risk_by_seed(base, v)) for base, v in self.pruned()]

    def risk_rises(self) -> list[Effect]:
        return [self._rise(base, base, v) for base, v in self.pruned()]

    def method_gaps(self) -> list[Effect]:
        return [self._rise(base, a, b, _at(a)) for base, a, b in self.pairs()]

    def strength_gaps(self) -> list[Effect]:
        return [self._rise(base, a, b, _from(a, b)) for base, a, b in self.steps()]

    def _rise(self, base: Variant, before: Variant, after: Variant, label: str = "") -> Effect:
        """The mean risk of one variant minus that of another."""
        return self._of_seeds(after, self.risk_by_seed(base, after) - self.risk_by_seed(base, before), label)

    def small_shares(self) -> list[Effect]:
        return self._shares("MobileNetV2", "ResNet-56")

    def large_shares(self) -> list[Effect]:
        return self._shares("ResNet-50")

    def _shares(self, *models: str) -> list[Effect]:
        names = self.networks(*models)
        return [self.drawn(v, self._share(base, v)) for base, v in self.pruned() if v.network in names]

    def _share(self, base, variant) -> np.ndarray:
        loss = rowwise.risks(self.rows(base), self.rows(variant), RISK_REGION, relative=True)
        return rowwise.mean(np.where(np.isnan(loss), np.nan, loss <= RELATIVE_LIMIT))

    def risk(
        self, base: Variant, variant: Variant, *, relative: bool = False, summary: Callable = rowwise.mean
    ) -> Effect:
        """Mean (or deviation) of the risk over the unpruned 0.5-ROI as the thesis computes it, on the same runs."""
        rows = summary(rowwise.risks(self.rows(base), self.rows(variant), RISK_REGION, relative=relative))
        return self.drawn(variant, rows)

    def metric_correlations(self) -> list[Effect]:
        return [self.drawn(v, rowwise.spearman(a, b), mirrored=True) for v, a, b in self._two_metrics()]

    def same_best(self) -> list[Effect]:
        """1 where the setting with the best top-1 accuracy also has the best top-5 accuracy, else 0."""
        return [self.drawn(v, (rowwise.at_best(a, b) >= 0).astype(float)) for v, a, b in self._two_metrics()]

    def _two_metrics(self):
        if "top5" not in self.frame:
            return
        both = self.frame.dropna(subset=["top1", "top5"])
        for variant in (v for v in self.variants if v.network in self.networks("ResNet-50")):
            rows = select(both, variant)
            if len(rows):
                yield variant, *(self._alone(rows, metric, variant) for metric in ("top1", "top5"))

    def _alone(self, rows, metric, variant) -> rowwise.Rows:
        """Replicates of one metric; equal seeds pick equal runs, so that both metrics of a run stay together."""
        return replicate(rows, value=metric, replicates=self.replicates, seed=self.seed).landscapes[variant.name]

    def prior_gains(self) -> list[Effect]:
        return [
            self._of_seeds(v, gain)
            for v in self.variants
            if v.method == "none" and family(v.network) in ("MobileNetV2", "ResNet-56")
            if (gain := self._prior_gain(v)) is not None
        ]

    def _prior_gain(self, variant) -> np.ndarray | None:
        prior = published("table-3.4").set_index("architecture").loc[family(variant.network)]
        wanted = np.array([prior["prior_weight_decay_log10"], prior["prior_learning_rate_log10"]], dtype=float)
        found = np.abs(self.draws[variant.network].points[0] - wanted).max(axis=1) < PRIOR_TOLERANCE
        if not found.any():
            return None
        gain = self.best(variant) - self.tables[variant][found.argmax()]
        return None if np.isnan(gain).any() else gain

    def best_transfers(self) -> list[Effect]:
        pairs = [(v, (self.tables[base], self.tables[v], self._weights(v))) for base, v in self.pruned()]
        return [self._of_seeds(v, crossfit.at_best(*sides) - self.best(v)) for v, sides in pairs]


def _region(x: float) -> str:
    return f", {x:.1f}-ROI"


def _at(variant: Variant) -> str:
    return f"{variant.network} at {100 * variant.target:.0f}%"


def _from(milder: Variant, stronger: Variant) -> str:
    return f"{stronger.network} {milder.label} to {stronger.label}"


def _ratio(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """NaN where nothing is divided by: a region of one setting has no risk and no length."""
    return np.where(lower > 0, over(upper, lower), np.nan)


def printed_losses() -> dict[tuple[str, str, float], float]:
    """(model, method, target) -> best top-1 accuracy lost to pruning, from the accuracies in Sec. 4.1.1."""
    rows = published("text-4.1.1")
    rows = rows[rows["metric"] == "top-1"]
    base = rows[rows["method"] == "none"].set_index("model")["best_accuracy_pct"]
    return {
        (row.model, row.method, round(row.target, 6)): float(base[row.model] - row.best_accuracy_pct)
        for row in rows.itertuples()
    }
