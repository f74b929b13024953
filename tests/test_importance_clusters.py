"""Densities, shares, distances and biclusters, against SciPy, scikit-learn, brute force and planted clusters."""

import itertools

import numpy as np
import pandas as pd
import pytest
from scipy.spatial.distance import cdist
from scipy.stats import norm
from sklearn.metrics import adjusted_rand_score, silhouette_score

from pruneproxy import importance
from pruneproxy.errors import UserError
from pruneproxy.importance import PanConfig, biclusters, densities, distances, mixed_distances, shares
from pruneproxy.importance.distances import around_medoids, silhouette
from pruneproxy.space import Dimension

CORNERS = np.array([[0, 0], [10, 0], [0, 10]])


def blobs(truth, corners=CORNERS, seed=0) -> np.ndarray:
    """Distances between points around the corner that each belongs to."""
    noise = 0.3 * np.random.default_rng(seed).normal(size=(len(truth), 2))
    return distances(corners[truth] + noise)


def test_a_density_is_a_sum_of_normal_curves_with_scotts_width():
    values = np.random.default_rng(0).beta(2, 5, 40)
    table = densities(pd.DataFrame({"sparsity": values}), [Dimension(field="sparsity", low=0, high=1)], steps=21)
    width = values.std(ddof=1) * 40 ** (-1 / 5)
    places = np.linspace(0, 1, 21)
    expected = norm.pdf((places[:, None] - values[None]) / width).mean(axis=1) / width
    assert table["density"].to_numpy() == pytest.approx(expected) and table["bandwidth"].iloc[0] == pytest.approx(width)
    inside = (norm.cdf((1 - values) / width) - norm.cdf(-values / width)).mean()
    assert table["inside"].iloc[0] == pytest.approx(inside) and (table["configurations"] == 40).all()


def test_a_mirrored_density_has_all_its_mass_in_the_range():
    values = pd.DataFrame({"sparsity": np.random.default_rng(1).random(60) ** 2})
    axis = Dimension(field="sparsity", low=0, high=1)
    mass = {}
    for boundary in importance.BOUNDARIES:
        table = densities(values, [axis], boundary=boundary, steps=2001)
        mass[boundary] = np.trapezoid(table["density"], table["value"])
        assert mass[boundary] == pytest.approx(1 if boundary == "reflect" else table["inside"].iloc[0], abs=1e-4)
    assert mass["none"] < 0.95


def test_a_density_on_a_logarithmic_axis_is_per_decade():
    exponents = np.random.default_rng(2).normal(-2, 0.5, 500)
    axis = Dimension(field="lr", low=1e-5, high=1, log=True)
    table = densities(pd.DataFrame({"lr": 10**exponents}), [axis], bandwidth="silverman")
    assert table["value"].iloc[[0, -1]].to_numpy() == pytest.approx([1e-5, 1])
    assert table.loc[table["density"].idxmax(), "value"] == pytest.approx(1e-2, rel=0.5)
    assert np.trapezoid(table["density"], np.log10(table["value"])) == pytest.approx(1, abs=0.01)


def test_inactive_values_are_left_out_of_densities_and_shares():
    settings = pd.DataFrame(
        {
            "dropout": [0.2, 0.3, np.nan, np.nan],
            "smooth": [np.nan] * 3 + [0.1],
            "method": ["uniform", "erk", None, "erk"],
        }
    )
    axes = [Dimension(field="dropout", low=0.1, high=0.5), Dimension(field="smooth", low=0, high=1)]
    table = densities(settings, axes).groupby("hyperparameter")
    assert table["configurations"].first().to_dict() == {"dropout": 2, "smooth": 1}
    assert table["density"].count().to_dict() == {"dropout": 201, "smooth": 0}
    found = shares(settings, [Dimension(field="method", choices=("uniform", "erk"))])
    assert found["share"].to_numpy() == pytest.approx([1 / 3, 2 / 3])


