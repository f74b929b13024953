"""How much may be asked for: far more than any protocol needs, and so little that it never fills the memory."""

import os
import stat
from pathlib import Path

from pruneproxy.errors import UserError

MOST_RUNS = 30_000  # of one recipe: a grid is counted before it is built
MANY = 1_000  # of what multiplies runs: seeds, points of an axis, rounds, items of a list
MOST = 1_000_000  # of what one run repeats: epochs, trials, steps
MOST_IMAGES = 1_000_000_000
MOST_ROUNDS = 200  # of pruning, after which nothing is left to remove
MOST_SIDE = 10_000  # of an image, in pixels
LARGEST = 10**18  # whole numbers stay below it


def check_counts(config, *names: str, least: int = 1, most: int = MANY):
    """Raises unless these fields of a dataclass are whole numbers within the limits; None stays."""
    for name in names:
        value = getattr(config, name)
        if value is None:
            continue
        if type(value) is not int:
            raise UserError(f"{name} must be a whole number, got {value!r}")
        if not least <= value <= most:
            bound = f"least {least}" if value < least else f"most {most:,}"
            raise UserError(f"{name} must be at {bound}, got {value!r}")


def check_different(config, *names: str):
    """Raises when one of these fields, which are lists, has nothing in it or one value twice."""
    for name in names:
        values = getattr(config, name)
        if not values:
            raise UserError(f"expected one value of {name} or more, got none")
        check_distinct(name, values)


def check_distinct(name: str, values):
    """Raises when a list has one value twice."""
    twice = [value for place, value in enumerate(values) if value in values[:place]]
    if twice:
        raise UserError(f"expected every value of {name} once, got {twice[0]!r} twice: leave one out")


def check_size(runs: int):
    """Raises when there are more runs than one recipe may have."""
    if runs > MOST_RUNS:
        raise UserError(f"expected at most {MOST_RUNS:,} runs, got about {runs:,}: ask for fewer seeds or values")


def named_folder(given, of: str) -> Path:
    """The folder of records, or of data, with a name that somebody has given; it need not exist, but it could."""
    if not isinstance(given, str | os.PathLike) or not str(given).strip():
        raise UserError(f"expected the name of a folder of {of}, got {given!r}: leave it out for the usual one")
    try:
        folder = stat.S_ISDIR(os.stat(given).st_mode)
    except (FileNotFoundError, NotADirectoryError):
        folder = True  # it can be made, or the error of making it says why not
    except (OSError, ValueError) as error:
        raise UserError(f"expected the name of a folder of {of}, got {given!r} ({error}): name another") from error
    if not folder:
        raise UserError(f"expected a folder of {of}, got {str(given)!r}, which is none: name another")
    return Path(given)
