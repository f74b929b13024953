"""Teachers, memory bank and guided training of 004 against their formulas written out."""

import pytest
import torch
from torch.nn import functional

from pruneproxy import data, models
from pruneproxy.ekg import bank, finetune
from pruneproxy.errors import UserError
from pruneproxy.train import TrainConfig, Training

LOSSES = [0.10, 0.11, 0.14, 0.20, 0.27, 0.33, 0.50]  # unpruned first, found last


def test_teachers_of_the_text_lie_at_even_distances_of_loss_with_the_unpruned_one_first():
    chosen = bank.teachers(LOSSES, 4)
    targets = [0.1, 0.2, 0.3, 0.4]  # (K - k) / K of the found one's loss and k / K of the unpruned one's, k = 4 to 1
    assert [abs(LOSSES[k] - target) for k, target in zip(chosen, targets, strict=True)] == pytest.approx(
        [min(abs(loss - target) for loss in LOSSES) for target in targets]
    )
    assert chosen[0] == 0


def test_teachers_of_the_code_leave_the_found_one_out_and_none_teaches_twice():
    close = [0.1, 0.1001, 0.1002, 0.9, 0.95]
    assert bank.teachers(close, 3, "code") == [0, 2, 3] and len(set(bank.teachers(LOSSES, 6, "code"))) == 6
    assert len(LOSSES) - 1 not in bank.teachers(LOSSES, 6, "code")
    assert bank.teachers([0.1, 0.11, 0.12, 0.13, 0.5, 0.9], 5) == [0, 3, 4, 4, 5]  # the text lets one teach twice


def test_more_teachers_than_networks_are_refused():
    with pytest.raises(UserError, match="expected from 1 to 6 teachers out of 7 networks, got 7"):
        bank.teachers(LOSSES, 7)


@pytest.fixture(scope="module")
def digits():
    return data.load(data.DataConfig(name="digits", train_images=120, eval_images=50, holdout=0.0, augment="crop"))


def network(seed=0):
    config = models.ModelConfig(name="resnet8", width=0.25)
    return models.build(config, shape=(1, 8, 8), classes=10, generator=torch.Generator().manual_seed(seed))


def test_a_bank_has_the_logits_of_every_image_in_half_precision(digits):
    model = network()
    known = bank.knowledge(model, digits)
    whole = model(data.prepare(digits.train, torch.arange(120), digits))
    assert known.dtype == torch.float16 and torch.allclose(known.float(), whole, atol=1e-2)


def test_teachers_that_are_caught_up_with_stop_teaching():
    labels = torch.tensor([0, 1])
    sharp = torch.tensor([[4.0, 0.0], [0.0, 4.0]])
    known = torch.stack([sharp, sharp / 2, sharp / 8]).half()  # from the best teacher to the worst
    assert torch.allclose(bank.ensemble(known, labels, sharp / 20), known.float().mean(0))
    assert torch.allclose(bank.ensemble(known, labels, sharp / 4), known[:2].float().mean(0))
    assert torch.allclose(bank.ensemble(known, labels, sharp * 2), known[0].float())  # better than all: the best one


def test_the_codes_rule_compares_distances_to_the_best_teacher():
    labels = torch.tensor([0, 1])
    sharp = torch.tensor([[4.0, 0.0], [0.0, 4.0]])
    known = torch.stack([sharp, -sharp, sharp / 2])
    chosen = bank.ensemble(known, labels, sharp / 4, rule="divergence", temperature=2.0)
    assert torch.allclose(chosen, (sharp + sharp / 2) / 2)


def test_the_divergence_is_kullback_and_leiblers_at_a_temperature():
    teacher, student = torch.randn(5, 3), torch.randn(5, 3)
    p, q = (torch.softmax(logits / 2.5, 1) for logits in (teacher, student))
    assert bank.divergence(teacher, student, 2.5) == pytest.approx(float((p * (p / q).log()).sum() / 5), rel=1e-5)


def test_a_guided_step_is_equation_12_written_out(digits):
    config, index = TrainConfig(epochs=1, batch_size=16, lr=0.1, momentum=0.0, weight_decay=0.0), torch.arange(16)
    known = torch.randn(3, 120, 10, generator=torch.Generator().manual_seed(0)).half()
    training = finetune.Guided(network(), digits, config).taught_by(finetune.from_bank(known, digits))
    training.model.train()
    training.step(index, torch.Generator().manual_seed(5))

    other, stream = network().train(), torch.Generator().manual_seed(5)
    views = [data.prepare(digits.train, index, digits, generator=stream) for _ in range(2)]
    assert not torch.equal(*views)
    logits, labels = [other(view) for view in views], digits.train.labels[index]
    mean = bank.ensemble(known[:, index], labels, ((logits[0] + logits[1]) / 2).detach(), temperature=4.0)
    loss = sum(functional.cross_entropy(one, labels) + 4 * bank.divergence(mean, one, 4.0) for one in logits) / 2
    loss.backward()
    for (name, moved), (_, start) in zip(training.model.named_parameters(), other.named_parameters(), strict=True):
        assert torch.allclose(moved, start - 0.1 * start.grad, atol=1e-6), name


def test_a_single_teacher_sees_the_views_and_nothing_flows_into_it(digits):
    teacher = network(1)
    before = {name: value.clone() for name, value in teacher.state_dict().items()}
    config = TrainConfig(epochs=1, batch_size=40)
    training = finetune.Guided(network(), digits, config).taught_by(finetune.from_network(teacher))
    assert training.epoch()["train_loss"] > 0
    assert all(torch.equal(value, teacher.state_dict()[name]) for name, value in before.items())


def test_guidance_changes_the_training_and_repeats(digits):
    known = torch.randn(2, 120, 10, generator=torch.Generator().manual_seed(0)).half()
    config = TrainConfig(epochs=1, batch_size=40)

    def loss(training):
        return training.epoch()["train_loss"]

    guided = [
        loss(finetune.Guided(network(), digits, config).taught_by(finetune.from_bank(known, digits))) for _ in range(2)
    ]
    assert guided[0] == guided[1] != loss(Training(network(), digits, config))
