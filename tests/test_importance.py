"""Shares of variance, against closed forms, sums over grids, Optuna's evaluator and what is known of each function."""

import itertools
import warnings

import numpy as np
import optuna
import pandas as pd
import pytest
from sklearn.ensemble import RandomForestRegressor
from sklearn.tree import DecisionTreeRegressor

from pruneproxy import importance, pareto
from pruneproxy.errors import UserError
from pruneproxy.importance import ForestConfig, fanova
from pruneproxy.importance.forest import grow, leaves
from pruneproxy.pareto import Objective
from pruneproxy.space import Dimension, occurring

SMALL = ForestConfig(trees=10)
UNIT = {name: Dimension(field=name, low=0, high=1) for name in "abcd"}


def uniform(n=600, names="abc", seed=0) -> pd.DataFrame:
    """Settings that fill the unit cube evenly at random."""
    return pd.DataFrame(np.random.default_rng(seed).random((n, len(names))), columns=list(names))


def on(names) -> list[Dimension]:
    return [UNIT[name] for name in names]


def test_shares_of_a_sum_are_those_of_its_variances_and_a_dummy_has_none():
    settings = uniform(names="abcd")
    values = 4 * settings["a"] + 2 * settings["b"]  # variances 16 / 12 and 4 / 12
    found = fanova(settings, values, axes=on("abcd"))
    assert found.loc["a", "importance"] == pytest.approx(0.8, abs=0.03)
    assert found.loc["b", "importance"] == pytest.approx(0.2, abs=0.03)
    assert found.loc[["c", "d"], "importance"].max() < 0.002
    assert (found["sd"] >= 0).all() and found.index.name == "hyperparameter"


def test_what_only_two_explain_together_is_nobodys_alone():
    generator = np.random.default_rng(1)
    settings = pd.DataFrame(
        {name: generator.integers(0, 2, 400) for name in "ab"} | {"c": generator.integers(0, 4, 400)}
    )
    values = (settings["a"] != settings["b"]) + 0.5 * settings["c"]  # variances 1/4, of the pair only, and 5/16
    axes = [Dimension(field=name, low=0, high=high, integer=True) for name, high in zip("abc", (1, 1, 3), strict=True)]
    alone = fanova(settings, values, axes=axes, forest=SMALL)["importance"]
    assert alone.to_numpy() == pytest.approx([0, 0, 5 / 9], abs=1e-9)


def test_shares_of_the_ishigami_function_are_the_known_ones():
    # Ishigami & Homma 1990; trees level out the peaks, so that a tolerance of 0.08 remains.
    settings = uniform(3000) * 2 * np.pi - np.pi
    a, b, c = (settings[name] for name in "abc")
    values = np.sin(a) + 7 * np.sin(b) ** 2 + 0.1 * c**4 * np.sin(a)
    axes = [Dimension(field=name, low=-np.pi, high=np.pi) for name in "abc"]
    alone = fanova(settings, values, axes=axes, forest=SMALL)["importance"]
    assert alone.to_numpy() == pytest.approx([0.3139, 0.4424, 0.0], abs=0.08)


def test_shares_equal_those_of_optunas_evaluator():
    settings = uniform(80)
    values = np.sin(5 * settings["a"]) + settings["b"] * settings["c"]
    ranges = {name: optuna.distributions.FloatDistribution(0, 1) for name in "abc"}
    study = optuna.create_study()
    for row, value in zip(settings.to_dict("records"), values, strict=True):
        study.add_trial(optuna.trial.create_trial(params=row, distributions=ranges, value=value))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        evaluator = optuna.importance.FanovaImportanceEvaluator(n_trees=10, seed=3)
        expected = evaluator.evaluate(study, params=list("abc"))
    found = fanova(settings, values, axes=on("abc"), forest=ForestConfig(trees=10, seed=3))["importance"]
    assert found.to_dict() == pytest.approx(expected, abs=1e-9)


