import math
from collections import Counter

import matplotlib.pyplot as plt
import numpy as np
import pytest

from pruneproxy.errors import UserError
from pruneproxy.recipes import hp_space
from pruneproxy.recipes.hp_space import figures, networks, noise
from pruneproxy.runs import RunSpec


def test_the_paper_scale_is_the_thesis_protocol_in_full():
    cases = {case.network: case for case in hp_space.cases("paper")}
    assert {name: len(hp_space.grid(case)) for name, case in cases.items()} == {
        "mobilenet_v2": 5 * 81,
        "resnet56": 5 * 81,
        "resnet50": 2 * 9,
    }
    assert cases["resnet56"].targets == (0.6, 0.2) and cases["mobilenet_v2"].targets == (0.6, 0.4)
    spec = hp_space.grid(cases["resnet56"])[0]
    train = spec.train
    assert (train.epochs, train.batch_size, train.momentum, train.milestones, train.nesterov) == (
        180,
        128,
        0.9,
        (0.5, 0.75),
        False,
    )
    steps = np.diff(np.log10(sorted({spec.train.lr for spec in hp_space.grid(cases["resnet56"])})))
    assert np.allclose(steps, 0.2, atol=1e-5)
    steps = np.diff(np.log10(sorted({spec.train.lr for spec in hp_space.grid(cases["resnet50"])})))
    assert np.allclose(steps, 0.4, atol=1e-5)


@pytest.mark.parametrize("scale", hp_space.RECIPE.scales)
def test_every_scale_asks_for_each_variant_at_every_setting_once(scale):
    for case in hp_space.cases(scale):
        specs = hp_space.grid(case)
        counted = Counter(
            (spec.prune and (spec.prune.channels.allocation, spec.prune.channels.target)) for spec in specs
        )
        assert set(counted.values()) == {case.lr_points * case.weight_decay_points * case.seeds}
        assert len(counted) == 1 + len(case.methods) * len(case.targets)
        assert all(isinstance(spec, RunSpec) and spec.data.holdout == 0 for spec in specs)


@pytest.mark.parametrize("scale", ["lab", "smoke"])
def test_the_prior_lies_on_the_grid_so_that_scoring_costs_no_extra_run(scale):
    for case in hp_space.cases(scale):
        specs = hp_space.grid(case)
        scoring = {spec.scoring_run.id for spec in specs if spec.prune is not None}
        assert len(scoring) == 1 and scoring <= {spec.id for spec in specs}


def test_the_cuts_of_a_scale_are_exactly_its_differences():
    assert all(hp_space.cut(case) == {} for case in hp_space.cases("paper"))
    changed = hp_space.cut(hp_space.cases("lab", networks="resnet56", epochs="5")[0])
    assert changed["epochs"] == (180, 5) and changed["data"] == ("cifar10", "fashion_mnist")
    assert "batch_size" in changed and "momentum" not in changed


def test_values_are_overridden_by_text_or_by_value():
    (case,) = hp_space.cases("smoke", targets="0.5,0.3", lr_points=2, scored="init", networks=["resnet56"])
    assert case.targets == (0.5, 0.3) and case.lr_points == 2
    assert all(spec.scoring_run is None for spec in hp_space.grid(case))
    (kept,) = hp_space.cases("smoke", weights="kept", fan_in="mean", coupled="first", decayed="weights")
    spec = hp_space.grid(kept)[-1]
    assert (spec.prune.weights, spec.prune.channels.fan_in, spec.prune.channels.coupled) == ("kept", "mean", "first")
    assert spec.train.decayed == "weights"


@pytest.mark.parametrize(
    "wrong,expected",
    [
        ({"epocs": 2}, "unknown protocol value 'epocs'"),
        ({"methods": "local"}, "unknown pruning method 'local'"),
        ({"scored": "later"}, "unknown value of scored"),
        ({"lr_points": 0}, "lr_points must be at least 1"),
        ({"lr_log10": "-1"}, "two ends of a grid"),
        ({"lr_log10": "0,-1"}, "two ends of a grid"),
        ({"targets": "2"}, "share of the multiplications"),
        ({"data": "minst"}, "did you mean 'mnist'"),
    ],
)
def test_a_wrong_value_is_refused_before_anything_runs(wrong, expected):
    with pytest.raises(UserError, match=expected):
        hp_space.specs("smoke", **wrong)


def record(spec, *, top1=50.0, status="ok", widths=None, cost=100):
    return {
        "id": spec.id,
        "status": status,
        "metrics": {"top1": top1, "top5": 90.0} if status == "ok" else {},
        "data": {"classes": 10},
        "cost": {"multiplications": cost, "parameters": 7, "seconds": 1.0},
        "widths": widths or {"a": 8, "a.0": 8, "b": 4},
    }


