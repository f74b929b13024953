import time
from dataclasses import replace

import pytest
import torch

from pruneproxy import environment, runs, surgery
from pruneproxy.data import DataConfig
from pruneproxy.errors import UserError
from pruneproxy.models import ModelConfig
from pruneproxy.runs.timing import TimingSpec
from pruneproxy.store import Store

FULL = runs.RunSpec(data=DataConfig(train_images=60), model=ModelConfig(name="resnet8", width=0.5))
CHANNELS = surgery.PruneConfig(percentile=85, sigma=0.15, score="synflow", fan_in="mean", scope="all", batch=16)
NARROW = replace(FULL, prune=runs.Pruning(channels=CHANNELS, weights="kept"))


def test_a_measurement_holds_the_seconds_of_every_pass_and_what_was_timed(tmp_path):
    spec = TimingSpec(full=FULL, narrow=NARROW, batch_size=100, repeats=3)  # more than there are images
    record = runs.ensure(spec, Store(tmp_path))
    assert record["status"] == "ok" and record["kind"] == "timing"
    assert {name: len(times) for name, times in record["seconds"].items()} == {"full": 3, "narrow": 3}
    assert all(second > 0 for times in record["seconds"].values() for second in times)
    full, narrow = record["networks"]["full"], record["networks"]["narrow"]
    assert narrow["multiplications"] < full["multiplications"] and narrow["parameters"] < full["parameters"]
    assert [name for name, _, _ in full["groups"]] == [name for name, _, _ in narrow["groups"]]


def test_a_measurement_is_made_once_and_found_again(tmp_path):
    spec, store = TimingSpec(full=FULL, narrow=NARROW, batch_size=8, repeats=1), Store(tmp_path)
    assert runs.ensure(spec, store) == runs.ensure(spec, Store(tmp_path))


def test_timing_trains_nothing(tmp_path):
    store = Store(tmp_path)
    runs.ensure(TimingSpec(full=FULL, narrow=NARROW, batch_size=8, repeats=1), store)
    assert [record["kind"] for record in store if record["kind"] != "channels"] == ["timing"]


@pytest.mark.parametrize("name", ["batch_size", "repeats"])
def test_a_measurement_of_nothing_is_refused(name):
    with pytest.raises(UserError, match=f"TimingSpec.{name} must be at least 1, got 0"):
        TimingSpec(full=FULL, narrow=NARROW, **{name: 0})


def test_the_clock_counts_work_and_not_waiting_where_one_thread_computes():
    environment.settle()
    device = torch.device("cpu")
    before = environment.clock(device), time.perf_counter()
    time.sleep(0.2)
    waited = environment.clock(device) - before[0]
    assert waited < 0.1 < time.perf_counter() - before[1]
    while environment.clock(device) - before[0] < 0.05:
        torch.ones(100, 100) @ torch.ones(100, 100)
    assert environment.clock(device) - before[0] <= time.perf_counter() - before[1] + 1e-3
