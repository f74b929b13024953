"""The papers' pages say what the records say, and change with them."""

import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from pruneproxy.book import coverage, evidence, papers
from pruneproxy.recipes import RECIPES

ROOT = Path(__file__).parents[1]
STEM = "hp_space"


@pytest.fixture(scope="module")
def found() -> evidence.Evidence:
    return evidence.read(ROOT / evidence.RECORDS)


@pytest.fixture(scope="module")
def claims() -> list:
    return list(RECIPES[STEM].claims.values())


@pytest.fixture(scope="module")
def verdicts(found, claims) -> list:
    known = {verdict.claim: verdict for verdict in found.verdicts}
    return [known[claim.id] for claim in claims]


def changed(verdicts: list, name: str, **values) -> list:
    return [replace(one, **values) if one.claim == name else one for one in verdicts]


def test_decided_claims_stand_open_and_every_other_claim_in_the_fold(claims, verdicts):
    shown, folded = papers.answers(claims, verdicts, {}).split(":::{dropdown}")
    for verdict in verdicts:
        assert (f"- {verdict.claim} " in shown) == (verdict.grade in papers.DECIDED)
        assert (f"- {verdict.claim} " in folded) == (verdict.grade not in papers.DECIDED)


def test_a_changed_verdict_changes_its_own_line_and_the_counts_alone(claims, verdicts):
    before = papers.answers(claims, verdicts, {})
    one = next(verdict for verdict in verdicts if verdict.grade in papers.DECIDED and verdict.interval)
    after = papers.answers(claims, changed(verdicts, one.claim, interval=(12.5, 13.5)), {})
    lines = [new for old, new in zip(before.split("\n"), after.split("\n"), strict=True) if old != new]
    assert len(lines) == 1 and lines[0].startswith(f"- {one.claim} ") and "12.5 to 13.5" in lines[0]


def test_claims_link_to_the_chapter_that_judges_them(claims, verdicts):
    pages = papers.chapters(coverage.notebooks(ROOT, STEM))
    assert set(pages) == {claim.id for claim in claims} and pages["HS-10"] == "hp_space/4-risk"
    assert "- [HS-10](../../notebooks/hp_space/4-risk.ipynb) " in papers.answers(claims, verdicts, pages)


def test_what_was_run_is_named_with_what_it_stands_for():
    said = papers.differences(papers.cuts(STEM, "lab", ROOT / evidence.RECORDS / STEM), "lab")
    assert "Networks: ResNet-8 standing in for ResNet-56, MobileNetV2 x 0.25." in said
    assert "Data: Fashion-MNIST standing in for CIFAR-10." in said and "| epochs | 180 | 30; 20 |" in said


def test_where_nothing_was_run_the_page_says_so(tmp_path):
    nothing = papers.cuts(STEM, "lab", tmp_path)
    assert papers.differences(nothing, "lab") == "Nothing of it has been run yet."
    absent = [papers.Verdict(claim="HS-01", grade="not run"), papers.Verdict(claim="HS-02", grade="not run")]
    assert papers.sureness(absent, 85) == "0 of 2 are decided, corrected over all 85 claims of the book."


def test_how_sure_counts_decisions_records_seeds_and_printed_numbers(verdicts):
    said = papers.sureness(verdicts, 85)
    decided = sum(one.grade in papers.DECIDED for one in verdicts)
    records = len({record for one in verdicts for record in one.records})
    assert said.startswith(f"{decided} of {len(verdicts)} are decided") and f"{records:,} records" in said
    more = papers.sureness(changed(verdicts, "HS-01", grade="supported"), 85)
    assert more.startswith(f"{decided + 1} of {len(verdicts)} are decided")
    near = changed(verdicts, "HS-09", closes="about 1 more seed of everything", grade="open")
    first = [replace(one, closes="" if one.claim != "HS-09" else one.closes) for one in near]
    assert "Nearest to an answer is HS-09, which takes about 1 more seed of everything." in papers.sureness(first, 85)


def test_all_pages_are_filled_and_no_measured_number_is_typed(found, tmp_path):
    shutil.copytree(ROOT / "book/papers", tmp_path / "papers")
    papers.write(tmp_path, found, ROOT)
    for stem in coverage.PAPERS:
        page = (tmp_path / f"papers/{stem}.md").read_text(encoding="utf-8")
        blocks = re.findall(r"<!-- \w+:start -->\n(.*?)\n<!-- \w+:end -->", page, re.DOTALL)
        assert len(blocks) == 4 and all(map(str.strip, blocks))
        typed = (ROOT / f"book/papers/{stem}.md").read_text(encoding="utf-8")
        assert not re.search(r"<!-- \w+:start -->\n[^<]", typed)
