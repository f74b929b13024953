"""Every numbered table, figure and algorithm of the papers is shown in a chapter, or there is a reason."""

import json
from pathlib import Path

import pytest

from pruneproxy import published
from pruneproxy.__main__ import main
from pruneproxy.book import coverage
from pruneproxy.errors import UserError

ROOT = Path(__file__).parents[1]
KNOWN = (*(f"Figure {n}" for n in range(1, 10)), *(f"Figure A{n}" for n in range(1, 8)), "Table 4.1", "Table 4.2")


@pytest.fixture(scope="module")
def items() -> list[coverage.Item]:
    return coverage.covered(ROOT)


def cell(source: str, kind: str = "markdown", **metadata) -> dict:
    return {"cell_type": kind, "source": [source], "metadata": metadata}


def test_all_119_of_the_five_papers_are_accounted_for(items):
    counts = {stem: sum(item.stem == stem for item in items) for stem in coverage.PAPERS}
    assert counts == {"proxy_hpo": 9, "hp_space": 26, "sparse_tradeoff": 41, "find_eval": 30, "ekg": 13}
    assert [f"{item.stem} {item.name}" for item in coverage.lost(items)] == []


def test_what_is_not_shown_is_a_drawing_a_quotation_or_said_elsewhere(items):
    hidden = [item for item in items if not item.places]
    assert all(len(item.absent) > 20 for item in hidden)
    assert len(hidden) <= 29  # a chapter that no longer names its figure is not excused by a new reason unseen


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Accuracy (Fig. 3).", ["Figure 3"]),
        ("Sec. 3.2 (Figs. 2, 3 and A2 to A4).", ["Figure 2", "Figure 3", "Figure A2", "Figure A3", "Figure A4"]),
        ("above (Figs. 2a to 2c, A2)", ["Figure 2", "Figure A2"]),
        ("Tables 4.1 and 4.2, and Figure 9.", ["Table 4.1", "Table 4.2", "Figure 9"]),
        ("Table 4.11 and Fig. 77 of another paper, and no Figment 3", []),
    ],
)
def test_texts_name_figures_and_tables_as_papers_do(text, names):
    assert coverage.named(text, KNOWN) == names


def test_a_caption_comes_before_a_heading_and_talk_shows_nothing():
    pages = {
        "ekg/1": [
            cell("## Fig. 2\nThe caption of Fig. 4 ranks them."),
            cell('study.show(axes, "A scatter "\n    f"of {name} (Fig. 2).")', "code"),
            cell("axes", "code", mystnb={"figure": {"caption": "As printed (Fig. 5)."}}),
        ]
    }
    found = {item.name: item for item in coverage.of_paper("ekg", pages)}
    assert found["Figure 2"].place.cell == 2 and found["Figure 5"].place.cell == 3
    assert not found["Figure 4"].places and found["Figure 4"] in coverage.lost(found.values())


def test_a_chapter_that_loses_its_caption_loses_the_figure():
    pages = coverage.notebooks(ROOT, "hp_space")
    before = {item.name for item in coverage.lost(coverage.of_paper("hp_space", pages))}
    cut = {
        name: [{**one, "source": ["".join(one["source"]).replace("4.5", "")]} | {"metadata": {}} for one in cells]
        for name, cells in pages.items()
    }
    assert {item.name for item in coverage.lost(coverage.of_paper("hp_space", cut))} - before >= {"Figure 4.5"}


def test_the_inventories_say_what_every_item_shows_and_where():
    for stem in coverage.PAPERS:
        for name, row in published.toml(stem, "inventory").items():
            assert name.split()[0] in coverage.KINDS.values()
            assert set(row) <= {"section", "shows", "absent", "words"} and row["section"] and row["shows"]


def test_the_command_prints_each_with_its_place_and_says_so_as_json(items, capsys, monkeypatch):
    hidden = sum(not item.places for item in items)
    monkeypatch.chdir(ROOT)
    assert main(["coverage"]) == 0
    text = capsys.readouterr().out
    assert "hp_space/4-risk, cell" in text and text.count("not shown: ") == hidden and "119 numbered" in text
    assert main(["coverage", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert len(rows) == 119 and all(row["places"] or row["absent"] for row in rows)


def test_outside_a_clone_it_says_what_it_expects(capsys, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    assert main(["coverage"]) == 2
    assert "expected notebooks in notebooks/proxy_hpo, found none" in capsys.readouterr().err
    with pytest.raises(UserError, match="run this in a clone"):
        coverage.covered(tmp_path)


def test_the_page_links_to_the_cells_and_folds_a_table_for_each_paper(items):
    page = coverage.page(items)
    assert page.count(":::{dropdown}") == len(coverage.PAPERS) and page.count("](../notebooks/") >= 88
    assert all((ROOT / f"notebooks/{item.place.notebook}.ipynb").is_file() for item in items if item.place)
