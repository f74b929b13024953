"""May I tune hyperparameters on a pruned network, and must I tune them again after pruning?"""

import importlib

__version__ = "0.1.0"


PLACES = {"tune": "pruneproxy.tuner"}  # where names are that need torch


def __getattr__(name: str):
    """`tune`, and the module `tuning`, imported when first asked for, so that this package needs no torch."""
    if name == "tuning":
        return importlib.import_module("pruneproxy.tuning")
    if name not in PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(PLACES[name]), name)
