"""Each row of the ledger of paper 004: the readings differ on something small."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional

from pruneproxy import costs, curvature, data, ekg, models, scores, surgery
from pruneproxy.channels import kept_widths
from pruneproxy.data.augment import AUGMENTATIONS
from pruneproxy.ekg import SearchConfig, bank
from pruneproxy.ekg.search import rescaled
from pruneproxy.published import read
from pruneproxy.recipes import ekg as recipe
from pruneproxy.recipes.ekg.experiments import searched
from pruneproxy.runs import RunSpec, ensure, subnetworks
from pruneproxy.runs.accuracies import AccuracySpec
from pruneproxy.runs.subnetworks import drawn
from pruneproxy.store import Store
from pruneproxy.train import TrainConfig, lr_at

PAPER = recipe.PAPER["resnet56-cifar10"]
SMOKE = recipe.cases("smoke")[0]


@pytest.fixture(scope="module")
def model():
    generator = torch.Generator().manual_seed(1)
    network = models.build(
        models.ModelConfig(name="resnet8", width=0.5), shape=(1, 8, 8), classes=4, generator=generator
    )
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.weight.data = 0.5 + torch.rand(module.weight.shape, generator=generator)
    return network


@pytest.fixture(scope="module")
def batch():
    generator = torch.Generator().manual_seed(2)
    return torch.randn(32, 1, 8, 8, generator=generator), torch.randint(0, 4, (32,), generator=generator)


@pytest.fixture(scope="module")
def digits():
    return data.load(data.DataConfig(name="digits", holdout=0.0))


def normalised(model, images):
    with torch.no_grad():
        return surgery.masked(model, {g.name: torch.arange(g.width) for g in model.groups()}).train()(images)


# the search


def test_images_of_the_search_are_drawn_and_not_the_first(digits):
    tuned, judged = drawn(digits, (20, 5), 0)
    labels = digits.train.labels
    first = torch.cat([torch.where(labels == name)[0][:20] for name in range(10)])
    assert len(tuned) == 200 and set(tuned.tolist()) != set(first.tolist())
    assert set(judged.tolist()) != set(drawn(digits, (20, 5), 1)[1].tolist())


def test_two_batches_give_other_losses_than_one(model, batch):
    images, labels = batch
    whole = functional.cross_entropy(normalised(model, images), labels, reduction="sum")
    parts = [
        functional.cross_entropy(normalised(model, images[rows]), labels[rows], reduction="sum")
        for rows in (slice(0, 24), slice(24, 32))
    ]
    assert float(sum(parts)) != pytest.approx(float(whole), rel=1e-3)


def test_tuning_is_one_constant_epoch_of_the_drawn_images(tmp_path, monkeypatch):
    """Of the paper's protocol on small data: what the tuning is given, with and without augmentation."""
    given = []
    monkeypatch.setattr(subnetworks, "fit", lambda model, dataset, config, seed: given.append((dataset, config)))
    for augmented in (False, True):
        dense = RunSpec(
            data=data.DataConfig(name="digits", holdout=0.0, augment="flip"),
            model=models.ModelConfig(name="resnet8", width=0.25),
            train=TrainConfig(epochs=1),
        )
        spec = replace(searched(PAPER, 0), dense=dense, tuned_on=20, judged_on=5, augmented=augmented)
        subnetworks.tuned(spec, data.load(dense.data), Store(tmp_path / str(augmented)))
    (plain, config), (shown, _) = given
    assert (config.epochs, config.schedule, config.nesterov, config.drop_last) == (1, "constant", True, False)
    assert lr_at(config, 0.0) == lr_at(config, 0.9) == 1e-3 and len(plain.train) == 200
    assert (plain.config.augment, shown.config.augment) == ("none", "flip")
    assert len(plain.test) == 50  # the images that judge: no test image is looked at
    assert not PAPER.tuning_augmented and not searched(PAPER, 0).augmented


def test_an_accuracy_depends_on_the_statistics(tmp_path):
    dense = RunSpec(
        data=data.DataConfig(name="digits", train_images=120, eval_images=60, holdout=0.0),
        model=models.ModelConfig(name="resnet8", width=0.25),
        train=TrainConfig(epochs=1, batch_size=30),
    )
    record = ensure(AccuracySpec(dense=dense, batch=20), Store(tmp_path))
    assert record["moving"]["loss"] != pytest.approx(record["batch"]["loss"], rel=1e-3)


