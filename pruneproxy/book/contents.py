"""Which pages and notebooks the book has: its table of contents, `book/_toc.yml`."""

from collections.abc import Iterator
from pathlib import Path

import yaml

from pruneproxy.errors import UserError

TOC = Path("book/_toc.yml")


def files(root: Path) -> tuple[Path, ...]:
    """Every page and notebook of the book below `root`, in reading order."""
    if not (root / TOC).is_file():
        raise UserError(f"expected {TOC} in {root.resolve()}, found none: run this in a clone of the repository")
    contents = yaml.safe_load((root / TOC).read_text(encoding="utf-8"))
    return tuple(_source(root, name) for name in _names(contents))


def notebooks(root: Path) -> tuple[Path, ...]:
    """The notebooks of the book, in reading order."""
    return tuple(path for path in files(root) if path.suffix == ".ipynb")


def stem(notebook: Path) -> str:
    """The part of the book that a notebook belongs to: its folder's name, or its own (`0-tour`: tour)."""
    folder = notebook.parent.name
    return folder if folder != "notebooks" else notebook.stem.split("-", 1)[-1]


def _names(entry) -> Iterator[str]:
    if isinstance(entry, list):
        for item in entry:
            yield from _names(item)
    elif isinstance(entry, dict):
        yield from (entry[key] for key in ("root", "file") if key in entry)
        for key in ("parts", "chapters", "sections"):
            yield from _names(entry.get(key, []))


def _source(root: Path, name: str) -> Path:
    for suffix in ("", ".md", ".ipynb"):
        path = root / f"{name}{suffix}"
        if path.is_file():
            return path
    raise UserError(f"{TOC} lists {name}, but there is neither {name}.md nor {name}.ipynb: add it or strike it out")
