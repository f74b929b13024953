"""Verdicts on the proxy paper: what simulated inputs with a known truth give, and what its own numbers say.

Every table here is simulated input for the rules, drawn from a stated truth; none of it is a result.
"""

import zlib
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from devtools import Sided

from pruneproxy.errors import UserError
from pruneproxy.evidence.effects import Cell, deviations, grouped, resampled
from pruneproxy.recipes.proxy_hpo import JUDGE, check, evaluate, printed_verdicts
from pruneproxy.recipes.proxy_hpo.claims import COLUMNS as READ
from pruneproxy.recipes.proxy_hpo.claims import RULES, TABLES
from pruneproxy.recipes.proxy_hpo.frames import COLUMNS, Frames
from pruneproxy.recipes.proxy_hpo.quantities import Quantities, paired

NETWORKS = ("resnet56", "vgg16_bn", "mobilenet_v2")
BEST = {"lr": 0.05, "batch_size": 128, "weight_decay": 1e-3, "momentum": 0.9, "decay_factor": 0.3}


def about(network="resnet56", dataset="CIFAR10"):
    return {
        "case": f"{network}-{dataset.lower()}",
        "network": network,
        "title": network,
        "dataset": dataset,
        "data": dataset.lower(),
    }


def empty() -> Frames:
    return Frames(**{name: pd.DataFrame(columns=columns) for name, columns in COLUMNS.items()})


def winners(means, *, experiment="main", noise=0.1, seeds=6, optimizers=("tpe",), trainings=2, seed=0, **case):
    """Simulated winners: `means` gives the true accuracy per source; noise is drawn per search and per training."""
    generator = np.random.default_rng([seed, zlib.crc32(f"{experiment} {sorted(case.items())}".encode())])
    rows = [
        about(**case)
        | {"experiment": experiment, "optimizer": optimizer, "source": source, "search_seed": search, "seed": training}
        | {"arm": "target" if source == "itself" else "proxy", "status": "ok"}
        | {"id": f"{experiment}-{case}-{optimizer}-{source}-{search}-{training}"}
        | {"top1": mean + noise * generator.normal()}
        | {name: value * np.exp(0.1 * generator.normal()) for name, value in BEST.items()}
        for optimizer in optimizers
        for source, mean in means.items()
        for search in range(seeds)
        for training in range(1000 + search * trainings, 1000 + (search + 1) * trainings)
    ]
    return pd.DataFrame(rows).reindex(columns=COLUMNS["winners"])


def frames(*parts, **tables) -> Frames:
    given = {"winners": pd.concat(parts, ignore_index=True)} if parts else {}
    return replace(empty(), **given, **tables)


def main(gap=0.0, datasets=("CIFAR10", "CIFAR100"), gaps=None, **choices) -> Frames:
    """Simulated main experiment in which the proxy is better by `gap` points, or by one number per data set."""
    return frames(
        *(
            winners(
                {"itself": 90, "synflow": 90 + (gaps or {}).get(dataset, gap)},
                network=name,
                dataset=dataset,
                **({"optimizers": ("tpe", "gp")} | choices),
            )
            for dataset in datasets
            for name in NETWORKS
        )
    )


def cross(losses, datasets=("CIFAR10", "CIFAR100"), **choices) -> Frames:
    """Simulated transfers in which settings of another network lose what `losses` says per (unordered) pair."""
    parts = []
    for dataset in datasets:
        for name in NETWORKS:
            others = {other: 90 - losses[frozenset((name, other))] for other in NETWORKS if other != name}
            parts.append(
                winners({"synflow": 90} | others, experiment="cross", network=name, dataset=dataset, **choices)
            )
    return frames(*parts)


LOSSES = {
    frozenset(("resnet56", "vgg16_bn")): 0.5,
    frozenset(("vgg16_bn", "mobilenet_v2")): 1.5,
    frozenset(("resnet56", "mobilenet_v2")): 3.0,
}


def verdicts(found: Frames):
    return {v.claim: Sided(v) for v in evaluate(found, scale="test")}


