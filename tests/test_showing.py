"""One page run again with other parameters, and what is taken out of it."""

import base64
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from pruneproxy.__main__ import main
from pruneproxy.book import showing
from pruneproxy.book.exporting import EXPORTED

SVG, PICTURE = "<svg></svg>", base64.b64encode(b"picture").decode()


def test_a_page_with_changed_parameters_and_all_that_is_in_it(tmp_path, monkeypatch, capsys):
    for name, value in {"PRUNEPROXY_RECORDS": tmp_path / "records", "MPLBACKEND": "agg", EXPORTED: ""}.items():
        monkeypatch.setenv(name, str(value))  # and puts back what the command changes
    words = ["--set", "epochs=1", "--set", "lr_points=2", "--set", "weight_decay_points=2"]
    assert main(["show", "hp_space/2-landscape", *words, "--output", str(tmp_path), "--take", str(tmp_path / "t")]) == 0
    said = capsys.readouterr().err
    page = Path(next(line for line in said.splitlines() if line.startswith("open "))[5:])
    assert "<h1>" in page.read_text() and page.parts[-3:] == ("notebooks", "hp_space", "2-landscape.html")
    tables = [pd.read_csv(path) for path in (tmp_path / "t").glob("*.csv")]
    cuts = next(table for table in tables if "here" in table).set_index("setting")["here"]
    assert cuts["learning rates in the grid"] == "2"
    assert any("<svg" in path.read_text() for path in (tmp_path / "t").glob("*.svg"))


@pytest.mark.parametrize(
    "words, hint",
    [
        (["hp_space/2-landscap"], "did you mean 'hp_space/2-landscape'"),
        (["hp_space/2-landscape", "--set", "lrpoints=2"], "lr_points"),
        (["hp_space/2-landscape", "--figures", "gif"], "png, svg, pdf"),
    ],
)
def test_what_there_is_not_is_one_sentence(tmp_path, capsys, words, hint):
    assert main(["show", *words, "--output", str(tmp_path)]) == 2
    assert hint in capsys.readouterr().err


def test_of_a_figure_the_form_that_scales_is_taken(tmp_path):
    outputs = [{"image/svg+xml": SVG, "image/png": PICTURE}, {"image/png": PICTURE}, {"text/csv": "a\n1\n"}]
    cell = nbformat.v4.new_code_cell(
        outputs=[nbformat.v4.new_output("display_data", data=data) for data in (*outputs, {"text/plain": "no"})]
    )
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "page.ipynb")
    files = showing.taken(tmp_path / "page.ipynb", tmp_path / "out")
    assert [path.name for path in files] == ["page-01.svg", "page-02.png", "page-03.csv"]
    assert [path.read_bytes() for path in files] == [SVG.encode(), b"picture", b"a\n1\n"]
