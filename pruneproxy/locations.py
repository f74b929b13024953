"""Where records are kept."""

import os
from pathlib import Path


def records_folder(stem: str, given: str | None = None) -> Path:
    """The folder of a recipe's records: `given`, $PRUNEPROXY_RECORDS/<stem>, or notebooks/records/<stem>."""
    if given:
        return Path(given)
    if root := os.environ.get("PRUNEPROXY_RECORDS"):
        return Path(root) / stem
    return _project() / "notebooks" / "records" / stem


def _project() -> Path:
    """The nearest folder, from here upwards, that has notebooks/; else the current one."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / "notebooks").is_dir()), here)
