"""What counts of a folder of records, what to run next, and whether records repeat."""

from dataclasses import replace

import pytest

from pruneproxy import runs, workers
from pruneproxy.__main__ import main
from pruneproxy.recipes import RECIPES, deciding, hp_space, standing
from pruneproxy.recipes.recipe import Recipe
from pruneproxy.runs import verifying
from pruneproxy.store import Store

SMALL = {"lr_points": 2, "weight_decay_points": 2, "epochs": 1, "evaluate_every": 1, "seeds": 2}


@pytest.fixture(scope="module")
def small():
    return hp_space.cases("smoke", **SMALL)[0]


@pytest.fixture(scope="module")
def store(tmp_path_factory, small):
    """Two seeds of a small grid, and one run of the third."""
    found = Store(tmp_path_factory.mktemp("records") / "hp_space")
    workers.run_all([*hp_space.grid(small), hp_space.grid(replace(small, seeds=3))[-1]], found)
    return found


def test_a_case_counts_with_its_whole_seeds_only(store, small):
    more = replace(small, seeds=5)
    assert standing.complete_seeds(RECIPES["hp_space"], more, store) == 2
    assert standing.complete_cases(RECIPES["hp_space"], [more], store) == (small,)
    other = replace(small, lr_log10=(-1.5, -0.5))
    assert standing.complete_cases(RECIPES["hp_space"], [other], store) == ()


def test_blocks_beyond_the_protocols_own_count_where_evidence_grows(store, small):
    one = replace(small, seeds=1)
    assert standing.complete_seeds(RECIPES["hp_space"], one, store) == 1
    assert standing.complete_seeds(RECIPES["hp_space"], one, store, growing=True) == 2


def test_looks_are_counted_in_blocks_of_the_protocols_seeds():
    recipe = RECIPES["hp_space"]
    cases = recipe.cases("lab")
    assert standing.look_at(recipe, "smoke", cases) is None and standing.look_at(recipe, "lab", cases) == 0
    assert standing.look_at(recipe, "lab", [replace(case, seeds=2 * case.seeds) for case in cases]) == 1


def test_a_scale_of_which_nothing_is_complete_is_not_shown(tmp_path):
    assert standing.largest_scale(RECIPES["hp_space"], Store(tmp_path)) == "smoke"


@pytest.fixture
def growing(monkeypatch, small):
    """As if scale smoke were the one that grows, with the small grid as its only case."""
    for module in (standing, deciding):
        monkeypatch.setattr(module, "GROWING", ("smoke",))

    monkeypatch.setattr(Recipe, "cases", lambda self, scale, **overrides: (replace(small, seeds=2),))


def test_the_next_block_is_that_of_the_case_whose_claims_are_open(store, growing, small):
    (block,) = deciding.blocks(["hp_space"], records=str(store.folder))
    assert block.seeds == 4 and len(block.specs) == 2 * len(hp_space.grid(replace(small, seeds=2)))
    assert block.seconds > 0


def test_deciding_runs_until_the_budget_is_spent_and_says_what_is_left(store, growing, small, tmp_path):
    said = []
    made, left = deciding.decide(["hp_space"], budget=0.0, records=str(tmp_path), say=said.append)
    assert made == 0 and left[0].seeds == 2 and "HS-01" in left[0].claims and said == []
    made, left = deciding.decide(["hp_space"], budget=4.0, records=str(tmp_path), say=said.append)
    assert made > 0 and "hp_space, ResNet-8 x 0.5: up to 2 seeds, for HS-01" in said[0]


def test_records_of_this_machine_repeat_bit_by_bit(store):
    found = list(verifying.verified(store, sample=3))
    assert [one.outcome for one in found] == ["identical"] * 3 and len({one.id for one in found}) == 3
    assert [one.id for one in verifying.verified(store, sample=3)] == [one.id for one in found]


def planted(store, folder, change) -> Store:
    """A copy of the store in which every training claims another accuracy and other weights."""
    other = Store(folder)
    for record in store:
        if record["kind"] == "run":
            metrics = record["metrics"] | {"top1": record["metrics"]["top1"] + change(record)}
            record = record | {"weights": "0" * 16, "metrics": metrics}
        other.append(record)
    return other


def test_a_record_that_says_something_else_is_found(store, tmp_path, capsys):
    near = planted(store, tmp_path / "near", lambda record: 0.1 + record["spec"]["seed"])
    assert {one.outcome for one in verifying.verified(near, sample=2)} <= {"within the noise", "not comparable"}
    far = planted(store, tmp_path / "far", lambda record: 60.0)
    assert main(["verify", "hp_space", "--sample", "2", "--records", str(far.folder)]) == 1
    assert "2 different" in capsys.readouterr().out


def test_verifying_nothing_is_one_sentence(tmp_path, capsys):
    assert main(["verify", "hp_space", "--records", str(tmp_path)]) == 2
    assert "expected records of trainings" in capsys.readouterr().err
    assert main(["verify", "hp_space", "--sample", "0", "--records", str(tmp_path)]) == 2
    assert "expected --sample of at least 1" in capsys.readouterr().err


def test_a_failed_run_is_failed_and_not_left(tmp_path, capsys, monkeypatch):
    def broken(self, store, conditions):
        raise RuntimeError("no memory")

    monkeypatch.setattr(runs.RunSpec, "execute", broken)
    words = ["run", "hp_space", "--scale", "smoke", "--records", str(tmp_path), "--device", "cpu"]
    settings = [
        word for name, value in (SMALL | {"methods": "uniform"}).items() for word in ("--set", f"{name}={value}")
    ]
    assert main([*words, *settings, "--set", "scored=init"]) == 1
    assert "0 runs done, 16 failed, 0 left: the same command goes on" in capsys.readouterr().err
