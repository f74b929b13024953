"""Views of paper 000 that the notebooks show: decisions with correction, costs of copies, losses, resampled times."""

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats

from pruneproxy.recipes import proxy_hpo
from pruneproxy.recipes.proxy_hpo import figures, tables


def pairs(values: dict[str, list[tuple[float, float]]]) -> pd.DataFrame:
    """Rows of `tables.paired`: (accuracy with the copy's settings, with the network's own) per optimizer and seed."""
    rows = [
        {"dataset": "CIFAR10", "optimizer": name, "network": "resnet56", "top1": top1, "typical": typical}
        for name, found in values.items()
        for top1, typical in found
    ]
    return pd.DataFrame(rows)


def test_decisions_are_paired_tests_of_either_side_corrected_over_the_cells():
    table = pairs({"tpe": [(90.1, 90.0), (91.2, 91.0), (92.0, 92.1)], "gp": [(90, 93), (91, 93.5), (89, 92.1)]})
    found = tables.decisions(table).set_index(["optimizer", "hypothesis", "margin"]).sort_index()
    gap = np.array([0.1, 0.2, -0.1])
    low, high = (scipy_stats.ttest_1samp(sign * gap, -0.5, alternative="greater").pvalue for sign in (1, -1))
    near = found.loc[("tpe", "equivalent", 0.5)]
    assert near["p"] == pytest.approx(max(low, high)) and near["p_holm"] == pytest.approx(2 * near["p"])
    assert found.loc["gp"].xs("worse")["shown"].item() and not found.loc["tpe"].xs("worse")["shown"].item()
    wide = tables.decided(tables.decisions(table))
    assert wide.loc[("CIFAR10", "tpe", "resnet56"), "equivalent within 0.5"] == pytest.approx(near["p_holm"])
    assert list(wide.columns)[-2:] == ["better", "worse"] and wide.shape == (2, 6)


def test_a_cell_with_one_search_is_not_decided():
    assert tables.decisions(pairs({"tpe": [(90.0, 91.0)]})).empty
    both = tables.decisions(pairs({"tpe": [(90.0, 91.0)], "gp": [(90.0, 91.0), (91.0, 91.5)]}))
    assert set(both["optimizer"]) == {"gp"}


def test_optimism_is_the_best_trial_minus_its_settings_on_the_other_split():
    cell = {"dataset": "CIFAR10", "optimizer": "tpe", "network": "resnet56"}
    rows = [
        cell | {"source": source, "search_seed": seed, "validation": best, "top1": top1}
        for source, seed, best, top1 in (
            ("itself", 0, 90, 88),
            ("itself", 0, 90, 86),
            ("itself", 1, 80, 80),
            ("synflow", 0, 50, 99),
        )
    ]
    (row,) = tables.optimism(pd.DataFrame(rows)).to_dict("records")
    assert (row["best trial"], row["on the test split"], row["optimism"]) == (85, 83.5, 1.5)


def test_the_cost_of_a_copy_includes_the_training_that_it_is_pruned_after():
    (case, *_) = proxy_hpo.cases("smoke", networks="resnet56-cifar10", epochs=4)
    costs = {"itself": [(4, 400.0), (2, 200.0)], "synflow": [(4, 40.0), (4, 40.0)], "network-slimming": [(4, 200.0)]}
    rows = [
        {"case": case.key, "optimizer": "tpe", "source": name, "search_seed": 0, "epochs": epochs}
        | {"multiplications": cost, "experiment": "feasibility" if name == "network-slimming" else "main"}
        for name, found in costs.items()
        for epochs, cost in found
    ]
    found = tables.copies(pd.DataFrame(rows), (case,)).set_index("source")
    assert found.loc["synflow", ["a step", "a search", "before"]].tolist() == pytest.approx([10, 100 * 80 / 600, 0])
    assert found.loc["network-slimming", ["a step", "before"]].tolist() == pytest.approx([50, 100 * 400 / 600])


def test_training_losses_count_the_epochs_above_and_those_within_the_bands():
    losses = {("target", 0): (2.0, 1.0, 0.5), ("target", 1): (2.2, 1.0, 0.5)}
    losses |= {("proxy", 0): (1.9, 1.5, 0.8), ("proxy", 1): (2.1, 1.7, 0.8)}
    rows = [
        {"network": "resnet56", "title": "t", "dataset": "CIFAR10", "arm": arm, "seed": seed}
        | {"epoch": epoch, "train_loss": loss}
        for (arm, seed), column in losses.items()
        for epoch, loss in enumerate(column, 1)
    ]
    (row,) = tables.training_losses(pd.DataFrame(rows)).to_dict("records")
    assert (row["seeds"], row["epochs"]) == (2, 3)
    assert row["copy higher"] == pytest.approx(2 / 3) and row["bands overlap"] == pytest.approx(1 / 3)
    assert (row["full, first"], row["copy, last"]) == pytest.approx((2.1, 0.8))
    assert list(tables.training_losses(pd.DataFrame(rows)[:0])) == list(row)


