"""What the thesis's own tables show, from the printed numbers alone; nothing here was trained.

Means over seeds are compared by Welch's t with five seeds on both sides (Fig. 4.3), counts as binomial shares.
"""

import numpy as np
import pandas as pd
import scipy

from pruneproxy import published
from pruneproxy.importance import ForestConfig, fanova
from pruneproxy.space import Dimension
from pruneproxy.stats import Comparison, Summary, holm, p_value, printed_summary, welch

PART = "sparse_tradeoff"
SEEDS = 5
MARGIN = 0.5  # points
ROUNDED = 0.05, 0.005  # half the last place of a printed mean and of a printed deviation
LEVEL = 0.95
IMPORTANCES = {"error": "table-6.1", "inference": "table-D.1", "training": "table-D.2"}
LAYERS = {"first": "size first MLP layer", "middle": "size middle MLP layer", "last": "size last MLP layer"}
ALGORITHMS = ("RigL", "SET", "Dense")
FILLED = ("default", "level", "random")  # `importance.INACTIVE`
VERSIONS = 20 * 17  # configurations of the evaluation, Sec. 5.3
EQUAL = (0.4, 0.6)  # share of SET that counts as equal


def fixed() -> pd.DataFrame:
    """Table 5.1: each sparse network minus the dense one, with intervals and tests, a row per algorithm and sparsity.

    `equivalent` is the p of both one-sided tests at 0.5 points, `worse` that of a lower accuracy; `_holm` corrects over
    the 30 rows, and `_rounded` supposes that rounding hides the worst.
    """
    table = published.read(PART, "table-5.1")
    dense, sparse = table[table["algorithm"] == "Dense"], table[table["algorithm"] != "Dense"].reset_index(drop=True)
    return _tested(sparse[["algorithm", "sparsity"]], _summary(sparse), _summary(dense))


def methods() -> pd.DataFrame:
    """Table 5.1: SET minus RigL, a row per sparsity; the columns are those of `fixed`, corrected over 15 rows."""
    table = published.read(PART, "table-5.1")
    sides = [table[table["algorithm"] == name].sort_values("sparsity") for name in ("SET", "RigL")]
    return _tested(sides[0][["sparsity"]].reset_index(drop=True), *map(_summary, sides))


def gains() -> pd.DataFrame:
    """Tables 5.5 and 5.8: the highest accuracy after minus before, with its interval.

    Both sides are the best of many configurations, which these intervals leave out. A printed deviation of 0.00 makes
    an interval too short.
    """
    found = []
    for name, before, after in (
        ("table-5.5", "reproduction", "optimization"),
        ("table-5.8", "optimization", "evaluation"),
    ):
        rows = published.read(PART, name)
        sides = (printed_summary(rows, f"{side}_highest_accuracy", SEEDS) for side in (after, before))
        found.append(rows[["dataset"]].assign(table=name, **_columns(welch(*sides))))
    return pd.concat(found, ignore_index=True)


def luck() -> pd.DataFrame:
    """Tables 5.6 and 5.8: how much of the gain in the highest accuracy the best of more configurations has by luck.

    Were all configurations on both sides equally good, with the printed deviation of the search's best one, the best
    mean of 340 would lie above the best mean of those of the search by `luck` points (expected maxima of normal
    numbers). They are not, so this is the most that luck alone gives.
    """
    rows = published.read(PART, "table-5.8").merge(published.read(PART, "table-5.6")[["dataset", "configurations"]])
    error = rows["optimization_highest_accuracy_std_pct"] / np.sqrt(SEEDS)
    before = rows["configurations"].map(expected_best)
    found = rows[["dataset"]].assign(searched=rows["configurations"], evaluated=VERSIONS)
    gain, luck = rows["accuracy_improvement_printed_points"], error * (expected_best(VERSIONS) - before)
    return found.assign(gain=gain, luck=luck)


def expected_best(count: int) -> float:
    """The expected maximum of so many independent standard normal numbers."""
    places, normal = np.linspace(-8, 8, 4001), scipy.stats.norm
    return float(np.trapezoid(places * count * normal.pdf(places) * normal.cdf(places) ** (count - 1), places))


def shares() -> pd.DataFrame:
    """Table 5.6 as counts: the share of SET among sparse configurations, and of dense ones among all.

    Intervals are those of Clopper & Pearson. `even` is the two-sided p of a share of one half, `equal` the p of both
    one-sided tests of a share between 0.4 and 0.6, and `fewer` that of dense shares below one third; `_holm` corrects
    over the data sets. Configurations of one search are not independent, so the intervals are, if anything, too short.
    """
    rows = published.read(PART, "table-5.6").rename(
        columns={f"derived_{name}_count": name for name in ("set", "rigl", "dense")}
    )[["dataset", "configurations", "set", "rigl", "dense"]]
    sparse = rows["set"] + rows["rigl"]
    of_sparse, of_all = (rows["set"], sparse), (rows["dense"], rows["configurations"])
    table = rows.assign(**_interval("set", *of_sparse), **_interval("dense", *of_all))
    ends = (_binomial(*of_sparse, EQUAL[0], "greater"), _binomial(*of_sparse, EQUAL[1], "less"))
    tests = {"even": _binomial(*of_sparse, 0.5, "two-sided"), "equal": np.maximum(*ends)}
    return table.assign(**_with_holm(tests | {"fewer": _binomial(*of_all, 1 / 3, "less")}))


