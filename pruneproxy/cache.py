"""Answers that follow from records and from the package's code, kept until one of them changes. Needs no torch."""

import contextlib
import functools
import hashlib
import json
import os
import uuid
import warnings
from collections.abc import Callable, Iterable
from pathlib import Path

import platformdirs

from pruneproxy.errors import Damaged

SOURCE = Path(__file__).parent
SWITCH = "PRUNEPROXY_CACHE"  # `off` computes everything anew, a folder's name keeps the answers there
KEPT = 300  # answers of one name, the newest ones


@functools.cache
def source_hash(*parts: str) -> str:
    """16 hex digits of sha256 over the package's code and data: two trees with equal ones compute the same.

    `parts` are modules or folders of the package, such as "costs" and "recipes/hp_space"; without any it is all of it.
    """
    found = hashlib.sha256()
    for path in sorted({path for part in parts or ("",) for path in _files(part)}):
        found.update(path.relative_to(SOURCE).as_posix().encode() + path.read_bytes())
    return found.hexdigest()[:16]


def _files(part: str) -> list[Path]:
    module = SOURCE / f"{part}.py"
    if part and module.is_file():
        return [module]
    found = [path for kind in ("*.py", "*.toml", "*.csv") for path in (SOURCE / part).rglob(kind)]
    if not found:
        raise LookupError(f"expected a part of the package, got {part!r}")
    return found


def folders_hash(folders: Iterable[Path]) -> str:
    """The same over the records in some folders; those that are not there have none."""
    found = hashlib.sha256()
    for path in sorted(path for folder in folders for path in Path(folder).glob("*.jsonl") if path.is_file()):
        with path.open("rb") as file:
            found.update(str(path).encode() + hashlib.file_digest(file, "sha256").digest())
    return found.hexdigest()[:16]


def cached(name: str, key: Iterable, compute: Callable[[], object], *, parts: Iterable[str] = ()):
    """What `compute` returns, as JSON has it: kept under `name` for these words of `key` and this source.

    `parts` names the parts of the package that the answer depends on, if not all. A file that cannot be read is as good
    as none, one that cannot be written keeps nobody from the answer, and any number of processes may write. An answer
    from damaged records is not kept: the next one who asks has to hear of them too.
    """
    place = os.environ.get(SWITCH, "")
    if place == "off":
        return _plain(compute())
    words = json.dumps([source_hash(*parts), *map(str, key)])
    file = f"{name}-{hashlib.sha256(words.encode()).hexdigest()[:16]}.json"
    path = Path(place or platformdirs.user_cache_dir("pruneproxy")) / "answers" / file
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        with warnings.catch_warnings(record=True) as warned:
            answer = _plain(compute())
        for one in warned:
            warnings.warn_explicit(one.message, one.category, one.filename, one.lineno)
        if not any(issubclass(one.category, Damaged) for one in warned):
            _keep(path, answer)
            _forget_old(path.parent, name)
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


def _forget_old(folder: Path, name: str) -> None:
    """Removes all answers of a name but the newest: each change of records or code leaves one behind."""
    with contextlib.suppress(OSError):  # another process may have removed one
        for old in sorted(folder.glob(f"{name}-*.json"), key=lambda path: path.stat().st_mtime)[:-KEPT]:
            old.unlink(missing_ok=True)
