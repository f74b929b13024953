"""Frames as a page shows them: a caption, words for names, three significant digits, and what is too wide folded."""

import html
from dataclasses import dataclass
from typing import Self

import pandas as pd

from pruneproxy.evidence import words

COLUMNS, ROWS = 6, 16  # what is shown without a click


@dataclass(frozen=True)
class Shown:
    """What a notebook shows as HTML, and reads as text elsewhere; `frames` are its tables as they were."""

    html: str
    text: str = ""
    frames: tuple[pd.DataFrame, ...] = ()

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text

    def __add__(self, other: Self) -> Self:
        text = "\n".join(filter(None, (self.text, other.text)))
        return type(self)(self.html + other.html, text, self.frames + other.frames)


def table(frame: pd.DataFrame, caption: str = "", *, columns: int = COLUMNS, rows: int = ROWS) -> Shown:
    """A frame with so many columns (those of the index counted) and rows at first sight, the whole of it folded."""
    written = in_words(frame)
    shown = written.iloc[:rows, : max(1, columns - written.index.nlevels)]
    if shown.shape == written.shape:
        return Shown(_table(written, caption), _text(frame, caption), (frame,))
    more = f"all {len(frame)} rows and {frame.shape[1] + frame.index.nlevels} columns"
    return Shown(_table(shown, caption) + folded(more, _table(written, "")), _text(frame, caption), (frame,))


def folded(title: str, content: str) -> str:
    """HTML that one click opens."""
    return f'<details class="fold"><summary>{html.escape(title)}</summary>{content}</details>'


def in_words(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame as text: names and numbers as readers want them, a numbered index left as it is."""
    written = frame.copy()
    written.columns = _axis(frame.columns, words.name)
    for place in range(frame.shape[1]):
        written.isetitem(place, [cell(value) for value in frame.iloc[:, place]])
    written.index = _axis(frame.index, words.label)
    return written


def _axis(axis: pd.Index, named) -> pd.Index:
    """An axis whose names and values are words."""

    def said(value) -> str:
        return named(value) if isinstance(value, str) else cell(value)

    values = [tuple(map(said, key)) if isinstance(key, tuple) else said(key) for key in axis]
    names = [None if name is None else words.name(name) for name in axis.names]
    if axis.nlevels > 1:
        return pd.MultiIndex.from_tuples(values, names=names)
    return pd.Index(values, name=names[0], dtype=object)


def cell(value: object) -> str:
    """A value of a table in words."""
    if isinstance(value, str):
        return words.label(value)
    if isinstance(value, list | tuple):
        return ", ".join(map(cell, value))
    return words.number(value)


def _table(written: pd.DataFrame, caption: str) -> str:
    numbered = written.index.nlevels == 1 and written.index.name is None
    indexed = not (numbered and list(written.index) == _counted(written))
    code = written.to_html(border=0, index=indexed, index_names=False)
    if indexed and written.columns.nlevels == 1:
        for name in written.index.names:
            code = code.replace("<th></th>", f"<th>{html.escape(name or ' ')}</th>", 1)
    titled = f"<caption>{html.escape(caption)}</caption>" if caption else ""
    head, rest = code.split(">", 1)
    named = html.escape(caption or "table", quote=True)
    return f'<div class="table-box" role="region" tabindex="0" aria-label="{named}">{head}>{titled}{rest}</div>'


def _counted(written: pd.DataFrame) -> list[str]:
    return list(map(words.number, range(len(written))))


def _text(frame: pd.DataFrame, caption: str) -> str:
    return "\n".join(filter(None, (caption, frame.to_string())))