def status(found: Frames, claim: str) -> str:
    return verdicts(found)[claim].side


def timings(reduction, parameters=0.3, network="resnet56", noise=0.01) -> pd.DataFrame:
    """Simulated times of a step."""
    generator = np.random.default_rng(0)
    rows = []
    for batch in (32, 128):
        for arm, seconds, count in (("target", 1.0, 100), ("proxy", 1 - reduction, 100 * parameters)):
            times = seconds * batch * (1 + noise * generator.normal(size=20))
            rows.append(
                about(network)
                | {"arm": arm, "batch_size": batch, "seconds": np.median(times), "samples": tuple(times)}
                | {"parameters": count, "id": f"time-{network}-{batch}"}
            )
    return pd.DataFrame(rows).reindex(columns=COLUMNS["timings"])


def widths(slope, network="resnet56") -> pd.DataFrame:
    """Simulated shares of channels kept along the depth."""
    share = 0.5 + slope * np.linspace(-0.4, 0.4, 16)
    rows = [about(network) | {"source": "synflow", "place": place, "share": x} for place, x in enumerate(share)]
    return pd.DataFrame(rows).reindex(columns=COLUMNS["widths"])


def curves(gap, noise=0.02, seeds=5, epochs=30) -> pd.DataFrame:
    """Simulated loss curves with the copy higher by `gap`."""
    generator = np.random.default_rng(0)
    rows = [
        about()
        | {"arm": arm, "seed": seed, "epoch": epoch, "id": f"curve-{arm}-{seed}"}
        | {"train_loss": 2 / (1 + epoch) + extra + noise * generator.normal()}
        for arm, extra in (("target", 0.0), ("proxy", gap))
        for seed in range(seeds)
        for epoch in range(1, epochs + 1)
    ]
    return pd.DataFrame(rows).reindex(columns=COLUMNS["curves"])


def selections(shifts, seeds=30, spread=None) -> pd.DataFrame:
    """Simulated winners over five hyperparameters, the proxy's moved by deviations; `spread` widens their logarithm."""
    rows = winners({"itself": 90, "synflow": 90}, experiment="five", seeds=seeds, trainings=1)
    generator = np.random.default_rng(1)
    for name, best in BEST.items():
        step = 0.05 * (spread or {}).get(name, 1.0)
        moved = generator.normal(size=len(rows)) + shifts.get(name, 0.0) * (rows["source"] == "synflow")
        rows[name] = best + 0.5 * step * moved if name == "momentum" else best * 10 ** (step * moved)
    return rows


def trials(weights, seeds=30, count=40) -> pd.DataFrame:
    """Simulated trials whose accuracy depends on each hyperparameter with its weight."""
    generator = np.random.default_rng(2)
    rows = []
    for source in ("itself", "synflow"):
        for search in range(seeds):
            x = generator.random((count, len(BEST)))
            part = pd.DataFrame({name: 10 ** (2 * column - 2) for name, column in zip(BEST, x.T, strict=True)})
            part["momentum"] = x[:, list(BEST).index("momentum")]
            value = 90 - sum(weights[name] * column for name, column in zip(BEST, x.T, strict=True))
            part = part.assign(value=value, state="complete", number=range(count), search_seed=search, source=source)
            rows.append(part.assign(**about(), experiment="five", optimizer="tpe"))
    return pd.concat(rows).reindex(columns=COLUMNS["trials"])


def test_every_claim_has_a_rule_and_tables():
    assert list(JUDGE.claims) == sorted(TABLES) == [f"PH-{number:02d}" for number in range(1, 16)]
    assert set(RULES) == {name for name, claim in JUDGE.claims.items() if claim.rule == "code"}


def test_the_columns_that_are_read_are_columns_of_the_tables():
    assert all(set(columns) <= set(COLUMNS[name]) for name, columns in READ.items())


