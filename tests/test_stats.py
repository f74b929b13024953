"""Regions, ellipses and risks, against brute force, NumPy, SciPy and the numbers of the thesis."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats

from pruneproxy import published, stats
from pruneproxy.errors import UserError
from pruneproxy.stats import rowwise


def grid(values, **columns) -> pd.DataFrame:
    """A landscape with one row per entry of a matrix: rows are learning rates, columns weight decays."""
    rows, cols = np.indices(np.shape(values))
    return pd.DataFrame(
        {
            "network": "net",
            "variant": "unpruned",
            "method": "none",
            "target": 1.0,
            "lr": 10.0 ** (rows.ravel() / 2 - 3),
            "weight_decay": 10.0 ** (cols.ravel() / 2 - 5),
            "seed": 0,
            "top1": np.ravel(values).astype(float),
            "status": "ok",
            **columns,
        }
    )


def noisy(seeds=3, noise=0.4, seed=0, size=6, shift=0.0) -> pd.DataFrame:
    """A smooth band of good settings with Gaussian noise between seeds."""
    generator = np.random.default_rng(seed)
    rows, cols = np.indices((size, size)) / 2
    smooth = 90 - 3 * (rows + cols - 2.5) ** 2 - 0.5 * (rows - cols - shift) ** 2
    return pd.concat(
        [grid(smooth + noise * generator.normal(size=smooth.shape)).assign(seed=index) for index in range(seeds)]
    )


@pytest.fixture
def unchanged():
    """Compares frames with copies taken before the test touched them."""
    kept = []

    def remember(frame):
        kept.append((frame, frame.copy(deep=True)))
        return frame

    yield remember
    for frame, before in kept:
        pd.testing.assert_frame_equal(frame, before)


def test_landscape_is_the_mean_over_seeds_with_runs_and_deviation(unchanged):
    frame = unchanged(noisy(seeds=3))
    table = stats.landscape(frame)
    one = frame[(frame["lr"] == table["lr"][4]) & (frame["weight_decay"] == table["weight_decay"][4])]["top1"]
    assert len(table) == 36 and (table["runs"] == 3).all()
    assert table["top1"][4] == pytest.approx(np.mean(one)) and table["sd"][4] == pytest.approx(np.std(one, ddof=1))


def test_landscape_keeps_diverged_runs_and_drops_failed_ones():
    frame = grid([[90.0, 10.0], [80.0, 70.0]], status=["ok", "diverged", "failed", "ok"])
    assert sorted(stats.landscape(frame)["top1"]) == [10.0, 70.0, 90.0]


def test_seed_deviation_recovers_the_noise_and_is_undefined_for_single_runs():
    assert stats.seed_deviation(noisy(seeds=40, noise=0.4)) == pytest.approx(0.4, rel=0.05)
    assert np.isnan(stats.seed_deviation(noisy(seeds=1)))


@pytest.mark.parametrize("x", [0.0, 0.5, 1.0, 7.0])
def test_roi_equals_brute_force(x, unchanged):
    frame = unchanged(noisy(seeds=1, seed=3).reset_index(drop=True))
    wanted = [index for index, value in enumerate(frame["top1"]) if all(value >= other - x for other in frame["top1"])]
    assert list(stats.roi(frame, x).index) == wanted


def test_roi_of_a_threshold_met_exactly_includes_the_setting():
    frame = grid([[95.32, 95.32 - 0.5], [95.32 - 0.51, 90.0]])
    assert len(stats.roi(frame, 0.5)) == 2


def test_rois_are_nested_and_do_not_depend_on_the_order_of_rows():
    frame = noisy(seeds=1, seed=5)
    sizes = [len(stats.roi(frame, x)) for x in (0, 0.25, 0.5, 1, 2, 100)]
    assert sizes == sorted(sizes) and sizes[0] == 1 and sizes[-1] == len(frame)
    shuffled = stats.roi(frame.sample(frac=1, random_state=1), 1.0).sort_values(["lr", "weight_decay"])
    pd.testing.assert_frame_equal(shuffled, stats.roi(frame, 1.0).sort_values(["lr", "weight_decay"]))


def test_roi_of_repeated_settings_asks_for_an_average():
    with pytest.raises(UserError, match="average its seeds"):
        stats.roi(noisy(seeds=2), 0.5)


def test_roi_of_an_unknown_metric_names_the_missing_column():
    with pytest.raises(UserError, match="expected a frame of records with the columns top9"):
        stats.roi(noisy(seeds=1), 0.5, value="top9")


def test_roi_of_a_negative_width_is_refused():
    with pytest.raises(UserError, match="0 points or more, got -1"):
        stats.roi(noisy(seeds=1), -1)


def test_log_points_are_in_the_order_of_table_4_1():
    frame = pd.DataFrame({"lr": [0.1], "weight_decay": [1e-4]})
    assert stats.log_points(frame).tolist() == [[-4.0, -1.0]]
    with pytest.raises(UserError, match="no logarithm"):
        stats.log_points(pd.DataFrame({"lr": [0.1], "weight_decay": [0.0]}))


def test_confidence_levels_equal_chi_squared_and_table_3_5():
    printed = published.read("hp_space", "table-3.5")
    for k, alpha in zip(printed["sde_multiplier"], printed["confidence_level_alpha"], strict=True):
        assert stats.confidence_level(k) == pytest.approx(scipy_stats.chi2.sf(k**2, df=2))
        assert round(stats.confidence_level(k), 4) == alpha


def test_ellipse_equals_the_singular_values_of_the_centred_points():
    points = np.random.default_rng(0).normal(size=(12, 2)) @ np.array([[1.0, -0.7], [0.1, 0.3]])
    found = stats.ellipse(points)
    _, singular, directions = np.linalg.svd(points - points.mean(axis=0))
    assert (found.length, found.width) == pytest.approx(tuple(4 * singular / np.sqrt(11)))
    assert np.tan(np.radians(found.angle)) == pytest.approx(directions[0, 1] / directions[0, 0])
    assert found.centre == pytest.approx(tuple(points.mean(axis=0))) and found.points == 12


def test_ellipse_holds_the_stated_share_of_normal_draws():
    generator = np.random.default_rng(1)
    points = generator.multivariate_normal([-3, -1.5], [[0.5, -0.4], [-0.4, 0.6]], size=200_000)
    for multiplier in (1.0, 2.0):
        found = stats.ellipse(points, multiplier=multiplier)
        angle = np.radians(found.angle)
        turned = (points - found.centre) @ np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        share = ((turned / [found.length / 2, found.width / 2]) ** 2).sum(axis=1) <= 1
        assert share.mean() == pytest.approx(1 - found.confidence, abs=0.004)


def test_ellipse_moves_turns_and_scales_with_its_points():
    points = np.random.default_rng(2).normal(size=(9, 2)) * [2.0, 0.4]
    found, angle = stats.ellipse(points), np.radians(25)
    turned = stats.ellipse(points @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]]))
    moved, scaled, shuffled = stats.ellipse(points + [3, -4]), stats.ellipse(3 * points), stats.ellipse(points[::-1])
    assert (turned.length, turned.width) == pytest.approx((found.length, found.width))
    assert (turned.angle - found.angle) % 180 == pytest.approx(25)
    assert moved.centre == pytest.approx((found.centre[0] + 3, found.centre[1] - 4)) and moved.length == pytest.approx(
        found.length
    )
    assert scaled.length == pytest.approx(3 * found.length)
    assert (shuffled.length, shuffled.angle) == pytest.approx((found.length, found.angle))


def test_ellipse_of_a_band_with_constant_product_lies_at_minus_45_degrees():
    steps = np.linspace(-1, 1, 7)
    found = stats.ellipse(np.column_stack([steps - 3, -steps - 1]))
    assert found.angle == pytest.approx(-45) and found.width == pytest.approx(0, abs=1e-6)


def test_outline_lies_on_the_contour_at_two_standard_deviations():
    points = np.random.default_rng(3).normal(size=(20, 2)) @ np.array([[1, 0.5], [0, 0.4]])
    offset = stats.ellipse(points).outline() - points.mean(axis=0)
    distance = np.einsum("ni,ij,nj->n", offset, np.linalg.inv(np.cov(points.T)), offset)
    assert distance == pytest.approx(np.full(181, 4.0))


def test_ellipse_needs_five_points_and_says_what_it_expects():
    assert stats.ellipse(np.zeros((4, 2))) is None
    with pytest.raises(UserError, match=r"shape \(n, 2\), got \(3, 3\)"):
        stats.ellipse(np.zeros((3, 3)))
    with pytest.raises(UserError, match="ddof 0 or 1"):
        stats.ellipse(np.zeros((5, 2)), ddof=2)


def test_risk_equals_equations_3_4_to_3_6_by_hand(unchanged):
    base = unchanged(grid([[90.0, 89.8], [89.5, 80.0]]))
    pruned = unchanged(grid([[85.0, 88.0], [87.0, 86.0]]))
    found = stats.risk(base, pruned, x=0.5)
    losses = np.array([3.0, 0.0, 1.0])
    assert sorted(found.settings["risk"]) == sorted(losses)
    assert (found.mean, found.sd) == pytest.approx((losses.mean(), losses.std()))
    assert found.settings["relative_risk"].to_numpy() == pytest.approx(losses / 88)
    assert found.best == 88.0 and found.missing == 0


def test_risk_of_the_unpruned_network_never_exceeds_the_width_of_its_region():
    for seed in range(5):
        base = stats.landscape(noisy(seeds=2, seed=seed))
        assert stats.risk(base, base, x=0.5).settings["risk"].max() <= 0.5 + 1e-9


def test_risk_does_not_change_when_accuracies_shift_or_rows_are_shuffled():
    base, pruned = stats.landscape(noisy(seed=1)), stats.landscape(noisy(seed=2, shift=0.5))
    found = stats.risk(base, pruned)
    shifted = stats.risk(base, pruned.assign(top1=pruned["top1"] - 10))
    assert (
        shifted.mean == pytest.approx(found.mean)
        and shifted.settings["relative_risk"].mean() > found.settings["relative_risk"].mean()
    )
    assert stats.risk(base.sample(frac=1, random_state=0), pruned.sample(frac=1, random_state=1)).mean == pytest.approx(
        found.mean
    )


def test_risk_counts_settings_that_the_pruned_network_lacks():
    base, pruned = grid([[90.0, 89.9], [89.8, 80.0]]), grid([[85.0, 88.0], [87.0, 86.0]])
    assert stats.risk(base, pruned.iloc[1:]).missing == 1
    with pytest.raises(UserError, match="share a setting"):
        stats.risk(base, pruned.iloc[[3]])


def test_cross_risk_of_identical_landscapes_has_no_preference_while_plain_risk_has():
    plain, crossed = [], []
    for seed in range(30):
        base, other = noisy(seeds=3, seed=2 * seed, noise=0.5), noisy(seeds=3, seed=2 * seed + 1, noise=0.5)
        a, b = stats.landscape(base), stats.landscape(other)
        plain.append(stats.risk(a, b).mean - stats.risk(a, a).mean)
        crossed.append(stats.cross_risk(base, other) - stats.cross_risk(base, base))
    assert np.mean(plain) > 4 * scipy_stats.sem(plain)
    assert abs(np.mean(crossed)) < 3 * scipy_stats.sem(crossed)


def test_cross_risk_is_undefined_for_one_seed():
    assert np.isnan(stats.cross_risk(noisy(seeds=1), noisy(seeds=1)))


@pytest.mark.parametrize("x", [0.5, 1.0])
def test_rowwise_statistics_equal_those_of_single_landscapes(x):
    base, pruned = stats.landscape(noisy(seed=1, size=12)), stats.landscape(noisy(seed=2, size=12, shift=1.0))
    base, pruned = (table.assign(top1=90 + table["top1"] / 20) for table in (base, pruned))
    points = stats.log_points(base)[None]
    a, b = (rowwise.rows(table["top1"].to_numpy()[None]) for table in (base, pruned))
    one, many = stats.ellipse(stats.log_points(stats.roi(base, x))), rowwise.ellipses(points, a, x)
    assert (many.length[0], many.width[0], many.angle[0]) == pytest.approx((one.length, one.width, one.angle))
    assert (many.weight_decay[0], many.lr[0]) == pytest.approx(one.centre)
    inside = stats.log_points(stats.roi(base, x))
    assert many.correlation[0] == pytest.approx(np.corrcoef(inside.T)[0, 1])
    assert rowwise.inside(a, x)[0].sum() == len(inside)
    risk = stats.risk(base, pruned, x=x)
    assert rowwise.mean(rowwise.risks(a, b, x))[0] == pytest.approx(risk.mean)
    assert rowwise.deviation(rowwise.risks(a, b, x, relative=True))[0] == pytest.approx(
        risk.settings["relative_risk"].std(ddof=0)
    )
    assert rowwise.spearman(a, b)[0] == pytest.approx(scipy_stats.spearmanr(base["top1"], pruned["top1"]).statistic)


def test_rowwise_rank_correlation_leaves_out_settings_that_one_side_lacks():
    generator = np.random.default_rng(0)
    a, b = generator.normal(size=(4, 20)).round(1), generator.normal(size=(4, 20)).round(1)
    a[:, 3], b[1, 7] = np.nan, np.nan
    wanted = [scipy_stats.spearmanr(x, y, nan_policy="omit").statistic for x, y in zip(a, b, strict=True)]
    assert rowwise.spearman(rowwise.rows(a), rowwise.rows(b)) == pytest.approx(wanted)


def test_value_at_the_unpruned_best_is_relative_to_the_pruned_best():
    a, b = rowwise.rows(np.array([[3.0, 9.0, np.nan, 5.0]])), rowwise.rows(np.array([[7.0, 6.0, 9.0, np.nan]]))
    assert rowwise.at_best(a, b)[0] == -3.0
