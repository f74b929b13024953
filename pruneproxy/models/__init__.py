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
from pruneproxy.models.maximal import Factors, factors, lr_factors, parametrise
from pruneproxy.models.network import Connection, Group, Network
from pruneproxy.models.plans import KINDS, MODELS
from pruneproxy.models.shapes import WIDTHS_ROUNDED, MLPSizes, mlp_widths
