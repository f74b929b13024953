"""One test per row of the ledger on pruning in paper 000: the readings differ on a toy input."""

from dataclasses import replace
from itertools import pairwise

import pytest
import torch
from test_surgery_merging import group_of, twins
from test_surgery_merging import network as trained_network

from pruneproxy import channels, costs, data, models, runs, scores, surgery
from pruneproxy.scores import Choices
from pruneproxy.scores.saliency import weight_gradients
from pruneproxy.store import Store
from pruneproxy.surgery import MergeConfig, PruneConfig

PAPER = PruneConfig(percentile=85, sigma=0.15, score="synflow", fan_in="mean", scope="all", coupled="mean")


def network(name="resnet20", size=32, **options):
    return models.build(
        models.ModelConfig(name=name, **options),
        shape=(3, size, size),
        classes=10,
        generator=torch.Generator().manual_seed(0),
    )


def images(count=16, size=32):
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(1))


def layer_scores(model, **choices):
    return scores.of_layers(model, score="synflow", choices=Choices(inputs=images(), **choices))


def choose(model, config):
    return surgery.choose_channels(model, config, batch=images(), generator=torch.Generator().manual_seed(0))


def share(values):
    return torch.cat(list(values.values()))


def test_the_mean_of_the_logits_ranks_channels_as_their_sum():
    model, names = network(width=0.5), ["conv1", "layer2.0.conv1"]
    ranks = []
    for loss in (lambda logits, _: logits.sum(), lambda logits, _: logits.mean()):
        gradients, weights = weight_gradients(model, names, loss, Choices(inputs=images()), score="synflow")
        ranks.append([(gradients[name] * weights[name]).abs().flatten(1).mean(1).argsort().tolist() for name in names])
    assert ranks[0] == ranks[1]


def test_signed_scores_are_negative_for_many_channels_and_keep_others():
    model = network()
    signed, absolute = (share(layer_scores(model, sign=sign)) for sign in ("signed", "absolute"))
    assert 0.35 < (signed < 0).double().mean() < 0.65 and (absolute >= 0).all()
    kept = [choose(model, replace(PAPER, sign=sign)) for sign in ("signed", "absolute")]
    assert any(kept[0][name].tolist() != kept[1][name].tolist() for name in kept[0])


def test_with_batch_statistics_signed_channel_scores_vanish():
    model = network()
    ratio = {
        mode: (
            share(layer_scores(model, sign="signed", scored_in=mode)).abs().sum()
            / share(layer_scores(model, sign="absolute", scored_in=mode)).sum()
        ).item()
        for mode in scores.MODES
    }
    assert ratio["train"] < 1e-4 and ratio["eval"] > 1e-2


def test_sum_and_mean_over_fan_in_give_layers_other_shares():
    model = network("vgg16_bn", width=0.25)
    config = replace(PAPER, percentile=50, sigma=0.0)
    summed, mean = (channels.kept_widths(choose(model, replace(config, fan_in=rule))) for rule in ("sum", "mean"))
    assert summed["stage5.2"] > mean["stage5.2"]  # a fan-in of 9 * 128 against 27 in the first layer
    assert sum(summed.values()) == pytest.approx(sum(mean.values()), abs=2)


def test_the_division_of_equation_2_is_by_extents():
    model = network(width=0.5)
    summed, mean = (layer_scores(model, fan_in=rule) for rule in ("sum", "mean"))
    for name, values in mean.items():
        assert torch.allclose(values * model.get_submodule(name).weight[0].numel(), summed[name])


def test_a_real_batch_in_one_step_scores_differently_from_iterative_synflow():
    model = network(width=0.5)
    single, iterative = (
        choose(model, replace(PAPER, score=name, rounds=5)) for name in ("synflow", "synflow-iterative")
    )
    assert channels.kept_widths(single) != channels.kept_widths(iterative)
    other = surgery.choose_channels(model, PAPER, batch=images().flip(0) * 0.1 + 1)
    assert any(single[name].tolist() != other[name].tolist() for name in single)


def test_a_percentile_over_layers_keeps_another_share_than_one_over_groups():
    model = network(shortcut="B-plain")
    config = replace(PAPER, scope="stem", fan_in="sum", sigma=0.0)
    over = {
        name: channels.kept_widths(choose(model, replace(config, threshold_over=name))) for name in surgery.THRESHOLDS
    }
    assert over["layers"] != over["groups"]
    total = sum(group.width for group in model.groups())
    assert sum(over["layers"].values()) / total != pytest.approx(0.15, abs=0.005)


def test_sigma_rounded_down_breaks_the_stated_bound():
    width, sigma = 64, 0.15
    least = {rule: channels.least_kept({"a": width}, sigma=sigma, rounding=rule)["a"] for rule in channels.ROUNDINGS}
    assert least["down"] / width < sigma <= least["up"] / width


