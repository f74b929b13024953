"""What confirms and what refutes each claim. A rule takes a study, measured or printed, and weighs its effects."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import chain, combinations

from pruneproxy.evidence.claims import Effect, above, at_least, below, every, outside, some, within
from pruneproxy.evidence.effects import difference
from pruneproxy.evidence.verdicts import Weighed, either, farthest_from, highest, lowest, weigh
from pruneproxy.recipes.sparse_tradeoff.claims.resampling import ratio
from pruneproxy.recipes.sparse_tradeoff.claims.study import ARCHITECTURES

POSITIVE, NEGATIVE = above(0, strict=True), below(0, strict=True)
PAIRS = (("MNIST", "Fashion MNIST"), ("Higgs", "Elec2"), ("CIFAR-10", "SVHN"))
LOSS = {"MNIST": 0.5}  # points that may be lost at little sparsity
LARGER_LOSS = 2.0  # on the other data sets
APART = (0.95, 1.05)  # of two hypervolumes that count as equal


def _all(found: Mapping[str, list[Effect]]) -> list[Effect]:
    return [effect for effects in found.values() for effect in effects]


def _on_two(statement, effects: Iterable[Effect]) -> float:
    """p of the statement holding on two data sets, or on the only one."""
    effects = tuple(effects)
    return at_least(max(1, min(2, len(effects))), statement, effects)


def little_is_lost(study) -> Weighed | None:
    """ST-01, by the largest loss in units of what may be lost."""
    found = [(effect, LOSS.get(name, LARGER_LOSS)) for name, effects in study.losses().items() for effect in effects]
    allowed = {effect.label: limit for effect, limit in found}
    confirm = max((below(limit)(effect) for effect, limit in found), default=1.0)
    refute = either(*(above(limit, strict=True)(effect) for effect, limit in found))
    effects = [effect for effect, _ in found]
    return weigh("largest loss, points,", effects, lambda known: _worst(known, allowed), confirm, refute)


def _worst(effects: Iterable[Effect], allowed: Mapping[str, float]) -> Effect:
    return max(effects, key=lambda effect: effect.value / allowed[effect.label])


def set_collapses_more(study) -> Weighed | None:
    """ST-02, by the smallest advantage of RigL at the highest sparsity."""
    extreme, high = (list(study.method_gaps(sparsity).values()) for sparsity in (0.99, 0.975))
    confirm = every(above(1, strict=True), extreme)
    confirm = max(confirm, every(POSITIVE, high)) if high else confirm
    return weigh("smallest advantage of RigL, points,", extreme, lowest, confirm, some(below(0), extreme))


def costs_in_proportion(study) -> Weighed | None:
    """ST-03, by the ratio farthest from 1."""
    effects = _all(study.kept_ratios())
    return weigh(
        "ratio farthest from 1",
        effects,
        farthest_from(1),
        every(within(0.9, 1.1), effects),
        some(outside(0.9, 1.1), effects),
    )


def shapes_differ(study) -> Weighed | None:
    """ST-04, by the widest gap between two data sets; needs two."""
    gaps = [difference(f"{a.label} - {b.label}", a, b) for a, b in combinations(study.fixed_volumes().values(), 2)]
    confirm, refute = some(outside(-0.3, 0.3), gaps), every(within(-0.1, 0.1), gaps)
    return weigh("widest gap between hypervolumes", gaps, farthest_from(0), confirm, refute)


def search_covers_more(study) -> Weighed | None:
    """ST-05, by the smallest ratio."""
    effects = list(study.search_volumes().values())
    return weigh(
        "smallest ratio of hypervolumes",
        effects,
        lowest,
        every(above(1.2, strict=True), effects),
        some(below(1), effects),
    )


def pairs_gain_equally(study) -> Weighed | None:
    """ST-06, by the ratio farthest from 1; needs both data sets of a pair."""
    found = study.search_volumes()
    effects = [ratio(f"{a} / {b}", found[a], found[b]) for a, b in PAIRS if a in found and b in found]
    return weigh(
        "least equal ratio of gains",
        effects,
        farthest_from(1),
        every(within(0.8, 1.25), effects),
        some(outside(0.8, 1.25), effects),
    )


def same_best_accuracy(study) -> Weighed | None:
    """ST-07, by the gain farthest from the middle of the range."""
    effects = list(study.search_gains().values())
    return weigh(
        "least expected gain, points,",
        effects,
        farthest_from(0.75),
        every(within(-0.5, 2), effects),
        some(outside(-0.5, 2), effects),
    )


def accuracy_follows_costs(study) -> Weighed | None:
    """ST-08, by the smallest difference of correlations."""
    effects = _all(study.correlation_gaps())
    return weigh(
        "smallest difference of correlations", effects, lowest, every(above(0), effects), some(NEGATIVE, effects)
    )


def few_are_dense(study) -> Weighed | None:
    """ST-09, by the largest share."""
    effects = list(study.dense_shares().values())
    return weigh(
        "largest share of dense configurations",
        effects,
        highest,
        every(below(0.2), effects),
        some(above(1 / 3, strict=True), effects),
    )


def methods_alike(study) -> Weighed | None:
    """ST-10, by the share of SET farthest from a half."""
    shares, spans = (list(found.values()) for found in (study.set_shares(), study.method_volumes()))
    confirm = max(every(within(0.4, 0.6), shares), every(within(*APART), spans))
    found = weigh(
        "share of SET farthest from a half", shares, farthest_from(0.5), confirm, _on_two(outside(*APART), spans)
    )
    if found is None or not spans:
        return found
    least = farthest_from(1)(spans)
    return replace(found, text=f"hypervolume of SET over RigL {least.value:.3g} ({least.label}); {found.text}")


def resnets_sparser(study) -> Weighed | None:
    """ST-11, by the smallest difference; needs both kinds of network."""
    found = study.mean_sparsities()
    mlps, resnets = ([name for name in found if ARCHITECTURES[name] == kind] for kind in ("MLP", "ResNet"))
    effects = [difference(f"{b} - {a}", found[b], found[a]) for a in mlps for b in resnets]
    return weigh(
        "smallest difference of mean sparsity", effects, lowest, every(POSITIVE, effects), some(below(0), effects)
    )


def sweep_helps_accuracy(study) -> Weighed | None:
    """ST-12, by the smallest gain in accuracy."""
    gains, spans = (list(found.values()) for found in (study.sweep_gains(), study.sweep_volumes()))
    confirm = max(every(above(0), gains), every(within(0.8, 1.25), spans))
    return weigh("smallest gain, points,", gains, lowest, confirm, some(NEGATIVE, gains))


def best_are_sparse(study) -> Weighed | None:
    """ST-13, by the smallest share."""
    effects = list(study.sparse_top_shares().values())
    return weigh(
        "smallest share of sparse configurations among the most accurate",
        effects,
        lowest,
        every(above(0.75), effects),
        some(below(0.5, strict=True), effects),
    )


def best_versions_dense(study) -> Weighed | None:
    """ST-14, by the smallest share."""
    effects = list(study.mild_best_shares().values())
    return weigh(
        "smallest share with a best version below half sparsity",
        effects,
        lowest,
        every(above(0.5, strict=True), effects),
        some(below(0.5, strict=True), effects),
    )


def algorithm_does_not_matter(study) -> Weighed | None:
    """ST-15, by the largest importance."""
    effects = _all(study.algorithm_importances())
    found = weigh(
        "largest importance of the algorithm",
        effects,
        highest,
        every(below(0.01, strict=True), effects),
        some(above(0.02, strict=True), effects),
    )
    asides = list(study.algorithm_asides().values())
    largest = {words: max(aside.get(words, 0.0) for aside in asides) for words in dict.fromkeys(chain(*asides))}
    return found and replace(
        found, text="; ".join([*(f"{value:.3g} {words}" for words, value in largest.items()), found.text])
    )


def sparsity_leads(study) -> Weighed | None:
    """ST-16, by the smallest lead."""
    effects = _all(study.sparsity_leads())
    return weigh("smallest lead of sparsity", effects, lowest, every(POSITIVE, effects), some(NEGATIVE, effects))


def decay_and_epochs_lead(study) -> Weighed | None:
    """ST-17, by the smallest lead."""
    effects = _all(study.resnet_leads())
    return weigh("smallest lead", effects, lowest, every(POSITIVE, effects), some(NEGATIVE, effects))


def depth_leads(study) -> Weighed | None:
    """ST-18, by the smallest lead."""
    effects = _all(study.depth_leads())
    return weigh("smallest lead", effects, lowest, every(POSITIVE, effects), _on_two(NEGATIVE, effects))


def sparse_half_covers(study) -> Weighed | None:
    """ST-19, by the smallest share."""
    effects = list(study.covering_shares().values())
    return weigh(
        "smallest share of the hypervolume",
        effects,
        lowest,
        every(above(0.95), effects),
        some(below(0.9, strict=True), effects),
    )


def exponential(study) -> Weighed | None:
    """ST-20, by the smallest R2."""
    shares, lines, bends = list(study.preferred_shares().values()), _all(study.lines()), _all(study.bends())
    confirm = max(every(above(0.5, strict=True), shares), every(above(0.9, strict=True), lines))
    refute = either(some(below(0.5, strict=True), shares), some(above(0.05), bends))
    found = weigh("smallest R2 of the line", lines, lowest, confirm, refute)
    if found is None or not shares:
        return found
    least = lowest(shares)
    return replace(found, text=f"smallest share within the range {least.value:.3g} ({least.label}); {found.text}")


RULES = {
    "ST-01": little_is_lost,
    "ST-02": set_collapses_more,
    "ST-03": costs_in_proportion,
    "ST-04": shapes_differ,
    "ST-05": search_covers_more,
    "ST-06": pairs_gain_equally,
    "ST-07": same_best_accuracy,
    "ST-08": accuracy_follows_costs,
    "ST-09": few_are_dense,
    "ST-10": methods_alike,
    "ST-11": resnets_sparser,
    "ST-12": sweep_helps_accuracy,
    "ST-13": best_are_sparse,
    "ST-14": best_versions_dense,
    "ST-15": algorithm_does_not_matter,
    "ST-16": sparsity_leads,
    "ST-17": decay_and_epochs_lead,
    "ST-18": depth_leads,
    "ST-19": sparse_half_covers,
    "ST-20": exponential,
}
