"""What is missing in a store, and in which order it can be made."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from pruneproxy.store import Store


@dataclass
class Plan:
    """What is missing: runs whose trained weights others need, then the rest, each spec after those that it needs."""

    scoring: dict = field(default_factory=dict)
    rest: dict = field(default_factory=dict)

    def __len__(self):
        return len(self.scoring) + len(self.rest)

    @property
    def waves(self) -> list[dict]:
        """The rest in parts that need nothing of each other, for processes that work side by side."""
        waves: list[dict] = []
        depths: dict[str, int] = {}
        for key, spec in self.rest.items():
            depths[key] = 1 + max((depths[need.id] for need in spec.needs if need.id in depths), default=-1)
            waves += [{} for _ in range(depths[key] + 1 - len(waves))]
            waves[depths[key]][key] = spec
        return waves


def plan(specs: Iterable, store: Store) -> Plan:
    """What has to be made so that the store holds every spec and all that it needs, each once."""
    result, missing = Plan(), _with_needs(specs, store)
    for spec in missing.values():
        needed = spec.scoring_run
        if needed is not None and not _scored(spec, store):
            result.scoring[needed.id] = needed
    result.rest = {key: spec for key, spec in missing.items() if key not in result.scoring}
    return result


def _scored(spec, store: Store) -> bool:
    """Whether the weights that a spec needs are there, or are not needed because its channels are known."""
    prune = spec.training.prune
    known = prune is not None and prune.weights == "fresh" and spec.training.channels.id in store
    return known or store.has_tensors(f"{spec.scoring_run.id}-weights")


def _with_needs(specs: Iterable, store: Store) -> dict:
    """The specs that are not in the store by id, each after the missing ones that it needs.

    Of a search that is there, the runs that are not.
    """
    missing: dict[str, object] = {}

    def add(spec):
        if spec.id in store:
            missing.update((lost.id, lost) for lost in spec.lost(store))
        elif spec.id not in missing:
            for need in spec.needs:
                add(need)
            missing[spec.id] = spec

    for spec in specs:
        add(spec)
    made = {one.id for spec in missing.values() for one in spec.makes}
    return {key: spec for key, spec in missing.items() if key not in made}
