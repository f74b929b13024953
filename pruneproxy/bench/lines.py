"""The lines of the table: what was timed, its speed, and ratios to what was timed in turn with it."""

import importlib.util
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from statistics import median

import torch

from pruneproxy import environment
from pruneproxy.bench import narrowed, together
from pruneproxy.bench.turns import speeds
from pruneproxy.bench.ways import Way, network, pictures, side_of
from pruneproxy.sparse import SparseConfig
from pruneproxy.train import fastest_precision

NETWORKS = ("resnet20", "resnet56", "vgg16_bn", "mobilenet_v2", "mlp")
ON_CARDS = ("resnet20", "resnet56")
DENSITIES = (0.4, 0.1, 0.05)
USUAL, ONE, DENSE = "usual loop", "one run", "dense"
Spread = tuple[float, float, float]  # median, least and largest of the turns


@dataclass(frozen=True, kw_only=True)
class Line:
    """What was timed; without a speed and ratios it was not measured."""

    section: str
    network: str
    what: str
    images_per_second: Spread | None = None
    ratios: Mapping[str, Spread] = field(default_factory=dict)
    multiplications: float | None = None  # as a share of the full network's


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to measure, and how thoroughly."""

    networks: tuple[str, ...] = NETWORKS
    cores: int = 2
    turns: int = 7
    seconds: float = 0.6  # of a turn


def spread(values: list[float]) -> Spread:
    """Median, least and largest."""
    return median(values), min(values), max(values)


def over(one: list[float], other: list[float]) -> Spread:
    """The spread of the ratio of each turn."""
    return spread([a / b for a, b in zip(one, other, strict=True)])


def throughput(plan: Plan) -> Iterator[Line]:
    """Every network: the usual loop on all cores, a process a core, one process on all cores, one run on one core."""
    for name in plan.networks:
        ours = Way(network=name, precision=precision_of(name))
        ways = {
            USUAL: Way(network=name, plain=True, threads=plan.cores),
            f"{plan.cores} runs at once, a thread each": replace(ours, processes=plan.cores),
            f"one run of {plan.cores} threads": replace(ours, threads=plan.cores),
            ONE: ours,
        }
        found = speeds(ways, turns=plan.turns, seconds=plan.seconds)
        for what, values in found.items():
            ratios = {other: over(values, found[other]) for other in (USUAL, ONE) if other != what}
            said = what if what == USUAL else f"{what}, {ours.precision}"
            yield Line(section="throughput", network=name, what=said, images_per_second=spread(values), ratios=ratios)


def precision_of(name: str) -> str:
    """The precision in which a run of one thread is fastest here."""
    environment.settle()  # one thread, whose processor time is counted: a busy machine does not mislead it
    dataset = pictures(256, side_of(name))
    return fastest_precision(network(name, dataset), dataset)


def choices(plan: Plan) -> Iterator[Line]:
    """By what factor one run of one thread is faster with each choice than without it."""
    for name in plan.networks:
        ours = Way(network=name, precision=precision_of(name))
        other = "bfloat16" if ours.precision == "float32" else "float32"
        without = {
            f"{ours.precision} instead of {other}": replace(ours, precision=other),
            "channels-last": replace(ours, channels_last=False),
            "pages kept by the allocator": replace(ours, keeps_pages=False),
            "data in memory": replace(ours, in_memory=False),
        }
        fused = "fused SGD (not used: other last bits)"
        ways = {"with": ours, **without, fused: replace(ours, fused=True)}
        found = speeds(ways, turns=plan.turns, seconds=plan.seconds)
        for what in without:
            ratio = over(found["with"], found[what])
            yield Line(section="choices", network=name, what=what, ratios={"without": ratio})
        yield Line(section="choices", network=name, what=fused, ratios={"without": over(found[fused], found["with"])})


def sparse_layers(plan: Plan) -> Iterator[Line]:
    """The MLP dense, masked and by compressed rows, in float32 on one core; a topology update every 100 steps."""
    if "mlp" not in plan.networks:
        return
    dense = Way(network="mlp")
    config = SparseConfig(method="rigl", density=DENSITIES[-1], interval=100)
    ways = {USUAL: replace(dense, plain=True), DENSE: dense}
    ways[f"masked, density {config.density}"] = replace(dense, sparse=config, engine="masked")
    for engine in ("numba", "torch") if importlib.util.find_spec("numba") else ("torch",):
        for density in DENSITIES:
            chosen = replace(config, density=density)
            ways[f"rows by {engine}, density {density}"] = replace(dense, sparse=chosen, engine=engine)
    found = speeds(ways, turns=plan.turns, seconds=plan.seconds)
    for what, values in found.items():
        ratios = {other: over(values, found[other]) for other in (USUAL, DENSE) if other != what}
        yield Line(section="sparse", network="mlp", what=what, images_per_second=spread(values), ratios=ratios)


def narrow(plan: Plan) -> Iterator[Line]:
    """The time of a step of pruned networks beside their multiplications, with any numbers of channels or eights."""
    for name in plan.networks:
        for what, share, ratios in narrowed.times(name, plan.turns):
            line = Line(section="narrowed", network=name, what=what, multiplications=share)
            yield replace(line, ratios={"time of the full network": spread(ratios)})


def cards(plan: Plan) -> Iterator[Line]:
    """The usual loop and ours on a GPU, where there is one."""
    for name in ON_CARDS:
        if name not in plan.networks:
            continue
        if not torch.cuda.is_available():
            yield Line(section="GPU", network=name, what="not measured: no CUDA device")
            continue
        ours = Way(network=name, precision="bfloat16", device="cuda")
        ways = {USUAL: Way(network=name, plain=True, device="cuda", threads=plan.cores), ONE: ours}
        found = speeds(ways, turns=plan.turns, seconds=plan.seconds)
        for what, values in found.items():
            ratios = {USUAL: over(values, found[USUAL])} if what != USUAL else {}
            yield Line(section="GPU", network=name, what=what, images_per_second=spread(values), ratios=ratios)


def at_once(_: Plan) -> Iterator[Line]:
    """Small tabular networks that train in one program, against as many one after the other, on one core."""
    for count in together.COUNTS:
        gains = together.gains(count, torch.device("cpu"))
        ratios = {"one after the other": spread(gains)}
        yield Line(section="at once", network="mlp 20-64-64-10", what=f"{count} in one program", ratios=ratios)


SECTIONS: dict[str, Callable[[Plan], Iterator[Line]]] = {
    "throughput": throughput,
    "choices": choices,
    "sparse": sparse_layers,
    "at once": at_once,
    "narrowed": narrow,
    "GPU": cards,
}