def test_a_diverged_run_counts_as_guessing_and_a_failed_one_as_nothing():
    cases = hp_space.cases("smoke")
    specs = hp_space.grid(cases[0])[:3]
    found = [record(specs[0]), record(specs[1], status="diverged"), record(specs[2], status="failed")]
    frame = hp_space.frame(found, cases).set_index("status")
    assert frame.loc["ok", "top1"] == 50 and (frame.loc["diverged", "top1"], frame.loc["diverged", "top5"]) == (10, 50)
    assert math.isnan(frame.loc["failed", "top1"])


def pruned_records():
    cases = hp_space.cases("smoke")
    specs = hp_space.grid(cases[0])
    chosen = {
        hp_space.variant(
            *(("none", 1.0) if s.prune is None else (s.prune.channels.allocation, s.prune.channels.target))
        ): s
        for s in specs
    }
    widths = {
        "unpruned": {"a": 8, "a.0": 8, "b": 4},
        "60% uniform": {"a": 8, "a.0": 4, "b": 4},
        "60% global": {"a": 8, "a.0": 2, "b": 4},
    }
    return [
        record(chosen[name], widths=widths[name], cost=cost)
        for name, cost in (("unpruned", 100), ("60% uniform", 60), ("60% global", 59))
    ], cases


def test_kept_shares_and_costs_are_relative_to_the_unpruned_network():
    architectures = hp_space.architectures(*pruned_records())
    table = networks.costs_table(architectures).reset_index("title")
    assert table["share of multiplications"].to_dict() == {"unpruned": 1.0, "60% uniform": 0.6, "60% global": 0.59}
    shares = networks.kept_shares(architectures, "resnet56")
    assert shares.to_dict("index") == {"a.0": {"60% uniform": 0.5, "60% global": 0.25}}
    ax = networks.kept_channels(architectures, network="resnet56")
    assert [line.get_ydata().tolist() for line in ax.lines] == [[0.5], [0.25]]
    plt.close("all")


def test_kept_shares_need_the_unpruned_network():
    found, cases = pruned_records()
    with pytest.raises(UserError, match="a record of the unpruned resnet56"):
        networks.kept_shares(hp_space.architectures(found[1:], cases), "resnet56")


def test_the_printed_verdicts_stand_in_the_order_asked_for():
    table = hp_space.printed_verdicts("HS-04", "HS-10")
    assert table["grade"].to_dict() == {"HS-04": "contradicted", "HS-10": "supported"}


def test_the_setup_tables_hold_the_published_networks():
    counted = hp_space.paper_networks().set_index("network")
    assert counted.loc["resnet56", "multiplications"] == 125_485_696
    assert hp_space.stages(hp_space.PAPER["mobilenet_v2"]).set_index("group").loc["stage7", "channels"] == 320
    assert hp_space.protocol_table().loc["epochs"].tolist() == ["180", "180", "90"]


def bowl(network="resnet56", points=7):
    """A landscape with a known best and a region of many settings, for three variants."""
    import pandas as pd

    exponents = np.linspace(-3, 0, points)
    rows = [
        {
            "network": network,
            "variant": name,
            "method": method,
            "target": target,
            "lr": 10**lr,
            "weight_decay": 10**wd,
            "seed": 0,
            "top1": 90 - shift - (lr + wd + 3) ** 2,
            "top5": 99.0,
            "status": "ok",
            "id": f"{name}{lr}{wd}",
        }
        for name, method, target, shift in (("unpruned", "none", 1.0, 0), ("60% uniform", "uniform", 0.6, 2))
        for lr in exponents
        for wd in exponents
    ]
    return pd.DataFrame(rows)


def test_ellipses_are_drawn_together_in_the_colours_of_their_methods():
    ax = figures.ellipses_together(bowl(), network="resnet56")
    outlines = [line for line in ax.lines if len(line.get_xdata()) > 1]
    assert len(outlines) == 2 and len(ax.get_legend().get_texts()) == 2
    sparse = figures.ellipses_together(bowl(points=2), network="resnet56")
    assert "no region holds five settings" in sparse.texts[0].get_text()
    plt.close("all")


def test_a_region_at_the_edge_of_the_grid_is_reported():
    frame = bowl()
    means = frame[frame["variant"] == "unpruned"]
    assert noise.borders(means) == ["low lr", "high lr", "low weight_decay", "high weight_decay"]
    middle = means.assign(
        top1=90 - 9 * ((np.log10(means["lr"]) + 1.5) ** 2 + (np.log10(means["weight_decay"]) + 1.5) ** 2)
    )
    assert noise.borders(middle) == []


def test_absolute_risk_stands_above_relative_risk():
    axes = figures.risk_pair(bowl(), network="resnet56")
    assert [ax.get_ylabel() for ax in axes] == ["accuracy lost (points)", "share of accuracy lost"]
    plt.close("all")
