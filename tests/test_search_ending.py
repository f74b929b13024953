"""When a search may end: the rule, and searches on planted landscapes that it ends too early or not."""

import numpy as np
import pytest

from pruneproxy.search import Trial
from pruneproxy.search.ending import settled

LANDSCAPES = ("bowl", "ridge", "peak", "cliff", "plateau")
SEARCHES = 60  # of each kind, size and noise
PILOT = 12  # trials by which the margin is set, as a pilot of as many settings sets it


def trials(values):
    return [
        Trial(
            number=number,
            settings={},
            value=value,
            state="diverged" if value is None else "complete",
            epochs=0,
            seconds=0.0,
            multiplications=None,
            run=None,
        )
        for number, value in enumerate(values)
    ]


LOW = [1.0, 2.0, 3.0, 4.0, 5.0]


def test_a_search_ends_when_so_many_are_as_good_that_the_rest_can_hardly_be_better():
    found = trials([*LOW, 90.0, 89.5, 89.8, 89.9, *LOW[:3]])  # three others within 1 of the best
    assert settled(found, 18, 1.0)  # a third is left, (1/3)^3 < 5 %
    assert not settled(found, 20, 1.0)  # 0.4^3 > 5 %
    assert not settled(found, 18, 0.15)  # one other: 1/3 > 5 %
    assert not settled(found, 18, None) and not settled(found, 12, 1.0)


def test_nothing_ends_that_has_learned_nothing():
    assert not settled(trials([50.0] * 20), 21, 1.0)  # no slope has been seen
    assert not settled(trials([None] * 20), 21, 1.0)
    assert not settled(trials([*LOW, 90.0, 90.0]), 8, 1.0)  # too few
    assert settled(trials([None] * 6 + [1.0, 2.0, 90.0, 90.0, 90.0]), 14, 1.0)  # a diverged one is the worst


def landscape(kind, chance, size):
    """Points below the best score that a setting in the unit cube gets."""
    middle, width = chance.random(size), chance.uniform(0.15, 0.6, size)
    slope, edge = chance.normal(size=size), chance.uniform(0.4, 0.9)
    slope /= np.linalg.norm(slope)
    narrow = chance.uniform(0.08, 0.2, size)

    def points(x):
        far = (((x - middle) / width) ** 2).sum(-1)
        return {
            "bowl": -20 * np.minimum(1, far),
            "ridge": -20 * np.abs((x - middle) @ slope) - 2 * ((x - middle) ** 2).sum(-1),
            "peak": 20 * np.exp(-(((x - middle) / narrow) ** 2).sum(-1) / 2) - 5 * ((x - 0.5) ** 2).sum(-1),
            "cliff": np.where(x[..., 0] > edge, -20, 10 * (x[..., 0] - edge)) - 3 * ((x[..., 1:] - 0.5) ** 2).sum(-1),
            "plateau": -20 * np.clip(far - 0.5, 0, 1),
        }[kind]

    return points


def ended(kind, size, noise, total, seed):
    """Whether ending kept the choice within the margin, and the share of the trials that it saved."""
    chance = np.random.default_rng([seed, size, total, LANDSCAPES.index(kind)])
    true = landscape(kind, chance, size)(chance.random((total, size)))
    values = true + noise * chance.normal(size=total)
    margin = 0.25 * (values[:PILOT].max() - np.median(values[:PILOT]))
    found = trials(values.tolist())
    count = next((n for n in range(1, total) if margin > 0 and settled(found[:n], total, margin)), total)
    lost = true[values.argmax()] - true[values[:count].argmax()]
    return lost <= margin, 1 - count / total


def simulated(total, size):
    """By landscape, the shares of searches that were right, and of trials that were saved."""
    return {
        kind: np.mean([ended(kind, size, noise, total, s) for noise in (0.0, 0.5, 2.0) for s in range(SEARCHES)], 0)
        for kind in LANDSCAPES
    }


@pytest.mark.parametrize(
    "total, size, saved", [(30, 1, 0.2), (30, 2, 0.1), (100, 1, 0.4), (100, 2, 0.3), (100, 4, 0.15)]
)
def test_what_is_chosen_when_a_search_ends_is_within_the_margin_of_what_its_end_would_have_brought(total, size, saved):
    found = np.array(list(simulated(total, size).values()))
    assert found[:, 0].mean() >= 0.95 and found[:, 0].min() >= 0.9
    assert found[:, 1].mean() >= saved
