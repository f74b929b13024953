"""Many runs' parameters, momentum and masks as rows of matrices, so that one operation serves all of them."""

from collections.abc import Sequence
from math import prod

import torch
from torch import Tensor, nn

from pruneproxy.train.loop import Training

ALIGNED = 16  # numbers; every tensor of every run begins at a multiple, so that it is computed alike in every row


class Stack:
    """The state of some runs of one shape. As long as it lives, the runs' own tensors are views of its rows."""

    def __init__(self, members: Sequence[Training]):
        self.members = list(members)
        self._parts, self.size = _parts(members[0].model)
        self.values, self._momentum, self._gradients = (self._zeros() for _ in range(3))
        self._masks = None if all(member.hook is None for member in members) else torch.ones_like(self.values)
        self._coefficients()
        self._released: set[int] = set()
        for row, member in enumerate(self.members):
            self._take(row, member)
        self.buffers = self._stacked_buffers()
        self.leaves = {name: self._all(self.values, name).detach().requires_grad_() for name in self._parts}
        self._into = [self._all(self._gradients, name) for name in self._parts]

    def _zeros(self) -> Tensor:
        return next(self.members[0].model.parameters()).new_zeros(len(self.members), self.size)

    def _all(self, matrix: Tensor, name: str) -> Tensor:
        """The parameter `name` of all runs."""
        start, shape = self._parts[name]
        return matrix[:, start : start + prod(shape)].view(len(matrix), *shape)

    def _coefficients(self):
        """What the optimisers have of their own, as columns; as matrices where it is not the same for all weights."""
        configs = [member.config for member in self.members]
        self.momenta, decay, self._slimming = (
            self.values.new_tensor([[getattr(config, name)] for config in configs])
            for name in ("momentum", "weight_decay", "slimming")
        )
        self._nesterov = configs[0].nesterov
        spared = [
            name for name, (_, shape) in self._parts.items() if len(shape) < 2 and configs[0].decayed == "weights"
        ]
        self._decay = decay.expand_as(self.values).clone() if spared else decay
        for name in spared:
            self._all(self._decay, name).zero_()
        scales = [
            f"{name}.weight"
            for name, module in self.members[0].model.named_modules()
            if isinstance(module, nn.modules.batchnorm._BatchNorm) and any(config.slimming for config in configs)
        ]
        self._scales = [(self._all(self._gradients, name), self._all(self.values, name)) for name in scales]

    @torch.no_grad()
    def _take(self, row: int, member: Training):
        """Moves the state of a run into its row; what the run holds are views of it."""
        for name, parameter in member.model.named_parameters():
            state = member.optimizer.state[parameter] if member.config.momentum else {}
            value, momentum = (self._all(matrix, name)[row] for matrix in (self.values, self._momentum))
            value.copy_(parameter)
            parameter.data = value
            if state.get("momentum_buffer") is not None:
                momentum.copy_(state["momentum_buffer"])
            if member.config.momentum:
                state["momentum_buffer"] = momentum
        for layer, mask in () if member.hook is None else member.hook.masks.items():
            member.hook.masks[layer] = self._all(self._masks, f"{layer}.weight")[row].copy_(mask)

    def _stacked_buffers(self) -> dict[str, Tensor]:
        names = [name for name, _ in self.members[0].model.named_buffers()]
        found = {name: torch.stack([member.model.get_buffer(name) for member in self.members]) for name in names}
        for row, member in enumerate(self.members):
            _set_buffers(member.model, {name: values[row] for name, values in found.items()})
        return found

    def release(self, row: int):
        """Gives a run tensors of its own again: what its row becomes does not touch it."""
        member = self.members[row]
        self._released.add(row)
        for parameter in member.model.parameters():
            parameter.data = parameter.data.clone()
            state = member.optimizer.state.get(parameter, {})
            state.update({name: value.clone() for name, value in state.items() if isinstance(value, Tensor)})
        _set_buffers(member.model, {name: value.clone() for name, value in member.model.named_buffers()})
        for layer, mask in () if member.hook is None else list(member.hook.masks.items()):
            member.hook.masks[layer] = mask.clone()

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor], rates: Tensor, progress: float):
        """SGD of every run with its own rate, on masked gradients; runs whose hook wants more take a step alone.

        `progress` is the share of the epoch that lies behind.
        """
        torch._foreach_copy_(self._into, gradients)
        for gradient, scale in self._scales:
            gradient.addcmul_(scale.sign(), self._slimming)
        momenta, alone = self.momenta, self._steps_alone(progress)
        if self._masks is not None:
            self._gradients.mul_(self._masks)
        self._gradients.addcmul_(self.values, self._decay)
        if alone:  # their rows stay what they have become
            others = torch.ones_like(momenta)
            others[alone] = 0
            momenta, rates = torch.where(others > 0, momenta, 1.0), rates * others
            self._gradients.mul_(others)
        self._momentum.mul_(momenta).add_(self._gradients)
        moves = self._gradients.addcmul_(self._momentum, momenta) if self._nesterov else self._momentum
        self.values.addcmul_(moves, rates, value=-1)

    def _steps_alone(self, progress: float) -> list[int]:
        """Rows whose hooks have moved them by themselves; the other hooks hear that a step is taken for them."""
        alone = []
        for row, member in enumerate(self.members):
            if member.hook is None or row in self._released:
                continue
            if not member.hook.alone():
                member.hook.passed()
                continue
            alone.append(row)
            for name, parameter in member.model.named_parameters():
                parameter.grad = self._all(self._gradients, name)[row]
            member.set_lr(member.done + progress)
            member.hook.step(member.optimizer)
            member.optimizer.zero_grad(set_to_none=True)
        return alone


def _parts(model: nn.Module) -> tuple[dict[str, tuple[int, torch.Size]], int]:
    """Where in a row each parameter begins, with its shape, and how long a row is."""
    found, size = {}, 0
    for name, parameter in model.named_parameters():
        found[name] = (size, parameter.shape)
        size += -(-parameter.numel() // ALIGNED) * ALIGNED
    return found, size


def _set_buffers(model: nn.Module, values: dict[str, Tensor]):
    for name, value in values.items():
        owner, _, last = name.rpartition(".")
        model.get_submodule(owner)._buffers[last] = value