def test_positions_in_an_argsort_overlap_with_the_best_channels_as_chance_does():
    generator, width, kept, draws = torch.Generator().manual_seed(0), 64, 10, 2000
    overlaps = []
    for _ in range(draws):
        drawn = {"a": torch.rand(width, generator=generator)}
        best, found = (set(channels.pick(drawn, {"a": kept}, picked=way)["a"].tolist()) for way in ("rank", "argsort"))
        overlaps.append(len(best & found) / kept)
    chance = kept / width
    both = ((kept - 1) ** 2 + (width - kept) * kept) / (width * (width - 1)) + 1 / width
    error = torch.tensor(overlaps).std().item() / draws**0.5
    assert (
        abs(sum(overlaps) / draws - both) < 4 * error
    )  # a permutation and its inverse, which share their fixed points
    assert both - chance < 1.01 / width


def test_streams_that_follow_the_stem_are_as_narrow_in_every_stage():
    model = network(shortcut="B-plain")
    widths = {
        scope: channels.kept_widths(choose(model, replace(PAPER, sign="signed", scope=scope)))
        for scope in ("stem", "all", "inner")
    }
    streams = ("layer1", "layer2", "layer3")
    assert len({widths["stem"][name] for name in streams}) == 1 and widths["stem"]["layer3"] <= 16
    assert widths["all"]["layer3"] >= 0.15 * 64 and not set(streams) & set(widths["inner"])


def test_projections_without_normalisation_cost_parameters_and_change_no_width():
    plain, padded = (network("resnet56", shortcut=kind) for kind in ("B-plain", "A"))
    assert costs.parameters(plain) - costs.parameters(padded) == 16 * 32 + 32 * 64
    assert plain.config.widths == padded.config.widths


def test_cut_initial_weights_are_those_that_were_scored(tmp_path):
    spec = runs.RunSpec(
        data=data.DataConfig(name="digits", train_images=100, eval_images=60),
        model=models.ModelConfig(name="resnet8", width=0.5),
        prune=runs.Pruning(channels=replace(PAPER, scope="inner", batch=32), weights="kept"),
    )
    dataset, store = data.load(spec.data), Store(tmp_path)
    dense = runs.network(replace(spec, prune=None), dataset, store)
    kept, fresh = (
        runs.network(replace(spec, prune=replace(spec.prune, weights=name)), dataset, store)
        for name in ("kept", "fresh")
    )
    inner = dense.layer3[0].conv1.weight
    assert all(any(torch.equal(row, other) for other in inner) for row in kept.layer3[0].conv1.weight)
    assert not any(torch.equal(row, other) for row in fresh.layer3[0].conv1.weight for other in inner)
    assert torch.equal(kept.bn1.running_var, torch.ones_like(kept.bn1.running_var))


@pytest.mark.parametrize("name", ["vgg16_bn", "resnet20", "mobilenet_v2"])
def test_all_three_networks_can_be_pruned_without_emptying_a_layer(name):
    model = network(name, width=0.5)
    keep = choose(model, PAPER)
    assert set(keep) == {group.name for group in model.groups()} and min(map(len, keep.values())) >= 1
    assert surgery.narrow(model, keep)(images(2)).shape == (2, 10)


def test_strides_of_the_code_cost_less_than_those_of_the_thesis():
    cost = {name: costs.total(costs.layers(network("mobilenet_v2", strides=name))) for name in ("thesis", "hpo-code")}
    assert cost["hpo-code"] < cost["thesis"]


def test_the_released_classifier_of_vgg_has_five_hundred_times_the_parameters_of_ours():
    model = network("vgg16_bn")
    pooled_once_less = 512 * (2 * 32 // models.MODELS["vgg16_bn"].reduction(None)) ** 2
    released = [pooled_once_less, 1024, 512, 10]
    head = torch.nn.Sequential(*(torch.nn.Linear(*ends, device="meta") for ends in pairwise(released)))
    theirs, ours = costs.parameters(head), costs.parameters(model.fc)
    assert (pooled_once_less, theirs, ours) == (2048, 2_628_106, 512 * 10 + 10) and theirs > 500 * ours
    assert costs.parameters(model) - ours == pytest.approx(14.7e6, rel=0.01)


def test_a_repeated_filter_merges_exactly_with_the_deviation_only():
    model = trained_network(width=0.5)
    group = group_of(model, "inner")
    twins(model, group, kept=2, gone=0)
    keep = {group.name: torch.arange(1, group.width)}
    inputs = torch.randn(2, *model.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(3))
    expected = model(inputs)
    errors = {
        sigma: (surgery.narrow(surgery.merged(model, keep, MergeConfig(sigma=sigma)), keep)(inputs) - expected)
        .abs()
        .max()
        .item()
        for sigma in surgery.SIGMAS
    }
    assert errors["deviation"] < 1e-9 < 1e-3 < errors["variance"]
