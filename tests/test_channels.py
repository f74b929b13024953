import itertools

import pytest
import torch

from pruneproxy import channels
from pruneproxy.errors import UserError

SCORES = {"a": torch.tensor([4.0, 1.0, 3.0, 2.0]), "b": torch.tensor([0.1, 0.4]), "c": torch.tensor([9.0])}
WIDTHS = {name: len(values) for name, values in SCORES.items()}


def cost(widths):
    """A chain of layers: every product of neighbouring widths."""
    values = list(widths.values())
    return 3 * values[0] + sum(x * y for x, y in itertools.pairwise(values)) + 5 * values[-1]


def test_global_order_is_the_sorted_list_of_all_scores():
    order = channels.removal_order(SCORES, allocation="global")
    assert order == [("b", 0), ("a", 1), ("a", 3), ("a", 2)]


def test_uniform_order_removes_the_same_share_of_every_group():
    wide = {"x": torch.arange(8.0), "y": torch.arange(4.0).flip(0)}
    order = channels.removal_order(wide, allocation="uniform")
    for share in (0.25, 0.5):
        gone = order[: round(12 * share)]
        assert [sum(name == group for name, _ in gone) for group in wide] == [8 * share, 4 * share]
    assert [channel for name, channel in order if name == "y"] == [3, 2, 1]


@pytest.mark.parametrize("allocation", channels.ALLOCATIONS)
@pytest.mark.parametrize("floor", [1, 2])
def test_no_group_falls_below_its_floor(allocation, floor):
    keep = channels.keep_after(channels.removal_order(SCORES, allocation=allocation, floor=floor), WIDTHS)
    assert channels.kept_widths(keep) == {name: min(width, floor) for name, width in WIDTHS.items()}


@pytest.mark.parametrize("allocation", channels.ALLOCATIONS)
def test_the_weakest_channels_of_each_group_go_first(allocation):
    order = channels.removal_order(SCORES, allocation=allocation)
    for name, values in SCORES.items():
        removed = [values[channel].item() for group, channel in order if group == name]
        assert removed == sorted(removed)


@pytest.mark.parametrize("allocation", channels.ALLOCATIONS)
@pytest.mark.parametrize("seed", range(5))
def test_the_chosen_prefix_is_the_closest_of_all(allocation, seed):
    generator = torch.Generator().manual_seed(seed)
    drawn = {name: torch.rand(width, generator=generator) for name, width in {"a": 7, "b": 5, "c": 6}.items()}
    widths = {name: len(values) for name, values in drawn.items()}
    order = channels.removal_order(drawn, allocation=allocation)
    target = int(cost(widths) * (0.2 + 0.15 * seed))
    every = [cost(channels.kept_widths(channels.keep_after(order[:count], widths))) for count in range(len(order) + 1)]
    found = cost(channels.kept_widths(channels.closest(order, widths, cost, target)))
    assert abs(found - target) == min(abs(value - target) for value in every)


def test_a_target_of_everything_removes_nothing():
    keep = channels.closest(channels.removal_order(SCORES, allocation="global"), WIDTHS, cost, cost(WIDTHS))
    assert channels.kept_widths(keep) == WIDTHS


def test_an_unreachable_target_says_what_is_reachable():
    order = channels.removal_order(SCORES, allocation="uniform", floor=2)
    with pytest.raises(UserError, match="raise the target or lower the floor"):
        channels.closest(order, WIDTHS, cost, 1)


def test_scores_are_not_changed():
    before = {name: values.clone() for name, values in SCORES.items()}
    channels.removal_order(SCORES, allocation="uniform")
    assert all(torch.equal(SCORES[name], values) for name, values in before.items())
