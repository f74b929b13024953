"""Where the book shows each numbered table, figure and algorithm of the papers, or why it does not.

What is numbered is listed in `published/<stem>/inventory.toml`; what is shown is read off the notebooks themselves: a
caption, a heading or, for an algorithm, a text that names it.
"""

import ast
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from textwrap import shorten

from pruneproxy import published
from pruneproxy.errors import UserError

PAPERS = {
    "proxy_hpo": "Lee & Yim 2022",
    "hp_space": "Matthiesen 2023",
    "sparse_tradeoff": "Suidgeest 2024",
    "find_eval": "Anonymous 2022",
    "ekg": "Lee & Song 2022",
}
KINDS = {"Fig": "Figure", "Table": "Table", "Algorithm": "Algorithm"}
NUMBER = r"[A-D]?\.?\d+(?:\.\d+)?"
ONE = rf"{NUMBER}[a-f]?\b"
NAMED = re.compile(rf"\b(Fig|Table|Algorithm)(?:ure)?s?\.?\s+({ONE}(?:(?:,| and|, and| to)\s+{ONE})*)")
SPAN = re.compile(rf"({NUMBER})[a-f]?(?:\s+to\s+({NUMBER})[a-f]?)?")


@dataclass(frozen=True, kw_only=True)
class Place:
    """A cell of a notebook, counted from 1, and the words in it that name what is shown."""

    notebook: str
    cell: int
    words: str
    caption: bool

    def __str__(self) -> str:
        return f"{self.notebook}, cell {self.cell}: {shorten(self.words, 100, placeholder=' ...')}"

    @property
    def shows(self) -> bool:
        """Whether something is shown there, not only talked about: a caption, a heading or a text begins with it."""
        return self.caption or self.words.startswith(("#", "Table", "Fig"))


@dataclass(frozen=True, kw_only=True)
class Item:
    """What is numbered in a paper, where the book shows it, and the reason where it does not."""

    stem: str
    name: str
    section: str
    shows: str
    places: tuple[Place, ...] = ()
    absent: str = ""

    @property
    def place(self) -> Place | None:
        """The place to look at: the first caption that names it, else the first heading, else the first text."""
        return min(self.places, key=lambda place: (not place.caption, not place.shows), default=None)


def covered(root: Path) -> list[Item]:
    """Every numbered thing of every paper, in the order of the papers."""
    return [item for stem in PAPERS for item in of_paper(stem, notebooks(root, stem))]


def of_paper(stem: str, pages: Mapping[str, Sequence[Mapping]]) -> list[Item]:
    """What is numbered in a paper, and where these notebooks, cells by name, show it."""
    said = published.toml(stem, "inventory")
    by_words = {row.pop("words"): name for name, row in said.items() if "words" in row}
    places: dict[str, list[Place]] = {name: [] for name in said}
    for place in _places(pages):
        for name in _shown(place, tuple(said), by_words):
            places[name].append(place)
    return [Item(stem=stem, name=name, places=tuple(places[name]), **row) for name, row in said.items()]


def _places(pages: Mapping[str, Sequence[Mapping]]) -> Iterator[Place]:
    for page, cells in pages.items():
        for number, cell in enumerate(cells, 1):
            for words, caption in _texts(cell):
                yield Place(notebook=page, cell=number, words=words, caption=caption)


def _shown(place: Place, known: Sequence[str], by_words: Mapping[str, str]) -> list[str]:
    """What a place shows; of what is only talked about, the algorithms."""
    found = [name for name in named(place.words, known) if place.shows or name.startswith("Algorithm")]
    return found + [name for words, name in by_words.items() if words in place.words]


def notebooks(root: Path, stem: str) -> dict[str, Sequence[Mapping]]:
    """The cells of a paper's notebooks by name, such as `hp_space/2-landscape`."""
    paths = sorted((root / "notebooks" / stem).glob("*.ipynb"))
    if not paths:
        raise UserError(f"expected notebooks in {root / 'notebooks' / stem}, found none: run this in a clone")
    return {f"{stem}/{path.stem}": json.loads(path.read_text(encoding="utf-8"))["cells"] for path in paths}


def named(text: str, known: Sequence[str]) -> list[str]:
    """The things of `known` that a text names, such as `Figs. 2, 3 and A2 to A7`; panels belong to their figure."""
    found = []
    for kind, numbers in NAMED.findall(text):
        for first, last in SPAN.findall(numbers):
            found += _span(f"{KINDS[kind]} {first}", last and f"{KINDS[kind]} {last}", known)
    return list(dict.fromkeys(found))


def _span(first: str, last: str, known: Sequence[str]) -> Sequence[str]:
    """From the first to the last, in the paper's order."""
    if last in known and first in known:
        return known[known.index(first) : known.index(last) + 1]
    return [name for name in (first, last) if name in known]


def _texts(cell: Mapping) -> Iterator[tuple[str, bool]]:
    """The texts of a cell that say what it shows, and whether they are captions of something drawn."""
    source = "".join(cell["source"])
    if cell["cell_type"] == "markdown":
        yield from ((text.strip(), False) for text in re.split(r"(?m)\n\s*\n|^(#.*)$", source) if text)
        return
    caption = cell["metadata"].get("mystnb", {}).get("figure", {}).get("caption")
    yield from ((text.strip(), True) for text in filter(None, (caption, *_strings(source))))


@lru_cache(maxsize=4096)
def _strings(source: str) -> tuple[str, ...]:
    """The texts in a cell's code; what an f-string fills in is left out."""
    try:
        nodes = list(ast.walk(ast.parse(source)))
    except SyntaxError:
        return ()
    return tuple(node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str))


def lost(items: Iterable[Item]) -> list[Item]:
    """What is neither shown nor excused."""
    return [item for item in items if not item.places and not item.absent]


def counted(items: Sequence[Item]) -> str:
    """How much of the papers the book shows, in one line."""
    shown, missing = sum(bool(item.places) for item in items), len(lost(items))
    said = f"{len(items)} numbered tables, figures and algorithms: {shown} shown, {len(items) - shown} not"
    return f"{said}, each for a reason" if not missing else f"{said}, {missing} of them without a reason"


def lines(items: Sequence[Item]) -> list[str]:
    """One line for each: its name, what it shows, and where the book does or why it does not."""
    wide = max(len(item.name) for item in items)
    rows = [f"{item.stem:16}{item.name:{wide}}  {item.shows}\n{'':{wide + 18}}{_answer(item)}" for item in items]
    return [*rows, counted(items)]


def _answer(item: Item) -> str:
    return str(item.place or f"not shown: {item.absent or 'no reason is given'}")


def page(items: Sequence[Item]) -> str:
    """The same as Markdown for the book: a folded table for each paper, with links."""
    parts = [counted(items) + "."]
    for stem, paper in PAPERS.items():
        own = [item for item in items if item.stem == stem]
        head = ["| In the paper | It shows | In this book |", "| --- | --- | --- |"]
        rows = [f"| {item.name}, Sec. {item.section} | {item.shows} | {_linked(item)} |" for item in own]
        parts.append("\n".join([f":::{{dropdown}} {paper}: {counted(own)}", *head, *rows, ":::"]))
    return "\n\n".join(parts)


def _linked(item: Item) -> str:
    if item.place is None:
        return f"not shown: {item.absent or 'no reason is given'}"
    number = f"cell {item.place.cell}"
    return f"[](../notebooks/{item.place.notebook}.ipynb), {number}"
