"""Where the thesis's text, its formulae, its tables and its released code differ: paper 002."""

from pruneproxy.evidence.ledger import collect
from pruneproxy.recipes.sparse_tradeoff.ledger import analysis, costs, data, networks, search, sparse, text

ROWS = collect(sparse.ROWS, networks.ROWS, costs.ROWS, data.ROWS, search.ROWS, analysis.ROWS, text.ROWS)
