import copy
import math

import pytest
import torch

from pruneproxy import data, models
from pruneproxy.errors import UserError
from pruneproxy.randomness import generator, stream_seed
from pruneproxy.train import PRECISIONS, SCHEDULES, TrainConfig, Training, evaluate, fit, lr_at, weights_hash


@pytest.fixture(scope="module")
def digits():
    return data.load(data.DataConfig(name="digits", train_images=200, eval_images=100, augment="crop-flip"))


def network(seed=0):
    return models.build(
        models.ModelConfig(name="resnet8", width=0.25),
        shape=(1, 8, 8),
        classes=10,
        generator=generator(seed, "weights"),
    )


def config(**changes):
    return TrainConfig(**{"epochs": 3, "batch_size": 32, "lr": 0.05} | changes)


@pytest.mark.parametrize("precision", PRECISIONS)
@pytest.mark.parametrize("channels_last", [True, False])
def test_the_same_run_gives_the_same_weights_twice(digits, precision, channels_last):
    choice = config(precision=precision, channels_last=channels_last, epochs=2)
    first, second = (weights_hash(fit(network(), digits, choice, seed=4).model) for _ in range(2))
    assert first == second
    assert first != weights_hash(fit(network(), digits, choice, seed=5).model)


@pytest.mark.parametrize("stop", [1, 2])
def test_a_run_that_is_killed_and_restored_ends_bit_identical(digits, stop):
    whole = fit(network(), digits, config(schedule="cosine", warmup=1.5), seed=1)
    begun = Training(network(), digits, config(schedule="cosine", warmup=1.5), seed=1)
    for _ in range(stop):
        begun.epoch()
    state = copy.deepcopy(begun.state())
    resumed = fit(network(9), digits, config(schedule="cosine", warmup=1.5), seed=1, state=state)
    assert weights_hash(resumed.model) == weights_hash(whole.model)
    drop = lambda history: {name: column for name, column in history.items() if name != "seconds"}  # noqa: E731
    assert drop(resumed.history) == drop(whole.history)


def normalised_mlp():
    return torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(64, 10), torch.nn.BatchNorm1d(10))


def test_a_last_batch_of_one_row_joins_the_one_before_where_a_normalisation_cannot_read_it():
    rows = data.load(data.DataConfig(name="digits", train_images=65, eval_images=20))
    with pytest.raises(ValueError, match="more than 1 value per channel"):  # what torch says to such a row
        normalised_mlp()(rows.train.inputs[:1].float())
    training = Training(normalised_mlp(), rows, config(), seed=0)
    order = generator(0, "order", 0)
    expected = torch.randperm(65, generator=generator(0, "order", 0))
    assert [batch.tolist() for batch in training.batches(order)] == [expected[:32].tolist(), expected[32:].tolist()]
    training.epoch()
    assert training.status == "ok" and training.model.training
    assert [len(batch) for batch in Training(network(), rows, config()).batches()] == [32, 32, 1]
    assert [len(batch) for batch in Training(normalised_mlp(), rows, config(drop_last=True)).batches()] == [32, 32]


def test_evaluating_never_changes_training(digits):
    often = fit(network(), digits, config(evaluate_every=1), seed=2)
    seldom = fit(network(), digits, config(evaluate_every=3), seed=2)
    assert weights_hash(often.model) == weights_hash(seldom.model)
    before = weights_hash(often.model)
    evaluate(often.model, digits)
    assert weights_hash(often.model) == before and often.model.training


def test_a_step_equals_sgd_written_by_hand(digits):
    choice = config(epochs=1, batch_size=200, momentum=0.0, lr=0.1, weight_decay=0.01, channels_last=False)
    plain = data.load(data.DataConfig(name="digits", train_images=200, eval_images=100))
    model, oracle = network(), network()
    fit(model, plain, choice, seed=0)
    order = next(iter(data.batches(200, 200, generator=generator(0, "order", 0))))
    inputs = data.prepare(plain.train, order, plain)
    torch.nn.functional.cross_entropy(oracle.train()(inputs), plain.train.labels[order]).backward()
    for found, start in zip(model.parameters(), oracle.parameters(), strict=True):
        assert torch.allclose(found, start - 0.1 * (start.grad + 0.01 * start), atol=1e-6)


