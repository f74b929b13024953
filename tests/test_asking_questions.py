"""The two questions as functions and as a command: what may be given as data, how they go on, and what they say."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from test_asking import MODULE, mlp, regression, table
from torch import nn

import pruneproxy
from pruneproxy import data, tuning
from pruneproxy.__main__ import main
from pruneproxy.asking import naming, questions, retune_report
from pruneproxy.data import DataConfig, ImageFolder
from pruneproxy.errors import UserError
from pruneproxy.store import Store
from pruneproxy.workers import remote

SPACE = {"lr": tuning.log(1e-2, 1)}
SMALL = {"proxies": ["subset"], "settings": 4, "budget": "5m"}
ROOT = Path(__file__).resolve().parents[1]


def few(**more):
    return tuning.Trainer(DataConfig(name="digits", train_images=100, holdout=0.15), epochs=2, **more)


def network():
    return nn.Sequential(
        nn.Conv2d(1, 16, 3), nn.ReLU(), nn.Conv2d(16, 32, 3), nn.ReLU(), nn.Flatten(), nn.Linear(512, 10)
    )


@pytest.fixture(scope="module")
def asked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("asked")
    return pruneproxy.pilot(mlp, few(), SPACE, **SMALL, records=folder), folder


def test_a_pilot_needs_a_network_data_and_a_space(asked):
    found, folder = asked
    assert found.name == "mlp" and {one.copy for one in found.answers} == {"subset"}
    assert len(found.scores) == len(Store(folder))


def test_a_retuning_takes_the_setting_that_the_pilot_liked_best(asked):
    pilot, folder = asked
    found = pruneproxy.retune(mlp, few(), SPACE, settings=4, records=folder)
    assert found.kept == pilot.best
    given = pruneproxy.retune(mlp, few(), SPACE, {"lr": 0.3}, settings=4, keep=0.8, method="random")
    assert given.kept == {"lr": 0.3}


@pytest.mark.parametrize("more", [{"records": None}, {}])
def test_without_a_setting_or_a_pilot_it_says_what_is_missing(tmp_path, more):
    with pytest.raises(UserError, match="give the setting to keep|give one, or the folder of a pilot"):
        pruneproxy.retune(mlp, few(), SPACE, **({"records": tmp_path} | more))


def test_another_networks_pilot_is_not_taken_for_this_ones(asked):
    other = {"lr": tuning.log(1e-2, 0.5)}
    with pytest.raises(UserError, match="with this space"):
        pruneproxy.retune(mlp, few(), other, records=asked[1])


def test_data_are_given_in_many_ways(tmp_path):
    inputs, labels = torch.rand(40, 6), torch.arange(40) % 2
    loaded = data.load(DataConfig(name="digits"))
    for given in ("digits", DataConfig(name="digits"), loaded, (inputs, labels), few()):
        assert isinstance(questions.trained_on(given), tuning.Trainer)
    assert questions.trained_on(regression) is regression
    for wrong in (3, "no-such-set", tmp_path / "nowhere", (inputs,)):
        with pytest.raises(UserError, match="expected a data set"):
            questions.trained_on(wrong)


def test_other_tensors_are_other_data():
    labels = torch.arange(40) % 2
    first, second = torch.zeros(2, 40, 6).add(torch.arange(6.0)).add(torch.tensor([[[0.0]], [[1.0]]]))
    digests = {questions.subject(table, (inputs, labels), SPACE).digest for inputs in (first, second, first)}
    assert len(digests) == 2


@pytest.mark.parametrize("space", [{"lr": [0.1]}, {"lr": tuning.linear(0.1, 0.1)}, {}])
def test_a_space_of_one_point_is_one_sentence(space):
    with pytest.raises(UserError, match="expected"):
        pruneproxy.pilot(mlp, few(), space)


def test_a_function_that_trains_needs_an_example():
    with pytest.raises(UserError, match="expected an example"):
        pruneproxy.pilot(table, regression, SPACE)
    found = pruneproxy.pilot(table, regression, SPACE, example=torch.zeros(4, 6), proxies=["width"], settings=4)
    assert [one.copy for one in found.answers] == ["width"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"budget": "soon"}, "expected a time such as"),
        ({"workers": 0}, "workers must be"),
        ({"wrokers": 2}, "did you mean 'workers'"),
        ({"proxies": ["smaller"]}, "unknown copy 'smaller'"),
        ({"device": "tpu"}, "unknown device"),
    ],
)
def test_wrong_words_are_one_sentence(more, words):
    with pytest.raises(UserError, match=words):
        pruneproxy.pilot(mlp, few(), SPACE, **more)


def test_a_lambda_is_trained_by_processes_too():
    found = pruneproxy.pilot(lambda: mlp(), few(), SPACE, **SMALL, workers=2)
    assert found.name == "the network" and found.complete


def test_a_trainer_travels_without_its_data():
    import pickle

    trainer = few()
    assert len(trainer.dataset.train) == 100
    again = pickle.loads(pickle.dumps(trainer))
    assert "dataset" not in again.__dict__ and torch.equal(again.dataset.train.inputs, trainer.dataset.train.inputs)


@pytest.fixture
def images(tmp_path):
    """Two classes of 20 images that differ in their colour."""
    drawn = np.random.default_rng(0)
    for name, level in (("dark", 40), ("light", 200)):
        (tmp_path / "pictures" / name).mkdir(parents=True)
        for place in range(20):
            values = drawn.integers(level - 30, level + 30, (12, 10, 3)).astype(np.uint8)
            Image.fromarray(values).save(tmp_path / "pictures" / name / f"{place:02}.png")
    return tmp_path / "pictures"


def test_a_folder_of_images_is_a_data_set(images, monkeypatch, tmp_path):
    monkeypatch.setenv("PRUNEPROXY_DATA", str(tmp_path / "data"))
    found = data.load_folder(ImageFolder(path=str(images), size=8))
    sizes = [len(split) for split in (found.train, found.validation, found.test)]
    assert found.classes == ("dark", "light") and found.shape == (3, 8, 8) and sizes == [29, 5, 6]
    dark = found.train.inputs[found.train.labels == 0]
    assert dark.float().mean() < 80 < found.train.inputs[found.train.labels == 1].float().mean()
    data.load_folder.__wrapped__(ImageFolder(path=str(images), size=8))  # from what was decoded before
    assert len(list((tmp_path / "data" / "folders").glob("*.npy"))) == 1


def test_images_of_their_own_for_the_test_are_kept_for_it(images, monkeypatch, tmp_path):
    monkeypatch.setenv("PRUNEPROXY_DATA", str(tmp_path / "data"))
    top = tmp_path / "split"
    (top / "train").parent.mkdir()
    images.rename(top / "train")
    for name in ("dark", "light"):
        (top / "val" / name).mkdir(parents=True)
        (top / "train" / name / "00.png").rename(top / "val" / name / "00.png")
    found = data.load_folder(ImageFolder(path=str(top), size=8))
    assert len(found.test) == 2 and len(found.train) + len(found.validation) == 38


def test_a_changed_image_makes_other_data(images, monkeypatch, tmp_path):
    monkeypatch.setenv("PRUNEPROXY_DATA", str(tmp_path / "data"))
    config = ImageFolder(path=str(images), size=8)
    before = data.load_folder.__wrapped__(config).fingerprint
    Image.fromarray(np.full((12, 10, 3), 255, np.uint8)).save(images / "dark" / "03.png")
    assert data.load_folder.__wrapped__(config).fingerprint != before


@pytest.mark.parametrize("what", ["empty", "flat", "damaged"])
def test_a_folder_that_is_no_data_set_is_one_sentence(images, monkeypatch, tmp_path, what):
    monkeypatch.setenv("PRUNEPROXY_DATA", str(tmp_path / "data"))
    if what == "damaged":
        (images / "dark" / "03.png").write_bytes(b"no image")
    folder = {"empty": tmp_path / "nothing", "flat": images / "dark", "damaged": images}[what]
    folder.mkdir(exist_ok=True)
    with pytest.raises(UserError, match="expected a folder with one folder|not a readable image"):
        data.load_folder(ImageFolder(path=str(folder)))


def test_settings_are_read_from_words():
    assert naming.setting(["lr=0.1", "batch_size=32", "name=x"]) == {"lr": 0.1, "batch_size": 32, "name": "x"}
    for wrong in ("lr", "=1", "lr="):
        with pytest.raises(UserError, match="expected a setting as name=value"):
            naming.setting([wrong])


WORDS = ["ask", "--network", "my_own_networks:build", "--device", "cpu", "--settings", "4", "--epochs", "2"]
NETWORK = MODULE + "def colours():\n    return nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), "
NETWORK += "nn.Flatten(), nn.Linear(8, 2))\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    (tmp_path / "my_own_networks.py").write_text(NETWORK)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "my_own_networks", raising=False)
    return tmp_path


def test_the_command_asks_both_questions_in_one_folder(here, capsys):
    words = [*WORDS, "--images", "100", "--records", "out"]
    assert main([*words, "--retune"]) == 2
    assert "expected a pilot of build" in capsys.readouterr().err
    assert main(words) == 0
    best = json.loads(Path("out/pilot.json").read_text())["best"]
    assert main([*words, "--retune"]) == 0
    said = json.loads(Path("out/retune.json").read_text())
    assert said["kept"] == best and said["answer"] in capsys.readouterr().err
    page = Path("out/retune.html").read_text()
    assert page.count("<img") == page.count("alt='") == 2


def test_the_command_takes_a_folder_of_images_and_a_setting(here, images, capsys, monkeypatch):
    monkeypatch.setenv("PRUNEPROXY_DATA", str(here / "data"))
    words = ["--network", "my_own_networks:colours", "--data", str(images), "--size", "8", "--space", "lr=0.01:1:log"]
    assert main([*WORDS, *words, "--retune", "--setting", "lr=0.1"]) == 0
    assert json.loads(Path("asked/retune.json").read_text())["kept"] == {"lr": 0.1}


def test_the_figures_show_what_was_found(asked):
    found = pruneproxy.retune(mlp, few(), SPACE, settings=4, records=asked[1])
    [line] = retune_report.gains(found).get_lines()
    assert list(line.get_ydata()) == list(found.gains.values())
    assert str(found.loss.value) in retune_report.as_json(found)


def started(folder: Path):
    command = [sys.executable, "-m", "pruneproxy", *WORDS, "--records", "out", "--epochs", "25"]
    environment = {"PYTHONPATH": f"{ROOT}", "OMP_NUM_THREADS": "1", "PATH": "", "HOME": str(folder)}
    return subprocess.Popen(command, cwd=folder, env=environment, stderr=subprocess.PIPE, text=True)


def records(folder: Path) -> int:
    return sum(path.read_bytes().count(b"\n") for path in (folder / "out").glob("part-*.jsonl"))


def waited(process, folder: Path, more: int):
    while records(folder) < more and process.poll() is None:
        time.sleep(0.05)
    assert process.poll() is None


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_what_is_killed_or_interrupted_goes_on(here):
    """SIGKILL, SIGTERM and SIGINT one after the other, each after some more trainings; then the command ends."""
    for number, count in ((signal.SIGKILL, 2), (signal.SIGTERM, 4), (signal.SIGINT, 6)):
        process = started(here)
        waited(process, here, count)
        process.send_signal(number)
        said = process.communicate(timeout=300)[1]
        if number == signal.SIGKILL:
            assert process.returncode == -number
        else:
            assert process.returncode == 128 + number and "Traceback" not in said
            assert said.rstrip().endswith("every finished run is kept, the same command goes on")
    kept = {record["id"] for record in Store(here / "out")}
    process = started(here)
    assert "report:" in process.communicate(timeout=900)[1] and process.returncode == 0
    ids = [json.loads(line)["id"] for path in (here / "out").glob("part-*") for line in path.read_text().splitlines()]
    assert len(kept) >= 6 and len(ids) == len(set(ids)) and kept < set(ids)


@pytest.mark.slow
def test_hardly_any_of_a_pilots_time_is_spent_outside_training(tmp_path):
    """At most 5 %, where a training takes half a second or more: what is outside is the same for longer ones."""
    trainer = tuning.Trainer(DataConfig(name="digits", holdout=0.15), epochs=20)
    pruneproxy.pilot(network, trainer, SPACE, proxies=["subset"], settings=4, records=tmp_path / "first")
    began = time.thread_time()  # what has to be imported is
    pruneproxy.pilot(network, trainer, SPACE, proxies=["width", "epochs"], settings=4, records=tmp_path / "second")
    spent = time.thread_time() - began
    assert sum(record["cost"]["seconds"] for record in Store(tmp_path / "second")) >= 0.95 * spent


@pytest.mark.slow
def test_dasks_workers_get_functions_from_files_that_they_do_not_have(tmp_path, monkeypatch, capsys):
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, dashboard_address=None) as cluster:
        monkeypatch.chdir(tmp_path)  # where the workers are not
        monkeypatch.syspath_prepend(str(tmp_path))
        Path("only_here.py").write_text(NETWORK)
        words = [word.replace("my_own_networks", "only_here") for word in WORDS]
        assert main([*words, "--images", "100", "--records", "out", "--dask", cluster.scheduler_address]) == 0
    assert "report:" in capsys.readouterr().err and len(Store(tmp_path / "out")) >= 16


@pytest.mark.parametrize("more", [[], ["--retune", "--setting", "lr=0.1", "--setting", "weight_decay=1e-4"]])
def test_without_workers_it_says_so_and_the_same_command_goes_on(here, monkeypatch, capsys, more):
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(remote, "NOBODY", 2.0)
    with distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=None) as cluster:
        assert main([*WORDS, "--images", "100", "--dask", cluster.scheduler_address, *more]) == 3
    assert "has had no workers for 2 s: start some" in capsys.readouterr().err
