"""Which networks and pruned variants a frame of records holds, and which published rows they stand beside."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from pruneproxy.errors import UserError
from pruneproxy.published import read
from pruneproxy.stats.landscapes import finished

PART = "hp_space"
REGIONS = (1.0, 0.5)  # Sec. 3.3.1
METHODS = {"none": "none", "uniform": "uniform", "non-uniform": "global"}  # the thesis's names to ours
MODELS = {"resnet56": "ResNet-56", "mobilenet_v2": "MobileNetV2", "resnet50": "ResNet-50"}


@dataclass(frozen=True, kw_only=True, order=True)
class Variant:
    """One landscape: a network, how it was pruned, and the share of multiplications it keeps."""

    network: str
    target: float
    method: str
    name: str = ""

    @property
    def label(self) -> str:
        return "unpruned" if self.method == "none" else f"{100 * self.target:.0f}% {self.method}"

    @property
    def words(self) -> str:
        """The label as a figure shows it, where it is said that shares are of the multiplications."""
        return "unpruned" if self.method == "none" else f"{100 * self.target:.0f} % left, {self.method}"

    @property
    def key(self) -> tuple[str, str, float]:
        return self.network, self.method, round(self.target, 6)


def family(network: str) -> str:
    """The thesis's model that a network stands in for: by block type and input size; empty where there is none."""
    if network.startswith("mobilenet"):
        return "MobileNetV2"
    depth = re.match(r"resnet(\d+)", network)
    if depth is None:
        return ""
    return "ResNet-50" if depth[1] in ("18", "34", "50") else "ResNet-56"


def variants(frame: pd.DataFrame, value: str = "top1") -> tuple[Variant, ...]:
    """The variants with a finished record, ordered by network, then unpruned first, then method and falling target."""
    rows = finished(frame, value)[["network", "method", "target", "variant"]].drop_duplicates()
    found = [
        Variant(network=row.network, method=row.method, target=float(row.target), name=row.variant)
        for row in rows.itertuples()
    ]
    keys = [variant.key for variant in found]
    if len(set(keys)) < len(keys):
        twice = next(variant for variant in found if keys.count(variant.key) > 1)
        raise UserError(
            f"expected one variant per network, method and target, got several for {twice.network} {twice.label}: "
            "select one of them by its `variant` column"
        )
    order = {"none": 0, "uniform": 1}
    return tuple(sorted(found, key=lambda v: (v.network, order.get(v.method, 2), v.method, -v.target)))


def select(frame: pd.DataFrame, variant: Variant) -> pd.DataFrame:
    """The records of one variant."""
    return frame[(frame["network"] == variant.network) & (frame["variant"] == variant.name)]


def ran(runs: pd.DataFrame, variant: Variant) -> str:
    """The network that really ran, where the records say it; the thesis's else."""
    return runs["title"].iloc[0] if "title" in runs else variant.network


def with_base(frame: pd.DataFrame) -> Iterator[tuple[Variant, pd.DataFrame, pd.DataFrame]]:
    """Every variant with the records of its unpruned network and its own, where the former are there."""
    found = variants(frame)
    base = {variant.network: select(frame, variant) for variant in found if variant.method == "none"}
    return ((one, base[one.network], select(frame, one)) for one in found if one.network in base)


def published(table: str) -> pd.DataFrame:
    """A published table of the thesis with our names: `model`, `method`, `target` beside the printed columns."""
    frame = read(PART, table)
    if "pruning_method" not in frame:
        return frame
    renamed = frame.rename(columns={"pruning_ratio_flops_remaining": "target"})
    return renamed.assign(method=renamed["pruning_method"].map(METHODS)).drop(columns="pruning_method")
