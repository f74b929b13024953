"""Our numbers beside the published ones."""

import numpy as np
import pandas as pd
import pytest
from test_hp_space_claims import study

from pruneproxy import published, stats
from pruneproxy.errors import UserError
from pruneproxy.evidence import tables
from pruneproxy.recipes.hp_space import tables as thesis


@pytest.fixture(scope="module")
def frame():
    return pd.concat([study("resnet56", noise=0.1), study("mobilenet_v2", noise=0.1, seeds=1)], ignore_index=True)


def cell(table, column, **where):
    rows = table[np.logical_and.reduce([table[key] == value for key, value in where.items()])]
    assert len(rows) == 1
    return rows[column].iloc[0]


def test_beside_subtracts_and_keeps_what_only_one_side_has():
    ours = pd.DataFrame({"k": ["a", "c"], "ours": [2.0, 5.0], "low": [1.0, 4.0], "high": [3.0, 6.0]})
    printed = pd.DataFrame({"k": ["b", "a"], "published": [7.0, 1.5]})
    table = tables.beside(ours, printed, keys=["k"])
    assert list(table["k"]) == ["b", "a", "c"]
    assert cell(table, "difference", k="a") == 0.5 and cell(table, "difference low", k="a") == -0.5
    assert np.isnan(cell(table, "ours", k="b")) and np.isnan(cell(table, "published", k="c"))


def test_shown_tables_say_not_run_and_not_printed_and_print_the_same_twice():
    ours = pd.DataFrame({"k": ["a", "c"], "ours": [2.0, 5.0], "low": [1.0, np.nan], "high": [3.0, np.nan]})
    printed = pd.DataFrame({"k": ["b", "a"], "published": [7.0, 2.0]})
    text = tables.show(tables.beside(ours, printed, keys=["k"]), digits=1)
    assert list(text["ours"]) == ["not run", "2.0", "5.0"] and list(text["published"]) == ["7.0", "2.0", "not printed"]
    assert list(text["95 % interval"]) == ["–", "1.0 to 3.0", "–"] and list(text["difference"]) == ["", "+0.0", ""]
    plain = tables.show(tables.beside(ours, printed, keys=["k"]), differences=False)
    assert list(plain) == ["k", "ours", "95 % interval", "published"] and list(plain["ours"]) == ["not run", "2", "5"]
    assert text.to_string() == tables.show(tables.beside(ours, printed, keys=["k"]), digits=1).to_string()


def test_beside_says_which_columns_it_misses():
    with pytest.raises(UserError, match="our table to have the columns low, high"):
        tables.beside(pd.DataFrame({"k": [], "ours": []}), pd.DataFrame({"k": [], "published": []}), keys=["k"])


def test_table_3_5_agrees_with_the_printed_one_to_four_digits():
    assert (thesis.confidence_levels()["difference"].abs() < 5e-5).all()


def test_table_3_2_counts_two_flops_per_multiplication():
    measured = pd.DataFrame({"network": ["resnet56"], "parameters": [853_018], "multiplications": [125_485_706]})
    table = thesis.architectures(measured)
    assert cell(table, "ours", model="ResNet-56", quantity="FLOPs (billions)") == pytest.approx(0.250971412)
    assert abs(cell(table, "difference", model="ResNet-56", quantity="parameters (millions)")) < 0.005
    assert np.isnan(cell(table, "ours", model="ResNet-50", quantity="FLOPs (billions)"))


def test_table_3_4_is_the_mean_at_the_prior_with_a_t_interval(frame):
    rows = frame[(frame["network"] == "resnet56") & (frame["method"] == "none")]
    at_prior = rows[np.isclose(rows["lr"], 0.1) & np.isclose(rows["weight_decay"], 1e-4)]["top1"]
    table = thesis.baselines(frame)
    assert cell(table, "ours", model="ResNet-56", quantity="top1") == pytest.approx(at_prior.mean())
    reach = 4.302653 * at_prior.std() / np.sqrt(3)
    assert cell(table, "high", model="ResNet-56", quantity="top1") == pytest.approx(at_prior.mean() + reach)
    assert np.isnan(cell(table, "low", model="MobileNetV2", quantity="top1"))
    assert np.isnan(cell(table, "ours", model="ResNet-50", quantity="top5"))


def test_table_4_1_equals_the_ellipse_of_each_region(frame):
    rows = frame[(frame["network"] == "resnet56") & (frame["variant"] == "20% global")]
    wanted = stats.ellipse(stats.log_points(stats.roi(stats.landscape(rows), 1.0)))
    table = thesis.ellipses(frame, replicates=100)
    where = {"model": "ResNet-56", "method": "global", "target": 0.2, "region": "1.0-ROI"}
    assert cell(table, "ours", **where, quantity="length") == pytest.approx(wanted.length)
    assert cell(table, "ours", **where, quantity="weight_decay") == pytest.approx(wanted.centre[0])
    assert cell(table, "published", **where, quantity="length") == 3.74


def test_table_4_2_equals_the_risk_of_each_variant(frame):
    base, pruned = (
        stats.landscape(frame[(frame["network"] == "mobilenet_v2") & (frame["variant"] == name)])
        for name in ("unpruned", "60% uniform")
    )
    wanted = stats.risk(base, pruned)
    table = thesis.risks(frame, replicates=100)
    where = {"model": "MobileNetV2", "method": "uniform", "target": 0.6}
    assert cell(table, "ours", **where, quantity="mean risk") == pytest.approx(wanted.mean)
    assert cell(table, "ours", **where, quantity="deviation of relative risk") == pytest.approx(
        wanted.settings["relative_risk"].std(ddof=0)
    )
    assert cell(table, "published", **where, quantity="mean risk") == 0.373


def test_best_accuracies_have_intervals_where_runs_were_repeated(frame):
    table = thesis.best_accuracies(frame, replicates=100)
    where = {"method": "none", "target": 1.0, "quantity": "top1"}
    assert cell(table, "low", model="ResNet-56", **where) < cell(table, "high", model="ResNet-56", **where)
    assert np.isnan(cell(table, "low", model="MobileNetV2", **where))
    assert cell(table, "published", model="ResNet-56", **where) == 94.05


@pytest.mark.parametrize("table", [thesis.baselines, thesis.best_accuracies, thesis.ellipses, thesis.risks])
def test_tables_without_records_show_every_printed_row_as_not_run(frame, table):
    text = tables.show(table(frame.iloc[:0]))
    assert len(text) and set(text["ours"]) == {"not run"}


@pytest.mark.parametrize("name, table", [("table-4.1", thesis.ellipses), ("table-4.2", thesis.risks)])
def test_every_published_row_appears_once_per_quantity(frame, name, table):
    found = table(frame, replicates=10)
    assert (
        found["published"].notna().sum() == 4 * published.read("hp_space", name).iloc[:, 6:8].notna().all(axis=1).sum()
    )
    assert not found.duplicated([column for column in found if column not in tables.NUMBERS]).any()
