"""What was really trained, and what it stands for."""

from collections.abc import Iterable
from dataclasses import replace

import pandas as pd

from pruneproxy.recipes.recipe import data_title, network_name, network_title, stands_for


def label(case) -> str:
    """The network of a case as it was trained, and the paper's network for which it stands in."""
    return stands_for(case.title, network_name(case.network))


def data_label(case) -> str:
    """The same for its data set: `Fashion-MNIST standing in for CIFAR10`."""
    name = case.base.data.name
    return case.dataset if name.replace("_", "") == case.dataset.lower() else stands_for(data_title(name), case.dataset)


def named(table: pd.DataFrame, cases: Iterable) -> pd.DataFrame:
    """The rows of a table with what was trained in the columns `network`, `dataset` and `source`.

    A table beside the paper is keyed by the paper's networks and data sets; a row that belongs to no case keeps them.
    """
    labels, datasets, rows = {}, {}, table.copy()
    for case in cases:
        members = {name: network_title(replace(case.base.model, name=name)) for name in case.family}
        named = {case.network: label(case)} | members
        labels |= {(name, case.dataset): title for name, title in named.items()}
        datasets[case.dataset] = data_label(case)
    for column in [name for name in ("network", "source") if name in table]:
        pairs = zip(table[column], table["dataset"], strict=True)
        rows[column] = [labels.get(pair, pair[0]) for pair in pairs]
    return rows.assign(dataset=table["dataset"].replace(datasets))
