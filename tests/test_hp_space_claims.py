"""Verdicts on the thesis: what landscapes with a known truth give, and what the thesis's own numbers say."""

import numpy as np
import pandas as pd
import pytest
from test_stats import noisy

from pruneproxy.errors import UserError
from pruneproxy.evidence import verdicts as verdicts_of
from pruneproxy.evidence.verdicts import Verdict
from pruneproxy.recipes.hp_space.claims import JUDGE, RULES
from pruneproxy.recipes.hp_space.noise import cross_fitted, regions

DECIDED = ("supported", "contradicted")


VARIANTS = (
    ("none", 1.0, 0.0),
    ("uniform", 0.6, 0.4),
    ("uniform", 0.2, 2.6),
    ("global", 0.6, 0.5),
    ("global", 0.2, 3.0),
)


def study(network="resnet56", *, noise=0.05, seeds=3, shift=0.0, cost=0.0, seed=0, variants=VARIANTS) -> pd.DataFrame:
    """Landscapes that are equal up to a loss, a shift along the band and, with `cost`, another shape after pruning."""
    parts = []
    for place, (method, target, loss) in enumerate(variants):
        pruned = method != "none"
        rows = noisy(seeds, 0.0, size=9, shift=shift * pruned)
        jitter = noise * np.random.default_rng(seed + place).normal(size=len(rows))
        bent = cost * pruned * np.log10(rows["lr"] / 1e-2) ** 2
        name = f"{target:.0%} {method}" if pruned else "unpruned"
        accuracy = 90 - 0.15 * (90 - rows["top1"]) - loss - bent + jitter
        parts.append(rows.assign(top1=accuracy, network=network, variant=name, method=method, target=target))
    frame = pd.concat(parts, ignore_index=True)
    return frame.assign(id=[f"{network}-{index}" for index in frame.index])


def verdicts(frame) -> dict[str, Verdict]:
    return {verdict.claim: verdict for verdict in JUDGE.evaluate(frame, scale="test")}


def grades(found, *names) -> set[str]:
    return {found[name].grade for name in names}


def test_every_claim_has_a_rule_and_every_rule_a_claim():
    assert list(JUDGE.claims) == [f"HS-{number:02d}" for number in range(1, 17)]
    assert set(RULES) == {name for name, claim in JUDGE.claims.items() if claim.rule == "code"}


def test_equal_landscapes_support_that_nothing_moves():
    found = verdicts(study(seeds=5))
    assert grades(found, "HS-01", "HS-10", "HS-16") == {"supported"}
    assert not grades(found, "HS-06", "HS-09", "HS-12") & set(DECIDED)
    assert found["HS-05"].grade == found["HS-14"].grade == "not run"


def test_landscapes_moved_by_steps_of_the_grid_contradict_that_the_centre_stays():
    frame = study(seeds=5)
    frame.loc[frame["method"] != "none", "weight_decay"] *= 10
    found = verdicts(frame)
    assert grades(found, "HS-03", "HS-04") == {"contradicted"}
    assert found["HS-04"].value == pytest.approx(1, abs=0.2) and found["HS-04"].interval[0] > 0.3


def test_landscapes_without_noise_support_that_the_centre_stays():
    assert grades(verdicts(study(noise=0.01)), "HS-03", "HS-04") == {"supported"}


def test_reversed_landscapes_contradict_that_the_ranking_is_kept():
    frame = study()
    frame.loc[frame["method"] != "none", "top1"] *= -1
    frame["top1"] += 200
    assert verdicts(frame)["HS-01"].grade == "contradicted"


def test_milder_pruning_that_loses_more_contradicts_the_ordering():
    swapped = (("none", 1.0, 0.0), ("uniform", 0.6, 3.0), ("uniform", 0.2, 0.5))
    found = verdicts(study(seeds=5, variants=swapped))
    assert found["HS-08"].grade == "contradicted" and found["HS-07"].grade == "not run"


def test_noise_that_swamps_the_differences_decides_nothing():
    found = verdicts(study(noise=1.0, seeds=3))
    assert not grades(found, "HS-02", "HS-03", "HS-04", "HS-09", "HS-11") & set(DECIDED)


def test_decided_verdicts_never_straddle_their_threshold():
    thresholds = {"HS-01": (0.5, 0.8), "HS-10": (1.0,), "HS-16": (-1.0,), "HS-15": (0.5,)}
    for frame in (study(noise=0.5), study(shift=1.0, cost=2.0, seed=7)):
        for name, verdict in verdicts(frame).items():
            if verdict.grade in DECIDED and name in thresholds:
                assert any(not verdict.interval[0] < edge < verdict.interval[1] for edge in thresholds[name])


def test_verdicts_carry_scale_seeds_record_ids_units_and_the_noise():
    frame = study(seeds=3)
    found = verdicts(frame)["HS-01"]
    assert (found.scale, found.seeds, len(found.records)) == ("test", 3, len(frame))
    assert set(found.records) == set(frame["id"])
    assert "seed deviation 0.05 points" in found.note and "0.5-ROI" in found.note
    assert [unit.label for unit in found.units][0] == "resnet56 60% uniform" and found.of == len(found.units) == 4


