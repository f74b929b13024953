"""Allocation of densities, updates of masks, and when they happen."""

import math
import random
from dataclasses import replace

import pytest
import torch

from pruneproxy import costs, sparse
from pruneproxy.errors import UserError
from pruneproxy.sparse import SEMANTICS, SparseConfig

MLP = {"hidden1": (1000, 784), "hidden2": (1000, 1000), "hidden3": (1000, 1000), "fc": (10, 1000)}
CONV = {
    "conv1": (16, 3, 3, 3),
    "a": (16, 16, 3, 3),
    "b": (32, 16, 3, 3),
    "down": (32, 16, 1, 1),
    "c": (64, 32, 3, 3),
    "fc": (10, 64),
}


def weights(shapes, densities):
    return sum(densities[name] * math.prod(shape) for name, shape in shapes.items())


def bisected(shapes, density):
    """min(1, epsilon * sum / product) with the epsilon that meets the target, by bisection."""
    raw = {name: sum(shape) / math.prod(shape) for name, shape in shapes.items()}
    low, high = 0.0, 1e9
    for _ in range(200):
        epsilon = (low + high) / 2
        found = {name: min(1.0, epsilon * share) for name, share in raw.items()}
        low, high = (
            (epsilon, high) if weights(shapes, found) < weights(shapes, dict.fromkeys(raw, density)) else (low, epsilon)
        )
    return found


@pytest.mark.parametrize("density", [0.01, 0.1, 0.3, 0.5, 0.9, 0.99, 1.0])
@pytest.mark.parametrize("shapes", [MLP, CONV], ids=["mlp", "conv"])
def test_erk_densities_equal_bisection_and_sum_to_the_asked_density(shapes, density):
    found = sparse.densities(shapes, density, allocation="erk")
    assert found == pytest.approx(bisected(shapes, density), rel=1e-9)
    total = sum(map(math.prod, shapes.values()))
    assert abs(weights(shapes, found) - density * total) < 1
    assert all(0 < value <= 1 for value in found.values()) and list(found) == list(shapes)


def test_erk_keeps_small_layers_denser_and_makes_full_ones_dense():
    found = sparse.densities(CONV, 0.5, allocation="erk")
    assert found["conv1"] == found["fc"] == 1 and found["c"] < 0.5


@pytest.mark.parametrize(
    ("kept_dense", "dense"),
    [("none", set()), ("first", {"conv1"}), ("last", {"fc"}), ("ends", {"conv1", "fc"})],
)
@pytest.mark.parametrize("allocation", sparse.ALLOCATIONS)
def test_the_density_is_that_of_the_layers_that_are_not_kept_dense(allocation, kept_dense, dense):
    found = sparse.densities(CONV, 0.05, allocation=allocation, kept_dense=kept_dense)
    rest = {name: shape for name, shape in CONV.items() if name not in dense}
    assert {found[name] for name in dense} <= {1.0} and max(found[name] for name in rest) < 1
    assert weights(rest, found) == pytest.approx(0.05 * sum(map(math.prod, rest.values())))


def test_counts_are_rounded_and_never_zero():
    shapes = {"a": (3, 5), "b": (1, 2)}
    assert sparse.counts(shapes, {"a": 0.3, "b": 0.1}) == {"a": 4, "b": 1}
    assert sparse.counts({"a": (100,), "b": (3,), "c": (3,)}, {"a": 0.29, "b": 0.5, "c": 0.6}) == {
        "a": 29,
        "b": 1,
        "c": 2,
    }


@pytest.mark.parametrize("allocation", sparse.ALLOCATIONS)
@pytest.mark.parametrize("density", [0.013, 0.1, 0.377, 0.9])
@pytest.mark.parametrize("shapes", [MLP, CONV], ids=["mlp", "conv"])
def test_counts_sum_to_the_asked_density_within_one_weight(shapes, density, allocation):
    found = sparse.counts(shapes, sparse.densities(shapes, density, allocation=allocation))
    assert abs(sum(found.values()) - density * sum(map(math.prod, shapes.values()))) < 1
    assert all(1 <= found[name] <= math.prod(shape) for name, shape in shapes.items())


@pytest.mark.parametrize("density", [0, -0.1, 1.01])
def test_a_density_outside_its_range_is_refused(density):
    with pytest.raises(UserError, match=r"density .*in \(0, 1\], got"):
        sparse.densities(MLP, density)
    with pytest.raises(UserError, match=r"SparseConfig.density must be .* in \(0, 1\], got"):
        SparseConfig(density=density)


