"""The prior from the book: its table is that of the committed records, and its update is the one that is stated."""

import json
import math
import sys
from pathlib import Path

import pytest

from pruneproxy.asking import COPIES, prior

TOOLS = Path(__file__).resolve().parents[1] / "tools"


def test_the_table_is_what_the_committed_records_say(monkeypatch):
    monkeypatch.syspath_prepend(str(TOOLS))
    import prior as tool

    try:
        assert tool.computed() == json.loads(tool.TARGET.read_text())
    finally:
        sys.modules.pop("prior")


def known(*correlations):
    return prior.Prior(copy="pruned", comparisons=len(correlations), right=1.5, correlations=correlations)


def test_every_copy_has_a_prior_and_pruned_ones_have_been_compared():
    assert all(prior.of(name).comparisons >= len(prior.of(name).correlations) for name in COPIES)
    assert 0 < prior.of("pruned").right <= prior.of("pruned").comparisons


def test_the_update_is_that_of_two_normal_distributions():
    one = known(math.tanh(0.5), math.tanh(1.0), math.tanh(1.5))
    before, after = one.expected, one.updated(math.tanh(2.0), 12)
    between, own = 0.25 * (1 + 1 / 3), (1 + math.tanh(2.0) ** 2 / 2) / 9
    middle = (1.0 / between + 2.0 / own) / (1 / between + 1 / own)
    assert before.value == pytest.approx(math.tanh(1.0)) and after.value == pytest.approx(math.tanh(middle))
    half = 1.959964 / math.sqrt(1 / between + 1 / own)
    assert math.atanh(after.high) - math.atanh(after.value) == pytest.approx(half, rel=1e-5)


def test_more_settings_move_what_the_book_expects_further():
    one = known(0.1, 0.2, 0.3)
    moved = [one.updated(0.9, settings).value for settings in (4, 12, 100)]
    assert one.expected.value < moved[0] < moved[1] < moved[2] < 0.9


def test_few_settings_in_perfect_order_do_not_make_it_sure():
    after = known(0.1, 0.5, 0.6).updated(1.0, 4)
    assert after.value < 0.9 and after.low < 0.7


def test_what_the_book_does_not_know_is_said():
    assert known().said(0.5, 12) == "the book has no comparison of such copies"
    assert known(0.5, 0.6).said(0.5, 12).endswith("in 1.5 of 2 comparisons")
    assert "12 settings of yours move that by" in known(0.4, 0.5, 0.6).said(0.9, 12)
    assert known(0.4, 0.5, 0.6).said(math.nan, 12).endswith("yours show no order")
    assert known(0.4, 0.5, 0.6).updated(math.nan, 12) == known(0.4, 0.5, 0.6).expected
