"""Pruning by one threshold over the network, with a floor per layer (000, Algorithm 1)."""

import functools
from dataclasses import replace

import pytest
import torch

from pruneproxy import channels, costs, data, models, runs, surgery
from pruneproxy.errors import UserError
from pruneproxy.store import Store
from pruneproxy.surgery import PruneConfig
from pruneproxy.train import TrainConfig, fit

PAPER = PruneConfig(percentile=85, sigma=0.15, score="synflow", fan_in="mean", scope="stem")
NETWORKS = ("resnet56", "vgg16_bn", "mobilenet_v2")


@functools.cache
def network(name, **options):
    return models.build(
        models.ModelConfig(name=name, **options),
        shape=(3, 32, 32),
        classes=10,
        generator=torch.Generator().manual_seed(0),
    ).eval()


def images(count=8):
    return torch.randn(count, 3, 32, 32, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("scope", surgery.SCOPES)
@pytest.mark.parametrize("name", NETWORKS)
def test_the_published_setting_leaves_every_layer_and_narrow_equals_masked(name, scope):
    if (name, scope) == ("vgg16_bn", "inner"):
        pytest.skip("VGG has no blocks")
    model, config = network(name), replace(PAPER, scope=scope, coupled="mean")
    keep = surgery.choose_channels(model, config, batch=images())
    widths = {group.name: (group.width, group.kind) for group in model.groups()}
    narrow, masked = surgery.narrow(model, keep), surgery.masked(model, keep)
    inputs = images(2)
    assert torch.allclose(narrow(inputs), masked(inputs), atol=1e-3, rtol=1e-3)
    assert costs.total(costs.layers(narrow)) < costs.total(costs.layers(model))
    follows = {n for n, (_, kind) in widths.items() if scope == "stem" and kind == "residual"}
    for group, index in keep.items():
        assert len(index) >= 1 and (group in follows or len(index) >= 0.15 * widths[group][0])


@pytest.mark.parametrize("name,options", [("resnet20", {"shortcut": "A"}), ("resnet20", {"shortcut": "B-plain"})])
def test_every_stream_keeps_the_channels_of_the_stem(name, options):
    model = network(name, **options)
    keep = surgery.choose_channels(model, replace(PAPER, fan_in="sum"), batch=images())
    streams = [keep[group.name].tolist() for group in model.groups() if group.kind == "residual"]
    assert streams[0] == streams[1] == streams[2] and max(streams[0]) < 16
    narrow = surgery.narrow(model, keep).eval()
    assert torch.allclose(narrow(images(2)), surgery.masked(model, keep)(images(2)), atol=1e-4)


def test_streams_without_any_of_the_stems_channels_keep_their_own_best():
    model = network("mobilenet_v2", width=0.25)
    with torch.no_grad():
        before = model.stem.weight.clone()
        model.stem.weight[:6] *= 1e-3  # only the last two of eight survive; the first stage has four channels
    keep = surgery.choose_channels(model, PruneConfig(percentile=60, scope="stem", fan_in="mean"))
    with torch.no_grad():
        model.stem.weight.copy_(before)
    assert set(keep["stem"].tolist()) <= {6, 7} and len(keep["stage1"]) == 1


def test_the_threshold_removes_the_percentile_of_all_channels():
    model = network("vgg16_bn", width=0.1)
    keep = surgery.choose_channels(model, PruneConfig(percentile=70, fan_in="mean", scope="all"))
    total = sum(group.width for group in model.groups())
    forced = sum(len(index) == 1 for index in keep.values())
    assert abs(sum(map(len, keep.values())) - 0.3 * total) <= 1 + forced


def test_a_threshold_over_layers_counts_what_groups_add_up():
    model = network("resnet20", width=0.5)
    keeps = [
        surgery.choose_channels(model, PruneConfig(percentile=50, scope="all", threshold_over=population))
        for population in surgery.THRESHOLDS
    ]
    assert channels.kept_widths(keeps[0]) != channels.kept_widths(keeps[1])


@pytest.mark.parametrize("share,width,up,down", [(0.15, 64, 10, 9), (0.15, 40, 6, 6), (0.15, 3, 1, 1), (1.0, 5, 5, 5)])
def test_the_floor_is_rounded_up_or_down(share, width, up, down):
    for rounding, expected in (("up", up), ("down", down)):
        assert channels.least_kept({"a": width}, sigma=share, rounding=rounding) == {"a": expected}


def test_a_group_below_sigma_keeps_its_next_best():
    scores = {"a": torch.arange(10.0), "b": torch.arange(10.0) + 100}
    tau = channels.threshold(scores, 50)
    counts = {name: max(count, 3) for name, count in channels.surviving(scores, tau).items()}
    assert channels.surviving(scores, tau) == {"a": 0, "b": 10}
    assert channels.pick(scores, counts)["a"].tolist() == [7, 8, 9]


@pytest.mark.parametrize("picked", channels.PICKED)
def test_every_way_of_picking_keeps_the_same_widths(picked):
    model = network("resnet20", width=0.5)
    config = PruneConfig(percentile=50, scope="all", sigma=0.2, picked=picked)
    keep = surgery.choose_channels(model, config, generator=torch.Generator().manual_seed(0))
    assert channels.kept_widths(keep) == channels.kept_widths(
        surgery.choose_channels(model, replace(config, picked="rank"))
    )
    assert all(index.tolist() == sorted(set(index.tolist())) for index in keep.values())


def test_sigma_holds_with_a_target_too():
    model = network("resnet20", width=0.5)
    keep = surgery.choose_channels(model, PruneConfig(target=0.5, allocation="global", sigma=0.4))
    assert all(len(keep[g.name]) >= 0.4 * g.width for g in model.groups() if g.kind == "inner")


@pytest.mark.parametrize(
    "wrong,expected",
    [
        ({}, "give exactly one"),
        ({"target": 0.5, "percentile": 85}, "give exactly one"),
        ({"percentile": 100}, r"in \[0, 100\)"),
        ({"percentile": 85, "sigma": 2}, r"share of the channels in \[0, 1\]"),
        ({"percentile": 85, "batch": 0}, "batch must be at least 1"),
        ({"percentile": 85, "sign": "both"}, "expected one of absolute, signed"),
        ({"percentile": 85, "picked": "last"}, "expected one of rank, argsort, random"),
        ({"percentile": 85, "coupled": "max"}, "expected one of sum, first, mean"),
        ({"target": 0.5, "scope": "stem"}, "give percentile instead"),
        ({"target": 0.5, "threshold_over": "layers"}, "give percentile instead"),
    ],
)
def test_a_wrong_threshold_is_refused(wrong, expected):
    with pytest.raises(UserError, match=expected):
        PruneConfig(**wrong)


def test_random_picks_need_a_generator():
    with pytest.raises(UserError, match="expected a generator"):
        surgery.choose_channels(network("mlp", width=0.01), PruneConfig(percentile=50, scope="all", picked="random"))


DATA = data.DataConfig(name="digits", train_images=100, eval_images=60)
SPEC = runs.RunSpec(
    data=DATA,
    model=models.ModelConfig(name="resnet8", width=0.5),
    train=TrainConfig(epochs=1, batch_size=50),
    prune=runs.Pruning(channels=replace(PAPER, batch=32)),
)


def test_a_run_scores_one_seeded_batch_whatever_its_own_seed(tmp_path):
    store = Store(tmp_path)
    widths = [runs.ensure(replace(SPEC, seed=seed), store)["widths"] for seed in range(2)]
    assert widths[0] == widths[1] and max(widths[0].values()) < 32
    dataset = data.load(DATA)
    first, again = (runs.scoring_batch(dataset, 32, 0) for _ in range(2))
    assert torch.equal(first[0], again[0]) and len(first[0]) == len(first[1]) == 32
    assert not torch.equal(first[0], runs.scoring_batch(dataset, 32, 1)[0])


def test_runs_on_other_images_score_other_images(tmp_path):
    other = replace(SPEC, data=replace(DATA, train_images=60))
    keeps = [
        runs.execution._scored(spec.architecture, _source(spec), Store(tmp_path), runs.Conditions())[1]
        for spec in (SPEC, other)
    ]
    assert any(keeps[0][name].tolist() != keeps[1][name].tolist() for name in keeps[0])


def _source(spec):
    dataset = data.load(spec.data)
    return runs.execution._Source(dataset.fingerprint, str(dataset.device), dataset)


def test_a_penalty_on_scales_makes_them_small_and_zero_changes_nothing():
    dataset = data.load(DATA)

    def scales(**choices):
        model = models.build(SPEC.model, shape=(1, 8, 8), classes=10, generator=torch.Generator().manual_seed(0))
        fit(model, dataset, TrainConfig(epochs=2, batch_size=50, lr=0.05, **choices))
        return torch.cat([m.weight.detach() for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)])

    plain, off, slim = scales(), scales(slimming=0.0), scales(slimming=0.1)
    assert torch.equal(plain, off) and slim.abs().mean() < plain.abs().mean()


