"""The whole book, step by step: stage the pages, run the notebooks, write what the records say, build the HTML."""

import functools
import re
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from importlib.metadata import distributions
from pathlib import Path

import nbformat

from pruneproxy.book import contents, coverage, evidence, execute, html, landing, pages, papers, picture, speed
from pruneproxy.book.parameters import check_parameters, parameter_names
from pruneproxy.cache import folders_hash
from pruneproxy.errors import UserError
from pruneproxy.recipes import RECIPES


@dataclass(frozen=True, kw_only=True)
class BookConfig:
    """`root` is the repository and `output` the folder in which `_build` is made.

    `scale` None is the largest complete one of each recipe; `parameters` go to every notebook; `workers` are processes.
    `stored` shows notebooks with the outputs that they were stored with, and runs none.
    """

    root: Path = Path(".")
    output: Path = Path(".")
    scale: str | None = None
    parameters: Mapping[str, object] = field(default_factory=dict)
    workers: int = 2
    stored: bool = False

    def __post_init__(self):
        if self.workers < 1:
            raise UserError(f"workers must be at least 1, got {self.workers}")


def make(config: BookConfig, report: Callable[[str], None] = lambda line: None) -> Path:
    """Builds the book and returns the folder of its HTML; `report` gets one line per step."""
    todo = contents.notebooks(config.root)
    found = evidence.read(config.root / evidence.RECORDS, scale=config.scale)
    source = html.stage(config.root, config.output)
    papers.write(source / "book", found, config.root)
    html.fill(source / "book/coverage.md", {"coverage": coverage.page(coverage.covered(config.root))})
    if config.stored:
        as_stored(todo, config.root, source)
    jobs = [] if config.stored else [job(notebook, config, found.scales, source) for notebook in todo]
    execute.run_all(
        jobs, workers=config.workers, report=lambda job, seconds: report(f"{seconds:5.1f} s  {job.source.name}")
    )
    write_generated(source / "book", found, chapters_of(config.root))
    report("building the HTML")
    return html.build(config.output)


def as_stored(notebooks: Iterable[Path], root: Path, source: Path) -> None:
    """Stages notebooks as they are."""
    for notebook in notebooks:
        target = source / notebook.relative_to(root)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(notebook, target)


def job(notebook: Path, config: BookConfig, scales: Mapping[str, str], source: Path) -> execute.Job:
    """How one notebook is run: on committed records at the scale that is shown, training nothing.

    A notebook that is no part of a recipe, such as the tour, names its records itself.
    """
    stem = recipe_read(notebook, scales)
    usual = {"missing": "skip"}
    if stem in scales:
        usual |= {"records": str((config.root / evidence.RECORDS / stem).resolve()), "scale": scales[stem]}
    known = parameter_names(notebook)
    check_parameters(notebook, config.parameters)
    chosen = {name: value for name, value in usual.items() if name in known} | dict(config.parameters)
    output = source / notebook.relative_to(config.root)
    return execute.Job(source=notebook, output=output, parameters=chosen, rests_on=rests_on(config.root, chosen))


def rests_on(root: Path, parameters: Mapping[str, object]) -> tuple[str, ...]:
    """What pages rest on beside code and parameters: the records, and the versions of all that is installed."""
    folders = {root / evidence.RECORDS / stem for stem in RECIPES} | {Path(str(parameters.get("records", root)))}
    return folders_hash(sorted(folders)), _versions()


@functools.cache
def _versions() -> str:
    return " ".join(sorted(f"{one.name}-{one.version}" for one in distributions()))


def recipe_read(notebook: Path, stems: Iterable[str]) -> str:
    """The recipe whose records a notebook shows: its folder's; in a folder of none, the only one that it opens."""
    stem = contents.stem(notebook)
    if stem in stems or notebook.parent.name == "notebooks":
        return stem
    cells = nbformat.read(notebook, as_version=4).cells
    opened = {name for cell in cells for name in re.findall(r"open_study\(\s*[\"'](\w+)", cell.source)}
    return opened.pop() if len(opened) == 1 else stem


def write_generated(folder: Path, found: evidence.Evidence, chapters: Mapping[str, str]) -> None:
    """Fills the staged pages with the answer, the claims, the ledger and the list of modules.

    `chapters` has the page of every claim that a notebook shows.
    """
    claims, verdicts = found.claims, found.verdicts
    answer = pages.answer(claims, verdicts, found.proxies, picture="_static/answer.svg")
    strip, doors = landing.strip(claims, verdicts), f'<div class="doors">{landing.doors()}</div>'
    html.fill(folder / "intro.md", {"answer": answer, "strip": strip, "doors": doors})
    table = landing.table(claims, verdicts, chapters)
    html.fill(folder / "claims.md", {"claims": table, "power": pages.power_table()})
    (folder / "_static/answer.svg").write_text(picture.drawn(found.proxies), encoding="utf-8")
    html.fill(folder / "ledger.md", {"ledger": pages.ledger_table(found.rows)})
    html.fill(folder / "reliable.md", {"faults": pages.faults_table(folder / "torture.json")})
    kept = speed.read(folder / "speed.json")
    if kept is not None:
        speed.figure(kept).savefig(folder / "speed.svg")
    html.fill(folder / "speed.md", {"speed": speed.page(kept, "speed.svg")})
    html.fill(folder / "api.md", {"api": pages.api_reference()})


def chapters_of(root: Path) -> dict[str, str]:
    """The first page that judges each claim, as a link from a page in book/."""
    found = (papers.chapters(coverage.notebooks(root, stem)) for stem in coverage.PAPERS)
    return {claim: f"../notebooks/{page}.html" for pages in found for claim, page in pages.items()}


def write_readme(root: Path) -> None:
    """Fills the README's answer, and draws its picture, from the committed records."""
    found = evidence.read(root / evidence.RECORDS)
    answer = pages.answer(found.claims, found.verdicts, found.proxies, picture="book/_static/answer.svg")
    html.fill(root / "README.md", {"answer": answer})
    (root / "book/_static/answer.svg").write_text(picture.drawn(found.proxies), encoding="utf-8")
