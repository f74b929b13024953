"""What every recipe is: its contract, and the cases that it makes its specs from."""

import importlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from itertools import islice
from types import ModuleType

from pruneproxy.data import CATALOGUE, input_shape
from pruneproxy.evidence import ledger, words
from pruneproxy.evidence.claims import Claim
from pruneproxy.evidence.verdicts import Judge
from pruneproxy.limits import MOST_RUNS, check_size
from pruneproxy.models import ModelConfig, Network, build
from pruneproxy.recipes.protocol import Protocol
from pruneproxy.runs import RunSpec
from pruneproxy.runs.records import Records

NAMES = {"mobilenet_v2": "MobileNetV2", "vgg16_bn": "VGG16-BN", "mlp": "MLP"}


@dataclass(frozen=True, kw_only=True)
class Case:
    """What is asked of one network on one data set.

    Every spec of the case is made from `base`; the other fields say what is varied and how often. A `seed` is one
    repetition of every arm that is compared, and equal seeds are paired. Recipes have cases of their own, with a `key`.
    """

    base: RunSpec
    seeds: int = 1

    @property
    def title(self) -> str:
        """What was really trained."""
        return network_title(self.base.model)


def network_title(model: ModelConfig) -> str:
    """A network's name as readers know it, e.g. `MobileNetV2 x 0.25`."""
    name = network_name(model.name)
    return name if model.width == 1 else f"{name} x {model.width:g}"


def network_name(name: str) -> str:
    """A network as readers know it, without its width; other names stay."""
    return NAMES.get(name) or name.replace("resnet", "ResNet-")


def stands_for(title: str, name: str) -> str:
    """`ResNet-14 standing in for ResNet-56`; the title alone where it names the paper's network itself."""
    return title if title.startswith(name) else f"{title} standing in for {name}"


def data_title(name: str) -> str:
    """A data set as readers know it."""
    return words.DATA.get(name) or CATALOGUE[name].title.split(" (")[0]


def train_set(case: Case, full: Case) -> str:
    """What a case was trained on, e.g. `1,000 training examples of MNIST standing in for SVHN`."""
    name, count = data_title(case.base.data.name), case.base.data.train_images
    share = f"{count:,} training examples" if count else "all training examples"
    return f"{share} of {stands_for(name, data_title(full.base.data.name))}"


def untrained(spec: RunSpec) -> Network:
    """The network of a spec before it is pruned or trained."""
    shape, classes = input_shape(spec.data), CATALOGUE[spec.data.name].classes
    return build(spec.model, shape=shape, classes=classes)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """A spec and the place that it has in a table or figure."""

    spec: object
    experiment: str = ""
    labels: dict = field(default_factory=dict)


@lru_cache(maxsize=8)
def entries_of(entries: Callable[[Case], Iterable[Entry]], case: Case) -> tuple[Entry, ...]:
    """The entries of a case, which are asked for again and again, and whose specs keep their ids."""
    return tuple(entries(case))


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A paper's part: all that the commands, the notebooks and the book ask of it.

    `entries(case)` is everything that a case runs, in the order in which it is of most use; `frame(records, cases)` is
    the table, or the tables, of the records that belong to cases, and `judge` reads the claims from them. `linked` is
    for cases that name each other.
    """

    stem: str
    title: str
    protocol: Protocol
    entries: Callable[[Case], Iterable[Entry]]
    frame: Callable[[Records | list[dict], tuple[Case, ...]], object]
    judge: Judge
    linked: Callable[[tuple[Case, ...]], tuple[Case, ...]] = tuple

    @property
    def scales(self) -> tuple[str, ...]:
        """The names of the scales, the paper's own first."""
        return tuple(self.protocol.cuts)

    @property
    def parameters(self) -> tuple[str, ...]:
        """The names of all protocol values that may be overridden."""
        return self.protocol.parameters

    @property
    def claims(self) -> dict[str, Claim]:
        """The paper's claims by id."""
        return self.judge.claims

    @cached_property
    def ledger(self) -> tuple[ledger.Row, ...]:
        """Where the paper's text, its formulae and its released code differ."""
        return ledger.read(self.stem)

    def cases(self, scale: str, **overrides) -> tuple[Case, ...]:
        """The cases of a scale, with any protocol value replaced (`Protocol.cases`); too many runs are refused."""
        found = self.linked(tuple(self.protocol.cases(scale, overrides).values()))
        if overrides:
            check_size(sum(map(self._size, found)))
        return found

    def _size(self, case: Case) -> int:
        """About how many runs a case has, known without building them: every seed after the first adds as many."""
        one, two = (self._counted(replace(case, seeds=min(seeds, case.seeds))) for seeds in (1, 2))
        return one + max(0, case.seeds - 1) * (two - one) if one <= MOST_RUNS else one

    def _counted(self, case: Case) -> int:
        """The entries of a case, counted no further than to where they are too many."""
        return sum(1 for _ in islice(self.entries(case), MOST_RUNS + 1))

    def ran(self, case: Case) -> str:
        """The network that a case trains, and the paper's for which it stands in."""
        return stands_for(case.title, self.protocol.paper[case.key].title)

    def cut(self, case: Case) -> dict[str, tuple]:
        """What `case` changes against the paper: name -> (paper, here)."""
        return self.protocol.cut(case)

    def grid(self, case: Case) -> list:
        """Every spec of a case once, each after those that it needs."""
        found: dict[str, object] = {}
        for entry in entries_of(self.entries, case):
            _add(entry.spec, found)
            check_size(len(found))
        return list(found.values())

    def specs(self, scale: str, **overrides) -> list:
        """Every spec of the recipe at a scale once."""
        found = (spec for case in self.cases(scale, **overrides) for spec in self.grid(case))
        return list({spec.id: spec for spec in found}.values())


def _add(spec, found: dict[str, object]) -> None:
    """Adds a spec after those that it needs, unless it is there."""
    if spec.id not in found:
        for needed in spec.needs:
            _add(needed, found)
        found[spec.id] = spec


def loaded_when_asked_for(package: str, *modules: str) -> Callable[[str], ModuleType]:
    """The `__getattr__` of a package for its modules that draw: Matplotlib is slow to import, and few commands draw."""

    def found(name: str) -> ModuleType:
        if name not in modules:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        return importlib.import_module(f"{package}.{name}")

    return found
