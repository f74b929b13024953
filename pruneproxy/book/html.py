"""The HTML: sources staged in `_build/source`, filled with what the records say, and built strictly."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from pruneproxy.errors import UserError

STAGE = Path("_build/source")
HTML = Path("_build/html")
OPTIONS = ("-W", "-n", "--keep-going", "-q")


def stage(root: Path, output: Path) -> Path:
    """Copies configuration and pages to `output/_build/source`, where the executed notebooks will lie too."""
    target = output / STAGE
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(root / "book", target / "book", ignore=shutil.ignore_patterns(".*"))
    shutil.copy(root / "_config.yml", target)
    return target


def fill(page: Path, blocks: Mapping[str, str]) -> None:
    """Puts the generated blocks between the markers of a page."""
    text = page.read_text(encoding="utf-8")
    for name, content in blocks.items():
        text = filled(text, name, content)
    page.write_text(text, encoding="utf-8")


def filled(text: str, name: str, content: str) -> str:
    """`text` with `content` between the markers `<!-- name:start -->` and `<!-- name:end -->`."""
    start, end = f"<!-- {name}:start -->", f"<!-- {name}:end -->"
    if text.count(start) != 1 or text.count(end) != 1:
        raise UserError(f"expected the markers {start} and {end} once each: put them where the generated part belongs")
    before, rest = text.split(start)
    return f"{before}{start}\n{content.strip()}\n{end}{rest.split(end)[1]}"


def build(output: Path, *, strict: bool = True) -> Path:
    """Builds `output/_build/html` from the staged sources; if strict, any warning of Sphinx is an error."""
    shutil.rmtree(output / HTML, ignore_errors=True)
    command = [sys.executable, "-c", "from jupyter_book.cli.main import main; main()", "build", "."]
    command += ["--toc", "book/_toc.yml", "--path-output", str(output.resolve()), *(OPTIONS if strict else ("-q",))]
    environment = {**os.environ, "PYTHONWARNINGS": "ignore", "NO_COLOR": "1"}
    result = subprocess.run(command, cwd=output / STAGE, capture_output=True, text=True, env=environment)
    if result.returncode:
        raise UserError(f"the book could not be built:\n{_causes(result.stdout + result.stderr)}")
    return output / HTML


def _causes(log: str, lines: int = 40) -> str:
    """Sphinx's warnings, without what Jupyter Book wraps around them; the end of the log if there are none."""
    found = [line for line in log.splitlines() if "WARNING" in line or "ERROR" in line]
    return "\n".join(found or log.strip().splitlines()[-lines:])
