"""The search for a sub-network, guided by the networks on the way (004, Algorithm 1, lines 3 to 12)."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from pruneproxy import costs, environment, scores, surgery
from pruneproxy.channels import Keep, kept_widths
from pruneproxy.ekg.passes import Passes
from pruneproxy.errors import UserError, choose
from pruneproxy.models import Group
from pruneproxy.randomness import generator

GUIDES = {
    "none": "the loss on the validation images alone (eq. 5)",
    "single": "and the cross-entropy to the predictions of the unpruned network",
    "ensemble": "and that to the mean logits of all networks on the way (eq. 7 and 8)",
}
SCORES = {
    "taylor": "|gradient x activation| of the reward where the next layer reads the channel (eq. 9)",
    "l1": "the L1 norm of the filters",
    "geometric-median": "the distance to the other filters (FPGM)",
    "gbn": "|gradient| of the loss at a gate behind batch normalisation (Gate Decorator)",
    "random": "drawn",
}
PICKED = {
    "best": "the candidate with the largest reward (eq. 4)",
    "random": "any candidate (the random sub-networks of A.3)",
}
FILTERS = {
    "none": "the candidates of all groups are tried",
    "otsu": "only those whose summed scores lie below a trimmed Otsu threshold (released code)",
}
TRIMMED = 0.2  # of the candidates' scores at either end, before the threshold is drawn


@dataclass(frozen=True, kw_only=True)
class SearchConfig:
    """How channels leave, a group at a time, until a share `target` of the multiplications is left.

    A candidate is the `ratio` of a group's channels that score lowest; with `per_call` that ratio is divided by the
    number of layers that produce the group, as the released code does for residual streams. `rescaled` gives kernels
    with removed filters their old length again, as it does too. `seed` is of what is drawn.
    """

    target: float = 0.5
    guide: str = "ensemble"
    score: str = "taylor"
    ratio: float = 0.2
    per_call: bool = False
    picked: str = "best"
    filtered: str = "none"
    rescaled: bool = False
    floor: int = 1  # channels that every group keeps
    seed: int = 0

    def __post_init__(self):
        choose(self.guide, GUIDES, "guide")
        choose(self.score, SCORES, "score of the search")
        choose(self.picked, PICKED, "way to pick a candidate")
        choose(self.filtered, FILTERS, "filter of candidates")
        for name in ("target", "ratio"):
            if not 0 < getattr(self, name) <= 1:
                raise UserError(f"SearchConfig.{name} must be a share in (0, 1], got {getattr(self, name)!r}")
        if self.floor < 1:
            raise UserError(f"SearchConfig.floor must be at least 1, got {self.floor!r}")


@dataclass(frozen=True, kw_only=True)
class Step:
    """A network on the way: the group that lost channels, what is kept, its losses and multiplications."""

    group: str
    keep: Keep
    loss: float
    guidance: float
    multiplications: int


@dataclass(frozen=True, kw_only=True)
class Found:
    """The networks on the way, the unpruned one first and the one that was found last; seconds by phase."""

    steps: tuple[Step, ...]
    seconds: Mapping[str, float]

    @property
    def keep(self) -> Keep:
        """The channels of the network that was found."""
        return self.steps[-1].keep


def search(
    model: nn.Module,
    images: Tensor,
    labels: Tensor,
    config: SearchConfig,
    *,
    done: Sequence[Step] = (),
    on_step: Callable[[list[Step]], None] | None = None,
) -> Found:
    """Removes the candidate that costs least, again and again, until the target is met.

    Batch normalisation uses the statistics of the images throughout, as networks on the way have none of their own.
    A search that was stopped goes on after the steps that it has `done`; `on_step` hears all of them after each one.
    """
    judge = _Judge(model, images, labels, config)
    steps = [judge.accept("", judge.whole)] if not done else list(done)
    for step in done:
        judge.remember(step)
    while judge.multiplications(steps[-1].keep) > judge.limit:
        steps.append(judge.next(steps[-1].keep, len(steps)))
        if on_step is not None:
            on_step(steps)
    return Found(steps=tuple(steps), seconds={name: round(spent, 3) for name, spent in judge.seconds.items()})


class _Judge:
    """What all steps of a search share: the network, the images, the costs and the ensemble so far."""

    def __init__(self, model: nn.Module, images: Tensor, labels: Tensor, config: SearchConfig):
        self.model, self.labels, self.config = model, labels, config
        self.images = _laid_out(images)
        self.passes = Passes(self.images)
        self.groups = {group.name: group for group in surgery.prunable(model, "all")}
        self.whole = {group.name: torch.arange(group.width) for group in self.groups.values()}
        self.layers = costs.layers(model)
        self.total = costs.total(self.layers)
        self.limit = config.target * self.total
        self.logits: list[Tensor] = []  # of the accepted networks
        self.seconds = {"scores": 0.0, "candidates": 0.0, "ensemble": 0.0}

    def multiplications(self, keep: Keep) -> int:
        return costs.total(costs.narrowed(self.layers, self.groups.values(), kept_widths(keep)))

    @contextmanager
    def timed(self, phase: str) -> Iterator[None]:
        started = environment.clock(self.images.device)
        yield
        self.seconds[phase] += environment.clock(self.images.device) - started

    def network(self, keep: Keep) -> nn.Module:
        """The narrow network, in the mode in which it is judged."""
        found = _laid_out(surgery.narrow(self.model, keep).train())
        return rescaled(found, self.model) if self.config.rescaled else found

    def teacher(self) -> Tensor | None:
        """What networks are compared with: mean logits, or those of the unpruned network."""
        if self.config.guide == "none" or not self.logits:
            return None
        return self.logits[0] if self.config.guide == "single" else torch.stack(self.logits).mean(0)

    def losses(self, logits: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Cross-entropy to the labels and to the teacher."""
        teacher = self.teacher()
        guidance = (
            torch.zeros(()) if teacher is None else functional.cross_entropy(logits, teacher.to(logits).softmax(1))
        )
        return functional.cross_entropy(logits, labels), guidance

    def reward(self, keep: Keep, group: str) -> float:
        """Eq. 7: minus both losses of a network that differs from the last accepted one in a group."""
        logits = self.passes.of_candidate(self.network(keep), self.groups[group])
        return -float(sum(self.losses(logits, self.labels)))

    def accept(self, group: str, keep: Keep) -> Step:
        """The network as a step, whose logits join the ensemble."""
        with self.timed("ensemble"):
            logits = self.passes.whole(self.network(keep))
            loss, guidance = self.losses(logits, self.labels)
            self.logits.append(logits)
        count = self.multiplications(keep)
        return Step(group=group, keep=keep, loss=float(loss), guidance=float(guidance), multiplications=count)

    def remember(self, step: Step) -> None:
        """A step that was made before joins the ensemble."""
        self.logits.append(self.passes.whole(self.network(step.keep)))

    def next(self, keep: Keep, number: int) -> Step:
        """The network after step `number`: without the candidate that is picked."""
        drawn = generator(self.config.seed, "candidates", number)
        with self.timed("scores"):
            ranked = self.ranked(keep, drawn)
        with self.timed("candidates"):
            candidates = self.candidates(keep, ranked)
            group = self.picked(keep, candidates, drawn)
        return self.accept(group, keep | {group: self.shortened(keep, group, candidates[group], ranked[group].order)})

    def ranked(self, keep: Keep, drawn: torch.Generator) -> dict[str, "_Ranked"]:
        """Per group, the channels that are kept in the order of their scores, the lowest first."""
        network = self.network(keep)
        groups = surgery.prunable(network, "all")
        choices = scores.Choices(inputs=self.images, labels=self.labels, generator=drawn, double=False)
        if self.config.score in GATES:
            scored = GATES[self.config.score](network, groups, choices, loss=lambda *pair: sum(self.losses(*pair)))
        else:
            scored = scores.of_groups(network, groups, score=self.config.score, choices=choices)
        orders = {name: values.argsort(stable=True) for name, values in scored.items()}
        return {name: _Ranked(order=keep[name][order], scores=scored[name][order]) for name, order in orders.items()}

    def candidates(self, keep: Keep, ranked: Mapping[str, "_Ranked"]) -> Keep:
        """Per group that may lose channels, what it would keep."""
        found, sums = {}, {}
        for group in self.groups.values():
            leaving = min(self.leaving(group), len(keep[group.name]) - self.config.floor)
            if leaving > 0:
                found[group.name] = ranked[group.name].order[leaving:].sort().values
                sums[group.name] = float(ranked[group.name].scores[:leaving].sum())
        if not found:
            raise UserError(
                f"expected channels that may leave until {self.config.target:g} of the multiplications are left, got "
                f"none at {self.multiplications(keep) / self.total:.3f}: lower the floor or raise the target"
            )
        return found if self.config.filtered == "none" else _below_threshold(found, sums)

    def leaving(self, group: Group) -> int:
        """How many of a group's channels are a candidate."""
        calls = sum(isinstance(self.model.get_submodule(name), nn.Conv2d) for name in group.producers)
        share = self.config.ratio / (max(1, calls) if self.config.per_call else 1)
        return max(1, round(share * group.width))

    def picked(self, keep: Keep, candidates: Keep, drawn: torch.Generator) -> str:
        """The group that loses its candidate."""
        if self.config.picked == "random":
            return list(candidates)[int(torch.randint(len(candidates), (), generator=drawn))]
        return max(candidates, key=lambda name: self.reward(keep | {name: candidates[name]}, name))

    def shortened(self, keep: Keep, group: str, kept: Tensor, order: Tensor) -> Tensor:
        """What a group keeps: the candidate's, or in the last step as much as the target allows (released code)."""
        for leaving in range(1, len(keep[group]) - len(kept)):
            fewer = order[leaving:].sort().values
            if self.multiplications(keep | {group: fewer}) <= self.limit:
                return fewer
        return kept


