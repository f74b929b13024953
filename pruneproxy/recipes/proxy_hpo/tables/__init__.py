"""Every table of the paper's results from records, beside the published one, and the statistics that it lacks."""

from pruneproxy.recipes.proxy_hpo.tables.costs import savings, time_reduction
from pruneproxy.recipes.proxy_hpo.tables.names import data_label, label, named, stands_for
from pruneproxy.recipes.proxy_hpo.tables.pairs import decided, decisions, differences, optimism, paired
from pruneproxy.recipes.proxy_hpo.tables.printed import (
    five,
    five_minus_three,
    gaps,
    published,
    table_1,
    table_3,
    table_3_time,
    table_4,
    table_5,
    transfers,
)
from pruneproxy.recipes.proxy_hpo.tables.settings import (
    SELECTED,
    copies,
    hyperparameters,
    importances,
    readings,
    space_table,
    training_losses,
    with_total,
)