def test_equal_settings_are_comparable_and_independent_of_data_set_and_optimizer():
    found = verdicts(main())
    assert {found[name].side for name in ("PH-01", "PH-02", "PH-03")} == {"supported"}
    assert abs(found["PH-01"].value) < 0.1 and found["PH-01"].interval[0] < 0 < found["PH-01"].interval[1]
    assert "in 12 of 12" in found["PH-01"].effect and found["PH-04"].side == "not run"


def test_settings_that_lose_two_points_are_not_comparable():
    found = verdicts(main(-2.0))
    assert found["PH-01"].side == found["PH-03"].side == "contradicted" and found["PH-02"].side == "supported"
    assert found["PH-01"].value == pytest.approx(-2, abs=0.1)


def test_noise_leaves_comparable_undecided_although_no_difference_is_significant():
    found = verdicts(main(noise=3.0, seeds=3))
    assert found["PH-01"].side == found["PH-03"].side == "undecided"


def test_a_gain_on_one_data_set_and_a_loss_on_another_depend_on_the_data_set():
    assert status(main(gaps={"CIFAR10": 1.0, "CIFAR100": -1.0}), "PH-02") == "contradicted"
    assert status(main(gaps={"CIFAR10": 3.0, "CIFAR100": 1.0}), "PH-02") == "supported"  # the same sign


def test_one_data_set_or_one_optimizer_cannot_show_independence():
    found = verdicts(main(datasets=("CIFAR10",), optimizers=("tpe",)))
    assert found["PH-02"].side == found["PH-03"].side == "not run" and found["PH-01"].side == "supported"
    assert "two optimizers" in found["PH-03"].note


def test_a_single_search_leaves_everything_undecided():
    found = verdicts(main(seeds=1))["PH-01"]
    assert (found.side, found.interval, found.seeds) == ("undecided", None, 1)


@pytest.mark.parametrize("reduction,expected", [(0.2, "supported"), (-0.1, "contradicted"), (0.7, "undecided")])
def test_the_time_reduction_is_judged_by_its_bounds(reduction, expected):
    found = verdicts(frames(timings=timings(reduction)))["PH-04"]
    assert found.side == expected and found.value == pytest.approx(100 * reduction, abs=1)


def test_a_slower_copy_of_one_network_refutes_the_reduction_for_all():
    both = pd.concat([timings(0.3), timings(-0.2, network="vgg16_bn")])
    found = verdicts(frames(timings=both))["PH-04"]
    assert found.side == "contradicted"


def test_early_channels_stay_when_shares_fall_with_depth_and_time_falls_less_than_parameters():
    assert status(frames(timings=timings(0.2), widths=widths(-1)), "PH-05") == "supported"
    assert status(frames(timings=timings(0.9), widths=widths(-1)), "PH-05") == "undecided"
    assert status(frames(timings=timings(0.2), widths=widths(1)), "PH-05") == "contradicted"
    assert status(frames(widths=widths(-1)), "PH-05") == "not run"


@pytest.mark.parametrize("loss,expected", [(0.1, "supported"), (2.5, "contradicted"), (1.0, "undecided")])
def test_pruning_methods_are_compared_within_a_point(loss, expected):
    parts = winners({"itself": 90, "synflow": 90}), winners({"3sp": 90 - loss, "x": 90}, experiment="feasibility")
    found = verdicts(frames(*parts))["PH-06"]
    assert found.side == expected and found.value == pytest.approx(loss, abs=0.15)
    assert len(found.records) == 4 * 12


def test_loss_curves_are_compared_epoch_by_epoch():
    assert status(frames(curves=curves(0.5)), "PH-07") == "supported"
    found = verdicts(frames(curves=curves(0.0)))["PH-07"]
    assert found.side == "contradicted" and found.seeds == 5
    assert status(frames(curves=curves(0.5, seeds=1)), "PH-07") == "undecided"


@pytest.mark.parametrize(
    "gap,expected", [(0.7, "supported"), (-1.0, "contradicted"), (3.0, "contradicted"), (0.0, "undecided")]
)
def test_shallower_networks_lose_between_nothing_and_one_and_a_half(gap, expected):
    parts = winners({"synflow": 90}), winners({"resnet8": 90 - gap, "resnet14": 89.3}, experiment="family")
    assert status(frames(*parts), "PH-08") == expected


