"""How `tune` goes about it: what the pruned proxy is, and how settings are searched and checked."""

import inspect
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from optuna.pruners import BasePruner
from optuna.samplers import BaseSampler
from torch import Tensor, nn

from pruneproxy.errors import UserError, choose
from pruneproxy.examples import Example
from pruneproxy.limits import MANY, check_counts
from pruneproxy.search import Trial
from pruneproxy.search.parts import check_parts
from pruneproxy.surgery import foreign
from pruneproxy.tuning import proxy as proxies
from pruneproxy.tuning.proxy import Proxy

COMPARISONS = {
    "none": "regret is not measured",
    "search": "the same search on the full network, and its winners trained with the same seeds",
    "configurations": "settings drawn at random, the same ones trained on the proxy and on the full network",
    "both": "the search and the configurations",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class Pruned:
    """A proxy that is pruned as 000 does it; every field has the meaning that `build_proxy` gives it."""

    percentile: float = 85.0
    sigma: float = 0.15
    round_to: int = 1
    score: str = "synflow"
    labels: Tensor | None = None
    weights: str = "kept"
    spare: str | Sequence[str] = ()

    def of(self, factory: foreign.Factory, example: Example, seed: int) -> Proxy:
        """The proxy of the network that `factory` makes with a seed."""
        return proxies.build_proxy(factory, example, **vars(self), seed=seed)

    @property
    def said(self) -> list:
        """What tells it from others."""
        spare = sorted(proxies.spared(self.spare))
        return [float(self.percentile), float(self.sigma), self.round_to, self.score, self.weights, spare]


@dataclass(frozen=True, kw_only=True, eq=False)
class Search:
    """How settings are searched and the ones that were found are checked.

    `sampler` and `pruner` are names (`search.SAMPLERS`, `search.PRUNERS`) or objects of Optuna, which are copied; the
    pruner "hyperband" needs `epochs`, the most that a trial trains. `finish` is the number of trials on the network
    itself that follow a search on a copy: the copy's three best first. So many `finalists`, the best trials on the
    network, are trained with `seeds` seeds more, and the best mean is chosen: one lucky seed shall not win. The network
    is then trained with what was chosen for `seeds` seeds of its own, each measured by `test(network)`, or by the score
    that training returned.
    `compare` (a key of COMPARISONS) says against what regret is measured, on how many drawn `configurations`.
    `on_trial(what, trial)` hears of every training.
    """

    sampler: str | BaseSampler = "tpe"
    pruner: str | BasePruner = "none"
    epochs: int | None = None
    finish: int = 3
    finalists: int = 3
    seeds: int = 3
    compare: str = "none"
    configurations: int = 10
    test: Callable[[nn.Module], float] | None = None
    seed: int = 0
    on_trial: Callable[[str, Trial], None] | None = None

    def __post_init__(self):
        choose(self.compare, COMPARISONS, "comparison")
        check_parts(self.sampler, self.pruner)
        check_counts(self, "finish", "seeds", least=0)
        check_counts(self, "finalists")
        check_counts(self, "seed", least=0, most=2**31 - 3 * MANY)
        check_counts(self, "configurations", least=2)
        if self.test is not None and not takes(self.test, None):
            raise UserError(f"expected a function test(network) that returns a score, or None, got {shown(self.test)}")
        if self.compare in ("search", "both") and self.seeds < 2:
            raise UserError(f"expected at least 2 seeds to compare the winners of two searches, got {self.seeds}")

    @property
    def said(self) -> list:
        """What tells it from others, an object of Optuna by its class."""
        parts = (self.sampler, self.pruner)
        return [*(part if isinstance(part, str) else type(part).__qualname__ for part in parts), self.epochs, self.seed]


def takes(function, *arguments, **words) -> bool:
    """Whether it is a function that can be called with these arguments; true where it does not say what it takes."""
    if not callable(function):
        return False
    try:
        inspect.signature(function).bind(*arguments, **words)
    except TypeError:
        return False
    except ValueError:
        pass
    return True


def shown(part) -> str:
    """A function with its arguments, or anything else as it is."""
    if not callable(part):
        return repr(part)
    return f"{getattr(part, '__name__', type(part).__name__)}{inspect.signature(part)}"
