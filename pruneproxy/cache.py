"""Answers that follow from records and from the package's code, kept until one of them changes. Needs no torch."""

import contextlib
import functools
import hashlib
import json
import os
import uuid
from collections.abc import Callable, Iterable
from pathlib import Path

import platformdirs

SOURCE = Path(__file__).parent
SWITCH = "PRUNEPROXY_CACHE"  # `off` computes everything anew, a folder's name keeps the answers there


@functools.cache
def source_hash() -> str:
    """16 hex digits of sha256 over the package's code and data: two trees with equal ones compute the same."""
    found = hashlib.sha256()
    for path in sorted(path for kind in ("*.py", "*.toml", "*.csv") for path in SOURCE.rglob(kind)):
        found.update(path.relative_to(SOURCE).as_posix().encode() + path.read_bytes())
    return found.hexdigest()[:16]


def folders_hash(folders: Iterable[Path]) -> str:
    """The same over the records in some folders; those that are not there have none."""
    found = hashlib.sha256()
    for path in sorted(path for folder in folders for path in Path(folder).glob("*.jsonl")):
        found.update(str(path).encode() + path.read_bytes())
    return found.hexdigest()[:16]


def cached(name: str, key: Iterable, compute: Callable[[], object]):
    """What `compute` returns, as JSON has it: kept under `name` for these words of `key` and this source.

    A file that cannot be read is as good as none, and one that cannot be written keeps nobody from the answer.
    """
    place = os.environ.get(SWITCH, "")
    if place == "off":
        return _plain(compute())
    words = json.dumps([source_hash(), *map(str, key)])
    file = f"{name}-{hashlib.sha256(words.encode()).hexdigest()[:16]}.json"
    path = Path(place or platformdirs.user_cache_dir("pruneproxy")) / "answers" / file
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        answer = _plain(compute())
        _keep(path, answer)
        return answer


def _plain(answer):
    return json.loads(json.dumps(answer))


def _keep(path: Path, answer) -> None:
    temporary = path.with_suffix(f".{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary.write_text(json.dumps(answer), encoding="utf-8")
        os.replace(temporary, path)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
