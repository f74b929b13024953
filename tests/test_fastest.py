"""The precision in which a network trains fastest, measured once per machine."""

import pytest
import torch

from pruneproxy import cache, data, models, train
from pruneproxy.train import fastest


@pytest.fixture
def digits(monkeypatch, tmp_path):
    monkeypatch.setenv(cache.SWITCH, str(tmp_path))
    return data.load(data.DataConfig(name="digits", train_images=32, eval_images=8))


def network():
    draw = torch.Generator().manual_seed(0)
    return models.build(models.ModelConfig(name="mlp", widths=(12,)), shape=(1, 8, 8), classes=10, generator=draw)


@pytest.mark.parametrize(("slow", "expected"), [("bfloat16", "float32"), ("float32", "bfloat16")])
def test_the_precision_with_the_shortest_step_is_chosen(digits, monkeypatch, slow, expected):
    now, step = [0.0], train.Training.step

    def timed(training, *given):
        now[0] += 2.0 if training.config.precision == slow else 1.0
        return step(training, *given)

    monkeypatch.setattr(train.Training, "step", timed)
    monkeypatch.setattr(fastest.environment, "clock", lambda device: now[0])
    assert train.fastest_precision(network(), digits, batch=16) == expected


def test_it_is_measured_once_and_leaves_the_network_as_it_was(digits, monkeypatch):
    model = network()
    before = train.weights_hash(model)
    first = train.fastest_precision(model, digits, batch=16)
    assert first in train.PRECISIONS and train.weights_hash(model) == before
    monkeypatch.setattr(fastest, "_measured", lambda *_: pytest.fail("measured again"))
    assert train.fastest_precision(model, digits, batch=16) == first
