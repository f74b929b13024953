"""What multiplies by the weights of sparse layers, chosen by measurement."""

import importlib
import importlib.util
import os
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from pruneproxy.errors import choose
from pruneproxy.sparse.breakeven import DENSITIES, break_even

SWITCH = "PRUNEPROXY_SPARSE"  # `auto` or a key of ENGINES
ENGINES = {
    "masked": None,  # dense products, masked gradients
    "numba": "pruneproxy.sparse.kernels",  # compressed rows by compiled loops; needs the extra `fast`
    "torch": "pruneproxy.sparse.csr",  # compressed rows by torch
}
SMALLEST = 2**16  # weights of a layer that is worth the calls from Python


@dataclass(frozen=True)
class Engine:
    """A way to compute sparse layers."""

    name: str
    everywhere: bool = True  # and not only where it was measured to be faster

    @property
    def module(self) -> str | None:
        """The name of the module with its products."""
        return ENGINES[self.name]

    def layers(self, training, masks: dict[str, Tensor]) -> dict[str, nn.Linear]:
        """Those of a run's masked layers that it computes: linear ones in float32 on a CPU."""
        if self.module is None or training.config.precision != "float32":
            return {}
        masked, batch = ((name, training.model.get_submodule(name)) for name in masks), training.config.batch_size
        found = {name: layer for name, layer in masked if isinstance(layer, nn.Linear) and _computes(layer.weight)}
        return {name: layer for name, layer in found.items() if self.everywhere or self._pays(masks[name], batch)}

    def _pays(self, mask: Tensor, batch: int) -> bool:
        density = float(mask.float().mean())
        if mask.numel() < SMALLEST or density > DENSITIES[0]:
            return False
        return density <= break_even(self.module, *mask.shape, batch)


def _computes(weight: Tensor) -> bool:
    return weight.device.type == "cpu" and weight.dtype == torch.float32


def engine_of(name: str | None = None) -> Engine:
    """The engine of this name; `auto` is the fastest one that there is, where it is faster than masks.

    None asks the environment variable PRUNEPROXY_SPARSE, whose default is `auto`.
    """
    name = name or os.environ.get(SWITCH) or "auto"
    if name == "auto":
        return Engine("numba" if importlib.util.find_spec("numba") else "torch", everywhere=False)
    if module := choose(name, ENGINES, "engine of sparse training"):
        importlib.import_module(module)  # says now if something is missing
    return Engine(name)
