"""The search for a sub-network as a record (004, Algorithm 1, lines 1 to 12)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from pruneproxy import data, ekg, environment, models, surgery
from pruneproxy.channels import Keep
from pruneproxy.errors import UserError
from pruneproxy.limits import MOST
from pruneproxy.randomness import generator
from pruneproxy.runs.ensuring import DEFAULTS, BudgetSpent, Conditions, out_of_time
from pruneproxy.runs.execution import CHECKPOINT_AFTER, trained_weights
from pruneproxy.runs.kinds import Kind
from pruneproxy.runs.recording import Meter, data_facts
from pruneproxy.runs.spec import OfDense, RunSpec
from pruneproxy.store import Store
from pruneproxy.train import TrainConfig, check_trains, fit


@dataclass(frozen=True, kw_only=True)
class SubnetworkSpec(OfDense):
    """A search for a sub-network of a trained one.

    `tuned_on` images of every class train it for one more epoch before the search, `judged_on` others judge candidates;
    both are drawn from the training images.
    """

    dense: RunSpec
    search: ekg.SearchConfig = field(default_factory=ekg.SearchConfig)
    tuning: TrainConfig = field(
        default_factory=lambda: TrainConfig(
            epochs=1, batch_size=256, lr=1e-3, weight_decay=5e-4, nesterov=True, schedule="constant", evaluate_every=1
        )
    )
    tuned_on: int = 256
    judged_on: int = 32
    augmented: bool = True  # whether the tuning sees images as the training did
    seed: int = 0
    kind = "subnetwork"

    def __post_init__(self):
        check_trains(self.tuning)
        for name in ("tuned_on", "judged_on"):
            if not 1 <= getattr(self, name) <= MOST:
                raise UserError(f"expected {name} of at least 1 image of every class, got {getattr(self, name)!r}")

    @property
    def trainings(self) -> tuple:
        """The tuning, of about so many images."""
        return ((replace(self.dense, train=self.tuning), 1),)

    def execute(self, store: Store, conditions: Conditions = DEFAULTS) -> dict:
        """Tunes, searches, and returns the record: every network on the way, as the channels that it keeps."""
        environment.settle()
        device = environment.resolve_device(conditions.device)
        dataset = data.load(self.dense.data).to(device)
        trained_weights(self.dense, store, conditions)
        meter, state = Meter(device), store.checkpoint(self.id) or {"steps": [], "seconds": {}}
        dense = tuned(self, dataset, store, conditions)
        images, labels = judging(self, dataset)
        before = _added(state["seconds"], {"tuning": round(meter.seconds, 3)})
        started = meter.seconds

        def saved(steps: list[ekg.Step]) -> None:
            if meter.seconds > CHECKPOINT_AFTER or out_of_time(conditions):
                spent = _added(before, {"search": meter.seconds - started})
                store.save_checkpoint(self.id, {"steps": [vars(step) for step in steps], "seconds": spent})
            if out_of_time(conditions):
                raise BudgetSpent

        done = [ekg.Step(**step) for step in state["steps"]]
        found = ekg.search(dense, images, labels, self.search, done=done, on_step=saved)
        content = {
            "steps": [_step(step) for step in found.steps],
            "widths": {name: len(kept) for name, kept in found.keep.items()},
            "phases": _added(before, found.seconds),
            "cost": {"seconds": round(sum(before.values()) + meter.seconds - started, 3)},
            "data": data_facts(dataset, self.dense.train.evaluate_on),
        }
        return self.record(content, device=str(device))


class OfSubnetwork(Kind):
    """What goes on from a search, its `subnetwork`."""

    subnetwork: SubnetworkSpec

    @property
    def training(self) -> RunSpec:
        """The training of the unpruned network."""
        return self.subnetwork.dense

    @property
    def needs(self) -> tuple:
        """The search."""
        return (self.subnetwork,)


def _added(one: Mapping[str, float], other: Mapping[str, float]) -> dict[str, float]:
    return {name: round(one.get(name, 0.0) + other.get(name, 0.0), 3) for name in {**one, **other}}


def on_the_way(spec: SubnetworkSpec, dense: nn.Module, keep: Keep) -> nn.Module:
    """A network on the way of a search, narrow, with the weights that it was judged with."""
    narrow = surgery.narrow(dense, keep)
    return ekg.rescaled(narrow, dense) if spec.search.rescaled else narrow


def tuned(spec: SubnetworkSpec, dataset: data.Dataset, store: Store, conditions: Conditions = DEFAULTS) -> nn.Module:
    """The unpruned network after its epoch of tuning, which is done once for all searches that differ in nothing else.

    Batch normalisation keeps its running statistics; the search does not use them.
    """
    name = f"{replace(spec, search=ekg.SearchConfig()).id}-tuned"
    dense = models.build(spec.dense.model, shape=dataset.shape, classes=dataset.num_classes).to(dataset.device)
    if not store.has_tensors(name):
        dense.load_state_dict(trained_weights(spec.dense, store, conditions))
        tuned_on, judged_on = (part(dataset.train, rows) for rows in _rows(spec, dataset))
        config = dataset.config if spec.augmented else replace(dataset.config, augment="none")
        # The real test split is not for it: the images that judge stand in its place.
        shown = replace(dataset, config=config, train=tuned_on, validation=judged_on, test=judged_on)
        fit(dense, shown, spec.tuning, seed=spec.seed)
        store.save_tensors(name, dense.state_dict())
    dense.load_state_dict(store.tensors(name))
    return dense


def judging(spec: SubnetworkSpec, dataset: data.Dataset) -> tuple[Tensor, Tensor]:
    """The images, and their labels, that judge candidates."""
    _, rows = _rows(spec, dataset)
    return data.prepare(dataset.train, rows, dataset), dataset.train.labels[rows.to(dataset.device)]


def _rows(spec: SubnetworkSpec, dataset: data.Dataset) -> tuple[Tensor, ...]:
    return drawn(dataset, (spec.tuned_on, spec.judged_on), spec.seed)


def drawn(dataset: data.Dataset, wanted: tuple[int, ...], seed: int) -> tuple[Tensor, ...]:
    """Rows of training images: for each number wanted, so many of every class, and none twice."""
    order = torch.randperm(len(dataset.train), generator=generator(seed, "subset"))
    labels, rows = dataset.train.labels.cpu(), [[] for _ in wanted]
    for name in range(dataset.num_classes):
        own = order[labels[order] == name]
        if len(own) < sum(wanted):
            raise UserError(
                f"expected {sum(wanted)} training images of every class for tuning and judging, got {len(own)} of "
                f"{dataset.classes[name]}: lower tuned_on or judged_on"
            )
        start = 0
        for place, count in enumerate(wanted):
            rows[place].append(own[start : start + count])
            start += count
    return tuple(torch.cat(parts) for parts in rows)


def part(split: data.Split, rows: Tensor) -> data.Split:
    """These rows of a split as one of its own."""
    rows = rows.to(split.labels.device)
    if split.rows is not None:
        return replace(split, labels=split.labels[rows], rows=split.rows[rows])
    return replace(split, inputs=split.inputs[rows], labels=split.labels[rows])


def _step(step: ekg.Step) -> dict:
    """A network on the way: of the group that lost channels, those that it keeps; the unpruned one keeps all."""
    kept = {step.group: step.keep[step.group].tolist()} if step.group else {}
    measured = {"loss": step.loss, "guidance": step.guidance, "multiplications": step.multiplications}
    return {"keep": kept, **measured}


def keeps(record: dict, model: nn.Module) -> list[Keep]:
    """What every network on the way keeps, from the record of its search."""
    kept, found = {group.name: torch.arange(group.width) for group in surgery.prunable(model, "all")}, []
    for step in record["steps"]:
        kept = kept | {name: torch.tensor(index) for name, index in step["keep"].items()}
        found.append(kept)
    return found
