"""Hyperparameters for a network of your own, searched on its pruned proxy."""

from pruneproxy.space import Dimension, integer, linear, log
from pruneproxy.tuning.proxy import WEIGHTS, Proxy, build_proxy
from pruneproxy.tuning.result import Result
from pruneproxy.tuning.trainer import Trainer
from pruneproxy.tuning.tuner import COMPARISONS, tune