def test_variances_of_a_tree_equal_sums_over_all_points_of_a_grid():
    generator = np.random.default_rng(2)
    axes = [
        Dimension(field="whole", low=1, high=6, integer=True),
        Dimension(field="word", choices=("x", "y", "z")),
        Dimension(field="size", low=1, high=32, log=True, integer=True),
    ]
    points = np.column_stack([axis.draw(generator.random(60)) for axis in axes])
    tree = DecisionTreeRegressor(random_state=0).fit(points, generator.normal(size=60))
    (found,) = leaves([tree.tree_], [axis.below for axis in axes])
    sides = [np.arange(1, 7), np.arange(3), np.log10(np.arange(1, 33))]
    sizes = np.log(np.arange(1, 33) + 0.5) - np.log(np.arange(1, 33) - 0.5)
    chances = [np.full(6, 1 / 6), np.full(3, 1 / 3), sizes / sizes.sum()]
    grid = tree.predict(np.array(list(itertools.product(*sides)))).reshape(6, 3, 32)
    weight = np.einsum("i,j,k->ijk", *chances)
    mean = (weight * grid).sum()
    assert found.volume.sum() == pytest.approx(1) and found.volume @ found.value == pytest.approx(mean)
    assert found.variance() == pytest.approx((weight * (grid - mean) ** 2).sum())
    for column, alone in enumerate(found.main_variances()):
        others = tuple({0, 1, 2} - {column})
        chance = weight.sum(axis=others)
        marginal = (weight * grid).sum(axis=others) / chance
        assert alone == pytest.approx((chance * (marginal - mean) ** 2).sum()), column


@pytest.mark.parametrize(
    "config", [ForestConfig(trees=7), ForestConfig(trees=3, features=0.5, min_leaf=3, depth=4, seed=5)]
)
def test_a_forest_has_the_trees_of_scikit_learns_forest(config):
    points = np.random.default_rng(8).random((50, 3))
    values = points[:, 0] + points[:, 1] * points[:, 2]
    below = [axis.below for axis in on("abc")]
    forest = RandomForestRegressor(
        n_estimators=config.trees,
        max_features=max(1, int(3 * config.features)),
        min_samples_leaf=config.min_leaf,
        max_depth=config.depth,
        random_state=config.seed,
    ).fit(points, values)
    for found, expected in zip(grow(points, values, below, config), forest.estimators_, strict=True):
        (leaf,) = leaves([expected.tree_], below)
        assert (found.value == leaf.value).all() and (found.low == leaf.low).all() and (found.high == leaf.high).all()


def test_the_range_of_an_axis_counts_and_not_where_the_configurations_lie():
    generator = np.random.default_rng(4)
    skewed = pd.DataFrame({"a": generator.random(2000) ** 3, "b": generator.random(2000)})
    found = fanova(skewed, skewed["a"] + skewed["b"], axes=on("ab"), forest=SMALL)["importance"]
    assert found.to_numpy() == pytest.approx([0.5, 0.5], abs=0.03)


def test_a_logarithmic_axis_is_even_in_the_logarithm():
    exponent = np.random.default_rng(5).random(800)
    settings = pd.DataFrame({"lr": 10 ** (-4 * exponent), "a": np.random.default_rng(6).random(800)})
    axes = [Dimension(field="lr", low=1e-4, high=1, log=True), UNIT["a"]]
    found = fanova(settings, exponent + settings["a"], axes=axes, forest=SMALL)["importance"]
    assert found.to_numpy() == pytest.approx([0.5, 0.5], abs=0.03)


def test_choices_and_whole_numbers_have_the_shares_of_their_values():
    generator = np.random.default_rng(7)
    settings = pd.DataFrame({"word": generator.choice(["x", "y", "z"], 900), "layers": generator.integers(1, 5, 900)})
    values = settings["word"].map({"x": 0.0, "y": 3.0, "z": 0.0}) + settings["layers"]  # variances 2 and 1.25
    axes = [Dimension(field="word", choices=("x", "y", "z")), Dimension(field="layers", low=1, high=4, integer=True)]
    found = fanova(settings, values, axes=axes, forest=SMALL)["importance"]
    assert found.to_numpy() == pytest.approx([2 / 3.25, 1.25 / 3.25], abs=1e-3)
    assert [axis.choices or (axis.low, axis.high) for axis in occurring(settings)] == [("x", "y", "z"), (1, 4)]


