"""Regret, hits and rank correlations, by hand, SciPy and simulation."""

import itertools

import numpy as np
import pytest
from scipy import stats as scipy_stats

from pruneproxy import stats
from pruneproxy.errors import UserError
from pruneproxy.stats.transfer import CORRELATIONS, transfer

TARGET = np.random.default_rng(0).normal(90, 2, 40)


def test_a_proxy_that_is_the_target_has_no_regret_and_ranks_alike():
    found = transfer(TARGET, TARGET, replicates=100)
    assert found.regret.value == found.regret.high == 0 and found.correlation.value == pytest.approx(1)
    assert found.hit and found.p == pytest.approx(1 / 101) and found.correlation.low == pytest.approx(1)


@pytest.mark.parametrize("kind", CORRELATIONS)
def test_a_shuffled_proxy_lies_in_its_null_interval(kind):
    generator = np.random.default_rng(1)
    inside = []
    for _ in range(40):
        proxy = generator.permutation(TARGET)
        (low, high), p = stats.null_interval(proxy, TARGET, kind=kind, shuffles=200)
        inside.append(low <= stats.rank_correlation(proxy, TARGET, kind=kind) <= high)
        assert low < 0 < high and 0 < p <= 1
    assert np.mean(inside) >= 0.85


def test_no_order_is_no_better_than_by_lot():
    (_, _), p = stats.null_interval(np.ones(6), np.arange(6.0), shuffles=200)
    assert p == 1


def test_null_interval_contains_every_permutation_of_a_small_set_in_proportion():
    values = np.arange(5.0)
    every = [scipy_stats.spearmanr(order, values).statistic for order in itertools.permutations(values)]
    (low, high), p = stats.null_interval(values, values, shuffles=4000)
    assert (low, high) == pytest.approx(tuple(np.quantile(every, [0.025, 0.975])), abs=0.11)
    assert p == pytest.approx(1 / 120, abs=0.005)


def test_regret_is_what_the_chosen_configuration_lacks():
    proxy, target = [1, 5, 3, 2], [70.0, 88.0, 90.0, 60.0]
    assert stats.regret(proxy, target) == 2 and stats.regret(proxy, target, k=2) == 0
    assert not stats.top_k_hit(proxy, target, k=1) and stats.top_k_hit(proxy, target, k=2)


def test_regret_of_tied_configurations_is_that_of_drawing_lots():
    assert stats.regret([5, 5, 1], [80.0, 90.0, 70.0]) == 5
    assert stats.regret([7, 7, 7], [80.0, 90.0, 70.0]) == 10
    assert stats.regret([5, 4, 4, 1], [80.0, 90.0, 70.0, 60.0], k=2) == 5
    assert stats.top_k_hit([5, 5, 1], [80.0, 90.0, 70.0], k=1)


def test_regret_falls_with_more_candidates():
    proxy = TARGET + np.random.default_rng(2).normal(0, 3, 40)
    found = [stats.regret(proxy, TARGET, k=k) for k in range(1, 41)]
    assert all(a >= b for a, b in itertools.pairwise(found)) and found[-1] == 0


def test_rank_correlations_equal_scipy_and_are_undefined_for_constants():
    proxy = np.random.default_rng(3).normal(size=40)
    assert stats.rank_correlation(proxy, TARGET) == pytest.approx(scipy_stats.spearmanr(proxy, TARGET).statistic)
    assert stats.rank_correlation(proxy, TARGET, kind="kendall") == pytest.approx(
        scipy_stats.kendalltau(proxy, TARGET).statistic
    )
    assert np.isnan(stats.rank_correlation(np.ones(40), TARGET))


def test_bootstrap_interval_covers_the_rank_correlation_of_a_large_sample():
    generator = np.random.default_rng(4)
    truth = 6 / np.pi * np.arcsin(0.8 / 2)  # Spearman's correlation of a bivariate normal with correlation 0.8
    hits = []
    for seed in range(100):
        a, b = generator.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], 60).T
        found = transfer(a, b, replicates=150, seed=seed)
        hits.append(found.correlation.low <= truth <= found.correlation.high)
    assert np.mean(hits) >= 0.88


def test_transfer_is_repeatable_and_leaves_its_input_alone():
    proxy = TARGET + np.random.default_rng(5).normal(0, 1, 40)
    before = proxy.copy()
    one, again = (transfer(proxy, TARGET, k=3, replicates=50, seed=7) for _ in range(2))
    assert one.correlation.low == again.correlation.low and one.null == again.null and one.k == 3
    assert (proxy == before).all() and one.chance == pytest.approx(TARGET.max() - TARGET.mean())


@pytest.mark.parametrize(
    "call,message",
    [
        (lambda: stats.regret([1, 2], [1, 2, 3]), "one number per configuration"),
        (lambda: stats.regret([1, np.nan], [1, 2]), "diverged"),
        (lambda: stats.regret([1, 2], [1, 2], k=3), "k from 1"),
        (lambda: stats.rank_correlation([1, 2], [1, 2], kind="pearson"), "unknown rank correlation 'pearson'"),
    ],
)
def test_bad_input_says_what_is_expected(call, message):
    with pytest.raises(UserError, match=message):
        call()
