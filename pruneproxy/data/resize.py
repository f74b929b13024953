"""Images of another side by exact area averaging."""

import numpy as np

CHUNK = 1000


def overlaps(native: int, size: int) -> np.ndarray:
    """(size, native) lengths that output pixel i shares with input pixel j; the whole side is native * size long."""
    out, into = np.arange(size)[:, None] * native, np.arange(native)[None, :] * size
    return np.clip(np.minimum(out + native, into + size) - np.maximum(out, into), 0, None).astype(np.float64)


def resized(images: np.ndarray, rows: np.ndarray, size: int | None) -> np.ndarray:
    """The images at `rows` (N, C, H, H) as uint8 (n, C, size, size), as they are if `size` is None or H.

    Every pixel is the mean of the area it covers, rounded half up. The sums are whole numbers below 2^53,
    hence exact: the same bytes on every machine.
    """
    native = images.shape[-1]
    if size in (None, native):
        return np.asarray(images[rows])
    weights, total = overlaps(native, size), native**2
    result = np.empty((len(rows), images.shape[1], size, size), np.uint8)
    for start in range(0, len(rows), CHUNK):
        sums = weights @ images[rows[start : start + CHUNK]].astype(np.float64) @ weights.T
        result[start : start + CHUNK] = (2 * sums + total) // (2 * total)
    return result
