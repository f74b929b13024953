"""Every table of the thesis from records, beside the printed one.

Columns come in pairs, `here` and `printed`. What was not run, or not printed, is empty.
"""

from pruneproxy.recipes.sparse_tradeoff.tables.pairs import DATA, HERE, PERCENT, PRINTED, beside, each, published, shown
from pruneproxy.recipes.sparse_tradeoff.tables.results import (
    IMPORTANCES,
    METHODS,
    importance,
    losses,
    table_5_1,
    table_5_2,
    table_5_4,
    table_5_5,
    table_5_6,
    table_5_7,
    table_5_8,
)
from pruneproxy.recipes.sparse_tradeoff.tables.settings import (
    TABLE_5_3,
    WORDS,
    table_4_1,
    table_4_2,
    table_4_3,
    table_5_3,
    table_a_1,
)
