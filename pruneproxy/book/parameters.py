"""The parameters of a notebook: what its cell tagged `parameters` assigns. papermill ignores names that it does not know."""

from collections.abc import Iterable
from pathlib import Path

import nbformat

from pruneproxy.notebook import assigned
from pruneproxy.specs import check_names


def parameter_names(notebook: Path) -> tuple[str, ...]:
    """The names that a notebook lets its reader set; papermill's own list leaves out those annotated with `str | None`."""
    cells = nbformat.read(notebook, as_version=4).cells
    return tuple(name for cell in cells if "parameters" in cell.metadata.get("tags", []) for name in assigned(cell.source))


def check_parameters(notebook: Path, names: Iterable[str]) -> None:
    """Raises unless the notebook has every one of these parameters."""
    check_names(names, parameter_names(notebook), what=f"parameter of {notebook.name}")
