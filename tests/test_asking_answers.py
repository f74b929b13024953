"""What a pilot says of copies whose truth is planted, and how often its intervals hold that truth."""

import numpy as np
import pytest

from pruneproxy.asking import answers
from pruneproxy.asking.piloting import LOOKS

PILOTS = 100


def landscape(chance, count):
    """True scores of drawn settings: a bowl of rate and decay whose floor is guessing."""
    lr, decay = chance.uniform(-3, 0, count), chance.uniform(-5, -2, count)
    return np.maximum(92 - 6 * (lr + 1.2) ** 2 - (decay + 3.5) ** 2, 10)


def piloted(chance, *, noise, planted, settings=12):
    """The answer on one simulated copy, and what its choice truly loses."""
    truth = landscape(chance, settings)
    copied = truth if planted == "equal" else chance.permutation(truth)
    own, copy = (side + noise * chance.standard_normal(settings) for side in (truth, copied))
    best, three = answers.choices(own, copy)
    mine = int(np.argmax(own))
    fresh = {k: truth[k] + noise * chance.standard_normal(LOOKS[-1]) for k in (mine, best, three)}
    margin = answers.margin_of(own)
    for seeds in LOOKS:
        seen = {k: scores[:seeds] for k, scores in fresh.items()}
        found = answers.answer("copy", own, copy, seen, share=0.5, margin=margin, looks=len(LOOKS))
        if found.verdict != "cannot tell":
            break
    return found, truth[mine] - truth[best]


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


@pytest.mark.parametrize("noise", [0.15, 1.0, 4.0])
def test_intervals_of_the_loss_hold_the_truth(noise):
    chance = np.random.default_rng(1)
    found = [piloted(chance, noise=noise, planted="shuffled") for _ in range(400)]
    assert np.mean([one.loss.low <= truth <= one.loss.high for one, truth in found]) >= 0.93


def test_the_same_choice_loses_nothing_and_its_interval_is_a_point():
    found = answers.loss({0: [1.0, 2.0], 1: [3.0, 4.0]}, 0, 0)
    assert (found.value, found.low, found.high) == (0, 0, 0)


def test_a_loss_is_the_pooled_t_interval_of_fresh_scores():
    fresh = {0: [90.0, 91.0, 92.0], 1: [88.0, 90.0, 89.0]}
    found = answers.loss(fresh, 0, 1)
    half = 2.7764451 * 1.0 * np.sqrt(2 / 3)  # t of 4 degrees of freedom; the pooled deviation is 1
    assert found.value == pytest.approx(2) and found.high - found.value == pytest.approx(half)
    assert answers.loss(fresh, 0, 1, looks=3).high > found.high


def test_of_the_three_that_a_copy_likes_best_the_network_takes_its_own():
    own, copy = np.array([5.0, 1.0, 9.0, 7.0]), np.array([1.0, 9.0, 7.0, 8.0])
    assert answers.choices(own, copy) == (1, 2)
