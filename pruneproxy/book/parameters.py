"""The parameters of a notebook: what its cell tagged `parameters` assigns; papermill lets unknown names pass."""

from collections.abc import Iterable
from pathlib import Path

import nbformat

from pruneproxy.notebook import assigned
from pruneproxy.specs import check_names


def parameter_names(notebook: Path) -> tuple[str, ...]:
    """The names that a notebook lets its reader set; papermill's list lacks those annotated with `str | None`."""
    cells = nbformat.read(notebook, as_version=4).cells
    tagged = [cell.source for cell in cells if "parameters" in cell.metadata.get("tags", [])]
    return tuple(name for source in tagged for name in assigned(source))


def check_parameters(notebook: Path, names: Iterable[str]) -> None:
    """Raises unless the notebook has every one of these parameters."""
    check_names(names, parameter_names(notebook), what=f"parameter of {notebook.name}")
