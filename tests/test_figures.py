"""Figures: the data behind them, and that they draw whatever part of a grid has been run."""

import matplotlib.pyplot as plt
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from matplotlib.text import Text
from test_hp_space_claims import study

from pruneproxy import stats
from pruneproxy.errors import UserError
from pruneproxy.evidence import figures
from pruneproxy.recipes.hp_space import figures as thesis


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


@pytest.fixture(scope="module")
def frame():
    return study(noise=0.2).assign(top5=lambda rows: 50 + rows["top1"] / 2)


def one(frame, variant="unpruned"):
    return frame[frame["variant"] == variant]


def test_surface_holds_every_mean_at_its_place_and_nan_elsewhere(frame):
    rows = one(frame)
    gone = rows[(rows["lr"] < 2e-3) & (rows["weight_decay"] < 2e-5)].index
    found = figures.surface(rows.drop(gone))
    assert np.isnan(found.values[0, 0]) and np.isfinite(found.values[-1, -1])
    cell = rows[
        np.isclose(rows["lr"], 10 ** found.lr[4]) & np.isclose(rows["weight_decay"], 10 ** found.weight_decay[2])
    ]
    assert found.values[4, 2] == pytest.approx(cell["top1"].mean())


def test_colours_span_the_best_share_of_all_landscapes(frame):
    means = np.sort(stats.landscape(frame)["top1"])
    low, high = figures.colour_limits(frame, share=0.15)
    assert high == means[-1] and np.mean(means >= low) == pytest.approx(0.15, abs=0.01)
    assert figures.colour_limits(frame.iloc[:1]) == (frame["top1"].iloc[0] - 1, frame["top1"].iloc[0])


def test_centred_landscapes_have_a_best_of_zero_and_the_same_regions(frame):
    moved = figures.centred(frame)
    best = stats.landscape(moved).groupby("variant")["top1"].max()
    assert best.to_numpy() == pytest.approx(np.zeros(5))
    regions = [
        stats.roi(stats.landscape(one(rows, "60% global")), 0.5)[["lr", "weight_decay"]] for rows in (frame, moved)
    ]
    assert regions[0].equals(regions[1])


def test_outline_is_drawn_in_the_colour_of_the_method_and_the_style_of_the_region(frame):
    ax = figures.scatter(one(frame, "60% uniform"))
    lines = {line.get_label(): line for line in ax.get_lines()}
    assert set(lines) == {"1.0-ROI", "0.5-ROI"}
    assert {to_rgba(line.get_color()) for line in lines.values()} == {to_rgba(figures.COLOURS["uniform"])}
    assert lines["0.5-ROI"].get_linestyle() == "-" and lines["1.0-ROI"].get_linestyle() == "--"
    fitted = stats.ellipse(stats.log_points(stats.roi(stats.landscape(one(frame, "60% uniform")), 1.0)))
    assert lines["1.0-ROI"].get_xydata() == pytest.approx(fitted.outline())


def test_axes_name_their_quantity_and_scale(frame):
    ax = figures.contour(one(frame))
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("weight decay, log10", "learning rate, log10")


@pytest.mark.parametrize("width", [3.0, 7.4, 12.0])
def test_every_text_of_a_figure_is_at_least_eleven_pixels_where_a_page_shows_it(width):
    ax = plt.subplots(figsize=(width, 3))[1]
    ax.set(xlabel="x", title="title")
    ax.plot([0, 1], label="small")
    ax.legend(fontsize=4)
    drawn = figures.legible(ax.figure)
    shown = min(1.0, figures.PAGE / (width * drawn.dpi))
    sizes = [text.get_fontsize() * drawn.dpi / 72 * shown for text in drawn.findobj(Text) if text.get_text()]
    assert min(sizes) == pytest.approx(figures.SMALLEST)


def test_functions_draw_on_the_axes_that_they_are_given(frame):
    ax = plt.subplots()[1]
    assert figures.contour(one(frame), ax=ax) is ax and figures.scatter(one(frame), ax=ax) is ax
    assert thesis.risks(frame, network="resnet56", ax=ax) is ax


