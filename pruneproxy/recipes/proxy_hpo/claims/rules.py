"""What confirms and what refutes each claim. A rule takes a study, measured or printed, and weighs its effects."""

import math
from dataclasses import replace
from itertools import combinations, permutations

from pruneproxy.evidence.claims import Effect, above, at_least, below, every, most, outside, some, within
from pruneproxy.evidence.effects import Cell, combined, difference, grouped, mean
from pruneproxy.evidence.verdicts import either, farthest, highest, lowest, weigh
from pruneproxy.recipes.proxy_hpo.claims.study import IMPORTANT, ITSELF, OWN, UNIMPORTANT

NEAREST = ("resnet56", "vgg16_bn")
WORST = ("mobilenet_v2", "resnet56")
POSITIVE, NEGATIVE = above(0, strict=True), below(0, strict=True)


def _effects(cells: list[Cell]) -> list[Effect]:
    return [cell.effect for cell in cells]


def comparable(study):
    """PH-01, by the mean difference; "about as good" is equivalence within a point, never a failed test."""
    effects = _effects(study.cells())
    if not effects:
        return None
    overall = mean("mean over the cells", effects)
    confirm = max(at_least(math.ceil(2 / 3 * len(effects)), within(-1, 1), effects), above(-0.5)(overall))
    refute = either(below(-1, strict=True)(overall), most(below(-1, strict=True), effects))
    near = sum(abs(effect.value) <= 1 for effect in effects)
    what = f"{near} of {len(effects)} cells within 1 point, mean difference"
    return weigh(what, [overall], lowest, confirm, refute)


def same_on_every_dataset(study):
    """PH-02, by the widest gap between two data sets; needs two."""
    means = _means(study, lambda cell: cell.dataset)
    if len(means) < 2:
        return None
    pairs = list(permutations(means, 2))
    gaps = [difference(f"{a.label} - {b.label}", a, b) for a, b in pairs]
    confirm = either(every(POSITIVE, means), every(NEGATIVE, means), every(within(-0.5, 0.5), gaps))
    apart = [
        max(POSITIVE(a), NEGATIVE(b), above(0.5, strict=True)(gap)) for (a, b), gap in zip(pairs, gaps, strict=True)
    ]
    return weigh("widest gap between data sets, points", gaps, highest, confirm, either(*apart))


def same_with_every_optimizer(study):
    """PH-03, by the mean farthest from 0; needs two optimizers."""
    means = _means(study, lambda cell: cell.optimizer)
    if len(means) < 2:
        return None
    confirm, refute = every(within(-1, 1), means), some(below(-1, strict=True), means)
    return weigh("mean farthest from 0, points", means, farthest, confirm, refute)


def _means(study, key) -> list[Effect]:
    return [mean(str(name), effects) for name, effects in grouped(study.cells(), key).items()]


def faster(study):
    """PH-04, by the smallest reduction; the largest is named beside it."""
    effects = _effects(study.time_reductions())
    confirm, refute = every(within(5, 50), effects), some(below(0), effects)
    found = weigh("smallest time reduction, percent", effects, lowest, confirm, refute)
    most_saved = highest(effects) if found else None
    return found and replace(found, text=f"{found.text}; largest {most_saved.value:.3g} ({most_saved.label})")


def early_channels_stay(study):
    """PH-05, by the highest correlation of depth and share kept."""
    effects, gaps = _effects(study.depths()), _effects(study.parameter_gaps())
    if not gaps:
        return None
    confirm = max(every(NEGATIVE, effects), every(POSITIVE, gaps))
    found = weigh("highest correlation of depth and share", effects, highest, confirm, some(above(0), effects))
    return found


def any_method_serves(study):
    """PH-06, by the largest difference between methods."""
    effects = _effects(study.sources("feasibility"))
    return weigh(
        "largest difference between methods, points",
        effects,
        farthest,
        every(within(-1, 1), effects),
        some(outside(-1, 1), effects),
    )


