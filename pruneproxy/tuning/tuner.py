"""Search on the pruned network, train the full one with what was found, and say what that cost and lost."""

import copy
import hashlib
import inspect
import json
import math
import numbers
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from torch import Tensor, nn

from pruneproxy import search
from pruneproxy.errors import UserError, choose
from pruneproxy.examples import Example
from pruneproxy.search import Outcome, Trial, storages
from pruneproxy.search.parts import check_parts
from pruneproxy.space import Dimension, Range, written
from pruneproxy.surgery import foreign
from pruneproxy.tuning import proxy as proxies
from pruneproxy.tuning.result import Result

Train = Callable[..., float]  # train(network, settings, *, seed, report) -> score, larger is better
Test = Callable[[nn.Module], float]
COMPARISONS = {
    "none": "regret is not measured",
    "search": "the same search on the full network, and its winners trained with the same seeds",
    "configurations": "settings drawn at random, the same ones trained on the proxy and on the full network",
    "both": "the search and the configurations",
}


def tune(
    factory: foreign.Factory,
    example: Example,
    train: Train,
    space: Mapping[str, Range | list | Dimension],
    *,
    trials: int = 20,
    sampler="tpe",
    pruner="none",
    epochs: int | None = None,
    percentile: float = 85.0,
    sigma: float = 0.15,
    round_to: int = 1,
    score: str = "synflow",
    labels: Tensor | None = None,
    weights: str = "kept",
    spare: str | Sequence[str] = (),
    seeds: int = 3,
    compare: str = "none",
    configurations: int = 10,
    margin: float | None = None,
    test: Test | None = None,
    seed: int = 0,
    storage: str = "memory",
    name: str = "",
    on_trial: Callable[[str, Trial], None] | None = None,
) -> Result:
    """Hyperparameters for the network of `factory`, searched on its pruned proxy: a `Result`.

    `factory()` makes the network, `example` is one mini-batch of its inputs. `train(network, settings, *, seed,
    report)` trains a network in place and returns its score, larger is better (NaN: diverged); it may call
    `report(epoch, score)`, which returns True when the trial should stop. `Trainer` is such a function.

    The proxy is that of `build_proxy`, with the meaning of `percentile`, `sigma`, `round_to`, `score`, `labels`,
    `weights` and `spare` given there. `sampler` and `pruner` are names or objects of Optuna, which are copied; the
    pruner "hyperband" needs `epochs`, the most that a trial trains. The full network is trained with the best settings
    for `seeds` seeds, each measured by `test(network)`, or by the score that training returned. `compare` (a key of
    COMPARISONS) says against what regret is measured, and `margin`, in units of the score, how much of it counts as
    none.

    With `storage` "sqlite:///FILE" or "journal:FILE" and a `name` a killed call goes on where it was when it is made
    again. Other numbers, another space, sampler or pruner make another study; give another name when `train`, `test`,
    the network or the data have changed, which no one else can know. `on_trial(what, trial)` hears of every training.
    No argument is changed.

    >>> trainer = tuning.Trainer(images, labels)
    >>> space = {"lr": tuning.log(1e-3, 1), "batch_size": [32, 64, 128]}
    >>> print(pruneproxy.tune(make_network, trainer.example(), trainer, space, trials=20))
    """
    _check(train, test, seeds, trials, configurations, margin, compare)
    check_parts(sampler, pruner)
    storages.check(storage)
    if storage != "memory" and not name:
        raise UserError(
            f"expected a name for the study that {storage} keeps, got none: give it one, and another one when train, "
            "the network or the data change"
        )
    dims, spare = written(space), proxies.spared(spare)
    proxy = proxies.build_proxy(
        factory,
        example,
        percentile=percentile,
        sigma=sigma,
        round_to=round_to,
        score=score,
        labels=labels,
        weights=weights,
        spare=spare,
        seed=seed,
    )
    said = {
        "space": [asdict(dimension) for dimension in dims],
        "parts": [_named(sampler), _named(pruner)],
        "pruning": [float(percentile), float(sigma), round_to, score, weights, sorted(spare), proxy.kept],
        "numbers": [trials, epochs, seed],
    }
    work = _Work(
        factory=factory,
        train=train,
        test=test or getattr(train, "test", None),
        space=dims,
        study=f"tune-{name}-{digest(said)}",
        trials=trials,
        sampler=sampler,
        pruner=pruner,
        epochs=epochs or getattr(train, "epochs", None),
        seed=seed,
        storage=storage,
        on_trial=on_trial,
    )
    return _result(work, proxy, range(seed + 1, seed + 1 + seeds), compare, configurations, margin)


def digest(said) -> str:
    """A short name for plain values."""
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:12]


def _named(part) -> str:
    """A sampler or pruner by its name, an object of Optuna by its class."""
    return part if isinstance(part, str) else type(part).__qualname__


