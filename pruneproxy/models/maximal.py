"""Maximal-update parametrisation: what makes the settings of one network those of a wider, narrower or sparser one.

Let a layer z = W x have the fan-in n of which the share d (its density) is kept, and the fan-out k, x of entries of
size 1, and let r(.) be the ratio of a number to that of the network whose settings are used. Initial weights of
variance 1 / (n d) give z of size 1 and keep the size of what is sent back: the weights that a network draws, whose
variance is 1 / n, are divided by the root of d. The weights of the last layer must be of size 1 / n, as its outputs are
sums over features that training aligns, which grow as n and not as its root (Yang et al. 2022, arXiv 2203.03466,
Table 3). They start at 0, as is recommended there (Appendix D.2): a network that starts with outputs of size 1 would
give a narrower one outputs larger by the root of the ratio of widths. Features of a layer then receive gradients g of
size 1 / k.

A step of gradient descent with learning rate e changes a kept weight by -e g_i x_j, and the layer's output by
-e g_i (sum over kept j of x_j x'_j), a sum of n d terms of one sign: by e n d / k in size. The change has the same
size in both networks when e is multiplied by r(k) / r(n d). That is r(k) for a first layer, 1 for a hidden dense one,
1 / r(n) for a last one, as in Table 3 for SGD, and 1 / d for a hidden layer of density d. Momentum is linear in the
gradients and changes nothing. A bias, or a scale of normalisation, has one term: r(k).

SuPar (Dey et al. 2024, arXiv 2405.15743) states the variance 1 / (m d) and the learning rate 1 / (m d) for Adam, whose
steps do not shrink with g: there k drops out of e n d / k, which leaves 1 / r(n d). Here networks are trained by SGD,
so that the width cancels in hidden layers and the density does not.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import nn

from pruneproxy.errors import UserError

LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
NORMALISATIONS = (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.LayerNorm, nn.GroupNorm)
_FACTORS = "maximal_update_factors"  # where a network keeps the factors of its learning rates


@dataclass(frozen=True, kw_only=True)
class Factors:
    """By the names of parameters, what multiplies their initial weights and their learning rate."""

    start: dict[str, float]
    lr: dict[str, float]


def factors(network: nn.Module, like: nn.Module, densities: Mapping[str, float] | None = None) -> Factors:
    """What `network`, with layers of these densities, needs to be trained with the settings of the dense `like`."""
    shapes = {name: value.shape for name, value in like.named_parameters()}
    found, last = Factors(start={}, lr={}), _last_weight(network)
    for name, value in network.named_parameters():
        if name not in shapes or len(shapes[name]) != value.ndim:
            raise UserError(f"expected {name} in the network whose settings are used, got none of its kind there")
        layer = name.rpartition(".")[0]
        _check_understood(network.get_submodule(layer), name, changed=value.shape != shapes[name])
        density = (densities or {}).get(layer, 1.0) if value.ndim > 1 else 1.0
        inputs, outputs = (now / then for now, then in zip(_fans(value.shape), _fans(shapes[name]), strict=True))
        found.start[name] = 0.0 if name == last else density**-0.5
        found.lr[name] = outputs / (inputs * density)
    return found


def _check_understood(layer: nn.Module, name: str, *, changed: bool) -> None:
    if changed and not isinstance(layer, LAYERS + NORMALISATIONS):
        raise UserError(
            f"expected linear layers, convolutions and normalisations where widths differ, got {name} of "
            f"{type(layer).__name__}, for which there is no rule: keep its width"
        )


def _fans(shape: torch.Size) -> tuple[int, int]:
    """Fan-in and fan-out of a parameter; a bias or a scale has one input."""
    return (shape[1:].numel() if len(shape) > 1 else 1), shape[0]


def _last_weight(network: nn.Module) -> str:
    linear = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
    if not linear:
        raise UserError("expected a network that ends in a linear layer, got one without any: use another copy of it")
    return f"{linear[-1]}.weight".lstrip(".")


@torch.no_grad()
def parametrise(network: nn.Module, found: Factors) -> nn.Module:
    """The freshly drawn `network` with its weights rescaled, in place, and with learning rates for its training."""
    for name, value in network.named_parameters():
        if value.ndim > 1:
            value.mul_(found.start[name])
    setattr(network, _FACTORS, dict(found.lr))
    return network


def lr_factors(network: nn.Module) -> Mapping[str, float]:
    """What multiplies the learning rate of each parameter; nothing in the standard parametrisation."""
    return getattr(network, _FACTORS, {})
