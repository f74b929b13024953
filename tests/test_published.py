"""The published numbers as package data."""

import pytest

from pruneproxy import published
from pruneproxy.errors import UserError


def test_every_published_table_of_the_thesis_reads():
    names = published.names("hp_space")
    assert {"table-3.2", "table-3.4", "table-3.5", "table-4.1", "table-4.2", "text-4.1.1", "text_numbers"} <= set(names)
    assert all(len(published.read("hp_space", name)) for name in names)


def test_table_4_1_has_an_ellipse_for_every_row_but_the_dash():
    table = published.read("hp_space", "table-4.1")
    missing = table[table["length_log10"].isna()]
    assert len(table) == 24 and list(missing["model"]) == ["ResNet-50"] and list(missing["region"]) == ["0.5-ROI"]


def test_derived_columns_follow_from_the_printed_ones():
    table = published.read("hp_space", "table-4.1").dropna(subset="length_log10")
    centre = table["centre_weight_decay_log10"] + table["centre_learning_rate_log10"]
    assert table["derived_centre_log10_lr_times_wd"].to_numpy() == pytest.approx(centre.to_numpy())
    risks = published.read("hp_space", "table-4.2")
    base = risks.groupby("model")["risk_mean_points"].transform("first")
    assert risks["derived_mean_risk_over_basemodel"].to_numpy() == pytest.approx(
        (risks["risk_mean_points"] / base).round(2).to_numpy()
    )


def test_unknown_tables_and_parts_are_errors_that_list_the_known_ones():
    with pytest.raises(UserError, match=r"unknown published table of hp_space 'table-9.9'.*table-4.1"):
        published.read("hp_space", "table-9.9")
    with pytest.raises(UserError, match="unknown part 'nowhere'.*hp_space"):
        published.names("nowhere")


def test_every_published_table_of_the_proxy_paper_reads():
    names = published.names("proxy_hpo")
    assert names == ("table-1", "table-2", "table-3", "table-4", "table-5", "text-5.3", "text_settings")
    assert [len(published.read("proxy_hpo", name)) for name in names[:6]] == [6, 7, 27, 4, 27, 2]


def test_differences_of_the_proxy_paper_follow_from_its_printed_columns():
    rows = published.read("proxy_hpo", "table-3")
    gap = rows["with_pruning_val_accuracy_mean_pct"] - rows["typical_hpo_val_accuracy_mean_pct"]
    assert rows["derived_difference_points"].to_numpy() == pytest.approx(gap.to_numpy())
    rows = published.read("proxy_hpo", "table-5")
    own = rows[rows["gap_printed_points"].isna()].set_index(["target_network", "dataset"])["val_accuracy_corrected_pct"]
    moved = rows[rows["gap_printed_points"].notna()]
    base = own.loc[list(zip(moved["target_network"], moved["dataset"], strict=True))].to_numpy()
    for name in ("gap_printed_points", "derived_gap_points"):
        assert moved[name].to_numpy() == pytest.approx(moved["val_accuracy_corrected_pct"].to_numpy() - base)


def test_every_published_table_of_the_sparse_training_thesis_reads():
    names = published.names("sparse_tradeoff")
    numbered = ("4.1", "4.2", "4.3", *(f"5.{table}" for table in range(1, 9)), "6.1", "A.1", "D.1", "D.2")
    assert names == (*(f"table-{number}" for number in numbered), "text_numbers", "text_settings")
    assert [len(published.read("sparse_tradeoff", name)) for name in ("table-4.2", "table-5.1", "table-6.1")] == [
        23,
        31,
        90,
    ]


def test_derived_columns_of_the_sparse_training_thesis_follow_from_the_printed_ones():
    rows = published.read("sparse_tradeoff", "table-5.5")
    gain = rows["optimization_highest_accuracy_mean_pct"] - rows["reproduction_highest_accuracy_mean_pct"]
    ratio = rows["optimization_hypervolume"] / rows["reproduction_hypervolume"]
    assert rows["derived_accuracy_improvement_points"].to_numpy() == pytest.approx(gain.to_numpy())
    assert rows["derived_hypervolume_ratio"].to_numpy() == pytest.approx(ratio.to_numpy(), abs=6e-4)
