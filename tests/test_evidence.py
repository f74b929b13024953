"""Effects, statements and grades: how p-values come about, how they combine, and what they allow to be said."""

import numpy as np
import pytest
from scipy import stats as scipy_stats

from pruneproxy.errors import UserError
from pruneproxy.evidence import claims, verdicts
from pruneproxy.evidence.claims import Claim, Ruling
from pruneproxy.evidence.closing import what_would_close
from pruneproxy.evidence.effects import Effect, from_seeds, student_effect, typical
from pruneproxy.evidence.statements import (
    QUANTIFIERS,
    above,
    at_least,
    at_most,
    below,
    both,
    either,
    every,
    most,
    outside,
    some,
    usually,
    within,
)
from pruneproxy.evidence.verdicts import Basis, Verdict, corrections, p_values


def effect(value, samples=(), **more):
    return Effect(label="x", value=value, samples=np.array(samples, dtype=float), **more)


def sure(value, error=0.01, seeds=9, label="x"):
    return student_effect(label, value, error, 8, seeds=seeds)


def test_p_of_a_statement_is_the_share_of_replicates_against_it():
    found = effect(1.0, [0.5] * 10 + [1.5] * 90)
    assert at_least(1).p(found) == pytest.approx(11 / 101)
    assert at_most(1).p(found) == pytest.approx(91 / 101)


def test_p_continues_below_one_in_the_number_of_replicates():
    found = effect(4.5, np.random.default_rng(0).normal(4.5, 1, 1000))
    assert 1e-6 < above(0).p(found) < 1e-4
    assert above(0).p(effect(500.0, np.random.default_rng(0).normal(500, 1, 1000))) == 1e-6


def test_p_of_an_exact_number_is_zero_or_one_and_thresholds_survive_rounding():
    assert at_most(0.3).p(effect(0.1 + 0.2)) == 0
    assert below(0.3).p(effect(0.1 + 0.2)) == 1
    assert within(-0.3, 0.3).p(effect(-0.30000000001)) == 0


@pytest.mark.parametrize("region", [at_least(1), above(1), at_most(1), below(1), within(0, 2), outside(0, 2)])
@pytest.mark.parametrize("value", [-1.0, 0.0, 0.5, 1.0, 2.0, 3.0])
def test_a_region_and_its_opposite_share_all_numbers_between_them(region, value):
    assert region.holds(effect(value)) != region.opposite.holds(effect(value))
    assert region.p(effect(value)) + region.opposite.p(effect(value)) == 1


def test_what_is_unknown_or_cannot_vary_is_no_evidence():
    for unknown in (effect(2.0, [np.nan] * 50), from_seeds("x", [2.0, 2.0]), from_seeds("x", [2.0])):
        assert above(0).p(unknown) == below(0).p(unknown) == 1 and unknown.interval is None


def test_a_mean_over_seeds_has_the_p_and_the_interval_of_student():
    values = [0.3, 1.2, 0.8, 0.1, 0.9]
    found = from_seeds("x", values)
    assert above(0).p(found) == pytest.approx(
        scipy_stats.ttest_1samp(values, 0, alternative="greater").pvalue, rel=0.05
    )
    interval = scipy_stats.t.interval(0.95, 4, np.mean(values), scipy_stats.sem(values))
    assert found.interval == pytest.approx(interval, rel=0.02)


def test_mirrored_correlations_stay_within_bounds():
    found = effect(0.9, np.random.default_rng(0).normal(0.7, 0.1, 500), mirrored=True)
    assert found.draws.max() <= 1 and found.draws.mean() > 0.9


def test_every_takes_the_largest_p_some_pays_for_the_search_and_most_counts():
    effects = [effect(1, [-1] * k + [1] * (99 - k)) for k in (0, 9, 49)]
    p = [above(0).p(one) for one in effects]
    assert every(above(0), effects).p == max(p)
    assert some(above(0), effects).p == pytest.approx(3 * min(p))
    assert most(above(0), effects).p == pytest.approx(2 * sorted(p)[1])
    assert every(above(0), effects).opposite == pytest.approx(min(1, 3 * at_most(0).p(effects[2])))


