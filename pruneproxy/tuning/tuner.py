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

from torch import nn

from pruneproxy import search
from pruneproxy.errors import UserError, choose
from pruneproxy.search import Dimension, Outcome, Trial
from pruneproxy.tuning import networks, proxies
from pruneproxy.tuning.result import Result
from pruneproxy.tuning.space import Range, dimensions

Train = Callable[..., float]  # train(network, settings, *, seed, report) -> score, larger is better
Test = Callable[[nn.Module], float]
COMPARISONS = {
    "none": "regret is not measured",
    "search": "the same search on the full network, and its winners trained with the same seeds",
    "configurations": "settings drawn at random, the same ones trained on the proxy and on the full network",
    "both": "the search and the configurations",
}


def tune(
    factory: networks.Factory,
    example: networks.Example,
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
    weights: str = "kept",
    spare: Sequence[str] = (),
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

    The proxy is that of `build_proxy`, with the meaning of `percentile`, `sigma`, `round_to`, `weights` and `spare`
    given there. `sampler` and `pruner` are names or objects of Optuna; the pruner "hyperband" needs `epochs`, the most
    that a trial trains. The full network is trained with the best settings for `seeds` seeds, each measured by
    `test(network)`, or by the score that training returned. `compare` (a key of COMPARISONS) says against what
    regret is measured, and `margin`, in units of the score, how much of it counts as none.

    With `storage` "sqlite:///FILE" or "journal:FILE" a killed call goes on where it was when it is made again; give
    another `name` when `train` or the weights of `factory` have changed in a way that their text does not show.
    `on_trial(what, trial)` hears of every training. No argument is changed, and no generator of the caller is drawn
    from.

    >>> space = {"lr": tuning.log(1e-3, 1), "batch_size": [32, 64, 128]}
    >>> print(pruneproxy.tune(make_network, trainer.example(), trainer, space, trials=20))
    """
    _check(train, seeds, trials, configurations, margin, compare, pruner)
    dims = dimensions(space)
    proxy = proxies.build_proxy(
        factory,
        example,
        percentile=percentile,
        sigma=sigma,
        round_to=round_to,
        weights=weights,
        spare=tuple(spare),
        seed=seed,
    )
    says = {
        "space": [asdict(dimension) for dimension in dims],
        "sampler": _called(sampler),
        "pruner": _called(pruner),
        "pruning": [float(percentile), float(sigma), round_to, weights, sorted(spare)],
        "network": [[key, list(value.shape)] for key, value in proxy.full.state_dict().items()],
        "train": _said(train),
        "test": _said(test),
        "trials": [trials, epochs, seed, name],
    }
    work = _Work(
        factory=factory,
        train=train,
        test=test or getattr(train, "test", None),
        space=dims,
        study=f"tune-{_digest(says)}",
        trials=trials,
        sampler=sampler,
        pruner=pruner,
        epochs=epochs or getattr(train, "epochs", None),
        seed=seed,
        storage=storage,
        on_trial=on_trial,
    )
    return _result(work, proxy, range(seed + 1, seed + 1 + seeds), compare, configurations, margin)


@dataclass(frozen=True, kw_only=True)
class _Work:
    """What all trainings of one call share. Each is a trial of a study, so that a killed call finds it again."""

    factory: networks.Factory
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
            what, network, trials=self.trials, sampler=self.sampler, pruner=self.pruner, epochs=self.epochs
        )

    def drawn(self, what: str, network: nn.Module, count: int) -> list[Trial]:
        """Copies of `network` trained with random settings, which are the same for every network."""
        return self._study(what, network, trials=count, sampler="random", pruner="none")

    def scores(self, settings: dict, seeds: Sequence[int]) -> dict[int, float]:
        """The score of the full network with `settings` by seed, NaN where it diverged."""
        known = _digest(sorted(settings.items()))
        for seed in seeds:
            if (known, seed) not in self.scored:
                self.scored[known, seed] = self._score(known, settings, seed)
        return {seed: self.scored[known, seed] for seed in seeds}

    def _score(self, known: str, settings: dict, seed: int) -> float:
        [trial] = search.optimise(
            lambda _, report: self._trained(networks.make(self.factory, seed), settings, seed, test=self.test),
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
            with networks.seeded(seed, "training"):
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


def _check(train, seeds, trials, configurations, margin, compare, pruner) -> None:
    choose(compare, COMPARISONS, "comparison")
    if not callable(train):
        raise UserError(
            f"expected a function train(network, settings, *, seed, report) that returns a score, got {train!r}: write "
            f"one or pass a tuning.Trainer"
        )
    for what, value, least in (("trials", trials, 1), ("seeds", seeds, 0), ("configurations", configurations, 2)):
        if not isinstance(value, int) or value < least:
            raise UserError(f"expected a whole number of {what} of at least {least}, got {value!r}")
    if margin is not None and not margin > 0:
        raise UserError(f"expected a margin above 0 in units of the score, got {margin!r}")
    if compare in ("search", "both") and seeds < 2:
        raise UserError(f"expected at least 2 seeds to compare the winners of two searches, got {seeds}")
    if isinstance(pruner, str):
        choose(pruner, search.PRUNERS, "pruner")


def _said(function) -> str:
    """What a function says of itself: its text, or its representation's class where it has none."""
    if function is None:
        return ""
    if callable(getattr(function, "describe", None)):
        return function.describe()
    try:
        return inspect.getsource(function)
    except (OSError, TypeError):
        return f"{type(function).__module__}.{type(function).__qualname__}"


def _called(part) -> str:
    return part if isinstance(part, str) else type(part).__name__


def _digest(said) -> str:
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()[:12]
