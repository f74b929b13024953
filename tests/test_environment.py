"""pyproject.toml, constraints.txt, environment.yml and the Makefile agree with one another and with the code."""

import ast
import importlib.metadata
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS = PROJECT["optional-dependencies"]
LOCK = (ROOT / "requirements.lock").read_text()
# Names that are imported under another name than they are installed.
IMPORTED_AS = {"pillow": "PIL", "scikit-learn": "sklearn", "pyyaml": "yaml"}


def pins() -> dict[str, Requirement]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(requirement.name): requirement for requirement in requirements}


def version(pin: Requirement) -> str:
    return next(iter(pin.specifier)).version


def wanted() -> list[Requirement]:
    optional = [text for extra in EXTRAS.values() for text in extra]
    return [Requirement(text) for text in (*PROJECT["dependencies"], *optional)]


def test_every_constraint_is_one_exact_version():
    loose = [str(pin) for pin in pins().values() if [one.operator for one in pin.specifier] != ["=="]]
    assert not loose


def test_the_lock_has_the_same_versions_and_a_checksum_for_every_one():
    entries = re.split(r"\n(?=\S)", re.sub(r"^#.*\n", "", LOCK, flags=re.MULTILINE).strip())
    locked = [entry.replace("\\\n", "").split("--hash=sha256:") for entry in entries]
    found = {canonicalize_name((pin := Requirement(line)).name): version(pin) for line, *_ in locked}
    assert found == {name: version(pin) for name, pin in pins().items()}
    assert all(sums and all(re.fullmatch("[0-9a-f]{64}", one.strip()) for one in sums) for _, *sums in locked)


def test_every_requirement_has_a_pin_that_it_allows():
    pinned = pins()
    for requirement in wanted():
        assert requirement.specifier.contains(version(pinned[canonicalize_name(requirement.name)])), requirement


def test_what_the_pins_need_in_turn_is_pinned_too():
    pinned = pins()
    for name, pin in pinned.items():
        try:
            needs = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue  # a pin of another platform, or of Optuna
        if importlib.metadata.version(name) != version(pin):
            continue  # an environment without the constraints
        for need in map(Requirement, needs):
            if need.marker is None or need.marker.evaluate({"extra": ""}):
                found = version(pinned[canonicalize_name(need.name)])
                assert need.specifier.contains(found, prereleases=True), f"{name} needs {need}, pinned is {found}"


def test_torch_and_torchvision_are_a_matching_pair():
    torch, torchvision = (version(pins()[name]).split(".") for name in ("torch", "torchvision"))
    assert int(torchvision[1]) - int(torch[1]) == 15 and torch[0] == "2" and torchvision[0] == "0"


@pytest.mark.parametrize("name, oldest", [("torch", "2.11.0"), ("torchvision", "0.26.0")])
def test_torch_211_is_allowed_without_the_constraints(name, oldest):
    requirement = next(one for one in wanted() if one.name == name)
    assert requirement.specifier.contains(oldest)


def test_python_311_and_312_are_allowed():
    allowed = SpecifierSet(PROJECT["requires-python"])
    assert "3.11.0" in allowed and "3.12.4" in allowed and "3.10.9" not in allowed


def test_environment_yml_is_pyproject_with_the_constraints():
    conda = yaml.safe_load((ROOT / "environment.yml").read_text())
    pip = next(entry["pip"] for entry in conda["dependencies"] if isinstance(entry, dict))
    installed = next(line for line in pip if line.startswith("--editable"))
    extras = re.search(r"\[(.*)\]", installed)[1].split(",")
    python = next(entry for entry in conda["dependencies"] if str(entry).startswith("python="))
    assert conda["name"] == PROJECT["name"] and conda["channels"][0] == "conda-forge"
    assert sorted(extras) == sorted(EXTRAS)
    assert "--constraint constraints.txt" in pip and len(pip) == 2
    assert f"{python.removeprefix('python=')}.0" in SpecifierSet(PROJECT["requires-python"])


def test_make_installs_all_extras_with_the_constraints():
    recipe = (ROOT / "Makefile").read_text()
    extras = re.search(r"^EXTRAS := (.*)$", recipe, re.MULTILINE)[1].split(",")
    assert sorted(extras) == sorted(EXTRAS)
    assert "--constraint constraints.txt" in recipe and "--require-hashes --requirement requirements.lock" in recipe


def test_every_imported_package_is_declared():
    declared = {canonicalize_name(one.name) for one in map(Requirement, PROJECT["dependencies"])}
    optional = {canonicalize_name(Requirement(text).name) for extra in EXTRAS.values() for text in extra}
    for path in (ROOT / "pruneproxy").rglob("*.py"):
        allowed = declared | optional if path.is_relative_to(ROOT / "pruneproxy/book") else declared
        names = {IMPORTED_AS.get(name, name.replace("-", "_")) for name in allowed}
        unknown = imported(path) - names - set(sys.stdlib_module_names) - {"pruneproxy"}
        assert not unknown, f"{path.relative_to(ROOT)} imports {unknown}"


def imported(path: Path) -> set[str]:
    """The packages that a file imports, without those that it only tries to."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tried = {id(node) for attempt in ast.walk(tree) if isinstance(attempt, ast.Try) for node in ast.walk(attempt)}
    nodes = [node for node in ast.walk(tree) if id(node) not in tried]
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return {name.split(".")[0] for name in plain | {node.module for node in nodes if isinstance(node, ast.ImportFrom)}}


def test_published_numbers_are_part_of_the_installed_package():
    # What setuptools would put into a wheel, without building one.
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = config["package-data"]["pruneproxy"]
    data = [path for path in (ROOT / "pruneproxy").rglob("*") if path.suffix in (".csv", ".toml", ".yaml", ".json")]
    packaged = {path for pattern in patterns for path in (ROOT / "pruneproxy").glob(pattern)}
    assert data and set(data) <= packaged


def test_make_lists_its_commands_without_an_environment():
    listed = subprocess.run(["make", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert all(f"make {name} " in listed for name in ("book", "test", "bench", "lint", "clean"))
