"""Hyperparameters, spaces of them, and settings."""

import warnings

with warnings.catch_warnings():  # importing optuna in a notebook asks for ipywidgets, of which nothing here has use
    warnings.filterwarnings("ignore", message="IProgress not found")
    import optuna.progress_bar  # noqa: F401

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
    written,
)
