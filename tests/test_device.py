"""Every way of training on a pretended accelerator: the same bits, no tensor left behind, no hidden waiting."""

import json
import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pretended
import pytest
import torch

import pruneproxy
from pruneproxy import data, ekg, environment, models, runs, sparse, surgery, tuning, workers
from pruneproxy.randomness import generator
from pruneproxy.store import Store
from pruneproxy.train import Together, TrainConfig, Training, weights_hash

MLP = models.ModelConfig(name="mlp", widths=(12, 9), dropout=0.2)
CONV = models.ModelConfig(name="resnet8", width=0.25)
TRAIN = TrainConfig(epochs=2, batch_size=8, lr=0.02)  # 12 steps an epoch
DATA = data.DataConfig(name="digits", train_images=96, eval_images=40, augment="crop-flip")


def network(model, seed, kept=1.0):
    full = models.build(model, shape=(1, 8, 8), classes=10, generator=generator(seed, "weights"))
    if kept == 1.0:
        return full
    keep = surgery.choose_channels(full, surgery.PruneConfig(target=kept), generator=generator(0, "channels"))
    return surgery.narrow(full, keep)


def fixed():
    return sparse.Fixed({"hidden1": torch.rand(12, 64, generator=generator(0, "test")) < 0.5})


def topology(method):
    config = sparse.SparseConfig(method=method, density=0.4, interval=13)  # an update in the second epoch
    return lambda: sparse.Topology(config, seed=1)


WAYS = {  # model, configuration, what makes it sparse, share of multiplications, how many train together
    "plain": (CONV, TRAIN, None, 1.0, 1),
    "half precision": (CONV, replace(TRAIN, precision="bfloat16"), None, 1.0, 1),
    "dropout": (MLP, TRAIN, None, 1.0, 1),
    "pruned": (CONV, replace(TRAIN, slimming=1e-3), None, 0.5, 1),
    **{method: (MLP, TRAIN, topology(method), 1.0, 1) for method in ("static", "set", "rigl")},
    "fixed masks": (MLP, TRAIN, fixed, 1.0, 1),
    "batched": (MLP, replace(TRAIN, weight_decay=1e-2), None, 1.0, 3),
    "batched and sparse": (MLP, TRAIN, topology("rigl"), 1.0, 3),
    "batched convolutions": (CONV, TRAIN, None, 1.0, 2),
}


def members(way, device, **changes):
    model, train, hook, kept, count = WAYS[way]
    dataset = data.load(DATA).to(device)
    return [
        Training(network(model, seed, kept).to(device), dataset, replace(train, **changes), seed, hook=hook and hook())
        for seed in range(count)
    ]


def epoch(group):
    """One epoch of them, together where there are several."""
    return group[0].epoch() if len(group) == 1 else Together(group).epoch()


def trained(way, device):
    """Weights and history of each run."""
    group = members(way, device)
    while not group[0].finished:
        epoch(group)
    history = [{name: column for name, column in run.history.items() if name != "seconds"} for run in group]
    moved = [getattr(run.hook, "moved", None) for run in group]
    return {"weights": [weights_hash(run.model) for run in group], "history": history, "moved": moved}


def waits(way, plant=lambda run: None, **changes):
    """How often an epoch waits for the device, its evaluation left out."""
    group = members(way, pretended.NAME, evaluate_every=100, **changes)
    for run in group:
        plant(run)
    pretended.looks.clear()
    epoch(group)
    return sum(pretended.looks.values())


def refused(way, plant):
    """What is said of a planted mistake."""
    group = members(way, pretended.NAME)
    try:
        for run in group:
            plant(run)
        epoch(group)
    except RuntimeError as error:
        return str(error)
    return ""


def leaves_the_mean_behind(run):
    run.dataset = replace(run.dataset, mean=run.dataset.mean.cpu())


def leaves_a_mask_behind(run):
    run.hook.masks = {name: mask.cpu() for name, mask in run.hook.masks.items()}


def draws_on_the_processor(run):
    def seed_dropout():
        run.model.dropout.generator = generator(run.seed, "dropout")

    run.seed_dropout = seed_dropout


def looks_at_every_step(run):
    step = run.step

    def looking(*words):
        loss, hits = step(*words)
        return torch.full_like(loss, loss.item()), hits

    run.step = looking


PLANTED = {
    **dict.fromkeys(WAYS, leaves_the_mean_behind),
    "dropout": draws_on_the_processor,
    "static": leaves_a_mask_behind,
    "rigl": leaves_a_mask_behind,
    "fixed masks": leaves_a_mask_behind,
}


