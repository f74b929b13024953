"""The layers of the package, from the bottom up: a module imports only from its own layer and those below it."""

from pathlib import Path

import pruneproxy

LAYERS = {
    "Foundations": (
        "errors",
        "limits",
        "randomness",
        "specs",
        "durable",
        "stopping",
        "processes",
        "cache",
        "environment",
    ),
    "Pure maths": (
        "examples",
        "scores",
        "channels",
        "masks",
        "magnitude",
        "paths",
        "costs",
        "space",
        "curvature",
        "stats",
        "pareto",
        "importance",
    ),
    "Networks and data": ("models", "data", "surgery", "published"),
    "Procedures": ("train", "sparse", "ekg"),
    "Runs and results": ("store", "runs", "search", "workers"),
    "Evidence": ("evidence",),
    "Recipes": ("recipes",),
    "Entry points": ("tuning", "asking", "tuner", "commands", "chapter", "notebook", "bench", "book", "__main__"),
}


def modules() -> tuple[str, ...]:
    """The full name of every module of the package, private ones left out."""
    return tuple(name for name in sources() if not _private(name))


def sources() -> dict[str, Path]:
    """Every module of the package by its full name, with its file; nothing is imported."""
    folder = Path(pruneproxy.__path__[0])
    paths = sorted(path.relative_to(folder.parent) for path in folder.rglob("*.py"))
    return {_name(path): folder.parent / path for path in paths}


def layer(module: str) -> int:
    """The position of a module's layer, counted from the bottom; the package itself is below all."""
    names = module.split(".")[1:]
    if not names:
        return -1
    for position, members in enumerate(LAYERS.values()):
        if names[0] in members:
            return position
    raise LookupError(f"{module} is in no layer: add it to LAYERS in pruneproxy/book/layers.py")


def _name(path: Path) -> str:
    return ".".join(path.with_suffix("").parts).removesuffix(".__init__")


def _private(module: str) -> bool:
    return any(name.startswith("_") and name != "__main__" for name in module.split("."))