def test_measures_equal_a_count_by_hand(digits):
    model = fit(network(), digits, config(epochs=1), seed=0).model.eval()
    with torch.no_grad():
        logits = model(data.prepare(digits.test, torch.arange(100), digits))
    ranks = (logits > logits.gather(1, digits.test.labels[:, None])).sum(1)
    found = evaluate(model, digits, on="test")
    assert found["top1"] == pytest.approx(100 * (ranks < 1).float().mean().item())
    assert found["top5"] == pytest.approx(100 * (ranks < 5).float().mean().item())
    assert found["loss"] == pytest.approx(
        torch.nn.functional.cross_entropy(logits, digits.test.labels).item(), rel=1e-5
    )


def test_a_run_that_diverges_ends_early_with_that_status(digits):
    run = fit(network(), digits, config(lr=1e9, epochs=5, momentum=0.9), seed=0)
    assert run.status == "diverged" and run.done == 1
    assert fit(network(), digits, config(max_loss=1e-3), seed=0).status == "diverged"


def test_decay_can_spare_biases_and_batch_norm(digits):
    spared = Training(network(), digits, config(decayed="weights"))
    decays = {id(p): group["weight_decay"] for group in spared.optimizer.param_groups for p in group["params"]}
    assert len(decays) == len(list(spared.model.parameters()))
    assert all((decays[id(p)] == 0) == (p.ndim < 2) for p in spared.model.parameters())


def test_every_schedule_starts_at_the_base_rate_and_never_exceeds_it():
    for name in SCHEDULES:
        choice = config(schedule=name, epochs=10)
        rates = [lr_at(choice, step / 10) for step in range(100)]
        assert rates[0] == choice.lr and max(rates) == choice.lr and min(rates) >= 0


def test_the_step_schedule_is_the_published_one():
    choice = TrainConfig()  # 180 epochs, divided by 10 at 90 and 135 (Table 3.3)
    assert [round(lr_at(choice, epoch), 9) for epoch in (0, 89.9, 90, 134.9, 135, 179)] == [
        0.1,
        0.1,
        0.01,
        0.01,
        0.001,
        0.001,
    ]
    imagenet = TrainConfig(epochs=90, milestones=(1 / 3, 2 / 3))
    assert [round(lr_at(imagenet, epoch), 9) for epoch in (29, 30, 59, 60)] == [0.1, 0.01, 0.01, 0.001]


def test_cosine_and_warm_up_have_their_closed_forms():
    choice = config(schedule="cosine", epochs=8, lr=1.0)
    assert lr_at(choice, 2) == pytest.approx(0.5 * (1 + math.cos(math.pi / 4)))
    assert lr_at(config(schedule="constant", warmup=4, lr=1.0), 1) == pytest.approx(0.25)


@pytest.mark.parametrize(
    "wrong,expected",
    [
        ({"epochs": -1}, "epochs must be"),
        ({"batch_size": 0}, "batch_size must be"),
        ({"lr": -0.1}, "lr must be"),
        ({"momentum": 1.0}, "momentum must be"),
        ({"precision": "fp8"}, "expected one of float32, bfloat16"),
        ({"schedule": "linear"}, "expected one of step, cosine, constant"),
        ({"milestones": (0.8, 0.5)}, "rising shares"),
        ({"nesterov": True, "momentum": 0.0}, "momentum above 0"),
        ({"decayed": "some"}, "expected one of all, weights"),
        ({"evaluate_on": "train"}, "expected one of test, validation"),
    ],
)
def test_a_wrong_configuration_is_refused(wrong, expected):
    with pytest.raises(UserError, match=expected):
        TrainConfig(**wrong)


def test_streams_of_a_seed_are_independent_and_frozen():
    assert stream_seed(0, "order", 0) != stream_seed(0, "order", 1) != stream_seed(1, "order", 0)
    assert stream_seed(0, "weights") == 133441691874178746
