"""Searches that several processes share: on a real PostgreSQL server, and in folders that must be one."""

import glob
import os
import shutil
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from pruneproxy import runs
from pruneproxy.data import DataConfig
from pruneproxy.errors import UserError
from pruneproxy.models import ModelConfig
from pruneproxy.runs import Conditions, RunSpec
from pruneproxy.search import Dimension, SearchSpec
from pruneproxy.store import Store
from pruneproxy.train import TrainConfig

BINARIES = sorted(glob.glob("/usr/lib/postgresql/*/bin"))
BASE = RunSpec(
    data=DataConfig(name="digits", train_images=40, eval_images=20),
    model=ModelConfig(name="mlp", width=0.01),
    train=TrainConfig(epochs=1, batch_size=20),
)
SEARCH = SearchSpec(base=BASE, space=(Dimension(field="train.lr", low=0.01, high=0.1, log=True),), trials=3)


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """The address of an empty PostgreSQL server of its own, on a free port of this machine."""
    if not BINARIES:
        pytest.skip("needs PostgreSQL's server (Debian: postgresql)")
    folder = Path(tmp_path_factory.mktemp("pg"))
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port = found.getsockname()[1]
    asroot = os.geteuid() == 0
    if asroot:  # the server refuses to run as root
        for above in (folder, *folder.parents[:3]):
            above.chmod(0o755)
        shutil.chown(folder, "postgres")
    user = ["runuser", "-u", "postgres", "--"] if asroot else []

    def command(name, *words, check=True):
        return subprocess.run([*user, f"{BINARIES[-1]}/{name}", *words], check=check, capture_output=True, cwd="/")

    command("initdb", "-D", str(folder / "data"), "-U", "tester", "--auth=trust")
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder}"
    command("pg_ctl", "-D", str(folder / "data"), "-l", str(folder / "log"), "-o", options, "-w", "start")
    yield f"postgresql://tester@127.0.0.1:{port}/"
    command("pg_ctl", "-D", str(folder / "data"), "-m", "immediate", "stop", check=False)


def test_processes_that_start_together_on_an_empty_database_all_connect(server):
    """Unlocked, two processes that make the tables at once kill one of them in three of four tries."""
    pytest.importorskip("psycopg")
    script = "import sys; from pruneproxy.search import storages; storages.connect(sys.argv[1])"
    for number in range(2):
        database = f"tables{number}"
        subprocess.run([f"{BINARIES[-1]}/createdb", "--maintenance-db", f"{server}postgres", database], check=True)
        started = [subprocess.Popen([sys.executable, "-c", script, f"{server}{database}"]) for _ in range(3)]
        assert [process.wait(60) for process in started] == [0, 0, 0]


def test_a_search_in_a_database_says_how_many_processes_made_it(server, tmp_path):
    pytest.importorskip("psycopg")
    record = runs.ensure(SEARCH, Store(tmp_path), Conditions(storage=f"{server}postgres"))
    assert record["status"] == "ok" and record["processes"] == 1 and len(record["trials"]) == 3


def test_a_shared_study_wants_one_folder_of_records(tmp_path):
    storage = f"sqlite:///{tmp_path}/study.db"
    search = replace(SEARCH, seed=1)
    assert runs.ensure(search, Store(tmp_path / "one"), Conditions(storage=storage))["processes"] == 1
    with pytest.raises(
        UserError, match="keep their records in one folder.*name the folder of the first with --records"
    ):
        runs.ensure(search, Store(tmp_path / "two"), Conditions(storage=storage))
    assert not list(Store(tmp_path / "two")) and "processes" not in runs.ensure(SEARCH, Store(tmp_path / "three"))


def test_a_folder_keeps_its_name_and_no_two_have_the_same(tmp_path):
    assert Store(tmp_path / "a").name == Store(tmp_path / "a").name != Store(tmp_path / "b").name