def test_shares_list_every_possible_value():
    settings = pd.DataFrame({"layers": [1, 1, 3, 1], "algorithm": ["SET", "SET", "RigL", "SET"]})
    axes = [
        Dimension(field="layers", low=1, high=4, integer=True),
        Dimension(field="algorithm", choices=("RigL", "SET", "Dense")),
    ]
    table = shares(settings, axes)
    assert table["value"].tolist() == [1, 2, 3, 4, "RigL", "SET", "Dense"]
    assert table["configurations"].tolist() == [3, 0, 1, 0, 1, 3, 0]
    assert table.groupby("hyperparameter")["share"].sum().tolist() == [1, 1]


def test_distances_between_rows_are_euclidean():
    points = np.random.default_rng(3).random((12, 3))
    assert distances(points) == pytest.approx(cdist(points, points))


def test_mixed_distances_are_means_over_hyperparameters():
    settings = pd.DataFrame(
        {"lr": [0.01, 1.0, 0.01], "layers": [1, 3, 5], "method": ["SET", "SET", None], "size": [np.nan, 4, np.nan]}
    )
    axes = [
        Dimension(field="lr", low=1e-4, high=1, log=True),
        Dimension(field="layers", low=1, high=5, integer=True),
        Dimension(field="method", choices=("SET", "RigL")),
        Dimension(field="size", low=0, high=8),
    ]
    found = mixed_distances(settings, axes)
    assert found[0, 1] == pytest.approx((0.5 + 0.5 + 0 + 1) / 4)
    assert found[0, 2] == pytest.approx((0 + 1 + 1 + 0) / 4)
    assert found[1, 2] == pytest.approx((0.5 + 0.5 + 1 + 1) / 4)
    assert (found == found.T).all() and (np.diag(found) == 0).all()


def test_silhouettes_equal_those_of_scikit_learn():
    generator = np.random.default_rng(4)
    for clusters in (2, 3, 7):
        apart = distances(generator.random((25, 3)))
        labels = np.append(np.arange(clusters), generator.integers(0, clusters, 25 - clusters))
        assert silhouette(apart, labels) == pytest.approx(silhouette_score(apart, labels, metric="precomputed"))
    alone = np.array([0, 0, 1, 2, 2])  # a cluster of one counts 0
    apart = distances(generator.random((5, 2)))
    assert silhouette(apart, alone) == pytest.approx(silhouette_score(apart, alone, metric="precomputed"))


def test_clusters_around_medoids_reach_the_best_medoids_of_all():
    generator = np.random.default_rng(5)
    for clusters in (1, 2, 3):
        apart = distances(np.vstack([generator.normal(4 * place, 0.5, size=(5, 2)) for place in range(3)]))
        labels = around_medoids(apart, np.arange(clusters))
        best = min(apart[:, list(medoids)].min(axis=1).sum() for medoids in itertools.combinations(range(15), clusters))
        found = sum(apart[np.ix_(labels == k, labels == k)].sum(axis=0).min() for k in range(clusters))
        assert found == pytest.approx(best)


def test_no_single_swap_of_a_medoid_helps_any_more():
    apart = distances(np.random.default_rng(6).random((30, 2)))
    labels = around_medoids(apart, [0, 1, 2, 3])
    medoids = [
        np.flatnonzero(labels == k)[apart[np.ix_(labels == k, labels == k)].sum(axis=0).argmin()] for k in range(4)
    ]
    cost = apart[:, medoids].min(axis=1).sum()
    for place, point in itertools.product(range(4), range(30)):
        other = [*medoids[:place], point, *medoids[place + 1 :]]
        assert apart[:, other].min(axis=1).sum() >= cost - 1e-9