@dataclass(frozen=True, kw_only=True)
class _Work:
    """What all trainings of one call share. Each is a trial of a study, so that a killed call finds it again."""

    factory: foreign.Factory
    train: Train
    test: Test | None
    space: tuple[Dimension, ...]
    study: str
    trials: int
    sampler: object
    pruner: object
    epochs: int | None
    seed: int
    storage: str
    on_trial: Callable[[str, Trial], None] | None
    scored: dict = field(default_factory=dict)

    def search(self, what: str, network: nn.Module) -> list[Trial]:
        """The search on copies of `network`."""
        return self._study(
            what,
            network,
            trials=self.trials,
            sampler=self.sampler,
            pruner=self.pruner,
            epochs=self.epochs,
            brackets=self.study,
        )

    def drawn(self, what: str, network: nn.Module, count: int) -> list[Trial]:
        """Copies of `network` trained with random settings, which are the same for every network."""
        return self._study(what, network, trials=count, sampler="random", pruner="none")

    def scores(self, settings: dict, seeds: Sequence[int]) -> dict[int, float]:
        """The score of the full network with `settings` by seed, NaN where it diverged."""
        known = digest(sorted(settings.items()))
        for seed in seeds:
            if (known, seed) not in self.scored:
                self.scored[known, seed] = self._score(known, settings, seed)
        return {seed: self.scored[known, seed] for seed in seeds}

    def _score(self, known: str, settings: dict, seed: int) -> float:
        [trial] = search.optimise(
            lambda _, report: self._trained(foreign.make(self.factory, seed), settings, seed, test=self.test),
            [Dimension(field="seed", choices=(seed,))],
            name=f"{self.study}-full-{known}-{seed}",
            sampler="random",
            trials=1,
            storage=self.storage,
            on_trial=self._heard("full network"),
        )
        return float("nan") if trial.value is None else trial.value

    def _study(self, what, network, **choices) -> list[Trial]:
        return search.optimise(
            lambda settings, report: self._trained(copy.deepcopy(network), settings, self.seed, report),
            self.space,
            name=f"{self.study}-{what.replace(' ', '-')}",
            seed=self.seed,
            storage=self.storage,
            on_trial=self._heard(what),
            **choices,
        )

    def _heard(self, what: str):
        return None if self.on_trial is None else lambda trial: self.on_trial(what, trial)

    def _trained(self, network, settings, seed, report=None, *, test=None) -> Outcome:
        """One training with generators of its own; what goes wrong in it names the settings."""
        seen, started = _Seen(report), time.perf_counter()
        try:
            with foreign.seeded(seed, "training"):
                value = self.train(network, dict(settings), seed=seed, report=seen)
                if not isinstance(value, numbers.Real):
                    raise UserError(
                        f"expected train to return its score as a number, got {type(value).__name__}: return a float, "
                        f"larger is better"
                    )
                if test is not None and math.isfinite(value):
                    value = test(network)
        except Exception as error:
            error.add_note(
                f"pruneproxy.tune: this came from training with {settings} and seed {seed}; with a storage in a "
                f"file, the trials before it are kept"
            )
            raise
        finite = math.isfinite(value)
        return Outcome(
            value=float(value) if finite else None,
            state="stopped" if finite and seen.stopped else "complete" if finite else "diverged",
            epochs=seen.epoch,
            seconds=time.perf_counter() - started,
        )


class _Seen:
    """The `report` of a training: hands values on, and remembers the last epoch and whether it said stop."""

    def __init__(self, report: Callable[[int, float], bool] | None):
        self._report, self.epoch, self.stopped = report, 0, False

    def __call__(self, epoch: int, value: float) -> bool:
        self.epoch = int(epoch)
        if self._report is not None and math.isfinite(value):
            self.stopped = bool(self._report(self.epoch, float(value))) or self.stopped
        return self.stopped


def _result(work: _Work, proxy, seeds, compare, configurations, margin) -> Result:
    """Everything that was asked for, in the order in which it is worth having."""
    arms = {"proxy": work.search("proxy", proxy.network)}
    best = search.best(arms["proxy"])
    scores, direct, direct_scores = work.scores(best.settings, seeds), None, {}
    if compare in ("search", "both"):
        arms["full"] = work.search("full", proxy.full)
        direct = search.best(arms["full"])
        direct_scores = work.scores(direct.settings, seeds)
    if compare in ("configurations", "both"):
        for what, network in (("proxy, drawn", proxy.network), ("full, drawn", proxy.full)):
            arms[what] = work.drawn(what.replace(",", ""), network, configurations)
    return Result(
        proxy=proxy,
        best=best,
        scores=scores,
        direct=direct,
        direct_scores=direct_scores,
        trials=arms,
        margin=margin,
        tested=work.test is not None,
        study=work.study,
    )


def _check(train, test, seeds, trials, configurations, margin, compare) -> None:
    choose(compare, COMPARISONS, "comparison")
    if not callable(train) or not _takes(train, None, {}, seed=0, report=None):
        raise UserError(
            f"expected a function train(network, settings, *, seed, report) that returns a score, got {_shown(train)}: "
            f"write one with these arguments or pass a tuning.Trainer"
        )
    if test is not None and (not callable(test) or not _takes(test, None)):
        raise UserError(f"expected a function test(network) that returns a score, or None, got {_shown(test)}")
    for what, value, least in (("trials", trials, 1), ("seeds", seeds, 0), ("configurations", configurations, 2)):
        if not isinstance(value, int) or value < least:
            raise UserError(f"expected a whole number of {what} of at least {least}, got {value!r}")
    if margin is not None and not (isinstance(margin, numbers.Real) and margin > 0):
        raise UserError(f"expected a margin above 0 in units of the score, got {margin!r}")
    if compare in ("search", "both") and seeds < 2:
        raise UserError(f"expected at least 2 seeds to compare the winners of two searches, got {seeds}")


def _takes(function, *arguments, **words) -> bool:
    """Whether a function can be called with these arguments; true where it does not say what it takes."""
    try:
        inspect.signature(function).bind(*arguments, **words)
    except TypeError:
        return False
    except ValueError:
        pass
    return True


def _shown(part) -> str:
    """A function with its arguments, or anything else as it is."""
    if not callable(part):
        return repr(part)
    return f"{getattr(part, '__name__', type(part).__name__)}{inspect.signature(part)}"
