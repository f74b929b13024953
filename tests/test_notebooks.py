"""Every notebook runs in a fresh store and shows what is stored in it; a wrong stored value is found."""

import copy
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import nbformat
import pytest

from pruneproxy.book import contents, execute, making
from pruneproxy.book.parameters import check_parameters, parameter_names
from pruneproxy.errors import UserError

ROOT = Path(__file__).resolve().parents[1]
NOTEBOOKS = sorted(path for path in (ROOT / "notebooks").rglob("*.ipynb") if ".ipynb_checkpoints" not in path.parts)
CHECKED = "nbval-check-output"
SKELETON = (  # cells that every chapter has
    *("study.answers(", "study.beside(", "study.why(", "study.changes(", "study.take_away(", "study.closing("),
    *("## The paper beside ours", "## Why it may differ"),
)
by_name = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.stem)


def nbval(notebook: Path, records: Path) -> subprocess.CompletedProcess:
    """Runs a notebook from its first cell in a store of its own and compares the tagged cells with what is stored."""
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", "-c", os.devnull]
    command += ["--nbval-lax", "--nbval-current-env", "--nbval-sanitize-with", str(ROOT / "tests/nbval.cfg")]
    environment = {**os.environ, "PRUNEPROXY_RECORDS": str(records), "PYTHONPATH": str(ROOT)}
    command.append(str(notebook))
    return subprocess.run(command, cwd=notebook.parent, env=environment, capture_output=True, text=True)


def small_notebook(*, stored: str = "42") -> nbformat.NotebookNode:
    """A notebook with a parameter and one checked cell, whose stored output is `stored`."""
    new = nbformat.v4
    output = new.new_output("execute_result", {"text/plain": stored}, execution_count=2)
    cells = [
        new.new_code_cell("factor: int = 6", metadata={"tags": ["parameters"]}, execution_count=1),
        new.new_code_cell("7 * factor", metadata={"tags": [CHECKED]}, execution_count=2, outputs=[output]),
    ]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new.new_notebook(cells=cells, metadata={"kernelspec": kernel})


def written(content: nbformat.NotebookNode, path: Path) -> Path:
    nbformat.write(content, path)
    return path


def checked_cells(notebook: Path) -> list:
    return [cell for cell in nbformat.read(notebook, 4).cells if CHECKED in cell.metadata.get("tags", [])]


@by_name
def test_a_notebook_run_in_a_fresh_store_shows_what_is_stored_in_it(notebook, tmp_path):
    result = nbval(notebook, tmp_path / "records")
    assert result.returncode == 0, result.stdout[-6000:] + result.stderr[-2000:]


@by_name
def test_a_notebook_has_stored_outputs_that_are_checked_and_tagged_parameters(notebook):
    assert [cell for cell in checked_cells(notebook) if cell.outputs]
    assert {"scale", "records", "missing"} <= set(parameter_names(notebook))


@by_name
def test_a_notebook_is_short_and_carries_no_traces_of_a_tool(notebook):
    content = nbformat.read(notebook, 4)
    code = [cell for cell in content.cells if cell.cell_type == "code"]
    own = [cell for cell in content.cells if not cell.source.startswith(SKELETON)]
    lines = sum(1 for cell in own if cell.cell_type == "code" for line in cell.source.splitlines() if line.strip())
    assert len(own) <= 30 and lines <= 130
    assert "papermill" not in content.metadata and not any("papermill" in cell.metadata for cell in content.cells)
    assert all(cell.execution_count for cell in code if cell.outputs)
    outputs = [output for cell in code for output in cell.outputs]
    assert not [output for output in outputs if output.output_type == "error" or output.get("name") == "stderr"]


@by_name
def test_a_figure_of_a_notebook_has_an_alternative_text(notebook):
    for cell in nbformat.read(notebook, 4).cells:
        images = [output for output in cell.get("outputs", []) if "image/png" in output.get("data", {})]
        assert not images or cell.metadata.get("mystnb", {}).get("image", {}).get("alt"), cell.source


@by_name
def test_every_notebook_is_in_the_book(notebook):
    assert notebook in contents.notebooks(ROOT)


@pytest.mark.skipif(not NOTEBOOKS, reason="there are no notebooks")
def test_a_wrong_stored_value_in_a_copy_of_a_notebook_is_found(tmp_path):
    source = next((path for path in NOTEBOOKS if path.name.startswith("1-")), NOTEBOOKS[0])
    content = nbformat.read(source, 4)
    planted = copy.deepcopy(content)
    plant(planted)
    assert planted != content
    result = nbval(written(planted, tmp_path / source.name), tmp_path / "records")
    assert result.returncode == 1 and "mismatch" in result.stdout