def test_mean_logits_are_not_mean_probabilities(model, batch):
    """The distance of a step to the ensemble, against both readings of the mean of the two networks before it."""
    steps = ekg.search(model, *batch, SearchConfig(target=0.7)).steps
    one, two, three = (
        surgery.narrow(model, step.keep).train()(batch[0]).detach() for step in (steps[0], steps[1], steps[2])
    )
    logits = functional.cross_entropy(three, ((one + two) / 2).softmax(1))
    probabilities = functional.cross_entropy(three, (one.softmax(1) + two.softmax(1)) / 2)
    assert steps[2].guidance == pytest.approx(float(logits), rel=1e-4)
    assert steps[2].guidance != pytest.approx(float(probabilities), rel=1e-4)


def test_divergence_and_cross_entropy_choose_alike():
    teacher, one, other = torch.randn(3, 20, 5, generator=torch.Generator().manual_seed(0))
    entropy = [functional.cross_entropy(student, teacher.softmax(1)) for student in (one, other)]
    apart = [bank.divergence(teacher, student, 1.0) for student in (one, other)]
    assert float(entropy[0] - entropy[1]) == pytest.approx(float(apart[0] - apart[1]), rel=1e-4)


def test_sizes_of_two_batches_add_up_to_more(model, batch):
    images, labels = batch
    groups = surgery.prunable(model, "all")

    def scored(rows):
        choices = scores.Choices(inputs=images[rows], labels=labels[rows], scored_in="eval")
        loss = lambda logits, wanted: functional.cross_entropy(logits, wanted, reduction="sum")  # noqa: E731
        return scores.gate_saliency(model, groups, choices, loss=loss)

    whole, one, two = scored(slice(0, 32)), scored(slice(0, 16)), scored(slice(16, 32))
    apart = {name: one[name] + two[name] - whole[name] for name in whole}
    assert all((values > -1e-9).all() for values in apart.values()) and any((v > 1e-3).any() for v in apart.values())


def test_a_stream_is_scored_by_one_gate_on_all_that_read_it(model, batch):
    """Gradient times activation behind ReLU, of the stem, a block and inside it, against the search's scores."""
    network = surgery.masked(model, {g.name: torch.arange(g.width) for g in model.groups()}).double().train()
    seen = {}

    def keep(name):
        def kept(module, inputs):
            inputs[0].retain_grad()
            seen[name] = inputs[0]

        return kept

    for name in ("layer1.0", "layer2.0", "layer1.0.conv2"):  # the stream before and after its block, and inside
        network.get_submodule(name).register_forward_pre_hook(keep(name))
    functional.cross_entropy(network(batch[0].double()), batch[1]).backward()
    by_place = {name: (values.grad * values).sum((0, 2, 3)) for name, values in seen.items()}
    found = scores.gate_saliency(model, model.groups(), scores.Choices(inputs=batch[0], labels=batch[1]))
    assert torch.allclose(found["layer1.0.conv1"], by_place["layer1.0.conv2"].abs(), rtol=1e-6)
    blockwise = (by_place["layer1.0"] + by_place["layer2.0"]).abs()
    assert not torch.allclose(found["layer1"], blockwise, rtol=1e-2)


def test_the_division_leaves_streams_more_channels(model, batch):
    def kept(per_call):
        return ekg.search(model, *batch, SearchConfig(target=0.6, per_call=per_call)).keep

    whole, divided = kept(False), kept(True)
    assert kept_widths(whole) != kept_widths(divided)
    first = [ekg.search(model, *batch, SearchConfig(target=0.95, ratio=0.5, per_call=flag)) for flag in (False, True)]
    assert len(first[0].steps) <= len(first[1].steps)


def test_the_filter_tries_fewer_candidates(model, batch, monkeypatch):
    from pruneproxy.ekg.search import _Judge

    tried = {"none": 0, "otsu": 0}
    reward = _Judge.reward
    for name in tried:

        def counted(self, *given, name=name):
            tried[name] += 1
            return reward(self, *given)

        monkeypatch.setattr(_Judge, "reward", counted)
        steps = ekg.search(model, *batch, SearchConfig(target=0.8, filtered=name)).steps
        tried[name] /= len(steps) - 1
    assert tried["otsu"] < tried["none"] == len(model.groups())


