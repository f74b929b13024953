"""The base of all networks: it knows its widths and says which layers share which channels."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

from torch import Tensor, nn

from pruneproxy.models.config import ModelConfig, slots_of
from pruneproxy.models.shortcuts import PaddedShortcut


@dataclass(frozen=True)
class Connection:
    """A layer with the groups of its input and output channels; None where a channel is no group's.

    A batch normalisation or a depthwise convolution maps each channel to itself: it has only `outputs`.
    """

    module: str
    inputs: str | None
    outputs: str | None


@dataclass(frozen=True)
class Group:
    """Channels that are kept or removed together.

    `producers` are the layers whose output channels these are (convolutions, depthwise ones included, their batch
    normalisations, linear layers), `consumers` those whose input channels these are; both are names as in
    `named_modules`. A linear consumer behind a flattening reads every channel `in_features // width` times in a row.

    `rows` and `columns` are of producers and consumers whose channels are not those of the group one by one: for each
    of the layer's outputs, or inputs, the number of the group's channel, or -1.
    """

    name: str
    width: int
    kind: str  # key of plans.KINDS, or "traced" in a network that declares no groups
    producers: tuple[str, ...]
    consumers: tuple[str, ...]
    rows: Mapping[str, Tensor] = field(default_factory=dict, compare=False)
    columns: Mapping[str, Tensor] = field(default_factory=dict, compare=False)


class Network(nn.Module):
    """A network built from explicit widths; a pruned one is the same class with other widths."""

    def __init__(self, config: ModelConfig, *, shape: tuple[int, ...], classes: int):
        super().__init__()
        self.slots = slots_of(config)
        self.config = replace(config, widths=tuple(slot.width for slot in self.slots), sizes=None)
        self.shape = tuple(shape)
        self.classes = classes

    def connections(self) -> Iterator[Connection]:
        """Every layer in forward order, with the groups of its input and output channels."""
        raise NotImplementedError

    def groups(self) -> tuple[Group, ...]:
        """The groups of channels, in the order of `config.widths`."""
        layers = [one for one in self.connections() if not self._is_padded(one)]
        return tuple(
            Group(
                name=slot.name,
                width=slot.width,
                kind=slot.kind,
                producers=tuple(one.module for one in layers if one.outputs == slot.name),
                consumers=tuple(one.module for one in layers if one.inputs == slot.name),
            )
            for slot in self.slots
        )

    def chain(self) -> tuple[str, ...]:
        """Modules of which each reads nothing but what the one before gives; none where nothing is said of it."""
        return ()

    def padded_shortcuts(self) -> tuple[Connection, ...]:
        """The zero-padding shortcuts (option A), which copy channels of one group into another."""
        return tuple(one for one in self.connections() if self._is_padded(one))

    def _is_padded(self, connection: Connection) -> bool:
        return isinstance(self.get_submodule(connection.module), PaddedShortcut)
