"""The specs of every experiment, each with what it stands for."""

from collections.abc import Callable, Iterator
from dataclasses import replace

import scipy

from pruneproxy.errors import choose
from pruneproxy.models import ModelConfig
from pruneproxy.recipes.proxy_hpo.protocol import Case
from pruneproxy.recipes.recipe import Entry
from pruneproxy.runs import RunSpec
from pruneproxy.runs.timing import TimingSpec
from pruneproxy.search import Dimension, SearchSpec, WinnerSpec, apply
from pruneproxy.surgery import PruneConfig

NEARLY_ALL = 99.999
FRESH = 1000  # seeds of trainings that no search has seen start here


def searched(case: Case, seed: int) -> RunSpec:
    """The full network as a search trains it."""
    return replace(case.base, prune=None, seed=seed)


def tested(case: Case, seed: int) -> RunSpec:
    """The full network as it is trained with settings that were found: judged once, at the end, on the test split."""
    spec = searched(case, seed)
    return replace(
        spec,
        data=replace(spec.data, eval_images=case.test_images),
        train=replace(spec.train, evaluate_on="test", evaluate_every=spec.train.epochs),
    )


def channels(case: Case, **choices) -> PruneConfig:
    """How the pruned copy chooses its channels (Sec. 4), with any choice replaced."""
    return replace(case.base.prune.channels, **choices)


def pruned(case: Case, seed: int, **choices) -> RunSpec:
    """The copy pruned at initialisation, with the weights that are left."""
    return replace(case.base, prune=replace(case.base.prune, channels=channels(case, **choices), seed=seed), seed=seed)


def _trained(case: Case, seed: int, slimming: float = 0.0, **choices) -> RunSpec:
    """A copy pruned after training, and initialised again before the search (Sec. 3)."""
    spec, train = pruned(case, seed, **choices), case.base.train
    before = replace(train, slimming=slimming, evaluate_every=train.epochs)
    return replace(spec, prune=replace(spec.prune, scored_after=before, weights="fresh"))


def _model(case: Case, **changes) -> ModelConfig:
    """Another member of the family of a case's network."""
    return replace(case.base.model, **changes)


SOURCES: dict[str, Callable[[Case, int], RunSpec]] = {
    "itself": searched,
    "synflow": pruned,
    "synflow-inner": lambda case, seed: pruned(case, seed, scope="inner"),
    "synflow-stem": lambda case, seed: pruned(case, seed, scope="stem"),
    "synflow-signed": lambda case, seed: pruned(case, seed, sign="signed"),
    "synflow-sum": lambda case, seed: pruned(case, seed, fan_in="sum"),
    "3sp": lambda case, seed: pruned(case, seed, score="3sp-compute"),
    "network-slimming": lambda case, seed: _trained(case, seed, slimming=case.slimming, score="slimming"),
    # A percentile that every channel fails leaves the floor alone to decide: the same share of every group.
    "neuron-merging": lambda case, seed: _trained(case, seed, score="l1", percentile=NEARLY_ALL),
    "random-pruning": lambda case, seed: pruned(case, seed, picked="random"),
    "uniform-width": lambda case, seed: replace(
        searched(case, seed), model=_model(case, width=case.base.model.width * case.uniform_width)
    ),
}


def source(case: Case, name: str, seed: int) -> RunSpec:
    """What a search trains when it searches on `name`: a copy of the network, or a member of its family."""
    if name in case.family:
        return replace(searched(case, seed), model=_model(case, name=name))
    return choose(name, SOURCES, "network to search on")(case, seed)


def space(case: Case, hyperparameters: str = "three") -> tuple[Dimension, ...]:
    """Table 2: the ranges of three or of five hyperparameters."""
    log = case.spacing == "log"
    found = (
        Dimension(field="train.lr", low=case.lr[0], high=case.lr[1], log=log),
        Dimension(field="train.batch_size", low=case.batch_size[0], high=case.batch_size[1], log=log, integer=True),
        Dimension(field="train.weight_decay", low=case.weight_decay[0], high=case.weight_decay[1], log=log),
    )
    if hyperparameters == "three":
        return found
    return (
        *found,
        Dimension(field="train.decay_factor", low=case.decay_factor[0], high=case.decay_factor[1], log=log),
        Dimension(field="train.momentum", low=case.momentum[0], high=case.momentum[1]),
    )


def search(case: Case, name: str, optimizer: str, seed: int, hyperparameters: str = "three") -> SearchSpec:
    """One search on one network."""
    return SearchSpec(
        base=source(case, name, seed),
        space=space(case, hyperparameters),
        sampler=optimizer,
        pruner=case.search_pruner,
        trials=case.trials if hyperparameters == "three" else case.trials_five,
        best_of=case.best_of,
        seed=seed,
    )


def _winners(case: Case, experiment: str, name: str, optimizer: str, seed: int, found: SearchSpec) -> Iterator[Entry]:
    """The full network trained with what a search found, with seeds that no search has seen."""
    arm = "target" if name == "itself" else "proxy"
    for fresh in range(FRESH + seed * case.trainings, FRESH + (seed + 1) * case.trainings):
        labels = {"optimizer": optimizer, "arm": arm, "source": name, "search_seed": seed, "seed": fresh}
        yield Entry(spec=WinnerSpec(search=found, target=tested(case, fresh)), experiment=experiment, labels=labels)


