import json
import os
import random
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from pruneproxy.__main__ import main
from pruneproxy.commands import duration, seconds
from pruneproxy.errors import UserError
from pruneproxy.recipes import RECIPES, hp_space
from pruneproxy.store import Store
from pruneproxy.workers import remote

FAST = ["--set", "epochs=1", "--set", "train_images=60", "--set", "eval_images=40"]
SMALL = [*FAST, "--set", "lr_points=1", "--set", "lr_log10=-1,-1", "--set", "weight_decay_points=2"]


def command(*words):
    return [sys.executable, "-m", "pruneproxy", *map(str, words)]


def run(*words, **changes):
    environment = {**os.environ, "OMP_NUM_THREADS": "1", **changes}
    return subprocess.run(command(*words), capture_output=True, text=True, env=environment, cwd=changes.get("PWD"))


def trainings(folder) -> int:
    return sum(record["kind"] == "run" for record in Store(folder))


def test_a_run_makes_its_records_and_a_second_one_has_nothing_to_do(tmp_path, capsys):
    assert main(["run", "hp_space", "--scale", "smoke", "--device", "cpu", "--records", str(tmp_path), *SMALL]) == 0
    assert "6 runs done, 0 failed, 0 left" in capsys.readouterr().err
    assert main(["run", "hp_space", "--scale", "smoke", "--device", "cpu", "--records", str(tmp_path), *SMALL]) == 0
    assert "6 runs, 0 to do" in capsys.readouterr().err
    assert main(["pack", "hp_space", "--records", str(tmp_path)]) == 0
    assert trainings(tmp_path) == 6


def test_a_spent_budget_says_what_is_left_and_exits_with_3(tmp_path, capsys):
    words = ["run", "hp_space", "--scale", "smoke", "--device", "cpu", "--records", str(tmp_path), *SMALL]
    assert main([*words, "--budget", "0s"]) == 3
    assert "6 left: the same command goes on" in capsys.readouterr().err


def test_status_counts_and_estimates(tmp_path, capsys):
    main(["run", "hp_space", "--scale", "smoke", "--device", "cpu", "--records", str(tmp_path), *SMALL])
    assert main(["status", "hp_space", "--scale", "smoke", "--records", str(tmp_path), *FAST]) == 0
    line = capsys.readouterr().out
    assert "missing" in line and "of one worker" in line and "unknown" not in line
    main(["status", "hp_space", "--scale", "paper", "--records", str(tmp_path)])
    assert re.search(r"828 missing   about \d+.\d (h|days|years) of one worker", capsys.readouterr().out)
    assert main(["status", "--records", str(tmp_path / "none")]) == 0
    assert len(capsys.readouterr().out.splitlines()) == sum(len(recipe.scales) for recipe in RECIPES.values())


