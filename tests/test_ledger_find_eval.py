"""One test per row of 003's ledger: readings differ on a toy input, or printed numbers contradict the sentence."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
import torch
from test_ledger import flops

from pruneproxy import magnitude, published
from pruneproxy.data import AUGMENTATIONS
from pruneproxy.recipes import find_eval
from pruneproxy.recipes.find_eval.experiments import EXPERIMENTS, chain, trained
from pruneproxy.recipes.find_eval.frames import COLUMNS, Frames
from pruneproxy.recipes.find_eval.quantities import Quantities
from pruneproxy.runs import Finding, RoundSpec, Ticket, execution, rounds
from pruneproxy.store import Store
from pruneproxy.train import TrainConfig, Training

PAPER = find_eval.PAPER
MAIN = PAPER["resnet50-tinyimagenet"]
SMOKE = find_eval.cases("smoke")[0]
NUMBERS = published.read("find_eval", "text_numbers").set_index("id")


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    return Store(tmp_path_factory.mktemp("find_eval"))


def ticket(rewind, store):
    """A network before its training as a ticket of the first round, and the network that was trained."""
    find = trained(SMOKE, 0)
    (one,) = chain(SMOKE, find, [1], rewind=rewind, epoch=1 if rewind == "epoch" else 0)
    store.append(rounds.execute(one, store)) if one.id not in store else None
    spec = replace(find, ticket=Ticket(round=one))
    dataset = execution.data.load(spec.data)
    return execution.network(spec, dataset, store), execution.network(find, dataset, store)


def test_the_first_convolution_is_pruned_unless_told_otherwise():
    names = {first: rounds.prunable(RoundSpec(find=MAIN.base, finding=Finding(first=first))) for first in (True, False)}
    assert names[True][1:] == names[False] and names[True][0] == "conv1"


def test_a_threshold_drops_one_weight_more_and_every_tie():
    weights = torch.tensor([5.0, 4.0, 3.0, 3.0, 2.0, 1.0, 6.0, 7.0, 8.0, 9.0])
    kept = magnitude.largest({"w": weights}, {"w": torch.ones(10, dtype=torch.bool)}, magnitude.remaining(10, 0.3, 1))
    above = weights > weights.sort().values[int(np.ceil(0.3 * 10))]
    assert int(kept["w"].sum()) == 7 and int(above.sum()) == 6


def test_batch_normalisation_goes_back_with_the_weights(store):
    back, _ = ticket("start", store)
    on, _ = ticket("end", store)
    state, later = back.state_dict(), on.state_dict()
    scale, mean = (next(name for name in state if name.endswith(f"bn1.{end}")) for end in ("weight", "running_mean"))
    assert (state[scale] == 1).all() and (state[mean] == 0).all()
    assert (later[scale] != 1).any() and (later[mean] != 0).any()


def test_decay_of_all_parameters_shrinks_batch_normalisation_too():
    dataset = execution.data.load(SMOKE.base.data)
    decays = {}
    for choice in ("all", "weights"):
        network = execution.network(trained(SMOKE, 0), dataset, None)
        optimizer = Training(network, dataset, TrainConfig(epochs=1, decayed=choice), 0).optimizer
        decays[choice] = [group["weight_decay"] for group in optimizer.param_groups for _ in group["params"]]
    assert all(decays["all"]) and 0 < sum(map(bool, decays["weights"])) < len(decays["weights"])


def test_a_ticket_starts_from_what_line_6_says(store):
    starts = {rewind: ticket(rewind, store) for rewind in ("start", "epoch", "end")}
    weights = {rewind: network.conv1.weight for rewind, (network, _) in starts.items()}
    assert torch.equal(weights["start"], starts["start"][1].conv1.weight)
    assert not torch.equal(weights["start"], weights["epoch"]) and not torch.equal(weights["epoch"], weights["end"])


def test_arms_of_one_seed_start_from_the_same_weights():
    dataset = execution.data.load(SMOKE.base.data)
    specs = [trained(SMOKE, 1, lr=lr) for lr in SMOKE.lr] + [trained(SMOKE, 0)]
    weights = [execution.network(spec, dataset, None).conv1.weight for spec in specs]
    assert torch.equal(weights[0], weights[1]) and not torch.equal(weights[0], weights[-1])


def test_a_crop_keeps_the_size_of_the_image():
    images = torch.randint(0, 255, (4, 3, 64, 64), dtype=torch.uint8)
    assert AUGMENTATIONS["box-flip"].change(images, torch.Generator().manual_seed(0)).shape == images.shape


def test_the_stem_decides_most_of_the_cost():
    costs = {strides: flops("resnet50", (3, 64, 64), 200, strides=strides) for strides in ("imagenet", "small")}
    assert costs["small"] > 10 * costs["imagenet"]


def test_a_warm_up_of_so_many_epochs_has_a_thousand_steps():
    assert MAIN.warm_epochs * 100_000 / MAIN.base.train.batch_size == pytest.approx(1000)


def ratios(values):
    """Frames with the ratios of one round, a list over the layers for every learning rate that found it."""
    rows = [
        {"case": MAIN.key, "title": "ResNet-8", "data": "digits", "experiment": "lr", "hyperparameter": "lr"}
        | {"find": lr, "eval": lr, "variant": "", "round": 5, "sparsity": 67.2, "seed": seed, "ratio": ratio}
        | {"layer": str(place), "place": place, "weights": 9, "id": "x"}
        for lr, layers in values.items()
        for seed in (0, 1, 2)
        for place, ratio in enumerate(layers)
    ]
    accuracies = [
        {"case": MAIN.key, "title": "ResNet-8", "data": "digits", "experiment": "lr", "hyperparameter": "lr"}
        | {"find": lr, "eval": lr, "variant": "", "mask": "found", "round": 5, "sparsity": 67.2, "seed": 0, "id": "y"}
        for lr in values
    ]
    tables = {"ratios": rows, "accuracies": accuracies}
    return Frames(**{name: pd.DataFrame(tables.get(name, []), columns=columns) for name, columns in COLUMNS.items()})


def test_early_layers_are_the_first_third():
    frames = ratios({0.05: [0, 0, 0, 0, 0, 0], 0.2: [0, 0, 0, 0, 0, 0], 0.5: [0.5, 0.3, 1, 1, 1, 1]})
    (effect,) = Quantities(frames).early_layer_excess()
    assert effect.value == pytest.approx(0.4)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_sign_of_early_layers_follows_the_masks(sign):
    (effect,) = Quantities(
        ratios({0.05: [0.5] * 3, 0.2: [0.5] * 3, 0.5: [0.5 + 0.2 * sign, 0, 0]})
    ).early_layer_excess()
    assert effect.value == pytest.approx(0.2 * sign)


def test_half_of_the_epochs_save_fifty_five_percent():
    assert float(NUMBERS["value"]["FE09"]) == round(100 * (1 - 50 / MAIN.base.train.epochs))


def test_the_best_rate_of_fig_a2_is_not_in_its_grid():
    assert "0.1" in NUMBERS["note"]["FE19"] and 0.1 not in MAIN.lr


def test_the_rate_that_fig_a9_discusses_is_not_in_its_caption():
    case = PAPER["resnet18-tinyimagenet"]
    assert NUMBERS["value"]["FE26"].endswith("0.8") and max(case.lr) == max(case.lr_eval) == case.best_lr == 0.8
    assert "{0.05, 0.2, 0.5}" in NUMBERS["note"]["FE26"]


def test_fig_a8_has_two_best_rates_to_train():
    assert NUMBERS["value"]["FE25"].startswith("0.5") and "LR_eval = 0.1" in NUMBERS["note"]["FE25"]


def test_what_the_appendix_fixes_is_varied():
    assert MAIN.base.train.batch_size == 512 and len(MAIN.batch_size) == 3
    assert MAIN.base.train.weight_decay == 1e-4 and len(MAIN.weight_decay) == 3


def test_other_networks_vary_learning_rates_only():
    others = [case for case in PAPER.values() if case.key not in (MAIN.key, "resnet18-tinyimagenet-structured")]
    assert len(others) == 2 and {case.experiments for case in others} == {("lr",)}
    varied = {entry.labels["hyperparameter"] for case in others for entry in find_eval.entries(replace(case, seeds=1))}
    assert varied == {"lr"}


def test_no_learning_rate_of_the_structured_experiments_is_printed():
    settings = published.read("find_eval", "text_settings").query("pruning.str.startswith('structured')")
    assert len(settings) == 3 and not settings["lr_find_set"].fillna("").str.contains(r"0\.\d").any()
    assert PAPER["resnet18-tinyimagenet-structured"].lr == MAIN.lr


def test_fig_4_has_the_default_and_the_largest_rate():
    entries = list(EXPERIMENTS["continued"](MAIN, 0))
    assert {entry.labels["find"] for entry in entries} == {0.2, 0.5} == {MAIN.gentle("lr"), MAIN.harsh("lr")}


def test_lines_with_their_own_ratios_are_chains_of_the_grid():
    grid = {spec.id for spec in find_eval.grid(replace(SMOKE, experiments=("lr", "batch_size", "weight_decay")))}
    own = [
        entry.spec.ticket.round.id for entry in EXPERIMENTS["donors"](SMOKE, 0) if entry.spec.ticket.round.donor is None
    ]
    assert own and set(own) <= grid
