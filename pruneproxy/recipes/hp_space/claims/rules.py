"""What confirms and what refutes each claim. A rule takes a study, measured or printed, and weighs its effects."""

from dataclasses import replace

import numpy as np

from pruneproxy.evidence.claims import above, below, every, most, outside, some, within
from pruneproxy.evidence.verdicts import farthest, highest, lowest, weigh

SLOPE = (-np.degrees(np.arctan(2)), -np.degrees(np.arctan(0.5)))  # directions of slopes -2 and -1/2


def middle(effects):
    """The effect with the (lower) median value."""
    return sorted(effects, key=lambda effect: effect.value)[(len(effects) - 1) // 2]


def rank_kept(study):
    """HS-01, by the lowest rank correlation."""
    effects = study.correlations()
    return weigh(
        "lowest rank correlation", effects, lowest, every(above(0.8), effects), some(below(0.5, strict=True), effects)
    )


def band(study):
    """HS-02, by the weakest correlation of the two logarithms in a 1.0-ROI."""
    effects = study.band_correlations()
    confirm = max(every(below(-0.5, strict=True), effects), every(within(*SLOPE), study.band_angles()))
    return weigh("highest correlation in the 1.0-ROI", effects, highest, confirm, some(above(0), effects))


def product_kept(study):
    """HS-03, by the largest change of the product at the centre."""
    effects = study.centre_products()
    return weigh(
        "largest change of log10 lr x weight decay",
        effects,
        farthest,
        every(within(-0.2, 0.2), effects),
        some(outside(-0.4, 0.4), effects),
    )


def centre_kept(study):
    """HS-04, by the largest shift on an axis."""
    effects = study.centre_shifts()
    return weigh(
        "largest shift", effects, farthest, every(within(-0.3, 0.3), effects), some(outside(-0.3, 0.3), effects)
    )


def mobilenet_lengths(study):
    """HS-05, by the least shortened ellipse after global pruning."""
    uniform, pruned = (study.lengths("MobileNetV2", 1.0, method) for method in ("uniform", "global"))
    if not uniform or not pruned:
        return None
    confirm = max(every(below(0.7, strict=True), pruned), every(within(0.85, 1.15), uniform))
    same_side = [every(side(0.85), uniform + pruned) for side in (above, below)]
    return weigh(
        "longest after global pruning, relative length", pruned, highest, confirm, min(1.0, 2 * min(same_side))
    )


def resnet_lengths(study):
    """HS-06, by the less lengthened of both ellipses."""
    effects = [effect for x in (1.0, 0.5) for effect in study.lengths("ResNet-56", x, "global", 0.2)]
    return weigh(
        "smaller relative length", effects, lowest, every(above(1.2, strict=True), effects), some(below(1), effects)
    )


def methods_alike(study):
    """HS-07, by the largest gap in best accuracy."""
    effects = study.best_gaps()
    return weigh(
        "largest gap, points", effects, farthest, every(within(-0.2, 0.2), effects), some(outside(-0.5, 0.5), effects)
    )


def losses(study):
    """HS-08, by the smallest extra loss of stronger pruning, and the loss farthest from a printed one."""
    steps, offsets = study.loss_steps(), study.loss_offsets()
    ordered = every(above(0), steps) if steps else 0.0  # one target per method has no order to violate
    confirm = max(ordered, every(within(-1, 1), offsets))
    against = some(below(0, strict=True), steps)
    away = weigh("farthest from a printed loss, points", offsets, farthest, confirm, against)
    extra = weigh("smallest extra loss of stronger pruning, points", steps, lowest, confirm, against)
    return replace(extra, text=f"{extra.text}; {away.text}") if extra and away else extra or away


def cost_rises(study):
    """HS-09, by the lowest ratio of mean risks."""
    effects = study.risk_ratios()
    return weigh("lowest risk ratio", effects, lowest, every(above(1, strict=True), effects), some(below(1), effects))


def cost_below_one(study):
    """HS-10, by the highest mean risk."""
    effects = study.risks()
    return weigh(
        "highest mean risk, points", effects, highest, every(below(1, strict=True), effects), some(above(1), effects)
    )


def cost_bounded(study):
    """HS-11, by the median share of settings."""
    small, large = study.shares_within("MobileNetV2", "ResNet-56"), study.shares_within("ResNet-50")
    confirm = max(
        [most(above(0.75), small)] * bool(small) + [every(above(0.5, strict=True), large)] * bool(large), default=1.0
    )
    return weigh(
        "median share within 0.01", small + large, middle, confirm, most(below(0.5, strict=True), small + large)
    )


def _both_signs(what, effects, refute_low):
    if len(effects) < 2:
        return None
    up, down = above(0, strict=True), below(0, strict=True)
    against = [every(up, effects)] + [every(down, effects)] * refute_low
    return weigh(
        what, effects, lowest, max(some(up, effects), some(down, effects)), min(1.0, len(against) * min(against))
    )


def method_sign(study):
    """HS-12, by the lowest difference between methods; needs two pairs."""
    return _both_signs("lowest risk, global minus uniform, points", study.method_gaps(), refute_low=True)


def strength_sign(study):
    """HS-13, by the lowest difference between strengths; needs two cases."""
    return _both_signs("lowest risk, stronger minus milder, points", study.strength_gaps(), refute_low=False)


def metrics_alike(study):
    """HS-14, by the lowest rank correlation of both metrics."""
    ranks, same = study.metric_correlations(), study.same_best()
    confirm = max(every(above(0.9), ranks), every(above(1), same))
    effects, what = (ranks, "lowest rank correlation") if ranks else (same, "same best setting (1 = yes)")
    return weigh(what, effects, lowest, confirm, some(below(0), same))


def search_pays(study):
    """HS-15, by the smallest gain over the prior."""
    effects = study.prior_gains()
    return weigh(
        "smallest gain, points", effects, lowest, every(above(0.5, strict=True), effects), some(below(0.5), effects)
    )


def best_transfers(study):
    """HS-16, by the largest loss at the unpruned best setting."""
    effects = study.best_transfers()
    return weigh(
        "largest loss at the unpruned best, points",
        effects,
        lowest,
        every(above(-1), effects),
        some(below(-1, strict=True), effects),
    )


RULES = {
    "HS-01": rank_kept,
    "HS-02": band,
    "HS-03": product_kept,
    "HS-04": centre_kept,
    "HS-05": mobilenet_lengths,
    "HS-06": resnet_lengths,
    "HS-07": methods_alike,
    "HS-08": losses,
    "HS-09": cost_rises,
    "HS-10": cost_below_one,
    "HS-11": cost_bounded,
    "HS-12": method_sign,
    "HS-13": strength_sign,
    "HS-14": metrics_alike,
    "HS-15": search_pays,
    "HS-16": best_transfers,
}
SCOPE = {
    "HS-05": ("MobileNetV2",),
    "HS-06": ("ResNet-56",),
    "HS-14": ("ResNet-50",),
    "HS-15": ("MobileNetV2", "ResNet-56"),
}
NEEDS = {  # what a scale must hold for the claim to be tested
    "HS-05": "MobileNetV2 unpruned and pruned both ways, with five settings in each 1.0-ROI",
    "HS-06": "ResNet-56 unpruned and pruned globally to 20 percent, with five settings in each region",
    "HS-07": "uniform and global pruning to the same target",
    "HS-12": "two pairs of uniform and global pruning to the same target",
    "HS-13": "two cases of one method with two targets",
    "HS-14": "ResNet-50 with top-5 accuracy",
    "HS-15": "MobileNetV2 or ResNet-56 unpruned, with lr 0.1 and weight decay 1e-4 on the grid",
}
BASIC_NEED = "one unpruned and one pruned landscape on common settings, with five settings in each region"