def plant(content: nbformat.NotebookNode) -> None:
    """Changes the first digit of the first checked text."""
    checked = [cell for cell in content.cells if CHECKED in cell.metadata.get("tags", [])]
    holders = [output.get("data", output) for cell in checked for output in cell.outputs]
    texts = [(holder, key) for holder in holders for key in holder if key.startswith("text")]
    holder, key = next((holder, key) for holder, key in texts if re.search(r"\d", holder[key]))
    holder[key] = re.sub(r"\d", lambda digit: str((int(digit[0]) + 1) % 10), holder[key], count=1)


def test_a_wrong_stored_value_fails_and_the_right_one_passes(tmp_path):
    assert nbval(written(small_notebook(stored="42"), tmp_path / "right.ipynb"), tmp_path).returncode == 0
    wrong = nbval(written(small_notebook(stored="43"), tmp_path / "wrong.ipynb"), tmp_path)
    assert wrong.returncode == 1 and "mismatch" in wrong.stdout


def test_executing_leaves_the_source_and_hides_the_injected_parameters(tmp_path):
    source = written(small_notebook(), tmp_path / "source.ipynb")
    before = source.read_bytes()
    seen = []
    job = execute.Job(source=source, output=tmp_path / "out/source.ipynb", parameters={"factor": 3})
    execute.run_all([job], workers=1, report=lambda job, seconds: seen.append((job.source, seconds)))
    cells = nbformat.read(job.output, 4).cells
    injected = next(cell for cell in cells if execute.INJECTED in cell.metadata.tags)
    assert source.read_bytes() == before
    assert cells[-1].outputs[0].data["text/plain"] == "21"
    assert "remove-cell" in injected.metadata.tags
    assert seen[0][0] == source and seen[0][1] > 0


def test_a_page_is_made_again_only_when_something_that_it_rests_on_has_changed(tmp_path, monkeypatch):
    monkeypatch.setenv("PRUNEPROXY_CACHE", str(tmp_path / "kept"))
    content, lines = small_notebook(), tmp_path / "lines.txt"
    content.cells[-1].source += f"\nwith open({str(lines)!r}, 'a') as file:\n    print('run', file=file)"
    source = written(content, tmp_path / "source.ipynb")
    job = execute.Job(source=source, output=tmp_path / "out.ipynb", parameters={"factor": 3}, rests_on=("records",))
    execute.run(job)
    first = job.output.read_bytes()
    job.output.unlink()
    execute.run(job)
    assert job.output.read_bytes() == first and lines.read_text() == "run\n"
    changed = [{"rests_on": ("others",)}, {"parameters": {"factor": 4}}, {"rests_on": None}]
    for count, change in enumerate(changed, 2):
        execute.run(replace(job, **change))
        assert lines.read_text() == count * "run\n"
    source.write_text(source.read_text().replace("'run'", "'run', 1"))
    execute.run(job)
    assert lines.read_text().endswith("run 1\n")


def test_pages_rest_on_the_records_and_on_those_that_are_asked_for(tmp_path):
    def digest():
        return making.rests_on(tmp_path, {"records": str(tmp_path / "mine")})

    (tmp_path / "notebooks/records/hp_space").mkdir(parents=True)
    (tmp_path / "mine").mkdir()
    found = [digest()]
    for folder in ("notebooks/records/hp_space", "mine"):
        (tmp_path / folder / "records.jsonl").write_text("{}")
        found.append(digest())
    assert len(set(found)) == 3 and digest() == found[-1]


def test_an_unknown_parameter_is_an_error_that_names_the_valid_ones(tmp_path):
    source = written(small_notebook(), tmp_path / "source.ipynb")
    with pytest.raises(UserError, match="unknown parameter of source.ipynb 'facter'.*expected one of factor"):
        check_parameters(source, ["factor", "facter"])


def test_an_error_in_a_cell_names_the_notebook_and_keeps_what_was_run(tmp_path):
    content = small_notebook()
    content.cells[-1].source = "1 / 0"
    job = execute.Job(source=written(content, tmp_path / "source.ipynb"), output=tmp_path / "out.ipynb")
    with pytest.raises(UserError, match="source.ipynb stopped in cell .*ZeroDivisionError"):
        execute.run_all([job], workers=1)
    assert job.output.is_file()
