from dataclasses import replace

import pytest

from pruneproxy import data, estimates
from pruneproxy.recipes import hp_space


def record(spec, seconds):
    return {
        "id": spec.id,
        "status": "ok",
        "cost": {"seconds": seconds, "training_multiplications": estimates.training_multiplications(spec)},
    }


def test_runs_of_a_measured_kind_take_the_median_of_their_kind():
    specs = hp_space.specs("smoke")[:9]
    records = [record(spec, seconds) for spec, seconds in zip(specs, (1.0, 2.0, 9.0), strict=False)]
    assert estimates.seconds_left(specs[3:], specs, records) == 2.0 * 6


def test_runs_of_another_kind_are_scaled_by_their_multiplications():
    spec = hp_space.specs("smoke")[0]
    longer = replace(spec, train=replace(spec.train, epochs=10 * spec.train.epochs))
    assert estimates.seconds_left([longer], [spec, longer], [record(spec, 3.0)]) == pytest.approx(30.0)


def test_nothing_is_estimated_from_nothing():
    assert estimates.seconds_left(hp_space.specs("smoke"), hp_space.specs("smoke"), []) is None


@pytest.mark.parametrize(
    "config",
    [
        data.DataConfig(name="digits"),
        data.DataConfig(name="digits", size=4),
        data.DataConfig(name="digits", augment="window-flip"),
    ],
)
def test_shape_and_number_of_inputs_are_known_before_the_data_are(config):
    loaded = data.load(replace(config, holdout=0.0))
    assert data.input_shape(config) == loaded.shape
    assert len(loaded.train) == data.CATALOGUE["digits"].train_examples
