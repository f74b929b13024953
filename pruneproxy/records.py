"""What all kinds of records have in common, and what must hold before they are shown together."""

import json

from pruneproxy.errors import UserError

TRAININGS = ("base", "target", "full")  # of a search, of a winner, of a measurement


def trained(record: dict) -> dict:
    """The training that a record is about: its own spec, or the one inside its spec."""
    spec = record["spec"]
    return next((spec[name] for name in TRAININGS if name in spec), spec)


def check_copies(records: list[dict]):
    """Refuses records of one data set whose arrays differ: a spec names the set, a fingerprint the copy of it."""
    copies: dict[str, dict[str, str]] = {}
    for record in records:
        if "data" in record and "fingerprint" in record["data"]:
            asked = json.dumps(trained(record)["data"], sort_keys=True)
            copies.setdefault(asked, {})[record["data"]["fingerprint"]] = record["data"]["source"]
    mixed = next((found for found in copies.values() if len(found) > 1), None)
    if mixed:
        raise UserError(
            f"expected all records of a data set to be of one copy, got {' and '.join(mixed.values())}: "
            "keep the records of different copies in different folders"
        )
