"""What the data folder has, and whether it still is what was stored."""

import os

from pruneproxy.data.catalogue import CATALOGUE, Entry
from pruneproxy.data.importing import sentence
from pruneproxy.data.stored import SOURCE, data_root, read_stored
from pruneproxy.errors import UserError, choose


def list_sets(root=None) -> list[dict[str, str]]:
    """One row for each data set: name, title, shape, classes, licence, state, and how it can be had."""
    root = data_root(root)
    return [
        {
            "name": name,
            "title": entry.title,
            "shape": " x ".join(map(str, entry.shape)),
            "classes": str(entry.classes),
            "licence": entry.licence,
            "state": state(name, entry, root),
            "how": ways(entry),
        }
        for name, entry in CATALOGUE.items()
    ]


def state(name: str, entry: Entry, root) -> str:
    """Where a set's local copy came from, "built in", or "missing"."""
    if entry.form == "builtin":
        return "built in"
    if not os.path.exists(root / name / SOURCE):  # an unreadable folder holds nothing, and raises nothing
        return "missing"
    try:
        return read_stored(name, root).source
    except UserError as error:
        return f"damaged: {error}"


def ways(entry: Entry) -> str:
    """The commands that bring a set."""
    if entry.form == "builtin":
        return "-"
    return "get or import" if entry.files else "import"


def check(name: str, root=None) -> str:
    """A sentence if every stored array still has its recorded sha256; an error that names the others if not."""
    root = data_root(root)
    if choose(name, CATALOGUE, "data set").form == "builtin":
        return f"{name}: comes with scikit-learn, nothing to check"
    stored = read_stored(name, root, again=True)
    return f"{sentence(name, root)}; all {len(stored.digests)} arrays have their recorded sha256"
