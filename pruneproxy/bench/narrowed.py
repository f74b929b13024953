"""How long a training step of a pruned network takes, beside the multiplications that it has left."""

from collections.abc import Iterator

import torch
from torch import nn

from pruneproxy import costs, environment, surgery
from pruneproxy.bench.ways import BATCH, network, pictures, side_of
from pruneproxy.train import TrainConfig, Training

PRUNERS = {  # of channels
    "L1, every layer alike": {"score": "l1", "target": 0.5},
    "L1, the weakest anywhere": {"score": "l1", "target": 0.5, "allocation": "global"},
    "SynFlow (000)": {"score": "synflow", "percentile": 60, "sigma": 0.15, "fan_in": "mean", "coupled": "mean"},
    "3SP": {"score": "3sp", "percentile": 60, "sigma": 0.15, "fan_in": "mean", "coupled": "mean"},
    "L1, little left": {"score": "l1", "target": 0.15},
}
MULTIPLES = {1: "any number of channels", 8: "multiples of 8"}


def times(name: str, turns: int) -> Iterator[tuple[str, float, list[float]]]:
    """Each pruned network: what it is, its share of the multiplications, and its shares of the full one's time."""
    dataset = pictures(2 * BATCH, side_of(name))
    networks = pruned(name, dataset)
    whole = costs.total(costs.layers(networks["full"]))
    shares = {what: costs.total(costs.layers(model)) / whole for what, model in networks.items()}
    seconds = _in_turns(networks, dataset, turns)
    for what in list(networks)[1:]:
        yield what, shares[what], [one / full for one, full in zip(seconds[what], seconds["full"], strict=True)]


def pruned(name: str, dataset) -> dict[str, nn.Module]:
    """The full network and a narrow one of every pruner and multiple."""
    full, batch = network(name, dataset), (torch.rand(32, *dataset.shape), torch.arange(32) % 10)
    found = {"full": full}
    for what, choice in PRUNERS.items():
        for multiple, said in MULTIPLES.items():
            config = surgery.PruneConfig(scope="all", multiple=multiple, **choice)
            keep = surgery.choose_channels(full, config, batch=batch if config.needs_batch else None)
            found[f"{what}, {said}"] = surgery.narrow(full, keep)
    return found


def _in_turns(networks: dict[str, nn.Module], dataset, turns: int) -> dict[str, list[float]]:
    environment.settle()
    index, found = torch.arange(BATCH), {what: [] for what in networks}
    config = TrainConfig(batch_size=BATCH, lr=0.01)
    runs = {what: Training(model.train(), dataset, config) for what, model in networks.items()}
    for turn in range(turns + 1):
        for what in list(runs)[:: -1 if turn % 2 else 1]:
            started = environment.clock(dataset.device)
            runs[what].step(index, torch.Generator().manual_seed(turn))
            found[what].append(environment.clock(dataset.device) - started)
    return {what: values[1:] for what, values in found.items()}  # the first turn allocates
