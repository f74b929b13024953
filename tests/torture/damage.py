"""Damage to files: what is wrong is named, the rest is there, and what is gone is made again."""

import os
import random
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import torch

from pruneproxy import runs, workers
from pruneproxy.data import DataConfig
from pruneproxy.errors import UserError
from pruneproxy.models import ModelConfig
from pruneproxy.runs import Conditions, RunSpec
from pruneproxy.search import SearchSpec
from pruneproxy.space import Dimension
from pruneproxy.store import Store
from pruneproxy.train import TrainConfig

Damage = Callable[[bytes, random.Random], bytes]
LINES: dict[str, Damage] = {
    "a changed digit": lambda line, chance: _other_digit(line, chance),
    "a flipped bit": lambda line, chance: _flipped(line[:-1], chance) + b"\n",
    "a flipped bit in the checksum": lambda line, chance: line[:-20] + _flipped(line[-20:-4], chance) + line[-4:],
    "a lost end": lambda line, chance: line[: chance.randrange(1, len(line) - 1)] + b"\n",
    "a lost start": lambda line, chance: line[chance.randrange(1, len(line) - 1) :],
    "a lost middle": lambda line, chance: line[:40] + line[chance.randrange(50, len(line) - 1) :],
    "zeros": lambda line, chance: bytes(len(line) - 1) + b"\n",
    "a conflict marker before it": lambda line, chance: b"<<<<<<< HEAD\n",
    "another status": lambda line, chance: line.replace(b'"ok"', b'"failed"', 1),
    "another id": lambda line, chance: line[:10] + (b"0" if line[10:11] != b"0" else b"1") + line[11:],
    "NaN": lambda line, chance: line.replace(b'"seed": ', b'"seed": NaN, "was": ', 1),
    "no checksum": lambda line, chance: line.rpartition(b', "check"')[0] + b"}\n",
    "an older line joined to it": lambda line, chance: line[:-1] + line,
    "deep nesting": lambda line, chance: b"[" * 50_000 + b"\n",
    "invalid UTF-8": lambda line, chance: line[:50] + b"\xff\xfe" + line[50:],
}
WHOLE: dict[str, Damage] = {
    "empty": lambda content, chance: b"",
    "cut": lambda content, chance: content[: chance.randrange(1, len(content))],
    "a flipped bit": lambda content, chance: _flipped(content, chance),
    "zeros at the end": lambda content, chance: content[: len(content) // 2] + bytes(len(content) - len(content) // 2),
    "other content": lambda content, chance: chance.randbytes(len(content)),
    "twice as long": lambda content, chance: content + content,
}
RUN = RunSpec(
    data=DataConfig(name="digits", train_images=64),
    model=ModelConfig(name="resnet8", width=0.25),
    train=TrainConfig(epochs=1, batch_size=32),
)
SEARCH = SearchSpec(
    base=RUN, space=(Dimension(field="train.lr", low=0.01, high=0.1, log=True),), sampler="random", trials=3
)


def tortured(rounds: int, chance: random.Random, folder: Path) -> Counter:
    """Plants every kind of damage so many times in each place, and counts what that did."""
    found: Counter = Counter()
    for number in range(rounds):
        for packed in (False, True):
            for name, damage in LINES.items():
                found += _line(damage, chance, folder / f"{number}-{packed}-{name}", packed)
        for name, damage in WHOLE.items():
            found += _arrays(damage, chance, folder / f"{number}-arrays-{name}")
            found += _states(damage, chance, folder / f"{number}-states-{name}")
            found += _journal(damage, chance, folder / f"{number}-journal-{name}")
    found["kinds"] = 2 * len(LINES) + 3 * len(WHOLE)
    return found


def _flipped(content: bytes, chance: random.Random) -> bytes:
    place = chance.randrange(len(content))
    changed = bytes([content[place] ^ (1 << chance.randrange(8))])
    if changed in (b"\n", b"\r") or content[place : place + 1] == b"\n":  # another kind: a line that is torn in two
        return _flipped(content, chance)
    return content[:place] + changed + content[place + 1 :]


def _other_digit(line: bytes, chance: random.Random) -> bytes:
    places = [place for place, one in enumerate(line) if chr(one).isdigit()]
    place = chance.choice(places)
    return (
        line[:place] + str((int(line[place : place + 1]) + chance.randrange(1, 10)) % 10).encode() + line[place + 1 :]
    )


def _line(damage: Damage, chance: random.Random, folder: Path, packed: bool) -> Counter:
    store = Store(folder)
    for seed in range(5):
        store.append(_record(seed))
    if packed:
        store.pack()
    (path,) = folder.glob("*.jsonl")
    content = path.read_bytes().splitlines(keepends=True)
    victim = chance.randrange(5)
    identity = content[victim][8:24].decode()
    content[victim] = damage(content[victim], chance)
    path.write_bytes(b"".join(content))
    return _read_and_mended(folder, identity)


def _record(seed: int) -> dict:
    return {"id": f"{seed + 7:016x}", "status": "ok", "spec": {"seed": seed}, "metrics": {"top1": 50.0 + seed / 7}}


def _read_and_mended(folder: Path, identity: str) -> Counter:
    """A store with one damaged line: the others are there, it is named, and once made again all is well."""
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        store = Store(folder)
    found = Counter(planted=1, accepted=identity in store, unnamed=len(said) != 1, lost=4 - len(store))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for seed in range(5):
            store.append(_record(seed))
        found["unmended"] = store.pack().records != 5
    again = {record["id"]: record for record in Store(folder)}
    found["different"] = again != {_record(seed)["id"]: _record(seed) for seed in range(5)}
    return +found


def _arrays(damage: Damage, chance: random.Random, folder: Path) -> Counter:
    store = Store(folder)
    store.save_tensors("weights", {"a": torch.arange(50.0), "b": torch.ones(3, dtype=torch.bool)})
    return _whole(damage, chance, folder / "arrays/weights.safetensors", lambda: Store(folder).tensors("weights"))


def _states(damage: Damage, chance: random.Random, folder: Path) -> Counter:
    Store(folder).save_checkpoint("run", {"epoch": 3, "weights": torch.arange(50.0)})
    return _whole(damage, chance, folder / "checkpoints/run.pt", lambda: Store(folder).checkpoint("run"))


def _whole(damage: Damage, chance: random.Random, path: Path, read: Callable[[], object]) -> Counter:
    path.write_bytes(damage(path.read_bytes(), chance))
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        content, again = read(), read()
    return +Counter(planted=1, accepted=content is not None, unnamed=len(said) != 1 or again is not None)


def _journal(damage: Damage, chance: random.Random, folder: Path) -> Counter:
    """A damaged study: its search is refused, or is recorded as failed, or is what an undisturbed one is."""
    folder.mkdir(parents=True)
    storage = Conditions(storage=f"journal:{folder}/study.log")
    whole = runs.ensure(SEARCH, store := Store(folder / "first"), storage)
    kept = Store(folder / "second")
    for trial in whole["trials"]:
        kept.append(store.get(trial["run"]))
    (folder / "second/.name").write_text(store.name)
    path = folder / "study.log"
    path.write_bytes(damage(path.read_bytes(), chance))
    found = Counter(planted=1)
    try:
        record = runs.ensure(SEARCH, kept, storage)
        found["accepted"] = record["status"] != "failed" and not _same_trials(record, whole)
    except UserError as error:
        found["unnamed"] = "storage" not in str(error)
    found["lost"] = sum(trial["run"] not in Store(folder / "second") for trial in whole["trials"])
    found["unmended"] = bool(workers.run_all([SEARCH], Store(folder / "second")).missing)
    return +found


def _same_trials(one: dict, other: dict) -> bool:
    names = ("settings", "value", "state", "run")
    return [[trial[name] for name in names] for trial in one["trials"]] == [
        [trial[name] for name in names] for trial in other["trials"]
    ]


def odd_files(folder: Path) -> Counter:
    """Folders, pipes and links among the parts: named, and the rest is read."""
    Store(folder).append(_record(1))
    (folder / "part-a.jsonl").mkdir()
    os.mkfifo(folder / "part-b.jsonl")
    (folder / "part-c.jsonl").symlink_to("nowhere")
    (folder / "study.jsonl").write_text('{"op_code": 0}\n')
    (folder / "records.jsonl.d").mkdir()
    (folder / ".name").write_bytes(b"\xff")
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        store = Store(folder)
    return +Counter(planted=6, unnamed=len(said) != 1 or len(store.name) != 32, lost=len(store) != 1)
