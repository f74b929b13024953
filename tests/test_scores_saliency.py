import copy

import pytest
import torch
from scipy import spatial
from torch.nn import functional

from pruneproxy import channels, costs, models, scores, surgery
from pruneproxy.errors import UserError
from pruneproxy.scores import Choices
from pruneproxy.scores.flow import absolute_flow


def network(name="resnet8", *, width=0.25, size=8, seed=0, **options):
    return models.build(
        models.ModelConfig(name=name, width=width, **options),
        shape=(3, size, size),
        classes=4,
        generator=torch.Generator().manual_seed(seed),
    )


def images(count=6, size=8):
    return torch.randn(count, 3, size, size, generator=torch.Generator().manual_seed(9))


LABELS = torch.tensor([0, 1, 2, 3, 0, 1])


def everything_alive(model):
    return {group.name: torch.ones(group.width, dtype=torch.bool) for group in model.groups()}


@pytest.mark.parametrize("mode", scores.MODES)
def test_synflow_scores_equal_a_loop_over_weights_of_one_backward_pass(mode):
    model = network()
    found = scores.of_layers(model, score="synflow", choices=Choices(inputs=images(), scored_in=mode, fan_in="mean"))
    oracle = copy.deepcopy(model).double().train(mode == "train")
    oracle(images().double()).sum().backward()
    for name, values in found.items():
        weight = oracle.get_submodule(name).weight
        for channel in range(len(weight)):
            pairs = zip(weight[channel].flatten(), weight.grad[channel].flatten(), strict=True)
            products = [abs(w.item() * g.item()) for w, g in pairs]
            assert values[channel].item() == pytest.approx(sum(products) / len(products), abs=1e-12)


def test_a_signed_score_is_the_derivative_along_the_filter():
    model, choices = network(), Choices(inputs=images(), scored_in="eval", sign="signed")
    score = scores.of_layers(model, score="synflow", choices=choices)["layer1.0.conv1"]
    step = 1e-6
    for channel in range(len(score)):
        sums = []
        for factor in (1 + step, 1 - step):
            moved = copy.deepcopy(model).double().eval()
            with torch.no_grad():
                moved.get_submodule("layer1.0.conv1").weight[channel] *= factor
                sums.append(moved(images().double()).sum().item())
        assert score[channel].item() == pytest.approx((sums[0] - sums[1]) / (2 * step), rel=1e-5, abs=1e-6)


@pytest.mark.parametrize("name", ["vgg16_bn", "mlp"])
def test_absolute_saliency_is_conserved_from_layer_to_layer(name):
    model = network(name, width=0.05, size=32 if name == "vgg16_bn" else 8)
    flow = absolute_flow(model, model.groups(), everything_alive(model), Choices())
    totals = torch.stack([values.sum() for values in flow.values()])
    positive = copy.deepcopy(model).double().eval()
    for value in positive.parameters():
        value.data.abs_()
    output = positive(torch.ones(1, *model.shape, dtype=torch.float64)).sum()
    assert torch.allclose(totals, output.detach().expand_as(totals))


def test_single_shot_synflow_empties_a_layer_where_iterative_does_not():
    model = models.build(
        models.ModelConfig(name="mlp", widths=(200, 20, 200, 20)),
        shape=(3, 8, 8),
        classes=4,
        generator=torch.Generator().manual_seed(0),
    )
    ones = everything_alive(model)
    at_once = absolute_flow(model, model.groups(), ones, Choices())
    steps = scores.of_groups(model, model.groups(), score="synflow-iterative", choices=Choices(density=0.03))
    survive = {
        name: min(channels.surviving(values, channels.threshold(values, 97)).values())
        for name, values in {"at once": at_once, "steps": steps}.items()
    }
    assert survive["at once"] == 0 < survive["steps"]


def test_iterative_synflow_ends_at_its_density():
    model = network(width=0.5)
    order = scores.of_groups(
        model, model.groups(), score="synflow-iterative", choices=Choices(density=0.3, rounds=7, coupled="mean")
    )
    values = torch.cat(list(order.values()))
    assert (values >= 8).sum() == round(0.3 * len(values))  # those that no round removed
    assert len(values.unique()) == len(values)


def test_sensitivity_to_a_gate_equals_finite_differences():
    model = network()
    group = next(group for group in model.groups() if group.kind == "residual")
    found = scores.of_groups(model, [group], score="3sp", choices=Choices(inputs=images(), labels=LABELS))[group.name]
    step = 1e-6
    for channel in range(group.width):
        losses = []
        for factor in (1 + step, 1 - step):
            gated = copy.deepcopy(model).double().train()
            with torch.no_grad():
                for name in group.consumers:
                    gated.get_submodule(name).weight[:, channel] *= factor
                losses.append(functional.cross_entropy(gated(images().double()), LABELS).item())
        assert found[channel].item() == pytest.approx(abs(losses[0] - losses[1]) / (2 * step), rel=1e-3, abs=1e-7)


