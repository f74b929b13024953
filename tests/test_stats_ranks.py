"""Intervals of a rank correlation from few settings: against simulations and closed forms."""

import math

import pytest
from scipy import stats as scipy_stats

from pruneproxy.stats import ranks


def test_the_interval_is_that_of_bonett_and_wright():
    low, high = ranks.interval(0.6, 20)
    half = 1.959964 * math.sqrt((1 + 0.6**2 / 2) / 17)
    assert (low, high) == pytest.approx((math.tanh(math.atanh(0.6) - half), math.tanh(math.atanh(0.6) + half)))
    assert ranks.interval(-0.6, 20) == pytest.approx((-high, -low))


@pytest.mark.parametrize("settings", [4, 6, 12])
def test_a_perfect_order_counts_as_half_a_swap_of_neighbours_short_of_it(settings):
    places = list(range(settings))
    swapped = [1, 0, *places[2:]]
    step = 1 - scipy_stats.spearmanr(places, swapped).statistic
    assert math.tanh(ranks.normal(1.0, settings)[0]) == pytest.approx(1 - step / 2)
    assert ranks.interval(1.0, settings)[1] == 1 and ranks.interval(-1.0, settings)[0] == -1
    low = ranks.interval(1.0, settings)[0]
    assert low == pytest.approx(-ranks.interval(-1.0, settings)[1]) and low < 1 - step


@pytest.mark.parametrize(("correlation", "settings"), [(0.9, 3), (0.9, 2), (math.nan, 12)])
def test_of_too_few_settings_or_no_order_everything_is_possible(correlation, settings):
    assert ranks.interval(correlation, settings) == (-1, 1)


def test_more_settings_and_a_lower_level_make_it_narrower():
    widths = [high - low for low, high in (ranks.interval(0.7, count) for count in (4, 8, 16, 32))]
    assert widths == sorted(widths, reverse=True)
    low, high = ranks.interval(0.7, 8, level=0.8)
    assert high - low < widths[1]
