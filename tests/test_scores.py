import pytest
import torch

from pruneproxy import models, scores
from pruneproxy.errors import UserError
from pruneproxy.scores import Choices
from pruneproxy.scores.layers import kernels


def small(name="mobilenet_v2", width=0.1):
    return models.build(
        models.ModelConfig(name=name, width=width),
        shape=(3, 8, 8),
        classes=4,
        generator=torch.Generator().manual_seed(0),
    )


def l1(model, groups, **choices):
    return scores.of_groups(model, groups, score="l1", choices=Choices(**choices))


def test_l1_norms_equal_sums_by_hand():
    weight = torch.tensor([[[[1.0, -2.0]]], [[[0.5, 0.0]]]])
    assert scores.l1_norms(weight).tolist() == [3.0, 0.5]
    assert scores.l1_norms(weight, fan_in="mean").tolist() == [1.5, 0.25]


def test_scaling_a_filter_scales_its_score_and_no_other():
    model = small("resnet8")
    group = next(g for g in model.groups() if g.kind == "inner")
    before = l1(model, [group])[group.name]
    with torch.no_grad():
        model.get_submodule(group.producers[0]).weight[1] *= -3
    after = l1(model, [group])[group.name]
    assert after[1] == pytest.approx(3 * before[1].item())
    assert torch.equal(after[0], before[0])


def test_coupled_layers_add_up_or_the_first_decides():
    model = small()
    group = next(g for g in model.groups() if g.kind == "inner")
    expand, depthwise = (model.get_submodule(name).weight for name in kernels(model, group))
    summed = l1(model, [group])[group.name]
    assert torch.equal(summed, scores.l1_norms(expand) + scores.l1_norms(depthwise))
    assert torch.equal(l1(model, [group], coupled="first")[group.name], scores.l1_norms(expand))


def test_scoring_leaves_the_network_unchanged():
    model = small()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    l1(model, model.groups())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())


@pytest.mark.parametrize("choice", [{"fan_in": "max"}, {"coupled": "last"}])
def test_an_unknown_choice_lists_the_valid_ones(choice):
    model = small()
    with pytest.raises(UserError, match="expected one of sum, "):
        l1(model, model.groups(), **choice)