def higher_loss(study):
    """PH-07, by the smallest share of epochs."""
    effects, overlaps = _effects(study.loss_shares()), _effects(study.loss_overlaps())
    return weigh(
        "smallest share of epochs with a higher loss",
        effects,
        lowest,
        every(above(0.95), effects),
        some(above(0.5, strict=True), overlaps),
    )


def family_serves_less(study):
    """PH-08, by the difference farthest from the middle of 0 and 1.5."""
    effects = _effects(study.sources("family"))
    return weigh(
        "own copy minus shallower network, points",
        effects,
        lambda known: max(known, key=lambda effect: abs(effect.value - 0.75)),
        every(within(0, 1.5), effects),
        some(outside(0, 1.5), effects),
    )


def alike_networks_exchange(study):
    """PH-09, by the smallest excess of a pair with MobileNetV2 on one data set."""
    losses = _exchanges(study, by_dataset=True)
    effects = [
        combined(f"{_named(pair)}, {dataset}", (loss, losses[NEAREST, dataset]), lambda a, b: abs(a) - abs(b))
        for (pair, dataset), loss in losses.items()
        if pair != NEAREST and (NEAREST, dataset) in losses
    ]
    return weigh(
        "smallest excess over VGG16-BN/ResNet56, points",
        effects,
        lowest,
        every(POSITIVE, effects),
        some(NEGATIVE, effects),
    )


def worst_pair(study):
    """PH-10, by the smallest excess of ResNet56/MobileNetV2 over another pair."""
    losses = _exchanges(study, by_dataset=False)
    if WORST not in losses:
        return None
    effects = [
        difference(f"over {_named(pair)}", losses[WORST], loss) for pair, loss in losses.items() if pair != WORST
    ]
    return weigh(
        "smallest excess loss of ResNet56/MobileNetV2, points",
        effects,
        lowest,
        every(POSITIVE, effects),
        some(NEGATIVE, effects),
    )


def _exchanges(study, *, by_dataset: bool) -> dict:
    """Mean loss over both directions per pair of networks, and per data set if asked; pairs run one way are left."""
    cells = study.sources("cross")
    both = {(cell.network, cell.source, cell.dataset) for cell in cells}
    whole = [cell for cell in cells if (cell.source, cell.network, cell.dataset) in both]
    found = {}
    for pair in combinations(sorted({cell.network for cell in whole}), 2):
        of_pair = [cell for cell in whole if {cell.network, cell.source} == set(pair)]
        for key, effects in grouped(of_pair, lambda cell: cell.dataset if by_dataset else "").items():
            found[(pair, key) if by_dataset else pair] = mean(_named(pair), effects)
    return found


def _named(pair) -> str:
    return "/".join(pair)


