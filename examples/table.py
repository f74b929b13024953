"""A perceptron on a table, scikit-learn's wines: may it be tuned on a copy, and again after pruning?"""

import torch
from sklearn.datasets import load_wine
from torch import nn

import pruneproxy
from pruneproxy import tuning

SPACE = {"lr": tuning.log(1e-4, 1), "batch_size": [16, 32, 64]}


def build() -> nn.Sequential:
    """Two hidden layers for 13 measurements of a wine."""
    return nn.Sequential(nn.Linear(13, 64), nn.ReLU(), nn.Linear(64, 64), nn.ReLU(), nn.Linear(64, 3))


def main(records: str = "asked-table", budget: str = "5m"):
    """Both questions."""
    wine = load_wine()
    inputs = torch.tensor(wine.data, dtype=torch.float32)
    trainer = tuning.Trainer((inputs - inputs.mean(0)) / inputs.std(0), torch.tensor(wine.target), epochs=6)
    found = pruneproxy.pilot(build, trainer, SPACE, settings=6, budget=budget, records=records)
    print(found)
    pruned = pruneproxy.retune(build, trainer, SPACE, found.best, settings=4, budget=budget, records=records)
    print(pruned)
    return found, pruned


if __name__ == "__main__":
    main()
