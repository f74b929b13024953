"""Chapter 6: which hyperparameters matter, which values the trade-off has, and what subsets of it cover.

A search's space gives the axes: functions that need them take its dimensions, those of `experiments.space(case)`.
"""

from collections.abc import Callable, Sequence

import numpy as np
import pandas as pd

from pruneproxy import importance, pareto
from pruneproxy.errors import UserError
from pruneproxy.importance import ForestConfig, PanConfig, Partition
from pruneproxy.recipes.sparse_tradeoff import fronts
from pruneproxy.recipes.sparse_tradeoff.experiments import space as dimensions_of
from pruneproxy.recipes.sparse_tradeoff.frames import CASE, FIELDS, MEASURED, Frames, sparsity_of
from pruneproxy.recipes.sparse_tradeoff.protocol import Case
from pruneproxy.space import Dimension

SMOOTH = ("sparsity", "update_frequency", "update_end", "lr", "momentum", "weight_decay", "epochs")
SMOOTH += ("dropout", "smoothing", "first", "middle", "last")  # Fig. 6.2
COUNTED = ("algorithm", "distribution", "layers", "block1", "block2", "block3")  # Fig. 6.3
INACTIVE = "random"
LEAST = 4  # configurations
SUBSETS = {
    "from": pareto.volume_from,
    "up to": pareto.volume_up_to,
    "bins": pareto.volume_of_bins,
    "values": pareto.volume_of_values,
}


def axes(dimensions: Sequence[Dimension]) -> tuple[Dimension, ...]:
    """The hyperparameters of a space by their names in `Frames`, where all may be active."""
    names = {field: name for name, field in FIELDS.items()}
    return tuple(_axis(names[one.field], one) for one in dimensions)


def _axis(name: str, one: Dimension) -> Dimension:
    if one.choices:
        return Dimension(field=name, choices=one.choices, default=one.default)
    low, high, default = one.low, one.high, one.default
    if name == "sparsity":
        low, high, default = (sparsity_of(value) for value in (high, low, default))
    return Dimension(field=name, low=low, high=high, log=one.log, integer=one.integer, default=default)


def configurations(frames: Frames, dataset: str, *, space: str | None = None) -> pd.DataFrame:
    """The configurations of the Latin hypercube that have been evaluated; `space` is one of `protocol.SPACES`."""
    table = frames.random[frames.random["dataset"] == dataset]
    table = table if space is None else table[table["space"] == space]
    if table["space"].nunique() > 1:
        raise UserError(f"expected one space, got {', '.join(map(str, table['space'].unique()))}: name one of them")
    return table.dropna(subset=MEASURED).reset_index(drop=True)


def importances(
    table: pd.DataFrame,
    dimensions: Sequence[Dimension],
    *,
    inactive: str = INACTIVE,
    forest: ForestConfig | None = None,
) -> pd.DataFrame:
    """Tables 6.1, D.1 and D.2: the importance of every hyperparameter for each objective alone.

    `table` is one of `configurations`; objectives are taken as there, costs as logarithms. What stands for an inactive
    hyperparameter is one of `importance.INACTIVE`: the thesis does not say.
    """
    columns = [*CASE, "objective", "hyperparameter", "importance", "sd"]
    if len(table) < LEAST:
        return pd.DataFrame(columns=columns)
    choices = {"axes": axes(dimensions), "inactive": inactive, "forest": forest}
    scaled = pareto.scales(table, fronts.OBJECTIVES)
    found = [importance.fanova(table, scaled[name], **choices).assign(objective=name) for name in scaled]
    return pd.concat(found).reset_index().assign(**_about(table))[columns]


def _about(table: pd.DataFrame) -> dict:
    return {name: table[name].iloc[0] for name in CASE}


def drawn_each(frames: Frames, cases: Sequence[Case], measure: Callable, *, space: str, **choices) -> pd.DataFrame:
    """`measure` (`importances` or `scale`) of every data set's Latin hypercube over `space`, one below the other."""
    drawn = ((case, configurations(frames, case.dataset, space=space)) for case in cases)
    found = [measure(table, dimensions_of(case, space), **choices) for case, table in drawn if len(table) >= LEAST]
    return pd.concat(found or [importances(frames.random[:0], ())], ignore_index=True).assign(space=space)


def compared(
    tables: Sequence[pd.DataFrame], *, by: str, names: Sequence[str] = ("algorithm", "sparsity")
) -> pd.DataFrame:
    """Importances of some hyperparameters in several tables side by side, a column for each value of `by`."""
    rows = pd.concat(tables, ignore_index=True)
    rows = rows[rows["hyperparameter"].isin(names)]
    keys = ["dataset", "objective", "hyperparameter"]
    return rows.pivot(index=keys, columns=by, values="importance").reindex(
        index=rows.set_index(keys).index.unique(), columns=rows[by].unique()
    )


def found_each(frames: Frames, cases: Sequence[Case], measure: Callable, **choices) -> pd.DataFrame:
    """`measure` (`densities` or `shares`) of every data set's trade-off, one below the other."""
    tables = [measure(fronts.optimised(frames, case.dataset), dimensions_of(case), **choices) for case in cases]
    return pd.concat([table for table in tables if len(table)] or tables[:1], ignore_index=True)


