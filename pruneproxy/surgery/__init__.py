"""From kept channels to networks: the masked one (same shape, dead channels) and the narrow one (same class, fewer)."""

from pruneproxy.surgery.choosing import choose_channels, prunable
from pruneproxy.surgery.config import SCOPES, THRESHOLDS, PruneConfig
from pruneproxy.surgery.cutting import masked, narrow, narrow_tensors
from pruneproxy.surgery.merging import SIGMAS, MergeConfig, merge_weights, merged
