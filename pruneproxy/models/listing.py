"""What each published network costs, for people to choose from."""

from dataclasses import dataclass

import torch

from pruneproxy import costs
from pruneproxy.models.config import ModelConfig
from pruneproxy.models.construction import build, smallest_size
from pruneproxy.models.plans import MODELS


@dataclass(frozen=True, kw_only=True)
class Listing:
    """One network with its default options, at its published input and number of classes."""

    name: str
    title: str
    shape: tuple[int, ...]
    classes: int
    smallest: int  # pixels a side that an image needs at least
    groups: int
    parameters: int
    multiplications: int  # per image


def listings() -> tuple[Listing, ...]:
    """A row for every member of MODELS; nothing is computed but shapes."""
    return tuple(map(_listing, MODELS))


def _listing(name: str) -> Listing:
    plan, config = MODELS[name], ModelConfig(name=name)
    with torch.device("meta"):
        model = build(config, shape=plan.shape, classes=plan.classes)
    return Listing(
        name=name,
        title=plan.title,
        shape=plan.shape,
        classes=plan.classes,
        smallest=smallest_size(config),
        groups=len(model.slots),
        parameters=costs.parameters(model),
        multiplications=costs.total(costs.layers(model)),
    )
