"""Fronts, layers, normalisation and hypervolumes, against definitions, closed forms, brute force and Optuna."""

import itertools
import time

import numpy as np
import pandas as pd
import pytest
from optuna._hypervolume import compute_hypervolume

from pruneproxy import pareto
from pruneproxy.errors import UserError
from pruneproxy.pareto import Objective

TRADE_OFF = (
    Objective(name="accuracy", direction="maximize"),
    Objective(name="inference", log=True),
    Objective(name="training", log=True),
)


def dominated(points) -> np.ndarray:
    """Which points another one dominates, pair by pair from eq. 3.3."""
    better = [[(a <= b).all() and (a < b).any() for a in points] for b in points]
    return np.array(better).any(axis=1)


def counted(points, reference) -> float:
    """The hypervolume as the sum of the cells between the coordinates of all points that some point dominates."""
    points = np.asarray(points, dtype=float)
    cuts = [np.unique(np.append(points[:, k], reference[k])) for k in range(points.shape[1])]
    cuts = [axis[axis <= reference[k]] for k, axis in enumerate(cuts)]
    total = 0.0
    for cell in itertools.product(*(range(len(axis) - 1) for axis in cuts)):
        corner = np.array([axis[place] for axis, place in zip(cuts, cell, strict=True)])
        if (points <= corner).all(axis=1).any():
            total += np.prod([axis[place + 1] - axis[place] for axis, place in zip(cuts, cell, strict=True)])
    return total


def runs(n=40, seed=0) -> pd.DataFrame:
    """Configurations whose accuracy falls with sparsity while both costs fall in orders of magnitude."""
    generator = np.random.default_rng(seed)
    sparsity = generator.random(n)
    return pd.DataFrame(
        {
            "sparsity": sparsity,
            "algorithm": generator.choice(["RigL", "SET"], n),
            "accuracy": 98 - 5 * sparsity**4 - generator.random(n),
            "inference": 10 ** (7 - 2 * sparsity + 0.2 * generator.random(n)),
            "training": 10 ** (14 - sparsity + generator.random(n)),
        }
    )


@pytest.mark.parametrize("objectives", [1, 2, 3, 4])
def test_front_and_layers_follow_from_the_definition(objectives):
    points = np.random.default_rng(objectives).integers(0, 6, size=(60, objectives)).astype(float)  # many ties
    assert (pareto.front(points, direction="minimize") == ~dominated(points)).all()
    expected, left = np.full(60, -1), np.arange(60)
    for layer in itertools.count():
        best = ~dominated(points[left])
        expected[left[best]] = layer
        left = left[~best]
        if not left.size:
            break
    assert (pareto.layers(points, direction="minimize") == expected).all()


def test_exact_ties_share_a_layer_unless_they_are_dropped_as_in_the_released_code():
    points = [[0, 1], [0, 1], [1, 0], [1, 1]]
    assert pareto.front(points, direction="minimize").tolist() == [True, True, True, False]
    assert pareto.front(points, direction="minimize", ties="drop").tolist() == [False, False, True, False]
    assert pareto.layers(points, direction="minimize").tolist() == [0, 0, 0, 1]


def test_directions_turn_the_comparison_around():
    points = np.random.default_rng(1).random((30, 2))
    mixed = pareto.front(points * [1, -1], direction=["minimize", "maximize"])
    assert (mixed == pareto.front(points, direction="minimize")).all()
    assert (pareto.front(-points, direction="maximize") == pareto.front(points, direction="minimize")).all()
    assert pareto.dominates([1, 5], [1, 4], direction=["minimize", "maximize"])
    assert not pareto.dominates([1, 4], [1, 4], direction="minimize")


def test_hypervolume_equals_closed_forms_in_two_and_three_dimensions():
    steps = np.arange(11) / 10  # a staircase on the line x + y = 1: cells of area 0.01 under it
    line = np.column_stack([steps, 1 - steps])
    assert pareto.hypervolume(line, direction="minimize", reference=1) == pytest.approx(0.45, abs=1e-12)
    assert pareto.hypervolume([[0, 0, 0]], direction="minimize", reference=1.1) == pytest.approx(1.331, abs=1e-12)
    assert pareto.hypervolume([[1, 1, 1]], direction="minimize", reference=1.1) == pytest.approx(0.001, abs=1e-12)
    corners = 1 - np.eye(3)  # three boxes of 1 x 0.1 x 0.1 beyond the cube of 0.1 that they share
    assert pareto.hypervolume(corners, direction="minimize", reference=1.1) == pytest.approx(0.031, abs=1e-12)
    assert pareto.hypervolume(-corners, direction="maximize", reference=-1.1) == pytest.approx(0.031, abs=1e-12)
    mixed = pareto.hypervolume([[0.2, 5]], direction=["minimize", "maximize"], reference=[1, 3])
    assert mixed == pytest.approx(1.6, abs=1e-12)