def test_scaling_changes_the_logits_and_nothing_that_is_normalised(model, batch):
    def logits(group, flag):
        keep = {one.name: torch.arange(one.width) for one in model.groups()}
        narrow = surgery.narrow(model, keep | {group: keep[group][::2]}).train()
        with torch.no_grad():
            return (rescaled(narrow, model) if flag else narrow)(batch[0])

    inside, last = ([logits(group, flag) for flag in (False, True)] for group in ("layer1.0.conv1", "layer3"))
    assert torch.allclose(*inside, rtol=1e-3, atol=1e-3) and not torch.allclose(*last, rtol=1e-2)


@pytest.mark.parametrize("target", [0.55, 0.62, 0.75, 0.83])
def test_one_channel_more_would_miss_the_target(model, batch, target):
    steps = ekg.search(model, *batch, SearchConfig(target=target)).steps
    last, groups, layers = steps[-1], surgery.prunable(model, "all"), costs.layers(model)
    limit = target * costs.total(layers)
    widths = kept_widths(last.keep) | {last.group: len(last.keep[last.group]) + 1}
    assert last.multiplications <= limit < costs.total(costs.narrowed(layers, groups, widths))


def test_counting_normalisation_changes_the_reduction(model):
    keep = {group.name: torch.arange(group.width // 2) for group in model.groups() if group.kind != "stream"}
    dense, narrow = costs.layers(model), costs.layers(surgery.narrow(model, keep))
    ours = costs.total(narrow) / costs.total(dense)

    def normalised_elements(network):
        found = []
        hooks = [
            module.register_forward_hook(lambda m, i, o: found.append(o[0].numel()))
            for module in network.modules()
            if isinstance(module, nn.BatchNorm2d)
        ]
        network.eval()(torch.zeros(1, 1, 8, 8))
        [hook.remove() for hook in hooks]
        return 2 * sum(found)

    cut = surgery.narrow(model, keep)
    theirs = (costs.total(narrow) + normalised_elements(cut)) / (costs.total(dense) + normalised_elements(model))
    assert ours != pytest.approx(theirs, rel=1e-3)


# where training starts


def test_a_block_starts_as_its_shortcut():
    usual, zero = (
        models.build(
            models.ModelConfig(name="resnet8", shortcut="B", zero_last_scale=flag),
            shape=(3, 8, 8),
            classes=10,
            generator=torch.Generator().manual_seed(0),
        )
        for flag in (False, True)
    )
    assert not zero.layer1[0].bn2.weight.any() and usual.layer1[0].bn2.weight.all()
    image = torch.randn(2, 16, 8, 8).relu()
    assert torch.allclose(zero.layer1[0].eval()(image), image) and not torch.allclose(
        usual.layer1[0].eval()(image), image
    )


def test_the_released_weights_have_projections():
    """287 arrays: 56 kernels with two projections among the 57 layers, four numbers for each normalisation."""
    config = recipe.PAPER["resnet56-cifar10-published"].base.model
    counts = {}
    for shortcut in ("A", "B"):
        state = models.build(replace(config, shortcut=shortcut), shape=(3, 32, 32), classes=10).state_dict()
        counts[shortcut] = sum(not name.endswith(("num_batches_tracked", "source")) for name in state)
    assert counts == {"A": 277, "B": data.WEIGHTS["ekg-resnet56"].arrays}


def test_padding_at_the_end_gives_other_outputs():
    images = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    outputs = [
        models.build(
            models.ModelConfig(name="resnet8", shortcut="B", padding=padding),
            shape=(3, 8, 8),
            classes=10,
            generator=torch.Generator().manual_seed(0),
        ).eval()(images)
        for padding in models.config.PADDING
    ]
    assert outputs[0].shape == outputs[1].shape and not torch.allclose(*outputs, atol=1e-3)


def test_constants_in_reverse_order_are_other_constants():
    images = torch.zeros(4, 3, 2, 2, dtype=torch.uint8)
    images[:, 0], images[:2, 1] = 100, 50
    split = data.Split(images, torch.zeros(4, dtype=torch.long))
    own, turned = (data.loading.constants(split, name)[0].tolist() for name in ("train", "train-reversed"))
    assert own == [100, 25, 0] and turned == [0, 25, 100]


# fine-tuning


def test_the_two_readings_choose_other_teachers():
    losses = [0.1, 0.2, 0.3, 0.45, 0.6, 0.9]
    text, code = (bank.teachers(losses, 3, reading) for reading in bank.READINGS)
    assert text == [0, 2, 4] and code == [0, 2, 3] and 5 not in code


def test_teachers_are_chosen_by_their_loss_to_the_labels(model, batch):
    steps = ekg.search(model, *batch, SearchConfig(target=0.6)).steps
    labels, rewards = [step.loss for step in steps], [step.loss + step.guidance for step in steps]
    network = surgery.narrow(model, steps[3].keep).train()
    with torch.no_grad():
        assert labels[3] == pytest.approx(float(functional.cross_entropy(network(batch[0]), batch[1])), rel=1e-4)
    assert rewards[3] > labels[3] + 0.1


def test_the_two_rules_select_other_teachers():
    """A teacher that is far surer than the best one has a lower loss than the student, and is farther away."""
    labels = torch.tensor([0, 1])
    best, sure = torch.tensor([[1.0, 0.0], [0.0, 1.0]]), torch.tensor([[9.0, 0.0], [0.0, 9.0]])
    student = torch.tensor([[0.5, 0.0], [0.0, 0.5]])
    by_loss, by_distance = (bank.ensemble(torch.stack([best, sure]), labels, student, rule=rule) for rule in bank.RULES)
    assert torch.allclose(by_loss, (best + sure) / 2) and torch.allclose(by_distance, best)


def test_a_student_that_is_better_than_all_is_taught_by_the_first():
    labels, best = torch.tensor([0, 1]), torch.tensor([[2.0, 0.0], [0.0, 2.0]])
    student, other = 5 * best, torch.tensor([[1.0, 0.0], [0.0, 1.0]])
    assert torch.equal(bank.ensemble(torch.stack([best, other]), labels, student), best)
    assert torch.equal(bank.ensemble(torch.stack([other, best]), labels, student), other)


def test_the_temperature_changes_a_step():
    teacher, student = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(0))
    slopes = []
    for temperature in (4.0, 10.0):
        logits = student.clone().requires_grad_()
        (temperature * bank.divergence(teacher, logits, temperature)).backward()
        slopes.append(logits.grad)
    assert not torch.allclose(*slopes, rtol=0.1)


def guided_step(digits, temperature, known):
    """The loss of one step on fixed views."""
    small = replace(digits, train=data.Split(digits.train.inputs[:40], digits.train.labels[:40]))
    config = TrainConfig(epochs=1, batch_size=40, lr=0.0, momentum=0.0, weight_decay=0.0)
    network = models.build(
        models.ModelConfig(name="resnet8", width=0.25),
        shape=(1, 8, 8),
        classes=10,
        generator=torch.Generator().manual_seed(0),
    ).train()
    training = ekg.finetune.Guided(network, small, config)
    teacher = None if known is None else (lambda rows, view, labels, student: known)
    training.taught_by(teacher, temperature=temperature)
    loss, _ = training.step(torch.arange(40), torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits = network(data.prepare(small.train, torch.arange(40), small))
    return float(loss), logits


def test_the_distance_weighs_as_much_as_the_temperature(digits):
    known = torch.randn(40, 10, generator=torch.Generator().manual_seed(1))
    (plain, logits), (guided, _) = guided_step(digits, 3.0, None), guided_step(digits, 3.0, known)
    assert guided - plain == pytest.approx(3.0 * float(bank.divergence(known, logits, 3.0)), rel=1e-3)


def test_the_distance_is_of_the_network_that_is_trained(digits):
    _, logits = guided_step(digits, 3.0, None)
    plain, near = guided_step(digits, 3.0, None)[0], guided_step(digits, 3.0, logits)[0]
    assert near == pytest.approx(plain, abs=1e-5)


def test_hours_of_table_2_fit_two_views():
    rows = read("ekg", "table-2").query("network == 'ResNet-56' and dataset == 'CIFAR10'")
    whole = rows["baseline_training_gpu_hours"].max() / PAPER.base.train.epochs
    half = rows["fine_tuning_gpu_hours"].min() / PAPER.finetune_epochs
    assert 2 < half / whole < 2.5  # of half the multiplications


def test_colours_are_drawn_for_every_image():
    image = torch.randint(256, (1, 3, 32, 32), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    twice = AUGMENTATIONS["crop-flip-colour"].change(image.repeat(8, 1, 1, 1), torch.Generator().manual_seed(0))
    assert len({tuple(one.flatten().tolist()) for one in twice}) == 8
    assert PAPER.finetune_augment == "crop-flip-colour" and PAPER.base.data.augment == "crop-flip"


def test_fine_tuning_has_the_rates_of_the_text():
    rates = [lr_at(PAPER.finetuning, epoch) for epoch in (0, 29, 30, 60, 80, 99)]
    assert rates == pytest.approx([1e-2, 1e-2, 2e-3, 4e-4, 8e-5, 8e-5]) and PAPER.finetuning.weight_decay == 5e-4


# curvature and random sub-networks


def test_the_ratio_is_small_for_a_convex_loss_and_large_for_a_saddle():
    start = torch.ones(6, dtype=torch.float64)

    def ratio(*bends):
        loss = lambda weights: (torch.tensor(bends, dtype=torch.float64) * weights**2).sum() / 2  # noqa: E731
        return curvature.extremes(loss, start).ratio

    assert ratio(0.01, 1, 2, 3, 4, 100) == pytest.approx(1e-4) and ratio(-50, 1, 2, 3, 4, 100) == pytest.approx(0.5)


def test_a_walk_has_another_mean_than_its_middle():
    def loss(weights):
        return (weights**4).sum() / 12 - 0.5 * weights[0] ** 2

    walked = curvature.walk(loss, torch.linspace(0.5, 2, 5, dtype=torch.float64), points=21, reach=0.3)
    assert curvature.mean_ratio(walked) != pytest.approx(walked[10].ratio, rel=1e-3)


def random_searches(case):
    return [
        entry.spec
        for entry in recipe.entries(replace(case, experiments=("random",), seeds=1))
        if entry.spec.kind == "subnetwork"
    ]


def test_one_in_five_random_networks_is_ranked_by_norm():
    found = [spec.search for spec in random_searches(PAPER)]
    assert len(found) == 50 and [one.score for one in found].count("l1") == 10
    assert {one.picked for one in found} == {"random"} and len({one.seed for one in found}) == 50


def test_random_networks_are_all_of_one_cost():
    assert {spec.search.target for spec in random_searches(PAPER)} == {PAPER.target}


def test_random_networks_are_fine_tuned_as_those_of_the_ablation():
    def trained(name):
        found = recipe.entries(replace(PAPER, experiments=(name,), seeds=1))
        return {(e.spec.train, e.spec.views) for e in found if e.spec.kind == "guided" and e.spec.knowledge == "none"}

    assert trained("random") == trained("ablation") == {(PAPER.finetuning, 2)}
    assert PAPER.finetuning != PAPER.base.train


# the text


def test_percentages_of_the_text_are_not_those_of_table_2():
    said = read("ekg", "text_numbers").set_index("quantity")["value"]
    table = recipe.tables.times(recipe.frame([], ()))
    assert table.empty
    printed = {
        name: [round(100 * (effect.value - 1), 1) for effect in effects]
        for name, effects in (
            ("Single", recipe.claims.Printed().single_times()),
            ("Ensemble", recipe.claims.Printed().bank_times()),
        )
    }
    for name, values in printed.items():
        assert float(said[f"training-time increase, {name} over None"]) not in values
    assert sorted(set(printed["Ensemble"])) == [21.5, 36.0]


def test_the_table_has_better_methods_for_resnet_50():
    verdict = recipe.printed_verdicts("EK-13").loc["EK-13"]
    assert verdict["grade"] == "contradicted"
    gains = recipe.claims.Printed()
    assert [effect.value for effect in gains.over_resnet50_others()] == [-0.22]
    assert [effect.value for effect in gains.better_start_over_others()] == [-0.3]


def test_a_single_teacher_harms_two_of_four_searches_in_print():
    gains = [effect.value for effect in recipe.claims.Printed().single_search_gains()]
    assert sorted(gains) == [-0.24, -0.17, 0.03, 0.04]


def test_two_tables_give_one_network_two_reductions():
    one = read("ekg", "table-3").query("method == 'EKG' and accuracy_pct == 93.92")
    other = read("ekg", "table-5").query("accuracy_pct == 93.92")
    assert one["parameter_reduction_pct"].iloc[0] == other["parameter_reduction_pct"].iloc[0]
    assert (one["flops_reduction_pct"].iloc[0], other["flops_reduction_pct"].iloc[0]) == (55.22, 55.11)
