"""Hyperparameter search: propose settings, train with them, learn from the result; repeatable and safe to kill."""

from pruneproxy.search.config import BEST_OF, OBJECTIVES, SearchSpec, WinnerSpec
from pruneproxy.search.fronts import FrontSpec, SweepSpec
from pruneproxy.search.loop import DIRECTIONS, Outcome, Trial, best, optimise
from pruneproxy.search.pruners import PRUNERS
from pruneproxy.search.samplers import SAMPLERS
from pruneproxy.search.tradeoffs import INTENSIFY, MEASURES, TradeoffSpec
from pruneproxy.space import Dimension, apply, budget, completed
