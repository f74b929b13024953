"""Where records are kept, and when they were made."""

import contextlib
import os
import time
from pathlib import Path

from pruneproxy.limits import named_folder


def drop_torn_line(path: str | os.PathLike):
    """Cuts off what follows the last newline of a file, if there is one: a writer was killed inside that line."""
    with contextlib.suppress(FileNotFoundError), open(path, "rb+") as file:
        end = file.seek(0, os.SEEK_END)
        while end and (file.seek(end - 1), file.read(1))[1] != b"\n":
            end -= 1
        file.truncate(end)


def now() -> str:
    """The time of day in UTC, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def records_folder(stem: str, given: str | None = None) -> Path:
    """The folder of a recipe's records: `given`, $PRUNEPROXY_RECORDS/<stem>, or notebooks/records/<stem>."""
    if given is not None:
        return named_folder(given, "records")
    if root := os.environ.get("PRUNEPROXY_RECORDS"):
        return named_folder(os.path.expanduser(root), "records") / stem
    return project_folder() / "notebooks" / "records" / stem


def project_folder() -> Path:
    """The nearest folder, from here upwards, that has notebooks/; else the current one."""
    here = Path.cwd()
    return next((folder for folder in (here, *here.parents) if (folder / "notebooks").is_dir()), here)
