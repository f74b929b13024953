"""A Sphinx extension: docstrings are plain prose with code in single backticks, and none may break the build.

A paragraph with an indented line, a list or a doctest is shown as it stands; in any other one `code` becomes code.
"""

import re
from collections.abc import Iterator

_SPECIAL = re.compile(r"([*|\\]|(?<=\w)_(?!\w))")
_AS_IT_STANDS = ("- ", "* ", ">>>", "|")


def setup(app) -> dict:
    """Connects the conversion; called by Sphinx."""
    app.connect("autodoc-process-docstring", lambda app, what, name, thing, options, lines: replace(lines))
    return {"parallel_read_safe": True}


def replace(lines: list[str]) -> None:
    """Rewrites the lines of a docstring in place, as Sphinx asks for it."""
    lines[:] = [line for paragraph in paragraphs(lines) for line in (*converted(paragraph), "")]


def paragraphs(lines: list[str]) -> Iterator[list[str]]:
    """The runs of lines between empty ones."""
    paragraph: list[str] = []
    for line in (*lines, ""):
        if line.strip():
            paragraph.append(line.rstrip())
        elif paragraph:
            yield paragraph
            paragraph = []


def converted(paragraph: list[str]) -> list[str]:
    """A paragraph as reStructuredText: a literal block, or prose with its code marked and its markup escaped."""
    if any(line[0].isspace() or line.startswith(_AS_IT_STANDS) for line in paragraph):
        return ["::", "", *(f"    {line}" for line in paragraph)]
    return _prose("\n".join(paragraph)).split("\n")


def _prose(text: str) -> str:
    pieces = re.split(r"`+([^`]+)`+", text)
    return "".join(_code(piece) if index % 2 else _SPECIAL.sub(r"\\\1", piece) for index, piece in enumerate(pieces))


def _code(text: str) -> str:
    # Escaped spaces let code stand next to letters; inside, line breaks would end the paragraph's markup.
    return rf"\ ``{' '.join(text.split())}``\ " if text.strip() else ""
