"""Forward passes that begin where a candidate differs from the network that it was cut from."""

from collections.abc import Iterator

import torch
from torch import Tensor, nn

from pruneproxy.models import Group


class Passes:
    """What a network's blocks give for some images, so that its candidates are computed from their first change on.

    Blocks are those of the network's `chain`; a network without one is computed from its beginning.
    """

    def __init__(self, images: Tensor):
        self.images, self._known = images, {}

    @torch.no_grad()
    def whole(self, network: nn.Module) -> Tensor:
        """The network's logits; what its blocks give is remembered in place of the last network's."""
        self._known = {}
        hooks = [
            network.get_submodule(name).register_forward_hook(
                lambda module, inputs, output, name=name: self._known.__setitem__(name, output)
            )
            for name in _chain(network)
        ]
        logits = network(self.images)
        for hook in hooks:
            hook.remove()
        return logits

    @torch.no_grad()
    def of_candidate(self, network: nn.Module, group: Group) -> Tensor:
        """The logits of a network that differs from the last whole one in the channels of a group alone.

        The network is used up: blocks before the change are replaced by what is known of them.
        """
        chain = _chain(network)
        same = min(_places(network, group), default=0)
        for name in chain[: max(same - 1, 0)]:
            network.set_submodule(name, nn.Identity())
        if same > 0:
            network.set_submodule(chain[same - 1], _Constant(self._known[chain[same - 1]]))
        return network(self.images)


class _Constant(nn.Module):
    def __init__(self, value: Tensor):
        super().__init__()
        self.value = value

    def forward(self, _: Tensor) -> Tensor:
        return self.value


def _chain(network: nn.Module) -> tuple[str, ...]:
    return network.chain() if hasattr(network, "chain") else ()


def _places(network: nn.Module, group: Group) -> Iterator[int]:
    """Where along the chain the layers of a group lie: 0 also before it, its length after it."""
    chain, passed = _chain(network), 0
    found = {}
    for connection in network.connections() if chain else ():
        inside = next((place for place, name in enumerate(chain) if connection.module.startswith(f"{name}.")), None)
        passed = passed if inside is None else inside + 1
        found[connection.module] = passed if inside is None else inside
    return (found[name] for name in (*group.producers, *group.consumers) if name in found)
