"""What all kinds of records have in common, and what must hold before they are shown together."""

import functools
import json
import math
from collections.abc import Iterable

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


def select(store, specs: Iterable) -> list[dict]:
    """The records of these specs that the store has, and of the runs that members of fronts and sweeps name.

    Runs whose network is not the one that is stored for them are refused.
    """
    specs = list(specs)
    for spec in {spec.training.channels for spec in specs} - {None}:
        if spec.id in store:
            check_widths(store, store.get(spec.id))
    found = {record["id"]: record for record in store.select(spec.id for spec in specs)}
    named = [name for record in found.values() for member in record.get("members", ()) for name in member["runs"]]
    return [*found.values(), *store.select(name for name in dict.fromkeys(named) if name not in found)]


def accuracy(record: dict, name: str = "top1", guesses: int = 1) -> float:
    """An accuracy in percent; so many guesses for a training that diverged, which has learned nothing."""
    if record["status"] == "diverged":
        return min(100.0, 100 * guesses / record["data"]["classes"])
    return record.get("metrics", {}).get(name, math.nan)


def check_copies(records: list[dict]):
    """Refuses records of one data set whose arrays differ: a spec names the set, a fingerprint the copy of it."""
    copies: dict[str, dict[str, str]] = {}
    for record in records:
        if "fingerprint" in (record.get("data") or ()):
            asked = json.dumps(trained(record)["data"], sort_keys=True)
            copies.setdefault(asked, {})[record["data"]["fingerprint"]] = record["data"]["source"]
    mixed = next((found for found in copies.values() if len(found) > 1), None)
    if mixed:
        raise UserError(
            f"expected all records of a data set to be of one copy, got {' and '.join(mixed.values())}: "
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
