"""When a search may end: the rule, and searches on planted landscapes that it ends too early or not."""

import numpy as np
import pytest

from pruneproxy.search import Outcome, Trial, optimise
from pruneproxy.search.ending import settled
from pruneproxy.space import Dimension

LANDSCAPES = ("bowl", "ridge", "peak", "cliff", "plateau")
SEARCHES = 60  # of each kind, size and noise
NOISE = (0.0, 0.5, 2.0)  # points between seeds
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
    assert settled(found, 16, 1.0)  # a quarter is left, (1/4)^3 < 2 %
    assert not settled(found, 18, 1.0)  # (1/3)^3 > 2 %
    assert not settled(found, 16, 0.15)  # one other: 1/4 > 2 %
    assert not settled(found, 16, None) and not settled(found, 12, 1.0)


def test_nothing_ends_that_has_learned_nothing():
    assert not settled(trials([50.0] * 20), 21, 1.0)  # no slope has been seen
    assert not settled(trials([None] * 20), 21, 1.0)
    assert not settled(trials([*LOW, 90.0, 90.0]), 8, 1.0)  # too few
    assert settled(trials([None] * 6 + [1.0, 2.0, 90.0, 90.0, 90.0]), 12, 1.0)  # a diverged one is the worst


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


def ended(true, values):
    """Whether ending kept the choice within the margin, and the share of the trials that it saved."""
    total = len(values)
    margin = 0.25 * (values[:PILOT].max() - np.median(values[:PILOT]))
    found = trials(values.tolist())
    count = next((n for n in range(1, total) if margin > 0 and settled(found[:n], total, margin)), total)
    return true[values.argmax()] - true[values[:count].argmax()] <= margin, 1 - count / total


def at_random(kind, size, noise, total, seed):
    """The true and the measured scores of settings drawn at random."""
    chance = np.random.default_rng([seed, size, total, LANDSCAPES.index(kind)])
    true = landscape(kind, chance, size)(chance.random((total, size)))
    return true, true + noise * chance.normal(size=total)


@pytest.mark.parametrize(
    "total, size, saved", [(30, 1, 0.15), (30, 2, 0.1), (100, 1, 0.35), (100, 2, 0.25), (100, 4, 0.12)]
)
def test_what_is_chosen_when_a_search_ends_is_within_the_margin_of_what_its_end_would_have_brought(total, size, saved):
    found = [
        np.mean([ended(*at_random(kind, size, noise, total, s)) for noise in NOISE for s in range(SEARCHES)], 0)
        for kind in LANDSCAPES
    ]
    right, spared = np.array(found).T
    assert right.mean() >= 0.95 and right.min() >= 0.92
    assert spared.mean() >= saved


def by_tpe(kind, total, seed):
    """The true and the measured scores of settings that a sampler proposes in view of the earlier ones."""
    chance = np.random.default_rng([seed, LANDSCAPES.index(kind)])
    points, true = landscape(kind, chance, 2), []

    def evaluate(settings, report):
        true.append(float(points(np.array(list(settings.values())))))
        return Outcome(value=true[-1] + chance.normal())

    space = [Dimension(field=name, low=0.0, high=1.0) for name in ("a", "b")]
    found = optimise(evaluate, space, name="planted", sampler="tpe", trials=total, seed=seed)
    return np.array(true), np.array([trial.value for trial in found])


def test_the_same_holds_for_a_sampler_that_learns():
    right, spared = np.mean([ended(*by_tpe(kind, 40, seed)) for kind in LANDSCAPES for seed in range(8)], 0)
    assert right >= 0.95 and spared >= 0.1
