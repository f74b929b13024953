"""Workers that die, runs that fail, signals, schedulers that are not there: the rest goes on and nothing is lost."""

import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from faults import Deadly

from pruneproxy import runs, stopping, surgery, workers
from pruneproxy.__main__ import main
from pruneproxy.data import DataConfig
from pruneproxy.models import ModelConfig
from pruneproxy.runs import Pruning, RunSpec
from pruneproxy.search import SearchSpec
from pruneproxy.space import Dimension
from pruneproxy.store import Store
from pruneproxy.train import TrainConfig
from pruneproxy.workers import pools, remote

RUN = RunSpec(
    data=DataConfig(name="digits", train_images=64),
    model=ModelConfig(name="resnet8", width=0.25),
    train=TrainConfig(epochs=1, batch_size=32),
)
SMALL = ["--scale", "smoke", "--device", "cpu", "--set", "methods=uniform", "--set", "lr_points=1"]
SMALL += ["--set", "weight_decay_points=1", "--set", "epochs=1", "--set", "train_images=100"]


def test_a_run_that_kills_its_process_is_tried_again_and_the_others_go_on(tmp_path):
    specs = [Deadly(folder=str(tmp_path), deaths=deaths, number=n) for n, deaths in enumerate((0, 2, 0, 9, 0))]
    store = Store(tmp_path / "records")
    outcome = workers.run_all(specs, store, workers=2)
    states = [store.get(spec.id)["status"] for spec in specs]
    assert states == ["ok", "ok", "ok", "failed", "ok"] and outcome.missing == (specs[3].id,)
    record = store.get(specs[3].id)
    assert "died 3 times by itself" in record["error"] and "Died" in record["traceback"]
    # Before it was tried by itself it may have begun, or waited while another one killed its process.
    assert workers.ATTEMPTS <= len((tmp_path / "3").read_text()) <= workers.ATTEMPTS + 1


UNGUARDED = """
import sys
sys.path.insert(0, {tests!r})
from faults import Deadly
from pruneproxy import workers
from pruneproxy.errors import UserError
from pruneproxy.store import Store
store = Store({folder!r})
try:
    workers.run_all([Deadly(folder={folder!r}, deaths=0)], store, workers=2)
except UserError as error:
    print(len(store), error)
"""


def test_a_script_without_a_guard_is_told_so_and_no_run_is_blamed(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(UNGUARDED.format(tests=str(Path(__file__).parent), folder=str(tmp_path / "records")))
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120)
    assert done.stdout.startswith("0 expected processes that start") and "__main__" in done.stdout


def test_a_run_that_fails_is_recorded_with_its_traceback(tmp_path, monkeypatch):
    def fails(self, store, conditions):
        raise ZeroDivisionError("nothing to divide by")

    monkeypatch.setattr(RunSpec, "execute", fails)
    store = Store(tmp_path)
    assert workers.run_all([RUN], store).missing == (RUN.id,)
    assert store.get(RUN.id)["error"] == "ZeroDivisionError: nothing to divide by"
    assert "in fails" in store.get(RUN.id)["traceback"]


@pytest.mark.parametrize("processes", [1, 2])
def test_a_scoring_run_that_goes_wrong_is_recorded_and_only_its_followers_are_left_out(tmp_path, processes):
    conv = replace(RUN, model=ModelConfig(name="resnet8", width=0.25), data=replace(RUN.data, train_images=32))
    pruning = Pruning(
        channels=surgery.PruneConfig(target=0.6, allocation="global"),
        scored_after=replace(conv.train, lr=1e20, epochs=3),
    )
    follower, store = replace(conv, prune=pruning), Store(tmp_path)
    outcome = workers.run_all([follower, RUN], store, workers=processes)
    assert outcome.missing == (follower.id,) and RUN.id in store
    assert "diverged" in store.get(follower.scoring_run.id)["error"]


def test_a_command_with_a_scoring_run_that_fails_says_so(tmp_path, capsys, monkeypatch):
    def fails(*_, **__):
        raise ZeroDivisionError("nothing to divide by")

    monkeypatch.setattr(runs, "trained_weights", fails)
    words = ["run", "hp_space", "--records", str(tmp_path), *SMALL]
    code = main(words)
    said = capsys.readouterr().err
    assert code == 3 and "Traceback" not in said  # the followers are left
    assert re.search(r"failed: [0-9a-f]{16}: ZeroDivisionError: nothing to divide by", said)


SEARCH = SearchSpec(
    base=RUN, space=(Dimension(field="train.lr", low=0.01, high=0.1, log=True),), sampler="random", trials=3
)


def test_runs_of_a_search_that_were_lost_are_made_again(tmp_path):
    store = Store(tmp_path / "whole")
    workers.run_all([SEARCH], store)
    kept = Store(tmp_path / "kept")
    kept.append(store.get(SEARCH.id))
    lost = {trial["run"] for trial in store.get(SEARCH.id)["trials"]}
    assert {run.id for run in SEARCH.lost(kept)} == lost
    workers.run_all([SEARCH], kept)
    assert not SEARCH.lost(kept) and {record["id"] for record in kept} == lost | {SEARCH.id}


def test_a_study_that_was_made_beside_other_records_is_completed(tmp_path):
    storage = f"sqlite:///{tmp_path}/study.db"
    first = Store(tmp_path / "one")
    record = runs.ensure(SEARCH, first, runs.Conditions(storage=storage))
    second = Store(tmp_path / "two")
    (tmp_path / "two").mkdir()
    (tmp_path / "two/.name").write_text(first.name)  # as a copy of the folder without its records would have it
    again = runs.ensure(SEARCH, second, runs.Conditions(storage=storage))
    assert again["trials"] == record["trials"]
    assert all(trial["run"] in second for trial in again["trials"])


