"""Several writers, packers that are killed, a full disk and a folder that cannot be written."""

import multiprocessing
import os
import random
import subprocess
import sys
import time
import warnings
from collections import Counter
from pathlib import Path

from pruneproxy.errors import UserError
from pruneproxy.store import Store, lines

CONTESTED = 400  # ids that all writers want to be the first to write


def contested(seconds: float, chance: random.Random, folder: Path, writers: int = 4) -> Counter:
    """Lets writers append for so long while packers come, are killed, and go; what was acknowledged must be there."""
    context = multiprocessing.get_context("spawn")
    places = [folder / f"told-{number}" for number in range(writers)]
    folder.mkdir(parents=True, exist_ok=True)
    working = [context.Process(target=_write, args=(folder / "records", n, seconds, p)) for n, p in enumerate(places)]
    for one in working:
        one.start()
    found, ends = Counter(), time.monotonic() + seconds + 5
    while any(one.is_alive() for one in working) and time.monotonic() < ends + 60:
        packer = context.Process(target=_pack, args=(folder / "records",))
        packer.start()
        packer.join(chance.uniform(0, 3))
        if packer.is_alive():
            packer.kill()
            found["killed packers"] += 1
        packer.join()
        found["packers"] += 1
    for one in working:
        one.join(60)
        found["stuck"] += one.is_alive()
    told = [line for place in places for line in place.read_text().split()]
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        store = Store(folder / "records")
    parts = (folder / "records").glob("*.jsonl")
    written = {lines.opened(line).id for path in parts for line in path.read_bytes().splitlines()}
    found["appends"] = len(told)
    found["lost"] = len(set(told) - written) + (len(store) != len(set(told)))
    # Between the writing of the packed file and the removal of its parts a kill leaves lines in both, which are equal.
    found["twice"] = len(told) - len(set(told)) + len(said)
    return +found


def _write(folder: Path, number: int, seconds: float, place: Path):
    store, ends, count = Store(folder), time.monotonic() + seconds, 0
    with place.open("w") as told:
        while time.monotonic() < ends:
            own = f"{number:x}{count:015x}"
            for identity in (own, f"f{count % CONTESTED:015x}"):
                record = {"id": identity, "status": "ok", "spec": {"seed": count}, "padding": "x" * (count % 500)}
                if store.append(record):
                    print(identity, file=told, flush=True)
            count += 1


def _pack(folder: Path):
    if folder.exists():
        Store(folder).pack()


def full_disk(folder: Path) -> Counter:
    """Writes, packs and saves on a disk of 256 KiB until it is full; nothing without the right to mount one."""
    folder.mkdir(parents=True, exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(folder)]
    if sys.platform != "linux" or os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        return Counter()
    try:
        return _filled(Store(folder))
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def _filled(store: Store) -> Counter:
    written, found = 0, Counter(planted=2)
    try:
        for number in range(10_000):
            written += store.append({"id": f"{number:016x}", "status": "ok", "spec": {}, "padding": "y" * 3000})
        found["accepted"] += 1
    except UserError as error:
        found["unnamed"] += "every finished run is kept" not in str(error)
    found["lost"] += written - len(Store(store.folder))
    try:
        store.pack()  # needs as much again
        found["accepted"] += 1
    except UserError as error:
        found["unnamed"] += "every finished run is kept" not in str(error)
    found["lost"] += written - len(Store(store.folder))
    return +found


def read_only(folder: Path) -> Counter:
    """A folder on a disk that is mounted to be read; nothing without the right to mount one."""
    Store(folder).append({"id": "a" * 16, "status": "ok", "spec": {}})
    mount = ["mount", "--bind", "-o", "ro", str(folder), str(folder)]
    if sys.platform != "linux" or os.geteuid() or subprocess.run(mount, capture_output=True).returncode:
        return Counter()
    found = Counter(planted=1)
    try:
        store = Store(folder)
        found["lost"] += len(store) != 1
        try:
            store.append({"id": "b" * 16, "status": "ok", "spec": {}})
            found["accepted"] += 1
        except UserError as error:
            found["unnamed"] += "name another folder" not in str(error)
    finally:
        subprocess.run(["umount", str(folder)], check=True)
    return +found
