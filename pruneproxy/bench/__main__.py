"""The command line of the benchmark."""

import argparse
import json
import os
import sys
from pathlib import Path

from pruneproxy import durable
from pruneproxy.bench import overheads, table
from pruneproxy.bench.lines import NETWORKS, SECTIONS, Plan
from pruneproxy.book import speed
from pruneproxy.errors import UserError, choose

TABLE = Path("book/speed.json")


def main(arguments: list[str] | None = None) -> int:
    """Measures, prints each line with its change against the kept table, and keeps the new one if asked to."""
    options = _parser().parse_args(arguments)
    try:
        for name in options.networks:
            choose(name, dict.fromkeys(NETWORKS), "network of the benchmark")
        for name in options.sections:
            choose(name, SECTIONS, "section of the benchmark")
        if options.turns < 5 and options.save:
            raise UserError(f"expected at least 5 turns for a table that is kept, got {options.turns}: give --turns 5")
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    plan = Plan(networks=tuple(options.networks), cores=options.cores, turns=options.turns, seconds=options.seconds)
    kept, lines = speed.read(options.table), []
    print(table.heading(plan), flush=True)
    for name in options.sections:
        for line in SECTIONS[name](plan):
            lines.append(line)
            print(table.text(line, kept), flush=True)
    for gone in table.missing(lines, kept, options.sections):
        print(f"not measured this time: {gone}")
    if options.save:
        durable.write(options.table, json.dumps(table.data(lines, plan), indent=1) + "\n")
    if options.overheads:
        overheads.report_search(print)
        overheads.report_subnetworks(print)
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m pruneproxy.bench", description=__doc__)
    cores = min(2, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), metavar="NAME", help=", ".join(NETWORKS))
    parser.add_argument("--sections", nargs="+", default=list(SECTIONS), metavar="NAME", help=", ".join(SECTIONS))
    parser.add_argument("--turns", type=int, default=7, help="how often each is timed; 7")
    parser.add_argument("--seconds", type=float, default=0.6, help="of a turn, roughly; 0.6")
    parser.add_argument("--cores", type=int, default=cores, help=f"that both loops may use; {cores} here")
    parser.add_argument("--table", type=Path, default=TABLE, help=f"the table to compare with; {TABLE}")
    parser.add_argument("--save", action="store_true", help="keep this table instead")
    parser.add_argument("--overheads", action="store_true", help="also what searches and knowledge cost")
    return parser


if __name__ == "__main__":
    sys.exit(main())
