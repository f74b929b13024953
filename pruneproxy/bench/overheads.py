"""What searches and knowledge cost in time, beside the training that they are for."""

import copy
import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import replace

import torch
from torch import nn

from pruneproxy import data, ekg, models, runs, surgery
from pruneproxy.bench.ways import BATCH, network, pictures
from pruneproxy.search import Dimension, SearchSpec
from pruneproxy.store import Store
from pruneproxy.train import TrainConfig

WARM_UP = 2


def search_overhead(sampler: str, storage: str = "memory", *, trials: int = 6, epochs: int = 20) -> dict:
    """The cost of a search over rate, decay and batch size on the digits data set: seconds of training and other."""
    base = runs.RunSpec(
        model=models.ModelConfig(name="resnet8"), train=TrainConfig(epochs=epochs, evaluate_on="validation")
    )
    space = (
        Dimension(field="train.lr", low=1e-5, high=0.2, log=True),
        Dimension(field="train.weight_decay", low=1e-5, high=2e-2, log=True),
        Dimension(field="train.batch_size", low=32, high=1024, log=True, integer=True),
    )
    search = SearchSpec(base=base, space=space, sampler=sampler, trials=trials)
    with tempfile.TemporaryDirectory() as folder:
        # The first search of a process also imports and loads what later ones share.
        short = replace(base, train=replace(base.train, epochs=1))
        runs.ensure(replace(search, base=short, trials=2), Store(folder))
        conditions = runs.Conditions(storage=storage.format(folder))
        return runs.ensure(search, Store(folder), conditions)["cost"]


STUDIES = {"tpe": "journal:{}/study.log", "gp": "memory", "cma-es": "sqlite:///{}/study.db"}


def report_search(say: Callable[[str], None], studies: Mapping[str, str] = STUDIES, **choices) -> None:
    """One line per sampler and its storage: the share of a search's time that is not training."""
    say(f"{'sampler':14} {'storage':>10} {'training':>10} {'other':>8} {'share':>6}  a search on digits")
    for sampler, storage in studies.items():
        cost = search_overhead(sampler, storage, **choices)
        training, other = cost["seconds"], cost["overhead_seconds"]
        kind, share = storage.split(":")[0], other / (training + other)
        say(f"{sampler:14} {kind:>10} {training:8.1f} s {other:6.2f} s {share:6.1%}")


KNOWN = 5  # teachers of a memory bank


def report_subnetworks(say: Callable[[str], None], *, name: str = "resnet56", target: float = 0.97, judged: int = 320):
    """The first steps of a search by phase, and what knowledge adds to the time of fine-tuning."""
    dataset = pictures(judged)
    model, images = network(name), data.prepare(dataset.train, torch.arange(judged), dataset)
    found = ekg.search(model, images, dataset.train.labels, ekg.SearchConfig(target=target))
    steps, total = len(found.steps) - 1, sum(found.seconds.values())
    shares = ", ".join(f"{phase} {seconds / total:.0%}" for phase, seconds in found.seconds.items())
    say(f"search of {name}, {judged} images: {total / steps:.1f} s a step over {steps} steps ({shares})")
    plain, *others = finetuning_times(model, found.keep, dataset).items()
    for knowledge, seconds in others:
        say(f"fine-tuning with {knowledge}: {seconds / plain[1]:.2f}x of the time without knowledge")


def finetuning_times(model: nn.Module, keep, dataset: data.Dataset, *, steps: int = 6) -> dict[str, float]:
    """Seconds of a step of fine-tuning without knowledge, with a memory bank, and with a teacher that is forwarded.

    All three train on two views of each image, and take turns, so that a change of the machine's speed meets all.
    """
    known = torch.zeros(KNOWN, len(dataset.train), dataset.num_classes, dtype=torch.float16)
    teachers = {
        "none": None,
        "a memory bank": ekg.finetune.from_bank(known, dataset),
        "a single teacher": ekg.finetune.from_network(copy.deepcopy(model)),
    }
    config = TrainConfig(epochs=1, batch_size=BATCH, lr=1e-2, nesterov=True)
    trainings = {
        name: ekg.finetune.Guided(surgery.narrow(model, keep).train(), dataset, config).taught_by(teacher)
        for name, teacher in teachers.items()
    }
    times: dict[str, list[float]] = {name: [] for name in trainings}
    for turn in range(WARM_UP + steps):
        for name, training in trainings.items():
            started = time.perf_counter()
            training.step(torch.arange(BATCH), torch.Generator().manual_seed(turn))
            times[name].append(time.perf_counter() - started)
    return {name: statistics.median(values[WARM_UP:]) for name, values in times.items()}
