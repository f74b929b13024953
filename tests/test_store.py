import json
import multiprocessing
import os
import socket
import subprocess
import sys
import time
import warnings

import pytest
import torch

from pruneproxy.data import DataConfig
from pruneproxy.errors import UserError
from pruneproxy.runs import RunSpec
from pruneproxy.runs.auditing import fits
from pruneproxy.store import Busy, Damaged, Store, lines


def record(number, status="ok", **more):
    return {"id": f"{number:016x}", "status": status, "spec": {"seed": number}, "padding": "x" * 100, **more}


def test_what_is_appended_is_found_again_by_another_reader(tmp_path):
    Store(tmp_path).append(record(1))
    again = Store(tmp_path)
    assert f"{1:016x}" in again and again.get(f"{1:016x}")["spec"] == {"seed": 1}
    assert again.get("0" * 16) is None and len(again) == 1


def test_a_second_record_of_an_id_is_not_written(tmp_path):
    first, second = Store(tmp_path), Store(tmp_path)
    assert first.append(record(1)) and not second.append(record(1, extra=2))
    assert "extra" not in Store(tmp_path).get(f"{1:016x}")


def test_a_failed_run_counts_as_missing_and_is_replaced_by_a_finished_one(tmp_path):
    store = Store(tmp_path)
    store.append(record(1, status="failed"))
    assert f"{1:016x}" not in store and store.get(f"{1:016x}")["status"] == "failed"
    assert store.append(record(1, status="diverged"))
    assert Store(tmp_path).get(f"{1:016x}")["status"] == "diverged"


def test_a_torn_last_line_is_ignored_and_everything_before_it_kept(tmp_path):
    store = Store(tmp_path)
    store.append(record(1))
    part = next(tmp_path.glob("part-*.jsonl"))
    part.write_bytes(part.read_bytes() + json.dumps(record(2)).encode()[:50])
    again = Store(tmp_path)
    assert len(again) == 1
    again.append(record(3))
    assert len(Store(tmp_path)) == 2


DAMAGE = {
    "a conflict marker": lambda line: b"<<<<<<< HEAD\n",
    "no object": lambda line: b"[1, 2]\n",
    "a changed digit": lambda line: line.replace(b'"seed": 2', b'"seed": 3'),
    "a changed id": lambda line: line.replace(b"02", b"05", 1),
    "a changed status": lambda line: line.replace(b'"ok"', b'"diverged"'),
    "a flipped bit": lambda line: line[:70] + bytes([line[70] ^ 1]) + line[71:],
    "a flipped bit in the checksum": lambda line: line[:-10] + bytes([line[-10] ^ 1]) + line[-9:],
    "a lost end": lambda line: line[:60] + b"\n",
    "a lost start": lambda line: line[5:],
    "NaN": lambda line: line.replace(b'"seed": 2', b'"seed": NaN'),
    "no checksum": lambda line: line.rpartition(b", ")[0] + b"}\n",
    "deep nesting": lambda line: b"[" * 100_000 + b"\n",
    "no text": lambda line: bytes(range(128, 256)) + b"\n",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE.keys())
def test_a_damaged_line_is_named_once_left_out_and_made_again(tmp_path, damage):
    store = Store(tmp_path)
    for number in (1, 2, 3):
        store.append(record(number))
    part = next(tmp_path.glob("part-*.jsonl"))
    before = part.read_bytes().splitlines(keepends=True)
    part.write_bytes(before[0] + damage(before[1]) + before[2])
    with pytest.warns(Damaged, match="line 2 of part-.*left out") as said:
        again = Store(tmp_path)
        again.refresh()
    assert len(said) == 1
    assert f"{2:016x}" not in again and len(again) == 2
    assert again.append(record(2)) and again.get(f"{2:016x}")["spec"] == {"seed": 2}
    assert again.pack().records == 3
    assert damage(before[1]) in (tmp_path / "aside.txt").read_bytes()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(Store(tmp_path)) == 3


def test_of_two_different_records_of_an_id_the_first_counts_and_both_are_kept(tmp_path):
    for name, hour in (("here", 2), ("there", 1)):
        Store(tmp_path / name).append(record(1, finished=f"2026-01-01T0{hour}:00:00Z"))
    for part in (tmp_path / "there").glob("part-*.jsonl"):
        part.rename(tmp_path / "here" / part.name)
    with pytest.warns(Damaged, match="two different records of 0000000000000001"):
        store = Store(tmp_path / "here")
    assert store.get(f"{1:016x}")["finished"] == "2026-01-01T01:00:00Z"
    assert store.pack().records == 1 and b"T02:00" in (tmp_path / "here/aside.txt").read_bytes()


