"""What the printed Table 3 shows, against SciPy on samples that have exactly the printed means and deviations."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from pruneproxy import stats
from pruneproxy.errors import UserError
from pruneproxy.recipes.proxy_hpo import reanalysis


def sample(mean, sd):
    """Five numbers with exactly this mean and deviation."""
    shape = np.array([-2.0, -1.0, 0.0, 1.0, 2.0])
    return mean + sd * shape / shape.std(ddof=1)


def samples(row):
    return sample(row["pruned"], row["pruned_sd"]), sample(row["typical"], row["typical_sd"])


def test_every_cell_equals_tests_on_samples_with_the_printed_moments():
    table = reanalysis.judged().set_index([*reanalysis.CELL, "hypothesis", "margin"]).sort_index()
    for row in reanalysis.cells().to_dict("records"):
        a, b = samples(row)
        cell = tuple(row[name] for name in reanalysis.CELL)
        expected = scipy_stats.ttest_ind(a, b, equal_var=False)
        ends = expected.confidence_interval(0.95)
        assert (row["low"], row["high"]) == pytest.approx((ends.low, ends.high))
        for margin in reanalysis.MARGINS:
            assert table.loc[(*cell, "equivalent", margin), "p"] == pytest.approx(stats.tost(a, b, margin=margin).p)
            above = scipy_stats.ttest_ind(a + margin, b, equal_var=False, alternative="greater").pvalue
            assert table.loc[(*cell, "non-inferior", margin), "p"] == pytest.approx(above)


def test_few_cells_are_shown_to_be_equivalent():
    counted = reanalysis.counts().set_index(["hypothesis", "margin"])
    assert (counted["cells"] == 27).all() and (counted["with_holm"] <= counted["shown"]).all()
    assert counted.loc[("equivalent", 0.5)].tolist() == [1, 0, 27]
    assert counted.loc[("equivalent", 1.0)].tolist() == [9, 2, 27]
    assert counted.loc[("non-inferior", 0.5)].tolist() == [15, 6, 27]
    assert counted.loc[("non-inferior", 1.0)].tolist() == [18, 11, 27]
    one_sided = counted.droplevel("margin")
    assert one_sided.loc["better"].tolist() == [8, 1, 27] and one_sided.loc["worse"].tolist() == [1, 0, 27]


def test_no_cell_differs_to_the_worse_in_a_two_sided_test():
    p = [scipy_stats.ttest_ind(*samples(row), equal_var=False).pvalue for row in reanalysis.cells().to_dict("records")]
    worse = reanalysis.cells()["difference"] < 0
    assert min(np.array(p)[worse]) > 0.05


def test_seeds_needed_reach_eighty_percent_by_simulation():
    table = reanalysis.needed()
    row = table.iloc[13]
    n, generator = int(row["equivalent within 0.5"]), np.random.default_rng(0)
    a, b = (generator.normal(0, row[name], (20_000, n)) for name in ("pruned_sd", "typical_sd"))
    p = stats.p_value(stats.welch(stats.summary(a), stats.summary(b)), "equivalent", margin=0.5)
    assert np.mean(p <= 0.05) + 0.01 >= 0.8 and np.mean(p <= 0.05) < 0.86
    needs = table.filter(like="within")
    assert (needs["equivalent within 0.5"] >= needs["equivalent within 1"]).all()
    assert (needs["equivalent within 1"] >= needs["non-inferior within 1"]).all() and (table["run"] == 5).all()


@pytest.mark.parametrize("by,rows", [(None, 1), ("dataset", 3), ("optimizer", 3), ("network", 3)])
@pytest.mark.parametrize("weights", reanalysis.WEIGHTS)
def test_pooled_means_carry_the_error_that_follows(by, rows, weights):
    cells, table = reanalysis.cells(), reanalysis.pooled(by, weights=weights)
    assert len(table) == rows
    for name, row in table.set_index("over").iterrows():
        part = cells if by is None else cells[cells[by] == name]
        weight = np.ones(len(part)) if weights == "equal" else part["error"] ** -2
        assert row["difference"] == pytest.approx(np.average(part["difference"], weights=weight))
        assert row["error"] == pytest.approx(np.sqrt((weight**2 * part["error"] ** 2).sum()) / weight.sum())
    assert set(reanalysis.judged(table)["over"]) == set(table["over"])


def test_unknown_groups_and_weights_are_errors():
    with pytest.raises(UserError, match="dataset, optimizer, network"):
        reanalysis.pooled("seed")
    with pytest.raises(UserError, match="unknown weights 'random'"):
        reanalysis.pooled(weights="random")