def test_an_impossible_target_is_refused_in_one_sentence():
    with pytest.raises(UserError, match=r"leaves a weight in each of the 2 layers, at least 0.1, got 0.05: raise it"):
        sparse.densities({"a": (2, 5), "b": (2, 5)}, 0.05, allocation="erk")
    with pytest.raises(UserError, match="expected a layer that becomes sparse, got none: with kept_dense 'ends'"):
        sparse.densities({"a": (2, 5), "b": (2, 5)}, 0.5, kept_dense="ends")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"interval": 0}, "interval must be a whole number of at least 1 step, got 0"),
        ({"interval": 2.5}, "interval must be a whole number"),
        ({"end": 1.2}, r"end must be a share of the steps in \[0, 1\], got 1.2"),
        ({"drop": 0.0}, r"drop must be None or a share of the weights in \(0, 1\], got 0.0"),
        ({"density": "0.5"}, "density must be .*, got '0.5'"),
        ({"end": None}, "end must be .*, got None"),
        ({"drop": "a"}, "drop must be .*, got 'a'"),
        ({"mask_seed": "x"}, "mask_seed must be None or a whole number, got 'x'"),
        ({"method": "snip"}, "unknown method of sparse training 'snip'.*: expected one of dense, static, set, rigl"),
        ({"allocation": "er"}, "unknown allocation of density 'er'.*: expected one of uniform, erk"),
        ({"kept_dense": "middle"}, "expected one of none, first, last, ends"),
        ({"semantics": "code"}, "expected one of text, jaxpruner, rigl, set"),
        ({"drop_schedule": "linear"}, "expected one of constant, cosine"),
    ],
)
def test_a_wrong_configuration_is_refused(wrong, message):
    with pytest.raises(UserError, match=message):
        SparseConfig(**wrong)


def row(text):
    """A mask of eight elements in two rows from a word of zeros and ones."""
    return torch.tensor([letter == "1" for letter in text]).view(2, 4)


def word(mask):
    return "".join("01"[value] for value in mask.flatten().tolist())


START = "11110000"
WEIGHTS = torch.tensor([0.1, -0.2, 0.3, -0.4, 0.5, -0.6, 0.7, -0.8]).view(2, 4)
GRADIENTS = [  # of five batches
    [0.0, 0.0, 0.0, 0.0, 0.1, -0.2, 0.3, -0.4],
    [0.9, 0.0, 0.0, 0.0, 0.1, -0.2, 0.3, -0.4],
    [0.5, 0.0, 0.0, 0.0, 0.9, -0.2, 0.3, -0.4],
    [0.15, -0.2, 0.0, 0.0, 0.0, -0.1, 0.0, 0.0],
    [0.0, 0.0, 0.7, 0.0, 0.0, -0.8, 0.0, 0.0],
]
DRAWS = [  # uniform numbers in [0, 1)
    [0.50, 0.77, 0.09, 0.13, 0.31, 0.63, 0.49, 0.90],
    [0.46, 0.63, 0.35, 0.40, 0.02, 0.17, 0.29, 0.52],
    [0.70, 0.80, 0.16, 0.28, 0.68, 0.92, 0.40, 0.87],
    [0.42, 0.55, 0.95, 0.04, 0.18, 0.37, 0.31, 0.93],
    [0.18, 0.27, 0.15, 0.03, 0.21, 0.93, 0.72, 0.74],
]
GOLDEN = {  # five updates that remove half of the four weights, or half of each sign, worked out by hand
    ("rigl", "magnitude"): ["00110011", "10000111", "10001011", "11000011", "00100111"],
    ("rigl", "per-sign"): ["00110011", "10000111", "10001011", "01001011", "00100111"],
    ("set", "magnitude"): ["01110001", "11010001", "01010101", "01100101", "01000111"],
    ("set", "per-sign"): ["01110001", "01110001", "00110101", "01100101", "00100111"],
}


@pytest.mark.parametrize(("method", "removal"), GOLDEN)
def test_five_updates_equal_the_table(method, removal, monkeypatch):
    draws = iter(DRAWS)
    monkeypatch.setattr(torch, "rand", lambda shape, generator: torch.tensor(next(draws)).view(shape))
    kept, found = row(START), []
    for gradient in GRADIENTS:
        scores = sparse.METHODS[method](torch.tensor(gradient).view(2, 4), None)
        kept, _ = sparse.updated(WEIGHTS * kept, kept, scores, share=0.5, removal=removal)
        found.append(word(kept))
    assert found == GOLDEN[method, removal]


def oracle(weight, kept, scores, share, removal):
    """The same update with lists and sorting."""
    weight, kept, scores = (value.flatten().tolist() for value in (weight, kept, scores))
    places = [place for place in range(len(kept)) if kept[place]]
    sides = [places]
    gone = set()
    if removal == "per-sign":
        sides = [[p for p in places if weight[p] > 0], [p for p in places if weight[p] < 0]]
        gone = {p for p in places if weight[p] == 0}
    for side in sides:
        gone |= set(sorted(side, key=lambda place: abs(weight[place]))[: int(share * len(side) + 1e-9)])
    remaining = set(places) - gone
    absent = sorted(set(range(len(kept))) - remaining, key=lambda place: -scores[place])
    new = remaining | set(absent[: len(gone)])
    return [place in new for place in range(len(kept))], [place in gone for place in range(len(kept))]