def _searches(case: Case, experiment: str, names, optimizers, hyperparameters: str = "three") -> Iterator[Entry]:
    for seed in range(case.seeds):
        for optimizer in optimizers:
            for name in names:
                found = search(case, name, optimizer, seed, hyperparameters)
                yield from _winners(case, experiment, name, optimizer, seed, found)


def _cross(case: Case) -> Iterator[Entry]:
    for seed in range(case.seeds):
        yield from _winners(case, "cross", "synflow", "tpe", seed, search(case, "synflow", "tpe", seed))
        for other in case.others:
            found = search(other, "synflow", "tpe", seed)
            yield from _winners(case, "cross", other.network, "tpe", seed, found)


READINGS = {
    "synflow": "as here: magnitudes, averaged over fan-in, every group scored",
    "synflow-inner": "streams left whole",
    "synflow-stem": "streams cut to the stem's channels (released code)",
    "synflow-signed": "signed scores (Algorithm 1, released code)",
    "synflow-sum": "summed over fan-in (released code)",
}


def _timing(case: Case) -> Iterator[Entry]:
    """Every reading of the pruning at the first batch size, the one that is used here at all of them."""
    for name in READINGS if case.family else ("synflow",):
        for batch in case.timed_batches if name == "synflow" else case.timed_batches[:1]:
            narrow = source(case, name, 0)
            spec = TimingSpec(full=searched(case, 0), narrow=narrow, batch_size=batch, repeats=case.repeats)
            yield Entry(spec=spec, experiment="timing", labels={"source": name, "batch_size": batch})


def _curves(case: Case) -> Iterator[Entry]:
    for seed in range(case.seeds):
        for arm, spec in (("target", searched(case, seed)), ("proxy", pruned(case, seed))):
            yield Entry(spec=spec, experiment="curves", labels={"arm": arm, "seed": seed})


def settings(case: Case) -> list[dict]:
    """Settings spread evenly over the space of three hyperparameters: a Latin hypercube on the searched scales."""
    found = space(case)
    points = scipy.stats.qmc.LatinHypercube(len(found), rng=0).random(case.configs)
    return [{d.field: _at(d, float(share)) for d, share in zip(found, point, strict=True)} for point in points]


def _at(dimension: Dimension, share: float) -> float:
    """The value a share of the way through an interval, rounded so that equal settings have equal specs."""
    low, high = dimension.low, dimension.high
    value = low * (high / low) ** share if dimension.log else low + share * (high - low)
    return round(value) if dimension.integer else float(f"{value:.4g}")


def proxies(case: Case, seed: int) -> dict[str, RunSpec]:
    """Every kind of cheaper network, or cheaper training, that may stand in for the full one."""
    full = searched(case, seed)
    shared = {
        "target": full,
        "pruned": pruned(case, seed),
        "pruned, inner": pruned(case, seed, scope="inner"),
        "pruned, stem": pruned(case, seed, scope="stem"),
        "random pruning": pruned(case, seed, picked="random"),
        "uniform width": source(case, "uniform-width", seed),
        "fewer epochs": replace(
            full, train=replace(full.train, epochs=max(1, round(case.shorter * full.train.epochs)))
        ),
    }
    if full.data.train_images is not None:
        fewer = replace(full.data, train_images=max(1, round(case.shorter * full.data.train_images)))
        shared["data subset"] = replace(full, data=fewer)
    if case.shallower:
        shared["fewer layers"] = replace(full, model=_model(case, name=case.shallower))
    if case.smaller:
        shared["lower resolution"] = replace(full, data=replace(full.data, size=case.smaller))
    return shared


def _configs(case: Case) -> Iterator[Entry]:
    spread = settings(case)
    for seed in range(max(case.target_seeds, case.proxy_seeds)):
        for name, spec in proxies(case, seed).items():
            if seed >= (case.target_seeds if name == "target" else case.proxy_seeds):
                continue
            judged = replace(
                spec,
                data=replace(spec.data, eval_images=case.test_images),
                train=replace(spec.train, evaluate_every=spec.train.epochs),
            )
            for number, chosen in enumerate(spread):
                labels = {"proxy": name, "config": number, "seed": seed}
                yield Entry(spec=apply(judged, chosen), experiment="configs", labels=labels)


ENTRIES: dict[str, Callable[[Case], Iterator[Entry]]] = {
    "main": lambda case: _searches(case, "main", ("itself", "synflow"), case.optimizers),
    "feasibility": lambda case: _searches(case, "feasibility", case.methods, ("tpe",)),
    "timing": _timing,
    "curves": _curves,
    "family": lambda case: _searches(case, "family", case.family, ("tpe",)),
    "cross": _cross,
    "five": lambda case: _searches(case, "five", ("itself", "synflow"), ("tpe",), "five"),
    "configs": _configs,
}


def entries(case: Case) -> Iterator[Entry]:
    """Everything that a case runs, in the order of its experiments."""
    return (entry for name in case.experiments for entry in ENTRIES[name](case))