def test_pairs_of_networks_are_ordered_by_their_loss():
    found = verdicts(cross(LOSSES))
    assert {found[name].side for name in ("PH-09", "PH-10", "PH-11")} == {"supported"}
    swapped = dict(zip(LOSSES, (3.0, 1.5, 0.5), strict=True))
    found = verdicts(cross(swapped))
    assert found["PH-09"].side == found["PH-10"].side == "contradicted" and found["PH-11"].side == "supported"
    assert found["PH-10"].value == pytest.approx(-2.5, abs=0.15)


def test_other_networks_that_serve_better_refute_the_own_copy():
    found = verdicts(cross({pair: -loss for pair, loss in LOSSES.items()}))["PH-11"]
    assert found.side == "contradicted" and "in 0 of 12" in found.effect


def test_transfers_run_one_way_only_do_not_rank_pairs():
    rows = cross(LOSSES).winners
    one_way = rows[(rows["source"] == "synflow") | (rows["network"] == "resnet56")]
    found = verdicts(frames(one_way))
    assert found["PH-09"].side == found["PH-10"].side == "not run" and found["PH-11"].side == "supported"


@pytest.mark.parametrize("gap,expected", [(0.0, "supported"), (-2.0, "contradicted"), (-1.0, "undecided")])
def test_five_hyperparameters_are_judged_by_one_point(gap, expected):
    found = frames(winners({"itself": 90, "synflow": 90 + gap}, experiment="five"))
    assert status(found, "PH-12") == expected and status(found, "PH-13") == "not run"


@pytest.mark.parametrize("gap,expected", [(-1.5, "supported"), (1.5, "contradicted"), (0.0, "undecided")])
def test_five_hyperparameters_are_compared_with_three(gap, expected):
    three = winners({"itself": 90, "synflow": 90})
    five = winners({"itself": 90 + gap, "synflow": 90 + gap}, experiment="five")
    assert status(frames(three, five), "PH-13") == expected


def test_selected_values_are_compared_in_deviations():
    found = verdicts(frames(selections({"batch_size": 3, "momentum": 3})))["PH-14"]
    assert found.side == "supported" and "momentum" in found.effect and found.value < 1
    assert status(frames(selections({"lr": 3, "weight_decay": 3, "decay_factor": 3})), "PH-14") == "contradicted"
    assert status(frames(selections({"batch_size": 3, "momentum": 3}, seeds=1)), "PH-14") == "undecided"


def test_spread_is_correlated_with_importance():
    order = {"lr": 9.0, "decay_factor": 6.0, "weight_decay": 3.0, "batch_size": 1.5, "momentum": 0.5}
    narrow = {name: 2 * place + 1 for place, name in enumerate(order)}
    tables = {"trials": trials(order, seeds=5)}
    found = verdicts(frames(selections({}, seeds=5, spread=narrow), **tables))["PH-15"]
    assert found.side == "supported" and found.value < -0.8
    wide = {name: 2 * (4 - place) + 1 for place, name in enumerate(order)}
    assert status(frames(selections({}, seeds=5, spread=wide), **tables), "PH-15") == "contradicted"


def test_no_records_mean_not_run_and_say_what_is_needed():
    found = [Sided(v) for v in evaluate(empty(), scale="smoke")]
    assert [v.claim for v in found] == list(JUDGE.claims)
    assert all(v.side == "not run" and v.note.startswith("needs ") and v.scale == "smoke" for v in found)


def test_verdicts_carry_seeds_records_and_what_diverged():
    given = main(optimizers=("tpe",))
    given.winners.loc[0, "status"] = "diverged"
    found = verdicts(given)["PH-01"]
    assert (found.seeds, found.scale, len(found.records)) == (6, "test", len(given.winners))
    assert found.note == "1 trainings diverged and count as guessing"