@pytest.mark.parametrize("removal", sparse.REMOVALS)
@pytest.mark.parametrize("method", ["set", "rigl"])
def test_updates_equal_sorting_by_hand_and_change_no_argument(method, removal):
    draws = random.Random(3)
    for case in range(60):
        shape = (draws.randint(1, 7), draws.randint(1, 9))
        source = torch.Generator().manual_seed(case)
        kept = torch.rand(shape, generator=source) < draws.choice([0.1, 0.5, 0.9, 1.1])
        weight = torch.randn(shape, generator=source) * kept * (torch.rand(shape, generator=source) < 0.9)
        scores = sparse.METHODS[method](torch.randn(shape, generator=source), source)
        share = draws.choice([0.1, 0.3, 1.0])
        before = weight.clone(), kept.clone(), scores.clone()
        if removal == "magnitude":  # ties of exact zeros may go either way
            weight = weight + kept * (weight == 0) * torch.rand(shape, generator=source)
            before = weight.clone(), *before[1:]
        new, removed = sparse.updated(weight, kept, scores, share=share, removal=removal)
        assert (new.flatten().tolist(), removed.flatten().tolist()) == oracle(weight, kept, scores, share, removal)
        assert int(new.sum()) == int(kept.sum())
        assert all(torch.equal(value, old) for value, old in zip((weight, kept, scores), before, strict=True))


def test_sets_draws_are_those_of_its_generator():
    first, again, other = (
        sparse.METHODS["set"](torch.zeros(3, 4), torch.Generator().manual_seed(seed)) for seed in (1, 1, 2)
    )
    assert torch.equal(first, again) and not torch.equal(first, other)


def test_rounding_of_a_share_forgives_the_machine():
    kept = torch.ones(100, dtype=torch.bool)
    _, removed = sparse.updated(torch.arange(1.0, 101.0), kept, torch.rand(100), share=0.29)
    assert int(removed.sum()) == 29  # 0.29 * 100 is 28.999999999999996


def test_updates_come_every_interval_until_the_end_and_never_at_the_first_step():
    config = SparseConfig(method="rigl", interval=10, end=0.5)
    assert [step for step in range(101) if config.due(step, 100)] == [10, 20, 30, 40, 50]
    for method in ("dense", "static"):
        assert not any(replace(config, method=method).due(step, 100) for step in range(101))


def test_the_released_codes_updates_do_not_end_before_the_first():
    late = SparseConfig(interval=10, end=0.1)
    assert not any(late.due(step, 40) for step in range(40))
    code = replace(late, semantics="jaxpruner")
    assert [step for step in range(40) if code.due(step, 40)] == [10]


def test_the_share_that_is_removed_follows_its_closed_form():
    config = SparseConfig(drop=0.4, drop_schedule="cosine", end=0.5)
    assert config.share_at(25, 100) == pytest.approx(0.2) and config.share_at(50, 100) == pytest.approx(0)
    assert replace(config, drop_schedule="constant").share_at(25, 100) == 0.4


def test_semantics_differ_in_the_share_that_they_remove_first():
    shares = {name: SparseConfig(semantics=name).share_at(10, 1000) for name in SEMANTICS}
    assert shares["set"] == 0.3 and shares["jaxpruner"] < 0.1 < shares["text"] == shares["rigl"] < 0.3


def test_rigls_overhead_is_charged_as_named():
    cost = costs.SparseCost(dense=1000, sparse=100, interval=9, updates=0, steps=50)
    per_image = {name: costs.training(cost, method="rigl", images=1, charged=name) for name in costs.RIGL_CHARGED}
    assert per_image == {"algorithm-1": 390, "equation-4.5": round((27 + 200 + 1000) / 10), "performed": 300}
    assert costs.training(replace(cost, updates=50), method="rigl", images=1, charged="performed") == 1200


@pytest.mark.parametrize(
    ("share", "count", "down", "kept"),
    [(0.1, 6, 0, 1), (0.1, 7, 0, 1), (0.1, 14, 1, 1), (0.3, 5, 1, 1), (0.25, 10, 2, 2)],
)
def test_what_is_removed_is_rounded_down_or_what_is_kept_is_rounded(share, count, down, kept):
    """JaxPruner keeps round((1 - share) n) of n weights: it removes one of 6 where a rounded share removes none."""
    weight, all_kept = torch.arange(1.0, count + 1), torch.ones(count, dtype=torch.bool)
    scores = torch.zeros(count)
    for rounding, expected in (("down", down), ("kept", kept)):
        removed = sparse.updated(weight, all_kept, scores, share=share, rounding=rounding)[1]
        assert int(removed.sum()) == expected and removed[:expected].all()
    assert SEMANTICS["jaxpruner"].rounding == "kept" and SEMANTICS["rigl"].rounding == "down"
