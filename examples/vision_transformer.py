"""A small vision transformer of torchvision on scikit-learn's digits: which copies of it can be made?"""

from torch import nn
from torchvision.models import VisionTransformer

import pruneproxy
from pruneproxy import tuning
from pruneproxy.data import DataConfig

SPACE = {"lr": tuning.log(1e-3, 1), "weight_decay": tuning.log(1e-5, 1e-2)}


def build() -> VisionTransformer:
    """Two layers of two heads on 16 patches of a grey image."""
    network = VisionTransformer(
        image_size=8, patch_size=2, num_layers=2, num_heads=2, hidden_dim=32, mlp_dim=64, num_classes=10
    )
    network.conv_proj = nn.Conv2d(1, 32, 2, stride=2)
    return network


def main(records: str = "asked-transformer", budget: str = "5m"):
    """The pilot; a real answer takes more images, epochs and settings than these."""
    trainer = tuning.Trainer(DataConfig(name="digits", train_images=200, holdout=0.15), epochs=3)
    found = pruneproxy.pilot(build, trainer, SPACE, settings=4, budget=budget, records=records)
    print(found)
    return (found,)


if __name__ == "__main__":
    main()
