"""The ledger: where a paper's text, its formulae and its released code differ, and what this package does about it."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields

import pandas as pd

from pruneproxy.errors import UserError


@dataclass(frozen=True, kw_only=True)
class Row:
    """One difference.

    `text` and `code` are the readings (`code` is what released or cited code does, or a dash), `ours` the default
    here and `why` its reason. `option` names the function or field that offers the readings, empty where only a
    sentence is at fault; `test` shows that the readings differ; `effect` says how a record measures what follows from
    it, None where none can.
    """

    id: str
    paper: str
    place: str
    text: str
    code: str
    ours: str
    why: str
    option: str
    test: str
    effect: str | None = None

    def __post_init__(self):
        empty = [
            field.name
            for field in fields(self)
            if field.name not in ("option", "effect") and not getattr(self, field.name)
        ]
        if empty:
            raise UserError(
                f"expected every field of ledger row {self.id or '(without id)'} to be filled, "
                f"got nothing in {', '.join(empty)}"
            )
        if "::test_" not in self.test:
            raise UserError(f"expected the test of ledger row {self.id} as tests/FILE.py::test_NAME, got {self.test!r}")


def collect(*groups: Iterable[Row]) -> tuple[Row, ...]:
    """The rows of all groups in order; an error when two share an id."""
    rows = tuple(row for group in groups for row in group)
    ids = [row.id for row in rows]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise UserError(f"expected ledger ids to be unique, got {', '.join(twice)} twice: rename one")
    return rows


def table(rows: Iterable[Row]) -> pd.DataFrame:
    """The rows as a frame with one column per field."""
    return pd.DataFrame([asdict(row) for row in rows], columns=[field.name for field in fields(Row)])
