"""A hundred thousand records: how long it takes, and how much memory, to open, look up, show, count and judge them."""

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

from pruneproxy.recipes import hp_space
from pruneproxy.specs import to_dict
from pruneproxy.store import Store, lines

RECORDS = Path(__file__).parents[2] / "notebooks/records/hp_space"
SEEDS = 90  # as many as a grid may have: some 24,000 runs
GRIDS = ("30", "31", "32", "33", "34")  # epochs: runs of other grids lie beside those that are asked for
SECONDS, MEGABYTES = {"claims": 60}, 1000  # 10 seconds elsewhere
STEPS = {
    "open": "from pruneproxy.store import Store; Store({folder!r})",
    "look up 10,000": "from pruneproxy.store import Store; s = Store({folder!r}); "
    "[s.get(i) for i in list(s.identities())[::len(s) // 10_000 or 1]]",
    "frame": "from pruneproxy import notebook; s = notebook.open_study('hp_space', dict(scale='lab', device='cpu', "
    "records={folder!r}, missing='skip', epochs=30, seeds={seeds})); len(s.frame)",
    "status": "from pruneproxy.__main__ import main; main(['status', 'hp_space', '--scale', 'lab', '--set', "
    "'seeds={seeds}', '--records', {folder!r}])",
    "claims": "from pruneproxy.__main__ import main; main(['claims', 'hp_space', '--records', {folder!r}])",
}
MEASURED = """
import json, sys, time
began = time.monotonic()
{step}
seconds = time.monotonic() - began
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
json.dump([seconds, int(peak.split()[1]) / 1024], sys.stderr)
"""


def measured(size: float, folder: Path) -> Counter:
    """Seconds and megabytes of each step, imports included, each in a process of its own."""
    seeds, count = max(2, round(SEEDS * size)), 0
    with _file(folder / "hp_space").open("wb") as file:
        for epochs in GRIDS:
            for line in _lines(epochs, seeds):
                file.write(line)
                count += 1
    found = Counter({"records": count})
    for name, step in STEPS.items():
        seconds, memory = _run(step.format(folder=str(folder / "hp_space"), seeds=seeds))
        found[f"s to {name}"], found[f"MB to {name}"] = round(seconds, 1), round(memory)
        found["slow"] += seconds > SECONDS.get(name, 10) or memory > MEGABYTES
    return found


def _file(folder: Path) -> Path:
    folder.mkdir(parents=True)
    return folder / "records.jsonl"


def _lines(epochs: str, seeds: int):
    """Records as long as real ones, of every run of a grid."""
    real = {record["spec"]["model"]["name"]: record for record in Store(RECORDS) if record["kind"] == "run"}
    for spec in hp_space.RECIPE.specs("lab", epochs=epochs, seeds=str(seeds)):
        if spec.kind == "run":
            yield lines.sealed(real[spec.model.name] | {"id": spec.id, "spec": to_dict(spec)})


def _run(step: str) -> tuple[float, float]:
    environment = os.environ | {"PRUNEPROXY_CACHE": "off", "OMP_NUM_THREADS": "1"}
    words = [sys.executable, "-W", "ignore", "-c", MEASURED.format(step=step)]
    done = subprocess.run(words, capture_output=True, text=True, env=environment, check=True)
    return tuple(json.loads(done.stderr[done.stderr.rindex("[") :]))
