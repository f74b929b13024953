"""`python -m pruneproxy.book`: what `make book` calls."""

import argparse
import ast
import sys
from pathlib import Path

from pruneproxy.errors import UserError


def main(arguments: list[str] | None = None) -> int:
    """Builds the book, or with `--readme` only rewrites the README's summary; returns 2 on bad input."""
    from pruneproxy.book import making  # the processes that run notebooks import this file and need none of it

    options = parser().parse_args(arguments)
    try:
        if options.readme:
            making.write_readme(options.root)
            return 0
        config = making.BookConfig(
            root=options.root,
            output=options.output or options.root,
            scale=options.scale,
            parameters=dict(map(assignment, options.set)),
            workers=options.workers,
            stored=options.stored,
        )
        index = making.make(config, report=lambda line: print(line, flush=True)) / "index.html"
        print(f"open {index.resolve()}")
        return 0
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m pruneproxy.book", description="Run notebooks and build the book.")
    made.add_argument("--root", type=Path, default=Path("."), help="the repository (default: here)")
    made.add_argument("--output", type=Path, help="where _build is made (default: the repository)")
    made.add_argument("--scale", help="scale of every notebook (default: the largest one whose records are complete)")
    made.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a parameter of the notebooks")
    made.add_argument("--workers", type=int, default=2, help="notebooks at once (default: 2)")
    made.add_argument("--stored", action="store_true", help="run no notebook: show the outputs stored in them")
    made.add_argument("--readme", action="store_true", help="only rewrite the summary of claims in README.md")
    return made


def assignment(text: str) -> tuple[str, object]:
    """`name=value` as a pair; the value is a Python literal where it is one, and text otherwise."""
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise UserError(f"expected NAME=VALUE, got {text!r}: write for example --set epochs=2")
    try:
        return name, ast.literal_eval(value)
    except (SyntaxError, ValueError):
        return name, value


if __name__ == "__main__":
    sys.exit(main())
