"""One test per row of the ledger: readings differ on a toy input, or printed numbers contradict the sentence."""

import ast
import pkgutil
from dataclasses import replace
from inspect import signature
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy import stats as scipy_stats
from test_stats import noisy

from pruneproxy import channels, costs, data, models, published, runs, scores, stats, surgery
from pruneproxy.data.loading import constants
from pruneproxy.errors import UserError
from pruneproxy.evidence import ledger
from pruneproxy.evidence.ledger import Row, collect
from pruneproxy.recipes import RECIPES, hp_space
from pruneproxy.recipes.hp_space.protocol import pruning
from pruneproxy.scores.layers import kernels
from pruneproxy.store import Store
from pruneproxy.train import TrainConfig, fit, weights_hash
from pruneproxy.train.schedules import lr_at

CIFAR = (3, 32, 32)


def network(name, shape=CIFAR, classes=10, device="meta", seed=0, **choices):
    with torch.device(device):
        generator = None if device == "meta" else torch.Generator().manual_seed(seed)
        return models.build(models.ModelConfig(name=name, **choices), shape=shape, classes=classes, generator=generator)


def flops(name, shape=CIFAR, classes=10, **choices):
    return costs.total(costs.layers(network(name, shape, classes, **choices)), convention="flops")


def small(**choices):
    return network("resnet8", (1, 8, 8), device="cpu", width=0.5, **choices)


def digits():
    return data.load(data.DataConfig(name="digits", train_images=200, eval_images=50, holdout=0.0))


def table_4_1(model, region="1.0-ROI"):
    table = published.read("hp_space", "table-4.1")
    rows = table[(table["model"] == model) & (table["region"] == region)].dropna(subset="length_log10")
    return rows, rows[rows["pruning_method"] == "none"].iloc[0]


def functions_in(path):
    return {
        node.name
        for node in ast.parse(Path(path).read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef)
    }


ROWS = hp_space.RECIPE.ledger
EVERY = collect(*(recipe.ledger for recipe in RECIPES.values()))


@pytest.mark.parametrize("row", EVERY, ids=lambda row: row.id)
def test_every_row_names_a_test_that_exists(row):
    path, name = row.test.split("::")
    assert name in functions_in(Path(__file__).parent.parent / path)


@pytest.mark.parametrize("row", [row for row in EVERY if row.option], ids=lambda row: row.id)
def test_every_option_exists(row):
    owner, name = row.option.rsplit(".", 1)
    found = pkgutil.resolve_name(owner)
    assert hasattr(found, name) or name in signature(found).parameters


def test_rows_refuse_empty_fields_bad_tests_and_shared_ids():
    good = ROWS[0]
    with pytest.raises(UserError, match="got nothing in why"):
        replace(good, why="")
    with pytest.raises(UserError, match="tests/FILE.py::test_NAME"):
        replace(good, test="tests/test_ledger.py")
    with pytest.raises(UserError, match=good.id):
        collect([good], [good])


@pytest.mark.parametrize(
    ("said", "message"), [({"wy": "typo"}, "unknown field of ledger row 009 a 'wy'"), ({}, "nothing in place, .* test")]
)
def test_a_file_with_an_unknown_or_a_missing_field_is_refused(monkeypatch, said, message):
    monkeypatch.setattr(published, "toml", lambda stem, name: {"paper": "009", "part": {"tests": "t.py", "a": said}})
    with pytest.raises(UserError, match=message):
        ledger.read("any")


def test_the_table_of_the_ledger_has_a_line_per_row():
    table = ledger.table(ROWS)
    assert list(table["id"]) == [row.id for row in ROWS] and "effect" in table
    assert isinstance(ROWS[0], Row)


def test_flops_of_table_3_2_are_two_per_multiplication():
    printed = published.read("hp_space", "table-3.2").set_index("architecture")["flops"].astype(float)
    assert flops("resnet56") == pytest.approx(printed["ResNet-56"], rel=0.01)
    assert flops("resnet50", (3, 224, 224), 1000) == pytest.approx(printed["ResNet-50"], rel=0.01)
    once = costs.total(costs.layers(network("resnet56")))
    assert 2 * once == flops("resnet56") and abs(once - printed["ResNet-56"]) > 1e8


