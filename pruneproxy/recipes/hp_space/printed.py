"""The same quantities as `Quantities`, from the numbers that the thesis prints; effects without replicates."""

from collections.abc import Callable
from itertools import product

import numpy as np
import pandas as pd

from pruneproxy.evidence.effects import Effect, exact
from pruneproxy.recipes.hp_space.variants import published

CENTRE = {"weight_decay": "centre_weight_decay_log10", "lr": "centre_learning_rate_log10"}


class Printed:
    """What Tables 3.4, 4.1, 4.2 and Sec. 4.1.1 say; a quantity that is not printed is an empty list."""

    def __init__(self):
        drawn = published("table-4.1").dropna(subset="length_log10")  # a dash where no ellipse was fitted
        self.ellipses = _with_base(drawn.assign(x=drawn["region"].str[:3].astype(float)), ["model", "x"])
        self.risk_rows = _with_base(published("table-4.2"), ["model"])
        best = published("text-4.1.1")
        self.metrics = best
        self.best = _with_base(best[best["metric"] == "top-1"], ["model"])

    def _not_printed(self):
        return []

    correlations = band_correlations = band_angles = metric_correlations = best_transfers = _not_printed
    small_shares = large_shares = _not_printed

    def centre_products(self):
        return self._shifts("lr", "weight_decay")

    def lr_shifts(self):
        return self._shifts("lr")

    def weight_decay_shifts(self):
        return self._shifts("weight_decay")

    def _shifts(self, *axes: str):
        names = [CENTRE[axis] for axis in axes]
        moved = ((row, sum(row[name] - row[f"{name}_base"] for name in names)) for row in _pruned(self.ellipses))
        return [_effect(row, by, row["region"]) for row, by in moved]

    def mobilenet_global_lengths(self):
        return self._lengths("MobileNetV2", (1.0,), "global")

    def mobilenet_uniform_lengths(self):
        return self._lengths("MobileNetV2", (1.0,), "uniform")

    def resnet_global_lengths(self):
        return self._lengths("ResNet-56", (1.0, 0.5), "global", 0.2)

    def _lengths(self, model, regions, method, target=None):
        return [
            _effect(row, row["length_log10"] / row["length_log10_base"], row["region"])
            for x in regions
            for row in _pruned(self.ellipses)
            if (row["model"], row["x"], row["method"]) == (model, x, method) and target in (None, row["target"])
        ]

    def best_gaps(self):
        return [_effect(a, a["best_accuracy_pct"] - b["best_accuracy_pct"]) for a, b in _pairs(self.best)]

    def loss_steps(self):
        return [_effect(b, a["best_accuracy_pct"] - b["best_accuracy_pct"]) for a, b in _steps(self.best)]

    def loss_offsets(self):
        return [_effect(row, 0.0) for row in _pruned(self.best)]

    def risks(self):
        return [_effect(row, row["risk_mean_points"]) for row in _pruned(self.risk_rows)]

    def risk_rises(self):
        return [_effect(row, row["risk_mean_points"] - row["risk_mean_points_base"]) for row in _pruned(self.risk_rows)]

    def method_gaps(self):
        return [_effect(b, b["risk_mean_points"] - a["risk_mean_points"]) for a, b in _pairs(self.risk_rows)]

    def strength_gaps(self):
        return [_effect(b, b["risk_mean_points"] - a["risk_mean_points"]) for a, b in _steps(self.risk_rows)]

    def same_best(self):
        """1 where the source says that the best top-5 accuracy belongs to the setting with the best top-1 accuracy."""
        rows = self.metrics[self.metrics["metric"] == "top-5"]
        same = rows["note"].fillna("").str.startswith("same configuration as the best top-1")
        return [_effect(row, float(flag)) for row, flag in zip(rows.to_dict("records"), same, strict=True)]

    def prior_gains(self):
        prior = published("table-3.4").set_index("architecture")["baseline_top1_accuracy_pct"]
        rows = self.best[(self.best["method"] == "none") & (self.best["dataset"] == "CIFAR-10")]
        return [_effect(row, row["best_accuracy_pct"] - prior[row["model"]]) for row in rows.to_dict("records")]

    def remarks(self) -> dict[str, str]:
        """What can be said of the claims whose quantity is not printed."""
        shape = self.ellipses["length_log10"] / self.ellipses["width_log10"]
        ratios = np.array([row["risk_mean_points"] / row["risk_mean_points_base"] for row in _pruned(self.risk_rows)])
        risks = [effect.value for effect in self.risks()]
        return {
            "HS-01": "not checkable: contour plots only",
            "HS-02": f"ellipses are {shape.min():.1f} to {shape.max():.1f} times as long as wide; "
            "their direction is not printed",
            "HS-11": "shares are in the figure only; "
            f"the mean risk is more than doubled in {(ratios > 2).sum()} of {ratios.size} variants",
            "HS-16": "not printed; the mean over the unpruned 0.5-ROI is "
            f"{-min(risks):.2f} to {-max(risks):.2f} points",
        }


def _with_base(rows: pd.DataFrame, on: list[str]) -> pd.DataFrame:
    """The rows with the unpruned row of the same model beside each, its columns ending in `_base`."""
    base = rows[rows["method"] == "none"]
    return rows.merge(base, on=on, suffixes=("", "_base"))


def _pruned(rows) -> list[dict]:
    return rows[rows["method"] != "none"].to_dict("records")


def _pairs(rows) -> list[tuple[dict, dict]]:
    """(uniform, global) at equal targets."""
    return _both(rows, lambda a, b: (a["target"], a["method"], b["method"]) == (b["target"], "uniform", "global"))


def _steps(rows) -> list[tuple[dict, dict]]:
    """(milder, stronger) of one method."""
    return _both(rows, lambda a, b: a["method"] == b["method"] and a["target"] > b["target"])


def _both(rows, wanted: Callable[[dict, dict], bool]) -> list[tuple[dict, dict]]:
    """Pairs of pruned variants of one model."""
    pairs = product(_pruned(rows), repeat=2)
    return [(a, b) for a, b in pairs if a["model"] == b["model"] and wanted(a, b)]


def _effect(row, value, detail: str = "") -> Effect:
    label = "unpruned" if row["method"] == "none" else f"{100 * row['target']:.0f}% {row['method']}"
    return exact(f"{row['model']} {label}" + (f", {detail}" if detail else ""), value)