def test_records_of_before_checksums_are_refused_until_they_are_adopted(tmp_path):
    lines = [json.dumps({**record(number), "spec": {"seed": number}}) for number in (1, 2)]
    (tmp_path / "records.jsonl").write_text("\n".join([*lines, "broken"]) + "\n")
    with pytest.warns(Damaged, match="has no checksum"):
        store = Store(tmp_path)
    assert len(store) == 0 and store.pack(adopt=True).records == 2
    assert Store(tmp_path).get(f"{2:016x}")["spec"] == {"seed": 2}
    assert (tmp_path / "aside.txt").read_text() == "broken\n"


def test_a_record_under_the_id_of_another_run_is_put_aside_by_packing(tmp_path):
    store, spec = Store(tmp_path), RunSpec(data=DataConfig(name="digits"))
    assert fits(spec.record({}, device="cpu"))
    store.append(spec.record({}, device="cpu"))
    store.append(spec.record({}, device="cpu") | {"id": "f" * 16})
    assert store.pack(fits=fits).records == 1 and spec.id in Store(tmp_path)
    assert b"ffffffffffffffff" in (tmp_path / "aside.txt").read_bytes()


def test_odd_files_among_the_parts_are_named_and_the_rest_is_read(tmp_path):
    Store(tmp_path).append(record(1))
    (tmp_path / "part-a.jsonl").mkdir()
    os.mkfifo(tmp_path / "part-b.jsonl")
    (tmp_path / "part-c.jsonl").symlink_to("nowhere")
    with pytest.warns(Damaged, match="part-a.jsonl is no file, part-b.jsonl is no file"):
        store = Store(tmp_path)
    assert len(store) == 1 and store.append(record(2)) and store.pack().records == 2
    (tmp_path / "loop.jsonl").symlink_to("loop.jsonl")
    with pytest.raises(UserError, match="expected to read records in .*loop.jsonl"):
        Store(tmp_path)


