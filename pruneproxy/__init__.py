"""May I tune hyperparameters on a pruned network, and must I tune them again after pruning?"""

import importlib

__version__ = "0.1.0"


def __getattr__(name: str):
    """`pruneproxy.tune` and `pruneproxy.tuning`, imported when first asked for, so that this package needs no torch."""
    if name not in ("tune", "tuning"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    tuning = importlib.import_module("pruneproxy.tuning")
    return tuning if name == "tuning" else tuning.tune