def test_the_opposite_of_every_is_some_and_of_both_is_either():
    effects = [sure(1.0, 0.4), sure(-0.2, 0.4)]
    assert every(above(0), effects).opposite == some(at_most(0), effects).p
    a, b = every(above(0), effects[:1]), every(above(0), effects[1:])
    assert both(a, b).opposite == min(1, 2 * min(a.opposite, b.opposite))
    assert either(a, b).p == min(1, 2 * min(a.p, b.p)) and either(a, b).opposite == max(a.opposite, b.opposite)


def test_most_rejects_rarely_when_half_of_the_effects_are_null():
    generator, rejected = np.random.default_rng(1), 0
    for _ in range(300):
        effects = [sure(generator.normal(loc, 1), 1.0) for loc in (5, 5, 0, 0)]
        rejected += most(above(0), effects).p <= 0.05
    assert rejected / 300 <= 0.05


@pytest.mark.parametrize("name", QUANTIFIERS)
def test_every_quantifier_holds_where_all_units_hold_and_fails_where_none_does(name):
    units = [sure(1.0, 0.05, label=str(place)) for place in range(5)]
    found = QUANTIFIERS[name](above(0), units)
    assert found.p < 0.01 and found.opposite > 0.99 and found.holding == found.units == 5
    assert QUANTIFIERS[name](below(0), units).opposite < 0.01


def test_three_units_speak_of_all_units_like_them_and_two_only_of_themselves():
    units = [sure(value, 0.01, label=str(value)) for value in (0.2, 1.0, 1.8)]
    interval = scipy_stats.t.interval(0.95, 2, 1.0, np.std([0.2, 1.0, 1.8], ddof=1) / np.sqrt(3))
    assert typical(units).interval == pytest.approx(interval, rel=0.02)
    low, high = typical(units[:2]).interval
    assert high - low < 0.1


def test_noise_that_units_share_counts_once_for_all():
    generator = np.random.default_rng(0)
    shared, errors, found = generator.normal(size=(400, 5)), [], []
    for noise in shared:  # four units with the same noise in every seed, and nothing of their own
        mean = typical([from_seeds(str(place), noise + 0.001 * generator.normal(size=5)) for place in range(4)])
        found.append(mean.value)
        errors.append(mean.interval[0] <= 0 <= mean.interval[1])
    assert np.mean(errors) >= 0.93 and np.std(found) == pytest.approx(1 / np.sqrt(5), rel=0.1)


def claim(**changes) -> Claim:
    usual = {"id": "X-1", "text": "t", "place": "p", "measures": "m", "asks": "usually", "needs": "n"}
    rules = {"supported": ("mean gains > 1",), "contradicted": ("mean gains <= 0",)}
    return Claim(**(usual | rules | changes))


def judged(*units, others=(), obstacle="", rule=None, look=None) -> Verdict:
    one = claim(**(rule or {}))
    ruling = claims.plain_rule(one)(type("Quantities", (), {"gains": lambda self: list(units)})())
    tested = {
        one.id: verdicts.Tested(
            claim=one, ruling=ruling, units=units, basis=Basis(seeds=9, obstacle=obstacle, seconds=60)
        )
    }
    return verdicts._verdict(tested[one.id], corrections(tested, others=others, look=look).get(one.id), "test")


def test_grades_say_how_sure_it_is_and_in_which_direction():
    assert judged(sure(2.0)).grade == "supported"
    assert judged(sure(-1.0)).grade == "contradicted"
    assert judged(sure(0.5)).grade == "in between"
    assert judged(sure(1.3, 0.2)).grade == "leaning for"
    assert judged(sure(-0.3, 0.2)).grade == "leaning against"
    assert judged(sure(0.9, 1.0)).grade == "open"
    assert judged(sure(2.0), obstacle="one search").grade == "not testable"


def test_an_exact_number_is_supported_contradicted_or_in_between():
    assert [judged(effect(value)).grade for value in (1.5, -0.5, 0.5)] == ["supported", "contradicted", "in between"]


