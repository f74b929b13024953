import copy
from dataclasses import replace

import pytest
import torch

from pruneproxy import data, models, runs, surgery
from pruneproxy.errors import UserError
from pruneproxy.store import Store
from pruneproxy.surgery import MergeConfig, PruneConfig


def network(name="resnet8", *, seed=0, **options):
    model = models.build(
        models.ModelConfig(name=name, **options),
        shape=(3, 32, 32) if name == "vgg16_bn" else (3, 8, 8),
        classes=5,
        generator=torch.Generator().manual_seed(seed),
    ).double()
    generator = torch.Generator().manual_seed(seed + 1)
    with torch.no_grad():
        for name, value in (*model.named_buffers(), *model.named_parameters()):
            if value.is_floating_point() and any(word in name for word in ("running", "bn", "bias")):
                value.copy_(torch.rand(value.shape, generator=generator, dtype=value.dtype) + 0.5)
    return model.eval()


def twins(model, group, kept, gone, factor=1.7):
    """Makes channel `gone` a positive multiple of `kept`, normalisation included."""
    kernel = model.get_submodule(group.producers[0])
    with torch.no_grad():
        kernel.weight[gone] = factor * kernel.weight[kept]
        if len(group.producers) == 1:
            kernel.bias[gone] = factor * kernel.bias[kept]
            return
        norm = model.get_submodule(group.producers[1])
        scale = 2.5
        norm.running_var[gone] = 3 * norm.running_var[kept]
        norm.running_mean[gone] = factor * norm.running_mean[kept]
        deviation = ((norm.running_var + norm.eps) ** 0.5).detach()
        norm.weight[gone] = scale * norm.weight[kept] / deviation[kept] * deviation[gone] / factor
        norm.bias[gone] = scale * norm.bias[kept]


def group_of(model, kind):
    return next(group for group in model.groups() if group.kind == kind)


@pytest.mark.parametrize(
    "name,kind,options",
    [("resnet8", "inner", {"width": 0.5}), ("vgg16_bn", "plain", {"width": 0.1}), ("mlp", "plain", {"widths": (9, 8)})],
)
def test_a_filter_that_repeats_another_is_removed_without_a_trace(name, kind, options):
    model = network(name, **options)
    group = group_of(model, kind)
    twins(model, group, kept=2, gone=0)
    keep = {group.name: torch.arange(1, group.width)}
    inputs = torch.randn(3, *model.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(5))
    before = copy.deepcopy(model.state_dict())
    small = surgery.narrow(surgery.merged(model, keep), keep)
    assert torch.allclose(small(inputs), model(inputs), atol=1e-9)
    assert not torch.allclose(surgery.narrow(model, keep)(inputs), model(inputs), atol=1e-3)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())


def test_reading_sigma_as_the_variance_merges_with_another_scale():
    model = network(width=0.5)
    group = group_of(model, "inner")
    twins(model, group, kept=2, gone=0)
    kept = torch.arange(1, group.width)
    right, wrong = (surgery.merge_weights(model, group, kept, MergeConfig(sigma=name)) for name in surgery.SIGMAS)
    norm = model.get_submodule(group.producers[1])
    assert right[0, 2] == pytest.approx(2.5)
    ratio = (norm.running_var[2] / norm.running_var[0]).item() ** 0.5
    assert wrong[0].sum().item() != pytest.approx(right[0].sum().item())
    assert wrong[0, 2] in (0, pytest.approx(2.5 * ratio, rel=1e-3))


def test_filters_less_similar_than_the_threshold_are_left_out():
    model = network(width=0.5)
    group = group_of(model, "inner")
    kept = torch.arange(1, group.width)
    none = surgery.merge_weights(model, group, kept, MergeConfig(threshold=1.0))
    every = surgery.merge_weights(model, group, kept, MergeConfig(threshold=-1.0))
    assert none[0].count_nonzero() == 0 and every[0].count_nonzero() == 1
    assert torch.equal(none[kept][:, kept], torch.eye(group.width - 1, dtype=torch.float64))


def test_a_scale_that_relu_would_not_pass_is_not_used():
    model = network(width=0.5)
    group = group_of(model, "inner")
    twins(model, group, kept=2, gone=0)
    with torch.no_grad():
        model.get_submodule(group.producers[1]).weight[0] *= -1
    weights = surgery.merge_weights(model, group, torch.arange(1, group.width), MergeConfig(threshold=-1.0))
    assert weights[0].count_nonzero() == 0 and (weights >= 0).all()


def test_streams_and_expansions_are_cut_without_merging():
    model = network("mobilenet_v2", width=0.1)
    keep = {group.name: torch.arange(group.width - 1) for group in model.groups() if group.kind in ("stem", "inner")}
    same = surgery.merged(model, keep).state_dict()
    assert all(torch.equal(value, same[key]) for key, value in model.state_dict().items())


def test_a_run_starts_from_merged_weights(tmp_path):
    spec = runs.RunSpec(
        data=data.DataConfig(name="digits", train_images=100, eval_images=60),
        model=models.ModelConfig(name="resnet8", width=0.5),
        prune=runs.Pruning(channels=PruneConfig(percentile=40, fan_in="mean"), weights="merged"),
    )
    dataset, store = data.load(spec.data), Store(tmp_path)
    merged, kept = (
        runs.network(replace(spec, prune=replace(spec.prune, weights=name)), dataset, store)
        for name in ("merged", "kept")
    )
    assert merged.config == kept.config
    blocks = list(zip(_blocks(merged), _blocks(kept), strict=True))
    assert all(torch.equal(one.conv1.weight, other.conv1.weight) for one, other in blocks)
    assert any(not torch.equal(one.conv2.weight, other.conv2.weight) for one, other in blocks)


def _blocks(model):
    return [model.layer1[0], model.layer2[0], model.layer3[0]]


@pytest.mark.parametrize(
    "wrong,expected",
    [({"sigma": "range"}, "expected one of deviation, variance"), ({"balance": 2}, r"must be a number in \[0, 1\]")],
)
def test_a_wrong_merging_is_refused(wrong, expected):
    with pytest.raises(UserError, match=expected):
        MergeConfig(**wrong)
