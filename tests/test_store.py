import json
import multiprocessing
import os
import subprocess
import sys
import time

import pytest
import torch

from pruneproxy.errors import UserError
from pruneproxy.store import Store


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


@pytest.mark.parametrize("line", [b"<<<<<<< HEAD\n", b'{"id": "12", "status": "ok", "spec": }\n', b"[1, 2]\n"])
def test_a_foreign_line_is_named_and_nothing_is_lost(tmp_path, line):
    Store(tmp_path).append(record(1))
    part = next(tmp_path.glob("part-*.jsonl"))
    before = part.read_bytes()
    part.write_bytes(before + line)
    with pytest.raises(UserError, match="remove that line"):
        Store(tmp_path)
    assert part.read_bytes() == before + line


def test_packing_keeps_every_record_and_leaves_one_file(tmp_path):
    stores = [Store(tmp_path) for _ in range(3)]
    for number in range(9):
        stores[number % 3].append(record(number))
    assert stores[0].pack() == 9
    assert [path.name for path in tmp_path.glob("*.jsonl")] == ["records.jsonl"]
    stores[1].append(record(10))
    assert len(Store(tmp_path)) == 10 and len(stores[0].select(f"{n:016x}" for n in range(9))) == 9
    assert stores[0].pack() == 10 and len(Store(tmp_path)) == 10


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
    lines = [json.dumps({**record(number), "padding": "x" * 2500}) for number in range(10_000)]
    (tmp_path / "records.jsonl").write_text("\n".join(lines) + "\n")
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
    (tmp_path / "checkpoints" / "id.pt").write_bytes(b"torn")
    assert store.checkpoint("id") is None
    store.save_checkpoint("id", None)
    assert not list((tmp_path / "checkpoints").iterdir())


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
