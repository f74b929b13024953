"""`pruneproxy.tune`: settings searched on a cheaper copy of a network where that is safe, and checked on itself."""

from pruneproxy.tuner.entry import tune
from pruneproxy.tuner.result import Result
from pruneproxy.tuner.taking import Taken

__all__ = ["Result", "Taken", "tune"]