def timed(full, narrow) -> pd.DataFrame:
    about = {"case": "c", "network": "resnet56", "title": "t", "dataset": "CIFAR10", "batch_size": 8}
    return pd.DataFrame(
        about
        | {"arm": arm, "seconds": float(np.median(times)), "samples": tuple(times)}
        | {"multiplications": 1, "parameters": 1}
        for arm, times in (("target", full), ("proxy", narrow))
    )


def test_the_interval_of_a_time_is_that_of_its_median_over_resampled_passes():
    generator = np.random.default_rng(1)
    full, narrow = 4 + generator.normal(0, 0.2, 40), 3 + generator.normal(0, 0.2, 40)
    table = tables.table_3_time(timed(full, narrow)).set_index(["dataset", "network"])
    row = table.loc[("CIFAR10", "resnet56")]
    paired = scipy_stats.bootstrap(
        (narrow, full),
        lambda a, b, axis: 100 * (1 - np.median(a, axis=axis) / np.median(b, axis=axis)),
        paired=True,
        method="percentile",
        rng=0,
        n_resamples=2000,
    ).confidence_interval
    assert (row["low"], row["high"]) == pytest.approx(tuple(paired), abs=0.7)
    assert row["low"] < row["ours"] < row["high"]


def test_one_pass_has_no_interval():
    assert np.isnan(tables.table_3_time(timed([4.0], [3.0]))["low"]).all()


def test_rows_are_named_by_what_was_trained_and_by_what_it_stands_for():
    cases = proxy_hpo.cases("lab", networks="resnet56-cifar10,vgg16_bn-cifar10,mobilenet_v2-cifar10")
    rows = [
        ("resnet56", "CIFAR10", "synflow"),
        ("resnet56", "CIFAR10", "vgg16_bn"),
        ("mobilenet_v2", "CIFAR10", "resnet56"),
        ("resnet56", "CIFAR10", "resnet8"),
        ("resnet56", "CIFAR100", "resnet8"),
    ]
    shown = tables.named(pd.DataFrame(rows, columns=["network", "dataset", "source"]), cases)
    narrow, deep, images = (
        "VGG16-BN x 0.125",
        "ResNet-14 standing in for ResNet-56",
        "Fashion-MNIST standing in for CIFAR10",
    )
    assert shown.to_numpy().tolist() == [
        [deep, images, "synflow"],
        [deep, images, narrow],
        ["MobileNetV2 x 0.25", images, deep],
        [deep, images, "ResNet-8"],
        ["resnet56", "CIFAR100", "resnet8"],
    ]
    assert figures.source_labels(shown)[:2] == [f"{deep} from its pruned copy", f"{deep} from {narrow}"]
    assert figures.cell_labels(shown.assign(optimizer="tpe"))[4] == "CIFAR100,\nTPE, ResNet-56"
    paper = proxy_hpo.cases("paper", networks="vgg16_bn-cifar100")
    assert (tables.label(paper[0]), tables.data_label(paper[0])) == ("VGG16-BN", "CIFAR100")


def test_an_accuracy_has_no_interval_beyond_all_images():
    about = {"case": "c", "network": "resnet56", "title": "t", "dataset": "CIFAR10", "experiment": "cross"}
    about |= {"optimizer": "tpe", "source": "synflow", "arm": "proxy"}
    columns = {"search_seed": [0, 1], "top1": [92.0, 98.0], "search_seconds": 1.0, "search_multiplications": 1.0}
    shown = tables.table_5(pd.DataFrame(columns).assign(**about))
    (row,) = shown[shown["ours"].notna()].to_dict("records")
    expected = scipy_stats.t.interval(0.95, 1, loc=95, scale=3)
    assert (row["ours"], row["high"]) == (95, 100) and row["low"] == pytest.approx(expected[0])


def test_the_axes_of_proxies_end_where_the_proxies_do_and_chance_stands_below():
    row = {"proxy": "pruned", "seconds": 0.5, "multiplications": 0.2, "null high": 0.4, "chance regret": 29.0}
    row |= {"correlation": 0.6, "correlation low": 0.3, "correlation high": 0.8}
    row |= {"regret": 1.0, "regret low": 0.0, "regret high": 3.0}
    _, ranks, regrets = figures.at_cost(pd.DataFrame([row]))
    assert regrets.get_xlim()[1] < 4 and "blindly: 29" in regrets.get_xlabel() and not regrets.lines
    assert len(ranks.lines) == 1 and "below: 0.4" in ranks.get_xlabel()
    plt.close("all")


def test_a_kind_of_group_has_one_colour_in_every_network():
    def colours(*kinds):
        rows = [
            {"network": "n", "title": "t", "group": str(i), "place": i, "kind": kind, "share": 0.5}
            for i, kind in enumerate(kinds)
        ]
        ax = figures.kept(pd.DataFrame(rows), network="n")
        return {bar.get_label(): bar.patches[0].get_facecolor() for bar in ax.containers}

    one, two = colours("stem", "inner", "head"), colours("residual", "inner")
    assert one["inner"] == two["inner"] and len({*one.values(), *two.values()}) == 4
    plt.close("all")


def test_widths_come_with_their_sum():
    table = tables.with_total({"width": {"a": 16, "b": 32}, "kept": {"a": 3, "b": 5}})
    assert table.loc["all"].tolist() == [48, 8] and list(table.index) == ["a", "b", "all"]
