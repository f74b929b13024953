"""What the printed tables of paper 002 show, against SciPy on samples that have exactly the printed moments."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from pruneproxy import published, stats
from pruneproxy.recipes.sparse_tradeoff import reanalysis


def sample(mean, sd):
    """Five numbers with exactly this mean and deviation."""
    shape = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    return mean + sd * shape / shape.std(ddof=1)


def printed(algorithm, sparsity=None):
    table = published.read("sparse_tradeoff", "table-5.1").set_index(["algorithm", "sparsity"])
    row = table.xs(algorithm).iloc[0] if sparsity is None else table.loc[(algorithm, sparsity)]
    return sample(row["test_accuracy_mean_pct"], row["test_accuracy_std_pct"])


def test_every_row_equals_tests_on_samples_with_the_printed_moments():
    dense, table = printed("Dense"), reanalysis.fixed()
    assert len(table) == 30
    for row in table.to_dict("records"):
        sparse = printed(row["algorithm"], row["sparsity"])
        expected = scipy_stats.ttest_ind(sparse, dense, equal_var=False)
        ends = expected.confidence_interval(0.95)
        assert (row["low"], row["high"]) == pytest.approx((ends.low, ends.high))
        assert row["different"] == pytest.approx(min(1, expected.pvalue))
        assert row["equivalent"] == pytest.approx(stats.tost(sparse, dense, margin=0.5).p)
        worse = scipy_stats.ttest_ind(sparse, dense, equal_var=False, alternative="less").pvalue
        assert row["worse"] == pytest.approx(worse)


def test_sparse_networks_are_equivalent_to_dense_ones_up_to_a_sparsity_of_0_95():
    table = reanalysis.fixed()
    shown = table["equivalent_holm"] <= 0.05
    assert shown.equals(table["sparsity"] <= 0.95)
    certain = table["equivalent_rounded_holm"] <= 0.05
    assert table.loc[certain, "sparsity"].max() < 0.95 and certain[table["sparsity"] <= 0.9].all()
    assert (table["equivalent_rounded"] >= table["equivalent"]).all()


def test_sparse_networks_are_worse_nevertheless_at_many_sparsities():
    table = reanalysis.fixed()
    assert (table["worse_holm"] <= 0.05).sum() == 21 and (table["worse_holm"] <= 0.05)[table["sparsity"] >= 0.9].all()


def test_methods_differ_at_the_highest_sparsity_only():
    table = reanalysis.methods().set_index("sparsity")
    assert table.index[table["different_holm"] <= 0.05].tolist() == [0.99]
    assert table.index[table["equivalent_holm"] > 0.05].tolist() == [0.99]
    row, (a, b) = table.loc[0.99], (printed(name, 0.99) for name in ("SET", "RigL"))
    ends = scipy_stats.ttest_ind(a, b, equal_var=False).confidence_interval(0.95)
    assert (row["low"], row["high"]) == pytest.approx((ends.low, ends.high))
    assert row["difference"] == pytest.approx(-4.7)


def test_shares_are_binomial():
    table = reanalysis.shares().set_index("dataset")
    assert (table["set"] + table["rigl"] + table["dense"]).equals(table["configurations"])
    elec2 = table.loc["Elec2"]
    beta = scipy_stats.beta
    assert elec2["dense_low"] == pytest.approx(beta.ppf(0.025, 11, 47))
    assert elec2["dense_high"] == pytest.approx(beta.ppf(0.975, 12, 46))
    assert elec2["fewer"] == pytest.approx(scipy_stats.binom.cdf(11, 57, 1 / 3))
    assert table.loc["Higgs", "equal"] == pytest.approx(scipy_stats.binom.cdf(121, 190, 0.6))


def test_equal_shares_of_set_and_rigl_are_shown_nowhere_and_excluded_on_higgs():
    table = reanalysis.shares().set_index("dataset")
    assert (table["equal"] > 0.05).all()
    assert table.index[table["even_holm"] <= 0.05].tolist() == ["Higgs"]


def test_dense_shares_are_below_a_third_everywhere():
    table = reanalysis.shares()
    assert (table["fewer_holm"] <= 0.05).all() and (table["dense_high"] < 1 / 3).all()
    assert table.set_index("dataset").loc["Elec2", "dense_high"] > 0.2


def test_gains_of_the_search_and_the_sweep_have_intervals():
    table = reanalysis.gains().set_index(["table", "dataset"])
    rows = published.read("sparse_tradeoff", "table-5.5").set_index("dataset")
    for name, row in rows.iterrows():
        assert table.loc[("table-5.5", name), "difference"] == pytest.approx(row["accuracy_improvement_printed_points"])
    mnist = table.loc[("table-5.5", "MNIST")]
    assert mnist["high"] < 0  # the search does not dominate the fixed configuration
    assert table.loc[("table-5.5", "Elec2"), "high"] > 2


def test_only_six_of_eighteen_cells_can_tell_set_from_rigl():
    table = reanalysis.algorithm_cells()
    assert len(table) == 18 and table["between_methods"].sum() == 6 and table["below_0.01"].all()
    assert table["importance"].max() == 0.007
    error = table[table["objective"] == "error"]
    assert (error["importance"] == 0).all() and (error["rank"] >= 7).all()


def test_a_value_that_stands_for_the_sparsity_of_dense_networks_hides_the_algorithm():
    table = reanalysis.filled_in()
    # Closed form: of 8/9, 2/9 are dense against sparse and 4/9 are sparsity.
    assert table.loc["random", "algorithm"] == pytest.approx(1 / 4, abs=0.05)
    assert table.loc["random", "sparsity"] == pytest.approx(1 / 2, abs=0.07)
    assert (table.loc[["default", "level"], "algorithm"] < 0.01).all()


def test_the_sentence_on_layer_sizes_holds_with_two_rows_exchanged():
    table = reanalysis.layer_sizes()
    assert len(table) == 8 and table["printed"].sum() == 1 and table["exchanged"].sum() == 7
    assert table.loc[table["printed"], ["objective", "dataset"]].to_numpy().tolist() == [["training", "MNIST"]]
    assert not (table["printed"] & table["exchanged"]).any()
