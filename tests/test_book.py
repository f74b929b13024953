"""The book: its parts written from records, its strict build, and its pages as a browser sees them."""

import re
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from devtools import Browser, executable

from pruneproxy.book import contents, docstrings, evidence, html, making, pages, picture
from pruneproxy.book.__main__ import assignment, main
from pruneproxy.errors import UserError
from pruneproxy.evidence.claims import Claim
from pruneproxy.evidence.ledger import Row
from pruneproxy.evidence.verdicts import Verdict

ROOT = Path(__file__).resolve().parents[1]
CLAIM = Claim(
    id="X-1",
    text="Water is wet | always.",
    place="Sec. 1",
    measures="wetness",
    asks="usually",
    supported=("mean wetness > 1",),
    contradicted=("mean wetness <= 0",),
    needs="water",
)
VERDICT = Verdict(
    claim="X-1",
    grade="supported",
    effect="wetness 2.00",
    value=2.0,
    interval=(1.5, 2.5),
    p=0.01,
    seeds=3,
    scale="lab",
    records=("a", "b"),
)
ROW = Row(
    id="X-L1",
    paper="x",
    place="Sec. 1",
    text="adds",
    code="multiplies",
    ours="adds",
    why="it is what is meant",
    option="x.y",
    test="tests/test_x.py::test_y",
)
SEEN = {
    "titles": "[...document.querySelectorAll('h1')].map(one => one.innerText.trim()).filter(Boolean)",
    "without_alt": "[...document.images].filter(one => !one.alt.trim()).map(one => one.src)",
    "broken": "[...document.images].filter(one => one.complete && !one.naturalWidth).map(one => one.src)",
    "bad_maths": "document.querySelectorAll('mjx-merror, [data-mjx-error]').length",
    "raw_maths": "document.querySelectorAll('.math:not(:has(mjx-container))').length",
}
LOCAL = ("file:", "data:", "blob:")


# What is written from records.


def test_more_seeds_show_smaller_differences():
    rows = [[float(cell) for cell in line.strip("| ").split(" | ")] for line in pages.power_table().splitlines()[2:]]
    assert [row[0] for row in rows] == [3, 5, 10, 20]
    assert all(one[1:] > more[1:] for one, more in zip(rows, rows[1:], strict=False))
    assert all(row[1] < row[2] < row[3] for row in rows)


def test_a_row_of_the_ledger_shows_both_readings_the_default_and_its_test():
    section = pages.ledger_table([replace(ROW, default="mean", protocol={"paper": ["sum", 2]})])
    assert 'Option: `x.y`, default `"mean"`, at scale paper `["sum", 2]`.' in section
    assert all(text in section for text in ("X-L1", "| adds | multiplies |", "`x.y`", f"`{ROW.test}`", ROW.why))


def test_the_reference_has_every_public_module_under_its_layer():
    reference = pages.api_reference()
    assert reference.index("## Foundations") < reference.index("pruneproxy.errors") < reference.index("## Pure maths")
    assert ".. automodule:: pruneproxy.store" in reference and "__main__" not in reference


def test_filling_replaces_what_stood_between_the_markers():
    text = "a\n<!-- x:start -->\nold\n<!-- x:end -->\nb\n"
    once = html.filled(text, "x", "new")
    assert once == "a\n<!-- x:start -->\nnew\n<!-- x:end -->\nb\n"
    assert html.filled(once, "x", "new") == once


def test_a_page_without_markers_is_an_error():
    with pytest.raises(UserError, match="expected the markers <!-- x:start -->"):
        html.filled("nothing here", "x", "new")


def test_the_readme_and_its_picture_show_the_committed_records():
    found = evidence.read(ROOT / evidence.RECORDS)
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    said = pages.answer(found.claims, found.verdicts, found.proxies, picture="book/_static/answer.svg")
    assert text == html.filled(text, "answer", said), "run `python -m pruneproxy.book --readme`"
    kept = (ROOT / "book/_static/answer.svg").read_text(encoding="utf-8")
    assert labels(picture.drawn(found.proxies)) == labels(kept), "run `python -m pruneproxy.book --readme`"