def test_planted_clusters_are_found_with_the_fixed_sign_and_thrown_out_with_that_of_the_code():
    truth = np.repeat([0, 1, 2], 8)
    decision, objective = blobs(truth), blobs(truth, corners=CORNERS[::-1], seed=1)
    planted = [silhouette_score(apart, truth, metric="precomputed") for apart in (decision, objective)]
    kept = biclusters(decision, objective, config=PanConfig(generations=20))
    best = kept[0]
    assert adjusted_rand_score(best.labels, truth) == 1 and best.clusters == 3
    assert (best.decision, best.objective) == pytest.approx(tuple(planted))
    worse = biclusters(decision, objective, config=PanConfig(generations=10, sign="code"))
    assert min(one.decision for one in worse) < 0 and min(one.objective for one in worse) < 0
    assert min(one.decision for one in kept) > 0.5


def test_spaces_that_disagree_give_both_clusterings_and_what_lies_between():
    rows, columns = np.repeat([0, 1], 8), np.tile([0, 1], 8)
    decision, objective = blobs(rows), blobs(columns, seed=1)
    found = biclusters(decision, objective, config=PanConfig(generations=40))
    assert adjusted_rand_score(found[0].labels, rows) == 1
    assert adjusted_rand_score(found[-1].labels, columns) == 1
    assert found[0].objective < 0.1 and found[-1].decision < 0.1
    for one in found:
        labels = np.array(one.labels)
        assert np.bincount(labels).min() >= 2 and one.clusters >= 2
        assert one.decision == pytest.approx(silhouette_score(decision, labels, metric="precomputed"))
        assert one.objective == pytest.approx(silhouette_score(objective, labels, metric="precomputed"))
    assert len({one.labels for one in found}) == len(found) <= 10


def test_biclusters_repeat_exactly_and_follow_their_seed():
    decision, objective = (distances(np.random.default_rng(seed).random((14, 2))) for seed in (7, 8))
    config = PanConfig(generations=5)
    assert biclusters(decision, objective, config=config) == biclusters(decision, objective, config=config)
    other = biclusters(decision, objective, config=PanConfig(generations=5, seed=1, medoid="anywhere"))
    assert other != biclusters(decision, objective, config=config)


def test_the_smallest_set_that_can_be_clustered_has_two_pairs():
    apart = distances([[0, 0], [0, 1], [9, 0], [9, 1]])
    assert biclusters(apart, apart, config=PanConfig(generations=3))[0].labels == (0, 0, 1, 1)


@pytest.mark.parametrize(
    "call,message",
    [
        (lambda: densities(pd.DataFrame({"a": [1.0]}), [Dimension(field="a", choices=(1.0,))]), "use shares"),
        (
            lambda: densities(pd.DataFrame({"a": [1.0]}), [Dimension(field="a", low=0, high=1)], bandwidth="x"),
            "unknown bandwidth",
        ),
        (
            lambda: densities(pd.DataFrame({"a": [1.0]}), [Dimension(field="a", low=0, high=1)], boundary="x"),
            "boundary",
        ),
        (lambda: densities(pd.DataFrame({"b": [1.0]}), [Dimension(field="a", low=0, high=1)]), "none for a"),
        (lambda: shares(pd.DataFrame({"a": [0.5]}), [Dimension(field="a", low=0, high=1)]), "use densities"),
        (lambda: shares(pd.DataFrame({"a": ["x"]}), [Dimension(field="a", choices=("y",))]), "one of y"),
        (lambda: shares(pd.DataFrame({"a": ["x"]}), []), "at least one hyperparameter"),
        (lambda: distances([[np.nan]]), "finite numbers"),
        (lambda: biclusters(np.ones((3, 3)), np.ones((3, 3))), "four or more"),
        (lambda: biclusters(np.triu(np.ones((5, 5))), np.ones((5, 5))), "symmetric"),
        (lambda: PanConfig(sign="plus"), "unknown sign"),
        (lambda: PanConfig(medoid="outside"), "unknown place of medoids"),
        (lambda: PanConfig(generations=0), "1 or more generations"),
        (lambda: PanConfig(move=2), "between 0 and 1"),
    ],
)
def test_bad_input_says_what_is_expected(call, message):
    with pytest.raises(UserError, match=message):
        call()
