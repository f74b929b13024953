"""Thousands of hostile command lines and copies of data sets: one sentence each, or it works."""

import contextlib
import io
import random
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import hostile_data
import hostile_values
from faults import Late, in_time

from pruneproxy import data
from pruneproxy.__main__ import main
from pruneproxy.errors import UserError

HANGS = 10  # seconds


def _judged(call: Callable[[], bool]) -> Counter:
    """Whether a call ended as it should; what else happened is counted."""
    try:
        with in_time(HANGS):
            return Counter(inputs=1, odd=not call())
    except Late:
        return Counter(inputs=1, hangs=1)
    except Exception:
        return Counter(inputs=1, tracebacks=1)


def command_lines(count: int, chance: random.Random, folder: Path) -> Counter:
    """Argument lists that `main` must answer with an exit code, and with at most one sentence when that is 2."""
    found: Counter = Counter()
    for number, words in enumerate(hostile_values.cases(chance.randrange(2**32), count)):
        place = folder / str(number % 50)  # some meet what another has left
        one = _judged(lambda words=words, place=place: _answered(words, place))
        found += one
        if +one != Counter(inputs=1):
            print(f"{dict(+one)}: {' '.join(words)[:300]!r}")
    return found


def _answered(words: list[str], place: Path) -> bool:
    said = io.StringIO()
    with contextlib.redirect_stderr(said), contextlib.redirect_stdout(io.StringIO()):
        try:
            code = main([word.replace(hostile_values.RECORDS, str(place)) for word in words])
        except SystemExit as end:  # --help and --version
            return end.code in (0, None)
    text = [line for line in said.getvalue().splitlines() if not line.startswith("pruneproxy: warning")]
    if any("Traceback" in line or "Exception ignored" in line for line in text):
        return False
    return code in (0, 1, 3) or (code == 2 and len(text) == 1 and text[0].startswith("pruneproxy: "))


def copies(count: int, chance: random.Random, folder: Path) -> Counter:
    """Copies of data sets that an import must take or refuse, leaving nothing behind in the data folder."""
    found: Counter = Counter()
    few_rows = {"higgs": hostile_data.SMALL_HIGGS}  # of which a tiny copy can be whole
    with mock.patch.dict(data.CATALOGUE, few_rows):
        for name, what, build in hostile_data.cases(chance.randrange(2**32), count):
            one = _copy(name, build, folder)
            found += one
            if +one != Counter(inputs=1):
                print(f"{dict(+one)}: {name}, {what}")
    return found


def _copy(name: str, build: Callable[[Path], Path], folder: Path) -> Counter:
    place, root = folder / "copy", folder / "data"
    place.mkdir(parents=True)
    found = _judged(lambda: _taken(name, build(place), root))
    found["left behind"] += any(path.name.startswith(".") for path in root.glob("*"))
    shutil.rmtree(folder)
    return found


def _taken(name: str, path: Path, root: Path) -> bool:
    with contextlib.suppress(UserError):
        data.import_set(name, path, root)
    return True
