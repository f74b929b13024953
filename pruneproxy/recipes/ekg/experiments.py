"""The specs of every experiment, each with what it stands for."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product

import numpy as np

from pruneproxy import ekg
from pruneproxy.recipes.ekg.protocol import Case
from pruneproxy.recipes.recipe import Entry
from pruneproxy.runs import RunSpec
from pruneproxy.runs.accuracies import AccuracySpec
from pruneproxy.runs.bends import BendsSpec
from pruneproxy.runs.guided import GuidedSpec
from pruneproxy.runs.subnetworks import SubnetworkSpec

KINDS = ("none", "single", "ensemble")  # of guides, and of knowledge
SCORES = {  # Table 1: score -> the guide of its search
    "l1": "none",
    "geometric-median": "none",
    "gbn": "none",
    "taylor": "ensemble",
}


def dense(case: Case, seed: int, **changes) -> RunSpec:
    """The training of the unpruned network, as the case says but for some values."""
    return replace(case.base, seed=seed, train=replace(case.base.train, **changes))


def searched(
    case: Case, seed: int, target: float | None = None, *, guide: str = "ensemble", draw: int = 0, **search
) -> SubnetworkSpec:
    """A search in the unpruned network of a seed."""
    config = ekg.SearchConfig(
        target=case.target if target is None else target,
        guide=guide,
        ratio=case.ratio,
        per_call=case.per_call,
        filtered=case.filtered,
        rescaled=case.rescaled,
        seed=draw,
        **search,
    )
    spec = SubnetworkSpec(
        dense=dense(case, seed), search=config, tuned_on=case.tuned_on, judged_on=case.judged_on, seed=seed
    )
    spec = replace(spec, augmented=case.tuning_augmented)
    tuning = replace(spec.tuning, lr=case.tuning_lr, weight_decay=case.base.train.weight_decay)
    return replace(spec, tuning=tuning)


def finetuned(case: Case, found: SubnetworkSpec, knowledge: str = "none", **changes) -> GuidedSpec:
    """What was found, fine-tuned with some knowledge."""
    spec = GuidedSpec(
        subnetwork=found,
        train=case.finetuning,
        knowledge=knowledge,
        views=case.views if knowledge == "none" else 2,
        augment=case.finetune_augment,
        teachers=case.teachers,
        reading=case.reading,
        rule=case.rule,
        temperature=case.temperature,
        seed=found.seed,
    )
    return replace(spec, **changes)


def _entries(experiment: str, case: Case, found: SubnetworkSpec, knowledge, **labels) -> Iterator[Entry]:
    """A search, and its fine-tunings."""
    about = {"search": found.search.guide, "score": found.search.score, "target": found.search.target}
    about |= {"seed": found.seed} | labels
    yield Entry(spec=found, experiment=experiment, labels=about)
    for name in knowledge:
        yield Entry(
            spec=finetuned(case, found, name),
            experiment=experiment,
            labels=about | {"knowledge": name, "start": "kept"},
        )


def _unpruned(experiment: str, spec: RunSpec, **labels) -> Entry:
    return Entry(spec=spec, experiment=experiment, labels={"knowledge": "unpruned", "seed": spec.seed} | labels)


def _published(case: Case, seed: int) -> Iterator[Entry]:
    yield Entry(spec=AccuracySpec(dense=dense(case, seed)), experiment="published", labels={"seed": seed})
    yield from _entries("published", case, searched(case, seed), ())


def _ablation(case: Case, seed: int) -> Iterator[Entry]:
    yield _unpruned("ablation", dense(case, seed))
    for guide in KINDS:
        yield from _entries("ablation", case, searched(case, seed, guide=guide), KINDS)


def _bends(case: Case, experiment: str, found: SubnetworkSpec, *, side: int = 0, **labels) -> Entry:
    spec = BendsSpec(subnetwork=found, points=case.walk_points, side=side)
    about = {"search": found.search.guide, "score": found.search.score, "target": found.search.target}
    return Entry(spec=spec, experiment=experiment, labels=about | {"seed": found.seed} | labels)


def _scores(case: Case, seed: int) -> Iterator[Entry]:
    for score, guide in SCORES.items():
        found = searched(case, seed, guide=guide, score=score)
        yield from _entries("scores", case, found, ("none",))
        yield _bends(case, "scores", found, side=case.side)


def _curve(case: Case, seed: int) -> Iterator[Entry]:
    yield _unpruned("curve", dense(case, seed))
    for target in case.targets:
        yield from _entries("curve", case, searched(case, seed, target), ("ensemble",))


def _parts(case: Case, seed: int) -> Iterator[Entry]:
    for target, guide in product(case.targets, ("none", "ensemble")):
        yield from _entries("parts", case, searched(case, seed, target, guide=guide), ("none",))


def _random(case: Case, seed: int) -> Iterator[Entry]:
    """Random sub-networks: groups lose candidates in a random order, filters by norm in some, at random in most."""
    for draw in range(case.drawn):
        score = "random" if draw % case.l1_every else "l1"
        found = searched(case, seed, guide="none", score=score, picked="random", draw=draw)
        yield from _entries("random", case, found, ("none",), draw=draw)
        yield _bends(case, "random", found, draw=draw)


def _retune(case: Case, seed: int) -> Iterator[Entry]:
    """Landscapes of the unpruned network, and of what the full method found: from scratch, and fine-tuned."""
    found = searched(case, seed)
    for lr, weight_decay in settings(case):
        values = {"lr": lr, "weight_decay": weight_decay}
        yield _unpruned("retune", dense(case, seed, **values), start="fresh", **values)
        for start, train in (("fresh", case.base.train), ("kept", case.finetuning)):
            spec = finetuned(case, found, train=replace(train, **values), start=start, views=1)
            if start == "fresh":
                spec = replace(spec, augment=None)
            labels = {"search": "ensemble", "score": "taylor", "knowledge": "none", "target": case.target}
            yield Entry(spec=spec, experiment="retune", labels=labels | {"seed": seed, "start": start} | values)


def settings(case: Case) -> list[tuple[float, float]]:
    """The grid of learning rates and weight decays, the values rounded so that equal settings have equal specs."""
    axes = ((case.lr_log10, case.lr_points), (case.weight_decay_log10, case.weight_decay_points))
    return list(product(*([float(f"{10**at:.6g}") for at in np.linspace(*ends, points)] for ends, points in axes)))


MAKERS: dict[str, Callable[[Case, int], Iterator[Entry]]] = {
    "published": _published,
    "ablation": _ablation,
    "scores": _scores,
    "curve": _curve,
    "parts": _parts,
    "random": _random,
    "retune": _retune,
}


def entries(case: Case) -> Iterator[Entry]:
    """Every spec of a case, seeds outermost: what is stopped early has whole seeds."""
    for seed in range(case.seeds):
        for name in case.experiments:
            yield from MAKERS[name](case, seed)
