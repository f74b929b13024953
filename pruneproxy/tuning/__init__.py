"""What `pruneproxy.tune` is told of a network of your own: its training, its pruned proxy, and how to search."""

from pruneproxy.space import Dimension, integer, linear, log
from pruneproxy.tuning.plans import COMPARISONS, Pruned, Search
from pruneproxy.tuning.proxy import WEIGHTS, Proxy, build_proxy
from pruneproxy.tuning.trainer import Trainer
