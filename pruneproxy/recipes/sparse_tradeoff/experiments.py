"""The specs of every experiment, each with what it stands for, and the space that is searched."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from pruneproxy import data
from pruneproxy.models import MLPSizes
from pruneproxy.recipes.recipe import Entry
from pruneproxy.recipes.sparse_tradeoff.protocol import PAPER, Case
from pruneproxy.runs import RunSpec
from pruneproxy.search import Dimension, FrontSpec, SweepSpec, TradeoffSpec

METHODS = ("set", "rigl")
SPARSE = ("sparse.method", METHODS)  # when the other hyperparameters of sparse training are there
LAST_INTERVAL = 1_000_000  # steps, Table 4.2


def fixed(case: Case, seed: int = 0) -> RunSpec:
    """The dense network of Table A.1, trained on the whole training split and measured once on the test split."""
    spec = case.base
    return replace(
        spec,
        data=replace(spec.data, eval_images=case.test_images),
        train=replace(spec.train, evaluate_every=max(case.longest, spec.train.epochs)),  # only the end counts
        seed=seed,
    )


def at(spec: RunSpec, case: Case, method: str, sparsity: float) -> RunSpec:
    """`spec` trained sparsely, as the fixed configuration has it."""
    return replace(spec, sparse=replace(case.base.sparse, method=method, density=1 - sparsity))


def target(case: Case, seed: int = 0) -> RunSpec:
    """What the settings of a search are applied to, for a measurement on the test split: Table 4.2's defaults."""
    spec = fixed(case, seed)
    shape = (
        replace(spec.model, widths=None, sizes=MLPSizes(layers=2), dropout=0.0)
        if case.architecture == "MLP"
        else spec.model
    )
    return replace(spec, model=shape, train=replace(spec.train, label_smoothing=0.0))


def searched(case: Case) -> RunSpec:
    """The same as the search trains it: on all folds of the training split but one, measured on that one."""
    spec = target(case)
    folded = replace(spec.data, eval_images=case.eval_images, folds=case.folds, fold=0, folded=case.folded)
    return replace(spec, data=folded, train=replace(spec.train, evaluate_on="validation"))


def space(case: Case, name: str | None = None) -> tuple[Dimension, ...]:
    """Table 4.2 with the constants of Table 5.3: what is left to search on this data set."""
    dropped, smoothed = case.base.model.dropout, case.base.train.label_smoothing
    return (
        *_sparsity(case, name or case.space),
        *(_mlp(case) if case.architecture == "MLP" else _resnet(case)),
        *_training(case),
        *(_switched("dropout", "model.dropout", 0.1, 0.5, 0.3) if dropped else ()),
        *(_switched("label_smoothing", "train.label_smoothing", 0.05, 0.25, 0.1) if smoothed else ()),
    )


def _sparsity(case: Case, name: str) -> Iterator[Dimension]:
    yield Dimension(field="sparse.method", choices=("rigl", "set", "dense"), default="set")
    yield Dimension(field="sparse.density", low=case.sparsest, high=case.densest, default=0.5, when=SPARSE)
    yield {"text": _interval_as_printed, "fixed": _interval_that_comes}[name](case)
    yield Dimension(field="sparse.end", low=0.1, high=1.0, default=0.8, when=SPARSE)
    yield Dimension(field="sparse.allocation", choices=("uniform", "erk"), default="uniform", when=SPARSE)


def _interval_as_printed(case: Case) -> Dimension:
    return Dimension(field="sparse.interval", low=1, high=LAST_INTERVAL, integer=True, default=10, when=SPARSE)