def labels(svg: str) -> list[str]:
    """The texts of a picture, in order: they follow from the records alone, lines also from Matplotlib's version."""
    return re.findall(r">([^<>\s][^<>]*)</text>", svg)


def test_evidence_is_judged_once_for_the_same_records_and_stays_what_it_was(tmp_path, monkeypatch):
    judged = []
    open_ended = replace(VERDICT, interval=None, value=float("inf"), p=None)
    verdicts = {"x": [VERDICT], "y": [open_ended]}
    monkeypatch.setattr(evidence.standing, "graded", lambda found: judged.append(set(found)) or verdicts)
    first, second = (evidence.read(tmp_path, scale="smoke") for _ in range(2))
    assert first == second and first.verdicts == (VERDICT, open_ended) and len(judged) == 1
    assert judged[0] == set(first.scales) and set(first.scales.values()) == {"smoke"}
    (tmp_path / "hp_space").mkdir()
    (tmp_path / "hp_space/part-x.jsonl").write_text("{}\n")
    evidence.read(tmp_path, scale="smoke")
    assert len(judged) == 2


# Contents, parameters, docstrings.


def test_the_table_of_contents_lists_files_that_exist_and_each_once():
    files = contents.files(ROOT)
    assert len(files) == len(set(files)) and files[0] == ROOT / "book/intro.md"


def test_every_page_is_in_the_table_of_contents():
    assert set((ROOT / "book").glob("*.md")) <= set(contents.files(ROOT))


def test_a_page_that_does_not_exist_is_an_error(tmp_path):
    (tmp_path / "book").mkdir()
    (tmp_path / "book/_toc.yml").write_text("format: jb-book\nroot: book/intro\n")
    with pytest.raises(UserError, match="lists book/intro, but there is neither"):
        contents.files(tmp_path)


def test_a_folder_that_is_no_clone_is_an_error(tmp_path, capsys):
    assert main(["--root", str(tmp_path)]) == 2
    assert "run this in a clone of the repository" in capsys.readouterr().err


@pytest.mark.parametrize("path, stem", [("notebooks/hp_space/2-x.ipynb", "hp_space"), ("notebooks/0-a.ipynb", "a")])
def test_a_notebook_belongs_to_its_folder_or_to_itself(path, stem):
    assert contents.stem(Path(path)) == stem


@pytest.mark.parametrize("text, value", [("epochs=2", 2), ("scale=lab", "lab"), ("lr=1e-3", 1e-3), ("x=a=b", "a=b")])
def test_a_setting_of_the_command_line_is_a_literal_or_text(text, value):
    assert assignment(text) == (text.split("=")[0], value)


def test_a_setting_without_a_value_is_an_error():
    with pytest.raises(UserError, match="expected NAME=VALUE, got 'epochs'"):
        assignment("epochs")


def test_a_notebook_is_run_on_the_records_of_its_part_and_trains_nothing(tmp_path):
    notebook = tmp_path / "notebooks/hp_space/1-x.ipynb"
    notebook.parent.mkdir(parents=True)
    cell = nbformat.v4.new_code_cell(
        "scale: str = 'smoke'\nrecords: str | None = None\nmissing = 'run'\nepochs = None",
        metadata={"tags": ["parameters"]},
    )
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), notebook)
    config = making.BookConfig(root=tmp_path, parameters={"epochs": 3})
    job = making.job(notebook, config, {"hp_space": "lab"}, tmp_path / "staged")
    records = str((tmp_path / "notebooks/records/hp_space").resolve())
    assert job.parameters == {"scale": "lab", "records": records, "missing": "skip", "epochs": 3}
    assert job.output == tmp_path / "staged/notebooks/hp_space/1-x.ipynb"
    with pytest.raises(UserError, match="unknown parameter of 1-x.ipynb 'epocs'.*expected one of epochs, missing"):
        making.job(notebook, making.BookConfig(root=tmp_path, parameters={"epocs": 3}), {}, tmp_path)


