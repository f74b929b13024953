"""Runs everything for some minutes, prints a table, and writes the figures that the book shows."""

import argparse
import json
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from pruneproxy.environment import commit, describe
from torture import damage, inputs, kills, load, power, writers

BAD = ("lost", "twice", "different", "unfinished", "accepted", "unnamed", "unmended", "tracebacks", "hangs", "odd")
BAD += ("stuck", "left behind", "slow")
FIGURES = Path(__file__).parents[2] / "book" / "torture.json"


def sections(size: float, chance: random.Random, folder: Path) -> dict:
    """What is done, at a size of 1 in some twenty minutes of two processors; each returns its counts."""
    return {
        "kills at random moments": lambda: kills.tortured(round(112 * size), chance, folder / "kills"),
        "damaged records, arrays, states and studies": lambda: damage.tortured(round(10 * size), chance, folder / "d"),
        "odd files among the records": lambda: damage.odd_files(folder / "odd"),
        "power cuts": lambda: power.tortured(round(6 * size), folder / "power"),
        "four writers beside packers that are killed": lambda: writers.contested(60 * size, chance, folder / "w"),
        "a full disk": lambda: writers.full_disk(folder / "full"),
        "a folder that is only to be read": lambda: writers.read_only(folder / "read"),
        "a hundred thousand records": lambda: load.measured(size, folder / "load"),
        "hostile command lines": lambda: inputs.command_lines(round(4000 * size), chance, folder / "lines"),
        "hostile copies of data sets": lambda: inputs.copies(round(2000 * size), chance, folder / "copies"),
    }


def main() -> int:
    """1 if anything was lost, doubled, accepted or unsaid, else 0."""
    parser = argparse.ArgumentParser(prog="torture", description=__doc__)
    parser.add_argument("--size", type=float, default=1.0, help="share of the full programme")
    parser.add_argument("--seed", type=int, default=0, help="of what is drawn")
    parser.add_argument("--keep", action="store_true", help=f"write the figures to {FIGURES.name}, for the book")
    parser.add_argument("--only", metavar="WORD", default="", help="only what has this word in its name")
    options = parser.parse_args()
    chance, found = random.Random(options.seed), {}
    with tempfile.TemporaryDirectory() as folder:
        for name, done in sections(options.size, chance, Path(folder)).items():
            if options.only not in name:
                continue
            began = time.monotonic()
            counts = +Counter(done())
            wrong = {key: counts.pop(key) for key in BAD if key in counts}
            found[name] = {"done": dict(counts), "wrong": wrong, "date": _today(), "commit": commit()}
            print(f"{name}: {said(counts)}; wrong: {said(wrong) if wrong else 'nothing'}", flush=True)
            print(f"    ({time.monotonic() - began:.0f} s)", flush=True)
    bad = sum(count for one in found.values() for count in one["wrong"].values())
    print(f"{bad} of these should not be")
    if options.keep:
        known = json.loads(FIGURES.read_text(encoding="utf-8"))["sections"] if FIGURES.exists() else {}
        about = {"seed": options.seed, "device": describe("cpu")["device"], "sections": known | found}
        FIGURES.write_text(json.dumps(about, indent=1) + "\n", encoding="utf-8")
    return 1 if bad else 0


def _today() -> str:
    return datetime.now(UTC).date().isoformat()


def said(counts: Mapping[str, float]) -> str:
    """The counts in words."""
    return ", ".join(f"{count:,} {name}" for name, count in counts.items()) or "not possible here"


if __name__ == "__main__":
    sys.exit(main())
