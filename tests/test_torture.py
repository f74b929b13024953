"""A short form of the torture: every kind of fault once or twice."""

import random
import sys

import pytest
from torture import __main__ as torture
from torture import damage, inputs, kills, writers

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="faults are planted by means of Linux")


def nothing_wrong(counts):
    return not {name: count for name, count in counts.items() if name in torture.BAD and count}


@pytest.mark.parametrize(
    "scene", kills.SCENES[::4], ids=lambda scene: f"{scene.words[0]} {scene.victim} {scene.storage[:7]}"
)
@pytest.mark.slow
def test_killed_commands_end_as_undisturbed_ones(tmp_path, scene):
    found = kills.tortured(1, random.Random(0), tmp_path, [scene])
    assert found["kills"] == 1 and nothing_wrong(found)


def test_every_kind_of_damage_is_named_and_mended(tmp_path):
    found = damage.tortured(1, random.Random(0), tmp_path)
    assert found["kinds"] >= 40 and found["planted"] == found["kinds"] and nothing_wrong(found)


def test_writers_and_packers_lose_nothing(tmp_path):
    found = writers.contested(3, random.Random(0), tmp_path, writers=2)
    assert found["appends"] > 50 and found["packers"] > 0 and nothing_wrong(found)


def test_full_and_unwritable_disks_are_a_sentence(tmp_path):
    found = writers.full_disk(tmp_path / "full") + writers.read_only(tmp_path / "read")
    if not found["planted"]:
        pytest.skip("mounting needs root")
    assert nothing_wrong(found)


def test_hostile_command_lines_and_copies_are_a_sentence_or_work(tmp_path, capsys):
    found = inputs.command_lines(60, random.Random(1), tmp_path / "lines")
    found += inputs.copies(200, random.Random(1), tmp_path / "copies")
    assert found["inputs"] == 260 and nothing_wrong(found), capsys.readouterr().out