def own_copy_serves_best(study):
    """PH-11, by the smallest advantage of the own copy."""
    effects = _effects(study.sources("cross"))
    if not effects:
        return None
    confirm = at_least(math.ceil(0.8 * len(effects)), POSITIVE, effects)
    refute = at_least(len(effects) - len(effects) // 2, below(0), effects)
    ahead = sum(effect.value > 0 for effect in effects)
    what = f"own copy ahead in {ahead} of {len(effects)} cells, smallest advantage"
    return weigh(what, effects, lowest, confirm, refute)


def five_hyperparameters(study):
    """PH-12, by the lowest difference."""
    effects = _effects(study.cells("five"))
    return weigh(
        "proxy minus target, points",
        effects,
        lowest,
        every(above(-1), effects),
        some(below(-1, strict=True), effects),
    )


def five_below_three(study):
    """PH-13, by the highest difference; needs both kinds of search."""
    cells = study.searches()
    if {cell.source for cell in cells} != {ITSELF, OWN}:
        return None
    effects = _effects(cells)
    return weigh(
        "highest difference of five and three, points",
        effects,
        highest,
        every(NEGATIVE, effects),
        some(above(0), effects),
    )


def selected_values(study):
    """PH-14, by the largest distance among learning rate, weight decay and decay factor."""
    found = study.selected_distances()
    if not found:
        return None
    alike, unlike = ([effect for name in names for effect in found[name]] for names in (IMPORTANT, UNIMPORTANT))
    confirm = max(every(below(1, strict=True), alike), every(above(1, strict=True), unlike))
    contrasts = [
        difference(
            "",
            mean("", [found[name][place] for name in IMPORTANT]),
            mean("", [found[name][place] for name in UNIMPORTANT]),
        )
        for place in range(len(found["lr"]))
    ]
    others = ", ".join(f"{effect.label} {effect.value:.2g}" for effect in unlike)
    result = weigh("largest distance in deviations", alike, highest, confirm, some(above(0), contrasts))
    return result and replace(result, text=f"{result.text}; {others}")


def spread_follows_importance(study):
    """PH-15, by the highest correlation; needs both kinds of search."""
    cells = study.importance_correlations()
    if {cell.source for cell in cells} != {ITSELF, OWN}:
        return None
    effects = _effects(cells)
    return weigh(
        "highest correlation of importance and spread",
        effects,
        highest,
        every(NEGATIVE, effects),
        some(above(0), effects),
    )


RULES = {
    "PH-01": comparable,
    "PH-02": same_on_every_dataset,
    "PH-03": same_with_every_optimizer,
    "PH-04": faster,
    "PH-05": early_channels_stay,
    "PH-06": any_method_serves,
    "PH-07": higher_loss,
    "PH-08": family_serves_less,
    "PH-09": alike_networks_exchange,
    "PH-10": worst_pair,
    "PH-11": own_copy_serves_best,
    "PH-12": five_hyperparameters,
    "PH-13": five_below_three,
    "PH-14": selected_values,
    "PH-15": spread_follows_importance,
}
BASIC_NEED = "searches on a network and on its pruned copy, each followed by trainings of the network (experiment main)"
NEEDS = {  # what a scale must hold for the claim to be tested
    "PH-02": "searches on a network and on its pruned copy for two data sets (experiment main)",
    "PH-03": "searches on a network and on its pruned copy with two optimizers (experiment main)",
    "PH-04": "times of a network and of its pruned copy at one batch size (experiment timing)",
    "PH-05": "times and widths of a network and of its pruned copy (experiment timing)",
    "PH-06": "searches on copies pruned by another method (experiment feasibility) beside those of experiment main",
    "PH-07": "training losses of a network and of its pruned copy with common seeds (experiment curves)",
    "PH-08": "searches on shallower networks of the family (experiment family) beside those of experiment main",
    "PH-09": "settings exchanged both ways between VGG16-BN, ResNet56 and MobileNetV2 (experiment cross)",
    "PH-10": "settings exchanged both ways between VGG16-BN, ResNet56 and MobileNetV2 (experiment cross)",
    "PH-11": "settings of other networks beside those of the own pruned copy (experiment cross)",
    "PH-12": "searches over five hyperparameters on a network and on its pruned copy (experiment five)",
    "PH-13": "searches over five and over three hyperparameters on both (experiments five and main)",
    "PH-14": "searches over five hyperparameters on a network and on its pruned copy (experiment five)",
    "PH-15": "two searches over five hyperparameters, with four finished trials each, on both (experiment five)",
}
TABLES = {  # what the verdict on a claim rests on: tables and, of winners and trials, experiments
    "PH-01": (("winners", "main"),),
    "PH-02": (("winners", "main"),),
    "PH-03": (("winners", "main"),),
    "PH-04": (("timings", ""),),
    "PH-05": (("timings", ""),),
    "PH-06": (("winners", "feasibility"), ("winners", "main")),
    "PH-07": (("curves", ""),),
    "PH-08": (("winners", "family"), ("winners", "main")),
    "PH-09": (("winners", "cross"),),
    "PH-10": (("winners", "cross"),),
    "PH-11": (("winners", "cross"),),
    "PH-12": (("winners", "five"),),
    "PH-13": (("winners", "five"), ("winners", "main")),
    "PH-14": (("winners", "five"),),
    "PH-15": (("winners", "five"),),
}