def test_draws_from_an_axis_have_the_probabilities_it_states():
    even = (np.arange(20000) + 0.5) / 20000
    axes = [
        Dimension(field="real", low=1e-3, high=10, log=True),
        Dimension(field="whole", low=2, high=9, integer=True),
        Dimension(field="size", low=4, high=4096, log=True, integer=True),
        Dimension(field="word", choices=("x", "y", "z")),
    ]
    for axis in axes:
        drawn = axis.draw(even)
        for cut in np.quantile(drawn, [0.1, 0.35, 0.8]):
            assert axis.below(cut) == pytest.approx((drawn <= cut + 1e-9).mean(), abs=1e-3), (axis.field, cut)
        assert axis.below(axis.limits[1]) == 1 and axis.below(axis.absent) == 0


def conditional(n=3000) -> tuple[pd.DataFrame, np.ndarray, list[Dimension]]:
    """b matters only where the switch is on, and is missing elsewhere."""
    generator = np.random.default_rng(8)
    settings = pd.DataFrame({"switch": generator.random(n) < 0.5, "b": generator.random(n), "c": generator.random(n)})
    values = np.where(settings["switch"], settings["b"], 0.5)
    settings.loc[~settings["switch"], "b"] = np.nan
    axes = [
        Dimension(field="switch", choices=(False, True)),
        Dimension(field="b", low=0, high=1, default=0.9),
        UNIT["c"],
    ]
    return settings, values, axes


def test_inactive_hyperparameters_are_treated_as_named():
    settings, values, axes = conditional()
    shares = {
        name: fanova(settings, values, axes=axes, inactive=name, forest=SMALL)["importance"]
        for name in importance.INACTIVE
    }
    # f = 1/2 + s (b - 1/2) on the whole square: half of its variance is b's alone, and half needs both.
    assert shares["random"].to_numpy() == pytest.approx([0, 0.5, 0], abs=0.03)
    # Where it is active b explains everything, and the others nothing.
    assert shares["active"]["b"] == pytest.approx(1, abs=0.01)
    # As a level of its own, b tells where the switch is on, and trees give some of its share to the switch.
    assert 0.6 < shares["level"]["b"] < 0.95 and shares["level"]["switch"] > 0.05
    # The default, 0.9, stands where f = 0.5: b's marginal is distorted.
    assert shares["default"]["b"] != pytest.approx(0.5, abs=0.03)
    assert all(found["c"] < 0.01 for found in shares.values())


def test_an_inactive_level_is_as_probable_as_it_is_frequent():
    settings = pd.DataFrame({"b": [np.nan, 1, 1, 1, 2, 2, 2, np.nan] * 30, "c": [0] * 120 + [1] * 120})
    values = settings["b"].map({1: 1.0, 2: 3.0}).fillna(0) + settings["c"]
    axes = [Dimension(field="b", low=1, high=2, integer=True), Dimension(field="c", low=0, high=1, integer=True)]
    found = fanova(settings, values, axes=axes, inactive="level", forest=SMALL)["importance"]
    alone = 0.375 * 1 + 0.375 * 9 - (0.375 * 4) ** 2  # b is absent in a quarter of the configurations
    assert found.to_numpy() == pytest.approx([alone / (alone + 0.25), 0.25 / (alone + 0.25)], abs=1e-9)


def test_a_hyperparameter_that_is_hardly_ever_active_has_no_share_of_its_own():
    settings, values, axes = conditional(200)
    settings["b"] = np.where(np.arange(200) < 3, 0.5, np.nan)
    found = fanova(settings, values, axes=axes, inactive="active", forest=SMALL)["importance"]
    assert np.isnan(found["b"]) and np.isfinite(found[["switch", "c"]]).all()


