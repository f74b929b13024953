"""What proxies are worth and what sources cost, by closed forms, SciPy and the claims' own rules."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from scipy import stats as scipy_stats

from pruneproxy.errors import UserError
from pruneproxy.recipes.proxy_hpo import tables
from pruneproxy.recipes.proxy_hpo.quantities import FIVE, Quantities
from pruneproxy.stats import proxies

ABOUT = {"case": "resnet56-cifar10", "network": "resnet56", "title": "t", "dataset": "CIFAR10", "data": "digits"}
DRAWN = np.random.default_rng(3)


def configs(target: dict, **others) -> pd.DataFrame:
    """Settings on a target and on proxies: name -> seed -> values; a proxy costs a quarter, and takes half the time."""
    rows = [
        {"case": "c", "proxy": name, "seed": seed, "config": place, "top1": value, "lr": 0.1}
        | {"seconds": 8.0 if name == "target" else 4.0, "multiplications": 4.0 if name == "target" else 1.0}
        for name, seeds in {"target": target, **others}.items()
        for seed, values in seeds.items()
        for place, value in enumerate(values)
    ]
    return pd.DataFrame(rows)


def winners(values: dict[tuple[str, str], list[float]], **labels) -> pd.DataFrame:
    """(experiment, source) -> accuracy per search seed."""
    rows = [
        ABOUT
        | {"experiment": experiment, "source": source, "arm": "target" if source == "itself" else "proxy"}
        | {"optimizer": "tpe", "search_seed": seed, "seed": 1000 + seed, "top1": value}
        | {"search_seconds": 1.0, "search_multiplications": 1.0, "search_id": f"{experiment}{source}{seed}"}
        | labels
        for (experiment, source), found in values.items()
        for seed, value in enumerate(found)
    ]
    return pd.DataFrame(rows)


def test_a_proxy_compared_with_its_equal_differs_by_nothing_on_any_resampled_set():
    values = list(DRAWN.normal(80, 5, 12))
    target = list(DRAWN.normal(80, 5, 12))
    shown = proxies.compared(configs({0: target}, pruned={0: values}, same={0: values}), replicates=100)
    (row,) = shown.to_dict("records")
    assert row["proxy"] == "same" and row["settings"] == 12
    assert all(row[f"{name}{end}"] == 0 for name in proxies.MEASURES for end in ("", " low", " high"))


def test_the_comparison_of_two_proxies_is_the_difference_of_their_own_numbers():
    target, one, two = ({0: list(DRAWN.normal(80, 5, 15)), 1: list(DRAWN.normal(80, 5, 15))} for _ in range(3))
    frame = configs(target, pruned=one, narrow=two)
    alone = proxies.at_cost(frame, replicates=20).set_index("proxy")
    shown = proxies.compared(frame, replicates=200).set_index("proxy")
    for name in proxies.MEASURES:
        gap = alone.loc["narrow", name] - alone.loc["pruned", name]
        assert shown.loc["narrow", name] == pytest.approx(gap)
        assert shown.loc["narrow", f"{name} low"] <= shown.loc["narrow", f"{name} high"]


def test_a_proxy_is_judged_by_the_seeds_of_the_network_that_are_not_its_own():
    one, two = [60.0, 70.0, 90.0, 80.0], [90.0, 80.0, 60.0, 70.0]
    shown = proxies.at_cost(configs({0: one, 1: two}, pruned={0: one}, narrow={7: two}), replicates=20)
    found = shown.set_index("proxy")
    assert found.loc["pruned", "correlation"] == scipy_stats.spearmanr(one, two).statistic
    assert found.loc["pruned", "regret"] == 30  # seed 1 alone
    assert np.isnan(found.loc["narrow", "correlation"])  # a seed of no one: the mean of both, which is constant
    assert proxies.at_cost(configs({0: one}, pruned={0: one}), replicates=20)["regret"].tolist() == [0]


def test_proxies_are_compared_on_the_settings_that_all_of_them_have():
    values = list(range(6))
    frame = configs({0: values}, pruned={0: values}, narrow={0: values[:4]}, broad={0: values})
    assert set(proxies.compared(frame, replicates=10)["settings"]) == {4}
    with pytest.raises(UserError, match="unknown proxy 'pruend'"):
        proxies.compared(frame, against="pruend")


def test_the_cheapest_proxy_must_be_shown_to_rank_and_to_be_safe():
    rows = [
        ("cheap but noisy", 0.1, 0.2, 0.5, 0.4),
        ("cheap but costly", 0.2, 0.8, 0.5, 3.0),
        ("good", 0.4, 0.8, 0.5, 0.9),
        ("dear", 0.9, 0.9, 0.5, 0.1),
        (proxies.ANOTHER_SEED, 0.3, 0.9, 0.5, 0.0),
    ]
    columns = ["proxy", "seconds", "correlation low", "null high", "regret high"]
    table = pd.DataFrame(rows, columns=columns).assign(multiplications=lambda found: 1 - found["seconds"])
    assert proxies.cheapest(table, margin=1) == "good"
    assert proxies.cheapest(table, margin=1, by="multiplications") == "dear"
    assert proxies.cheapest(table, margin=0.05) is None
    shown = proxies.sure(table, margin=1)
    assert shown["proxy"].tolist()[:2] == ["cheap but noisy", "cheap but costly"]
    assert shown["ranks"].tolist() == [False, True, True, True, True]
    assert shown["safe"].tolist() == [True, False, True, True, True]


def test_screening_costs_the_proxy_and_k_full_trainings_and_all_of_them_leave_no_regret():
    target = [60.0, 70.0, 90.0, 80.0, 85.0]
    worst = sorted(range(5), key=lambda place: target[place])
    backwards = {0: [-value for value in target]}
    shown = proxies.screened(configs({0: target}, backwards=backwards), ks=(1, 2, 5, 9), replicates=30)
    assert shown["k"].tolist() == [1, 2, 5]
    assert shown["cost"].tolist() == pytest.approx([0.25 + k / 5 for k in (1, 2, 5)])
    assert shown["seconds"].tolist() == pytest.approx([0.5 + k / 5 for k in (1, 2, 5)])
    expected = [90 - max(target[place] for place in worst[:k]) for k in (1, 2, 5)]
    assert shown["regret"].tolist() == pytest.approx(expected)


def test_every_source_is_compared_with_the_search_on_the_network_itself_and_counted_once():
    frame = winners(
        {
            ("main", "itself"): [90.0, 92.0],
            ("main", "synflow"): [89.0, 90.0],
            ("cross", "synflow"): [89.0, 90.0],  # the same trainings under another table's name
            ("cross", "vgg16_bn"): [80.0, 84.0],
            ("family", "resnet8"): [91.0, 91.0],
        }
    )
    shown = tables.differences(tables.transfers(frame)).set_index("source")
    assert shown["difference"].to_dict() == {"synflow": -1.5, "vgg16_bn": -9.0, "resnet8": 0.0}
    assert set(shown["searches"]) == {2}
    expected = scipy_stats.ttest_rel([80.0, 84.0], [90.0, 92.0]).confidence_interval()
    assert tuple(shown.loc["vgg16_bn", ["low", "high"]]) == pytest.approx(tuple(expected))


def test_gaps_stand_beside_those_that_table_5_prints_in_parentheses():
    shown = tables.gaps(winners({("main", "synflow"): [90.0, 91.0], ("cross", "vgg16_bn"): [89.0, 90.5]}))
    ours = shown[shown["ours"].notna()].to_dict("records")
    assert [(row["source"], row["ours"], row["published"]) for row in ours] == [("vgg16_bn", -0.75, -0.22)]
    printed = shown[shown["published"].notna()].set_index(["network", "dataset", "source"])["published"]
    assert len(printed) == 3 + 18
    for keys in (("resnet56", "CIFAR100", "resnet8"), ("mobilenet_v2", "CIFAR10", "resnet56")):
        both = pd.concat([tables.published("table-4"), tables.published("table-5")])
        rows = both[(both["network"] == keys[0]) & (both["dataset"] == keys[1])]
        accuracy = rows["val_accuracy_mean_pct"].fillna(rows["val_accuracy_corrected_pct"].astype(float))
        own, source = (accuracy[rows["source"] == name].iloc[0] for name in ("synflow", keys[2]))
        assert printed[keys] == pytest.approx(source - own)


def test_five_hyperparameters_minus_three_is_paired_by_search_within_each_arm():
    values = {
        ("main", "itself"): [90.0, 92.0],
        ("five", "itself"): [89.0, 90.0],
        ("main", "synflow"): [88.0, 88.0],
        ("five", "synflow"): [90.0, 92.0],
    }
    shown = tables.five_minus_three(winners(values)).set_index(["dataset", "arm", "quantity"])
    assert shown.loc[("CIFAR10", "target", "five minus three"), "ours"] == -1.5
    assert shown.loc[("CIFAR10", "proxy", "five minus three"), "ours"] == 3
    assert shown.loc[("CIFAR10", "proxy", "three"), "ours"] == 88
    assert shown.loc[("CIFAR100", "target", "five minus three"), "published"] == pytest.approx(69.83 - 71.24)
    only = tables.five_minus_three(winners({key: values[key] for key in values if key[0] == "main"}))
    assert only["ours"].isna().all() and len(only) == 6


def test_importances_and_spreads_have_the_rank_correlation_that_the_claim_is_judged_by():
    generator = np.random.default_rng(5)
    low, high = np.array([1e-4, 1e-5, 0.1, 16, 0.1]), np.array([1e-1, 1e-2, 1.0, 256, 0.99])
    settings = low * (high / low) ** generator.random((2, 3, 12, 5))
    rows = [
        ABOUT
        | {"experiment": "five", "source": source, "search_seed": seed, "state": "complete"}
        | dict(zip(FIVE, found, strict=True))
        | {"value": 70 + 5 * np.log10(found[0]) + found[4]}
        for kind, source in enumerate(("itself", "synflow"))
        for seed in range(3)
        for found in settings[kind, seed]
    ]
    trials = pd.DataFrame(rows)
    chosen = [settings[kind, seed, 0] for kind in range(2) for seed in range(3)]
    found = winners({("five", "itself"): [1.0, 2.0, 3.0], ("five", "synflow"): [1.0, 2.0, 3.0]})
    found = found.join(pd.DataFrame(chosen, columns=list(FIVE)))
    shown = tables.importances(trials, found)
    assert shown.groupby("source").size().to_dict() == {"itself": 5, "synflow": 5} and set(shown["searches"]) == {3}
    top = shown.loc[shown.groupby("source")["importance"].idxmax(), "hyperparameter"]
    assert set(top) == {"lr"}
    cells = Quantities(SimpleNamespace(winners=found, trials=trials), replicates=20).importance_correlations()
    for cell in cells:
        mine = shown[shown["source"] == cell.source]
        expected = scipy_stats.spearmanr(mine["importance"], mine["spread"]).statistic
        assert cell.effect.value == pytest.approx(expected)


def test_a_search_with_too_few_finished_trials_has_no_importance():
    trials = pd.DataFrame(
        [ABOUT | {"experiment": "five", "source": "itself", "search_seed": 0, "state": "stopped", "value": 1.0}]
    ).assign(**dict.fromkeys(FIVE, 0.1))
    found = winners({("five", "itself"): [1.0]}).assign(**dict.fromkeys(FIVE, 0.1))
    assert tables.importances(trials, found).empty