def test_shortcut_options_of_resnet56_differ_in_cost_and_a_fits_the_table():
    cost = {option: flops("resnet56", shortcut=option) for option in ("A", "B", "B-plain")}
    assert cost["A"] < cost["B"]
    assert costs.parameters(network("resnet56", shortcut="A")) < costs.parameters(network("resnet56", shortcut="B"))
    assert min(cost, key=lambda option: abs(cost[option] - 2.5e8)) == "A"
    larger = {option: flops("resnet50", (3, 224, 224), 1000, shortcut=option) for option in ("A", "B")}
    assert min(larger, key=lambda option: abs(larger[option] - 8.2e9)) == "B"


def test_thesis_strides_of_mobilenet_come_closest_to_the_table():
    cost = {name: flops("mobilenet_v2", strides=name) for name in ("thesis", "hpo-code", "imagenet")}
    assert min(cost, key=lambda name: abs(cost[name] - 6.1e8)) == "thesis" and len(set(cost.values())) == 3


def test_epochs_shift_the_decay_steps():
    thesis, cited = TrainConfig(epochs=180), TrainConfig(epochs=200)
    assert [lr_at(thesis, epoch) for epoch in (89, 90, 134, 135)] == pytest.approx([0.1, 0.01, 0.01, 0.001])
    assert lr_at(cited, 95) == pytest.approx(0.1) and lr_at(thesis, 95) == pytest.approx(0.01)


def test_normalisation_constants_differ_between_readings():
    generator = torch.Generator().manual_seed(0)
    images = torch.randint(0, 256, (20, 3, 8, 8), generator=generator, dtype=torch.uint8)
    split = data.Split(inputs=images, labels=torch.zeros(20, dtype=torch.int64))
    ours, cited = constants(split, "train"), constants(split, "imagenet")
    assert ours[0].flatten() == pytest.approx(images.float().mean(dim=(0, 2, 3)), rel=1e-4)
    assert not torch.allclose(ours[0].flatten(), cited[0].flatten(), rtol=1e-3)


def test_weight_decay_on_every_parameter_or_on_kernels_trains_other_weights():
    hashes = set()
    for decayed in ("all", "weights"):
        model = small()
        fit(model, digits(), TrainConfig(epochs=1, batch_size=50, weight_decay=0.1, decayed=decayed))
        hashes.add(weights_hash(model))
    assert len(hashes) == 2


def test_target_is_the_share_of_multiplications_that_remains():
    model = small()
    full = costs.total(costs.layers(model))
    shares = [
        costs.total(
            costs.layers(surgery.narrow(model, surgery.choose_channels(model, surgery.PruneConfig(target=target))))
        )
        / full
        for target in (0.6, 0.3)
    ]
    assert shares == pytest.approx([0.6, 0.3], abs=0.05)


def test_uniform_and_global_allocation_keep_other_channels():
    scored = {"a": torch.tensor([1.0, 2.0, 3.0, 4.0]), "b": torch.tensor([10.0, 20.0, 30.0, 40.0])}
    uniform, everywhere = (channels.removal_order(scored, allocation=name)[:2] for name in ("uniform", "global"))
    assert set(uniform) == {("a", 0), ("b", 0)} and set(everywhere) == {("a", 0), ("a", 1)}


def test_division_by_fan_in_changes_a_global_ranking():
    small_filter, large_filter = torch.full((1, 2), 1.0), torch.full((1, 8), 0.5)
    summed, averaged = (
        [float(scores.l1_norms(weight, fan_in=rule)) for weight in (small_filter, large_filter)]
        for rule in ("sum", "mean")
    )
    assert summed[0] < summed[1] and averaged[0] > averaged[1]


def test_coupled_layers_change_the_ranking_of_expanded_channels():
    model = network("mobilenet_v2", (1, 16, 16), device="cpu", width=0.1, strides="thesis")
    group = next(group for group in surgery.prunable(model) if len(kernels(model, group)) > 1)
    expansion, depthwise = (model.get_submodule(name).weight for name in kernels(model, group)[:2])
    with torch.no_grad():
        expansion.fill_(1.0)
        expansion[0] += 0.1
        depthwise.fill_(1.0)
        depthwise[0] = 0.0
    summed, first = (
        scores.of_groups(model, [group], score="l1", choices=scores.Choices(coupled=rule))[group.name]
        for rule in ("sum", "first")
    )
    assert summed.argmin() == 0 and first.argmax() == 0