def volumes_each(frames: Frames, column: str, **choices) -> pd.DataFrame:
    """`subset_volumes` of every data set's trade-off, one below the other."""
    found = [fronts.optimised(frames, name) for name in frames.runs["dataset"].unique()]
    tables = [table for table in found if len(table)] or [frames.runs[:0]]
    return pd.concat([subset_volumes(table, column, **choices) for table in tables], ignore_index=True)


def places(frames: Frames, column: str) -> list[int]:
    """1, 3, 10, 30 and so on, up to the first that no configuration of the trade-offs exceeds in a column."""
    found = [fronts.optimised(frames, name)[column].astype(float).max() for name in frames.runs["dataset"].unique()]
    largest = max([1.0, *(value for value in found if np.isfinite(value))])
    every = [factor * 10**power for power in range(8) for factor in (1, 3)]
    return every[: 1 + max(1, next(place for place, value in enumerate(every) if value >= largest))]


def shuffled(table: pd.DataFrame, dimensions: Sequence[Dimension], **choices) -> pd.DataFrame:
    """`importances` when the results are dealt to the configurations by lot: what a forest makes of nothing."""
    order = np.random.default_rng(0).permutation(len(table))
    dealt = {name: table[name].to_numpy()[order] for name in MEASURED}
    return importances(table.assign(**dealt), dimensions, **choices)


def scale(table: pd.DataFrame, dimensions: Sequence[Dimension], *, inactive: str = INACTIVE, **choices) -> pd.DataFrame:
    """Fig. 6.1: importance on the way from error to inference, on to training, and back to error.

    The other choices are those of `importance.importance_scale`; `kind="even"` needs the fewest forests.
    """
    choices |= {"axes": axes(dimensions), "inactive": inactive}
    return importance.importance_scale(table, table, fronts.OBJECTIVES, **choices).assign(**_about(table))


def densities(table: pd.DataFrame, dimensions: Sequence[Dimension], **choices) -> pd.DataFrame:
    """Fig. 6.2: the densities of real and large whole numbers in a trade-off; choices of `importance.densities`.

    `log` says which of them are searched on a logarithmic scale.
    """
    found = _distribution(importance.densities, table, dimensions, SMOOTH, **choices)
    return found.assign(log=found["hyperparameter"].isin([one.field for one in axes(dimensions) if one.log]))


def shares(table: pd.DataFrame, dimensions: Sequence[Dimension]) -> pd.DataFrame:
    """Fig. 6.3: how often a trade-off has each choice and each small whole number."""
    return _distribution(importance.shares, table, dimensions, COUNTED)


def _distribution(measure, table, dimensions, names, **choices) -> pd.DataFrame:
    found = [one for one in axes(dimensions) if one.field in names]
    if table.empty or not found:
        return pd.DataFrame(columns=["dataset", "hyperparameter", "configurations", "value"])
    return measure(table, found, **choices).assign(dataset=table["dataset"].iloc[0])


def subset_volumes(
    table: pd.DataFrame,
    column: str,
    *,
    way: str,
    at: Sequence | None = None,
    kind: str = "front",
    dense_as_zero: bool = True,
) -> pd.DataFrame:
    """Sec. 6.2.2: the hypervolume of a part of a trade-off, and its share of the whole one's.

    `way` filters by a least value ("from"), a largest one ("up to"), into "bins" or by "values", at the places `at`.
    All parts are normalised over the extremes of the whole (`fronts.EXTREMES`). A dense configuration has the sparsity
    0, unless `dense_as_zero` is off: then it belongs to the whole only.
    """
    if table.empty:
        return pd.DataFrame(columns=["dataset", "configurations", "hypervolume", "share"])
    whole = fronts.extremes([table], kind)
    if column == "sparsity" and dense_as_zero:
        table = table.assign(sparsity=fronts.sparsities(table))
    if way == "values" and at is None:
        at = list(dict.fromkeys(table[column].dropna()))
    found = SUBSETS[way](table, fronts.OBJECTIVES, column, at, over=whole)
    return found.assign(dataset=table["dataset"].iloc[0])


def clusters(
    table: pd.DataFrame, dimensions: Sequence[Dimension], *, config: PanConfig | None = None
) -> list[Partition]:
    """Sec. 6.2.4: partitions of a trade-off that hold among hyperparameters and among objectives."""
    decision = importance.mixed_distances(table, axes(dimensions))
    objective = importance.distances(pareto.normalised(table, fronts.OBJECTIVES, over=table).to_numpy())
    return importance.biclusters(decision, objective, config=config)


def described(table: pd.DataFrame, partition: Partition) -> pd.DataFrame:
    """A row per cluster: how many configurations, their mean objectives (costs geometric) and mean sparsity."""
    scaled = pareto.scales(table, fronts.OBJECTIVES).assign(sparsity=fronts.sparsities(table))
    groups = scaled.groupby(np.array(partition.labels))
    found = groups.mean().assign(configurations=groups.size()).rename_axis("cluster")
    return found.assign(**{name: 10 ** found[name] for name in fronts.COST})[["configurations", *MEASURED, "sparsity"]]
