"""Answers are kept for the same records and the same code, and nothing hangs on the cache."""

import argparse
import json
import os
import resource
import subprocess
import sys

import pytest

from pruneproxy import cache
from pruneproxy.__main__ import _answer, main


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv(cache.SWITCH, str(tmp_path))
    return tmp_path / "answers"


def test_an_answer_is_computed_once_for_the_same_key(folder):
    calls = []
    for key in (("a",), ("a",), ("b",)):
        assert cache.cached("x", key, lambda: calls.append(1) or {"n": (1, 2)}) == {"n": [1, 2]}
    assert len(calls) == 2 and len(list(folder.iterdir())) == 2


def test_other_source_asks_again(folder, monkeypatch):
    cache.cached("x", (), lambda: 1)
    monkeypatch.setattr(cache, "source_hash", lambda: "other")
    assert cache.cached("x", (), lambda: 2) == 2


def test_a_damaged_answer_is_computed_anew(folder):
    cache.cached("x", (), lambda: 1)
    (path,) = folder.iterdir()
    path.write_text('{"torn')
    assert cache.cached("x", (), lambda: 2) == 2 and path.read_text() == "2"


def test_a_cache_that_cannot_be_written_or_is_off_changes_nothing(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    for place in (str(tmp_path / "file"), "off"):
        monkeypatch.setenv(cache.SWITCH, place)
        assert [cache.cached("x", (), lambda value=value: value) for value in (1, 2)] == [1, 2]


def test_records_that_change_have_another_hash(tmp_path):
    (tmp_path / "a.jsonl").write_text("1\n")
    before = cache.folders_hash([tmp_path, tmp_path / "none"])
    (tmp_path / "a.jsonl").write_text("2\n")
    assert cache.folders_hash([tmp_path]) != before != cache.folders_hash([])


def test_status_and_claims_answer_from_the_cache_without_torch(folder, tmp_path, capsys):
    records = tmp_path / "hp_space"
    records.mkdir()
    for command in (["status", "hp_space", "--scale", "smoke"], ["claims", "hp_space", "--scale", "smoke"]):
        words = [*command, "--records", str(records)]
        assert main(words) == 0
        known = capsys.readouterr().out
        script = f"import sys; from pruneproxy.__main__ import main; main({words!r}); sys.exit('torch' in sys.modules)"
        started = seconds_of_children()
        made = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        assert made.returncode == 0 and made.stdout == known and seconds_of_children() - started < 2


def test_records_that_lie_beside_a_folder_are_part_of_the_question(folder, tmp_path):
    options = argparse.Namespace(records=str(tmp_path / "records/hp_space"), scale=None)
    assert _answer("claims", options, lambda: 1) == 1 == _answer("claims", options, lambda: 2)
    (tmp_path / "records/proxy_hpo").mkdir(parents=True)
    (tmp_path / "records/proxy_hpo/part.jsonl").write_text("{}\n")
    assert _answer("claims", options, lambda: 2) == 2


def test_help_takes_no_time_and_imports_nothing_heavy():
    heavy = ("torch", "pandas", "optuna", "matplotlib", "scipy", "numpy")
    script = (
        "import sys, contextlib; from pruneproxy.__main__ import main\n"
        f"with contextlib.suppress(SystemExit): main(['--help'])\nsys.exit(any(map(sys.modules.get, {heavy!r})))"
    )
    started = seconds_of_children()
    made = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert made.returncode == 0 and "usage: pruneproxy" in made.stdout and seconds_of_children() - started < 0.5


def seconds_of_children() -> float:
    """Processor time of all processes that were started and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_only_the_newest_answers_of_a_name_are_kept(folder, monkeypatch):
    monkeypatch.setattr(cache, "KEPT", 3)
    cache.cached("y", (), lambda: "another name")
    for key in range(6):
        cache.cached("x", (key,), lambda key=key: key)
        newest = max(folder.glob("x-*"), key=lambda path: path.stat().st_mtime_ns)
        os.utime(newest, (key, key))
    assert sorted(json.loads(path.read_text()) for path in folder.glob("x-*")) == [3, 4, 5]
    assert len(list(folder.glob("y-*"))) == 1


def test_an_error_of_the_computation_is_passed_on_and_nothing_is_kept(folder):
    with pytest.raises(ZeroDivisionError):
        cache.cached("x", (), lambda: 1 / 0)
    assert not folder.exists() and cache.cached("x", (), lambda: None) is cache.cached("x", (), lambda: 1) is None


def test_many_writers_at_once_leave_whole_answers_alone(folder):
    script = (
        "from pruneproxy.cache import cached\n"
        "for key in range(200): assert cached('x', [key % 5], lambda: [key % 5] * 2000)[-1] == key % 5"
    )
    writers = [subprocess.Popen([sys.executable, "-c", script]) for _ in range(3)]
    assert [writer.wait() for writer in writers] == [0, 0, 0]
    kept = sorted(folder.iterdir())
    assert [path.suffix for path in kept] == [".json"] * 5
    assert sorted(json.loads(path.read_text())[-1] for path in kept) == [0, 1, 2, 3, 4]


def tree(folder, **files):
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)


def test_the_hash_of_a_part_changes_with_its_code_alone(tmp_path, monkeypatch):
    package = tmp_path / "package"
    monkeypatch.setattr(cache, "SOURCE", package)
    tree(package, one="1", two="2")
    tree(package / "inner", three="3")
    cases = {"all": (), "one": ("one",), "inner": ("inner",), "both": ("one", "inner"), "swapped": ("inner", "one")}

    def hashes():
        return {name: cache.source_hash.__wrapped__(*parts) for name, parts in cases.items()}

    before = hashes()
    assert before["both"] == before["swapped"] and len(set(before.values())) == 4
    tree(package / "inner", three="changed")
    after = hashes()
    assert [name for name in cases if after[name] != before[name]] == ["all", "inner", "both", "swapped"]
    with pytest.raises(LookupError, match="expected a part of the package, got 'none'"):
        cache.source_hash.__wrapped__("none")
