"""The memory bank and the training of the sub-network that was found, as records (004, Algorithm 1, lines 13 to 17)."""

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor, nn

from pruneproxy import costs, data, ekg, environment
from pruneproxy.errors import UserError, choose
from pruneproxy.runs.ensuring import DEFAULTS, Conditions, finished
from pruneproxy.runs.execution import carried, drawn_anew
from pruneproxy.runs.recording import Meter, data_facts, record_of
from pruneproxy.runs.subnetworks import OfSubnetwork, SubnetworkSpec, keeps, on_the_way, tuned
from pruneproxy.store import Store
from pruneproxy.train import TrainConfig, Training, check_trains

KNOWLEDGE = {
    "none": "the labels alone",
    "single": "and the tuned unpruned network, which is forwarded for both views",
    "ensemble": "and the memory bank of the networks on the way (eq. 12)",
}
STARTS = {
    "kept": "the weights that the search left it",
    "fresh": "weights drawn anew: what was found are its widths",
}


@dataclass(frozen=True, kw_only=True)
class BankSpec(OfSubnetwork):
    """What networks on the way say of every training image (eq. 10 and 11), in half precision."""

    subnetwork: SubnetworkSpec
    teachers: int = 5
    reading: str = "text"  # of which networks teach
    kind = "bank"

    def __post_init__(self):
        choose(self.reading, ekg.bank.READINGS, "reading of the teachers")
        _check_teachers(self.teachers)

    def execute(self, store: Store, conditions: Conditions = DEFAULTS) -> dict:
        """Forwards all training images through each teacher, and returns the record; logits are stored beside it."""
        dataset, dense, device = prepared(self.subnetwork, store, conditions)
        meter, searched = Meter(device), finished(self.subnetwork, store, conditions)
        losses = [step["loss"] for step in searched["steps"]]
        chosen = ekg.bank.teachers(losses, self.teachers, self.reading)
        networks = [on_the_way(self.subnetwork, dense, keeps(searched, dense)[place]) for place in chosen]
        known = torch.stack([ekg.bank.knowledge(network, dataset) for network in networks])
        store.save_tensors(f"{self.id}-logits", {"logits": known})
        content = {
            "teachers": chosen,
            "losses": [losses[place] for place in chosen],
            "shape": list(known.shape),
            "cost": {"seconds": round(meter.seconds, 3)},
            "data": data_facts(dataset, self.training.train.evaluate_on),
        }
        return self.record(content, device=str(device))

    def logits(self, dataset: data.Dataset, store: Store, conditions: Conditions) -> Tensor:
        """The stored logits, teachers x images x classes; they must be of this data set."""
        record = finished(self, store, conditions)
        _check_copy(record, dataset, "a memory bank")
        if not store.has_tensors(f"{self.id}-logits"):  # records travel without their arrays
            self.execute(store, conditions)
        return store.tensors(f"{self.id}-logits")["logits"]