def test_a_folder_that_cannot_be_read_is_an_error_and_not_an_empty_one(tmp_path, monkeypatch):
    def refused(*_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(UserError, match="Permission denied"):
        Store(tmp_path)


def test_packing_keeps_every_record_and_leaves_one_file(tmp_path):
    stores = [Store(tmp_path) for _ in range(3)]
    for number in range(9):
        stores[number % 3].append(record(number))
    assert stores[0].pack().records == 9
    assert [path.name for path in tmp_path.glob("*.jsonl")] == ["records.jsonl"]
    stores[1].append(record(10))
    assert len(Store(tmp_path)) == 10 and len(list(stores[0].select(f"{n:016x}" for n in range(9)))) == 9
    assert stores[0].pack().records == 10 and len(Store(tmp_path)) == 10


def test_packing_beside_readers_and_writers_harms_neither(tmp_path):
    reader, first, second = Store(tmp_path), Store(tmp_path), Store(tmp_path)
    for number in range(60):
        (first, second)[number % 2].append(record(number, more="z" * number))  # ever longer: an old offset hits a line
        reader.refresh()
        if number % 3 == 0:
            Store(tmp_path).pack()
    reader.refresh()
    assert len(reader) == len(Store(tmp_path)) == 60


def test_a_part_that_was_packed_is_not_written_again(tmp_path):
    store = Store(tmp_path)
    store.append(record(1))
    (earlier,) = tmp_path.glob("part-*.jsonl")
    Store(tmp_path).pack()
    store.append(record(2, more="longer than the first one"))
    (later,) = tmp_path.glob("part-*.jsonl")
    assert later != earlier and len(Store(tmp_path)) == 2


def test_packing_leaves_the_locks_of_runs_that_are_at_work(tmp_path):
    store = Store(tmp_path)
    store.append(record(1))
    with store.run_lock("idle"):
        pass
    with store.run_lock("busy"):
        Store(tmp_path).pack()
        with pytest.raises(Busy), Store(tmp_path).run_lock("busy", wait=False):
            pass
    assert [path.name for path in (tmp_path / "locks").iterdir()] == ["busy.lock"]


def test_what_a_killed_writer_has_left_is_removed_and_what_a_living_one_writes_is_not(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    host = socket.gethostname().replace(".", "_")
    names = [f"records.jsonl.{host}-{number}.abc123.tmp" for number in (dead.pid, os.getpid())]
    (tmp_path / "arrays").mkdir()
    for name in names:
        (tmp_path / "arrays" / name).write_text("half")
        os.utime(tmp_path / "arrays" / name, (0, 0))
    Store(tmp_path).append(record(1))
    assert [path.name for path in (tmp_path / "arrays").iterdir()] == names[1:]


def _write(folder, numbers):
    store = Store(folder)
    for number in numbers:
        store.append(record(number))


def test_several_processes_lose_and_repeat_nothing(tmp_path):
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_write, args=(tmp_path, range(start, start + 30))) for start in (0, 15)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    lines = [json.loads(line)["id"] for part in tmp_path.glob("*.jsonl") for line in part.read_text().splitlines()]
    assert sorted(lines) == [f"{number:016x}" for number in range(45)]


def test_ten_thousand_records_are_looked_up_in_under_a_second(tmp_path):
    rows = [lines.sealed({**record(number), "padding": "x" * 2500}) for number in range(10_000)]
    (tmp_path / "records.jsonl").write_bytes(b"".join(rows))
    started = time.process_time()
    store = Store(tmp_path)
    found = sum(f"{number:016x}" in store for number in range(10_000))
    assert found == 10_000
    assert time.process_time() - started < 1


def test_arrays_and_checkpoints_come_back_as_they_were(tmp_path):
    store = Store(tmp_path)
    store.save_tensors("w", {"a": torch.arange(3.0).reshape(3, 1).t()})
    assert torch.equal(store.tensors("w")["a"], torch.arange(3.0).reshape(1, 3)) and store.tensors("v") is None
    store.save_checkpoint("id", {"done": 3})
    assert store.checkpoint("id") == {"done": 3}
    store.save_checkpoint("id", None)
    assert store.checkpoint("id") is None and not list((tmp_path / "checkpoints").iterdir())


def test_every_flipped_bit_of_arrays_and_states_is_found_and_named_once(tmp_path):
    store = Store(tmp_path)
    store.save_tensors("w", {"a": torch.arange(3.0), "b": torch.tensor([True, False])})
    store.save_checkpoint("id", {"done": 3})
    for path, read in ((store._place("w"), store.has_tensors), (store._state_place("id"), store.checkpoint)):
        whole = path.read_bytes()
        name = path.name.split(".")[0]
        for place in range(0, len(whole), 7):
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :])
            with pytest.warns(Damaged, match="made again"):
                assert not read(name)
            assert not path.exists() and not read(name)
        for length in (0, 5, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:length])
            with pytest.warns(Damaged, match="made again"):
                assert not read(name)
        path.write_bytes(whole)
        assert read(name)


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "records").write_text("not a folder")
    with pytest.raises(UserError, match="name a folder"):
        Store(tmp_path / "records")
    with pytest.raises(UserError, match="name another folder with --records"):
        Store(tmp_path / "records" / "below").append(record(1))


@pytest.fixture
def tiny_disk(tmp_path):
    """A file system of 64 KiB, mounted for this test."""
    folder = tmp_path / "tiny"
    folder.mkdir()
    if (
        sys.platform != "linux"
        or os.geteuid()
        or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True).returncode
    ):
        pytest.skip("mounting a small file system needs root on Linux")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_one_clear_error_and_loses_nothing(tiny_disk):
    store, written = Store(tiny_disk), 0
    with pytest.raises(UserError, match="No space left on device.*every finished run is kept"):
        for number in range(10_000):
            store.append(record(number, more="y" * 3000))
            written += 1
    assert written > 5 and len(Store(tiny_disk)) == written
    with pytest.raises(UserError, match="every finished run is kept"):
        store.save_tensors("w", {"a": torch.zeros(100_000)})
    assert not list(tiny_disk.glob("arrays/*"))
    assert next(tiny_disk.glob("part-*")).read_bytes().endswith(b"}\n")


def changed_in_place(path, old, new):
    with path.open("rb+") as file:
        content = file.read()
        file.seek(0)
        file.write(content.replace(old, new, 1))
        file.truncate()


