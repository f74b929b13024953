"""What all kinds of records have in common, and what must hold before they are shown together."""

import json
from collections.abc import Iterable

from pruneproxy.errors import UserError

TRAININGS = ("base", "target", "full")  # of a search, of a winner, of a measurement


def trained(record: dict) -> dict:
    """The training that a record is about: its own spec, or the one inside its spec."""
    spec = record["spec"]
    return next((spec[name] for name in TRAININGS if name in spec), spec)


def select(store, specs: Iterable) -> list[dict]:
    """The records of these specs that the store has, and of the runs that members of fronts and sweeps name."""
    found = {record["id"]: record for record in store.select(spec.id for spec in specs)}
    named = [name for record in found.values() for member in record.get("members", ()) for name in member["runs"]]
    return [*found.values(), *store.select(name for name in dict.fromkeys(named) if name not in found)]


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
