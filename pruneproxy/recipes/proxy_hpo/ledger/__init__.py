"""Where the paper's text, its formulae and its released code differ: paper 000."""

from pruneproxy.evidence.ledger import collect
from pruneproxy.recipes.proxy_hpo.ledger import pruning, search, text

ROWS = collect(pruning.ROWS, search.ROWS, text.ROWS)