def test_lines_of_a_packed_file_that_move_in_place_are_found_where_they_are_now(tmp_path):
    store = Store(tmp_path)
    for number in (1, 2, 3):
        store.append(record(number))
    store.pack()
    reader = Store(tmp_path)
    changed_in_place(tmp_path / "records.jsonl", lines.sealed(record(1)), b"")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        reader.refresh()
    assert [one["spec"]["seed"] for one in reader] == [2, 3]


@pytest.mark.parametrize("new", [b'"seed": 9', b""])
def test_a_packed_file_that_is_changed_while_it_is_open_is_read_again_and_never_believed(tmp_path, new):
    store = Store(tmp_path)
    for number in (1, 2, 3):
        store.append(record(number))
    store.pack()
    store = Store(tmp_path)  # it knows where the lines are, and no more
    changed_in_place(tmp_path / "records.jsonl", b'"seed": 2', new)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Damaged)
        assert store.get(f"{2:016x}") is None and store.get(f"{3:016x}")["spec"] == {"seed": 3}
        assert {one["id"] for one in store} == {f"{1:016x}", f"{3:016x}"}
        assert store.append(record(2)) and store.pack().records == 3
    assert Store(tmp_path).get(f"{2:016x}")["spec"] == {"seed": 2}


def test_a_study_beside_the_records_is_left_alone(tmp_path):
    store = Store(tmp_path)
    store.append(record(1))
    (tmp_path / "study.jsonl").write_text('{"op_code": 0, "study_name": "a"}\n')
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert Store(tmp_path).pack().records == 1
    assert (tmp_path / "study.jsonl").exists() and not (tmp_path / "aside.txt").exists()


def test_a_forged_record_does_not_take_the_true_one_away(tmp_path):
    spec = RunSpec(data=DataConfig(name="digits"))
    for name, change in (("true", {}), ("forged", {"finished": "2000", "spec": {"seed": 5}})):
        Store(tmp_path / name).append(spec.record({}, device="cpu") | change)
    for part in (tmp_path / "forged").glob("part-*"):
        part.rename(tmp_path / "true" / part.name)
    with pytest.warns(Damaged, match="two different records"):
        packed = Store(tmp_path / "true").pack(fits=fits)
    assert packed.records == 1 and len(packed.aside) == 1
    assert fits(Store(tmp_path / "true").get(spec.id))


def test_the_half_of_a_line_of_a_dead_writer_is_named_and_put_aside(tmp_path):
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    part = tmp_path / f"part-{socket.gethostname().replace('.', '_')}-{dead.pid}-abc123.jsonl"
    part.write_bytes(lines.sealed(record(1)) + lines.sealed(record(2))[:50])
    with pytest.warns(Damaged, match="line 2 of part-.* is the half of one"):
        packed = Store(tmp_path).pack()
    assert packed.records == 1 and (tmp_path / "aside.txt").read_bytes().startswith(lines.sealed(record(2))[:50])


@pytest.mark.parametrize("value", [float("nan"), "\udcff"])
def test_what_could_not_be_read_again_is_not_written(tmp_path, value):
    with pytest.raises(ValueError):
        Store(tmp_path).append(record(1, note=value))
    assert not list(tmp_path.glob("part-*"))


def test_files_in_the_place_of_folders_are_a_sentence_and_a_damaged_name_is_drawn_anew(tmp_path):
    store = Store(tmp_path)
    (tmp_path / "arrays").write_text("no folder")
    (tmp_path / "checkpoints").write_text("no folder")
    for call in (lambda: store.has_tensors("a"), lambda: store.tensors("a"), lambda: store.checkpoint("a")):
        with pytest.raises(UserError, match="expected to read records in"):
            call()
    for damaged in (b"\xff\xfe", b""):
        (tmp_path / ".name").write_bytes(damaged)
        assert len(store.name) == 32 and Store(tmp_path).name == store.name


def test_a_folder_of_damaged_lines_alone_can_be_packed(tmp_path):
    (tmp_path / "records.jsonl").write_bytes(lines.sealed(record(1)).replace(b"x", b"y", 1))
    with pytest.warns(Damaged):
        store = Store(tmp_path)
    assert store.lines_read == 1 and store.pack().records == 0
    assert (tmp_path / "aside.txt").exists()
