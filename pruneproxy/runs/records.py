"""What all kinds of records have in common, and what must hold before they are shown together."""

import functools
import json
import math
from collections.abc import Iterable, Iterator, Mapping

import orjson

from pruneproxy.errors import UserError

TRAININGS = (  # of a search, a winner, a measurement, channels, a round, two copies, a sub-network, its search
    *("base", "target", "full", "architecture", "find", "run", "subnetwork", "dense"),
)


def trained(record: dict) -> dict:
    """The training that a record is about: its own spec, or the one inside its spec."""
    spec = record["spec"]
    while inner := next((spec[name] for name in TRAININGS if name in spec), None):
        spec = inner
    return spec


class Records(Mapping):
    """Records of a store by id, parsed each time they are asked for: a hundred thousand need not fit into memory."""

    def __init__(self, store, identities: Iterable[str]):
        self._store = store
        self._identities = dict.fromkeys(name for name in identities if name in store)

    def __len__(self) -> int:
        return len(self._identities)

    def __iter__(self) -> Iterator[str]:
        return iter(self._identities)

    def __contains__(self, identity) -> bool:
        return identity in self._identities

    def __getitem__(self, identity: str) -> dict:
        if identity not in self._identities:
            raise KeyError(identity)
        return self._store.get(identity)


def by_id(records: Mapping[str, dict] | Iterable[dict]) -> Mapping[str, dict]:
    """Records by id."""
    return records if isinstance(records, Mapping) else {record["id"]: record for record in records}


def select(store, specs: Iterable) -> Records:
    """The records of these specs that the store has, and of the runs that members of fronts and sweeps name.

    Runs whose network is not the one that is stored for them are refused.
    """
    specs = list(specs)
    for channels in _all_channels(specs):
        if channels.id in store:
            check_widths(store, store.get(channels.id))
    having_members = store.select(spec.id for spec in specs if spec.kind in ("front", "sweep"))
    named = [name for record in having_members for member in record["members"] for name in member["runs"]]
    return Records(store, [*(spec.id for spec in specs), *named])


def _all_channels(specs: Iterable) -> set:
    """The choices of channels that the trained networks rest on; networks of many runs are looked at once."""
    runs = [spec.training for spec in specs]
    networks = {(run.data, run.model, run.prune): run for run in runs if getattr(run, "prune", None) is not None}
    return {run.channels for run in networks.values()} - {None}


def accuracy(record: dict, name: str = "top1", guesses: int = 1) -> float:
    """An accuracy in percent; so many guesses for a training that diverged, which has learned nothing."""
    if record["status"] == "diverged":
        return min(100.0, 100 * guesses / record["data"]["classes"])
    return record.get("metrics", {}).get(name, math.nan)


class OneCopy:
    """Refuses records of one data set whose arrays differ: a spec names the set, a fingerprint the copy of it."""

    def __init__(self):
        self._copies: dict[bytes, dict[str, str]] = {}

    def check(self, record: dict):
        """Raises when this record is of another copy than one before it."""
        if "fingerprint" not in (record.get("data") or ()):
            return
        asked = orjson.dumps(trained(record)["data"], option=orjson.OPT_SORT_KEYS)
        found = self._copies.setdefault(asked, {})
        found[record["data"]["fingerprint"]] = record["data"]["source"]
        if len(found) > 1:
            raise UserError(
                f"expected all records of a data set to be of one copy, got {' and '.join(found.values())}: "
                "keep the records of different copies in different folders"
            )


def check_widths(store, chosen: dict):
    """Refuses a choice of channels (a record of kind `channels`) that runs in the store contradict."""
    widths = {name: len(index) for name, index in chosen["keep"].items()}
    for run, found in _pruned_widths(store, len(store)).get(_network(chosen["spec"]["architecture"]), {}).items():
        differing = [name for name in widths if found.get(name, widths[name]) != widths[name]]
        if differing:
            name = differing[0]
            raise UserError(
                f"expected run {run} to have {widths[name]} channels in {name}, as {chosen['id']} says of its network, "
                f"got {found[name]}: they are of different networks, made on different machines; keep them in "
                "different folders"
            )


@functools.lru_cache(maxsize=8)
def _pruned_widths(store, size: int) -> dict[str, dict[str, dict]]:
    """By network, the widths of every pruned run in a store of so many records."""
    found: dict[str, dict[str, dict]] = {}
    for record in store:
        if "widths" in record and record["spec"].get("prune"):
            found.setdefault(_network(record["spec"]), {})[record["id"]] = record["widths"]
    return found


def _network(spec: dict) -> str:
    """What a pruned network depends on, of the spec of a run on it."""
    return json.dumps([spec[name] for name in ("data", "model", "prune")], sort_keys=True)