def algorithm_cells() -> pd.DataFrame:
    """The 18 cells in which "the algorithm does not matter" can be read, and what each of them can show.

    `margin` is the distance to the next hyperparameter above it. `between_methods` says whether the objective can tell
    SET from RigL at all: multiplications of inference are the same at equal sparsity, those of training differ by the
    dense gradients of RigL's updates only, one step in an interval of hundreds (Table 5.1).
    """
    found = []
    for objective, name in IMPORTANCES.items():
        for dataset, rows in published.read(PART, name).dropna(subset="importance").groupby("dataset", sort=False):
            values = rows.set_index("hyperparameter")["importance"]
            mine = values["algorithm"]
            higher = values[values > mine]
            row = {"objective": objective, "dataset": dataset, "importance": mine, "rank": 1 + len(higher)}
            row |= {"of": len(values), "margin": higher.min() - mine, "below_0.01": mine < 0.01}
            found.append(row | {"between_methods": objective == "error"})
    return pd.DataFrame(found)


def filled_in(draws: int = 1000, *, trees: int = 20) -> pd.DataFrame:
    """Importance of algorithm and sparsity for log10 of the share of multiplications kept, by what fills in sparsity.

    Draws from Table 4.2, costs from Algorithm 1; nothing is trained. A third of the draws is dense, and -ln of the
    share kept has mean and variance 1 in the others: of the variance, 1/4 is explained by dense against sparse, 1/2 by
    sparsity, the rest by both together. Where one value stands for the sparsity of every dense network, it tells them
    apart as well as the algorithm does, and sparsity is given nearly everything.
    """
    generator = np.random.default_rng(0)
    algorithm = generator.choice(ALGORITHMS, size=draws)
    sparsity = np.where(algorithm == "Dense", np.nan, generator.uniform(0, 1, draws))
    settings = pd.DataFrame({"algorithm": algorithm, "sparsity": sparsity})
    axes = (
        Dimension(field="algorithm", choices=ALGORITHMS),
        Dimension(field="sparsity", low=0.0, high=1.0, default=0.5),
    )
    values, forest = np.log10(1 - np.nan_to_num(sparsity)), ForestConfig(trees=trees)
    found = {name: fanova(settings, values, axes=axes, inactive=name, forest=forest) for name in FILLED}
    return pd.DataFrame({name: table["importance"] for name, table in found.items()}).T.rename_axis("inactive")


def layer_sizes() -> pd.DataFrame:
    """Tables D.1 and D.2: is the first MLP layer's size more important than the other two (Sec. 6.1.1)?

    As printed, and with the rows of the first and the middle layer exchanged.
    """
    found = []
    for objective in ("inference", "training"):
        table = published.read(PART, IMPORTANCES[objective]).dropna(subset="importance")
        wide = table.pivot(index="dataset", columns="hyperparameter", values="importance")
        sizes = wide[list(LAYERS.values())].dropna().set_axis(list(LAYERS), axis=1).reset_index()
        found.append(sizes.assign(objective=objective))
    rows = pd.concat(found, ignore_index=True).rename_axis(columns=None)
    return rows[["objective", "dataset", *LAYERS]].assign(
        printed=rows["first"] > rows[["middle", "last"]].max(axis=1),
        exchanged=rows["middle"] > rows[["first", "last"]].max(axis=1),
    )


def _summary(rows: pd.DataFrame) -> Summary:
    return printed_summary(rows, "test_accuracy", SEEDS)


def _tested(labels: pd.DataFrame, a: Summary, b: Summary) -> pd.DataFrame:
    plain, worst = welch(a, b), _worst(a, b)
    tests = {
        "equivalent": p_value(plain, "equivalent", margin=MARGIN),
        "worse": p_value(plain, "worse"),
        "different": 2 * np.minimum(p_value(plain, "better"), p_value(plain, "worse")),
        "equivalent_rounded": p_value(worst, "equivalent", margin=MARGIN),
    }
    return labels.assign(**_columns(plain), **_with_holm(tests))


def _worst(a: Summary, b: Summary) -> Comparison:
    """The comparison whose means lie as far apart, and whose deviations are as large, as rounding allows."""
    mean, sd = ROUNDED
    away = np.where(np.asarray(a.mean) >= b.mean, mean, -mean)
    return welch(Summary(mean=a.mean + away, sd=a.sd + sd, n=SEEDS), Summary(mean=b.mean - away, sd=b.sd + sd, n=SEEDS))


def _columns(found: Comparison) -> dict:
    columns = found.columns() | {"difference": np.round(found.difference, 6)}
    return {name: columns[name] for name in ("difference", "error", "low", "high")}


def _interval(name: str, count: pd.Series, total: pd.Series) -> dict:
    pairs = zip(count, total, strict=True)
    ends = [scipy.stats.binomtest(int(k), int(n)).proportion_ci(LEVEL, method="exact") for k, n in pairs]
    bounds = {f"{name}_{side}": [getattr(end, side) for end in ends] for side in ("low", "high")}
    return {f"{name}_share": count / total} | bounds


def _binomial(count: pd.Series, total: pd.Series, share: float, alternative: str) -> np.ndarray:
    pairs = zip(count, total, strict=True)
    return np.array([scipy.stats.binomtest(int(k), int(n), share, alternative).pvalue for k, n in pairs])


def _with_holm(tests: dict) -> dict:
    return {key: value for name, p in tests.items() for key, value in ((name, p), (f"{name}_holm", holm(p)))}
