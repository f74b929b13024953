"""What follows from the space and the formulae of paper 002 without training."""

from dataclasses import replace

import numpy as np
import pytest

from pruneproxy.published import read
from pruneproxy.recipes.sparse_tradeoff import PAPER, arithmetic, cases
from pruneproxy.recipes.sparse_tradeoff.experiments import space
from pruneproxy.search import Dimension
from pruneproxy.sparse import SparseConfig


def test_the_fixed_mlp_costs_what_table_5_1_prints():
    table = arithmetic.absolute()
    assert table.loc["inference", "here"] == 784 * 1000 + 2 * 1000 * 1000 + 1000 * 10
    assert table.loc["training", "here"] == 3 * 2_794_000 * 60_000 * 200
    assert np.allclose(table["here"], table["printed"], rtol=0.005)


def test_algorithm_1_rounds_to_the_printed_costs_and_equation_4_5_does_not():
    table = arithmetic.charges()
    assert ((table["Algorithm 1"] - table["printed"]).abs() < 0.00501).all()
    assert (table["eq. 4.5 as printed"] < 0.01).all()


def test_updates_that_take_place_cost_less_than_those_that_are_charged():
    table = arithmetic.charges()
    assert (table["SET"] < table["as performed"]).all() and (table["as performed"] < table["Algorithm 1"]).all()


@pytest.mark.parametrize("name", ["mnist", "cifar-10"])
def test_both_distributions_keep_the_same_weights(name):
    table = arithmetic.allocations(PAPER[name], 0.9)
    layers = table[table["weights"].notna() & table["multiplications"].notna()]
    for kind in ("uniform", "erk"):
        assert (layers[kind] * layers["weights"]).sum() / layers["weights"].sum() == pytest.approx(0.1)
        assert table.loc["all weights", kind] == pytest.approx(0.1)


def test_erk_costs_a_resnet_more_and_an_mlp_nothing():
    kept = {name: arithmetic.allocations(PAPER[name], 0.9).loc["all multiplications"] for name in ("mnist", "cifar-10")}
    assert kept["mnist"]["erk"] == pytest.approx(kept["mnist"]["uniform"])
    assert kept["cifar-10"]["erk"] > 1.5 * kept["cifar-10"]["uniform"]


def test_the_budgets_of_the_thesis_follow_from_its_space():
    table = arithmetic.budgets(PAPER.values())
    printed = read("sparse_tradeoff", "text_settings").query("setting == 'budget 50d+25c'").set_index("applies_to")
    for row in table.itertuples():
        assert row[-2] == row.trials == float(printed.loc[row.architecture, "value"])


@pytest.mark.parametrize("semantics", ["text", "jaxpruner"])
def test_shares_are_those_of_draws_that_sparse_training_counts(semantics):
    case = replace(cases("smoke")[0], longest=6)
    rng, hits = np.random.default_rng(0), 0
    per_epoch = -(-case.base.data.train_images // case.base.train.batch_size)
    dimensions = {one.field: one for one in space(case, "fixed")}
    for _ in range(4000):
        drawn = {name: dimensions[name].at(rng.random()) for name in dimensions if name.startswith(("sparse", "train"))}
        steps = per_epoch * drawn["train.epochs"]
        config = SparseConfig(interval=drawn["sparse.interval"], end=drawn["sparse.end"], semantics=semantics)
        hits += any(config.due(step, steps) for step in range(1, steps))
    share = arithmetic.share_that_moves(case, "fixed", per_epoch, once_at_least=semantics == "jaxpruner")
    assert hits / 4000 == pytest.approx(share, abs=0.03)
    assert arithmetic.updating([case])["fixed"].item() == arithmetic.share_that_moves(case, "fixed", per_epoch)


@pytest.mark.parametrize("log", [False, True])
def test_the_share_up_to_a_value_is_that_of_even_draws(log):
    dimension = Dimension(field="x", low=2, high=9, integer=True, log=log)
    drawn = np.array([dimension.at(share) for share in (np.arange(20_000) + 0.5) / 20_000])
    values = np.arange(0, 12)
    wanted = [(drawn <= value).mean() for value in values]
    assert np.allclose(arithmetic._up_to(dimension, values), wanted, atol=1e-3)
