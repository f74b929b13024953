"""Bootstrap intervals, rank correlations and tests, by simulation and closed form."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats
from test_stats import grid, noisy

from pruneproxy import stats
from pruneproxy.errors import UserError
from pruneproxy.stats import rowwise


def two(seeds=3, noise=0.3, seed=0) -> pd.DataFrame:
    return pd.concat(
        [noisy(seeds, noise, 2 * seed), noisy(seeds, noise, 2 * seed + 1, shift=0.5).assign(variant="pruned")]
    )


def rank(draws):
    return rowwise.spearman(draws.landscapes["unpruned"], draws.landscapes["pruned"])


def test_first_replicate_is_the_measured_landscape():
    frame = two()
    draws = stats.replicate(frame, replicates=3)
    means = stats.landscape(frame[frame["variant"] == "pruned"])
    assert draws.landscapes["pruned"].values[0] == pytest.approx(means["top1"].to_numpy())
    assert draws.points[0] == pytest.approx(stats.log_points(means))
    assert draws.by == "seeds" and draws.runs == 3


def test_replicates_of_seeds_have_the_variance_of_a_mean():
    generator = np.random.default_rng(0)
    for count in (2, 3, 5):
        frame = pd.concat([grid(generator.normal(size=(40, 40))).assign(seed=index) for index in range(count)])
        spread = stats.replicate(frame, replicates=400).landscapes["unpruned"].values[1:].var(axis=0)
        assert spread.mean() == pytest.approx(1 / count, rel=0.08)


def test_replicates_of_settings_use_the_same_settings_for_every_variant_and_keep_the_best():
    frame = two(seeds=1)
    draws = stats.replicate(frame, replicates=50)
    a, b = draws.landscapes["unpruned"], draws.landscapes["pruned"]
    measured = {tuple(point): (x, y) for point, x, y in zip(draws.points[0], a.values[0], b.values[0], strict=True)}
    assert draws.by == "settings"
    assert all(
        measured[tuple(point)] == (x, y) for point, x, y in zip(draws.points[7], a.values[7], b.values[7], strict=True)
    )
    assert (a.best == a.values[0].max()).all()


def test_bootstrap_is_repeatable_and_leaves_the_frame_alone():
    frame = two()
    before = frame.copy(deep=True)
    one, again, other = (stats.bootstrap(frame, rank, replicates=200, seed=seed) for seed in (1, 1, 2))
    assert (one.low, one.high) == (again.low, again.high) != (other.low, other.high)
    pd.testing.assert_frame_equal(frame, before)


def test_bootstrap_does_not_depend_on_the_order_of_records():
    frame = two()
    shuffled = frame.sample(frac=1, random_state=3)
    one, other = (stats.bootstrap(rows, rank, replicates=2000) for rows in (frame, shuffled))
    assert one.value == pytest.approx(other.value)
    assert (one.low, one.high) == pytest.approx((other.low, other.high), abs=0.01)


def test_interval_of_a_mean_covers_the_truth_about_as_often_as_it_says():
    """With five seeds; a percentile interval is known to be somewhat short for so few."""
    hits = []
    for seed in range(300):
        generator = np.random.default_rng(seed)
        frame = pd.concat([grid(50 + generator.normal(size=(3, 3))).assign(seed=index) for index in range(5)])
        found = stats.bootstrap(
            frame, lambda draws: draws.landscapes["unpruned"].values.mean(axis=1), replicates=300, seed=seed
        )
        hits.append(found.low <= 50 <= found.high)
    assert 0.9 <= np.mean(hits) <= 0.985


def test_basic_interval_covers_a_rank_correlation_that_noise_pulls_down_more_often_than_the_percentile_one():
    truth = stats.bootstrap(two(seeds=1, noise=0.0), rank, replicates=1).value
    covered = {"basic": [], "percentile": []}
    for seed in range(60):
        frame = two(seeds=3, noise=0.6, seed=seed)
        for kind, hits in covered.items():
            found = stats.bootstrap(frame, rank, replicates=200, seed=seed, interval=kind)
            hits.append(found.low <= truth <= found.high)
    assert np.mean(covered["basic"]) > np.mean(covered["percentile"]) + 0.1


def test_undefined_replicates_are_counted_and_left_out_of_the_interval():
    found = stats.estimate(np.array([1.0, 0.0, np.nan, 2.0, np.nan]), by="seeds")
    assert np.isfinite(found.samples).mean() == 0.5 and found.low >= 0 and found.high <= 2
    undefined = stats.estimate(np.array([np.nan, 1.0, 2.0]), by="seeds")
    assert np.isnan(undefined.value) and np.isnan(undefined.low)


def test_bootstrap_of_bad_choices_says_what_is_expected():
    with pytest.raises(UserError, match="records of one network, got 2"):
        stats.bootstrap(pd.concat([noisy(), noisy().assign(network="other")]), rank)
    with pytest.raises(UserError, match="unknown kind of resampling 'runs'"):
        stats.replicate(two(), by="runs")
    with pytest.raises(UserError, match="unknown interval"):
        stats.estimate(np.arange(3.0), by="seeds", interval="magic")


def test_repeatability_falls_with_noise_and_is_undefined_for_one_seed():
    calm, loud = (stats.repeatability(noisy(seeds=3, noise=noise)) for noise in (0.1, 3.0))
    assert calm > 0.95 > loud
    assert np.isnan(stats.repeatability(noisy(seeds=1)))


def test_tost_equals_two_t_tests_of_scipy():
    generator = np.random.default_rng(0)
    a, b = generator.normal(0.1, 1, 30), generator.normal(0, 2, 20)
    upper = scipy_stats.ttest_ind(a - 1.0, b, equal_var=False, alternative="less").pvalue
    lower = scipy_stats.ttest_ind(a + 1.0, b, equal_var=False, alternative="greater").pvalue
    assert stats.tost(a, b, margin=1.0).p == pytest.approx(max(upper, lower))
    paired = stats.tost(a[:20], b, margin=1.0, paired=True)
    sides = (
        scipy_stats.ttest_rel(a[:20] - 1, b, alternative="less"),
        scipy_stats.ttest_rel(a[:20] + 1, b, alternative="greater"),
    )
    assert paired.p == pytest.approx(max(side.pvalue for side in sides))


@pytest.mark.parametrize("paired", [False, True])
def test_tost_declares_a_difference_of_the_margin_equivalent_in_five_percent_of_cases(paired):
    generator = np.random.default_rng(1)
    found = [
        stats.tost(generator.normal(1, 0.5, 12), generator.normal(0, 0.5, 12), margin=1.0, paired=paired).equivalent
        for _ in range(3000)
    ]
    assert np.mean(found) == pytest.approx(0.05, abs=0.012)


def test_tost_is_equivalent_exactly_when_its_interval_lies_within_the_margin():
    generator = np.random.default_rng(2)
    for _ in range(200):
        found = stats.tost(generator.normal(size=8), generator.normal(size=6), margin=generator.uniform(0.1, 2))
        assert found.equivalent == (-found.margin <= found.low and found.high <= found.margin)


def test_tost_of_samples_that_do_not_vary_and_bad_input():
    for other in ([95, 95], [94.6, 94.6]):
        found = stats.tost([95, 95], other, margin=1)
        assert found.p == 1 and not found.equivalent and (found.low, found.high) == (-np.inf, np.inf)
    with pytest.raises(UserError, match="margin > 0"):
        stats.tost([1, 2], [1, 2], margin=0)
    with pytest.raises(UserError, match="two or more values"):
        stats.tost([1], [1, 2], margin=1)


def test_holm_equals_a_hand_example_and_its_definition():
    assert stats.holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    generator = np.random.default_rng(3)
    p = generator.uniform(size=9) ** 3
    for alpha in (0.01, 0.05, 0.2):
        rejected, left = set(), sorted(range(9), key=lambda index: p[index])
        while left and p[left[0]] <= alpha / len(left):
            rejected.add(left.pop(0))
        assert {index for index, value in enumerate(stats.holm(p)) if value <= alpha} == rejected


def test_holm_refuses_what_is_no_probability():
    with pytest.raises(UserError, match="between 0 and 1"):
        stats.holm([0.2, 1.2])
    assert stats.holm([]).size == 0
