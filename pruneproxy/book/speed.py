"""The benchmark's table for the book: `make bench ARGS=--save` keeps it beside the pages."""

import json
from pathlib import Path


def read(path: Path) -> dict | None:
    """The table that is kept, or None."""
    return json.loads(path.read_text(encoding="utf-8")) if path.exists() else None
