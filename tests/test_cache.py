"""Answers are kept for the same records and the same code, and nothing hangs on the cache."""

import subprocess
import sys
import time

import pytest

from pruneproxy import cache
from pruneproxy.__main__ import main


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
    for command in (["status", "hp_space", "--scale", "smoke"], ["claims", "hp_space", "--scale", "smoke"]):
        words = [*command, "--records", str(records)]
        assert main(words) == 0
        known = capsys.readouterr().out
        script = f"import sys; from pruneproxy.__main__ import main; main({words!r}); sys.exit('torch' in sys.modules)"
        started = time.process_time()
        made = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
        assert made.returncode == 0 and made.stdout == known and time.process_time() - started < 2


def test_help_imports_nothing_heavy():
    script = (
        "import sys; from pruneproxy.__main__ import _parser; _parser().format_help(); "
        "sys.exit(any(name in sys.modules for name in ('torch', 'pandas', 'optuna', 'matplotlib')))"
    )
    assert subprocess.run([sys.executable, "-c", script]).returncode == 0
