"""The command line: `pruneproxy` or `python -m pruneproxy`. The only module that prints."""

import argparse
import json
import signal
import sys
import warnings

from pruneproxy import __version__, processes, stopping
from pruneproxy.errors import UserError, printable

# What a first signal does to a command: be noted by those that train, or take away what an import has begun.
WAYS = {"run": "note", "decide": "note", "verify": "note", "ask": "note", "get": "raise", "import": "raise"}


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit code.

    0 done, 1 some runs failed, 2 bad input, 3 stopped with work left, 130 or 143 interrupted.
    """
    try:
        with stopping.listening(_say), warnings.catch_warnings():
            warnings.showwarning = _warn
            options = _parser().parse_args(arguments)
            with stopping.way(WAYS.get(options.named, "exit")):
                return options.command(options) or 0
    except UserError as error:
        _say(f"pruneproxy: {error}")
        return 2
    except KeyboardInterrupt:
        _say(f"pruneproxy: interrupted; {stopping.KEPT}")
        return 128 + (stopping.heard() or signal.SIGINT)


def _warn(message, category, *_):
    if not issubclass(category, (DeprecationWarning, PendingDeprecationWarning, FutureWarning)):
        _say(f"pruneproxy: warning: {message}")


class _Parser(argparse.ArgumentParser):
    def error(self, message):
        raise UserError(f"{message}; see `{self.prog} --help`")


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="pruneproxy", description="Tune on a pruned network: five papers under one harness.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND", parser_class=_Parser)
    _add_run(commands)
    _add_status(commands)
    _add_pack(commands)
    _add_export(commands)
    _add_claims(commands)
    _add_decide(commands)
    _add_show(commands)
    _add_verify(commands)
    _add_ask(commands)
    _add_data(commands)
    _add_models(commands)
    _add_coverage(commands)
    return parser


def _command(commands, name, function, text):
    parser = commands.add_parser(name, help=text, description=text)
    parser.set_defaults(command=function, named=name)
    return parser


def _recipe_options(parser, *, scale=None):
    parser.add_argument("recipe", metavar="RECIPE", help="hp_space, ...")
    parser.add_argument("--scale", default=scale, required=scale is None, help="smoke, lab, gpu or paper")
    parser.add_argument(
        "--set", action="append", default=[], metavar="k=v", help="override one protocol value; repeatable"
    )
    _records_option(parser)


def _records_option(parser):
    parser.add_argument(
        "--records", metavar="FOLDER", help="where records are kept (default: notebooks/records/RECIPE)"
    )


def _add_run(commands):
    parser = _command(commands, "run", _run, "run what a recipe lacks at a scale; a second call does the rest")
    _recipe_options(parser)
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="local processes (default 1)")
    parser.add_argument("--budget", metavar="9m", help="stop cleanly after this time: 90s, 9m, 2h")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:N or auto (default)")
    parser.add_argument("--dask", metavar="ADDRESS", help="use the workers of this Dask scheduler instead")
    _engine_option(parser)
    parser.add_argument(
        "--storage",
        default="memory",
        metavar="URL",
        help="where searches keep their studies: memory (default), or shared between processes "
        "sqlite:///FILE, journal:FILE or postgresql://USER@HOST/DATABASE",
    )


def _engine_option(parser):
    parser.add_argument(
        "--engine",
        default="auto",
        metavar="NAME",
        help="batched: runs of one shape train together; single: each by itself; auto (default): where it pays",
    )


def _run(options):
    if options.workers > 1:
        processes.prepare()
    from pruneproxy import commands

    return commands.run(options, _say)


def _add_status(commands):
    parser = _command(
        commands, "status", _status, "runs done and missing per recipe and scale, and the time they will take"
    )
    parser.add_argument("recipe", nargs="?", metavar="RECIPE")
    parser.add_argument("--scale", help="only this scale")
    parser.add_argument(
        "--set", action="append", default=[], metavar="k=v", help="override one protocol value; repeatable"
    )
    _records_option(parser)


def _status(options):
    def lines():
        from pruneproxy import commands

        return commands.status(options)

    for line in _answer("status", options, lines):
        _print(line)


def _answer(name, options, compute):
    """The answer of a command to these options on these records, computed once; without torch when it is known.

    Verdicts are corrected over the papers whose records lie beside a folder, so these are part of the question.
    """
    from pathlib import Path

    from pruneproxy import cache
    from pruneproxy.store import records_folder

    stems = [path.name for path in (Path(__file__).parent / "published").iterdir() if path.is_dir()]
    if options.records is None:
        folders = [records_folder(stem) for stem in stems]
    else:
        given = records_folder("", options.records)
        folders = [given, *(given.parent / stem for stem in stems)]
    said = {name: value for name, value in vars(options).items() if name not in ("command", "named", "json")}
    return cache.cached(name, (cache.folders_hash(folders), sorted(said.items())), compute)


def _add_pack(commands):
    parser = _command(commands, "pack", _pack, "merge the parts of a folder of records into one file")
    parser.add_argument("recipe", metavar="RECIPE")
    parser.add_argument(
        "--adopt", action="store_true", help="give records of version 0.1, which have no checksums, theirs"
    )
    _records_option(parser)


def _pack(options):
    from pruneproxy import commands

    for line in commands.pack(options):
        _print(line)


def _add_export(commands):
    parser = _command(
        commands, "export", _export, "write records as one table: CSV, or Parquet where pyarrow is installed"
    )
    parser.add_argument("source", nargs="?", metavar="RECIPE|FOLDER", help="whose records (default: all recipes')")
    form = parser.add_mutually_exclusive_group(required=True)
    form.add_argument("--parquet", metavar="FILE", help="the file to write; needs `pip install pyarrow`")
    form.add_argument("--csv", metavar="FILE", help="the file to write")


def _export(options):
    from pruneproxy import commands

    _print(commands.export(options))


def _add_claims(commands):
    parser = _command(commands, "claims", _claims, "every published claim with its verdict, effect and interval")
    parser.add_argument("recipe", nargs="?", metavar="RECIPE")
    parser.add_argument("--scale", help="the scale to judge (default: the largest that is complete)")
    parser.add_argument("--json", action="store_true", help="as JSON")
    _records_option(parser)


def _claims(options):
    def verdicts():
        from pruneproxy import commands

        rows = commands.claims(options)
        return {"rows": rows, "text": commands.claims_table(rows)}

    found = _answer("claims", options, verdicts)
    print(json.dumps(found["rows"], indent=1) if options.json else found["text"])


def _add_decide(commands):
    parser = _command(
        commands, "decide", _decide, "spend a budget on the blocks of seeds that close most open claims at scale lab"
    )
    parser.add_argument("recipe", nargs="?", metavar="RECIPE")
    parser.add_argument("--budget", required=True, metavar="2h", help="the time to spend: 90s, 9m, 2h")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="local processes (default 1)")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:N or auto (default)")
    _engine_option(parser)
    _records_option(parser)


def _decide(options):
    from pruneproxy import commands

    return commands.decide(options, _say)


def _add_show(commands):
    parser = _command(commands, "show", _show, "run one page of the book with other parameters, and make its HTML")
    parser.add_argument("page", metavar="PAGE", help="such as hp_space/2-landscape")
    parser.add_argument(
        "--set", action="append", default=[], metavar="k=v", help="a parameter of the notebook; repeatable"
    )
    parser.add_argument("--output", default=".", metavar="FOLDER", help="where _build is made (default: here)")
    parser.add_argument("--take", metavar="FOLDER", help="write the page's tables as CSV and its figures there, too")
    parser.add_argument("--figures", default="svg", metavar="KIND", help="of figures that are taken: svg, pdf or png")
    parser.add_argument("--open", action="store_true", help="open the page in the browser")


def _show(options):
    from pruneproxy import commands

    return commands.show(options, _say)


def _add_verify(commands):
    parser = _command(
        commands,
        "verify",
        _verify,
        "run a random sample of records again: identical, within the noise of seeds, or different",
    )
    parser.add_argument("recipe", metavar="RECIPE")
    parser.add_argument("--sample", type=int, default=12, metavar="N", help="how many records (default 12)")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--device", default="cpu", help="cpu (default), cuda, cuda:N or auto")
    _records_option(parser)


def _verify(options):
    from pruneproxy import commands

    return commands.verify(options, _print)


def _add_ask(commands):
    parser = _command(
        commands,
        "ask",
        _ask,
        "whether a network of your own may be tuned on a cheaper copy, or must be tuned again after pruning: a report",
    )
    parser.add_argument("--network", required=True, metavar="MODULE:FUNCTION", help="a function that makes it")
    parser.add_argument(
        "--data", default="digits", metavar="NAME|FOLDER", help="of `pruneproxy data list`, or with CLASS/images"
    )
    parser.add_argument("--budget", default="20m", metavar="20m", help="the time to spend: 90s, 9m, 2h")
    parser.add_argument("--settings", type=int, metavar="N", help="how many are tried (default 12; 8 with --retune)")
    parser.add_argument("--epochs", type=int, default=5, metavar="N", help="of a training (default 5)")
    parser.add_argument("--images", type=int, metavar="N", help="training images (default: all)")
    parser.add_argument("--size", type=int, metavar="N", help="side of the images (default: the set's, 64 in folders)")
    parser.add_argument(
        "--space", action="append", default=[], metavar="lr=1e-3:1:log", help="one dimension; repeatable, a,b,c chooses"
    )
    parser.add_argument("--margin", type=float, metavar="POINTS", help="how much may be lost (default: see the report)")
    parser.add_argument("--retune", action="store_true", help="ask whether it must be tuned again after pruning")
    parser.add_argument(
        "--setting",
        action="append",
        default=[],
        metavar="lr=0.1",
        help="with --retune, a value to keep; repeatable (default: the best of the pilot in --records)",
    )
    parser.add_argument("--keep", type=float, default=0.5, metavar="SHARE", help="with --retune, of channels (0.5)")
    parser.add_argument("--method", default="l1", metavar="SCORE", help="with --retune, what chooses them (l1)")
    parser.add_argument("--workers", type=int, default=1, metavar="N", help="local processes (default 1)")
    parser.add_argument("--device", default="auto", help="cpu, cuda, cuda:N or auto (default)")
    parser.add_argument("--dask", metavar="ADDRESS", help="use the workers of this Dask scheduler instead")
    parser.add_argument("--records", metavar="FOLDER", default="asked", help="trainings and report (default: asked)")


def _ask(options):
    from pruneproxy import commands

    return commands.ask(options, _say)


def _add_data(commands):
    parser = commands.add_parser("data", help="list, get, import or check data sets", description="Data sets.")
    actions = parser.add_subparsers(required=True, metavar="ACTION", parser_class=_Parser)
    for name, text in (
        ("list", "all data sets and where they stand"),
        ("get", "download one, with checksums"),
        ("import", "take a local copy"),
        ("check", "compare the files with their checksums"),
    ):
        action = _command(actions, name, _data, text)
        action.set_defaults(action=name)
        if name != "list":
            action.add_argument("name", metavar="NAME")
        if name == "import":
            action.add_argument("path", metavar="PATH")
        action.add_argument(
            "--root", metavar="FOLDER", help="where data are kept (default: $PRUNEPROXY_DATA or the user's cache)"
        )


def _data(options):
    from pruneproxy import commands

    for line in commands.data_command(options):
        _print(line)


def _add_models(commands):
    _command(commands, "models", _models, "all networks with their parameters and multiplications")


def _models(options):
    from pruneproxy import commands

    print(commands.models_table())


def _add_coverage(commands):
    text = "where the book shows each numbered table, figure and algorithm of the papers, or why it does not"
    _command(commands, "coverage", _coverage, text).add_argument("--json", action="store_true", help="as JSON")


def _coverage(options):
    from dataclasses import asdict
    from pathlib import Path

    from pruneproxy.book import coverage

    found = coverage.covered(Path("."))
    print(json.dumps([asdict(item) for item in found], indent=1) if options.json else "\n".join(coverage.lines(found)))
    return 1 if coverage.lost(found) else 0


def _print(line: str):
    print(printable(line))


def _say(line: str):
    print(printable(line), file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
