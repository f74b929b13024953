"""Importance of channels. A score maps every group of coupled channels to one number per channel; larger is kept."""

from collections.abc import Iterable, Mapping

from torch import Tensor, nn

from pruneproxy.errors import UserError, choose
from pruneproxy.scores.choices import COUPLED, FAN_IN, MODES, SIGNS, Choices
from pruneproxy.scores.flow import synflow_iterative
from pruneproxy.scores.layers import coupled, kernels, on_shortcuts, outputs_first
from pruneproxy.scores.saliency import gate_saliency, norm_gates, saliency_per_cost, synflow
from pruneproxy.scores.weights import (
    drawn,
    geometric_median,
    l1_norms,
    l2_norms,
    norm_scales,
)

LAYERWISE = {
    "l1": lambda model, names, choices: _of_weights(model, names, l1_norms, choices),
    "l2": lambda model, names, choices: _of_weights(model, names, l2_norms, choices),
    "geometric-median": lambda model, names, choices: _of_weights(model, names, geometric_median, choices),
    "synflow": synflow,
}
GROUPWISE = {
    "slimming": norm_scales,
    "synflow-iterative": synflow_iterative,
    "gbn": norm_gates,
    "3sp": gate_saliency,
    "3sp-compute": saliency_per_cost,
    "random": drawn,
}
SCORES = {**LAYERWISE, **GROUPWISE}
USUAL = Choices()
NEED_BATCH = ("synflow", "gbn", "3sp", "3sp-compute")


def of_groups(
    model: nn.Module,
    groups: Iterable,
    *,
    score: str,
    choices: Choices = USUAL,
    layered: Mapping[str, Tensor] | None = None,
) -> dict[str, Tensor]:
    """Per group, the score of each of its channels, in float64 on the CPU.

    `layered` are the scores of the single layers, if they are known already.
    """
    groups = list(groups)
    choose(score, SCORES, "score")
    if score in GROUPWISE:
        return _finite(GROUPWISE[score](model, groups, choices))
    known = of_layers(model, score=score, choices=choices, groups=groups) if layered is None else layered
    return {group.name: coupled(group, known, kernels(model, group), choices.coupled) for group in groups}


def of_layers(model: nn.Module, *, score: str, choices: Choices, groups: Iterable | None = None) -> dict[str, Tensor]:
    """The scores of the output channels of every convolution and linear layer of `groups` (default: the model's)."""
    if score not in LAYERWISE:
        raise UserError(
            f"expected a score of single layers ({', '.join(LAYERWISE)}), got {score!r}: take threshold_over='groups'"
        )
    names = [name for group in (model.groups() if groups is None else groups) for name in kernels(model, group)]
    return _finite(LAYERWISE[score](model, names, choices))


def _of_weights(model, names, norms, choices):
    modules = {name: model.get_submodule(name) for name in names}
    filters = {name: outputs_first(module, module.weight) for name, module in modules.items()}
    return {name: norms(weight, fan_in=choices.fan_in).cpu() for name, weight in filters.items()}


def _finite(scores: dict[str, Tensor]) -> dict[str, Tensor]:
    """The scores, if all are numbers; else an error, because a rank of NaN means nothing."""
    broken = next((name for name, values in scores.items() if not values.isfinite().all()), None)
    if broken is not None:
        raise UserError(f"expected finite scores, got others in {broken}: score a network whose weights are finite")
    return scores
