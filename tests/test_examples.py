"""The examples: networks of other people's making, asked through the public functions, each in well under a minute."""

import runpy
from pathlib import Path

import pytest

from pruneproxy import asking

FOLDER = Path(__file__).resolve().parents[1] / "examples"
COPIES = {
    "mobilenet": set(asking.COPIES),
    "regression": {"pruned", "width"},
    "resnet18": set(asking.COPIES),
    "table": set(asking.COPIES) - {"resolution"},
    "vision_transformer": set(asking.COPIES) - {"resolution"},
}


def test_every_example_is_tried():
    assert {path.stem for path in FOLDER.glob("*.py")} == set(COPIES)


@pytest.mark.parametrize("name", sorted(COPIES))
def test_an_example_answers_within_its_budget(name, tmp_path, capsys):
    answered = runpy.run_path(str(FOLDER / f"{name}.py"))["main"](str(tmp_path), "20s")
    found = answered[0]
    assert {one.copy for one in found.answers} <= COPIES[name]
    assert {"network", *COPIES[name]} == set(found.scores["copy"]) and set(found.refused) == set(
        asking.COPIES
    ) - COPIES[name]
    assert found.sentence in capsys.readouterr().out
    for retuned in answered[1:]:
        assert retuned.kept == found.best and retuned.trainings >= 4


def test_what_cannot_be_made_of_a_transformer_is_said(tmp_path):
    module = runpy.run_path(str(FOLDER / "vision_transformer.py"))
    [found] = module["main"](str(tmp_path), "5s")
    assert "Wrong image height" in found.refused["resolution"]
