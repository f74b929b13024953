"""The same quantities as `Quantities`, from the numbers that the thesis prints, taken as exact: no replicates."""

from collections.abc import Callable

import pandas as pd

from pruneproxy import published
from pruneproxy.evidence.effects import Effect, exact
from pruneproxy.recipes.sparse_tradeoff import reanalysis
from pruneproxy.recipes.sparse_tradeoff.pairs import ARCHITECTURES, Pairs, excess
from pruneproxy.recipes.sparse_tradeoff.quantities import COSTS, METHODS, MILD, TOP

PART = "sparse_tradeoff"
ROUNDED = 0.005  # half the last place of a relative cost
IMPORTANCES = {"error": "table-6.1", "inference": "table-D.1", "training": "table-D.2"}
LR = "initial learning rate"


def _of_rows(table: str, function: Callable[[dict], float]) -> Callable[["Printed"], dict[str, Effect]]:
    """The quantity that a function of each data set's row of a table gives."""

    def effects(self) -> dict[str, Effect]:
        rows = published.read(PART, table).to_dict("records")
        return {row["dataset"]: exact(row["dataset"], function(row)) for row in rows}

    return effects


class Printed(Pairs):
    """What Tables 5.1 to 5.8, 6.1, D.1 and D.2 say; a quantity that is not printed is empty."""

    def excess_losses(self) -> dict[str, list[Effect]]:
        table = _fixed()
        dense = table.loc["Dense", "test_accuracy_mean_pct"]
        sparse = table[table["sparsity"] < MILD]
        return {
            "MNIST": [
                excess(f"MNIST, {method} {row.sparsity:g}", exact("", dense - row.test_accuracy_mean_pct), "MNIST")
                for method, row in zip(sparse.index, sparse.itertuples(), strict=True)
            ]
        }

    def collapses(self, sparsity: float) -> dict[str, Effect]:
        table = _fixed()
        at = table[table["sparsity"] == sparsity]["test_accuracy_mean_pct"]
        return {"MNIST": exact(f"MNIST, sparsity {sparsity:g}", at["RigL"] - at["SET"])}

    def kept_ratios(self) -> dict[str, list[Effect]]:
        """Of all ratios that round to the printed one, that nearest to 1."""
        rows = _fixed().dropna(subset="sparsity").reset_index().to_dict("records")
        return {
            "MNIST": [
                exact(f"MNIST, {row['algorithm']} {row['sparsity']:g}, {cost}", _nearest(row, cost))
                for row in rows
                for cost in COSTS
            ]
        }

    fixed_volumes = _of_rows("table-5.2", lambda row: row["hypervolume"])
    search_volumes = _of_rows("table-5.5", lambda row: row["hypervolume_ratio_printed"])
    sweep_volumes = _of_rows("table-5.8", lambda row: row["hypervolume_ratio_printed"])
    search_gains = _of_rows("table-5.5", lambda row: row["accuracy_improvement_printed_points"])
    sweep_gains = _of_rows("table-5.8", lambda row: row["accuracy_improvement_printed_points"])
    dense_shares = _of_rows("table-5.6", lambda row: row["derived_dense_count"] / row["configurations"])
    set_shares = _of_rows("table-5.6", lambda row: row["derived_set_count"] / _sparse(row))
    mean_sparsities = _of_rows("table-5.6", lambda row: row["average_sparsity_if_sparse"])
    sparse_top_shares = _of_rows("table-5.7", lambda row: 1 - row["dense_configurations"] / TOP)

    def correlation_gaps(self) -> dict[str, list[Effect]]:
        rows = published.read(PART, "table-5.4").to_dict("records")
        return {
            row["dataset"]: [
                exact(row["dataset"], row[f"rho_accuracy_{cost}"] - row["rho_inference_training"]) for cost in COSTS
            ]
            for row in rows
        }

    def algorithm_importances(self) -> dict[str, list[Effect]]:
        return _by_dataset(
            exact(f"{name}, {objective}", column["algorithm"])
            for objective in IMPORTANCES
            for name, column in _importance(objective)
        )

    def sparsity_leads(self) -> dict[str, list[Effect]]:
        return _by_dataset(
            exact(f"{name}, {cost}", column["sparsity"] - column.drop("sparsity").max())
            for cost in COSTS
            for name, column in _importance(cost)
        )

    def resnet_leads(self) -> dict[str, list[Effect]]:
        return _by_dataset(
            exact(f"{name}, error, {rival}", column[rival] - column[LR])
            for name, column in _importance("error")
            if ARCHITECTURES[name] == "ResNet"
            for rival in ("weight decay", "epochs")
        )

    def depth_leads(self) -> dict[str, list[Effect]]:
        return _by_dataset(
            exact(f"{name}, error", column["MLP layers"] - column[LR])
            for name, column in _importance("error")
            if ARCHITECTURES[name] == "MLP"
        )

    def _not_printed(self) -> dict[str, Effect]:
        return {}

    method_volumes = mild_best_shares = covering_shares = preferred_shares = lines = bends = _not_printed


def remarks() -> dict[str, str]:
    """What can be said of the claims whose quantity is not printed, or printed in part."""
    average = {name: effect.value for name, effect in Printed().mean_sparsities().items()}
    return {
        "ST-10": "subset hypervolumes are curves only",
        "ST-14": "not checkable: coloured points only",
        "ST-19": "not checkable: curves only",
        "ST-20": "no fit and no shares are printed; mean sparsities are "
        + ", ".join(f"{value:.2f} ({name})" for name, value in average.items()),
    }


def cautions() -> dict[str, str]:
    """What the printed deviations or counts say beyond the verdict that takes the printed numbers as exact."""
    gains, shares = reanalysis.gains(), reanalysis.shares()
    widest = {name: rows.loc[rows["difference"].idxmax()] for name, rows in gains.groupby("table")}
    sweep = gains[gains["table"] == "table-5.8"]
    elec2 = shares.loc[shares["dense_share"].idxmax()]
    top = widest["table-5.5"]
    return {
        "ST-01": "data sets other than MNIST are curves only",
        "ST-07": f"the largest gain has a 95 % interval from {top['low']:.1f} to {top['high']:.1f} points",
        "ST-09": f"the largest share, {elec2['dense']} of {elec2['configurations']}, has a 95 % interval from "
        f"{elec2['dense_low']:.2f} to {elec2['dense_high']:.2f}",
        "ST-12": f"{(sweep['low'] > 0).sum()} of {len(sweep)} gains in accuracy are above 0 with their 95 % interval",
    }


def _fixed() -> pd.DataFrame:
    return published.read(PART, "table-5.1").set_index("algorithm")


def _nearest(row, cost: str) -> float:
    printed, kept = row[f"{cost}_flops_relative_to_dense"], 1 - row["sparsity"]
    return min(max(1.0, (printed - ROUNDED) / kept), (printed + ROUNDED) / kept)


def _sparse(row) -> int:
    return sum(row[f"derived_{method}_count"] for method in METHODS)


def _importance(objective: str):
    """(data set, importance by hyperparameter) of the hyperparameters that are active there."""
    table = published.read(PART, IMPORTANCES[objective])
    for name, rows in table.groupby("dataset", sort=False):
        yield name, rows.set_index("hyperparameter")["importance"].dropna()


def _by_dataset(effects) -> dict[str, list[Effect]]:
    found: dict[str, list[Effect]] = {}
    for effect in effects:
        found.setdefault(effect.label.split(", ")[0], []).append(effect)
    return found
