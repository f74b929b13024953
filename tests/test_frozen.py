"""What may only change on purpose: the ids of all specs, and the effects that the committed records give.

`python tests/test_frozen.py` writes the files anew; a change of them belongs into the commit that means it.
"""

import hashlib
import json
from pathlib import Path

import pytest

from pruneproxy.book import evidence
from pruneproxy.recipes import RECIPES

ROOT = Path(__file__).resolve().parents[1]
FROZEN = ROOT / "tests" / "frozen"
CASES = [(stem, scale) for stem, recipe in RECIPES.items() for scale in recipe.scales]


def read(name: str) -> dict:
    return json.loads((FROZEN / f"{name}.json").read_text(encoding="utf-8"))


def names_of(stem: str, scale: str) -> dict:
    ids = sorted(spec.id for spec in RECIPES[stem].specs(scale))
    return {"count": len(ids), "sha256": hashlib.sha256("\n".join(ids).encode()).hexdigest()}


def numbers(effect: dict) -> list[float]:
    found = (effect["value"], *(effect["interval"] or (None, None)), effect["p"])
    return [float("nan") if number is None else number for number in found]


def effects() -> dict:
    return {
        verdict.claim: {"grade": verdict.grade, "value": verdict.value, "interval": verdict.interval, "p": verdict.p}
        for verdict in evidence.read(ROOT / evidence.RECORDS).verdicts
    }


@pytest.mark.parametrize(("stem", "scale"), CASES)
def test_the_ids_of_all_specs_are_as_they_were(stem, scale):
    assert names_of(stem, scale) == read("specs")[f"{stem} {scale}"]


def test_the_committed_records_give_the_effects_that_they_gave():
    known = read("verdicts")
    for claim, found in effects().items():
        assert found["grade"] == known[claim]["grade"], claim
        assert numbers(found) == pytest.approx(numbers(known[claim]), rel=1e-6, abs=1e-9, nan_ok=True), claim


def write():
    frozen = {
        "specs": {f"{stem} {scale}": names_of(stem, scale) for stem, scale in CASES},
        "verdicts": effects(),
    }
    for name, content in frozen.items():
        (FROZEN / f"{name}.json").write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    write()
