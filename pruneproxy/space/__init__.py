"""Hyperparameters, spaces of them, and settings."""

from pruneproxy.space.applying import apply
from pruneproxy.space.dimension import Dimension
from pruneproxy.space.spaces import (
    SWITCH,
    Range,
    active,
    budget,
    check_columns,
    check_space,
    completed,
    encoded,
    integer,
    linear,
    log,
    occurring,
    restricted,
    settings_table,
    written,
)

__all__ = [
    "SWITCH",
    "Dimension",
    "Range",
    "active",
    "apply",
    "budget",
    "check_columns",
    "check_space",
    "completed",
    "encoded",
    "integer",
    "linear",
    "log",
    "occurring",
    "restricted",
    "settings_table",
    "written",
]
