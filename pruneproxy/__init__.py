"""May I tune hyperparameters on a pruned network, and must I tune them again after pruning?"""

import importlib

__version__ = "0.1.0"


PLACES = {  # where names are that need torch: imported when first asked for, so that this package does not
    "tune": "pruneproxy.tuner",
    "pilot": "pruneproxy.asking.questions",
    "retune": "pruneproxy.asking.questions",
}


def __getattr__(name: str):
    """`tune`, `pilot`, `retune`, and the modules `tuning` and `asking`."""
    if name in ("tuning", "asking"):
        return importlib.import_module(f"pruneproxy.{name}")
    if name not in PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(PLACES[name]), name)
