"""A ResNet-18 of torchvision on scikit-learn's digits: may it be tuned on a copy, and again after pruning?"""

from torch import nn
from torchvision.models import ResNet, resnet18

import pruneproxy
from pruneproxy import tuning
from pruneproxy.data import DataConfig

SPACE = {"lr": tuning.log(1e-3, 1), "weight_decay": tuning.log(1e-5, 1e-2)}


def build() -> ResNet:
    """With a stem for images of 8 x 8 grey pixels."""
    network = resnet18(num_classes=10)
    network.conv1, network.maxpool = nn.Conv2d(1, 64, 3, padding=1, bias=False), nn.Identity()
    return network


def main(records: str = "asked-resnet18", budget: str = "5m"):
    """Both questions; real answers take more images, epochs and settings than these."""
    trainer = tuning.Trainer(DataConfig(name="digits", train_images=60, holdout=0.15), epochs=2)
    found = pruneproxy.pilot(build, trainer, SPACE, settings=4, budget=budget, records=records)
    print(found)
    pruned = pruneproxy.retune(build, trainer, SPACE, found.best, settings=4, budget=budget, records=records)
    print(pruned)
    return found, pruned


if __name__ == "__main__":
    main()
