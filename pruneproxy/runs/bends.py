"""How the loss bends about a sub-network that was found, as a record (004, eq. 6, A.3 and Fig. 4)."""

from dataclasses import dataclass

import torch
from torch.nn import functional

from pruneproxy import curvature
from pruneproxy.errors import UserError
from pruneproxy.runs.ensuring import DEFAULTS, Conditions, finished
from pruneproxy.runs.guided import prepared
from pruneproxy.runs.recording import Meter, data_facts
from pruneproxy.runs.subnetworks import OfSubnetwork, SubnetworkSpec, judging, keeps, on_the_way
from pruneproxy.store import Store


@dataclass(frozen=True, kw_only=True)
class BendsSpec(OfSubnetwork):
    """Ends of the Hessian's spectrum on a walk along the gradient, and the losses on a grid, before fine-tuning.

    The loss is that of the images that judge candidates, with their batch statistics as in the search. `points` lie
    evenly within `reach` gradients, the weights themselves in the middle; `side` is that of the grid of losses, 0 for
    none.
    """

    subnetwork: SubnetworkSpec
    points: int = curvature.POINTS
    reach: float = curvature.REACH
    tolerance: float = 0.1  # of eigenvalues; the Lanczos method is far better than asked
    side: int = 0
    kind = "bends"

    def __post_init__(self):
        if self.points < 1 or self.points % 2 == 0:
            raise UserError(f"expected an odd number of points, the weights in the middle, got {self.points!r}")
        if self.side and (self.side < 3 or self.side % 2 == 0):
            raise UserError(f"expected an odd side of 3 or more, or 0 for no surface, got {self.side!r}")

    def execute(self, store: Store, conditions: Conditions = DEFAULTS) -> dict:
        """Measures, and returns the record."""
        dataset, dense, device = prepared(self.subnetwork, store, conditions)
        searched = finished(self.subnetwork, store, conditions)
        narrow = on_the_way(self.subnetwork, dense, keeps(searched, dense)[-1]).train()
        images, labels = judging(self.subnetwork, dataset)
        layout = {"memory_format": torch.channels_last}  # twice as fast a product with the Hessian
        loss, weights = curvature.flat_loss(
            narrow.to(**layout), images.contiguous(**layout), labels, functional.cross_entropy
        )
        meter = Meter(device)
        walked = curvature.walk(loss, weights, points=self.points, reach=self.reach, tolerance=self.tolerance)
        with torch.no_grad():
            here = float(loss(weights))
        grid = curvature.surface(loss, weights, points=self.side, reach=self.reach).tolist() if self.side else []
        content = {
            "loss": here,
            "lowest": [ends.low for ends in walked],
            "highest": [ends.high for ends in walked],
            "surface": grid,
            "cost": {"seconds": round(meter.seconds, 3)},
            "data": data_facts(dataset, self.training.train.evaluate_on),
        }
        return self.record(content, device=str(device))
