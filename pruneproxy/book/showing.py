"""One page of the book, run again with other parameters: as HTML, its tables as CSV, its figures as SVG or PDF."""

import base64
import os
import webbrowser
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import yaml

from pruneproxy.book import contents, execute, html
from pruneproxy.book.exporting import BREAK, EXPORTED
from pruneproxy.book.parameters import check_parameters
from pruneproxy.errors import choose

KINDS = {"text/csv": "csv", "image/svg+xml": "svg", "application/pdf": "pdf", "image/png": "png"}
INLINE = "module://matplotlib_inline.backend_inline"
FIGURES = ("png", "svg", "pdf")
BESIDE = ("book/glossary", "book/bibliography")  # pages that the others refer to


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A page that is to be run: what of it is wanted, and where; `take` is a folder for its tables and figures."""

    page: str
    root: Path
    output: Path
    parameters: Mapping[str, object] = field(default_factory=dict)
    take: Path | None = None
    figures: str = "svg"


def pages(root: Path) -> dict[str, Path]:
    """The book's notebooks by the name that `show` gives them: their path below notebooks/."""
    return {path.relative_to(root / "notebooks").with_suffix("").as_posix(): path for path in contents.notebooks(root)}


def show(wanted: Shown) -> tuple[Path, list[Path]]:
    """Runs a page and returns its HTML and the files that were taken out of it."""
    notebook = choose(wanted.page, pages(wanted.root), "page")
    choose(wanted.figures, dict.fromkeys(FIGURES), "kind of figure")
    check_parameters(notebook, wanted.parameters)
    source = html.stage(wanted.root, wanted.output)
    job = execute.Job(
        source=notebook, output=source / notebook.relative_to(wanted.root), parameters=wanted.parameters, timeout=86_400
    )
    os.environ["MPLBACKEND"] = INLINE  # the kernel inherits it: one that draws nowhere may be set
    if wanted.take is not None:
        os.environ[EXPORTED] = wanted.figures
    execute.run(job)
    name = job.output.relative_to(source).with_suffix("").as_posix()
    toc = {"format": "jb-book", "root": name, "chapters": [{"file": page} for page in BESIDE]}
    (source / contents.TOC).write_text(yaml.safe_dump(toc), encoding="utf-8")
    built = html.build(wanted.output, strict=False) / f"{name}.html"
    return built, [] if wanted.take is None else taken(job.output, wanted.take)


def browse(page: Path):
    """Opens a page in the reader's browser."""
    webbrowser.open(page.resolve().as_uri())


def taken(notebook: Path, folder: Path) -> list[Path]:
    """Writes the tables and figures of an executed notebook as files, numbered as they come."""
    folder.mkdir(parents=True, exist_ok=True)
    files = []
    for number, (kind, content) in enumerate(_found(notebook), 1):
        path = folder / f"{notebook.stem}-{number:02}.{kind}"
        path.write_bytes(content)
        files.append(path)
    return files


def _found(notebook: Path) -> Iterator[tuple[str, bytes]]:
    """The kind and content of every table and figure; of a figure the form that was asked for, else the picture."""
    for cell in nbformat.read(notebook, as_version=4).cells:
        for output in cell.get("outputs", []):
            data = output.get("data", {})
            mime = next((mime for mime in KINDS if mime in data), None)
            if mime in ("image/png", "application/pdf"):
                yield KINDS[mime], base64.b64decode(data[mime])
            elif mime is not None:
                yield from ((KINDS[mime], part.encode()) for part in data[mime].split(BREAK))
