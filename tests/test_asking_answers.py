"""What a pilot says of copies whose truth is planted, and how often its intervals hold that truth."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from pruneproxy.asking import answers
from pruneproxy.asking.piloting import LOOKS

PILOTS = 100


def landscape(chance, count):
    """True scores of drawn settings: a bowl of rate and decay whose floor is guessing."""
    lr, decay = chance.uniform(-3, 0, count), chance.uniform(-5, -2, count)
    return np.maximum(92 - 6 * (lr + 1.2) ** 2 - (decay + 3.5) ** 2, 10)


def unstable(chance, truth):
    """One middling setting that seeds throw about by 30 points, up with the seed with which all is tried once."""
    place = int(np.argsort(truth)[len(truth) // 2])
    spread = np.full(len(truth), 0.15)
    spread[place] = 30.0
    return place, spread


def piloted(chance, *, noise, planted, settings=12):
    """The answer on one simulated copy, and what its choice truly loses."""
    truth = landscape(chance, settings)
    copied = chance.permutation(truth) if planted == "shuffled" else truth
    place, spread = unstable(chance, truth) if planted == "unstable" else (None, np.full(settings, noise))
    own, copy = (side + spread * chance.standard_normal(settings) for side in (truth, copied))
    if place is not None:
        own[place] = copy[place] = 99.0
    best, three = answers.choices(own, copy)
    again = {*answers.favourites(own), best, three}
    fresh = {k: truth[k] + spread[k] * chance.standard_normal(LOOKS[-1]) for k in again}
    margin = answers.margin_of(own)
    for seeds in LOOKS:
        seen = {k: scores[:seeds] for k, scores in fresh.items()}
        found = answers.answer("copy", own, copy, seen, share=0.5, margin=margin, looks=len(LOOKS))
        if found.verdict != "cannot tell":
            break
    return found, max(truth[k] for k in again) - truth[best]


def verdicts(*, noise, planted, seed=0):
    chance = np.random.default_rng(seed)
    found = [piloted(chance, noise=noise, planted=planted)[0].verdict for _ in range(PILOTS)]
    return {name: found.count(name) for name in answers.VERDICTS}


def test_a_copy_that_equals_the_network_is_found_safe():
    assert verdicts(noise=0.15, planted="equal")["safe"] >= 95


def test_a_copy_whose_scores_are_shuffled_is_found_unsafe():
    assert verdicts(noise=0.15, planted="shuffled")["unsafe"] >= 95


@pytest.mark.parametrize("planted", ["equal", "shuffled"])
def test_where_the_seeds_drown_the_settings_it_cannot_be_told(planted):
    assert verdicts(noise=40.0, planted=planted)["cannot tell"] >= 90


def test_a_favourite_by_luck_is_not_safe_because_the_copy_likes_it_too():
    assert verdicts(noise=0.0, planted="unstable")["safe"] <= 5


@pytest.mark.parametrize(
    ("planted", "noise"), [("shuffled", 0.15), ("shuffled", 1.0), ("shuffled", 4.0), ("equal", 4.0), ("unstable", 0.15)]
)
def test_intervals_of_the_loss_hold_the_truth(noise, planted):
    chance = np.random.default_rng(1)
    found = [piloted(chance, noise=noise, planted=planted) for _ in range(400)]
    assert np.mean([one.loss.low <= truth <= one.loss.high for one, truth in found]) >= 0.93


@pytest.mark.parametrize("noise", [0.5, 2.0, 8.0])
@pytest.mark.parametrize("settings", [4, 6, 12])
def test_intervals_of_the_rank_correlation_hold_that_of_all_settings(settings, noise):
    chance = np.random.default_rng(2)

    def sides(count):
        truth = landscape(chance, count)
        return [truth + noise * chance.standard_normal(count) for _ in range(2)]

    everywhere = scipy_stats.spearmanr(*sides(100_000)).statistic
    found = [answers._ranked(*sides(settings))[0] for _ in range(300)]
    assert np.mean([one.low <= everywhere <= one.high for one in found]) >= 0.93
    assert all(one.low < one.value or one.value == -1 for one in found)


def test_a_copy_that_scores_all_settings_alike_says_nothing():
    own = np.array([90.0, 70.0, 60.0, 50.0, 40.0, 30.0, 20.0, 10.0])
    fresh = {place: own[place] + np.array([-0.1, 0.0, 0.1]) for place in range(3)}
    found = answers.answer("copy", own, np.full(8, 10.0), fresh, share=0.5, margin=5.0)
    assert found.loss.value == 0 and found.p == 1 and found.verdict == "unsafe"
    assert (found.correlation_low, found.correlation_high) == (-1, 1)


def test_a_loss_is_the_t_interval_of_fresh_scores():
    fresh = {0: [90.0, 91.0, 92.0], 1: [88.0, 90.0, 89.0]}
    found = answers.loss(fresh, 1)
    half = 2.7764451 * 1.0 * np.sqrt(2 / 3)  # t of 4 degrees of freedom; the pooled deviation is 1
    assert found.value == pytest.approx(2) and found.high - found.value == pytest.approx(half)
    assert answers.loss(fresh, 1, looks=3).high > found.high
    assert (answers.loss(fresh, 0).value, answers.loss(fresh, 0).low) == (0, 0)
    assert answers.loss(fresh, 0).high == pytest.approx(half - 2)


def test_a_loss_is_against_the_best_mean_whoever_chose_it():
    fresh = {0: [90.0, 91.0, 92.0], 1: [88.0, 90.0, 89.0], 2: [95.0, 96.0, 94.0]}
    assert answers.loss(fresh, 0).value == pytest.approx(4) and answers.steadiest(fresh) == 2
    alone = answers.loss({0: fresh[0], 2: fresh[2]}, 0)
    assert answers.loss(fresh, 0).high == pytest.approx(alone.high) and answers.loss(fresh, 0).low < alone.low


def test_so_many_seeds_more_would_end_the_interval_at_the_margin():
    lost = answers.Loss(value=1.0, low=0.0, high=3.0)
    assert answers.more_seeds(lost, 2.0, 5) == 15  # half as wide with four times as many
    assert answers.more_seeds(lost, 1.0, 5) is None and answers.more_seeds(lost, 1.1, 5) is None


def test_of_the_three_that_a_copy_likes_best_the_network_takes_its_own():
    own, copy = np.array([5.0, 1.0, 9.0, 7.0]), np.array([1.0, 9.0, 7.0, 8.0])
    assert answers.choices(own, copy) == (1, 2)


def test_an_order_that_so_few_settings_cannot_tell_from_chance_is_neither_safe_nor_unsafe():
    own, copy = np.array([50.0, 60.0, 70.0, 80.0]), np.array([50.0, 60.0, 80.0, 70.0])
    fresh = {place: own[place] + np.array([-0.1, 0.0, 0.1]) for place in (1, 2, 3)}
    found = answers.answer("copy", own, copy, fresh, share=0.5, margin=12.0)
    assert found.correlation == pytest.approx(0.8) and found.p > 0.05 and found.verdict == "cannot tell"
    assert 0.8 * np.sqrt(3 / 0.36) < 2.353363 and 0.8 * np.sqrt(4 / 0.36) > 2.131847  # t at 95 %, of 3 and 4 degrees
    assert "about 6 would tell" in found.why


def test_where_nothing_is_gained_by_tuning_it_cannot_be_told():
    own = np.array([99.0, 99.0, 99.0, 99.0])
    fresh = {place: [99.0, 99.0, 99.0] for place in range(3)}
    found = answers.answer("copy", own, own, fresh, share=0.5, margin=answers.margin_of(own))
    assert found.verdict == "cannot tell" and "widen the space" in found.why and found.more is None
