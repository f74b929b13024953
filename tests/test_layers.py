"""Imports point down, few modules open files, only the command lines print, and public names have docstrings."""

import ast
import graphlib
import subprocess
import sys
from pathlib import Path

import pytest

from pruneproxy.book.layers import LAYERS, layer, sources

MODULES = sources()
PUBLIC = [name for name in MODULES if "._" not in name.removesuffix(".__main__")]
# Where records and data sets live; `published` reads the package's own tables, and the book writes pages.
OPEN_FILES = ("durable", "stopping", "store", "cache", "data", "published", "book", "environment")
PRINT = ("__main__", "book.__main__", "bench.__main__")
FILE_CALLS = {"open", "read_text", "read_bytes", "write_text", "write_bytes", "mkdir", "unlink", "rmtree", "copytree"}
FILE_CALLS |= {"savez", "savez_compressed", "save_file", "load_file", "read_csv", "to_csv"}
FRAMES_ONLY = (
    "stats",
    "pareto",
    "importance",
    "published",
    "space",
    "evidence.tables",
    "evidence.figures",
    "evidence.verdicts",
    "evidence.ledger",
)


def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def short(module: str) -> str:
    return module.removeprefix("pruneproxy").removeprefix(".")


def imports(module: str) -> set[str]:
    """The modules of this package that a module imports anywhere, functions included."""
    found = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if alias.name.split(".")[0] == "pruneproxy"}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{module}: write imports in full"
            if node.module.split(".")[0] == "pruneproxy":
                full = {f"{node.module}.{alias.name}" for alias in node.names}
                found |= {name if name in MODULES else node.module for name in full}
    return found


def calls(module: str) -> set[str]:
    """The last names of all functions and methods that a module calls."""
    functions = [node.func for node in ast.walk(tree(module)) if isinstance(node, ast.Call)]
    return {getattr(function, "attr", getattr(function, "id", "")) for function in functions}


def part(module: str) -> str:
    return short(module).split(".")[0]


def test_every_module_has_a_layer_and_only_one():
    members = [name for names in LAYERS.values() for name in names]
    assert len(members) == len(set(members))
    assert {layer(module) for module in MODULES} <= set(range(-1, len(LAYERS)))


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module):
    upward = [name for name in imports(module) if layer(name) > layer(module)]
    assert not upward, f"{module} (layer {layer(module)}) imports {upward}"


def test_no_modules_import_each_other_in_a_circle():
    # A package's __init__ collects its own modules, so the package itself is left out of the graph.
    packages = {name for name, path in MODULES.items() if path.name == "__init__.py"}
    graph = {module: imports(module) - packages for module in set(MODULES) - packages}
    assert list(graphlib.TopologicalSorter(graph).static_order())


def test_the_check_of_directions_sees_an_upward_import():
    assert layer("pruneproxy.book.html") > layer("pruneproxy.recipes") > layer("pruneproxy.store")
    assert layer("pruneproxy.store") > layer("pruneproxy.train") > layer("pruneproxy.models.resnet")
    assert layer("pruneproxy.models.resnet") > layer("pruneproxy.scores") > layer("pruneproxy.errors")
    with pytest.raises(LookupError, match="is in no layer"):
        layer("pruneproxy.nowhere")


@pytest.mark.parametrize("module", [name for name in MODULES if part(name) not in OPEN_FILES])
def test_only_store_and_data_open_files(module):
    assert not calls(module) & FILE_CALLS


@pytest.mark.parametrize("module", [name for name in MODULES if short(name) not in PRINT])
def test_only_the_command_lines_print(module):
    assert "print" not in calls(module)


@pytest.mark.parametrize("name", [name for name in FRAMES_ONLY if f"pruneproxy.{name}" in MODULES])
def test_what_works_on_frames_needs_no_torch(name):
    script = f"import sys, pruneproxy.{name}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", script], cwd=Path(__file__).parents[1]).returncode == 0


@pytest.mark.parametrize("module", PUBLIC)
def test_every_public_name_has_a_docstring(module):
    kinds = (ast.ClassDef, ast.FunctionDef)
    names = [node for node in tree(module).body if isinstance(node, kinds) and not node.name.startswith("_")]
    assert ast.get_docstring(tree(module))
    assert not [node.name for node in names if not ast.get_docstring(node)]