@pytest.mark.parametrize(
    "folder, opened, stem",
    [
        ("synthesis", ["proxy_hpo"], "proxy_hpo"),
        ("synthesis", ["proxy_hpo", "hp_space"], "synthesis"),
        ("synthesis", [], "synthesis"),
        ("hp_space", ["proxy_hpo"], "hp_space"),
        ("notebooks", ["hp_space"], "tour"),
    ],
)
def test_a_notebook_of_no_recipe_s_folder_shows_the_one_recipe_that_it_opens(tmp_path, folder, opened, stem):
    notebook = tmp_path / folder / "0-tour.ipynb"
    notebook.parent.mkdir()
    cells = [nbformat.v4.new_code_cell(f'study = notebook.open_study("{name}", globals())') for name in opened]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), notebook)
    assert making.recipe_read(notebook, ("hp_space", "proxy_hpo")) == stem


def test_a_book_of_stored_outputs_stages_the_notebooks_as_they_are(tmp_path):
    notebook = tmp_path / "notebooks/hp_space/1-setup.ipynb"
    notebook.parent.mkdir(parents=True)
    notebook.write_text("stored", encoding="utf-8")
    making.as_stored([notebook], tmp_path, tmp_path / "source")
    assert (tmp_path / "source/notebooks/hp_space/1-setup.ipynb").read_text(encoding="utf-8") == "stored"


def test_a_book_without_workers_is_an_error():
    with pytest.raises(UserError, match="workers must be at least 1, got 0"):
        making.BookConfig(workers=0)


@pytest.mark.parametrize(
    "lines, expected",
    [
        (["Two `names` here."], [r"Two \ ``names``\  here.", ""]),
        (["2 * 3, a_ and |x|."], [r"2 \* 3, a\_ and \|x\|.", ""]),
        (["Text", "  indented"], ["::", "", "    Text", "      indented", ""]),
        (["- one", "- two"], ["::", "", "    - one", "    - two", ""]),
        (["a", "", "b"], ["a", "", "b", ""]),
    ],
)
def test_a_docstring_becomes_markup_that_cannot_fail(lines, expected):
    lines = list(lines)
    docstrings.replace(lines)
    assert lines == expected


def test_a_build_that_warns_fails_and_shows_the_warning(tmp_path):
    source = tmp_path / html.STAGE
    (source / "book").mkdir(parents=True)
    (source / "_config.yml").write_text("title: x\nonly_build_toc_files: true\n")
    (source / "book/_toc.yml").write_text("format: jb-book\nroot: book/intro\n")
    (source / "book/intro.md").write_text("# Title\n\n[](nowhere.md)\n")
    with pytest.raises(UserError, match="could not be built:\n.*intro.md.*nowhere"):
        html.build(tmp_path)


# The built book.


@pytest.fixture(scope="module")
def book(tmp_path_factory) -> Path:
    """The HTML of this source tree: `_build/html` if it is newer than its sources, else a temporary build."""
    built = ROOT / html.HTML
    if (built / "index.html").is_file() and (built / "index.html").stat().st_mtime > newest_source():
        return built
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("MPLBACKEND", raising=False)  # that of the tests shows no figures
        return making.make(making.BookConfig(root=ROOT, output=tmp_path_factory.mktemp("book")))


def newest_source() -> float:
    folders = [ROOT / name for name in ("book", "notebooks", "pruneproxy")]
    files = [path for folder in folders for path in folder.rglob("*") if path.is_file()]
    sources = [path for path in files if not {"__pycache__", ".ipynb_checkpoints"} & set(path.parts)]
    return max(path.stat().st_mtime for path in (*sources, ROOT / "_config.yml"))


@pytest.fixture(scope="module")
def browser():
    with Browser() as opened:
        yield opened