def test_values_that_do_not_vary_give_no_importance():
    assert fanova(uniform(30), np.ones(30), forest=SMALL)["importance"].tolist() == [0, 0, 0]
    constant = uniform(30).assign(c=1.0)
    assert fanova(constant, constant["a"], forest=SMALL).loc["c", "importance"] == pytest.approx(0)


def test_importance_repeats_exactly_and_changes_no_argument():
    settings, values, axes = conditional(200)
    before = settings.copy(deep=True)
    one, again = (fanova(settings, values, axes=axes, inactive="random", forest=SMALL) for _ in range(2))
    pd.testing.assert_frame_equal(one, again)
    pd.testing.assert_frame_equal(settings, before)
    other = fanova(settings, values, axes=axes, inactive="random", forest=ForestConfig(trees=10, seed=1))
    assert not np.allclose(one, other)


def test_the_mean_prediction_gives_the_variance_that_each_column_explains():
    settings = uniform(400, seed=6)
    values = 4 * settings["a"] + 2 * settings["b"]  # shares 0.8, 0.2 and 0
    shares = fanova(settings, values, over="mean")["importance"]
    assert shares.to_numpy() == pytest.approx([0.8, 0.2, 0.0], abs=0.06)
    assert fanova(settings, np.ones(400), over="mean")["importance"].tolist() == [0, 0, 0]


def test_shares_over_the_mean_are_those_of_the_forests_mean_prediction():
    settings = uniform(60, seed=9)
    values = np.sin(4 * settings["a"]) + settings["b"] * settings["c"]
    forest = RandomForestRegressor(n_estimators=64, min_samples_leaf=2, random_state=0).fit(settings.to_numpy(), values)
    low, high = settings.min().to_numpy(), settings.max().to_numpy()
    middles = [low[k] + (high[k] - low[k]) * (np.arange(20) + 0.5) / 20 for k in range(3)]
    grid = forest.predict(np.array(list(itertools.product(*middles)))).reshape(20, 20, 20)
    expected = [grid.mean(axis=tuple({0, 1, 2} - {k})).var() / grid.var() for k in range(3)]
    assert fanova(settings, values, over="mean")["importance"].to_numpy() == pytest.approx(expected, abs=0.05)


