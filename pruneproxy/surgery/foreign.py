"""A user's network: made from a seed, called on an example, and refused in one sentence where it cannot be handled."""

import contextlib
import copy
import random
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from pruneproxy import examples
from pruneproxy.errors import UserError
from pruneproxy.examples import Example
from pruneproxy.randomness import stream_seed

Factory = Callable[[], nn.Module]
UNTRACEABLE = {
    torch.jit.ScriptModule: "TorchScript hides its layers: return the Python module that it was compiled from",
    torch._dynamo.OptimizedModule: "a compiled network cannot be cut: return the network without torch.compile",
    nn.DataParallel: "return the network inside it (its `module`)",
}


@contextlib.contextmanager
def seeded(seed: int, *names) -> Iterator[None]:
    """The global generators of torch, NumPy and Python, seeded inside and as they were before afterwards."""
    start = stream_seed(seed, *names)
    numpy_state, python_state = np.random.get_state(), random.getstate()
    with torch.random.fork_rng():
        torch.manual_seed(start)
        np.random.seed(start % 2**32)
        random.seed(start)
        try:
            yield
        finally:
            np.random.set_state(numpy_state)
            random.setstate(python_state)


def make(factory: Factory, seed: int) -> nn.Module:
    """The network of `factory` with the initial weights of `seed`: a copy, so that nothing of the user's changes."""
    if isinstance(factory, nn.Module):
        raise UserError(
            f"expected a function without arguments that makes the network, got a {type(factory).__name__} itself: "
            f"pass `lambda: ...` with the expression that made it"
        )
    if not callable(factory):
        raise UserError(f"expected a function without arguments that makes the network, got {factory!r}")
    with seeded(seed, "weights"):
        network = factory()
    if not isinstance(network, nn.Module):
        raise UserError(
            f"expected the factory to return a torch.nn.Module, got {type(network).__name__}: wrap what it returns in "
            f"a module"
        )
    for kind, advice in UNTRACEABLE.items():
        if isinstance(network, kind):
            raise UserError(f"cannot prune {type(network).__name__}: {advice}")
    try:
        return copy.deepcopy(network)
    except Exception as error:
        raise UserError(
            f"cannot copy the network of the factory, {type(network).__name__} ({short(error)}): every trial needs a "
            f"copy of its own, so build the network from parts that `copy.deepcopy` can copy"
        ) from error


def made_alike(factory: Factory, seed: int, example: Example) -> nn.Module:
    """The network of `factory`, on the device of the example; whenever it is called it must have the same tensors and
    outputs.
    """
    device = examples.device(example)
    network, again = (make(factory, seed).to(device) for _ in range(2))
    first, second = (shapes(outputs(one, example)) for one in (network, again))
    ours, theirs = (shapes(list(one.state_dict().values())) for one in (network, again))
    if (first, ours) != (second, theirs):
        raise UserError(
            "expected a factory that makes the same network whenever it is called, got other shapes the second time: "
            "let nothing that it draws decide about the architecture"
        )
    return network


def outputs(network: nn.Module, example: Example) -> list[Tensor]:
    """The tensors that the network puts out in evaluation mode, without gradients; an error says what it cannot read.

    The network is left in the modes that it was in.
    """
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        with torch.no_grad():
            return examples.floating(examples.call(network, example))
    except UserError:
        raise
    except Exception as error:
        raise UserError(
            f"the network cannot read the example ({short(error)}): pass one mini-batch of inputs as it is "
            f"trained on, a tensor, a tuple of arguments or a dictionary of keyword arguments"
        ) from error
    finally:
        for module, mode in modes:
            module.training = mode


def called(network: nn.Module, example: Example) -> list[str]:
    """The names of the modules that are called in a forward pass of the example, in the order of the first calls."""
    found: dict[str, None] = {}
    hooks = [
        module.register_forward_pre_hook(lambda *_, name=name: found.update({name: None}))
        for name, module in network.named_modules()
    ]
    try:
        outputs(network, example)
    finally:
        for hook in hooks:
            hook.remove()
    return list(found)


@contextlib.contextmanager
def trained_on() -> Iterator[None]:
    """Says in one sentence what goes wrong inside, where a network is trained on the example."""
    try:
        yield
    except (UserError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        raise UserError(
            f"the network cannot be trained on the example ({short(error)}): pass a mini-batch of two inputs or more, "
            f"and leave out no_grad and detach"
        ) from error


def shapes(tensors: Sequence[Tensor]) -> list[tuple[int, ...]]:
    """The shape of each tensor."""
    return [tuple(tensor.shape) for tensor in tensors]


def multiplications(network: nn.Module, example: Example) -> int:
    """Multiplications per input of one forward pass, by torch's own counter, which counts two FLOPs for each."""
    counter = FlopCounterMode(display=False)
    with counter:
        outputs(network, example)
    return counter.get_total_flops() // 2 // examples.batch_size(example)


def short(error: Exception) -> str:
    """The first line of an error, with its kind."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0][:200]}" if lines else type(error).__name__
