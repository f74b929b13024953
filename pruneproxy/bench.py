"""`make bench`: training throughput against the usual loop of torchvision; what masks, searches and knowledge cost."""

import argparse
import copy
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader
from torch.utils.data import Dataset as TorchDataset
from torchvision import transforms

from pruneproxy import data, ekg, environment, models, runs, sparse, surgery
from pruneproxy.search import Dimension, SearchSpec
from pruneproxy.store import Store
from pruneproxy.train import TrainConfig, Training

NETWORKS = {  # the precision that is fastest on a CPU: depthwise convolutions have no bfloat16 kernels worth using
    "resnet56": "bfloat16",
    "mobilenet_v2": "float32",
    "vgg16_bn": "bfloat16",
    "mlp": "bfloat16",
}
BATCH, WARM_UP = 128, 2


def pictures(count: int) -> data.Dataset:
    """Random images of the shape of CIFAR-10: speed does not depend on what they show."""
    draw = torch.Generator().manual_seed(0)
    split = data.Split(
        torch.randint(256, (count, 3, 32, 32), generator=draw, dtype=torch.uint8),
        torch.randint(10, (count,), generator=draw),
    )
    config = data.DataConfig(name="cifar10", augment="crop-flip")
    return data.Dataset(
        config=config,
        train=split,
        validation=split,
        test=split,
        classes=tuple("0123456789"),
        mean=torch.full((3,), 120.0),
        std=torch.full((3,), 64.0),
        fingerprint="",
        source="random",
    )


class _PerImage(TorchDataset):
    """The same images as torchvision's data sets give them: one at a time, transformed one at a time."""

    def __init__(self, split: data.Split):
        self.images, self.labels = split.inputs.permute(0, 2, 3, 1).numpy(), split.labels
        self.transform = transforms.Compose(
            [
                transforms.ToPILImage(),
                transforms.RandomCrop(32, padding=4),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize((0.47,) * 3, (0.25,) * 3),
            ]
        )

    def __len__(self) -> int:
        return len(self.labels)

    def __getitem__(self, index):
        return self.transform(self.images[index]), int(self.labels[index])


def plain_steps(network: nn.Module, dataset: data.Dataset, device: torch.device) -> Iterator[None]:
    """The usual loop, one step at a time: per-image transforms, DataLoader, float32, SGD."""
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4)
    for inputs, labels in DataLoader(_PerImage(dataset.train), batch_size=BATCH, shuffle=True):
        inputs, labels = inputs.to(device), labels.to(device)
        optimizer.zero_grad()
        functional.cross_entropy(network(inputs), labels).backward()
        optimizer.step()
        yield


def our_steps(network: nn.Module, dataset: data.Dataset, precision: str) -> Iterator[None]:
    """This package's loop, one step at a time."""
    training = Training(network, dataset, TrainConfig(epochs=1, batch_size=BATCH, precision=precision))
    network.train()
    order, augmentation = torch.Generator().manual_seed(0), torch.Generator().manual_seed(1)
    for index in data.batches(len(dataset.train), BATCH, generator=order):
        training.step(index, augmentation)
        yield


def images_per_second(steps: Iterator[None], count: int, device: torch.device) -> float:
    """The median over `count` steps, after warming up."""
    times = []
    for _ in range(WARM_UP + count):
        started = time.perf_counter()
        next(steps)
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        times.append(time.perf_counter() - started)
    return BATCH / statistics.median(times[WARM_UP:])


def network(name: str, device: torch.device) -> nn.Module:
    """A fresh network for CIFAR-shaped images."""
    draw = torch.Generator().manual_seed(0)
    return models.build(models.ModelConfig(name=name), shape=(3, 32, 32), classes=10, generator=draw).to(device)


def usual_speed(name: str, *, steps: int, device: torch.device) -> float:
    """Images per second of the usual loop."""
    dataset = pictures(BATCH * (WARM_UP + steps))
    return images_per_second(plain_steps(network(name, device), dataset, device), steps, device)


def our_speed(name: str, precision: str, *, steps: int, device: torch.device) -> float:
    """Images per second of this package's loop."""
    dataset = pictures(BATCH * (WARM_UP + steps)).to(device)
    return images_per_second(our_steps(network(name, device), dataset, precision), steps, device)


def report(
    *,
    steps: int,
    threads: int,
    device: torch.device,
    say: Callable[[str], None],
    networks: Mapping[str, str] = NETWORKS,
) -> None:
    """One line per network; the usual loops come first, before this process keeps its pages as our runs do."""
    torch.set_num_threads(threads)
    facts = environment.describe(str(device))
    say(f"{facts['device']}, {threads} threads, torch {facts['packages']['torch']}, batch {BATCH}, images/s")
    say(f"{'network':14} {'usual loop':>10} {'pruneproxy':>10} {'ratio':>6}  precision")
    usual = {name: usual_speed(name, steps=steps, device=device) for name in networks}
    environment.keep_pages()
    for name, precision in networks.items():
        ours = our_speed(name, precision, steps=steps, device=device)
        say(f"{name:14} {usual[name]:10.0f} {ours:10.0f} {ours / usual[name]:5.2f}x  {precision}")


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


def report_masks(say: Callable[[str], None], methods: Iterable[str] = ("static", "rigl"), **choices) -> None:
    """One line per method: how fast a masked MLP trains, as a share of the dense one's speed."""
    dataset = data.load(data.DataConfig(name="digits", size=28))
    for method in methods:
        config = sparse.SparseConfig(method=method, density=0.1, interval=100)
        share = sparse.relative_speed(dataset, config, engine="masked", batch=BATCH, **choices)
        say(f"masked MLP 784-1000-1000-1000-10, {method}, batch {BATCH}: {share:.1%} of the dense speed")


KNOWN = 5  # teachers of a memory bank


def report_subnetworks(say: Callable[[str], None], *, name: str = "resnet56", target: float = 0.97, judged: int = 320):
    """The first steps of a search by phase, and what knowledge adds to the time of fine-tuning."""
    dataset, device = pictures(judged), torch.device("cpu")
    model, images = network(name, device), data.prepare(dataset.train, torch.arange(judged), dataset)
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


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m pruneproxy.bench", description=__doc__)
    parser.add_argument("--steps", type=int, default=8)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    device = environment.resolve_device(options.device)
    report(steps=options.steps, threads=options.threads, device=device, say=_say)
    report_masks(_say)
    report_search(_say)
    report_subnetworks(_say)
    return 0


def _say(line: str):
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
