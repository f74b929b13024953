"""Tests, intervals and power from means and deviations, against SciPy and by simulation."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from pruneproxy import stats
from pruneproxy.errors import UserError

PAIRS = 40_000


def groups(difference, sd=1.0, n=5, pairs=PAIRS, seed=0):
    """Simulated seeds of two groups, one row per repetition, whose true means differ by `difference`."""
    generator = np.random.default_rng(seed)
    first, second = np.broadcast_to(sd, 2)
    return generator.normal(difference, first, (pairs, n)), generator.normal(0, second, (pairs, n))


def compared(a, b):
    return stats.welch(stats.summary(a), stats.summary(b))


def rejections(hypothesis, difference, *, margin=0.0, paired=False, **choices):
    a, b = groups(difference, **choices)
    found = stats.seed_paired(a, b) if paired else compared(a, b)
    return float(np.mean(stats.p_value(found, hypothesis, margin=margin) <= 0.05))


def test_welch_from_means_and_deviations_equals_scipy():
    mean, sd, n = (93.6, 0.3, 5), (93.4, 0.2, 7), (5, 7)
    found = stats.welch(stats.Summary(mean=93.6, sd=0.3, n=5), stats.Summary(mean=93.4, sd=0.2, n=7))
    for hypothesis, alternative in (("better", "greater"), ("worse", "less")):
        expected = scipy_stats.ttest_ind_from_stats(*mean, *sd, equal_var=False, alternative=alternative)
        assert stats.p_value(found, hypothesis) == pytest.approx(expected.pvalue)
    assert n == (mean[2], sd[2])


def test_welch_interval_equals_scipy():
    a, b = groups(0.3, pairs=1)
    ends = compared(a[0], b[0]).interval()
    expected = scipy_stats.ttest_ind(a[0], b[0], equal_var=False).confidence_interval(0.95)
    assert ends == pytest.approx((expected.low, expected.high))


def test_equivalence_equals_the_test_on_samples():
    a, b = groups(0.2, sd=(0.5, 1.0), pairs=1)
    found = compared(a[0], b[0])
    assert stats.p_value(found, "equivalent", margin=1.0) == pytest.approx(stats.tost(a[0], b[0], margin=1.0).p)
    found = stats.seed_paired(a[0], b[0])
    assert stats.p_value(found, "equivalent", margin=1.0) == pytest.approx(
        stats.tost(a[0], b[0], margin=1.0, paired=True).p
    )


def test_paired_interval_equals_scipy():
    a, b = groups(0.2, pairs=1)
    expected = scipy_stats.ttest_rel(a[0], b[0]).confidence_interval(0.9)
    assert stats.seed_paired(a[0], b[0]).interval(level=0.9) == pytest.approx((expected.low, expected.high))


@pytest.mark.parametrize(
    "hypothesis,difference,margin",
    [
        ("equivalent", 1.0, 1.0),
        ("equivalent", -1.0, 1.0),
        ("non-inferior", -1.0, 1.0),
        ("better", 0, 0),
        ("worse", 0, 0),
    ],
)
@pytest.mark.parametrize("paired", [False, True])
def test_five_seeds_at_the_margin_pass_in_five_percent_of_cases(hypothesis, difference, margin, paired):
    assert 0.04 <= rejections(hypothesis, difference, margin=margin, sd=0.1, paired=paired) <= 0.06


@pytest.mark.parametrize("paired", [False, True])
def test_intervals_of_five_seeds_cover_in_ninety_five_percent_of_cases(paired):
    a, b = groups(0.7)
    low, high = (stats.seed_paired(a, b) if paired else compared(a, b)).interval()
    assert np.mean((low <= 0.7) & (high >= 0.7)) == pytest.approx(0.95, abs=0.01)


@pytest.mark.parametrize("hypothesis", stats.HYPOTHESES)
@pytest.mark.parametrize("sd,n,difference", [(0.6, 5, 0.0), ((0.3, 0.9), 5, 0.3), (0.8, 3, -0.4), (0.5, 12, 0.1)])
def test_power_is_the_share_of_simulated_experiments_that_succeed(hypothesis, sd, n, difference):
    margin = 0.8
    expected = rejections(hypothesis, difference, margin=margin, sd=sd, n=n)
    found = stats.power(hypothesis, sd=sd, n=n, margin=margin, difference=difference)
    assert found == pytest.approx(expected, abs=0.008)


@pytest.mark.parametrize("n", [3, 5, 20])
def test_power_of_paired_non_inferiority_is_the_noncentral_t(n):
    shift = (0.5 + 0.1) / (0.7 / np.sqrt(n))
    expected = scipy_stats.nct.sf(scipy_stats.t.ppf(0.95, n - 1), n - 1, shift)
    found = stats.power("non-inferior", sd=0.7, n=n, margin=0.5, difference=0.1, paired=True)
    assert found == pytest.approx(expected, abs=2e-4)


def test_power_for_a_mean_of_differences_agrees_with_simulation():
    deviations = np.array([0.4, 0.8, 0.6, 1.2, 0.5, 0.3])
    generator = np.random.default_rng(3)
    draws = generator.normal(0, deviations, (20_000, 5, 6))
    variances = draws.var(axis=1, ddof=1) / 5 / 9  # three cells of two sides, so a mean weighs each by a third
    differences = draws.mean(axis=1) @ np.array([1, -1, 1, -1, 1, -1]) / 3
    freedom = variances.sum(axis=1) ** 2 / (variances**2 / 4).sum(axis=1)
    found = stats.Comparison(difference=differences, error=np.sqrt(variances.sum(axis=1)), freedom=freedom)
    expected = np.mean(stats.p_value(found, "equivalent", margin=0.6) <= 0.05)
    assert stats.power("equivalent", sd=list(deviations / 3), n=5, margin=0.6) == pytest.approx(expected, abs=0.015)


@pytest.mark.parametrize("hypothesis,difference", [("equivalent", 0.2), ("non-inferior", 0.0), ("worse", -0.5)])
def test_seeds_needed_is_the_first_number_that_reaches_the_power(hypothesis, difference):
    choices = {"margin": 1.0, "difference": difference}
    needed = stats.seeds_needed(1.1, 1.0, 0.8, 0.05, difference, hypothesis=hypothesis)
    reached = [stats.power(hypothesis, sd=1.1, n=n, **choices) for n in (needed - 1, needed)]
    assert reached[0] < 0.8 <= reached[1]
    assert rejections(hypothesis, sd=1.1, n=needed, pairs=10_000, **choices) >= 0.78


def test_many_seeds_approach_the_formula_of_the_normal_distribution():
    z = scipy_stats.norm.ppf
    expected = 2 * (z(0.95) + z(0.9)) ** 2 * (2.0 / 0.3) ** 2  # two one-sided tests, true difference 0
    assert stats.seeds_needed(2.0, 0.3) == pytest.approx(expected, rel=0.01)


def test_pairing_by_seed_needs_fewer_seeds_when_seeds_share_their_noise():
    assert stats.seeds_needed(0.3, 0.5, paired=True) < stats.seeds_needed(1.0, 0.5)


def test_a_weighted_mean_has_the_error_that_follows():
    cells = stats.Comparison(difference=np.array([1.0, 3.0]), error=np.array([0.3, 0.4]), freedom=np.array([4.0, 6.0]))
    equal = stats.weighted_mean(cells)
    assert (equal.difference, equal.error) == pytest.approx((2.0, 0.25))
    assert equal.freedom == pytest.approx(0.25**2 / (0.15**4 / 4 + 0.2**4 / 6) * 0.25**2)
    tilted = stats.weighted_mean(cells, [3, 1])
    assert tilted.difference == pytest.approx(1.5)


def test_samples_that_do_not_vary_are_no_evidence():
    found = stats.welch(stats.Summary(mean=1.0, sd=0.0, n=5), stats.Summary(mean=1.2, sd=0.0, n=5))
    assert [float(stats.p_value(found, name, margin=0.5)) for name in stats.HYPOTHESES] == [1, 1, 1, 1]
    assert stats.p_value(found, "equivalent", margin=0.1) == 1


def test_samples_stay_as_they_were():
    a, b = groups(0.0, pairs=3)
    before = a.copy(), b.copy()
    compared(a, b)
    stats.seed_paired(a, b)
    assert (a == before[0]).all() and (b == before[1]).all()


@pytest.mark.parametrize(
    "call,message",
    [
        (lambda: stats.Summary(mean=0, sd=-1, n=5), "sd >= 0"),
        (lambda: stats.summary([1.0]), "two or more values"),
        (lambda: stats.seed_paired([1, 2], [1, 2, 3]), "equally many"),
        (lambda: stats.p_value(compared([1, 2], [1, 3]), "equivalent"), "margin > 0"),
        (lambda: stats.p_value(compared([1, 2], [1, 3]), "alike", margin=1), "unknown hypothesis 'alike'.*equivalent"),
        (lambda: stats.power("equivalent", sd=1, n=1, margin=1), "n >= 2"),
        (lambda: stats.power("equivalent", sd=0, n=5, margin=1), "not all 0"),
        (lambda: stats.seeds_needed(1, 1, difference=1), "no number of seeds"),
        (lambda: stats.seeds_needed(1, 1, power=1.0), "power between 0 and 1"),
    ],
)
def test_bad_comparisons_say_what_is_expected(call, message):
    with pytest.raises(UserError, match=message):
        call()


@pytest.mark.parametrize("n", [3, 5, 10])
def test_what_seeds_can_show_is_shown_in_four_of_five_simulated_studies(n):
    drawn = np.random.default_rng(n).normal(size=(20_000, n))
    shown = scipy_stats.ttest_1samp(
        drawn + stats.comparisons.visible(n, alpha=0.1), 0, axis=1, alternative="greater"
    ).pvalue
    assert (shown <= 0.1).mean() == pytest.approx(0.8, abs=0.012)
    margin = stats.comparisons.visible(n, hypothesis="equivalent")
    sides = [
        scipy_stats.ttest_1samp(drawn + margin, 0, axis=1, alternative="greater").pvalue,
        scipy_stats.ttest_1samp(drawn - margin, 0, axis=1, alternative="less").pvalue,
    ]
    assert (np.max(sides, axis=0) <= 0.05).mean() == pytest.approx(0.8, abs=0.012)
