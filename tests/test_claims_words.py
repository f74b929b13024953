"""Words and rules of claims hold together: plain rules name quantities that there are, coded ones say their numbers."""

import ast
import inspect
import re
import textwrap

import pytest

from pruneproxy.evidence import claims
from pruneproxy.recipes import RECIPES, density_drift, ekg, find_eval, hp_space, proxy_hpo, sparse_tradeoff

PARTS = {
    "hp_space": hp_space.claims,
    "proxy_hpo": proxy_hpo.claims,
    "sparse_tradeoff": sparse_tradeoff.claims,
    "find_eval": find_eval.claims,
    "ekg": ekg.claims,
    "density_drift": density_drift.quantities,  # asked beside the papers: without claims
}
CLAIMS = {name: (stem, claim) for stem, recipe in RECIPES.items() for name, claim in recipe.claims.items()}
PLAIN = [name for name, (_, claim) in CLAIMS.items() if claim.rule == "plain"]
CODED = [name for name, (_, claim) in CLAIMS.items() if claim.rule == "code"]
NUMBER = re.compile(r"(?<![\w-])\d+(?:\.\d+)?(?![\w-])")


def constants(function, module) -> set[float]:
    """The numbers in a function and in the functions of its module that it calls."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    called = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} - {function.__name__}
    found = {abs(float(node.value)) for node in ast.walk(tree) if type(getattr(node, "value", None)) in (int, float)}
    for name in called:
        other = vars(module).get(name)
        if inspect.isfunction(other) and other.__module__ == module.__name__:
            found |= constants(other, module)
    return found


def test_five_papers_have_eighty_five_claims_with_their_own_ids():
    assert len(CLAIMS) == sum(len(recipe.claims) for recipe in RECIPES.values()) == 85


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_rule_asks_for_quantities_that_are_measured_and_those_that_are_printed(name):
    stem, claim = CLAIMS[name]
    for line in (*claim.supported, *claim.contradicted):
        quantity = claims.parse(line).quantity
        assert callable(getattr(PARTS[stem].Quantities, quantity)) and callable(getattr(PARTS[stem].Printed, quantity))


@pytest.mark.parametrize("name", PLAIN)
def test_a_plain_rule_cannot_support_and_contradict_at_once(name):
    claim = CLAIMS[name][1]
    both = {claims.parse(line).quantity: claims.parse(line).region for line in claim.supported}
    for line in claim.contradicted:
        other = claims.parse(line)
        if other.quantity in both:
            edges = {edge for region in (both[other.quantity], other.region) for edge in (region.low, region.high)}
            shifts = (-1e-6, 0.0, 1e-6)
            points = [edge + shift for edge in edges if abs(edge) < 1e300 for shift in shifts]
            from pruneproxy.evidence.effects import Effect

            at = [Effect(label="", value=point) for point in points]
            assert not any(both[other.quantity].holds(one) and other.region.holds(one) for one in at)


@pytest.mark.parametrize("name", CODED)
def test_the_numbers_in_the_words_of_a_coded_rule_are_those_in_its_code(name):
    stem, claim = CLAIMS[name]
    words = " ".join((*claim.supported, *claim.contradicted))
    said = {float(number) for number in NUMBER.findall(words)}
    assert said and said <= constants(PARTS[stem].JUDGE.rules[name], PARTS[stem])


def test_words_that_say_another_number_are_found():
    rule = hp_space.claims.cost_bounded
    assert 0.75 in constants(rule, hp_space.claims) and 0.8 not in constants(rule, hp_space.claims)


@pytest.mark.parametrize("stem", RECIPES)
def test_coded_rules_are_those_of_the_claims_that_say_so(stem):
    judge = PARTS[stem].JUDGE
    assert set(judge.rules) == {name for name, claim in judge.claims.items() if claim.rule == "code"}