def test_landscapes_have_one_column_per_variant(frame):
    axes = thesis.landscapes(frame, network="resnet56")
    assert axes.shape == (2, 5) and [ax.get_title() for ax in axes[0]][0] == "unpruned"


@pytest.mark.parametrize("part", ["scattered", "one setting", "one column", "one seed", "one variant", "a gap"])
def test_figures_draw_incomplete_grids(frame, part):
    cut = {
        "scattered": frame.sample(15, random_state=0),
        "one setting": frame.iloc[:1],
        "one column": frame[np.isclose(frame["lr"], frame["lr"].iloc[0])],
        "one seed": frame[frame["seed"] == 0],
        "one variant": frame[frame["variant"] == "60% global"],
        "a gap": frame[frame["top1"] < 89.5],
    }[part]
    thesis.landscapes(cut, network="resnet56")
    thesis.two_metrics(cut, network="resnet56")
    assert "best top-1 accuracy" in figures.alt_text(cut)
    if (cut["method"] == "none").any():
        thesis.grid_points(cut, network="resnet56")


def test_two_metrics_has_a_row_per_measured_metric(frame):
    assert thesis.two_metrics(frame, network="resnet56").shape == (2, 5)
    assert thesis.two_metrics(frame.drop(columns="top5"), network="resnet56").shape == (1, 5)


def test_grid_points_write_the_accuracy_beside_every_setting(frame):
    ax = thesis.grid_points(frame, network="resnet56")
    means = stats.landscape(one(frame))["top1"]
    assert [text.get_text() for text in ax.texts] == [f"{value:.1f}" for value in means]


def test_risk_settings_are_the_risks_of_the_unpruned_region(frame):
    table = thesis.risk_settings(frame)
    base, pruned = (stats.landscape(one(frame, name)) for name in ("unpruned", "20% uniform"))
    wanted = stats.risk(base, pruned).settings["risk"]
    assert sorted(table[table["variant"] == "20 % left, uniform"]["risk"]) == pytest.approx(sorted(wanted))
    assert table["variant"].iloc[0] == "unpruned" and table["variant"].nunique() == 5


@pytest.mark.parametrize(
    "column, label", [("risk", "accuracy lost (points)"), ("relative_risk", "share of accuracy lost")]
)
def test_boxes_stand_at_the_quartiles_and_carry_units(frame, column, label):
    ax = thesis.risks(frame, network="resnet56", column=column)
    table = thesis.risk_settings(frame)
    wanted = table[table["variant"] == "unpruned"][column].quantile([0.25, 0.75]).to_numpy()
    box = ax.patches[0].get_path().vertices[:, 1]
    assert (box.min(), box.max()) == pytest.approx(tuple(wanted)) and ax.get_ylabel() == label
    assert [tick.get_text() for tick in ax.get_xticklabels()][:2] == ["unpruned", "60 % left,\nuniform"]


def test_alt_texts_say_what_the_figure_shows(frame):
    words = figures.describe(one(frame))
    fitted = stats.ellipse(stats.log_points(stats.roi(stats.landscape(one(frame)), 1.0)))
    assert "81 settings" in words and f"ellipse {fitted.length:.2f} by {fitted.width:.2f} decades" in words
    assert "Box plots of the accuracy lost (points) of resnet56: unpruned median" in thesis.alt_risks(
        frame, network="resnet56"
    )
    assert figures.alt_text(frame.iloc[:0]) == "No records."


def test_figures_of_missing_records_say_what_is_there(frame):
    with pytest.raises(UserError, match="expected records of resnet50, got records of: resnet56"):
        thesis.landscapes(frame, network="resnet50")
    with pytest.raises(UserError, match="unpruned resnet56, got none"):
        thesis.risks(frame[frame["method"] != "none"], network="resnet56")
    with pytest.raises(UserError, match="expected one landscape, got several"):
        figures.surface(frame)


def test_figures_leave_the_frame_alone(frame):
    before = frame.copy(deep=True)
    thesis.landscapes(frame, network="resnet56")
    thesis.risks(frame, network="resnet56")
    assert frame.equals(before)


def test_a_figure_of_many_panels_is_no_wider_than_a_page():
    assert figures.grid(1, 5, width=4.0)[0, 0].figure.get_figwidth() == figures.WIDEST
