"""Sparse training as a hook of the training loop."""

import torch
from torch import Tensor, nn

from pruneproxy.masks import Shapes, counts, densities
from pruneproxy.randomness import generator
from pruneproxy.sparse.config import SEMANTICS, SparseConfig
from pruneproxy.sparse.engines import Engine, engine_of
from pruneproxy.sparse.rows import Rows
from pruneproxy.sparse.updates import LOOK_AT_GRADIENTS, METHODS, updated


def layer_densities(model: nn.Module, config: SparseConfig) -> dict[str, float]:
    """The share of its weights that every layer of the network keeps; nothing where training is dense."""
    shapes = {name: tuple(weight.shape) for name, weight in _weights(model).items()}
    return {} if config.method == "dense" else _allotted(shapes, config)


def _allotted(shapes: Shapes, config: SparseConfig) -> dict[str, float]:
    """The density that every layer of these shapes gets."""
    return densities(shapes, config.density, allocation=config.allocation, kept_dense=config.kept_dense)


def _weights(model: nn.Module) -> dict[str, nn.Parameter]:
    layers = ((name, one) for name, one in model.named_modules() if isinstance(one, nn.Conv2d | nn.Linear))
    return {name: one.weight for name, one in layers}


class Topology:
    """The masks of one run. Give it to `Training(..., hook=Topology(config, seed=seed))`.

    A layer is computed by an `engine` that multiplies by the kept weights only, where that is faster (None: chosen by
    measurement, see `engines`). Elsewhere a step costs one product in place per sparse layer: gradients are masked.
    Either way absent weights and their momentum stay exactly 0. Masks and growth are drawn from streams named by seed
    and update, which a restored run draws again.
    """

    def __init__(self, config: SparseConfig, *, seed: int = 0, engine: str | None = None):
        self.config = config
        self.engine: Engine = engine_of(engine)
        self.seed = seed if config.mask_seed is None else config.mask_seed
        self.semantics = SEMANTICS[config.semantics]
        self.taken = 0  # steps so far
        self.updates = 0  # topology updates so far
        self.moved = 0  # weights that these have removed
        self.steps = 0  # of the whole run
        self.weights: dict[str, nn.Parameter] = {}
        self.masks: dict[str, Tensor] = {}  # of the sparse layers, as numbers in the layout of the weights
        self.rows: dict[str, Rows] = {}  # of the layers that an engine computes
        self._linear: dict[str, nn.Linear] = {}  # those that it may

    def begin(self, training) -> None:
        """Draws the masks and, unless the first step is dense, applies them."""
        self.steps = len(training.batches()) * training.config.epochs
        if self.config.method != "dense":
            self._draw(_weights(training.model))
            self._linear = self.engine.layers(training, self.masks)
        if not self.semantics.dense_first_step:
            self._apply(training.optimizer)

    @torch.no_grad()
    def step(self, optimizer: torch.optim.Optimizer) -> None:
        """A step of the optimiser, a topology update, or both, as the semantics say."""
        due = self.config.due(self.taken, self.steps)
        scores = self._growth_scores() if due else {}
        if self.taken == 0 and self.semantics.dense_first_step:
            optimizer.step()
            self._apply(optimizer)
        elif not (due and self.semantics.replaces_step):
            self._descend(optimizer)
        if due:
            self._update(optimizer, scores)
        self.taken += 1
        self._look_ahead()

    def _descend(self, optimizer: torch.optim.Optimizer) -> None:
        """A step of the optimiser on what is kept."""
        for name, mask in self.masks.items():
            if self.weights[name].grad is not None:
                self.weights[name].grad.mul_(mask)
        optimizer.step()
        for rows in self.rows.values():
            rows.descend(optimizer)

    def _look_ahead(self) -> None:
        """Asks for the gradients of absent weights where the next step's update looks at them."""
        due = self.config.due(self.taken, self.steps) and self.config.method in LOOK_AT_GRADIENTS
        for rows in self.rows.values():
            rows.dense_gradient = due

    def alone(self) -> bool:
        """Whether the next step is dense, or has a topology update."""
        first = self.taken == 0 and self.semantics.dense_first_step
        return first or self.config.due(self.taken, self.steps)

    def passed(self) -> None:
        """Counts a step on masked gradients."""
        self.taken += 1

    def state(self) -> dict:
        """The masks and where the run stands."""
        return {"masks": self.keep(), "taken": self.taken, "updates": self.updates, "moved": self.moved}

    @torch.no_grad()
    def restore(self, state: dict) -> None:
        """Goes on from `state`."""
        for name, mask in state["masks"].items():
            self.masks[name].copy_(mask)
        self.taken, self.updates, self.moved = state["taken"], state["updates"], state["moved"]
        if self.taken or not self.semantics.dense_first_step:
            self._follow()
        self._look_ahead()

    def keep(self) -> dict[str, Tensor]:
        """The kept weights of every sparse layer as boolean masks."""
        return {name: mask.bool() for name, mask in self.masks.items()}

    @property
    def label(self) -> str:
        """The method that the run has really used: one in which no weight has moved is `static`."""
        return self.config.method if self.moved or self.config.method == "dense" else "static"

    def facts(self) -> dict:
        """What a record says: label, updates, weights that these removed, steps of the run, engine, densities."""
        return {
            "label": self.label,
            "updates": self.updates,
            "moved": self.moved,
            "steps": self.steps,
            "engine": self.engine.name if self.rows else "masked",
            "densities": {name: int(mask.sum()) / mask.numel() for name, mask in self.keep().items()},
        }

    def _draw(self, layers: dict[str, nn.Parameter]) -> None:
        """Random masks with exactly the allocated number of weights; a layer that keeps all of them needs none."""
        config = self.config
        shapes = {name: tuple(weight.shape) for name, weight in layers.items()}
        draws = generator(self.seed, "masks")
        for name, count in counts(shapes, _allotted(shapes, config)).items():
            weight = layers[name]
            chosen = torch.zeros(weight.numel())
            chosen[torch.randperm(weight.numel(), generator=draws)[:count]] = 1
            if count < weight.numel():
                self.weights[name] = weight
                self.masks[name] = torch.empty_like(weight, requires_grad=False).copy_(chosen.view(weight.shape))

    def _growth_scores(self) -> dict[str, Tensor]:
        """The scores of every layer, from the gradients of this batch before they are masked."""
        growth = METHODS[self.config.method]
        draws = generator(self.seed, "growth", self.updates)
        # Without a gradient the growth looks only at the shape.
        gradients = {name: weight if weight.grad is None else weight.grad for name, weight in self.weights.items()}
        return {name: growth(gradient, draws) for name, gradient in gradients.items()}

    def _update(self, optimizer: torch.optim.Optimizer, scores: dict[str, Tensor]) -> None:
        """Removes and grows the same number of weights in every layer."""
        share = self.config.share_at(self.taken, self.steps)
        for name, weight in self.weights.items():
            kept = self.masks[name].bool()
            how = {"removal": self.semantics.removal, "rounding": self.semantics.rounding}
            new, removed = updated(weight, kept, scores[name], share=share, **how)
            stays = kept & new
            if self.semantics.returning == "zero":
                stays &= ~removed
            self.moved += int((kept & ~stays).sum())
            self.masks[name].copy_(new)
            weight.mul_(stays)
            _clear_momentum(optimizer, weight, stays)
        if self.semantics.clears == "all":
            for weight in optimizer.state:
                _clear_momentum(optimizer, weight, torch.zeros((), device=weight.device))
        self._follow()
        self.updates += 1

    @torch.no_grad()
    def _apply(self, optimizer: torch.optim.Optimizer) -> None:
        """Absent weights and their momentum become 0."""
        for name, mask in self.masks.items():
            self.weights[name].mul_(mask)
            _clear_momentum(optimizer, self.weights[name], mask)
        self._follow()

    def _follow(self) -> None:
        """Tells the engine what is kept now."""
        for name, layer in self._linear.items():
            if name not in self.rows:
                self.rows[name] = Rows(layer, self.engine.module)
            self.rows[name].follow(self.masks[name].bool())


def _clear_momentum(optimizer: torch.optim.Optimizer, weight: nn.Parameter, stays: Tensor) -> None:
    """The momentum of `weight`, if there is any yet, becomes 0 where `stays` is."""
    momentum = optimizer.state.get(weight, {}).get("momentum_buffer")
    if momentum is not None:
        momentum.mul_(stays)
