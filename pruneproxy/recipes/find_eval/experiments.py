"""The specs of every experiment, each with what it stands for."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from pruneproxy.recipes.find_eval.protocol import Case
from pruneproxy.recipes.recipe import Entry
from pruneproxy.runs import Finding, RoundSpec, RunSpec, Ticket
from pruneproxy.runs.drift import DriftSpec, StabilitySpec

RANDOM = ("random", "shuffled")  # Sec. 2.3
HYPERPARAMETERS = ("lr", "batch_size", "weight_decay")


def trained(case: Case, seed: int, **changes) -> RunSpec:
    """The unpruned network, trained as the case says but for some values."""
    return replace(case.base, prune=None, seed=seed, train=replace(case.base.train, **changes))


def chain(case: Case, find: RunSpec, rounds: Sequence[int], *, donor: RunSpec | None = None, **finding) -> list:
    """The rounds of these numbers that find masks with a training; with a donor, as many of each layer as its own."""
    how = Finding(share=case.share, first=case.first, **finding)
    other = None if donor is None else chain(case, donor, [max(rounds)])[0]
    last = RoundSpec(find=find, number=max(rounds), finding=how, donor=other)
    whole = [last]
    while whole[-1].before is not None:
        whole.append(whole[-1].before)
    return [one for one in reversed(whole) if one.number in rounds]


def _evaluated(experiment: str, found: list, changes: dict, labels: dict, mask: str = "found") -> Iterator[Entry]:
    """Every mask of a chain trained with some settings."""
    for one in found:
        train = replace(one.find.train, **{"stop_after": None} | changes)
        spec = replace(one.find, train=train, ticket=Ticket(round=one, mask=mask))
        yield Entry(spec=spec, experiment=experiment, labels=labels | {"mask": mask, "round": one.number})


def _rounds(experiment: str, found: list, labels: dict) -> Iterator[Entry]:
    return (Entry(spec=one, experiment=experiment, labels=labels | {"round": one.number}) for one in found)


def _unpruned(experiment: str, find: RunSpec, labels: dict) -> Iterator[Entry]:
    """The dense network trained with the settings to find masks (the points at 0 % in the paper's figures)."""
    yield Entry(spec=find, experiment=experiment, labels=labels | {"mask": "none", "round": 0})


def _labels(name: str, find: float, evaluated: float, seed: int, variant: str = "") -> dict:
    return {"hyperparameter": name, "find": find, "eval": evaluated, "variant": variant, "seed": seed}


def _grid(case: Case, seed: int, experiment: str, name: str, values, tested, variant="", changes=None, **finding):
    """Every value to find masks with, evaluated with every value."""
    changes = changes or {}
    for value in values:
        find = trained(case, seed, **changes | {name: value})
        whole = chain(case, find, range(1, max(case.evaluated) + 1), **finding)
        found = [one for one in whole if one.number in case.evaluated]
        yield from _unpruned(experiment, find, _labels(name, value, value, seed, variant))
        yield from _rounds(experiment, whole, _labels(name, value, value, seed, variant))
        for other in tested:
            yield from _evaluated(experiment, found, {name: other}, _labels(name, value, other, seed, variant))


def _find_and_train(name: str) -> Callable[[Case, int], Iterator[Entry]]:
    def grid(case: Case, seed: int) -> Iterator[Entry]:
        tested = case.lr_eval if name == "lr" and case.lr_eval else getattr(case, name)
        yield from _grid(case, seed, name, name, getattr(case, name), tested)

    return grid


def _dense(case: Case, seed: int) -> Iterator[Entry]:
    for value in case.dense_lr:
        yield from _unpruned("dense", trained(case, seed, lr=value), _labels("lr", value, value, seed))


def _baselines(case: Case, seed: int) -> Iterator[Entry]:
    """Tickets found and trained alike beside random masks: the default, and the harsh end of every hyperparameter."""
    default = ("lr", case.gentle("lr"))
    for name, value in (default, *((name, case.harsh(name)) for name in HYPERPARAMETERS)):
        find, labels = trained(case, seed, **{name: value}), _labels(name, value, value, seed)
        found = chain(case, find, case.evaluated)
        yield from _unpruned("baselines", find, labels)
        for mask in ("found", *RANDOM):
            yield from _evaluated("baselines", found, {}, labels, mask)


def _donors(case: Case, seed: int) -> Iterator[Entry]:
    """Good and bad ratios with bad and good settings, all trained with the default settings."""
    for name in HYPERPARAMETERS:
        ends = {"good": case.gentle(name), "bad": case.harsh(name)}
        default = getattr(case.base.train, name)
        for own, value in ends.items():
            find = trained(case, seed, **{name: value})
            for ratios, donor in ends.items():
                labels = _labels(name, value, default, seed, f"{ratios} ratios")
                other = None if own == ratios else trained(case, seed, **{name: donor})
                finding = {} if other is None else {"donor": other, "scope": "donor"}
                found = chain(case, find, case.evaluated, **finding)
                yield from _evaluated("donors", found, {name: default}, labels)


def _undecayed(case: Case, seed: int) -> Iterator[Entry]:
    """Masks found with and without weight decay, trained with it at the best learning rate of the dense network."""
    rate, decay = case.best_lr, case.base.train.weight_decay
    for without, variant in ((0.0, "no decay"), (decay, "decay")):
        for value in case.lr:
            find = trained(case, seed, lr=value, weight_decay=without)
            labels = _labels("lr", value, rate, seed, variant)
            whole = chain(case, find, range(1, max(case.evaluated) + 1))
            found = [one for one in whole if one.number in case.evaluated]
            yield from _rounds("undecayed", whole, labels)
            yield from _evaluated("undecayed", found, {"lr": rate, "weight_decay": decay}, labels)


def _early(case: Case, seed: int) -> Iterator[Entry]:
    """Masks from trainings of fewer epochs, trained in full at the best learning rate of the dense network."""
    whole = case.base.train.epochs
    arms = [(case.gentle("lr"), epoch) for epoch in (*case.early_epochs, whole)]
    for value, epoch in (*arms, (min(case.lr), max(case.early_epochs))):
        find = trained(case, seed, lr=value, stop_after=None if epoch == whole else epoch)
        labels = _labels("lr", value, case.best_lr, seed, f"epoch {epoch}")
        yield from _unpruned("early", find, labels)
        yield from _evaluated("early", chain(case, find, case.evaluated), {"lr": case.best_lr}, labels)


def _drift(case: Case, seed: int) -> Iterator[Entry]:
    for value in case.lr:
        spec = DriftSpec(find=trained(case, seed, lr=value), finding=Finding(share=case.share, first=case.first))
        yield Entry(spec=spec, experiment="drift", labels={"lr": value, "seed": seed})


def _two_rates(experiment: str, changes: Callable[[Case], dict], finding: Callable[[Case], dict]):
    """A variant of the procedure with two learning rates to find and to train (Fig. 4)."""

    def grid(case: Case, seed: int) -> Iterator[Entry]:
        values = (case.gentle("lr"), case.harsh("lr"))
        yield from _grid(case, seed, experiment, "lr", values, values, changes=changes(case), **finding(case))

    return grid


_rewound_late = _two_rates("late", lambda case: {}, lambda case: {"rewind": "epoch", "epoch": case.late_epoch})


def _late(case: Case, seed: int) -> Iterator[Entry]:
    """Late rewinding; its tickets at the smallest learning rate beside all random masks (Fig. A14)."""
    yield from _rewound_late(case, seed)
    value = min(case.lr)
    found = chain(case, trained(case, seed, lr=value), case.evaluated, rewind="epoch", epoch=case.late_epoch)
    for mask in ("found", *RANDOM, "reinitialised"):
        yield from _evaluated("late", found, {}, _labels("lr", value, value, seed, "beside random masks"), mask)


def _stability(case: Case, seed: int) -> Iterator[Entry]:
    """Two copies of a ticket: from an early epoch at two learning rates, and from the start at the smaller one."""
    late = {"rewind": "epoch", "epoch": case.late_epoch}
    arms = ((min(case.lr), late), (min(case.lr), {}), (case.gentle("lr"), late))
    for value, finding in arms:
        find = trained(case, seed, lr=value)
        for found in chain(case, find, case.stable_rounds, **finding):
            start = f"from epoch {case.late_epoch}" if finding else "from the start"
            yield Entry(
                spec=StabilitySpec(run=replace(find, ticket=Ticket(round=found))),
                experiment="stability",
                labels={"lr": value, "start": start, "round": found.number, "seed": seed},
            )


def _local(case: Case, seed: int) -> Iterator[Entry]:
    """Masks found layer by layer: every learning rate, and both ends of the others, trained with the default."""
    for name in HYPERPARAMETERS:
        values = case.local_lr if name == "lr" else (case.gentle(name), case.harsh(name))
        default = getattr(case.base.train, name)
        tested = tuple(dict.fromkeys((default, case.best_lr))) if name == "lr" else (default,)
        yield from _grid(case, seed, "local", name, values, tested, scope="layerwise")


def _structured(case: Case, seed: int) -> Iterator[Entry]:
    """Channels removed once from a trained network, which goes on with other settings (Algorithm A2)."""
    for name in HYPERPARAMETERS:
        for value in getattr(case, name):
            find = trained(case, seed, **{name: value})
            yield from _unpruned("structured", find, _labels(name, value, value, seed) | {"removed": 0.0})
            for other in getattr(case, name):
                for percent in case.removed:
                    channels = replace(case.base.prune.channels, percentile=percent)
                    prune = replace(case.base.prune, channels=channels, scored_after=find.train, seed=seed)
                    spec = replace(trained(case, seed, **{name: other}), prune=prune)
                    labels = _labels(name, value, other, seed) | {"mask": "found", "removed": percent, "round": 1}
                    yield Entry(spec=spec, experiment="structured", labels=labels)


EXPERIMENTS: dict[str, Callable[[Case, int], Iterator[Entry]]] = {
    "dense": _dense,
    **{name: _find_and_train(name) for name in HYPERPARAMETERS},
    "baselines": _baselines,
    "donors": _donors,
    "undecayed": _undecayed,
    "early": _early,
    "drift": _drift,
    "late": _late,
    "continued": _two_rates("continued", lambda case: {}, lambda case: {"rewind": "end"}),
    "warmup": _two_rates("warmup", lambda case: {"warmup": case.warm_epochs}, lambda case: {}),
    "stability": _stability,
    "local": _local,
    "structured": _structured,
}


def entries(case: Case) -> Iterator[Entry]:
    """Every spec of a case, seeds outermost: what is stopped early has whole seeds."""
    for seed in range(case.seeds):
        for name in case.experiments:
            yield from EXPERIMENTS[name](case, seed)
