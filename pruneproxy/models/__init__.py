"""Networks built from explicit widths that declare their prunable groups."""

from pruneproxy.models.config import DROPOUT_PLACED, ModelConfig, plan_of, shortcut_of, slots_of, strides_of
from pruneproxy.models.construction import (
    NETWORKS,
    build,
    check_shape,
    initialise,
    masked_shortcuts,
    narrow_shortcuts,
    smallest_size,
    with_widths,
)
from pruneproxy.models.dropout import Dropout
from pruneproxy.models.listing import Listing, listings
from pruneproxy.models.network import Connection, Group, Network
from pruneproxy.models.plans import KINDS, MODELS
from pruneproxy.models.shapes import WIDTHS_ROUNDED, MLPSizes, mlp_widths

__all__ = [
    "DROPOUT_PLACED",
    "KINDS",
    "MODELS",
    "NETWORKS",
    "WIDTHS_ROUNDED",
    "Connection",
    "Dropout",
    "Group",
    "Listing",
    "MLPSizes",
    "ModelConfig",
    "Network",
    "build",
    "check_shape",
    "initialise",
    "listings",
    "masked_shortcuts",
    "mlp_widths",
    "narrow_shortcuts",
    "plan_of",
    "shortcut_of",
    "slots_of",
    "smallest_size",
    "strides_of",
    "with_widths",
]