def guided(device):
    """Fine-tuning with a memory bank and with a teacher that is forwarded."""
    rows, known = data.load(DATA).to(device), torch.randn(3, 96, 10, generator=generator(0, "known")).half()
    teachers = ekg.finetune.from_bank(known, rows), ekg.finetune.from_network(network(CONV, 1).to(device))
    trainings = [
        ekg.finetune.Guided(network(CONV, 0).to(device), rows, TRAIN).taught_by(teacher) for teacher in teachers
    ]
    return [(run.epoch()["eval_loss"], weights_hash(run.model)) for run in trainings]


def searched(device):
    """The channels that a search of sub-networks keeps."""
    rows = data.load(DATA).to(device)
    images = data.prepare(rows.train, torch.arange(64), rows)
    full = network(CONV, 0).to(device)
    found = ekg.search(full, images, rows.train.labels[:64], ekg.SearchConfig(target=0.85))
    return {name: kept.cpu().tolist() for name, kept in found.keep.items()}


def recorded(device):
    """Records of a chain of rounds, of a group and of a sparse run, with their costs, through the store."""
    environment.resolve_device = torch.device
    dense = runs.RunSpec(data=DATA, model=CONV, train=replace(TRAIN, batch_size=32))
    small = replace(dense, model=MLP)
    ticket = runs.Ticket(round=runs.RoundSpec(find=dense, number=2))
    specs = [replace(dense, ticket=ticket), small, replace(small, seed=1)]
    specs += [replace(small, sparse=sparse.SparseConfig(method="rigl", interval=2))]
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        workers.run_all(specs, store, device=device)
        records = [store.get(spec.id) for spec in (*specs, ticket.round)]
    return [[one["status"], one.get("weights"), one.get("masks"), one.get("metrics")] for one in records]


def tuned(device):
    """What a search on a pruned copy finds; the factory need not know of the device."""
    trainer = tuning.Trainer(DATA, device=device)
    search = tuning.Search(seeds=1, epochs=1)
    words = {"proxy": tuning.Pruned(percentile=50), "trials": 2, "search": search}
    result = pruneproxy.tune(lambda: network(CONV, 0), trainer, {"lr": [0.01, 0.05]}, **words)
    return [[trial.settings, trial.value] for trial in result.trials["proxy"]], list(result.scores.values())


PROCEDURES = {"tune": tuned, "knowledge": guided, "a search of sub-networks": searched, "records": recorded}


def main():
    """Prints what every way has found; in a process of its own, as the device stays for the rest of it."""
    torch.set_num_threads(1)
    kept = pretended.start()  # noqa: F841  # what it registers ends with it
    found = {
        way: {
            "cpu": trained(way, "cpu"),
            "device": trained(way, pretended.NAME),
            "waits": [waits(way, batch_size=size) for size in (8, 16)],
            "planted": refused(way, PLANTED[way]),
        }
        for way in WAYS
    }
    found |= {name: [ask("cpu"), ask(pretended.NAME)] for name, ask in PROCEDURES.items()}
    found["a look at every step"] = [waits("plain", looks_at_every_step, batch_size=size) for size in (8, 16)]
    print(json.dumps(found))


@pytest.fixture(scope="module")
def found():
    run = subprocess.run([sys.executable, __file__], capture_output=True, text=True, cwd=Path(__file__).parent)
    assert run.returncode == 0, run.stderr[-3000:]
    return json.loads(run.stdout.splitlines()[-1])


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_training_gives_the_same_bits_on_another_device(found, way):
    assert found[way]["device"] == found[way]["cpu"]
    assert all(found[way]["cpu"]["moved"]) == (way in ("set", "rigl", "batched and sparse"))


@pytest.mark.parametrize("name", PROCEDURES)
def test_other_procedures_give_the_same_on_another_device(found, name):
    cpu, device = found[name]
    assert cpu == device and cpu


@pytest.mark.parametrize("way", WAYS)
def test_no_step_waits_for_the_device(found, way):
    twelve, six = found[way]["waits"]
    assert twelve == six <= 5  # the losses and hits of the epoch
    more, fewer = found["a look at every step"]
    assert more - fewer == 6  # so one in a step would be seen


@pytest.mark.parametrize("way", WAYS)
def test_a_tensor_or_generator_that_is_left_on_the_processor_is_refused(found, way):
    assert "expected a" in found[way]["planted"] and "cpu" in found[way]["planted"]


if __name__ == "__main__":
    main()
