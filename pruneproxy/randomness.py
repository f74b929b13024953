"""One seed, many independent named streams."""

import hashlib

import torch


def stream_seed(seed: int, *names) -> int:
    """A 63-bit seed for the stream `names` of `seed`: the same on every machine, unrelated between names."""
    label = "/".join(map(str, (seed, *names)))
    return int.from_bytes(hashlib.sha256(label.encode()).digest()[:8], "big") >> 1


def generator(seed: int, *names) -> torch.Generator:
    """A CPU generator for one purpose, e.g. `generator(0, "order", epoch)`; no two purposes share draws."""
    return torch.Generator().manual_seed(stream_seed(seed, *names))
