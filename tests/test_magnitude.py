"""Masks by magnitude, their random baselines, and the ratios of layers."""

import numpy as np
import pytest
import torch

from pruneproxy import magnitude
from pruneproxy.errors import UserError

SHAPES = {"a": (4, 3, 3, 3), "b": (5, 4, 1, 1), "c": (7, 5)}


def weights(seed=0):
    draw = torch.Generator().manual_seed(seed)
    return {name: torch.randn(shape, generator=draw) for name, shape in SHAPES.items()}


def whole():
    return {name: torch.ones(shape, dtype=torch.bool) for name, shape in SHAPES.items()}


def test_one_round_of_three_weights_by_hand():
    keep = magnitude.largest({"x": torch.tensor([0.1, -3.0]), "y": torch.tensor([0.2])}, ones(x=2, y=1), 2)
    assert keep["x"].tolist() == [False, True] and keep["y"].tolist() == [True]


def ones(**lengths):
    return {name: torch.ones(length, dtype=torch.bool) for name, length in lengths.items()}


@pytest.mark.parametrize("count", [1, 40, 100, 163])
def test_global_masks_equal_a_sort_over_all_weights(count):
    values = weights()
    found = magnitude.largest(values, whole(), count)
    flat = np.concatenate([np.abs(value.numpy()).ravel() for value in values.values()])
    cut = np.sort(flat)[::-1][count - 1]
    assert sum(magnitude.counts(found).values()) == count
    assert all(np.array_equal(found[name].numpy(), np.abs(values[name].numpy()) >= cut) for name in values)


def test_what_is_gone_stays_gone_and_sizes_are_met_to_one_weight():
    keep, total = whole(), sum(np.prod(shape) for shape in SHAPES.values())
    for number in range(1, 12):
        before, keep = keep, magnitude.largest(weights(number), keep, magnitude.remaining(total, 0.2, number))
        assert sum(magnitude.counts(keep).values()) == round(total * 0.8**number)
        assert not any((keep[name] & ~before[name]).any() for name in keep)


def test_equal_magnitudes_are_kept_in_order():
    keep = magnitude.largest({"x": torch.tensor([1.0, -1.0, 1.0])}, ones(x=3), 2)
    assert keep["x"].tolist() == [True, True, False]


def test_layers_keep_the_numbers_of_a_donor_and_their_own_largest_weights():
    values, donor = weights(), magnitude.largest(weights(1), whole(), 90)
    found = magnitude.largest_of_layers(values, whole(), magnitude.counts(donor))
    assert magnitude.counts(found) == magnitude.counts(donor) and magnitude.ratios(found) == magnitude.ratios(donor)
    for name, mask in found.items():
        assert values[name].abs()[mask].min() >= values[name].abs()[~mask].max()


@pytest.mark.parametrize("kind", magnitude.BASELINES)
def test_random_baselines_have_as_many_weights(kind):
    keep = magnitude.largest(weights(), whole(), 60)
    draw = torch.Generator().manual_seed(0)
    found = magnitude.BASELINES[kind](keep, draw)
    assert sum(magnitude.counts(found).values()) == 60
    assert (magnitude.ratios(found) == magnitude.ratios(keep)) == (kind != "random")
    assert all(torch.equal(found[name], keep[name]) for name in keep) == (kind == "reinitialised")


def test_masks_survive_being_packed_into_bits():
    keep = magnitude.largest(weights(), whole(), 77)
    bits = magnitude.packed(keep)
    assert sum(value.numel() for value in bits.values()) == sum(-(-mask.numel() // 8) for mask in keep.values())
    again = magnitude.unpacked(bits, SHAPES)
    assert all(torch.equal(again[name], keep[name]) for name in keep)


def test_ratios_and_their_distance():
    half, none = {"x": torch.tensor([True, False])}, {"x": torch.tensor([True, True])}
    assert magnitude.ratios(half) == {"x": 0.5}
    assert magnitude.distance(magnitude.ratios(half), magnitude.ratios(none)) == 0.5
    assert magnitude.distance({"a": 0.2, "b": 0.4}, {"a": 0.3, "b": 0.1}) == pytest.approx(0.2)


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ({"a": 1, "b": 1, "c": 0}, "expected from 1 to 35 of the weights that c has left, got 0"),
        ({"a": 109, "b": 1, "c": 1}, "from 1 to 108 of the weights that a has left, got 109"),
        ({"a": 1, "b": 1, "d": 1}, "for the layers a, b, c, got others: c, d .is the donor another network"),
    ],
)
def test_numbers_that_a_layer_cannot_keep_are_refused(counts, said):
    with pytest.raises(UserError, match=said):
        magnitude.largest_of_layers(weights(), whole(), counts)
