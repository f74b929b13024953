"""How a row of this ledger is written."""

from collections.abc import Callable

from pruneproxy.evidence.ledger import Row


def rows_of(tests: str) -> Callable[..., Row]:
    """A function that makes rows whose tests are functions of the file `tests`."""

    def row(name: str, place: str, *, test: str, code: str = "-", option: str = "", **readings) -> Row:
        return Row(
            id=f"002 {name}",
            paper="002",
            place=place,
            test=f"tests/{tests}.py::test_{test}",
            code=code,
            option=option,
            **readings,
        )

    return row