def test_one_step_of_the_penalty_is_its_subgradient():
    dataset, lr, weight = data.load(DATA), 0.1, 0.3
    steps = []
    for slimming in (0.0, weight):
        model = models.build(SPEC.model, shape=(1, 8, 8), classes=10, generator=torch.Generator().manual_seed(0))
        config = TrainConfig(epochs=1, batch_size=100, lr=lr, weight_decay=0.0, slimming=slimming)
        steps.append(fit(model, dataset, config).model.bn1.weight.detach())
    assert torch.allclose(steps[0] - steps[1], torch.full_like(steps[0], lr * weight))  # every scale started at 1


@pytest.mark.parametrize("allocation", channels.ALLOCATIONS)
@pytest.mark.parametrize(("name", "scope"), [("resnet56", "inner"), ("resnet56", "all"), ("vgg16_bn", "all")])
def test_a_target_is_met_as_closely_as_whole_multiples_allow(name, scope, allocation):
    model = network(name)
    config = PruneConfig(target=0.5, scope=scope, allocation=allocation, multiple=8)
    keep = surgery.choose_channels(model, config)
    widths = {group.name: group.width for group in surgery.prunable(model, scope)}
    assert all(len(index) % 8 == 0 or len(index) == widths[name] for name, index in keep.items())
    whole = costs.total(costs.layers(model))
    found = costs.total(costs.layers(surgery.narrow(model, keep))) / whole
    block = max(
        whole - costs.total(costs.layers(surgery.narrow(model, {group: torch.arange(width)[8:]})))
        for group, width in widths.items()
        if width > 8
    )
    assert abs(found - 0.5) <= block / whole / 2


def test_a_target_with_a_multiple_of_one_is_what_it_was_and_other_names_are_other_specs():
    plain = PruneConfig(target=0.5)
    assert PruneConfig(target=0.5, multiple=1) == plain != PruneConfig(target=0.5, multiple=8)
    model = network("resnet20")
    one, other = (surgery.choose_channels(model, config) for config in (plain, replace(plain, multiple=1)))
    assert all(torch.equal(one[name], other[name]) for name in one)