def test_scope_inner_spares_the_first_convolution_and_scope_all_does_not():
    model = small()
    inner, everything = ({group.kind for group in surgery.prunable(model, scope)} for scope in ("inner", "all"))
    assert inner == {"inner"} < everything
    stem = next(name for name, module in model.named_modules() if isinstance(module, torch.nn.Conv2d))
    assert all(stem not in group.producers for group in surgery.prunable(model, "inner"))
    assert any(stem in group.producers for group in surgery.prunable(model, "all"))


def test_scores_before_and_after_training_keep_other_channels():
    case = hp_space.cases("smoke")[0]
    assert pruning(replace(case, scored="init"), "global", 0.6).scored_after is None
    assert pruning(replace(case, scored="trained"), "global", 0.6).scored_after.lr == 0.1
    model, config = small(), surgery.PruneConfig(target=0.5, allocation="global")
    before = surgery.choose_channels(model, config)
    fit(model, digits(), TrainConfig(epochs=1, batch_size=50, lr=0.1))
    after = surgery.choose_channels(model, config)
    assert any(before[name].tolist() != after[name].tolist() for name in before)


def test_fresh_and_kept_weights_start_from_other_values(tmp_path):
    spec = hp_space.specs("smoke", scored="init")[-1]
    pruned = [replace(spec, prune=replace(spec.prune, weights=weights)) for weights in ("fresh", "kept")]
    fresh, kept = (runs.network(each, digits(), Store(tmp_path)) for each in pruned)
    assert fresh.config.widths == kept.config.widths and weights_hash(fresh) != weights_hash(kept)


def test_one_run_per_setting_gives_no_seed_deviation():
    assert np.isnan(stats.seed_deviation(noisy(seeds=1))) and stats.seed_deviation(noisy(seeds=2)) > 0
    assert hp_space.PAPER["resnet56"].seeds == 1


def test_ellipse_diameters_depend_on_the_divisor_of_the_covariance():
    points = np.random.default_rng(0).normal(size=(5, 2))
    wide, narrow = (stats.ellipse(points, ddof=ddof).length for ddof in (1, 0))
    assert wide / narrow == pytest.approx(np.sqrt(5 / 4))


def test_a_covariance_ellipse_needs_three_points_and_not_five():
    corners = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    found = stats.ellipse(corners, min_points=3)
    assert found.width > 0 and found.length / found.width == pytest.approx(np.sqrt(3))
    assert stats.ellipse(corners) is None
    assert stats.ellipse(np.column_stack([np.arange(5), np.arange(5)])).width == pytest.approx(0, abs=1e-6)


def test_a_two_sigma_ellipse_covers_draws_and_not_the_mean():
    assert 1 - stats.confidence_level(2) == pytest.approx(0.8647, abs=5e-5)
    generator = np.random.default_rng(0)
    draws = generator.normal(size=(4000, 20, 2))
    centres = np.linalg.norm(draws.mean(axis=1), axis=1)
    assert np.mean(np.linalg.norm(draws, axis=2) <= 2) == pytest.approx(0.8647, abs=0.005)
    assert np.mean(centres <= 2) == 1.0 and np.mean(centres <= 2 / np.sqrt(20)) == pytest.approx(0.8647, abs=0.02)


def test_printed_indicator_turns_accuracy_into_error():
    truth, guess = np.array([0, 1, 2, 3]), np.array([0, 1, 2, 0])
    meant, printed = (100 * np.mean(hits) for hits in (guess == truth, guess != truth))
    assert (meant, printed) == (75.0, 25.0) and meant + printed == 100


def test_update_rule_is_the_one_of_sgd_when_both_symbols_mean_the_parameters():
    lr, decay, momentum = 0.1, 0.01, 0.9
    weight = torch.nn.Parameter(torch.tensor([1.0, -2.0], dtype=torch.float64))
    sgd = torch.optim.SGD([weight], lr=lr, weight_decay=decay, momentum=momentum)
    w, velocity = weight.detach().numpy().copy(), np.zeros(2)
    for _ in range(3):
        sgd.zero_grad()
        (weight**4).sum().backward()
        sgd.step()
        velocity = momentum * velocity + 4 * w**3 + decay * w
        w = w - lr * velocity
    assert weight.detach().numpy() == pytest.approx(w)


