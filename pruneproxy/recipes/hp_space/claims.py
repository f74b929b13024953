"""What the claims rest on, and the rules of those that need more than a line."""

import numpy as np

from pruneproxy.evidence.claims import Ruling
from pruneproxy.evidence.effects import ENOUGH_SEEDS
from pruneproxy.evidence.statements import (
    above,
    at_least,
    at_most,
    below,
    both,
    either,
    every,
    most,
    some,
    usually,
    within,
)
from pruneproxy.evidence.tables import check_columns
from pruneproxy.evidence.verdicts import Basis, Judge
from pruneproxy.recipes.hp_space.printed import Printed
from pruneproxy.recipes.hp_space.quantities import Quantities
from pruneproxy.stats.landscapes import finished

COLUMNS = ("network", "variant", "method", "target", "lr", "weight_decay", "seed", "top1", "id")
SCOPE = {  # the models of the thesis that a claim speaks of; all where none is named
    "HS-05": ("MobileNetV2",),
    "HS-06": ("ResNet-56",),
    "HS-14": ("ResNet-50",),
    "HS-15": ("MobileNetV2", "ResNet-56"),
}


def mobilenet_lengths(found) -> Ruling | None:
    """HS-05."""
    pruned, uniform = found.mobilenet_global_lengths(), found.mobilenet_uniform_lengths()
    if not uniform or not pruned:
        return None
    return Ruling(
        supported=both(every(below(0.7), pruned), every(within(0.85, 1.15), uniform)),
        contradicted=either(*(every(side(0.85), [*uniform, *pruned]) for side in (at_least, at_most))),
        effects=[*pruned, *uniform],
    )


def cost_bounded(found) -> Ruling | None:
    """HS-11: most small-image variants in the mean, and every large one."""
    small, large = found.small_shares(), found.large_shares()
    if not small and not large:
        return None
    stated = [usually(at_least(0.75), small)] if small else []
    stated += [every(above(0.5), large)] if large else []
    return Ruling(supported=both(*stated), contradicted=most(below(0.5), [*small, *large]), effects=[*small, *large])


def _both_signs(effects, against) -> Ruling | None:
    if len(effects) < 2:
        return None
    return Ruling(
        supported=both(some(above(0), effects), some(below(0), effects)),
        contradicted=either(*(every(side(0), effects) for side in against)),
        effects=effects,
        text=", ".join(f"{effect.label} {effect.value:.2g}" for effect in effects),
    )


def method_sign(found) -> Ruling | None:
    """HS-12: either sign in all pairs contradicts it."""
    return _both_signs(found.method_gaps(), (above, below))


def strength_sign(found) -> Ruling | None:
    """HS-13: only a cost that always rises contradicts it."""
    return _both_signs(found.strength_gaps(), (above,))


def metrics_alike(found) -> Ruling | None:
    """HS-14."""
    ranks, same = found.metric_correlations(), found.same_best()
    if not same:
        return None
    stated = [every(at_least(0.9), ranks)] if ranks else []
    return Ruling(
        supported=both(*stated, every(at_least(1), same)), contradicted=some(at_most(0), same), effects=ranks or same
    )


RULES = {
    "HS-05": mobilenet_lengths,
    "HS-11": cost_bounded,
    "HS-12": method_sign,
    "HS-13": strength_sign,
    "HS-14": metrics_alike,
}


def measured(frame) -> Quantities:
    """The quantities of a frame with one row per run."""
    check_columns(frame, COLUMNS, "the frame of hp_space")
    return Quantities(finished(frame))


def basis(quantities: Quantities, claim: str) -> Basis:
    """What the verdict on a claim rests on: fewest runs of a setting, record ids, and the noise of its networks."""
    networks = quantities.networks(*SCOPE.get(claim, ()))
    parts = [quantities.frame[quantities.frame["network"] == network] for network in networks]
    seconds = [rows["seconds"].sum() / rows["seed"].nunique() for rows in parts if "seconds" in rows]
    runs = [int(rows.groupby(["variant", "lr", "weight_decay"])["seed"].nunique().min()) for rows in parts]
    return Basis(
        seeds=min([count for count in runs if count >= ENOUGH_SEEDS] or runs, default=0),
        note="; ".join(quantities.noise[network] for network in networks),
        records=tuple(sorted({record for rows in parts for record in rows["id"]})),
        seconds=float(np.sum(seconds)) if seconds else None,
    )


JUDGE = Judge(
    stem="hp_space", measured=measured, printed=Printed, basis=basis, rules=RULES, remarks=lambda: Printed().remarks()
)
