"""The groups of coupled channels of any network: those it declares, or those of Torch-Pruning's dependency graph.

(Fang et al. 2023, "DepGraph".) The graph is traced through autograd on an example; this module asks it which layers
share channels, refuses what it gets wrong, and lets it cut.
"""

import copy
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pruneproxy import examples
from pruneproxy.errors import UserError
from pruneproxy.models import Group, Network
from pruneproxy.scores.layers import KERNELS
from pruneproxy.surgery import foreign
from pruneproxy.surgery.cutting import narrow

try:
    import torch_pruning
except ImportError:  # an optional extra
    torch_pruning = None

CONVOLUTIONS = (nn.modules.conv._ConvNd,)
PRODUCERS = (*KERNELS, nn.modules.batchnorm._NormBase, nn.LayerNorm, nn.Embedding)
CUT = (*PRODUCERS, nn.PReLU)
FOLLOWED = "expected a forward pass that autograd can follow from the output to the input; leave out no_grad and detach"
WHOLE = {
    nn.modules.rnn.RNNBase: "a recurrent layer",
    nn.MultiheadAttention: "attention heads",
    nn.GroupNorm: "a group normalisation",
}


@dataclass(frozen=True, eq=False)
class Graph:
    """A network with its prunable groups and, by layer, why the other ones are left whole.

    Of a traced network, `network` is a copy that can be cut once, by `dependencies`.
    """

    original: nn.Module
    network: nn.Module
    groups: tuple[Group, ...]
    whole: dict[str, str]
    dependencies: object = None


def declared(network: Network, *, spare: Sequence[str] = ()) -> Graph:
    """The `Graph` of one of our networks; layers named in `spare` keep all channels."""
    _check_names(network, spare)
    groups, whole = [], {}
    for group in network.groups():
        spared = [name for name in spare if name in (*group.producers, *group.consumers)]
        if spared:
            whole[group.producers[0]] = f"{spared[0]} is spared"
        else:
            groups.append(group)
    return Graph(original=network, network=network, groups=tuple(groups), whole=whole | {"fc": "makes the output"})


def trace(network: nn.Module, example: foreign.Example, *, spare: Sequence[str] = ()) -> Graph:
    """The `Graph` of a copy of `network`; layers named in `spare` keep all channels."""
    _check_names(network, spare)
    if torch_pruning is None:
        raise UserError(
            "this network declares no groups of channels, so torch-pruning has to find them, and it is not installed: "
            "run `pip install 'pruneproxy[prune]'`"
        )
    original, network = network, copy.deepcopy(network).requires_grad_(True)
    dependencies = _dependencies(network, example)
    _check_reached(network, example, dependencies)
    names, order = {module: name for name, module in network.named_modules()}, foreign.called(network, example)
    groups, whole = [], {}
    for group in _all_groups(dependencies):
        root = names[group[0].dep.target.module]
        why = _left_whole(group, names, spare)
        if why:
            whole[root] = why
        else:
            groups.append(_traced(group, names, dependencies, order))
    place = {name: number for number, name in enumerate(names.values())}
    groups.sort(key=lambda group: place[group.name])
    return Graph(original=original, network=network, groups=tuple(groups), whole=whole, dependencies=dependencies)


def cut(graph: Graph, keep: Mapping[str, Tensor]) -> nn.Module:
    """The narrow network: that of `graph` without the channels that `keep` does not name. A traced one is used up.

    What goes is looked up for all groups before any layer is cut: Torch-Pruning loses count when layers behind a
    concatenation are flattened and cut one after the other.
    """
    if graph.dependencies is None:
        return narrow(graph.network, keep)
    gone: dict[tuple, set[int]] = {}
    for group in graph.groups:
        removed = sorted(set(range(group.width)) - set(keep[group.name].tolist()))
        for item in _coupled_to(graph, group, removed) if removed else ():
            if isinstance(item.dep.target.module, CUT):
                gone.setdefault((item.dep.target.module, item.dep.handler), set()).update(item.idxs)
    for (module, remove), channels in gone.items():
        remove(module, sorted(channels))
    for name, module in graph.original.named_modules():
        graph.network.get_submodule(name).training = module.training
    for name, parameter in graph.original.named_parameters():
        graph.network.get_parameter(name).requires_grad_(parameter.requires_grad)
    return graph.network


def _coupled_to(graph: Graph, group: Group, channels: Sequence[int]):
    """Torch-Pruning's list of the layers that lose something with these channels of a group, and what they lose."""
    module = graph.network.get_submodule(group.name)
    remove = graph.dependencies.get_pruner_of_module(module).prune_out_channels
    try:
        return graph.dependencies.get_pruning_group(module, remove, channels)
    except Exception as error:
        raise UserError(
            f"cannot cut the channels of {group.name} in {type(graph.network).__name__} ({foreign.short(error)}): "
            f"name it in `spare`"
        ) from error