def costs(n=80) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Three objectives: a drives error, b inference, and both with c training; d nothing."""
    settings = uniform(n, names="abcd", seed=10)
    frame = pd.DataFrame(
        {
            "error": settings["a"] + 0.3 * (1 - settings["b"]),
            "inference": 10 ** (3 + 2 * settings["b"]),
            "training": 10 ** (9 + settings["b"] + 2 * settings["c"]),
        }
    )
    return settings, frame


OBJECTIVES = (Objective(name="error"), Objective(name="inference", log=True), Objective(name="training", log=True))


def test_weights_come_from_the_points_of_the_front():
    points = [[0, 1], [0.2, 0.6], [0.5, 0.5], [0.5, 0.5], [1, 0], [0.9, 0.9]]
    found = importance.weights(points)
    assert found == pytest.approx(np.array([[1, 0], [0.5, 0.5], [0.25, 0.75], [0, 1]]))
    dropped = importance.weights(points, ties="drop")
    assert dropped == pytest.approx(np.array([[1, 0], [0.25, 0.75], [0, 1]]))
    merits = importance.weights(points, kind="merits")
    assert merits == pytest.approx(np.array([[1, 0], [2 / 3, 1 / 3], [0.5, 0.5], [0, 1]]))
    assert importance.weights(points, kind="even")[:, 1] == pytest.approx(np.linspace(0, 1, 11))


def test_the_importance_scale_leads_from_each_objective_to_the_next_and_back():
    settings, frame = costs()
    scale = importance.importance_scale(settings, frame, OBJECTIVES, kind="even", forest=ForestConfig(trees=5))
    assert scale["position"].min() == 0 and scale["position"].max() == 3
    assert scale.groupby("section")[["first", "second"]].first().to_numpy().tolist() == [
        ["error", "inference"],
        ["inference", "training"],
        ["training", "error"],
    ]

    def at(section, weight):
        rows = scale[(scale["section"] == section) & (scale["weight"] == weight)]
        return rows.set_index("hyperparameter")["importance"]

    single = pareto.normalised(frame, OBJECTIVES, over=frame)
    for section, name in enumerate(frame):
        expected = fanova(settings, single[name], forest=ForestConfig(trees=5))["importance"]
        assert at(section, 0.0).to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-12)
        assert at((section - 1) % 3, 1.0).to_numpy() == pytest.approx(expected.to_numpy(), abs=1e-12)
    assert at(0, 0.0).idxmax() == "a" and at(0, 1.0).idxmax() == "b" and at(1, 1.0).idxmax() == "c"
    assert scale.loc[scale["hyperparameter"] == "d", "importance"].mean() < 0.05


def test_halfway_the_importance_is_that_of_the_mean_of_both_objectives():
    settings = uniform(800, names="ab", seed=11)
    both = pd.DataFrame({"x": settings["a"], "y": settings["b"]})
    table = importance.multi_objective(settings, both, kind="even", axes=on("ab"), forest=SMALL)
    shares = table.pivot(index="weight", columns="hyperparameter", values="importance")
    for weight, row in shares.iterrows():  # the variance of (1 - w) a + w b
        expected = (1 - weight) ** 2 / ((1 - weight) ** 2 + weight**2)
        assert row["a"] == pytest.approx(expected, abs=0.03)


def test_weights_of_the_front_are_used_along_the_scale():
    settings, frame = costs(40)
    table = importance.importance_scale(settings, frame, OBJECTIVES[:2], forest=ForestConfig(trees=3))
    normal = pareto.normalised(frame, OBJECTIVES[:2], over=frame)
    assert table["weight"].unique() == pytest.approx(importance.weights(normal)[:, 1])
    assert table["section"].unique().tolist() == [0]


@pytest.mark.parametrize(
    "call,message",
    [
        (lambda: fanova(uniform(3), [1, 2, 3]), "4 or more configurations"),
        (lambda: fanova(uniform(5), [1, 2, 3, 4, np.nan]), "4 finite values"),
        (lambda: fanova(conditional(50)[0], conditional(50)[1]), "what stands for b where it is inactive"),
        (lambda: fanova(uniform(9), np.arange(9), inactive="zero"), "unknown treatment of inactive"),
        (lambda: fanova(conditional(50)[0], conditional(50)[1], inactive="default"), "expected a default of b"),
        (lambda: fanova(uniform(9) * 2, np.arange(9), axes=on("abc")), "widen it"),
        (lambda: fanova(uniform(9), np.arange(9), axes=on("abcd")), "none for d"),
        (
            lambda: fanova(pd.DataFrame({"a": ["x"] * 4}), range(4), axes=[Dimension(field="a", choices=("y",))]),
            "got 'x'",
        ),
        (lambda: Dimension(field="lr", choices=("a", "a")), "that differ"),
        (lambda: ForestConfig(trees=0), "one or more trees"),
        (lambda: importance.weights([[0, 0], [1, 1]]), "take even ones"),
        (lambda: importance.weights([[0, 2]]), "normalised"),
        (lambda: importance.weights([[0, 1]], kind="odd"), "unknown kind of weights"),
        (lambda: importance.importance_scale(uniform(9), uniform(9), OBJECTIVES[:1]), "two or more objectives"),
        (lambda: fanova(uniform(9), np.ones(9), over="median"), "expected one of trees, mean"),
        (lambda: fanova(conditional(9)[0], np.ones(9), inactive="random", over="mean"), "over='trees'"),
    ],
)
def test_bad_input_says_what_is_expected(call, message):
    with pytest.raises(UserError, match=message):
        call()