@pytest.mark.parametrize("seeds", [1, 2])
def test_fewer_than_three_seeds_decide_nothing(seeds):
    found = verdicts(study(seeds=seeds))
    wanted = ("HS-01", "HS-07", "HS-16")
    assert grades(found, *wanted) == {"not testable"} and "no unit has three seeds" in found["HS-07"].note


def test_a_network_with_one_seed_is_shown_and_leaves_the_verdict_on_the_others_alone():
    alone, beside = (verdicts(pd.concat(parts)) for parts in ([study()], [study(), study("mobilenet_v2", seeds=1)]))
    for name in ("HS-01", "HS-10", "HS-16"):
        assert (beside[name].grade, beside[name].value) == (alone[name].grade, alone[name].value)
    assert [unit.decides for unit in beside["HS-01"].units] == [False] * 4 + [True] * 4


def test_claims_about_one_network_use_only_its_records():
    found = verdicts(pd.concat([study("resnet56"), study("mobilenet_v2")]))
    assert all(name.startswith("mobilenet_v2") for name in found["HS-05"].records)
    assert all(name.startswith("resnet56") for name in found["HS-06"].records)


def test_top5_of_resnet50_is_compared_where_it_was_recorded():
    frame = study("resnet50", variants=(("none", 1.0, 0.0), ("global", 0.4, 2.0)), noise=0.02)
    frame["top5"] = 90 + (frame["top1"] - frame["top1"].min()) / 100
    found = verdicts(frame)["HS-14"]
    assert found.value > 0.99 and found.grade != "contradicted"
    frame["top5"] = 200 - frame["top1"]
    assert verdicts(frame)["HS-14"].grade != "supported"


def test_no_records_mean_not_run_and_say_what_is_needed():
    found = JUDGE.evaluate(study().iloc[:0], scale="smoke")
    assert {verdict.grade for verdict in found} == {"not run"} and all("needs" in verdict.note for verdict in found)


def test_an_incomplete_grid_is_judged_on_what_it_has():
    assert verdicts(study().sample(frac=0.9, random_state=0))["HS-01"].value > 0.9


def test_a_frame_of_something_else_is_refused():
    with pytest.raises(UserError, match="columns network, variant"):
        JUDGE.evaluate(pd.DataFrame({"a": [1]}), scale="smoke")


def test_evaluate_leaves_the_frame_alone_and_does_not_depend_on_the_order_of_records():
    frame = study(noise=0.5)
    before = frame.copy(deep=True)
    one, other = verdicts(frame), verdicts(frame.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(frame, before)
    assert {name: verdict.value for name, verdict in one.items()} == pytest.approx(
        {name: verdict.value for name, verdict in other.items()}, nan_ok=True
    )


def test_the_printed_numbers_give_the_verdicts_that_follow_from_them():
    found = {verdict.claim: verdict for verdict in JUDGE.check()}
    supported = {"HS-03", "HS-05", "HS-06", "HS-07", "HS-08", "HS-09", "HS-10", "HS-12", "HS-13", "HS-14", "HS-15"}
    assert {name for name, verdict in found.items() if verdict.grade == "supported"} == supported
    assert {name for name, verdict in found.items() if verdict.grade == "contradicted"} == {"HS-04"}
    assert abs(found["HS-03"].value) == pytest.approx(0.2) and found["HS-07"].value == pytest.approx(0.1225)
    assert found["HS-06"].value == pytest.approx(3.74 / 2.93) and found["HS-10"].value == pytest.approx(0.598, abs=1e-3)
    assert found["HS-15"].value == pytest.approx(0.59) and "6 of 9" in found["HS-11"].note
    assert "2.2 to 8.2 times" in found["HS-02"].note and "-0.37 to -0.89" in found["HS-16"].note
    assert all(verdict.interval is None and verdict.scale == "published" for verdict in found.values())


def test_the_papers_number_is_compared_with_what_another_study_like_ours_would_find():
    found = verdicts(study(seeds=5))
    assert found["HS-10"].paper.startswith("not compatible: 0.598 printed")
    assert found["HS-01"].paper == ""  # nothing is printed


def test_the_table_of_verdicts_has_one_row_each_and_counts_records():
    table = verdicts_of.table(JUDGE.evaluate(study(), scale="test"))
    assert list(table["claim"]) == list(JUDGE.claims) and table["records"].max() == len(study())


def test_regions_report_sizes_noise_and_agreement():
    table = regions(study(noise=0.3))
    assert list(table["variant"]) == ["unpruned", "60% uniform", "20% uniform", "60% global", "20% global"]
    assert (table["0.5-ROI"] <= table["1.0-ROI"]).all() and table["seed deviation"].mean() == pytest.approx(
        0.3, rel=0.3
    )


def test_cross_fitted_risks_compare_with_the_unpruned_network():
    table = cross_fitted(study(noise=0.3, cost=1.0))
    assert table["ratio"].iloc[0] == 1.0 and (table["ratio"].iloc[1:] > 1).all()
    assert cross_fitted(study(seeds=1))["risk"].isna().all()