def test_evaluate_leaves_the_tables_alone_and_does_not_depend_on_the_order_of_records():
    given = main(0.4)
    before = given.winners.copy(deep=True)
    one, other = verdicts(given), verdicts(frames(given.winners.sample(frac=1, random_state=0)))
    pd.testing.assert_frame_equal(given.winners, before)
    for name in JUDGE.claims:
        assert one[name].value == pytest.approx(other[name].value) and one[name].side == other[name].side


def test_tables_without_a_column_are_refused():
    broken = replace(empty(), winners=pd.DataFrame({"a": [1]}))
    with pytest.raises(UserError, match="table winners to have the columns case"):
        evaluate(broken, scale="test")


def test_seeds_are_paired_and_averaged_over_trainings():
    a = pd.DataFrame({"search_seed": [0, 0, 1, 2], "seed": [5, 6, 7, 8], "top1": [91.0, 93.0, 90.0, 1.0]})
    b = pd.DataFrame({"search_seed": [0, 0, 1, 3], "seed": [6, 5, 7, 8], "top1": [90.0, 90.0, 92.0, 1.0]})
    assert paired(a, b).to_dict() == {0: 2.0, 1: -2.0}


@pytest.mark.parametrize("count", [3, 5, 12])
def test_bootstrap_intervals_of_few_seeds_cover_the_truth(count):
    generator, hits = np.random.default_rng(count), []
    for _ in range(400):
        found = resampled("x", generator.normal(1, 1, count), 800, generator).interval
        hits.append(found[0] <= 1 <= found[1])
    assert 0.92 <= np.mean(hits) <= 0.985


def test_one_seed_has_no_deviations_and_curves_move_as_a_whole():
    generator = np.random.default_rng(0)
    assert np.isnan(deviations([[1.0, 2.0]], 3, generator)).all()
    moved = deviations(np.arange(4.0)[:, None] + np.zeros(7), 50, generator)
    assert moved.shape == (50, 7) and np.ptp(moved, axis=1).max() < 1e-12


def test_cells_are_grouped_by_what_they_belong_to():
    cells = Quantities(main(), replicates=10).cells()
    assert {name: len(effects) for name, effects in grouped(cells, lambda cell: cell.dataset).items()} == {
        "CIFAR10": 6,
        "CIFAR100": 6,
    }
    assert isinstance(cells[0], Cell) and cells[0].optimizer == "tpe"


def test_the_printed_numbers_give_the_verdicts_that_follow_from_them():
    found = {v.claim: Sided(v) for v in check()}
    statuses = {s: {name for name, v in found.items() if v.side == s} for s in ("supported", "contradicted")}
    assert statuses == {"supported": {"PH-04", "PH-09", "PH-10", "PH-11"}, "contradicted": {"PH-06"}}
    assert "cells mean 0.296" in found["PH-01"].effect and "so in 19 of 27" in found["PH-01"].effect
    assert found["PH-06"].value == pytest.approx(1.16) and found["PH-06"].interval is None
    assert "in 16 of 18" in found["PH-11"].effect and found["PH-10"].value == pytest.approx(0.84)
    assert found["PH-12"].value == pytest.approx(0.74) and found["PH-13"].value == pytest.approx(-1.41)
    assert all("not checkable" in found[name].note for name in ("PH-05", "PH-07", "PH-14", "PH-15"))
    assert all(v.scale == "published" for v in found.values()) and check() == check()


def test_printed_intervals_are_those_of_student():
    found = {v.claim: Sided(v) for v in check()}["PH-12"]
    low, high = found.interval
    assert high - low > 2 * 1.96 * np.hypot(1.33, 1.03) / np.sqrt(5) and (low + high) / 2 == pytest.approx(
        0.74, abs=0.1
    )


def test_printed_verdicts_are_a_table_by_claim():
    table = printed_verdicts("PH-01", "PH-06")
    assert list(table.index) == ["PH-01", "PH-06"] and list(table.columns) == ["text", "grade", "effect"]
