"""The grid of learning rates, densities and masks, and what is read from it, with planted truths."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest

from pruneproxy import workers
from pruneproxy.errors import UserError
from pruneproxy.recipes import density_drift
from pruneproxy.recipes.density_drift.quantities import answer
from pruneproxy.runs.records import select
from pruneproxy.stats.peaks import peak
from pruneproxy.store import Store

GRID = np.arange(-8.0, 2.0)


def curve(best: float, noise, *, sharp: float = 0.6, deviation: float = 0.3, room: float = 2.0) -> np.ndarray:
    """An accuracy over the grid with its best at `best`, and guesses so many octaves above it."""
    values = 84 - sharp * (GRID - best) ** 2 + noise.normal(0, deviation, len(GRID))
    return np.where(best + room < GRID, 10.0, values)


def planted(drifts: dict[str, float], *, seeds: int = 5, best: float = -4.3, noise=None, **shape) -> pd.DataFrame:
    """The frame of a grid in which sparse curves are the dense ones, moved by so many octaves at density 0.1."""
    noise = noise or np.random.default_rng(0)
    rows = [
        {"network": "mlp", "mask": mask, "density": density, "parametrisation": way, "exponent": exponent}
        | {"seed": seed, "top1": value, "status": "ok", "id": ""}
        for seed in range(seeds)
        for way, drift in drifts.items()
        for mask, density, moved in (("dense", 1.0, 0.0), ("random", 0.1, drift))
        for exponent, value in zip(GRID, curve(best + moved, noise, **shape), strict=True)
    ]
    return pd.DataFrame(rows)


def test_a_parabola_has_its_peak_between_the_points():
    assert peak(GRID, 80 - 0.1 * (GRID + 3.3) ** 2) == pytest.approx(-3.3)
    assert peak(GRID, GRID) == GRID[-1]
    cliff = np.where(GRID > -3, 10.0, 80 + GRID)
    assert -3.5 <= peak(GRID, cliff) <= -3


def test_a_curve_of_two_points_or_with_a_gap_has_no_peak():
    for points, values in ((GRID[:2], GRID[:2]), (GRID, np.where(GRID > 0, np.nan, 1.0))):
        with pytest.raises(UserError, match="three points"):
            peak(points, values)


@pytest.mark.parametrize(("sharp", "room"), [(0.6, 2.0), (0.3, 1.2), (1.5, 0.6)])
def test_intervals_of_the_drift_cover_what_was_planted(sharp, room):
    noise, truth, covered, tries = np.random.default_rng(1), 1.4, 0, 200
    for _ in range(tries):
        rows = planted({"standard": truth}, noise=noise, best=noise.uniform(-4.5, -3.5), sharp=sharp, room=room)
        low, high = density_drift.Quantities(rows).drift(("standard", "random", 0.1)).interval
        covered += low <= truth <= high
    assert covered / tries >= 0.93


def test_a_planted_drift_is_found_and_none_is_found_where_there_is_none():
    table = density_drift.Quantities(planted({"standard": 2.5, "smupar": 0.0})).table()
    rows = table.set_index("parametrisation")
    assert rows.loc["standard", "drift low"] < 2.5 < rows.loc["standard", "drift high"]
    assert rows["within a factor of 2"].to_dict() == {"standard": "no", "smupar": "yes"}
    assert rows.loc["standard", "regret low"] > 1 and abs(rows.loc["smupar", "regret"]) < 0.5
    assert "random +2." in answer(table) and "stays within a factor of two for random" in answer(table)


def test_noise_that_drowns_the_curves_is_no_answer():
    table = density_drift.Quantities(planted({"standard": 0.5}, sharp=0.02, deviation=3.0)).table()
    assert table["within a factor of 2"].tolist() == ["not shown"]


def test_one_or_two_seeds_say_nothing_and_seeds_that_agree_no_more_than_the_grid_can():
    found = {count: density_drift.Quantities(planted({"standard": 3.0}, seeds=count)).table() for count in (1, 2)}
    assert [table["within a factor of 2"].tolist() for table in found.values()] == [["not known"]] * 2
    agreed = density_drift.Quantities(planted({"standard": 0.0}, deviation=0.0)).table()
    assert agreed["drift"].tolist() == [0] and agreed["drift high"].item() > 0.2


def test_no_records_are_no_answer():
    with pytest.raises(UserError, match="run the grid first"):
        density_drift.Quantities(density_drift.RECIPE.frame([], density_drift.cases("smoke"))).table()


def test_a_best_rate_at_the_end_of_the_grid_is_marked():
    found = density_drift.Quantities(planted({"standard": 5.5})).table()
    assert found["at the edge"].tolist() == [True]


@pytest.mark.parametrize("density", [0.5, 0.2, 0.05])
def test_a_narrow_network_has_the_density_that_is_asked_for(density):
    def weights(widths):
        return sum(one * two for one, two in pairwise((196, *widths)))

    narrow = density_drift.narrowed(196, (256, 256), density)
    assert weights(narrow) / weights((256, 256)) == pytest.approx(density, rel=0.05)


def test_every_network_is_trained_at_every_rate_and_the_dense_one_in_both_parametrisations():
    (case,) = density_drift.cases("lab")
    found = [entry.labels for entry in density_drift.entries(case)]
    nets = 2 * (1 + len(case.masks) * len(case.densities))
    assert len(found) == len(density_drift.specs("lab")) == nets * case.lr_points * case.seeds
    dense = {entry.spec.settings_of for entry in density_drift.entries(case) if entry.labels["mask"] == "dense"}
    assert dense == {None, case.base.model}


def test_a_grid_that_cannot_be_is_refused():
    for name, value in (
        ("densities", (1.5,)),
        ("masks", ("other",)),
        ("lr_log2", (1.0, 1.0)),
        ("lr_points", 2),
        ("model", "resnet8"),
        ("parametrisations", ()),
    ):
        with pytest.raises(UserError):
            density_drift.cases("smoke", **{name: value})


def test_a_small_grid_runs_and_is_shown(tmp_path):
    cases = density_drift.cases("smoke", masks="random", lr_points=3, seeds=2)
    specs = [spec for case in cases for spec in density_drift.grid(case)]
    store = Store(tmp_path)
    assert not workers.run_all(specs, store).missing
    found = density_drift.Quantities(density_drift.RECIPE.frame(select(store, specs), cases))
    assert found.table()[["parametrisation", "seeds"]].values.tolist() == [["standard", 2], ["smupar", 2]]
    axes = density_drift.figures.best_against_density(found)
    assert [ax.get_title() for ax in axes] == ["The standard parametrisation", "SμPar"]
    assert [len(ax.containers) for ax in axes] == [1, 1]