@dataclass(frozen=True, kw_only=True)
class GuidedSpec(OfSubnetwork):
    """The training of a sub-network that was found.

    `views` of every image are trained on at once (without knowledge it may be one, the usual training), augmented as
    `augment` says (None: as the unpruned network was).
    """

    subnetwork: SubnetworkSpec
    train: TrainConfig = field(default_factory=TrainConfig)
    knowledge: str = "ensemble"
    start: str = "kept"
    views: int = 2
    augment: str | None = None
    teachers: int = 5
    reading: str = "text"  # of which networks teach
    rule: str = "loss"  # of when they do
    temperature: float = ekg.finetune.TEMPERATURE
    seed: int = 0
    kind = "guided"
    sparse = None  # it trains no masks

    def __post_init__(self):
        check_trains(self.train)
        choose(self.knowledge, KNOWLEDGE, "knowledge")
        choose(self.start, STARTS, "start")
        choose(self.rule, ekg.bank.RULES, "rule of the teachers")
        choose(self.reading, ekg.bank.READINGS, "reading of the teachers")
        _check_teachers(self.teachers)
        if self.views not in ((1, 2) if self.knowledge == "none" else (2,)):
            raise UserError(f"expected 2 views, or 1 without knowledge, got {self.views!r} with {self.knowledge!r}")
        if not self.temperature > 0:
            raise UserError(f"expected a temperature above 0, got {self.temperature!r}")

    @property
    def bank(self) -> BankSpec:
        """The memory bank."""
        return BankSpec(subnetwork=self.subnetwork, teachers=self.teachers, reading=self.reading)

    @property
    def needs(self) -> tuple:
        """The search, or the bank, which needs it."""
        return (self.bank,) if self.knowledge == "ensemble" else (self.subnetwork,)

    @property
    def trainings(self) -> tuple:
        """The training, of so many views."""
        return ((replace(self.subnetwork.dense, train=self.train), self.views),)

    def execute(self, store: Store, conditions: Conditions = DEFAULTS) -> dict:
        """Trains, and returns the record of a training."""
        dataset, dense, device = prepared(self.subnetwork, store, conditions)
        network = self._network(dense, store, conditions)
        shown = (
            dataset if self.augment is None else replace(dataset, config=replace(dataset.config, augment=self.augment))
        )
        meter = Meter(device)
        if self.views == 1:
            training = Training(network, shown, self.train, self.seed)
        else:
            teacher = self._teacher(dense, dataset, store, conditions)
            training = ekg.finetune.Guided(network, shown, self.train, self.seed)
            training.taught_by(teacher, temperature=self.temperature)
        carried(training, meter, self, store, conditions)
        record = record_of(self, training, meter, dataset, device)
        record["cost"]["training_multiplications"] = self._multiplications(record, dense, len(dataset.train))
        return record

    def _network(self, dense: nn.Module, store: Store, conditions: Conditions) -> nn.Module:
        keep = keeps(finished(self.subnetwork, store, conditions), dense)[-1]
        if self.start == "fresh":
            return drawn_anew(dense, keep, self.seed).to(next(dense.parameters()).device)
        return on_the_way(self.subnetwork, dense, keep)

    def _teacher(self, dense, dataset, store, conditions) -> ekg.finetune.Teacher | None:
        if self.knowledge == "none":
            return None
        if self.knowledge == "single":
            return ekg.finetune.from_network(dense)
        known = self.bank.logits(dataset, store, conditions)
        return ekg.finetune.from_bank(known, dataset, rule=self.rule, temperature=self.temperature)

    def _multiplications(self, record: dict, dense: nn.Module, images: int) -> int:
        """Three passes of every view, and those of teachers: each view each epoch, or each image once for the bank."""
        own, whole = record["cost"]["multiplications"], costs.total(costs.layers(dense))
        done = images * len(record["history"].get("train_loss", ()))
        taught = {"none": 0, "single": self.views * done * whole, "ensemble": self.teachers * images * whole}
        return 3 * own * self.views * done + taught[self.knowledge]


def _check_teachers(count: int) -> None:
    if count < 1:
        raise UserError(f"expected at least 1 teacher, got {count!r}")


def _check_copy(record: dict, dataset: data.Dataset, what: str) -> None:
    """Refuses to go on from what was made of another copy of a data set."""
    if record["data"]["fingerprint"] != dataset.fingerprint:
        raise UserError(
            f"expected {what} of this copy of {dataset.config.name}, got one of another ({record['data']['source']}): "
            "keep the records of different copies in different folders"
        )


def prepared(spec: SubnetworkSpec, store: Store, conditions: Conditions) -> tuple:
    """The data set, the tuned unpruned network, and the device; the search must be of the same copy of the data."""
    environment.settle()
    device = environment.resolve_device(conditions.device)
    dataset = data.load(spec.dense.data).to(device)
    _check_copy(finished(spec, store, conditions), dataset, "a search")
    return dataset, tuned(spec, dataset, store, conditions), device
