"""Below which density a layer of compressed rows is faster than a masked dense one, measured once per machine."""

import functools
import math
from statistics import median

import torch
from torch import Tensor, nn
from torch.nn import functional

from pruneproxy import environment
from pruneproxy.cache import cached
from pruneproxy.sparse.rows import Rows

DENSITIES = (0.5, 0.4, 0.3, 0.2, 0.1, 0.05)  # at which engines are measured
GAIN = 1.05  # times the speed of masks, from which on an engine is used
LARGEST = 1024  # outputs, inputs and images of the layers that are measured: larger ones gain as these
CPU = torch.device("cpu")


def break_even(engine: str, outputs: int, inputs: int, batch: int) -> float:
    """The largest of `DENSITIES` at which an engine (a module) has gained `GAIN` in a layer; 0 where none does.

    Sizes are rounded to powers of two. Kept for the machine, versions and number of threads.
    """
    return _break_even(engine, *(min(2 ** round(math.log2(size)), LARGEST) for size in (outputs, inputs, batch)))


@functools.cache
def _break_even(engine: str, *sizes: int) -> float:
    facts = environment.describe("cpu")
    key = (engine, *sizes, facts["device"], facts["packages"]["torch"], torch.get_num_threads())

    def measured() -> float:
        return next((density for density in DENSITIES if gain(engine, density, *sizes) >= GAIN), 0.0)

    return cached("break-even", key, measured, parts=("sparse",))


def gain(engine: str, density: float, outputs: int, inputs: int, batch: int, *, turns: int = 7) -> float:
    """How many times faster than with masks a training step of one layer is: the median of `turns`, both in turn."""
    mask = torch.rand(outputs, inputs, generator=torch.Generator().manual_seed(0)) < density
    steps = {"masks": _Step(mask, batch), "rows": _Step(mask, batch, engine)}
    ratios = []
    for turn in range(turns + 1):
        seconds = {kind: steps[kind].seconds() for kind in (("masks", "rows") if turn % 2 else ("rows", "masks"))}
        ratios.append(seconds["masks"] / seconds["rows"])
    return median(ratios[1:])  # the first turn compiles and allocates


class _Step:
    """A training step of one sparse layer."""

    def __init__(self, mask: Tensor, batch: int, engine: str | None = None):
        draw = torch.Generator().manual_seed(1)
        self.mask, self.layer = mask.float(), nn.Linear(*mask.shape[::-1])
        self.layer.weight.data.mul_(self.mask)
        self.x = torch.randn(batch, mask.shape[1], generator=draw, requires_grad=True)
        self.optimizer = torch.optim.SGD(self.layer.parameters(), lr=1e-3, momentum=0.9, weight_decay=1e-4)
        self.rows = None
        if engine is not None:
            self.rows = Rows(self.layer, engine)
            self.rows.follow(mask)

    def seconds(self) -> float:
        """Of one step."""
        started = environment.clock(CPU)
        self.optimizer.zero_grad()
        functional.relu(self.layer(self.x)).sum().backward()
        if self.rows is None:
            self.layer.weight.grad.mul_(self.mask)
        self.optimizer.step()
        if self.rows is not None:
            self.rows.descend(self.optimizer)
        return environment.clock(CPU) - started
