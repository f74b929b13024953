"""SIGKILL at random moments: of commands, of their workers, of both; and the records afterwards."""

import os
import random
import signal
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pruneproxy.store import Store, lines

# A state is saved after every epoch here, so that a kill meets the saving and the going on.
EAGER = "import sys, pruneproxy.runs.execution as e; e.CHECKPOINT_AFTER = 0; from pruneproxy.__main__ import main; "
EAGER += "sys.exit(main())"
LANDSCAPE = ("hp_space", "--set", "methods=uniform", "--set", "lr_points=2", "--set", "train_images=200")
SEARCH = ("proxy_hpo", "--set", "experiments=main", "--set", "trials=3", "--set", "train_images=100")
CHAIN = ("find_eval", "--set", "experiments=lr", "--set", "train_images=100")
LONG = 300.0  # seconds after which an undisturbed command counts as hung
SOON = 7.0  # seconds within which a command is killed: its start takes some three of them, and each start gets on


@dataclass(frozen=True)
class Scene:
    """A command, and which of its processes are killed: the `parent`, a `worker`, or the whole `group`."""

    words: tuple[str, ...]
    victim: str
    workers: int = 1
    storage: str = "memory"


SCENES = (
    Scene(LANDSCAPE, "parent"),
    Scene(LANDSCAPE, "group", workers=2),
    Scene(LANDSCAPE, "worker", workers=2),
    Scene(SEARCH, "parent"),
    Scene(SEARCH, "parent", storage="journal:{}/study.log"),
    Scene(SEARCH, "group", storage="sqlite:///{}/study.db"),
    Scene(CHAIN, "parent"),
    Scene(CHAIN, "group", workers=2),
)


def tortured(count: int, chance: random.Random, folder: Path, scenes=SCENES) -> Counter:
    """Kills so many times in all, over the scenes in turn, and counts what that did."""
    found: Counter = Counter()
    for number, scene in enumerate(scenes):
        share = count // len(scenes) + (number < count % len(scenes))
        found += _played(scene, share, chance, folder / str(number))
    return found


def _played(scene: Scene, kills: int, chance: random.Random, folder: Path) -> Counter:
    whole = folder / "whole"
    length = _timed(scene, whole)
    found = Counter(kills=0)
    for attempt in range(1000):
        if found["kills"] >= kills:
            return found
        found += _until_done(scene, folder / f"cut{attempt}", kills - found["kills"], length, chance, whole)
    raise AssertionError("expected to kill commands, but they end before that")


def _until_done(scene: Scene, cut: Path, kills: int, length: float, chance: random.Random, whole: Path) -> Counter:
    """One folder of records: killed again and again, then finished, and compared with an undisturbed one."""
    found, known, left = Counter(), set(), kills
    while left > 0:
        process = _start(scene, cut)
        struck = _strike(process, scene.victim, chance, min(length, SOON), left)
        said, code = _ended(process)
        found["kills"] += struck
        left -= struck
        found["tracebacks"] += "Traceback" in said
        now = Counter(_finished(cut))
        found["lost"] += len(known - now.keys())
        found["twice"] += sum(times - 1 for times in now.values())
        known |= now.keys()
        if code == 0:
            break
    said, code = _ended(_start(scene, cut))
    found["tracebacks"] += "Traceback" in said
    found["unfinished"] += code != 0
    found["different"] += _numbers(cut) != _numbers(whole)
    return +found


def _start(scene: Scene, records: Path) -> subprocess.Popen:
    records.mkdir(parents=True, exist_ok=True)
    words = ["run", *scene.words, "--scale", "smoke", "--device", "cpu", "--records", str(records)]
    words += ["--workers", str(scene.workers), "--storage", scene.storage.format(records)]
    log = (records / "said.txt").open("w")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [sys.executable, "-c", EAGER, *words], stdout=log, stderr=log, start_new_session=True, env=environment
    )


def _ended(process: subprocess.Popen) -> tuple[str, int]:
    """What a command has said, and its exit code."""
    code = process.wait(LONG)
    return Path(process.args[process.args.index("--records") + 1], "said.txt").read_text(), code


def _timed(scene: Scene, records: Path) -> float:
    began = time.monotonic()
    said, code = _ended(_start(scene, records))
    assert code == 0, said
    return time.monotonic() - began


def _strike(process: subprocess.Popen, victim: str, chance: random.Random, within: float, most: int) -> int:
    """Kills at a random moment, workers again and again; how many were killed."""
    struck = 0
    while struck < most:
        try:
            process.wait(chance.uniform(0, within))
            return struck
        except subprocess.TimeoutExpired:
            pass
        if victim != "worker":
            (os.killpg if victim == "group" else os.kill)(process.pid, signal.SIGKILL)
            return 1
        struck += _strike_one_of(_workers(process.pid))
    return struck


def _workers(parent: int) -> list[int]:
    """The worker processes of a command: children of the server that it has started."""
    return [one for server in _children(parent) if _serves(server) for one in _children(server)]


def _children(parent: int) -> list[int]:
    try:
        return [int(name) for name in Path(f"/proc/{parent}/task/{parent}/children").read_text().split()]
    except OSError:  # it has just ended
        return []


def _serves(process: int) -> bool:
    try:
        return b"forkserver" in Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        return False


def _strike_one_of(processes: list[int]) -> bool:
    for process in processes[:1]:
        os.kill(process, signal.SIGKILL)
    return bool(processes)


def _finished(records: Path) -> Iterator[str]:
    """The ids of all finished runs, as often as they are written."""
    for path in records.glob("*.jsonl"):
        for line in path.read_bytes().splitlines():
            try:
                found = lines.opened(line)
            except lines.Damage:
                continue  # the half of a line that a killed writer has left
            if found.status != "failed":
                yield found.id


def _numbers(records: Path) -> dict:
    """What the records say, without times and places."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of the half of a line that a killed writer has left
        store = Store(records)
    return {record["id"]: _timeless(record) for record in store}


def _timeless(value):
    if isinstance(value, dict):
        drop = ("seconds", "overhead_seconds", "peak_bytes", "joules", "finished", "environment", "processes")
        return {name: _timeless(part) for name, part in value.items() if name not in drop}
    return [_timeless(part) for part in value] if isinstance(value, list) else value
