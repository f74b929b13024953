"""What is on disk stays what was stored: verified when it is loaded, brought to the disk before it has its name."""

import json
import os
from pathlib import Path

import hostile_data
import numpy as np
import pytest

from pruneproxy import data
from pruneproxy.data import DataConfig, check, import_set, importing, integrity, list_sets, load
from pruneproxy.data.stored import read_stored
from pruneproxy.durable import sync
from pruneproxy.errors import UserError

CONFIG = DataConfig(name="mnist")


@pytest.fixture
def root(tmp_path):
    """A data folder with a small MNIST."""
    import_set("mnist", hostile_data.write(hostile_data.good("mnist"), tmp_path / "copy"), tmp_path / "root")
    return tmp_path / "root"


def flip(root, key="train_inputs", at=-1):
    """Changes one bit of a stored array, and nothing that its folder says of the file."""
    path = root / "mnist" / f"{key}.npy"
    facts, content = path.stat(), bytearray(path.read_bytes())
    content[at] ^= 1
    with path.open("r+b") as file:
        file.write(content)
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


def next_process(monkeypatch):
    monkeypatch.setattr(integrity, "_seen", set())


def state(root) -> str:
    return next(row["state"] for row in list_sets(root) if row["name"] == "mnist")


@pytest.mark.parametrize("key", ["train_inputs", "train_labels", "test_inputs", "test_labels"])
def test_a_flipped_bit_is_an_error_that_names_the_array(root, key):
    flip(root, key)
    with pytest.raises(UserError, match=rf"mnist has changed since it was stored \({key}\): get or import it again"):
        load(CONFIG, root=root)
    assert state(root).startswith("damaged: mnist has changed")


def test_a_small_set_is_read_once_in_each_process(root, monkeypatch):
    read = []
    monkeypatch.setattr(integrity, "array_digest", lambda array: read.append(array) or original(array))
    load(CONFIG, root=root)
    read_stored("mnist", root)
    assert len(read) == 4
    os.utime(root / "mnist" / "test_labels.npy")
    read_stored("mnist", root)
    assert len(read) == 5  # the one that may be another
    next_process(monkeypatch)
    read_stored("mnist", root)
    assert len(read) == 9 and not (root / "mnist" / "verified.json").exists()


original = integrity.array_digest


def test_a_large_set_is_read_when_its_files_are_others(root, monkeypatch):
    monkeypatch.setattr(integrity, "ALWAYS_BYTES", 0)
    read = []
    monkeypatch.setattr(integrity, "array_digest", lambda array: read.append(array) or original(array))
    read_stored("mnist", root)
    next_process(monkeypatch)
    read_stored("mnist", root)
    assert len(read) == 4
    os.utime(root / "mnist" / "train_inputs.npy")
    next_process(monkeypatch)
    read_stored("mnist", root)
    assert len(read) == 5


@pytest.mark.parametrize("content", ["", "{", "[]", "7", '{"train_inputs": 3}', "[" * 100_000])
def test_what_is_remembered_of_a_large_set_may_be_damaged(root, monkeypatch, content):
    monkeypatch.setattr(integrity, "ALWAYS_BYTES", 0)
    (root / "mnist" / "verified.json").write_text(content)
    flip(root)
    with pytest.raises(UserError, match=r"has changed since it was stored \(train_inputs\)"):
        read_stored("mnist", root)
    assert (root / "mnist" / "verified.json").read_text() == content


def test_only_a_check_finds_a_change_that_a_large_set_does_not_show(root, monkeypatch):
    monkeypatch.setattr(integrity, "ALWAYS_BYTES", 0)
    read_stored("mnist", root)
    flip(root)
    next_process(monkeypatch)
    assert read_stored("mnist", root)
    with pytest.raises(UserError, match=r"has changed since it was stored \(train_inputs\)"):
        check("mnist", root)


def test_a_folder_that_cannot_be_written_is_read_each_time(root, monkeypatch):
    def refuse(*_):
        raise PermissionError("a folder of others")

    monkeypatch.setattr(integrity, "ALWAYS_BYTES", 0)
    monkeypatch.setattr(os, "replace", refuse)
    assert read_stored("mnist", root)
    assert sorted(path.name for path in (root / "mnist").glob("*.json")) == ["source.json"]
    assert not list((root / "mnist").glob(".*"))


def rewritten(root, key, array):
    np.save(root / "mnist" / f"{key}.npy", array)


@pytest.mark.parametrize(
    "change",
    [
        lambda array: array.view(np.int8),
        lambda array: array.reshape(10, 28, 1, 28),
        lambda array: array.reshape(20, 1, 28, 14),
        lambda array: array.reshape(-1),
        lambda array: array[0, 0, 0, 0],
    ],
)
def test_the_same_bytes_in_another_form_are_a_change(root, change):
    rewritten(root, "train_inputs", change(np.load(root / "mnist" / "train_inputs.npy")))
    with pytest.raises(UserError, match="has changed since it was stored|is damaged"):
        load(CONFIG, root=root)


