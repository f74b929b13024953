"""What has been written stays written, even if the machine loses power."""

import os
from pathlib import Path


def sync(path: Path) -> None:
    """Brings a file's contents or a folder's names to the disk; where folders cannot be opened it leaves them out."""
    folder = path.is_dir()
    try:
        place = os.open(path, os.O_RDONLY if folder else os.O_RDWR)  # Windows flushes only what is open for writing
    except PermissionError:
        if folder:
            return
        raise
    try:
        os.fsync(place)
    finally:
        os.close(place)