def _laid_out(found: nn.Module | Tensor) -> nn.Module | Tensor:
    """A network, or images, with the channels of a pixel side by side: a third faster on CPUs."""
    return found if isinstance(found, Tensor) and found.ndim != 4 else found.to(memory_format=torch.channels_last)


GATES = {"taylor": scores.gate_saliency, "gbn": scores.norm_gates}


@dataclass(frozen=True, kw_only=True)
class _Ranked:
    """Channels of a group by rising score."""

    order: Tensor
    scores: Tensor


def _below_threshold(found: Keep, sums: Mapping[str, float]) -> Keep:
    """The candidates whose summed scores are at most Otsu's threshold of the trimmed sums; never none."""
    ordered = np.sort(list(sums.values()))
    cut = int(TRIMMED * len(ordered))
    trimmed = ordered[cut : len(ordered) - cut]
    limit = otsu(trimmed) if len(trimmed) > 1 else ordered[-1]
    kept = {name: keep for name, keep in found.items() if sums[name] <= limit}
    return kept or {min(sums, key=sums.__getitem__): found[min(sums, key=sums.__getitem__)]}


def otsu(values: np.ndarray) -> float:
    """The value that parts sorted values so that both parts vary least (Otsu 1979); it belongs to the lower part."""
    within = [part * values[:part].var() + (len(values) - part) * values[part:].var() for part in range(1, len(values))]
    return float(values[int(np.argmin(within))])


def rescaled(network: nn.Module, original: nn.Module) -> nn.Module:
    """Kernels with the lengths that they have in the original network."""
    with torch.no_grad():
        for (_, module), (_, before) in zip(network.named_modules(), original.named_modules(), strict=True):
            if isinstance(module, (nn.Conv2d, nn.Linear)):
                length = module.weight.norm()
                module.weight *= before.weight.norm() / length if length > 0 else 1.0
    return network