def started(*words, **options):
    command = [sys.executable, "-m", "pruneproxy", *map(str, words)]
    options = {"env": os.environ | {"OMP_NUM_THREADS": "1"}, **options}
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options)


@pytest.mark.parametrize("processes", [1, 2])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_command_with_a_sentence_and_the_next_one_goes_on(tmp_path, number, processes):
    words = ["run", "hp_space", "--scale", "smoke", "--device", "cpu", "--records", tmp_path, "--workers", processes]
    process = started(*words, "--set", "epochs=40", start_new_session=True)
    limit = time.monotonic() + 60
    while not list(tmp_path.glob("locks/*")) and time.monotonic() < limit:
        time.sleep(0.05)
    os.killpg(process.pid, number)  # as a terminal does: to the processes below, too
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 128 + number
    assert "Traceback" not in said and "stopping when the epoch of each run is over" in said and "goes on" in said
    assert list(tmp_path.glob("checkpoints/*.pt"))


def test_two_signals_end_a_command_at_once(tmp_path):
    words = ["--set", "epochs=1", "--set", "train_images=1400", "--set", "batch_size=1", "--set", "width=8"]
    process = started("run", "hp_space", "--scale", "smoke", "--device", "cpu", "--records", tmp_path, *words)
    limit = time.monotonic() + 60
    while not list(tmp_path.glob("locks/*")) and time.monotonic() < limit:
        time.sleep(0.05)
    time.sleep(3)  # a run that has its lock and no epoch yet would stop at once
    process.send_signal(signal.SIGINT)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(2)  # the epoch takes half a minute
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=5)[1]
    assert process.returncode == 143 and "Traceback" not in said and "interrupted; every finished run is kept" in said


@pytest.mark.parametrize("delay", [0.3, 0.8, 1.2, 1.6, 2.5])
def test_a_signal_at_any_moment_of_the_start_is_one_sentence(tmp_path, delay):
    process = started("run", "hp_space", "--scale", "smoke", "--device", "cpu", "--records", tmp_path)
    time.sleep(delay)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[1]
    assert "Traceback" not in said
    assert process.returncode == 143 and "stopping when" in said or (process.returncode == -15 and delay < 0.5)


@pytest.mark.parametrize("words", [["status"], ["claims"]])
def test_a_signal_ends_commands_that_only_read(words):
    process = started(*words, stdout=subprocess.DEVNULL, env=os.environ | {"PRUNEPROXY_CACHE": "off"})
    time.sleep(4)
    process.send_signal(signal.SIGTERM)
    said = process.communicate(timeout=60)[1]
    assert process.returncode == 143 and "Traceback" not in said and "interrupted" in said


def test_a_run_that_is_tried_again_hears_a_signal_that_has_come(tmp_path, monkeypatch):
    monkeypatch.setattr(stopping, "_heard", [signal.SIGTERM])
    spec, store = Deadly(folder=str(tmp_path), deaths=0), Store(tmp_path / "records")
    left = {spec.id: spec}
    pools._alone(spec.id, left, runs.ensure, store, runs.Conditions(), lambda _: None)
    assert left and not (tmp_path / "0").exists()


def dask(tmp_path: Path, address: str, *more):
    return ["run", "hp_space", "--records", str(tmp_path), "--dask", address, *SMALL, *more]


@pytest.mark.parametrize("address", ["nonsense", "tcp://", "foo://127.0.0.1:1", "tcp://127.0.0.1:1", "tcp://a b:9", ""])
def test_a_scheduler_that_cannot_be_reached_is_one_sentence(tmp_path, capsys, monkeypatch, address):
    pytest.importorskip("distributed")
    monkeypatch.setattr(remote, "ANSWER", 0.5)
    assert main(dask(tmp_path, address)) == 2
    said = capsys.readouterr().err
    assert "expected a Dask scheduler at" in said and "Traceback" not in said


def test_a_scheduler_without_workers_is_not_waited_for_for_ever(tmp_path, capsys, monkeypatch):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(remote, "NOBODY", 2.0)
    with distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=None) as cluster:
        assert main(dask(tmp_path, cluster.scheduler_address)) == 3
        assert re.search(r"\d left; the Dask scheduler at \S+ has had no workers for 2 s", capsys.readouterr().err)
        monkeypatch.setattr(remote, "NOBODY", 1000.0)
        assert main(dask(tmp_path, cluster.scheduler_address, "--budget", "2s")) == 3


@pytest.mark.slow
def test_a_scheduler_that_dies_leaves_what_was_done(tmp_path, capfd):
    distributed = pytest.importorskip("distributed")
    cluster = distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None)
    process = started(*dask(tmp_path, cluster.scheduler_address), "--set", "lr_points=3")
    limit = time.monotonic() + 60
    while not list(tmp_path.glob("part-*")) and time.monotonic() < limit:
        time.sleep(0.1)
    cluster.close()
    said = process.communicate(timeout=90)[1]
    assert process.returncode == 3 and "is gone" in said
    assert "Traceback" not in said, said[said.index("Traceback") - 600 :][:3000]
    assert len(Store(tmp_path)) > 0


def test_a_run_that_kills_the_workers_of_a_scheduler_is_recorded_as_failed(tmp_path):
    distributed = pytest.importorskip("distributed")
    specs = [Deadly(folder=str(tmp_path), deaths=deaths, number=n) for n, deaths in enumerate((0, 99))]
    store = Store(tmp_path / "records")
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster,
        remote.Scheduler(cluster.scheduler_address) as scheduler,
    ):
        outcome = workers.run_all(specs, store, scheduler=scheduler)
    assert outcome.trouble is None
    assert specs[0].id in store and store.get(specs[1].id)["status"] == "failed"
