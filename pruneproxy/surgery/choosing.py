"""Which channels a network keeps."""

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from pruneproxy import channels, costs, scores
from pruneproxy.errors import UserError, choose
from pruneproxy.examples import Example
from pruneproxy.models import Group
from pruneproxy.surgery.config import SCOPES, PruneConfig

Batch = Tensor | tuple[Example, Tensor | None]  # images, or inputs and labels


def prunable(model: nn.Module, scope: str = "inner") -> list:
    """The groups of `model` that a scope allows to prune; none is an error."""
    choose(scope, SCOPES, "scope")
    found = [group for group in model.groups() if scope in ("all", "stem") or group.kind == scope]
    if not found:
        raise UserError(f"{model.config.name} declares no channels inside blocks: prune it with scope='all'")
    return found


def choose_channels(
    model: nn.Module,
    config: PruneConfig,
    *,
    batch: Batch | None = None,
    generator: torch.Generator | None = None,
    groups: Iterable[Group] | None = None,
) -> channels.Keep:
    """The channels that `config` keeps, scored on the weights that `model` has now.

    `batch` holds the images, and for 3SP the labels, that some scores look at; what is random comes from `generator`.
    `groups` are those of any network (`graph.trace`), which needs a batch; by default they are those that `model`
    declares, in the scope of `config`.
    """
    choices, every = _choices(config, batch, generator), None if groups is None else tuple(groups)
    groups, follows = every or prunable(model, config.scope), every is None and config.scope == "stem"
    layered = scores.of_layers(model, score=config.score, choices=choices, groups=every) if _by_layer(config) else None
    scored = scores.of_groups(model, groups, score=config.score, choices=choices, layered=layered)
    if follows and layered:
        scored[groups[0].name] = layered[groups[0].producers[0]]  # the blocks behind the stem only follow it
    widths = {group.name: group.width for group in groups}
    least = channels.least_kept(widths, sigma=config.sigma, rounding=config.sigma_rounding, floor=config.floor)
    if config.percentile is None:
        example = None if every is None else choices.inputs
        counts = channels.kept_widths(_to_target(model, config, groups, scored, least, example))
    else:
        tau = channels.threshold(_population(model, config, groups, scored, layered), config.percentile)
        counts = {name: max(count, least[name]) for name, count in channels.surviving(scored, tau).items()}
    counts = channels.rounded_up(counts, widths, config.multiple)
    keep = channels.pick(scored, counts, picked=config.picked, generator=generator)
    return _follow_stem(groups, keep, scored, config.floor) if follows else keep


def _choices(config: PruneConfig, batch: Batch | None, generator) -> scores.Choices:
    inputs, labels = batch if isinstance(batch, tuple | list) else (batch, None)
    return scores.Choices(
        fan_in=config.fan_in,
        coupled=config.coupled,
        sign=config.sign,
        scored_in=config.scored_in,
        rounds=config.rounds,
        density=config.density,
        inputs=inputs,
        labels=labels,
        generator=generator,
    )


def _to_target(model, config, groups, scored, least, example) -> channels.Keep:
    """The channels left when the cost, with numbers rounded up as they will be, comes closest to the target.

    (Thesis Sec. 3.2.2.)
    """
    removals = channels.removal_order(scored, allocation=config.allocation, floor=least)
    dense, widths = costs.layers(model, example=example), {group.name: group.width for group in groups}
    target = round(config.target * costs.total(dense))

    def cost(kept: Mapping[str, int]) -> int:
        return costs.total(costs.narrowed(dense, groups, channels.rounded_up(kept, widths, config.multiple)))

    return channels.closest(removals, widths, cost, target)


def _population(model, config, groups, scored, layered) -> Mapping[str, Tensor]:
    """The scores whose percentile is the threshold; streams that follow the stem have no say of their own."""
    if config.threshold_over == "layers":
        spared = scores.on_shortcuts(model)
        return {name: values for name, values in layered.items() if name not in spared}
    follows = {group.name for group in groups[1:] if group.kind == "residual" and config.scope == "stem"}
    return {name: values for name, values in scored.items() if name not in follows}


def _by_layer(config: PruneConfig) -> bool:
    return config.score in scores.LAYERWISE or config.threshold_over == "layers"


def _follow_stem(groups, keep: channels.Keep, scored: Mapping[str, Tensor], floor: int) -> channels.Keep:
    """Every residual stream keeps those of the stem's channels that it has, and its own best up to `floor`."""
    stem, result = keep[groups[0].name], dict(keep)
    for group in groups:
        if group.kind == "residual":
            chosen = stem[stem < group.width]
            best = scored[group.name].argsort(descending=True, stable=True)
            spare = best[~torch.isin(best, chosen)][: max(0, min(floor, group.width) - len(chosen))]
            result[group.name] = torch.cat([chosen, spare]).sort().values
    return result
