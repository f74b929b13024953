"""Every table of the thesis's results from records, beside the published one."""

from itertools import product

import numpy as np
import pandas as pd

from pruneproxy.evidence.effects import Effect
from pruneproxy.evidence.tables import MEASURED, beside, beside_quantities, quantities, with_interval
from pruneproxy.recipes.hp_space.quantities import PRIOR_TOLERANCE, Quantities
from pruneproxy.recipes.hp_space.variants import MODELS, family, published
from pruneproxy.stats import confidence_level, log_points, rowwise
from pruneproxy.stats.landscapes import finished

VARIANT = ["model", "method", "target"]
FLOPS = 2  # the thesis counts a multiplication and an addition each


def architectures(measured: pd.DataFrame) -> pd.DataFrame:
    """Table 3.2: parameters in millions and FLOPs (2 x multiplications) of the unpruned networks.

    `measured` has the columns `network`, `parameters` and `multiplications`, and may have `method`.
    """
    rows = measured[measured["method"] == "none"] if "method" in measured else measured
    columns = {"parameters_millions": "parameters (millions)", "flops": "FLOPs (billions)"}
    ours = [
        {"model": _model(row.network), "quantity": quantity, "ours": value}
        for row in rows.drop_duplicates("network").itertuples()
        for quantity, value in zip(
            columns.values(), (row.parameters / 1e6, FLOPS * row.multiplications / 1e9), strict=True
        )
    ]
    printed = published("table-3.2").rename(columns={"architecture": "model"})
    printed = printed.assign(flops=printed["flops"].astype(float) / 1e9)
    return beside_quantities(_frame(ours, ["model"]), printed, keys=["model"], columns=columns)


def baselines(frame: pd.DataFrame) -> pd.DataFrame:
    """Table 3.4: accuracy in percent of the unpruned networks at the prior setting, with a t interval over seeds."""
    printed = published("table-3.4").rename(columns={"architecture": "model"})
    names = {"baseline_top1_accuracy_pct": "top1", "baseline_top5_accuracy_pct": "top5"}
    long = quantities(printed, keys=["model"], columns=names).dropna(subset="published")
    priors = printed.set_index("model")[["prior_weight_decay_log10", "prior_learning_rate_log10"]]
    ours = [
        {"model": _model(network), "quantity": value, **_at_prior(rows, priors.loc[_model(network)], value)}
        for network, rows in frame[frame["method"] == "none"].groupby("network", sort=False)
        for value in long.loc[long["model"] == _model(network), "quantity"]
        if value in rows
    ]
    return beside(_frame(ours, ["model"]), long, keys=["model", "quantity"])


def _at_prior(rows, prior, value) -> dict[str, float]:
    """The mean over the seeds of the prior setting."""
    rows = finished(rows, value)
    near = np.abs(log_points(rows) - prior.to_numpy(dtype=float)).max(axis=1) < PRIOR_TOLERANCE
    values = rows.loc[near, value].astype(float)
    return with_interval(values.mean(), values.std(), len(values))


def confidence_levels() -> pd.DataFrame:
    """Table 3.5: alpha = exp(-k^2 / 2) at k standard deviations."""
    printed = published("table-3.5").rename(
        columns={"sde_multiplier": "multiplier", "confidence_level_alpha": "published"}
    )
    ours = printed[["multiplier"]].assign(
        ours=[confidence_level(k) for k in printed["multiplier"]], low=np.nan, high=np.nan
    )
    return beside(ours, printed, keys=["multiplier"])


def best_accuracies(frame: pd.DataFrame, **choices) -> pd.DataFrame:
    """Sec. 4.1.1: the best accuracy of each landscape in percent; `choices` (replicates, seed) go to the bootstrap."""
    printed = published("text-4.1.1").assign(quantity=lambda rows: rows["metric"].str.replace("-", "", regex=False))
    printed = printed.rename(columns={"best_accuracy_pct": "published"})
    ours = []
    for value in (name for name in ("top1", "top5") if name in frame):
        wanted = frame[frame["network"].map(_model).isin(printed.loc[printed["quantity"] == value, "model"])]
        study = _study(wanted, choices | {"value": value})
        ours += [_row(variant, value, found) for variant, found in study.best_accuracies().items()]
    return beside(_frame(ours, VARIANT), printed, keys=[*VARIANT, "quantity"])


def ellipses(frame: pd.DataFrame, **choices) -> pd.DataFrame:
    """Table 4.1: length, width and centre of the ellipses (log10), where a region holds five settings or more."""
    columns = {
        "length_log10": "length",
        "width_log10": "width",
        "centre_weight_decay_log10": "weight_decay",
        "centre_learning_rate_log10": "lr",
    }
    study, keys = _study(frame, choices), [*VARIANT, "region"]
    ours = [
        _row(variant, quantity, study.drawn(variant, getattr(found, quantity))) | {"region": f"{x:.1f}-ROI"}
        for (variant, x), found in study.ellipses.items()
        for quantity in columns.values()
    ]
    return beside_quantities(_frame(ours, keys), published("table-4.1"), keys=keys, columns=columns)


def risks(frame: pd.DataFrame, **choices) -> pd.DataFrame:
    """Table 4.2: mean and deviation of the absolute (points) and relative risk over the unpruned network's 0.5-ROI."""
    columns = {
        "risk_mean_points": "mean risk",
        "risk_std_points": "deviation of risk",
        "relative_risk_mean": "mean relative risk",
        "relative_risk_std": "deviation of relative risk",
    }
    study, summaries = _study(frame, choices), list(product((False, True), (rowwise.mean, rowwise.deviation)))
    unpruned = [(variant, variant) for variant in study.variants if variant.method == "none"]
    ours = [
        _row(variant, quantity, study.risk(base, variant, relative=relative, summary=summary))
        for base, variant in [*unpruned, *study.pruned()]
        for quantity, (relative, summary) in zip(columns.values(), summaries, strict=True)
    ]
    return beside_quantities(_frame(ours, VARIANT), published("table-4.2"), keys=VARIANT, columns=columns)


def _study(frame, choices) -> Quantities:
    return Quantities(frame, **({"replicates": 2000} | choices))


def _model(network: str) -> str:
    """The published model that a network stands beside; its own name where there is none."""
    return MODELS.get(network) or family(network) or network


def _row(variant, quantity, found: Effect) -> dict:
    values = (_model(variant.network), variant.method, variant.target, quantity, found.value)
    low, high = found.interval or (np.nan, np.nan)
    return dict(zip([*VARIANT, "quantity", "ours"], values, strict=True)) | {"low": low, "high": high}


def _frame(rows: list[dict], keys: list[str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=[*keys, "quantity", *MEASURED])