def test_resnet56_lengths_vary_by_more_than_the_text_says():
    rows, base = table_4_1("ResNet-56")
    assert (rows["length_log10"] - base["length_log10"]).abs().max() == pytest.approx(0.81)  # the text says 0.76


def test_resnet50_centre_moves_by_more_than_the_text_says():
    rows, base = table_4_1("ResNet-50")
    for name in ("centre_weight_decay_log10", "centre_learning_rate_log10"):
        assert (rows[name] - base[name]).abs().max() == pytest.approx(0.5)  # the text says 0.3


def test_mobilenet_centre_moves_by_two_grid_steps():
    rows, base = table_4_1("MobileNetV2")
    moved = rows[rows["pruning_method"] == "non-uniform"]
    shifts = [
        (moved[name] - base[name]).abs().max() for name in ("centre_weight_decay_log10", "centre_learning_rate_log10")
    ]
    assert shifts == pytest.approx([0.5, 0.4]) and min(shifts) >= 2 * 0.2 - 1e-9


def test_smallest_relative_risk_belongs_to_uniform_pruning():
    table = published.read("hp_space", "table-4.2")
    pruned = table[(table["pruning_method"] != "none")]
    smallest = pruned[pruned["relative_risk_mean"] == pruned["relative_risk_mean"].min()]
    assert set(smallest["pruning_method"]) == {"uniform"} and smallest["relative_risk_mean"].iloc[0] == 0.004
    other = pruned[(pruned["model"] == "MobileNetV2") & (pruned["pruning_method"] == "non-uniform")]
    assert set(other["relative_risk_mean"]) == {0.006}


def test_means_exceed_twice_the_unpruned_mean_in_most_variants():
    table = published.read("hp_space", "table-4.2")
    pruned = table[table["pruning_method"] != "none"]
    assert (pruned["derived_mean_risk_over_basemodel"] > 2).sum() == 6 and len(pruned) == 9
    assert table[table["pruning_method"] == "none"]["relative_risk_mean"].between(0.002, 0.004).all()
    assert pytest.approx(0.5 / 95.32, abs=5e-4) == 0.005


def test_a_subset_can_have_the_longer_ellipse():
    ends = np.array([[-2.0, 2.0], [-1.9, 2.0], [0.0, 0.1], [2.0, -2.0], [1.9, -2.0]])
    middle = np.random.default_rng(0).normal(scale=0.2, size=(20, 2))
    assert stats.ellipse(ends).length > stats.ellipse(np.vstack([ends, middle])).length
    printed = published.read("hp_space", "table-4.1")
    rows = printed[(printed["model"] == "ResNet-56") & (printed["variant"] == "20% Non-uniform")].set_index("region")
    assert rows.loc["0.5-ROI", "length_log10"] > rows.loc["1.0-ROI", "length_log10"]


def test_prior_recipes_lie_outside_the_inner_region_on_cifar10():
    prior = published.read("hp_space", "table-3.4").set_index("architecture")["baseline_top1_accuracy_pct"]
    best = published.read("hp_space", "text-4.1.1")
    best = best[(best["pruning_method"] == "none") & (best["metric"] == "top-1")].set_index("model")[
        "best_accuracy_pct"
    ]
    gain = (best - prior).round(3)
    assert (gain > 0.5).to_dict() == {"MobileNetV2": True, "ResNet-56": True, "ResNet-50": False}


def test_accuracy_of_both_methods_differs_at_forty_percent():
    best = published.read("hp_space", "text-4.1.1")
    rows = best[(best["model"] == "MobileNetV2") & (best["pruning_ratio_flops_remaining"] == 0.4)]
    assert np.ptp(rows["best_accuracy_pct"]) == pytest.approx(0.46)


def test_no_significant_difference_is_not_equivalence():
    generator = np.random.default_rng(0)
    a, b = generator.normal(0.5, 1, 4), generator.normal(0, 1, 4)
    assert scipy_stats.ttest_ind(a, b, equal_var=False).pvalue > 0.05
    assert not stats.tost(a, b, margin=0.5).equivalent


def test_wording_rows_change_no_number():
    row = next(row for row in ROWS if row.id == "001 wording")
    assert row.option == "" and row.effect is None