@pytest.mark.parametrize("objectives", [2, 3])
def test_hypervolume_equals_the_sum_over_cells_and_optunas(objectives):
    generator = np.random.default_rng(objectives)
    for _ in range(5):
        points = generator.random((14, objectives)) * 1.3  # some beyond the reference
        reference = np.full(objectives, 1.1)
        found = pareto.hypervolume(points, direction="minimize", reference=1.1)
        assert found == pytest.approx(counted(points, reference), abs=1e-12)
        inside = points[(points < 1.1).all(axis=1)]
        assert found == pytest.approx(compute_hypervolume(inside, reference), abs=1e-12)


def test_hypervolume_of_many_points_agrees_with_optuna_and_is_fast():
    points = np.abs(np.random.default_rng(3).normal(size=(2000, 3)))
    points /= np.linalg.norm(
        points, axis=1, keepdims=True
    )  # on a sphere around the worst point: none dominates another
    points = 1 - points
    assert pareto.front(points, direction="minimize").all()
    found = pareto.hypervolume(points, direction="minimize", reference=1.1)
    assert found == pytest.approx(compute_hypervolume(points, np.full(3, 1.1)), abs=1e-12)
    times = []
    for _ in range(20):
        begin = time.perf_counter()
        pareto.hypervolume(points, direction="minimize", reference=1.1)
        times.append(time.perf_counter() - begin)
    assert min(times) < 0.005


def test_a_contribution_is_what_is_lost_without_the_point():
    points = np.round(np.random.default_rng(4).random((12, 3)), 1)
    points = np.vstack([points, points[pareto.front(points, direction="minimize")][:1]])  # and an exact tie
    whole = pareto.hypervolume(points, direction="minimize", reference=1.1)
    lost = [
        whole - pareto.hypervolume(np.delete(points, place, axis=0), direction="minimize", reference=1.1)
        for place in range(len(points))
    ]
    assert pareto.contributions(points, direction="minimize", reference=1.1) == pytest.approx(lost, abs=1e-12)
    assert lost[-1] == pytest.approx(0, abs=1e-12)


def test_a_dominated_point_takes_over_what_the_point_before_it_covered():
    found = pareto.contributions([[0, 0], [1, 1]], direction="minimize", reference=2)
    assert found.tolist() == [3, 0]  # without the first point the second one covers one of the four squares
    assert pareto.contributions([[0, 0], [0, 0]], direction="minimize", reference=2).tolist() == [0, 0]


def test_no_points_have_no_hypervolume_and_one_that_dominates_adds_to_it():
    assert pareto.hypervolume(np.zeros((0, 3)), direction="minimize", reference=1.1) == 0
    assert pareto.front(np.zeros((0, 3)), direction="minimize").size == 0
    points = np.random.default_rng(5).random((20, 3)) + 0.05
    less = pareto.hypervolume(points, direction="minimize", reference=1.1)
    assert pareto.hypervolume(np.vstack([points, np.zeros(3)]), direction="minimize", reference=1.1) > less


def test_normalisation_takes_logarithms_of_costs_and_turns_accuracy_into_a_cost():
    frame = pd.DataFrame({"accuracy": [90, 95, 100.0], "inference": [1e4, 1e5, 1e7], "training": [2.0, 2.0, 2.0]})
    costs = pareto.normalised(frame, TRADE_OFF, over=frame)
    assert costs["accuracy"].tolist() == [1, 0.5, 0]
    assert costs["inference"].to_numpy() == pytest.approx([0, 1 / 3, 1])
    assert costs["training"].tolist() == [0, 0, 0]
    wider = pd.concat([frame, pd.DataFrame({"accuracy": [80.0], "inference": [1e3], "training": [200.0]})])
    assert pareto.normalised(frame, TRADE_OFF, over=wider)["accuracy"].tolist() == [0.5, 0.25, 0]
    assert pareto.normalised(wider, TRADE_OFF, over=wider)["training"].tolist() == [0, 0, 0, 1]