def page_names(folder: Path) -> list[Path]:
    listed = [path.relative_to(ROOT).with_suffix(".html") for path in contents.files(ROOT)]
    return [folder / path for path in (*listed, Path("search.html"), Path("genindex.html"))]


@pytest.fixture(scope="module")
def visits(book, browser) -> list[SimpleNamespace]:
    """Every page, opened once from disk, with what the browser saw."""
    seen = []
    for path in page_names(book):
        visit = browser.open(path.as_uri())
        found = {name: browser.evaluate(script) for name, script in SEEN.items()}
        name = str(path.relative_to(book))
        seen.append(SimpleNamespace(name=name, errors=visit.errors, requests=visit.requests, **found))
    return seen


@pytest.mark.browser
@pytest.mark.skipif(not executable(), reason="no Chromium: apt-get install chromium")
class TestInABrowser:
    def test_every_page_loads_and_has_a_title(self, visits):
        assert not [visit.name for visit in visits if not visit.titles]

    def test_the_start_page_leads_to_the_first_one(self, book, browser):
        browser.open((book / "index.html").as_uri())
        browser.wait_for("location.pathname.endsWith('book/intro.html')")
        assert browser.evaluate("location.pathname").endswith("book/intro.html")

    def test_no_page_writes_an_error_to_the_console(self, visits):
        assert not {visit.name: visit.errors for visit in visits if visit.errors}

    def test_no_page_asks_another_host(self, visits):
        assert not [(visit.name, url) for visit in visits for url in visit.requests if not url.startswith(LOCAL)]

    def test_every_picture_has_an_alternative_text_and_is_there(self, book, visits):
        pictures = [page.read_text(encoding="utf-8").count("<img ") for page in (book / "notebooks").rglob("*.html")]
        assert sum(map(bool, pictures)) > len(pictures) / 2
        assert not [(visit.name, image) for visit in visits for image in visit.without_alt + visit.broken]

    def test_maths_is_set_without_errors(self, visits):
        assert not [visit.name for visit in visits if visit.bad_maths or visit.raw_maths]

    def test_search_finds_a_word(self, book, browser):
        visit = browser.open(f"{(book / 'search.html').as_uri()}?q=glossary")
        browser.wait_for("document.querySelectorAll('#search-results li a').length")
        found = browser.evaluate("[...document.querySelectorAll('#search-results li a')].map(link => link.href)")
        assert any("book/glossary.html" in link for link in found) and not visit.errors

    def test_search_finds_nothing_for_a_word_that_is_nowhere(self, book, browser):
        browser.open(f"{(book / 'search.html').as_uri()}?q=xylophonist")
        browser.wait_for("document.querySelector('#search-results').innerText.includes('did not match')")
        assert browser.evaluate("document.querySelectorAll('#search-results li').length") == 0

    def test_the_first_page_has_a_square_for_every_claim_and_its_line_opens(self, book, browser):
        count = len(evidence.read(ROOT / evidence.RECORDS).claims)
        browser.open((book / "book/intro.html").as_uri())
        assert browser.evaluate("document.querySelectorAll('.strip a.square').length") == count
        link = browser.evaluate("document.querySelector('.strip a.square').href")
        browser.open(link)
        assert browser.evaluate("document.querySelectorAll('table.claims tbody tr').length") == count
        assert browser.evaluate("document.querySelectorAll('table.claims details[open]').length") == 1

    def test_the_claims_can_be_filtered_by_paper_and_grade(self, book, browser):
        browser.open((book / "book/claims.html").as_uri())
        shown = "[...document.querySelectorAll('table.claims tbody tr')].filter(line => !line.hidden)"
        chosen = "document.querySelector('select[data-filter=paper]')"
        browser.evaluate(f"{chosen}.value = 'HS'; {chosen}.dispatchEvent(new Event('change')); 1")
        papers = browser.evaluate(f"{shown}.map(line => line.dataset.paper)")
        assert set(papers) == {"HS"}
