"""The ledger: where a paper's text, its formulae and its released code differ, and what this package does about it."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields

import pandas as pd

from pruneproxy import published
from pruneproxy.errors import UserError
from pruneproxy.specs import check_names

REQUIRED = ("id", "paper", "place", "text", "code", "ours", "why", "test")


@dataclass(frozen=True, kw_only=True)
class Row:
    """One difference.

    `text` and `code` are the readings (`code` is what released or cited code does, or a dash), `ours` what is done
    here and `why` its reason. `option` names the function, argument or field that offers the readings, empty where
    only a sentence is at fault. `default` is the option's default, and `protocol` has, by scale, what all runs of the
    paper's part carry: one value, the list of all values, or a value for each configuration that is called by name;
    None is written `unset`. `test` shows that the readings differ; `effect` says how a record measures what follows
    from it, None where none can.
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
    default: object = None
    protocol: Mapping[str, object] = field(default_factory=dict)

    def __post_init__(self):
        empty = [name for name in REQUIRED if not getattr(self, name)]
        if empty:
            raise UserError(
                f"expected every field of ledger row {self.id or '(without id)'} to be filled, "
                f"got nothing in {', '.join(empty)}"
            )
        if "::test_" not in self.test:
            raise UserError(f"expected the test of ledger row {self.id} as tests/FILE.py::test_NAME, got {self.test!r}")


def read(stem: str) -> tuple[Row, ...]:
    """The rows of a part, in the order of `published/<stem>/ledger.toml`."""
    said = published.toml(stem, "ledger")
    paper = said.pop("paper")
    return collect(*(_rows(paper, **part) for part in said.values()))


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


def _rows(paper: str, *, tests: str, **rows: Mapping) -> list[Row]:
    """The rows of one part of a file, which share the file of their tests."""
    return [_row(f"{paper} {name}", said, paper=paper, tests=tests) for name, said in rows.items()]


def _row(id: str, said: Mapping, *, paper: str, tests: str) -> Row:
    """What the file says of a row; what it leaves out is empty, and an error where it is needed."""
    check_names(said, [one.name for one in fields(Row)], what=f"field of ledger row {id}")
    test = f"{tests}::test_{said['test']}" if "test" in said else ""
    usual = dict.fromkeys(REQUIRED, "") | {"code": "-", "option": ""}
    return Row(**usual | said | {"id": id, "paper": paper, "test": test})
