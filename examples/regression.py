"""A training function that is no classifier: the fit of scikit-learn's diabetes data, scored by what it explains."""

import torch
from sklearn.datasets import load_diabetes
from torch import nn

import pruneproxy
from pruneproxy import tuning

SPACE = {"lr": tuning.log(1e-4, 1e-1), "weight_decay": tuning.log(1e-5, 1)}


def build() -> nn.Sequential:
    """One hidden layer for ten measurements of a patient."""
    return nn.Sequential(nn.Linear(10, 64), nn.ReLU(), nn.Linear(64, 1))


def train(network: nn.Module, settings: dict, *, seed: int, report, epochs: int = 120) -> float:
    """The share of the variance of the validation patients that is explained, in per cent; an epoch is one step."""
    table = load_diabetes(scaled=True)
    inputs, target = (torch.tensor(one, dtype=torch.float32) for one in (table.data * 20, table.target / 100))
    order = torch.randperm(len(inputs), generator=torch.Generator().manual_seed(0))
    seen, held = order[88:], order[:88]
    optimizer = torch.optim.AdamW(network.parameters(), **settings)
    for _ in range(epochs):
        optimizer.zero_grad()
        nn.functional.mse_loss(network(inputs[seen])[:, 0], target[seen]).backward()
        optimizer.step()
    with torch.no_grad():
        error = nn.functional.mse_loss(network(inputs[held])[:, 0], target[held])
    return 100 * (1 - error / target[held].var(correction=0)).item()


def main(records: str = "asked-regression", budget: str = "5m"):
    """The pilot; data that a function keeps to itself cannot be cut, the network and the epochs that it takes can."""
    found = pruneproxy.pilot(
        build, train, SPACE, example=torch.zeros(8, 10), settings=6, budget=budget, records=records
    )
    print(found)
    return (found,)


if __name__ == "__main__":
    main()