def _dependencies(network: nn.Module, example: foreign.Example):
    """Torch-Pruning's graph. The outputs pass through a multiplication, which marks the layers that make them."""
    try:
        with warnings.catch_warnings(), torch.enable_grad():
            warnings.simplefilter("ignore")
            return torch_pruning.DependencyGraph().build_dependency(
                network,
                example_inputs=example,
                forward_fn=examples.call,
                output_transform=lambda output: [tensor * 1.0 for tensor in examples.floating(output)],
                verbose=False,
            )
    except Exception as error:
        raise UserError(f"cannot trace {type(network).__name__} ({foreign.short(error)}): {FOLLOWED}") from error


def _check_reached(network: nn.Module, example: foreign.Example, dependencies) -> None:
    """Every convolution and linear layer must have taken part in the traced pass: else cutting another may break it."""
    inside = {
        id(part)
        for module in network.modules()
        if isinstance(module, tuple(WHOLE))
        for part in module.modules()
        if part is not module
    }
    for name, module in network.named_modules():
        if isinstance(module, KERNELS) and id(module) not in inside and module not in dependencies.module2node:
            if name in foreign.called(network, example):
                raise UserError(
                    f"cannot trace {type(network).__name__}: its layer {name} is called, but its result is cut off "
                    f"from the output: {FOLLOWED}"
                )
            raise UserError(
                f"cannot trace {type(network).__name__}: its layer {name} was not called in the forward pass of the "
                f"example, so what is coupled to it stays unknown; expected a network that calls the same layers "
                f"whatever its data and its mode are: remove the layer, or call it instead of using its weights"
            )


def _all_groups(dependencies) -> list:
    try:
        roots = (torch_pruning.ops.TORCH_CONV, torch_pruning.ops.TORCH_LINEAR)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return list(dependencies.get_all_groups(root_module_types=roots))
    except Exception as error:
        raise UserError(
            f"cannot follow the channels of {type(dependencies.model).__name__} ({foreign.short(error)}): expected "
            f"layers of torch.nn joined by sums, concatenations and flattening"
        ) from error


def _left_whole(group, names, spare) -> str:
    """Why the channels of a group are not pruned; empty if they are."""
    for item in group:
        module, kind = item.dep.target.module, item.dep.target.type
        if kind == torch_pruning.ops.OPTYPE.OUTPUT:
            return "makes the output"
        if names.get(module) in spare:
            return f"{names[module]} is spared"
        if isinstance(module, nn.Parameter):
            return "is added to a parameter that belongs to no layer"
        for whole, text in WHOLE.items():
            if isinstance(module, whole):
                return f"is coupled to {text} ({names[module]})"
        if isinstance(module, CONVOLUTIONS) and module.groups > 1 and not _depthwise(module):
            return f"is coupled to a grouped convolution ({names[module]})"
        if None in item.root_idxs:
            return "is rearranged on its way"
        if kind == torch_pruning.ops.OPTYPE.CONCAT and module.offsets is None:
            return "is concatenated and flattened with no layer between that tells its channels apart"
    return ""


def _depthwise(module: nn.Module) -> bool:
    return module.groups == module.in_channels == module.out_channels


def _traced(group, names, dependencies, order) -> Group:
    """A group named by the first convolution or linear layer that numbers its channels as the group does."""
    width = dependencies.get_out_channels(group[0].dep.target.module)
    rows, columns = {}, {}
    for item in group:
        module, removes = item.dep.target.module, item.dep.handler
        if isinstance(module, PRODUCERS) and dependencies.is_out_channel_pruning_fn(removes):
            _note(rows, names[module], item, dependencies.get_out_channels(module))
        elif isinstance(module, KERNELS):
            _note(columns, names[module], item, dependencies.get_in_channels(module))
    rows, columns = ({name: found[name] for name in order if name in found} for found in (rows, columns))
    alike = [name for name, module in ((names[one], one) for one in names) if _is_alike(rows.get(name), module, width)]
    return Group(
        name=alike[0],
        width=width,
        kind="traced",
        producers=tuple(rows),
        consumers=tuple(columns),
        rows={name: owner for name, owner in rows.items() if not torch.equal(owner, torch.arange(width))},
        columns={name: owner for name, owner in columns.items() if not _in_a_row(owner, width)},
    )


def _note(found: dict[str, Tensor], name: str, item, count: int) -> None:
    """Adds to a layer which of its channels belong to which of the group's."""
    owner = found.setdefault(name, torch.full((count,), -1))
    owner[torch.tensor(item.idxs)] = torch.tensor(item.root_idxs)


def _is_alike(owner: Tensor | None, module: nn.Module, width: int) -> bool:
    return owner is not None and isinstance(module, KERNELS) and torch.equal(owner, torch.arange(width))


def _in_a_row(owner: Tensor, width: int) -> bool:
    """Whether a consumer reads every channel equally often in a row."""
    return torch.equal(owner, torch.arange(width).repeat_interleave(max(len(owner) // width, 1)))


def _check_names(network: nn.Module, spare: Sequence[str]) -> None:
    unknown = [name for name in spare if name not in dict(network.named_modules())]
    if unknown:
        raise UserError(f"expected names of layers to spare, as in named_modules(), got {unknown[0]!r}")
