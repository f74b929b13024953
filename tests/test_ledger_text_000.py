"""Paper 000 against itself: one test on the printed numbers per row of the ledger's part on its text."""

import numpy as np
import pytest

from pruneproxy import published
from pruneproxy.recipes.proxy_hpo import reanalysis


def table(name):
    return published.read("proxy_hpo", name)


def table_5():
    rows = table("table-5")
    return rows.set_index(["target_network", "source_network", "dataset"])


def test_table_5_prints_the_typical_value_where_its_gaps_need_the_other():
    own = table_5().loc[("MobileNetV2", "MobileNetV2 with pruning", "CIFAR10")]
    implied = [
        row["val_accuracy_pct"] - row["gap_printed_points"]
        for source in ("ResNet56", "VGG16-BN")
        for row in [table_5().loc[("MobileNetV2", source, "CIFAR10")]]
    ]
    cells = reanalysis.cells().set_index(reanalysis.CELL).loc[("CIFAR10", "TPE", "MobileNetV2")]
    assert implied == pytest.approx([94.87, 94.87]) and own["val_accuracy_corrected_pct"] == cells["pruned"] == 94.87
    assert own["val_accuracy_pct"] == cells["typical"] == 94.54


def test_eight_of_twenty_seven_cells_differ_by_more_than_a_point():
    differences = reanalysis.cells()["difference"].round(6)
    assert len(differences) == 27 and (differences.abs() > 1).sum() == 8
    assert (differences.min(), differences.max()) == (-1.76, 2.51)


def test_the_copy_wins_on_cifar_and_loses_on_tiny_imagenet():
    cells = reanalysis.cells()
    ahead = (cells["difference"] > 0).groupby(cells["dataset"]).sum()
    assert ahead.to_dict() == {"CIFAR10": 9, "CIFAR100": 6, "TinyImageNet": 2}
    means = reanalysis.pooled("dataset").set_index("over")["difference"]
    assert means.round(2).to_dict() == {"CIFAR10": 0.38, "CIFAR100": 0.69, "TinyImageNet": -0.19}


def test_tables_1_and_3_share_values_under_two_names():
    cells = reanalysis.cells()
    tpe = cells[(cells["optimizer"] == "TPE") & (cells["network"] == "ResNet56")].set_index("dataset")
    own = table("table-1").query("pruning_method == 'Ours' and model == 'ResNet56'").set_index("dataset")
    for dataset in ("CIFAR10", "CIFAR100"):
        assert own.loc[dataset, "with_pruning_accuracy_pct"] == tpe.loc[dataset, "pruned"]
        assert own.loc[dataset, "typical_hpo_accuracy_pct"] == tpe.loc[dataset, "typical"]


def test_on_cifar100_vgg_prefers_the_settings_of_mobilenet():
    gaps = table_5()["gap_printed_points"]
    assert gaps["VGG16-BN", "MobileNetV2", "CIFAR100"] == -0.82 > gaps["VGG16-BN", "ResNet56", "CIFAR100"] == -1.05


def test_network_slimming_falls_more_than_a_point_behind():
    rows = table("table-1").query("model == 'VGG19-BN'").set_index("pruning_method")["with_pruning_accuracy_pct"]
    assert rows["Ours"] - rows["NS"] == pytest.approx(1.16)
    found = reanalysis.feasibility().set_index("method")
    assert found.loc["NS", "difference"] == -1.62 and found["test"].str.contains("no deviations").all()


def test_shallower_networks_beat_the_search_on_the_network_itself():
    baseline, *others = table("table-4")["val_accuracy_mean_pct"]
    assert [round(baseline - value, 2) for value in others] == [0.65, 0.55, 0.71]
    typical = reanalysis.cells().set_index(reanalysis.CELL).loc[("CIFAR100", "TPE", "ResNet56"), "typical"]
    assert min(others) > typical == 71.24


def test_five_hyperparameters_end_below_three():
    five = table("text-5.3").set_index("hpo_on")["val_accuracy_mean_pct"].to_list()
    three = reanalysis.cells().set_index(reanalysis.CELL).loc[("CIFAR100", "TPE", "ResNet56"), ["typical", "pruned"]]
    assert [a - b for a, b in zip(five, three, strict=True)] == pytest.approx([-1.41, -1.74])
    assert set(table("text-5.3")["trials"]) == {100}


def test_thirty_seven_percent_is_a_step_at_equal_batch_size():
    times = table("table-3").groupby(["dataset", "neural_network"])["time_reduction_pct"]
    assert times.max().max() == 37 and (times.nunique() == 1).all()  # the optimizer makes no difference to a step
    searched = table("table-2").set_index("parameter").loc["batch size"]
    assert float(searched["high"]) / float(searched["low"]) == 32


def test_optimizers_differ_more_than_target_and_proxy():
    cells = reanalysis.cells()
    spread = cells.groupby(["dataset", "network"])["typical"].agg(np.ptp)
    assert spread.max() == pytest.approx(5.22) and spread.idxmax() == ("TinyImageNet", "VGG16-BN")
    assert spread.max() > 2 * cells["difference"].abs().max()


def test_tpe_depends_on_earlier_trials_and_random_search_does_not():
    optuna = pytest.importorskip("optuna")

    def proposed(sampler, best):
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        study = optuna.create_study(sampler=sampler(seed=0))
        for x in np.linspace(0, 1, 20):
            distributions = {"x": optuna.distributions.FloatDistribution(0, 1)}
            study.add_trial(
                optuna.trial.create_trial(params={"x": x}, distributions=distributions, value=abs(x - best))
            )
        study.sampler = sampler(seed=0)
        return study.ask({"x": optuna.distributions.FloatDistribution(0, 1)}).params["x"]

    tpe = [proposed(optuna.samplers.TPESampler, best) for best in (0.1, 0.9)]
    assert abs(tpe[0] - 0.1) < 0.3 and abs(tpe[1] - 0.9) < 0.3
    assert len({proposed(optuna.samplers.RandomSampler, best) for best in (0.1, 0.9)}) == 1


def test_a_crop_of_128_pixels_does_not_fit_an_image_of_64():
    settings = table("text_settings").query("applies_to == 'TinyImageNet'").set_index("setting")["value"]
    padding, crop = (int(settings[name]) for name in ("random crop padding", "random crop size"))
    assert 64 + 2 * padding < crop <= 2 * 64 + 2 * padding


def test_tables_1_and_5_print_no_deviations():
    assert not [name for number in (1, 5) for name in table(f"table-{number}") if "std" in name or "seed" in name]
    assert "seeds" not in table("table-4") and set(table("table-3")["seeds"]) == {5}


def test_a_floor_at_the_global_share_keeps_more_than_the_share():
    generator = np.random.default_rng(0)
    layers = [generator.normal(mean, 1, 100) for mean in (2.0, 0.0, -2.0)]
    threshold = np.percentile(np.concatenate(layers), 85)
    free = [int((scores >= threshold).sum()) for scores in layers]
    floored = [max(kept, 15) for kept in free]
    assert sum(free) / 300 == pytest.approx(0.15) and sum(floored) / 300 > 0.2


def test_dividing_by_the_index_is_no_mean():
    scores = np.random.default_rng(0).random((4, 3, 3))
    index = np.multiply.outer(np.multiply.outer(np.arange(1, 5), np.arange(1, 4)), np.arange(1, 4))
    assert (scores / scores.size).sum() == pytest.approx(scores.mean()) != pytest.approx((scores / index).sum())
