"""Verdicts: how p-values combine, what landscapes with a known truth give, and what the thesis's own numbers say."""

import numpy as np
import pandas as pd
import pytest
from test_stats import noisy

from pruneproxy.errors import UserError
from pruneproxy.evidence import claims
from pruneproxy.evidence.claims import (
    Effect,
    Verdict,
    above,
    at_least,
    below,
    every,
    most,
    outside,
    some,
    statuses,
    within,
)
from pruneproxy.recipes.hp_space.claims import CLAIMS, check, evaluate
from pruneproxy.recipes.hp_space.claims.rules import RULES
from pruneproxy.recipes.hp_space.noise import cross_fitted, regions


def effect(value, samples=(), **more):
    return Effect(label="x", value=value, samples=np.array(samples, dtype=float), **more)


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


def verdicts(frame, **choices) -> dict[str, Verdict]:
    return {verdict.claim: verdict for verdict in evaluate(frame, scale="test", **({"replicates": 2000} | choices))}


def test_p_of_a_statement_is_the_share_of_replicates_against_it():
    samples = np.arange(99.0)
    assert above(5)(effect(50, samples)) == pytest.approx(6 / 100)
    assert below(5, strict=True)(effect(50, samples)) == pytest.approx(95 / 100)
    assert within(2, 97)(effect(50, samples)) == pytest.approx(3 / 100)
    assert outside(-9, 2)(effect(50, samples)) == pytest.approx(2 * 4 / 100)


def test_p_continues_below_one_in_the_number_of_replicates():
    samples = np.random.default_rng(0).normal(6, 1, size=999)
    assert above(0)(effect(6, samples)) == 1e-6 < 1e-3 <= above(0)(effect(1, np.ones(999)))


def test_p_of_a_printed_number_is_zero_or_one_and_thresholds_survive_rounding():
    assert (above(0.2)(effect(0.1 + 0.1)), within(-0.3, 0.3)(effect(-3.0 + 3.3))) == (0.0, 0.0)
    assert above(1, strict=True)(effect(1.0)) == 1.0


def test_undefined_replicates_count_against_every_statement():
    assert above(0)(effect(1, [1, 1, np.nan])) == below(9)(effect(1, [1, 1, np.nan])) == 0.5
    assert above(0)(effect(np.nan, [1, 1])) == 1.0


def test_mirrored_correlations_stay_within_bounds():
    assert list(effect(0.9, [0.5, 0.7, 0.9], mirrored=True).draws) == pytest.approx([1.0, 1.0, 0.9])


def test_interval_and_p_agree_about_a_threshold():
    generator = np.random.default_rng(0)
    for _ in range(50):
        found = effect(0, generator.normal(generator.normal(), 1, size=999))
        assert (found.interval[0] >= 0) == (above(0)(found) <= 0.026) or abs(found.interval[0]) < 0.05


def test_every_takes_the_largest_p_some_pays_for_the_search_and_most_counts():
    effects = [effect(value, value + np.linspace(-1, 1, 99)) for value in (0.2, 0.5, 3, 4)]
    p = sorted(above(0)(item) for item in effects)
    assert every(above(0), effects) == p[-1]
    assert some(above(0), effects) == 4 * p[0]
    assert most(above(0), effects) == min(1, 2 * p[2])
    assert at_least(4, above(0), effects) == p[-1]
    assert every(above(0), []) == some(above(0), []) == most(above(0), []) == 1.0


def test_most_rejects_rarely_when_half_of_the_effects_are_null():
    generator = np.random.default_rng(1)
    hits = []
    for _ in range(400):
        null = [effect(0, generator.normal() + generator.normal(size=199)) for _ in range(2)]
        true = [effect(9, 9 + generator.normal(size=199)) for _ in range(2)]
        hits.append(most(above(0), null + true) <= 0.05)
    assert np.mean(hits) <= 0.07


def test_statuses_need_the_corrected_p_to_decide():
    found, corrected = statuses([0.001, 0.5, 0.02, 1.0], [1.0, 0.001, 1.0, 1.0])
    assert found == ("confirmed", "refuted", "inconclusive", "inconclusive")
    assert corrected == pytest.approx([0.008, 0.008, 0.08, 1.0])


def test_a_verdict_has_one_of_four_statuses():
    with pytest.raises(UserError, match="confirmed, refuted, inconclusive, not run, got 'maybe'"):
        Verdict(claim="HS-01", status="maybe", effect="")


def test_every_claim_has_a_rule_and_every_rule_a_claim():
    assert list(CLAIMS) == list(RULES) == [f"HS-{number:02d}" for number in range(1, 17)]


def test_equal_landscapes_confirm_that_nothing_moves():
    found = verdicts(study())
    assert {name for name in ("HS-01", "HS-10", "HS-16") if found[name].status != "confirmed"} == set()
    assert {found[name].status for name in ("HS-03", "HS-04", "HS-06", "HS-09", "HS-12")} == {"inconclusive"}
    assert found["HS-05"].status == found["HS-14"].status == "not run"


def test_landscapes_moved_by_steps_of_the_grid_refute_that_the_centre_stays():
    frame = study()
    frame.loc[frame["method"] != "none", "weight_decay"] *= 10
    found = verdicts(frame)
    assert found["HS-03"].status == found["HS-04"].status == "refuted"
    assert found["HS-04"].value == pytest.approx(1, abs=0.2) and found["HS-04"].interval[0] > 0.3


def test_landscapes_without_noise_confirm_that_the_centre_stays():
    found = verdicts(study(noise=0.01))
    assert found["HS-03"].status == found["HS-04"].status == "confirmed"


