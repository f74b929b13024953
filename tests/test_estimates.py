from dataclasses import replace

import pytest

from pruneproxy import cache, costs, data, models, runs, surgery
from pruneproxy.recipes import hp_space
from pruneproxy.runs import estimates
from pruneproxy.search import Dimension, SearchSpec, WinnerSpec


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
    assert estimates.seconds_left([longer], [spec, longer], [record(spec, 3.0)]) == pytest.approx(
        30.0 + estimates.START
    )


def test_a_search_takes_as_long_as_its_trials_and_a_winner_as_one_of_them():
    run = hp_space.specs("smoke")[0]
    search = SearchSpec(base=run, space=(Dimension(field="train.lr", low=0.01, high=0.1),), trials=7)
    winner = WinnerSpec(search=search, target=run)
    assert estimates.seconds_left([search, winner], [run, search, winner], [record(run, 3.0)]) == pytest.approx(24.0)
    measured = [record(run, 3.0), {"id": search.id, "status": "ok", "cost": {"seconds": 35.0}}]
    assert estimates.seconds_left([winner], [search, winner], measured) == pytest.approx(5.0)


def test_many_small_trainings_take_the_time_that_each_needs_to_start():
    large, *small = hp_space.specs("smoke")
    small = [replace(spec, train=replace(spec.train, batch_size=spec.train.batch_size + 1)) for spec in small]
    slow = record(large, 1e-9)
    assert estimates.seconds_left(small, small, [slow]) == pytest.approx(estimates.START * len(small), rel=1e-3)


def test_nothing_is_estimated_from_nothing():
    assert estimates.seconds_left(hp_space.specs("smoke"), hp_space.specs("smoke"), []) is None


def test_the_multiplications_of_a_network_are_counted_once_and_again_when_the_code_is_other(tmp_path, monkeypatch):
    def multiplications():
        estimates.dense_multiplications.cache_clear()  # as another process would ask
        return estimates.dense_multiplications(spec.model, spec.data)

    monkeypatch.setenv(cache.SWITCH, str(tmp_path))
    spec = hp_space.specs("smoke")[0]
    counted = []
    layers = costs.layers
    monkeypatch.setattr(costs, "layers", lambda model: counted.append(model) or layers(model))
    first = multiplications()
    assert multiplications() == first and len(counted) == 1
    built = models.build(spec.model, shape=data.input_shape(spec.data), classes=10)
    assert first == costs.total(layers(built))
    monkeypatch.setattr(cache, "source_hash", lambda *parts: "other")
    assert multiplications() == first and len(counted) == 2


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


@pytest.mark.parametrize(
    "choices,share",
    [
        ({"target": 0.6}, 0.6),
        ({"percentile": 85, "scope": "inner"}, 0.15),
        ({"percentile": 85, "scope": "all"}, 0.15**2),
        ({"percentile": 85, "sigma": 0.3, "scope": "stem"}, 0.3**2),
    ],
)
def test_a_pruned_run_is_estimated_by_the_channels_that_it_keeps(choices, share):
    spec = replace(hp_space.specs("smoke")[0], prune=None)
    pruned = replace(spec, prune=runs.Pruning(channels=surgery.PruneConfig(**choices)))
    dense = estimates.training_multiplications(spec)
    assert estimates.training_multiplications(pruned) == pytest.approx(share * dense)