def test_claims_are_listed_as_text_and_as_json(tmp_path, capsys):
    words = ["hp_space", "--scale", "smoke", "--records", str(tmp_path)]
    main(["run", *words, "--device", "cpu", "--set", "lr_points=2", "--set", "weight_decay_points=2", *FAST])
    assert main(["claims", *words]) == 0
    assert "HS-16" in capsys.readouterr().out
    assert main(["claims", *words, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert [row["claim"] for row in rows] == list(hp_space.JUDGE.claims) and all(row["text"] for row in rows)


def test_models_and_data_are_listed(tmp_path, capsys):
    assert main(["models"]) == 0
    assert "125,485,696" in capsys.readouterr().out
    assert main(["data", "list", "--root", str(tmp_path)]) == 0
    assert "digits" in capsys.readouterr().out
    assert main(["data", "check", "digits"]) == 0


@pytest.mark.parametrize(
    "words,expected",
    [
        (
            ["run", "hp_spaces", "--scale", "smoke"],
            "unknown recipe 'hp_spaces' (did you mean 'hp_space'?): expected one of proxy_hpo, hp_space",
        ),
        (["run", "hp_space", "--scale", "huge"], "unknown scale 'huge': expected one of paper, gpu, lab, smoke"),
        (
            ["run", "hp_space", "--scale", "smoke", "--set", "epocs=2"],
            "unknown protocol value 'epocs' (did you mean 'epochs'?): expected one of",
        ),
        (
            ["run", "hp_space", "--scale", "smoke", "--set", "epochs=two"],
            "epochs: expected a whole number below 10^18, got 'two'",
        ),
        (["run", "hp_space", "--scale", "smoke", "--set", "epochs"], "expected --set name=value, got 'epochs'"),
        (["run", "hp_space", "--scale", "smoke", "--set", "model=resnet9"], "unknown model 'resnet9'"),
        (["run", "hp_space", "--scale", "smoke", "--set", "data=cifar11"], "unknown data set 'cifar11'"),
        (["run", "hp_space", "--scale", "smoke", "--set", "networks=vgg"], "unknown network at this scale 'vgg'"),
        (["run", "hp_space", "--scale", "smoke", "--device", "tpu"], "unknown device 'tpu'"),
        (["run", "hp_space", "--scale", "smoke", "--device", "cuda:77"], "expected the CUDA device cuda:77"),
        (
            ["run", "hp_space", "--scale", "smoke", "--budget", "soon"],
            "expected a time such as 90s, 9m or 2h, got 'soon'",
        ),
        (
            ["run", "hp_space", "--scale", "smoke", "--workers", "0"],
            "expected --workers of at least 1 and at most 1,000, got 0",
        ),
        (["run", "hp_space", "--scale", "smoke", "--workers", "many"], "invalid int value: 'many'"),
        (["run", "hp_space"], "the following arguments are required: --scale"),
        (["fly"], "invalid choice: 'fly'"),
        (
            ["data", "check", "cifar10", "--root", "/nonexistent"],
            "run `pruneproxy data get cifar10` or `pruneproxy data import cifar10 PATH`",
        ),
        (["data", "import", "cifar10", "/nonexistent", "--root", "{tmp}"], "/nonexistent"),
        (["pack", "hp_space", "--records", "{tmp}"], "found none: run the recipe first"),
        (["claims", "hp_space", "--records", "{tmp}/none"], "expected a folder of records, found none at"),
    ],
)
def test_bad_input_is_one_sentence_and_exit_code_2(words, expected, tmp_path, capsys):
    words = [word.replace("{tmp}", str(tmp_path)) for word in words]
    extra = ["--records", str(tmp_path)] if words[0] == "run" else []
    assert main([*words, *extra]) == 2
    error = capsys.readouterr().err
    assert expected in error and error.count("\n") == 1 and error.startswith("pruneproxy: ")
    assert not list(tmp_path.glob("*.jsonl"))


def test_missing_data_say_how_to_get_them_and_lose_nothing(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("PRUNEPROXY_DATA", str(tmp_path / "data"))
    words = ["run", "hp_space", "--scale", "smoke", "--device", "cpu", "--records", str(tmp_path), *SMALL]
    assert main([*words, "--set", "data=mnist"]) == 2
    assert "pruneproxy data get mnist" in capsys.readouterr().err


def test_records_that_cannot_be_written_are_one_clear_error(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    words = ["run", "hp_space", "--scale", "smoke", "--device", "cpu", *SMALL]
    assert main([*words, "--records", str(tmp_path / "file" / "below")]) == 2
    assert "name another folder with --records" in capsys.readouterr().err


def test_the_module_and_the_command_are_the_same():
    result = run("--version")
    assert result.returncode == 0 and result.stdout.strip()
    assert run("run", "nothing", "--scale", "smoke").returncode == 2


@pytest.mark.parametrize("text,value", [("90s", 90), ("9m", 540), ("2h", 7200), ("1.5m", 90), ("30", 30), (None, None)])
def test_times_are_read(text, value):
    assert seconds(text) == value


def test_times_are_written_for_people():
    assert [duration(value) for value in (5, 90, 7200, 1e5, 1e10, None)] == [
        "5 s",
        "1.5 min",
        "2.0 h",
        "1.2 days",
        "316.9 years",
        "an unknown time (no record to go by)",
    ]
    with pytest.raises(UserError):
        seconds("1 day")


def test_runs_go_through_the_workers_of_a_dask_scheduler(tmp_path, capsys):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=1, processes=False, threads_per_worker=1, dashboard_address=None
    ) as cluster:
        words = ["run", "hp_space", "--scale", "smoke", "--records", str(tmp_path), "--dask", cluster.scheduler_address]
        assert main([*words, *SMALL]) == 0
    assert "6 runs done" in capsys.readouterr().err and trainings(tmp_path) == 6


def test_a_dask_scheduler_that_is_not_there_is_one_sentence(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(remote, "ANSWER", 0.5)
    words = ["run", "hp_space", "--scale", "smoke", "--records", str(tmp_path), "--dask", "tcp://127.0.0.1:1", *SMALL]
    assert main(words) == 2
    assert "expected a Dask scheduler at tcp://127.0.0.1:1" in capsys.readouterr().err


def numbers(store):
    drop = ("cost", "finished", "environment")
    return {
        record["id"]: {name: value for name, value in record.items() if name not in drop}
        | {"history": record.get("history", {}).get("eval_top1")}
        for record in store
    }


def lines(folder: Path):
    return [json.loads(line)["id"] for part in folder.glob("*.jsonl") for line in part.read_text().splitlines()]


def test_a_run_that_is_killed_again_and_again_ends_as_an_undisturbed_one(tmp_path):
    words = ["run", "hp_space", "--scale", "smoke", "--device", "cpu", "--workers", "2", "--set", "methods=uniform"]
    words += ["--set", "lr_points=2", *FAST]
    assert run(*words, "--records", tmp_path / "whole").returncode == 0
    chance, kills = random.Random(0), int(os.environ.get("PRUNEPROXY_KILLS", "2"))
    for _ in range(kills):
        process = subprocess.Popen(
            command(*words, "--records", tmp_path / "cut"), stderr=subprocess.DEVNULL, start_new_session=True
        )
        before, deadline = len(lines(tmp_path / "cut")), time.time() + 60
        while len(lines(tmp_path / "cut")) <= before and process.poll() is None and time.time() < deadline:
            time.sleep(0.1)
        time.sleep(chance.uniform(0, 1))
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert run(*words, "--records", tmp_path / "cut").returncode == 0
    assert sorted(lines(tmp_path / "cut")) == sorted(lines(tmp_path / "whole"))
    assert numbers(Store(tmp_path / "cut")) == numbers(Store(tmp_path / "whole"))


SEARCH = [
    *("run", "proxy_hpo", "--scale", "smoke", "--device", "cpu", *FAST),
    *(
        word
        for value in ("networks=resnet56-cifar10", "experiments=main", "optimizers=tpe")
        for word in ("--set", value)
    ),
    *(word for value in ("seeds=1", "trials=2", "test_images=40") for word in ("--set", value)),
]


def test_status_knows_every_scale_of_every_recipe(tmp_path, capsys):
    assert main(["status", "--records", str(tmp_path)]) == 0
    shown = capsys.readouterr().out
    for name, recipe in RECIPES.items():
        assert [line.split()[1] for line in shown.splitlines() if line.startswith(name)] == list(recipe.scales)


def test_searches_run_on_the_storage_that_is_asked_for(tmp_path, capsys):
    study = tmp_path / "studies.db"
    assert main([*SEARCH, "--records", str(tmp_path / "a"), "--storage", f"sqlite:///{study}"]) == 0
    with sqlite3.connect(study) as database:
        states = database.execute(
            "select study_id, count(*) from trials where state = 'COMPLETE' group by 1"
        ).fetchall()
    assert [count for _, count in states] == [2, 2]  # on the network itself and on its pruned copy
    assert main([*SEARCH, "--records", str(tmp_path / "b")]) == 0
    assert searched(tmp_path / "a") == searched(tmp_path / "b")


def searched(folder):
    found = Store(folder)
    return {record["id"]: record["best"] for record in found if record.get("kind") == "search"}


def test_a_storage_that_cannot_be_reached_ends_in_one_sentence_and_loses_nothing(tmp_path, capsys):
    assert main([*SEARCH, "--records", str(tmp_path), "--storage", f"journal:{tmp_path}"]) == 2  # a folder
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("pruneproxy: expected to reach the storage journal:") and "kept" in error


@pytest.mark.parametrize(
    "storage, sentence",
    [
        ("redis://host", "unknown storage 'redis://host'"),
        ("postgresql://me@host/none", "expected a driver for postgresql://me@host/none"),
        ("journal:/nonexistent/s.log", "expected the folder of the storage"),
    ],
)
def test_a_storage_that_cannot_be_is_refused_before_anything_is_planned(
    tmp_path, capsys, monkeypatch, storage, sentence
):
    monkeypatch.setitem(sys.modules, "psycopg", None)  # as if it were not installed
    assert main([*SEARCH, "--records", str(tmp_path), "--storage", storage]) == 2
    shown = capsys.readouterr()
    assert shown.err.startswith(f"pruneproxy: {sentence}") and "to do" not in shown.out + shown.err
