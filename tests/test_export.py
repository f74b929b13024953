"""Records as a table: what becomes a column, what is written, and what is refused."""

import importlib.util
import json

import pandas as pd
import pytest

from pruneproxy.__main__ import main
from pruneproxy.errors import UserError
from pruneproxy.store import Store, export

RECORD = {
    "id": "0" * 16,
    "kind": "asked",
    "status": "ok",
    "spec": {"copy": "width", "settings": [["lr", 0.1], ["batch", 32]], "train": {"lr": 0.1, "milestones": [0.5, 0.7]}},
    "metrics": {"top1": 71.5},
    "history": {"loss": [2.0, 1.0]},
}


@pytest.fixture
def folder(tmp_path):
    store = Store(tmp_path / "records")
    store.append(RECORD)
    store.append(RECORD | {"id": "1" * 16, "metrics": {"top1": None}, "spec": {"copy": 3}})
    return store.folder


def test_what_is_nested_has_columns_and_lists_are_json(folder):
    first, second = export.frame({"mine": Store(folder)}).sort_values("id").to_dict("records")
    assert (first["records"], first["spec.train.lr"], first["metrics.top1"]) == ("mine", 0.1, 71.5)
    assert (first["spec.settings.lr"], first["spec.settings.batch"]) == (0.1, 32)
    assert json.loads(first["spec.train.milestones"]) == [0.5, 0.7] and json.loads(first["history"]) == {"loss": [2, 1]}
    assert pd.isna(second["metrics.top1"]) and pd.isna(second["spec.train.lr"])


def test_a_column_has_values_of_one_type(folder):
    table = export.frame({"mine": Store(folder)})
    assert sorted(table["spec.copy"]) == ["3", "width"]
    assert all(table[name].dropna().map(type).nunique() <= 1 for name in table)


def test_the_command_writes_csv(folder, tmp_path, capsys):
    assert main(["export", str(folder), "--csv", str(tmp_path / "out.csv")]) == 0
    written = pd.read_csv(tmp_path / "out.csv", dtype={"id": str})
    assert sorted(written["id"]) == ["0" * 16, "1" * 16] and "2 records" in capsys.readouterr().out


def test_parquet_is_written_where_pyarrow_is_and_else_says_what_to_do(folder, tmp_path, capsys):
    code = main(["export", str(folder), "--parquet", str(tmp_path / "out.parquet")])
    if importlib.util.find_spec("pyarrow"):
        expected = export.frame({"records": Store(folder)})
        assert code == 0
        pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "out.parquet"), expected, check_dtype=False)
    else:
        assert code == 2 and "pip install pyarrow, or write CSV" in capsys.readouterr().err


@pytest.mark.parametrize("words", [["export", "nowhere", "--csv", "x"], ["export", "hp_space"]])
def test_what_cannot_be_exported_is_one_sentence(words, capsys):
    assert main(words) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_an_empty_folder_is_one_sentence(tmp_path):
    with pytest.raises(UserError, match="expected records in"):
        export.frame({"mine": Store(tmp_path)})
