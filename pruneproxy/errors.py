"""Errors that a person can act on."""

import contextlib
import difflib
from collections.abc import Mapping

LONGEST_WORD = 100  # that is compared with names
LONGEST_LINE = 4000  # that is printed


class Damaged(UserWarning):
    """Says what was damaged in a folder of records, and was left out."""


class UserError(ValueError):
    """What was expected, what came, and what to do; the command line prints it and exits with 2."""


def choose(name, family: Mapping, what: str):
    """The member of `family` called `name`; an unknown name is an error that lists the valid ones."""
    with contextlib.suppress(KeyError, TypeError):  # a list, say, is no name
        return family[name]
    close = difflib.get_close_matches(str(name)[:LONGEST_WORD], [str(key) for key in family], n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise UserError(f"unknown {what} {name!r}{hint}: expected one of {', '.join(map(str, family))}")


def printable(text: str, most: int = LONGEST_LINE) -> str:
    """One line that a terminal shows as it is: control characters escaped, the middle of a very long one left out."""
    ends = text if len(text) <= 2 * most else text[:most] + text[-most:]
    plain = "".join(one if one.isprintable() else one.encode("unicode_escape").decode() for one in ends)
    return plain if len(plain) <= most else f"{plain[: most // 2]} ... {plain[-most // 2 :]}"
