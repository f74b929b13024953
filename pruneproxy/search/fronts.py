"""Training what searches for a trade-off have found: their front, and its best members at other densities (002)."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from pruneproxy import environment, pareto, runs
from pruneproxy.errors import UserError, choose
from pruneproxy.runs import DEFAULTS, Conditions, Kind, RunSpec, together
from pruneproxy.search.tradeoffs import TradeoffSpec, error
from pruneproxy.space import apply
from pruneproxy.sparse.updates import METHODS
from pruneproxy.store import Store


class _Trained(Kind):
    """A spec that trains `target` with settings that follow from other records, each with all `seeds`."""

    @property
    def training(self) -> RunSpec:
        """The target."""
        return self.target

    def execute(self, store: Store, conditions: Conditions = DEFAULTS) -> dict:
        """Trains every member and returns the record; what is in the store already is not trained again."""
        members, made = [], []
        chosen = list(self._members(store, conditions))
        together.ensure_all((run for member in chosen for run in self._runs(member["settings"])), store, conditions)
        for member in chosen:
            found = [runs.finished(run, store, conditions) for run in self._runs(member["settings"])]
            members.append(member | {"runs": [record["id"] for record in found]})
            made += found
        content = {
            "members": members,
            "cost": {
                "seconds": round(math.fsum(record["cost"]["seconds"] for record in made), 3),
                "multiplications": sum(record["cost"]["training_multiplications"] for record in made),
            },
            "data": made[0]["data"] if made else None,
        }
        status = "ok" if any(record["status"] == "ok" for record in made) else "diverged"
        return self.record(content, device=str(environment.resolve_device(conditions.device)), status=status)

    def _runs(self, settings: Mapping) -> Iterator[RunSpec]:
        run = apply(self.target, settings)
        return (replace(run, seed=seed) for seed in self.seeds)

    def _members(self, store: Store, conditions: Conditions) -> Iterator[dict]:
        """What is trained: mappings with `settings`."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class FrontSpec(_Trained):
    """The runs of `target` with the settings of the first non-dominated `layers` of all trials of the searches.

    A setting that several trials have tried counts once, with the mean over most folds; those that diverged do not
    count.
    """

    searches: tuple[TradeoffSpec, ...]
    target: RunSpec
    layers: int = 2
    seeds: tuple[int, ...] = (0, 1, 2)
    kind = "front"

    def __post_init__(self):
        if not self.searches or len({search.objectives for search in self.searches}) > 1:
            raise UserError("expected at least one search, and the same objectives in all of them")
        if not isinstance(self.layers, int) or self.layers < 1:
            raise UserError(f"expected at least 1 layer, got {self.layers!r}")
        _check_seeds(self.seeds)
        for search in self.searches:
            for dimension in search.space:
                apply(self.target, {dimension.field: dimension.ends[0]})

    @property
    def needs(self) -> tuple[TradeoffSpec, ...]:
        """The searches."""
        return self.searches

    @property
    def trainings(self) -> tuple[tuple[RunSpec, int], ...]:
        """What is trained, and about how often: as if the objectives of the trials were independent.

        The front of n such points has about ln(n)^(m-1) / (m-1)! members (Bentley et al. 1978).
        """
        count = sum(search.trials for search in self.searches)
        others = len(self.searches[0].objectives) - 1
        members = min(count, self.layers * math.ceil(math.log(count) ** others / math.factorial(others)))
        return ((self.target, max(members, 1) * len(self.seeds)),)

    def _members(self, store: Store, conditions: Conditions) -> Iterator[dict]:
        found = list(self._distinct(store, conditions).values())
        ranks = pareto.layers([one["values"] for one in found], direction="minimize")
        ranked = sorted(zip(ranks.tolist(), range(len(found)), strict=True))
        for layer, place in ranked:
            if layer < self.layers:
                yield found[place] | {"layer": layer}

    def _distinct(self, store: Store, conditions: Conditions) -> dict:
        """Every setting once, with the trial that has seen most folds."""
        found, folds = {}, {}
        for place, search in enumerate(self.searches):
            for trial in runs.finished(search, store, conditions)["trials"]:
                known = repr(sorted(trial["settings"].items()))
                if trial["state"] == "diverged" or trial["folds"] <= folds.get(known, 0):
                    continue
                folds[known] = trial["folds"]
                found[known] = {
                    "config": f"{place}-{trial['number']}",
                    "settings": trial["settings"],
                    "values": trial["values"],
                    "search": search.id,
                    "number": trial["number"],
                }
        return found


@dataclass(frozen=True, kw_only=True)
class SweepSpec(_Trained):
    """The `top` members of a front, by mean accuracy on what its runs were measured on, at other densities.

    Each is trained dense, and at every density with every method; what else its settings say stays (002, Sec. 4.4,
    evaluation experiment). Members that differ only in what is swept count once. Fields that a dense member's settings
    lack are those of `target`.
    """

    front: FrontSpec
    target: RunSpec
    top: int = 20
    densities: tuple[float, ...]
    methods: tuple[str, ...] = ("set", "rigl")
    seeds: tuple[int, ...] = (0, 1, 2)
    kind = "sweep"

    def __post_init__(self):
        if not isinstance(self.top, int) or self.top < 1:
            raise UserError(f"expected at least 1 member of the front, got {self.top!r}")
        _check_seeds(self.seeds)
        for method in self.methods:
            choose(method, METHODS, "method of sparse training")
        for variant in self._variants({}):
            apply(self.target, variant["settings"])

    @property
    def needs(self) -> tuple[FrontSpec]:
        """The front."""
        return (self.front,)

    @property
    def trainings(self) -> tuple[tuple[RunSpec, int], ...]:
        """What is trained, and how often at most."""
        return ((self.target, self.top * len(list(self._variants({}))) * len(self.seeds)),)

    def _members(self, store: Store, conditions: Conditions) -> Iterator[dict]:
        members = runs.finished(self.front, store, conditions)["members"]
        store.refresh()
        errors = [math.fsum(error(store.get(name)) for name in member["runs"]) for member in members]
        swept: dict[str, tuple] = {}
        for place in sorted(range(len(members)), key=lambda place: (errors[place], place)):
            variants = list(self._variants(members[place]["settings"]))
            same = repr([sorted(variant["settings"].items()) for variant in variants])
            if same not in swept and len(swept) < self.top:
                swept[same] = tuple({"origin": members[place]["config"]} | variant for variant in variants)
        for versions in swept.values():
            yield from versions

    def _variants(self, settings: Mapping) -> Iterator[dict]:
        """The setting dense, and at every density with every method."""
        others = {name: value for name, value in settings.items() if not name.startswith("sparse.")}
        yield {"method": "dense", "density": 1.0, "settings": others | {"sparse.method": "dense"}}
        for method in self.methods:
            for density in self.densities:
                changed = {"sparse.method": method, "sparse.density": density}
                yield {"method": method, "density": density, "settings": {**settings, **changed}}


def _check_seeds(seeds):
    if not seeds or len(set(seeds)) < len(seeds):
        raise UserError(f"expected one or more different seeds, got {seeds!r}")
