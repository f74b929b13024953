"""The search of 004: every step against its definition written out, and what the released code adds."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from pruneproxy import costs, ekg, models, scores, surgery
from pruneproxy.channels import kept_widths
from pruneproxy.ekg import SearchConfig
from pruneproxy.ekg.passes import Passes
from pruneproxy.ekg.search import otsu, rescaled
from pruneproxy.errors import UserError


@pytest.fixture(scope="module")
def model():
    """A small residual network with statistics that are not those of its start."""
    generator = torch.Generator().manual_seed(1)
    config = models.ModelConfig(name="resnet8", width=0.5)
    network = models.build(config, shape=(1, 8, 8), classes=4, generator=generator)
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.data = 0.5 + torch.rand(module.weight.shape, generator=generator)
            module.bias.data = 0.2 * torch.randn(module.bias.shape, generator=generator)
    return network


@pytest.fixture(scope="module")
def batch():
    generator = torch.Generator().manual_seed(2)
    return torch.randn(32, 1, 8, 8, generator=generator), torch.randint(0, 4, (32,), generator=generator)


def cost(model, keep):
    groups = surgery.prunable(model, "all")
    return costs.total(costs.narrowed(costs.layers(model), groups, kept_widths(keep)))


def logits(model, keep, images):
    with torch.no_grad():
        return surgery.masked(model, keep).train()(images)


def reward(model, keep, batch, teacher):
    found = logits(model, keep, batch[0])
    value = -functional.cross_entropy(found, batch[1])
    return float(value if teacher is None else value - functional.cross_entropy(found, teacher.softmax(1)))


def teacher_of(guide, model, steps, images):
    if guide == "none":
        return None
    known = [logits(model, step.keep, images) for step in (steps[:1] if guide == "single" else steps)]
    return torch.stack(known).mean(0)


@pytest.mark.parametrize("guide", ekg.GUIDES)
def test_every_step_takes_the_candidate_with_the_best_reward(model, batch, guide):
    steps = ekg.search(model, *batch, SearchConfig(target=0.8, guide=guide)).steps
    assert len(steps) > 2
    for number, step in enumerate(steps[1:-1], 1):
        before, teacher = steps[number - 1].keep, teacher_of(guide, model, steps[:number], batch[0])
        candidates = candidates_of(model, before, batch, teacher)
        worth = {name: reward(model, before | {name: keep}, batch, teacher) for name, keep in candidates.items()}
        assert step.group == max(worth, key=worth.get)
        assert torch.equal(step.keep[step.group], candidates[step.group])


def candidates_of(model, keep, batch, teacher):
    """A fifth of each group's channels leaves: those with the least |sum of gradient times activation| when read."""

    def loss(output, labels):
        value = functional.cross_entropy(output, labels)
        return value if teacher is None else value + functional.cross_entropy(output, teacher.to(output).softmax(1))

    groups = surgery.prunable(model, "all")
    network = surgery.masked(model, keep)
    scored = scores.gate_saliency(network, groups, scores.Choices(inputs=batch[0], labels=batch[1]), loss=loss)
    found = {}
    for group in groups:
        kept = keep[group.name]
        leaving = min(max(1, round(0.2 * group.width)), len(kept) - 1)
        if leaving > 0:
            order = kept[scored[group.name][kept].argsort(stable=True)]
            found[group.name] = order[leaving:].sort().values
    return found


def test_the_score_is_gradient_times_activation_where_the_next_layer_reads(model, batch):
    """Against hooks on the inputs of the layers that read one group inside a block."""
    (group, *_) = [one for one in surgery.prunable(model, "all") if one.kind == "inner"]
    network, seen = surgery.masked(model, {}).double().train(), {}
    reader = network.get_submodule(group.consumers[0])
    reader.register_forward_pre_hook(lambda _, inputs: seen.update(read=inputs[0]) or inputs[0].retain_grad())
    functional.cross_entropy(network(batch[0].double()), batch[1]).backward()
    expected = (seen["read"] * seen["read"].grad).sum((0, 2, 3)).abs()
    found = scores.gate_saliency(model, [group], scores.Choices(inputs=batch[0], labels=batch[1]))[group.name]
    assert torch.allclose(found, expected.detach(), atol=1e-10)


@pytest.mark.parametrize("target", [0.75, 0.5])
def test_the_target_is_met_and_one_channel_more_would_miss_it(model, batch, target):
    steps = ekg.search(model, *batch, SearchConfig(target=target)).steps
    limit = target * cost(model, steps[0].keep)
    assert steps[-1].multiplications <= limit < steps[-2].multiplications
    last, before = steps[-1], steps[-2]
    gone = [int(channel) for channel in before.keep[last.group] if channel not in last.keep[last.group]]
    for channel in gone:
        wider = last.keep | {last.group: torch.cat([last.keep[last.group], torch.tensor([channel])]).sort().values}
        assert cost(model, wider) > limit


