"""Filter pruning that is guided by the ensemble of the networks on the way (004)."""

from pruneproxy.ekg import bank, finetune
from pruneproxy.ekg.search import FILTERS, GUIDES, SCORES, Found, SearchConfig, Step, rescaled, search