def test_neither_the_base_of_the_logarithm_nor_the_unit_changes_the_hypervolume():
    frame = runs()
    again = frame.assign(inference=frame["inference"] ** 2.5, training=frame["training"] * 1000)
    found = pareto.volume(frame, TRADE_OFF, over=frame)
    assert pareto.volume(again, TRADE_OFF, over=again) == pytest.approx(found, rel=1e-9)
    assert 0.001 < found < 1.331


def test_subsets_of_a_hyperparameter_have_the_hypervolume_of_their_rows():
    frame = runs()
    frame.loc[:3, "sparsity"] = np.nan  # dense configurations
    total = pareto.volume(frame, TRADE_OFF, over=frame)

    def alone(inside):
        return pareto.volume(frame[inside], TRADE_OFF, over=frame) if inside.any() else 0.0

    sparsity, edges = frame["sparsity"], [0, 0.25, 0.5, 1.5, 2]
    tables = {
        "from": (pareto.volume_from(frame, TRADE_OFF, "sparsity", edges), [sparsity >= low for low in edges]),
        "up to": (pareto.volume_up_to(frame, TRADE_OFF, "sparsity", edges), [sparsity <= high for high in edges]),
        "bins": (
            pareto.volume_of_bins(frame, TRADE_OFF, "sparsity", edges),
            [(sparsity >= low) & (sparsity < high) for low, high in itertools.pairwise(edges)],
        ),
        "values": (
            pareto.volume_of_values(frame, TRADE_OFF, "algorithm"),
            [frame["algorithm"] == name for name in ("RigL", "SET")],
        ),
    }
    for name, (table, parts) in tables.items():
        assert table["hypervolume"].to_numpy() == pytest.approx([alone(inside) for inside in parts]), name
        assert table["configurations"].tolist() == [inside.sum() for inside in parts], name
        assert table["share"].to_numpy() == pytest.approx(table["hypervolume"] / total), name
    assert (np.diff(tables["from"][0]["hypervolume"]) <= 0).all()
    assert (np.diff(tables["up to"][0]["hypervolume"]) >= 0).all()
    assert (
        tables["bins"][0]["configurations"].sum() == len(frame) - 4 and tables["bins"][0]["hypervolume"].iloc[-1] == 0
    )
    wanted = pareto.volume_of_values(frame, TRADE_OFF, "algorithm", ["Dense", "SET"])
    assert wanted["value"].tolist() == ["Dense", "SET"] and wanted["hypervolume"].iloc[0] == 0


def test_the_last_bin_holds_its_upper_edge():
    frame = runs(8).assign(sparsity=[0, 0.1, 0.5, 0.5, 0.9, 1, 1, 1])
    assert pareto.volume_of_bins(frame, TRADE_OFF, "sparsity", [0, 0.5, 1])["configurations"].tolist() == [2, 6]


@pytest.mark.parametrize(
    "call,message",
    [
        (lambda: pareto.front([[1, np.nan]], direction="minimize"), "finite objectives"),
        (lambda: pareto.front([[1, 2]], direction="down"), "unknown direction 'down'"),
        (lambda: pareto.front([[1, 2]], direction=["minimize"]), "one direction per objective"),
        (lambda: pareto.front([[1, 2]], direction="minimize", ties="first"), "unknown treatment of ties"),
        (lambda: Objective(name="error", direction="less"), "unknown direction"),
        (lambda: pareto.volume(runs().assign(inference=0), TRADE_OFF, over=runs()), "positive and finite"),
        (lambda: pareto.volume(runs()[["accuracy"]], TRADE_OFF, over=runs()), "none for inference, training"),
        (lambda: pareto.normalised(runs(), TRADE_OFF, over=runs().iloc[:1]), "one value only"),
        (lambda: pareto.normalised(runs(), TRADE_OFF, over=runs().iloc[:0]), "at least one row"),
        (lambda: pareto.volume_from(runs(), TRADE_OFF, "algorithm", [0]), "use volume_of_values"),
        (lambda: pareto.volume_from(runs(), TRADE_OFF, "depth", [0]), "expected a column depth"),
        (lambda: pareto.volume_of_bins(runs(), TRADE_OFF, "sparsity", [1, 0]), "rising order"),
    ],
)
def test_bad_input_says_what_is_expected(call, message):
    with pytest.raises(UserError, match=message):
        call()
