"""Whether a record is of the run that it is called after."""

from collections.abc import Iterator

from pruneproxy.errors import UserError
from pruneproxy.runs.kinds import Kind
from pruneproxy.specs import from_dict


def fits(record: dict) -> bool:
    """Whether the id of a record is that of the spec in it; kinds of modules that are not imported fit nothing."""
    for kind in _all_kinds(Kind):
        if kind.kind == record.get("kind", "run"):
            try:
                return from_dict(kind, record["spec"]).id == record["id"]
            except (UserError, TypeError, AttributeError, ValueError, KeyError):
                continue  # an abstract kind, or one of the same name
    return False


def _all_kinds(kind: type) -> Iterator[type]:
    for below in kind.__subclasses__():
        yield below
        yield from _all_kinds(below)