def test_reversed_landscapes_refute_that_the_ranking_is_kept():
    frame = study()
    frame.loc[frame["method"] != "none", "top1"] *= -1
    frame["top1"] += 200
    assert verdicts(frame)["HS-01"].status == "refuted"


def test_milder_pruning_that_loses_more_refutes_the_ordering():
    swapped = (("none", 1.0, 0.0), ("uniform", 0.6, 3.0), ("uniform", 0.2, 0.5))
    found = verdicts(study(variants=swapped))
    assert found["HS-08"].status == "refuted" and found["HS-07"].status == "not run"


def test_noise_that_swamps_the_differences_is_inconclusive():
    found = verdicts(study(noise=1.0, seeds=2))
    assert {found[name].status for name in ("HS-02", "HS-03", "HS-04", "HS-09", "HS-11")} <= {"inconclusive", "not run"}


def test_confirmed_and_refuted_verdicts_never_straddle_their_threshold():
    thresholds = {"HS-01": (0.5, 0.8), "HS-10": (1.0,), "HS-16": (-1.0,), "HS-15": (0.5,)}
    for frame in (study(), study(noise=1.0, seed=3), study(shift=1.0, cost=2.0, seed=7)):
        for name, verdict in verdicts(frame).items():
            if verdict.status in ("confirmed", "refuted") and name in thresholds:
                assert any(not verdict.interval[0] < edge < verdict.interval[1] for edge in thresholds[name])


def test_verdicts_carry_scale_seeds_record_ids_and_the_noise():
    frame = study(seeds=2)
    found = verdicts(frame)["HS-01"]
    assert (found.scale, found.seeds, len(found.records)) == ("test", 2, len(frame))
    assert set(found.records) == set(frame["id"])
    assert "seed deviation 0.04 points" in found.note and "0.5-ROI" in found.note and "seeds resampled" in found.note
    assert "regions chosen on other seeds" in verdicts(frame)["HS-09"].note


def test_single_runs_leave_claims_about_single_settings_undecided():
    found = verdicts(study(seeds=1))
    assert found["HS-15"].status == found["HS-16"].status == found["HS-07"].status == "inconclusive"
    assert found["HS-15"].interval is None and "one run per setting" in found["HS-15"].note


def test_claims_about_one_network_use_only_its_records():
    frame = pd.concat([study("resnet56"), study("mobilenet_v2")])
    found = verdicts(frame)
    assert all(name.startswith("mobilenet_v2") for name in found["HS-05"].records)
    assert all(name.startswith("resnet56") for name in found["HS-06"].records)


def test_top5_of_resnet50_is_compared_where_it_was_recorded():
    frame = study("resnet50", variants=(("none", 1.0, 0.0), ("global", 0.4, 2.0)), noise=0.02)
    frame["top5"] = 90 + (frame["top1"] - frame["top1"].min()) / 100
    found = verdicts(frame)["HS-14"]
    assert found.value > 0.99 and found.status != "refuted"
    frame["top5"] = 200 - frame["top1"]
    assert verdicts(frame)["HS-14"].status == "refuted"


def test_no_records_mean_not_run_and_say_what_is_needed():
    found = evaluate(study().iloc[:0], scale="smoke")
    assert {verdict.status for verdict in found} == {"not run"} and all("needs" in verdict.note for verdict in found)


def test_an_incomplete_grid_is_judged_on_what_it_has():
    frame = study().sample(frac=0.7, random_state=0)
    assert verdicts(frame, replicates=200)["HS-01"].value > 0.9


def test_a_frame_of_something_else_is_refused():
    with pytest.raises(UserError, match="columns network, variant"):
        evaluate(pd.DataFrame({"a": [1]}), scale="smoke")


def test_evaluate_leaves_the_frame_alone_and_does_not_depend_on_the_order_of_records():
    frame = study(noise=0.5)
    before = frame.copy(deep=True)
    one, other = verdicts(frame), verdicts(frame.sample(frac=1, random_state=1))
    pd.testing.assert_frame_equal(frame, before)
    assert {name: verdict.value for name, verdict in one.items()} == pytest.approx(
        {name: verdict.value for name, verdict in other.items()}, nan_ok=True
    )


def test_the_printed_numbers_give_the_verdicts_that_follow_from_them():
    found = {verdict.claim: verdict for verdict in check()}
    confirmed = {"HS-03", "HS-05", "HS-06", "HS-08", "HS-09", "HS-10", "HS-12", "HS-13", "HS-15"}
    assert {name for name, verdict in found.items() if verdict.status == "confirmed"} == confirmed
    assert {name for name, verdict in found.items() if verdict.status == "refuted"} == {"HS-04"}
    assert found["HS-03"].value == pytest.approx(0.2) and found["HS-07"].value == pytest.approx(0.46)
    assert found["HS-06"].value == pytest.approx(3.74 / 2.93) and found["HS-10"].value == 0.89
    assert found["HS-15"].value == pytest.approx(0.59) and "6 of 9" in found["HS-11"].effect
    assert "2.2 to 8.2 times" in found["HS-02"].effect and "-0.37 to -0.89" in found["HS-16"].effect
    assert all(verdict.interval is None and verdict.scale == "published" for verdict in found.values())


def test_the_table_of_verdicts_has_one_row_each_and_counts_records():
    table = claims.table(evaluate(study(), scale="test", replicates=100))
    assert list(table["claim"]) == list(CLAIMS) and table["records"].max() == len(study())


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
