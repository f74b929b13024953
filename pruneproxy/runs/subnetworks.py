"""The search for a sub-network as a record, and the training of what it found (004, Algorithm 1)."""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from pruneproxy import costs, data, ekg, environment, models, surgery
from pruneproxy.channels import Keep
from pruneproxy.errors import UserError, choose
from pruneproxy.randomness import generator
from pruneproxy.runs.ensuring import DEFAULTS, Conditions
from pruneproxy.runs.execution import train, trained_weights
from pruneproxy.runs.kinds import Kind
from pruneproxy.runs.recording import Meter, data_facts, record_of
from pruneproxy.runs.spec import RunSpec
from pruneproxy.store import Store
from pruneproxy.train import TrainConfig, Training, fit

KNOWLEDGE = {
    "none": "the labels alone, one view of every image",
    "single": "and the tuned unpruned network, which is forwarded for both views",
    "ensemble": "and the memory bank of the networks on the way (eq. 12)",
}


@dataclass(frozen=True, kw_only=True)
class SubnetworkSpec(Kind):
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
    seed: int = 0
    kind = "subnetwork"

    @property
    def training(self) -> RunSpec:
        """The training of the unpruned network."""
        return self.dense

    @property
    def scoring_run(self) -> RunSpec:
        """The same: its weights are searched."""
        return self.dense

    @property
    def trainings(self) -> tuple:
        """The tuning, of about so many images."""
        return ((replace(self.dense, train=self.tuning), 1),)

    def execute(self, store: Store, conditions: Conditions = DEFAULTS) -> dict:
        """Tunes, searches, and returns the record: every network on the way, as the channels that it keeps."""
        environment.settle()
        device = environment.resolve_device(conditions.device)
        dataset = data.load(self.dense.data).to(device)
        dense = _dense(self.dense, dataset).to(device)
        dense.load_state_dict(trained_weights(self.dense, store, conditions))
        meter = Meter(device)
        tuned_on, judged_on = drawn(dataset, (self.tuned_on, self.judged_on), self.seed)
        fit(dense, replace(dataset, train=part(dataset.train, tuned_on)), self.tuning, seed=self.seed)
        images, labels = data.prepare(dataset.train, judged_on, dataset), dataset.train.labels[judged_on]
        found = ekg.search(dense, images, labels, self.search, generator=generator(self.seed, "candidates"))
        store.save_tensors(f"{self.id}-tuned", dense.state_dict())
        content = {
            "steps": [_step(step) for step in found.steps],
            "widths": {name: len(kept) for name, kept in found.keep.items()},
            "cost": {"seconds": round(meter.seconds, 3)},
            "data": data_facts(dataset, self.dense.train.evaluate_on),
        }
        return self.record(content, device=str(device))


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


def _dense(spec: RunSpec, dataset: data.Dataset) -> nn.Module:
    return models.build(spec.model, shape=dataset.shape, classes=dataset.num_classes)


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


@dataclass(frozen=True, kw_only=True)
class GuidedSpec(Kind):
    """The training of a sub-network that was found, from the weights that the search left it."""

    subnetwork: SubnetworkSpec
    train: TrainConfig = field(default_factory=TrainConfig)
    knowledge: str = "ensemble"
    teachers: int = 5
    reading: str = "text"  # of which networks teach
    rule: str = "loss"  # of when they do
    temperature: float = ekg.finetune.TEMPERATURE
    seed: int = 0
    kind = "guided"
    sparse = None  # it trains no masks

    def __post_init__(self):
        choose(self.knowledge, KNOWLEDGE, "knowledge")
        choose(self.reading, ekg.bank.READINGS, "reading of the teachers")
        choose(self.rule, ekg.bank.RULES, "rule of the teachers")

    @property
    def training(self) -> RunSpec:
        """The training of the unpruned network."""
        return self.subnetwork.dense

    @property
    def scoring_run(self) -> RunSpec:
        """The same."""
        return self.subnetwork.dense

    @property
    def needs(self) -> tuple[SubnetworkSpec]:
        """The search."""
        return (self.subnetwork,)

    @property
    def trainings(self) -> tuple:
        """The training, of two views unless only labels teach."""
        return ((replace(self.subnetwork.dense, train=self.train), 1 if self.knowledge == "none" else 2),)

    def execute(self, store: Store, conditions: Conditions = DEFAULTS) -> dict:
        """Trains, and returns the record of a training."""
        environment.settle()
        device = environment.resolve_device(conditions.device)
        dataset = data.load(self.subnetwork.dense.data).to(device)
        dense = _dense(self.subnetwork.dense, dataset).to(device)
        dense.load_state_dict(store.tensors(f"{self.subnetwork.id}-tuned"))
        searched = store.get(self.subnetwork.id)
        networks, meter = keeps(searched, dense), Meter(device)
        narrow = surgery.narrow(dense, networks[-1])
        if self.knowledge == "none":
            training = Training(narrow, dataset, self.train, self.seed)
        else:
            teacher = self._teacher(dense, networks, searched, dataset)
            training = ekg.finetune.Guided(narrow, dataset, self.train, self.seed)
            training.taught_by(teacher, temperature=self.temperature)
        train(training, self, conditions)
        record = record_of(self, training, meter, dataset, device)
        record["cost"]["training_multiplications"] = self._multiplications(record, dense, len(dataset.train))
        return record

    def _teacher(self, dense, networks, searched, dataset) -> ekg.finetune.Teacher:
        if self.knowledge == "single":
            return ekg.finetune.from_network(dense)
        chosen = ekg.bank.teachers([step["loss"] for step in searched["steps"]], self.teachers, self.reading)
        known = [ekg.bank.knowledge(surgery.masked(dense, networks[place]), dataset) for place in chosen]
        return ekg.finetune.from_bank(torch.stack(known), rule=self.rule, temperature=self.temperature)

    def _multiplications(self, record: dict, dense: nn.Module, images: int) -> int:
        """Three passes of every view, and those of teachers: each view each epoch, or each image once for the bank."""
        own, whole = record["cost"]["multiplications"], costs.total(costs.layers(dense))
        done = images * len(record["history"].get("train_loss", ()))
        views = 1 if self.knowledge == "none" else 2
        taught = {"none": 0, "single": views * done * whole, "ensemble": self.teachers * images * whole}
        return 3 * own * views * done + taught[self.knowledge]