@pytest.mark.parametrize(
    "make", [hostile_data.pipe, hostile_data.loop, hostile_data.endless, hostile_data.plug, Path.mkdir]
)
@pytest.mark.parametrize("name", ["train_inputs.npy", "source.json"])
def test_what_is_no_file_is_no_array(root, name, make):
    (root / "mnist" / name).unlink()
    make(root / "mnist" / name)
    with pytest.raises(UserError, match="expected a file at|cannot be read|lacks|is not in"):
        read_stored("mnist", root)
    assert state(root).startswith("damaged") or state(root) == "missing"


@pytest.mark.parametrize("at", range(0, 128, 5))
def test_a_flipped_bit_in_the_header_of_an_array_is_an_error_or_means_nothing(root, at):
    before = read_stored("mnist", root).train_inputs.copy()
    flip(root, at=at)
    try:
        assert np.array_equal(read_stored("mnist", root).train_inputs, before)
    except UserError as error:
        assert "get or import" in str(error)


DAMAGED = {
    "no dictionary": lambda facts: [facts],
    "a number": lambda facts: 3,
    "nothing": lambda facts: {},
    "no classes": lambda facts: facts | {"classes": []},
    "classes that are numbers": lambda facts: facts | {"classes": [1, 2]},
    "one class too many": lambda facts: facts | {"classes": ["x"] * 11},
    "classes in one word": lambda facts: facts | {"classes": "0123456789"},
    "no digests": lambda facts: facts | {"sha256": {}},
    "digests of other arrays": lambda facts: facts | {"sha256": {"../../x": "y"} | facts["sha256"]},
    "a digest that is missing": lambda facts: (
        facts | {"sha256": {key: value for key, value in facts["sha256"].items() if key != "test_inputs"}}
    ),
    "digests that are numbers": lambda facts: facts | {"sha256": dict.fromkeys(facts["sha256"], 7)},
    "lossy images without lists": lambda facts: facts | {"lossy": {"train": 3}},
    "no origin": lambda facts: {key: value for key, value in facts.items() if key != "origin"},
    "another form": lambda facts: facts | {"form": None},
}


@pytest.mark.parametrize("what", DAMAGED)
def test_facts_that_are_damaged_are_one_sentence(root, what):
    path = root / "mnist" / "source.json"
    path.write_text(json.dumps(DAMAGED[what](json.loads(path.read_text()))))
    with pytest.raises(UserError, match=r"source.json is damaged \(expected .*, got something else\): get or import"):
        load(CONFIG, root=root)
    assert state(root).startswith("damaged: ")


@pytest.mark.parametrize("content", [b"", b"{", b"\xff\xfe", b"[" * 100_000, b"9" * 5000])
def test_facts_that_are_no_text_are_one_sentence(root, content):
    (root / "mnist" / "source.json").write_bytes(content)
    with pytest.raises(UserError, match="source.json cannot be read"):
        load(CONFIG, root=root)


def test_all_is_on_the_disk_before_it_has_its_name(tmp_path, monkeypatch):
    brought, here = [], tmp_path / "root"
    monkeypatch.setattr(
        importing, "sync", lambda path: (sync(path), brought.append((path.name, (here / "mnist").exists())))
    )
    import_set("mnist", hostile_data.write(hostile_data.good("mnist"), tmp_path / "copy"), here)
    names = [f"{key}.npy" for key in ("train_inputs", "train_labels", "test_inputs", "test_labels")]
    assert sorted(brought[:5]) == sorted((name, False) for name in (*names, "source.json"))
    assert brought[5:] == [("new", False), ("root", True)]


def test_a_name_that_cannot_be_taken_leaves_the_earlier_copy_in_its_place(tmp_path, monkeypatch):
    old, new = (tmp_path / name for name in ("old", "new"))
    for folder in (old, new):
        folder.mkdir()
        (folder / "which").write_text(folder.name)
    rename = Path.rename

    def refuse(path, target):
        if path == new:
            raise OSError("no")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", refuse)
    with pytest.raises(OSError, match="no"):
        importing.exchange(new, old, tmp_path / "aside")
    assert (old / "which").read_text() == "old"


def test_files_and_folders_are_brought_to_the_disk(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("x")
    seen = []
    monkeypatch.setattr(os, "fsync", lambda place: seen.append(os.fstat(place).st_ino))
    sync(tmp_path / "file")
    sync(tmp_path)
    assert seen == [(tmp_path / "file").stat().st_ino, tmp_path.stat().st_ino]
    with pytest.raises(FileNotFoundError):
        sync(tmp_path / "nothing")


def test_folders_that_cannot_be_opened_are_left_out(tmp_path, monkeypatch):
    def refuse(*_):
        raise PermissionError("a folder")

    (tmp_path / "file").write_text("x")
    monkeypatch.setattr(os, "open", refuse)
    sync(tmp_path)
    with pytest.raises(PermissionError):
        sync(tmp_path / "file")


def test_the_data_of_a_process_stay_when_their_file_changes(root):
    before = data.load(CONFIG, root=root).train.inputs.clone()
    flip(root)
    assert (data.load(CONFIG, root=root).train.inputs == before).all()
