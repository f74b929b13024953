"""A MobileNetV3-small of torchvision on scikit-learn's digits: may it be tuned on a copy?"""

from torch import nn
from torchvision.models import MobileNetV3, mobilenet_v3_small

import pruneproxy
from pruneproxy import tuning
from pruneproxy.data import DataConfig

SPACE = {"lr": tuning.log(1e-3, 1), "batch_size": [16, 32]}


def build() -> nn.Sequential:
    """Grey images of 8 x 8 pixels as it knows them: three channels, and large enough for its strides."""
    network: MobileNetV3 = mobilenet_v3_small(num_classes=10)
    network.features[0][0] = nn.Conv2d(1, 16, 3, stride=2, padding=1, bias=False)
    return nn.Sequential(nn.Upsample(scale_factor=4), network)


def main(records: str = "asked-mobilenet", budget: str = "5m"):
    """The pilot; a real answer takes more images, epochs and settings than these."""
    trainer = tuning.Trainer(DataConfig(name="digits", train_images=100, holdout=0.15), epochs=2)
    found = pruneproxy.pilot(build, trainer, SPACE, settings=4, budget=budget, records=records)
    print(found)
    return (found,)


if __name__ == "__main__":
    main()
