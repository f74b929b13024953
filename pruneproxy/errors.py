"""Errors that a person can act on."""

import difflib
from collections.abc import Mapping


class UserError(ValueError):
    """What was expected, what came, and what to do; the command line prints it and exits with 2."""


def choose(name, family: Mapping, what: str):
    """The member of `family` called `name`; an unknown name is an error that lists the valid ones."""
    if name in family:
        return family[name]
    close = difflib.get_close_matches(str(name), [str(key) for key in family], n=1)
    hint = f" (did you mean {close[0]!r}?)" if close else ""
    raise UserError(f"unknown {what} {name!r}{hint}: expected one of {', '.join(map(str, family))}")
