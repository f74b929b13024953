"""Contenders in processes of their own that take turns, so that a busy machine slows all of them alike."""

import multiprocessing
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection

import torch

from pruneproxy import environment
from pruneproxy.bench.ways import BATCH, Way, enough, pictures, side_of, steps

SECONDS = 0.6  # of a turn, roughly
WARM_UP = 2  # steps


def speeds(ways: Mapping[str, Way], *, turns: int, seconds: float = SECONDS) -> dict[str, list[float]]:
    """Images per second of every contender in every turn; they go forwards and backwards alternately."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    with ExitStack() as open_:
        teams = {name: open_.enter_context(_team(way)) for name, way in ways.items()}
        counts = {name: enough(_together(team, WARM_UP) / WARM_UP, seconds) for name, team in teams.items()}
        for turn in range(turns):
            for name in list(teams)[:: -1 if turn % 2 else 1]:
                took = _together(teams[name], counts[name])
                found[name].append(len(teams[name]) * counts[name] * BATCH / took)
    return found


def _together(team: list[Connection], count: int) -> float:
    """The seconds until every process of a team has made so many steps."""
    started = time.perf_counter()
    for process in team:
        process.send(count)
    for process in team:
        process.recv()
    return time.perf_counter() - started


@contextmanager
def _team(way: Way) -> Iterator[list[Connection]]:
    """The processes of a contender, ready and waiting; ended afterwards."""
    context, ends, processes = multiprocessing.get_context("spawn"), [], []
    try:
        for _ in range(way.processes):
            ours, theirs = context.Pipe()
            process = context.Process(target=_serve, args=(way, theirs), daemon=True)
            process.start()
            theirs.close()  # or nobody would hear that the process has died
            ends, processes = [*ends, ours], [*processes, process]
        for end in ends:
            end.recv()
        yield ends
    finally:
        for end, process in zip(ends, processes, strict=True):
            end.close()
            process.join()


def _serve(way: Way, caller: Connection) -> None:
    """Makes as many steps as it is told, until nobody tells any more."""
    if way.keeps_pages and not way.plain:
        environment.settle()
    torch.set_num_threads(way.threads)
    device, step = environment.resolve_device(way.device), steps(way, pictures(side=side_of(way.network)))
    next(step)
    caller.send("ready")
    while True:
        try:
            count = caller.recv()
        except EOFError:
            return
        for _ in range(count):
            next(step)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        caller.send("done")