def _interval_that_comes(case: Case) -> Dimension:
    """From a twentieth of an epoch to a whole one."""
    epoch = steps_per_epoch(case, folded=True)
    low = max(1, epoch // 20)
    return Dimension(
        field="sparse.interval", low=low, high=epoch, integer=True, log=True, default=max(low, epoch // 4), when=SPARSE
    )


def _mlp(case: Case) -> Iterator[Dimension]:
    size = {"low": 1, "high": case.widest, "integer": True, "default": min(100, case.widest)}
    several, many = ((low, case.most_layers) for low in (2, 3))
    yield Dimension(field="model.sizes.layers", low=1, high=case.most_layers, integer=True, default=2)
    yield Dimension(field="model.sizes.first", **size)
    yield Dimension(field="model.sizes.last", **size, when=("model.sizes.layers", _from(*several)))
    yield Dimension(field="model.sizes.middle", **size, when=("model.sizes.layers", _from(*many)))


def _from(low: int, high: int) -> tuple[int, ...]:
    return tuple(range(low, high + 1))


def _resnet(case: Case) -> Iterator[Dimension]:
    for stage in range(3):
        yield Dimension(
            field=f"model.blocks.{stage}", low=1, high=case.most_blocks, integer=True, default=min(2, case.most_blocks)
        )


def _training(case: Case) -> Iterator[Dimension]:
    yield Dimension(field="train.lr", low=1e-5, high=1.0, log=True, default=0.01)
    # Evenly: a logarithmic scale, as Table 4.2 prints it, cannot begin at 0.
    yield Dimension(field="train.momentum", low=0.0, high=0.999, default=0.9)
    yield Dimension(field="train.weight_decay", low=1e-7, high=1e-2, log=True, default=1e-3)
    yield Dimension(
        field="train.epochs", low=1, high=case.longest, log=True, integer=True, default=min(20, case.longest)
    )


def _switched(name: str, field: str, low: float, high: float, default: float) -> Iterator[Dimension]:
    yield Dimension(field=f"switch.{name}", choices=(True, False), default=False)
    yield Dimension(field=field, low=low, high=high, default=default, when=(f"switch.{name}", (True,)))


def steps_per_epoch(case: Case, *, folded: bool) -> int:
    """Batches of an epoch on the whole training split, or on all of its folds but one."""
    return -(-images(case, folded=folded) // case.base.train.batch_size)


def images(case: Case, *, folded: bool) -> int:
    """Images of an epoch on the whole training split, or on all of its folds but one."""
    if case.base.data.train_images is not None:
        return case.base.data.train_images
    whole = data.CATALOGUE[case.base.data.name].train_examples
    return whole - whole // case.folds * folded


def search(case: Case, sampler: str, seed: int) -> TradeoffSpec:
    """The search of Sec. 5.2."""
    return TradeoffSpec(
        base=searched(case),
        space=space(case),
        sampler=sampler,
        trials=case.trials,
        folds=case.folds,
        intensify=case.intensify,
        seed=seed,
    )


def random(case: Case, name: str) -> TradeoffSpec:
    """The Latin hypercube of Sec. 6.1, another one for each data set, every configuration on one fold."""
    return TradeoffSpec(
        base=searched(case),
        space=space(case, name),
        sampler="lhs",
        trials=case.random_trials,
        default_first=False,
        seed=list(PAPER).index(case.key),
    )


def front(case: Case) -> FrontSpec:
    """The first layers of all searches of the first sampler together, trained anew (Sec. 5.2)."""
    return FrontSpec(
        searches=tuple(search(case, case.samplers[0], seed) for seed in range(case.searches)),
        target=target(case),
        layers=case.front_layers,
        seeds=tuple(range(case.seeds)),
    )


def sweep(case: Case) -> SweepSpec:
    """The most accurate configurations, dense and at other sparsities (Sec. 5.3)."""
    return SweepSpec(
        front=front(case),
        target=target(case),
        top=case.top,
        densities=tuple(round(1 - sparsity, 6) for sparsity in case.swept),
        methods=METHODS,
        seeds=tuple(range(case.seeds)),
    )


def _reproduction(case: Case) -> Iterator[Entry]:
    for seed in range(case.seeds):
        dense = fixed(case, seed)
        yield Entry(spec=dense, experiment="reproduction")
        for sparsity in case.sparsities:
            for method in METHODS:
                yield Entry(spec=at(dense, case, method, sparsity), experiment="reproduction")


def _optimization(case: Case) -> Iterator[Entry]:
    for sampler in case.samplers:
        for seed in range(case.searches):
            yield Entry(spec=search(case, sampler, seed), experiment="optimization")
    yield Entry(spec=front(case), experiment="optimization")


def _evaluation(case: Case) -> Iterator[Entry]:
    yield Entry(spec=sweep(case), experiment="evaluation")


def _importance(case: Case) -> Iterator[Entry]:
    for name in case.random_spaces:
        yield Entry(spec=random(case, name), experiment="importance", labels={"space": name})


EXPERIMENT_ENTRIES: dict[str, Callable[[Case], Iterator[Entry]]] = {
    "reproduction": _reproduction,
    "optimization": _optimization,
    "evaluation": _evaluation,
    "importance": _importance,
}


def entries(case: Case) -> Iterator[Entry]:
    """Everything that a case needs, experiment by experiment."""
    return (entry for name in case.experiments for entry in EXPERIMENT_ENTRIES[name](case))
