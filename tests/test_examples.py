"""The examples: networks of other people's making, asked through the public functions, each in under a minute."""

import runpy
import time
from pathlib import Path

import pytest

from pruneproxy.asking import COPIES

FOLDER = Path(__file__).resolve().parents[1] / "examples"
REFUSED = {  # copies that cannot be made, and a part of the reason
    "mobilenet": {},
    "regression": dict.fromkeys(("mup", "subset", "resolution"), "whose data and optimiser are its own"),
    "resnet18": {},
    "table": {"resolution": "expected images of 8-bit pixels"},
    "vision_transformer": {"resolution": "Wrong image height"},
}


def test_every_example_is_tried():
    assert {path.stem for path in FOLDER.glob("*.py")} == set(REFUSED)


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_an_example_answers_in_under_a_minute_and_says_which_copies_cannot_be_made(name, tmp_path, capsys):
    started = time.process_time()  # whatever else the machine does
    found, *retuned = runpy.run_path(str(FOLDER / f"{name}.py"))["main"](str(tmp_path), "1h")
    assert time.process_time() - started < 60
    possible = set(COPIES) - set(REFUSED[name])
    assert found.complete and {one.copy for one in found.answers} == possible
    assert set(found.scores["copy"]) == {"network", *possible} and set(found.refused) == set(REFUSED[name])
    assert all(part in found.refused[copy] for copy, part in REFUSED[name].items())
    assert found.sentence in capsys.readouterr().out
    for one in retuned:
        assert one.complete and one.kept == found.best and one.trainings >= 4
