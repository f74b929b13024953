"""What the papers print, one folder per part: tables as CSV files, and claims and differences as TOML files.

Tables are published values, never results of this package. Columns that start with `derived_` are computed from the
printed ones.
"""

import tomllib
from importlib.resources import files

import pandas as pd

from pruneproxy.errors import choose


def names(part: str) -> tuple[str, ...]:
    """The tables of a part by name, such as `table-4.1` or `text_numbers`."""
    return tuple(sorted(_stems(part)))


def read(part: str, table: str) -> pd.DataFrame:
    """A published table as printed, with empty cells as NaN, such as `read("hp_space", "table-4.1")`."""
    stems = _stems(part)
    file = files(__name__) / part / f"{choose(table, stems, f'published table of {part}')}.csv"
    with file.open(encoding="utf-8") as text:
        return pd.read_csv(text)


def toml(part: str, name: str) -> dict:
    """What a part says in `<name>.toml`: its claims or its ledger."""
    with (files(__name__) / part / f"{name}.toml").open("rb") as file:
        return tomllib.load(file)


def _stems(part: str) -> dict[str, str]:
    """Name to file stem: what precedes the underscore for a numbered table, the whole stem otherwise."""
    folders = {
        folder.name: folder
        for folder in files(__name__).iterdir()
        if folder.is_dir() and not folder.name.startswith("_")
    }
    stems = [
        file.name.removesuffix(".csv") for file in choose(part, folders, "part").iterdir() if file.name.endswith(".csv")
    ]
    return {stem.split("_")[0] if "-" in stem.split("_")[0] else stem: stem for stem in stems}