def test_the_family_is_that_of_the_whole_book():
    alone, beside = judged(sure(1.5, 0.2)), judged(sure(1.5, 0.2), others=[0.9] * 100)
    assert alone.grade == "supported" and beside.grade == "leaning for" and beside.p > alone.p
    strong = judged(sure(1.5, 0.2), others=[1e-5] * 100)  # many true ones beside it make it easier, as they should
    assert strong.p < beside.p


def test_corrections_are_those_of_benjamini_and_hochberg():
    one = verdicts.Tested(
        claim=claim(), ruling=claims.plain_rule(claim())(type("Q", (), {"gains": lambda self: [sure(1.3, 0.2)]})())
    )
    family = {"a": one, "b": one}
    expected = scipy_stats.false_discovery_control([*p_values(family), 0.5])[:2]
    assert corrections(family, others=[0.5])["a"] == pytest.approx(tuple(expected))


def test_a_look_at_growing_evidence_spends_its_share_of_the_error():
    first, second, fixed = (judged(sure(1.5, 0.25), look=look) for look in (0, 1, None))
    assert first.p == pytest.approx(2 * fixed.p) and second.p == pytest.approx(4 * fixed.p)


def test_a_grade_has_a_name_that_is_known():
    with pytest.raises(UserError, match="expected a grade out of supported"):
        Verdict(claim="X", grade="confirmed")


def test_an_open_claim_says_how_many_seeds_or_units_would_close_it():
    said = judged(sure(1.3, 0.3)).closes
    assert "more seeds of everything" in said and "minutes of one core" in said
    different = [student_effect(str(value), value, 0.01, 8, seeds=9) for value in (1.2, 2.2, 3.4, 2.6)]
    assert "units like these instead of 4" in judged(*different).closes
    assert "more than 20 times the evidence" in judged(sure(1.001, 0.5)).closes
    assert judged(sure(2.0)).closes == ""


def test_the_seeds_that_are_said_to_close_a_claim_mostly_do():
    """With the effect as measured, so many seeds decide in about four studies of five."""
    generator, decided = np.random.default_rng(3), 0
    said = judged(from_seeds("x", [0.4, 1.6, 2.9, 1.1, 2.0]))
    more = int(said.closes.split("about ")[1].split()[0])
    spread = np.std([0.4, 1.6, 2.9, 1.1, 2.0], ddof=1)
    for _ in range(200):
        values = generator.normal(1.6, spread, 5 + more)
        decided += above(1).p(from_seeds("x", values)) <= 0.01
    assert decided / 200 > 0.7


def test_rules_are_read_from_lines_and_said_in_words():
    line = claims.parse("two thirds cells within -1 to 1")
    assert (line.quantity, line.quantifier, str(line)) == (
        "cells",
        "two thirds",
        "within -1 to 1 for two thirds of the units",
    )
    assert claim().words("supported") == "above 1 in the mean"
    with pytest.raises(UserError, match="expected a rule such as"):
        claims.parse("gains are large")
    with pytest.raises(UserError, match="to ask one of usually, always, once"):
        claim(asks="sometimes")


def test_a_claim_without_one_of_its_quantities_has_no_ruling():
    assert claims.plain_rule(claim())(type("Q", (), {"gains": lambda self: []})()) is None


def test_usually_and_always_are_two_questions():
    units = [sure(value, 0.05, label=str(value)) for value in (1.9, 2.1, 2.0, 1.8, 2.2, 2.3, 1.7, 0.6)]
    assert judged(*units).grade == "supported"
    always = {"asks": "always", "supported": ("every gains > 1",), "contradicted": ("some gains <= 0",)}
    assert judged(*units, rule=always).grade == "in between"


def test_nothing_is_said_of_closing_where_nothing_is_known():
    statement = usually(above(1), [effect(0.5)])
    assert what_would_close(statement, statement, asks="usually", units=[effect(0.5)], seeds=5, seconds=None) == ""
    assert isinstance(Ruling(supported=statement, contradicted=statement, effects=[]), Ruling)