def test_networks_on_the_way_are_nested_and_repeat(model, batch):
    first, again = (ekg.search(model, *batch, SearchConfig(target=0.6)) for _ in range(2))
    assert [step.group for step in first.steps] == [step.group for step in again.steps]
    for wide, narrow in zip(first.steps, first.steps[1:], strict=False):
        assert all(set(narrow.keep[name].tolist()) <= set(wide.keep[name].tolist()) for name in wide.keep)
        assert sum(len(wide.keep[name]) != len(narrow.keep[name]) for name in wide.keep) == 1
    assert first.steps[0].guidance == 0 and first.steps[-1].multiplications == cost(model, first.keep)


@pytest.mark.parametrize("score", ekg.SCORES)
def test_every_score_finds_a_network(model, batch, score):
    found = ekg.search(model, *batch, SearchConfig(target=0.7, score=score))
    assert cost(model, found.keep) <= 0.7 * cost(model, found.steps[0].keep)


def test_the_released_code_takes_fewer_channels_of_streams_that_many_layers_produce(batch):
    config = models.ModelConfig(name="resnet14", width=0.5)
    model = models.build(config, shape=(1, 8, 8), classes=4, generator=torch.Generator().manual_seed(1))
    (stream,) = [group for group in surgery.prunable(model, "all") if group.name == "layer1"]

    def first_loss(per_call):
        steps = ekg.search(model, *batch, SearchConfig(target=0.2, ratio=0.5, per_call=per_call)).steps
        lost = [len(a.keep["layer1"]) - len(b.keep["layer1"]) for a, b in zip(steps, steps[1:], strict=False)]
        return next(number for number in lost if number)

    assert stream.width == 8 and (first_loss(False), first_loss(True)) == (4, 1)  # three convolutions produce it


def test_otsu_parts_two_heaps():
    assert otsu(np.array([1.0, 1.1, 1.2, 7.0, 7.1])) == 1.2


def test_kernels_get_their_old_length_back(model):
    keep = {group.name: torch.arange(group.width // 2) for group in surgery.prunable(model, "all")}
    cut = surgery.masked(model, keep)
    lengths = [module.weight.norm() for module in cut.modules() if isinstance(module, torch.nn.Conv2d)]
    found = rescaled(cut, model)
    again = [module.weight.norm() for module in found.modules() if isinstance(module, torch.nn.Conv2d)]
    before = [module.weight.norm() for module in model.modules() if isinstance(module, torch.nn.Conv2d)]
    assert torch.allclose(torch.stack(again), torch.stack(before)) and lengths[0] < before[0]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        (lambda: SearchConfig(target=0), "SearchConfig.target must be a share in"),
        (lambda: SearchConfig(guide="double"), "unknown guide 'double'"),
        (lambda: SearchConfig(floor=0), "SearchConfig.floor must be at least 1"),
    ],
)
def test_a_search_that_makes_no_sense_is_refused(wrong, said):
    with pytest.raises(UserError, match=said):
        wrong()


def test_a_target_below_what_the_floor_leaves_is_one_sentence(model, batch):
    with pytest.raises(UserError, match="lower the floor or raise the target"):
        ekg.search(model, *batch, SearchConfig(target=0.01, floor=4))


@pytest.mark.parametrize("name", ["resnet8", "resnet56", "mobilenet_v2", "vgg16_bn"])
def test_candidates_give_the_same_logits_from_their_first_change_on(name):
    network = models.build(
        models.ModelConfig(name=name, width=0.25),
        shape=(3, 32, 32),
        classes=4,
        generator=torch.Generator().manual_seed(0),
    ).train()
    images = torch.randn(4, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    passes, counted = Passes(images), []
    assert torch.equal(passes.whole(network), network(images))
    for group in surgery.prunable(network, "all"):
        keep = {one.name: torch.arange(one.width) for one in network.groups()} | {
            group.name: torch.arange(1, group.width)
        }
        if group.width > 1:
            candidate = surgery.narrow(network, keep).train()
            with torch.no_grad():
                expected = candidate(images)
            assert torch.equal(passes.of_candidate(candidate, group), expected), group.name
            counted.append(sum(isinstance(module, torch.nn.Identity) for module in candidate.modules()))
    assert (max(counted) > 0) == bool(network.chain())


def test_random_candidates_follow_their_seed_and_not_the_reward(model, batch):
    def groups(**choices):
        return [
            step.group for step in ekg.search(model, *batch, SearchConfig(target=0.5, guide="none", **choices)).steps
        ]

    drawn = [groups(picked="random", seed=seed) for seed in (0, 1, 0)]
    assert drawn[0] == drawn[2] != drawn[1] and drawn[0] != groups()


def test_the_gates_behind_normalisation_have_candidates_of_their_own(model, batch):
    """The first step of a search by GBN's score takes the channels that the score itself ranks lowest."""
    step = ekg.search(model, *batch, SearchConfig(target=0.9, guide="none", score="gbn")).steps[1]
    choices = scores.Choices(inputs=batch[0], labels=batch[1])
    ranked = {
        name: scores.of_groups(model, model.groups(), score=name, choices=choices)[step.group]
        for name in ("gbn", "3sp")
    }
    gone = set(range(len(ranked["gbn"]))) - set(step.keep[step.group].tolist())
    assert gone == set(ranked["gbn"].argsort()[: len(gone)].tolist())