def test_compute_aware_sensitivity_is_divided_by_what_the_channel_costs():
    model, choices = network(), Choices(inputs=images(), labels=LABELS)
    plain, aware = (scores.of_groups(model, model.groups(), score=n, choices=choices) for n in ("3sp", "3sp-compute"))
    for group in model.groups():
        narrow = surgery.narrow(model, {group.name: torch.arange(group.width - 1)})
        saved = costs.total(costs.layers(model)) - costs.total(costs.layers(narrow))
        assert torch.allclose(aware[group.name] * saved, plain[group.name])


def test_slimming_scores_are_the_scales_of_batch_normalisation():
    model = network()
    group = next(group for group in model.groups() if group.kind == "inner")
    with torch.no_grad():
        model.get_submodule(group.producers[1]).weight[0] = -7.0
    found = scores.of_groups(model, [group], score="slimming", choices=Choices())[group.name]
    assert found.tolist() == [7.0] + [1.0] * (group.width - 1)
    with pytest.raises(UserError, match="expected batch normalisation"):
        scores.of_groups(network("mlp"), network("mlp").groups(), score="slimming", choices=Choices())


def test_norms_and_distances_agree_with_scipy():
    weight = torch.randn(5, 3, 2, 2, generator=torch.Generator().manual_seed(0))
    rows = weight.double().flatten(1).numpy()
    distances = spatial.distance.cdist(rows, rows).sum(1)
    assert torch.allclose(scores.geometric_median(weight), torch.from_numpy(distances))
    assert torch.allclose(scores.l2_norms(weight), torch.from_numpy((rows**2).sum(1) ** 0.5))
    assert torch.allclose(scores.l2_norms(weight, fan_in="mean"), scores.l2_norms(weight) / 12**0.5)


@pytest.mark.parametrize("name", scores.SCORES)
def test_every_score_gives_a_number_per_channel_and_changes_nothing(name):
    model = network("mobilenet_v2", width=0.1)
    before = copy.deepcopy(model.state_dict())
    choices = Choices(
        inputs=images(), labels=LABELS, generator=torch.Generator().manual_seed(0), coupled="mean", rounds=3
    )
    found = scores.of_groups(model, model.groups(), score=name, choices=choices)
    assert {group: len(values) for group, values in found.items()} == {g.name: g.width for g in model.groups()}
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    assert all(value.grad is None for value in model.parameters())


def test_scores_in_evaluation_mode_do_not_depend_on_the_chunks():
    model, many = network(), images(150)
    whole, parts = (
        scores.of_layers(model, score="synflow", choices=Choices(inputs=inputs, scored_in="eval", sign="signed"))
        for inputs in (many, many.flip(0))
    )
    assert all(torch.allclose(whole[name], parts[name]) for name in whole)


@pytest.mark.parametrize("name,missing", [("synflow", "inputs"), ("3sp", "labels"), ("random", "generator")])
def test_a_score_without_what_it_needs_says_so(name, missing):
    model = network()
    choices = Choices(inputs=images() if missing == "labels" else None)
    with pytest.raises(UserError, match=f"expected {missing} for the score"):
        scores.of_groups(model, model.groups(), score=name, choices=choices)


def test_scores_that_are_no_numbers_are_refused():
    model = network()
    with torch.no_grad():
        model.conv1.weight[0] = torch.nan
    with pytest.raises(UserError, match="whose weights are finite"):
        scores.of_groups(model, model.groups(), score="l1", choices=Choices())


def test_a_gate_behind_normalisation_is_scored_by_its_derivative():
    """The derivative of an explicit gate on what every batch normalisation of a group gives, by finite differences."""
    model, choices = network(), Choices(inputs=images(), labels=LABELS)
    found = scores.of_groups(model, model.groups(), score="gbn", choices=choices)
    step = 1e-6
    for group in model.groups():
        norms = [name for name in group.producers if "bn" in name or name.endswith("downsample.1")]
        for channel in (0, group.width - 1):
            losses = []
            for factor in (1 + step, 1 - step):
                moved = copy.deepcopy(model).double().train()
                for name in norms:
                    with torch.no_grad():
                        moved.get_submodule(name).weight[channel] *= factor
                        moved.get_submodule(name).bias[channel] *= factor
                losses.append(functional.cross_entropy(moved(images().double()), LABELS).item())
            slope = abs(losses[0] - losses[1]) / (2 * step)
            assert found[group.name][channel].item() == pytest.approx(slope, rel=1e-4, abs=1e-7)


def test_gates_rank_alike_in_single_precision():
    model = network(width=1.0)
    one, two = (
        scores.gate_saliency(model, model.groups(), Choices(inputs=images(), labels=LABELS, double=double))
        for double in (True, False)
    )
    for name in one:
        assert torch.allclose(one[name], two[name].double(), rtol=1e-2, atol=1e-5)
