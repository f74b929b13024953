"""Which examples belong to which split: fixed by hash, stratified by class, nested in size."""

import hashlib

import numpy as np

PER_DIGEST = 4  # a sha256 digest is four 64-bit keys


def hash_keys(name: str, count: int) -> np.ndarray:
    """One 64-bit key for each of `count` positions: key i is word i mod 4 of sha256("name/" + str(i div 4)).

    The key hangs on the set's name and the position only, so a lossy copy is split as the original is.
    """
    blocks = range(-(-count // PER_DIGEST))
    digests = b"".join(hashlib.sha256(f"{name}/{block}".encode()).digest() for block in blocks)
    return np.frombuffer(digests, dtype=">u8")[:count].astype(np.uint64)


def stratified_order(labels: np.ndarray, name: str) -> np.ndarray:
    """A permutation of the positions in which every stretch has each class in its share, up to one example.

    Within a class of n examples, sorted by key, the r-th (from 0) stands at (r + 1/2) / n; positions of
    all classes are merged, ties broken by key.
    """
    keys = hash_keys(name, len(labels))
    by_class = np.lexsort((keys, labels))
    sizes = np.bincount(labels)
    starts = np.cumsum(sizes) - sizes
    ranks = np.arange(len(labels)) - np.repeat(starts, sizes)
    place = (ranks + 0.5) / np.repeat(sizes, sizes)
    return by_class[np.lexsort((keys[by_class], place))]


def split_rows(
    labels: np.ndarray, name: str, *, held_out: float = 0.0, kept: int | None = None, held_kept: int | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Rows (rest, held out), each ascending: the first round(held_out * n) of the stratified order are held out.

    `kept` and `held_kept` shorten the two to that many examples; a smaller subset lies inside a larger one.
    """
    order = stratified_order(labels, name)
    cut = round(held_out * len(labels))
    return np.sort(order[cut:][:kept]), np.sort(order[:cut][:held_kept])


def fold_rows(
    labels: np.ndarray,
    name: str,
    *,
    folds: int,
    fold: int,
    stratified: bool = True,
    kept: int | None = None,
    held_kept: int | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Rows (rest, fold), each ascending: one of `folds` stretches, equal up to one example, is held out.

    The stretches are cut from the stratified order or from the rows as they come. `kept` and `held_kept` are as in
    `split_rows`: subsets are stratified however the folds are cut.
    """
    order, count = stratified_order(labels, name), len(labels)
    stretch = slice(round(count * fold / folds), round(count * (fold + 1) / folds))
    held = np.zeros(count, dtype=bool)
    held[order[stretch] if stratified else stretch] = True
    return np.sort(order[~held[order]][:kept]), np.sort(order[held[order]][:held_kept])
