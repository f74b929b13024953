"""Splits: fixed by hash, disjoint, stratified, nested."""

import hashlib

import numpy as np
import pytest

from pruneproxy.data import FOLDED, DataConfig, load
from pruneproxy.data.splits import fold_rows, hash_keys, split_rows, stratified_order
from pruneproxy.errors import UserError


def uneven_labels(count=300):
    """Labels of three classes with shares of about 1/2, 1/3 and 1/6."""
    return np.random.default_rng(0).permutation(np.repeat([0, 1, 2], [count // 2, count // 3, count // 6]))


def test_a_key_is_a_word_of_the_sha256_of_name_and_block():
    digest = hashlib.sha256(b"cifar10/train/2").digest()
    assert hash_keys("cifar10/train", 11)[9] == int.from_bytes(digest[8:16], "big")


def test_the_order_never_changes():
    assert stratified_order(np.arange(12) % 2, "cifar10/train").tolist() == [5, 8, 11, 4, 1, 2, 6, 9, 0, 7, 3, 10]


def test_the_splits_of_the_digits_never_change():
    labels = np.arange(1797) % 10
    rest, held = split_rows(labels, "digits/train", held_out=0.1, kept=5, held_kept=6)
    assert (rest.tolist(), held.tolist()) == ([71, 772, 963, 1064, 1566], [144, 162, 655, 1371, 1403, 1656])


@pytest.mark.parametrize("held_out", [0.0, 0.1, 0.5, 0.999])
def test_the_two_parts_are_disjoint_and_complete(held_out):
    labels = uneven_labels()
    rest, held = split_rows(labels, "any", held_out=held_out)
    assert sorted([*rest, *held]) == list(range(len(labels)))
    assert len(held) == round(held_out * len(labels))


@pytest.mark.parametrize("start", [0, 7, 60])
@pytest.mark.parametrize("count", [1, 10, 100, 200])
def test_every_stretch_of_the_order_has_the_classes_in_their_shares(start, count):
    labels = uneven_labels()
    found = np.bincount(labels[stratified_order(labels, "any")[start : start + count]], minlength=3)
    assert np.abs(found - count * np.bincount(labels) / len(labels)).max() <= 1.5


def test_a_smaller_subset_lies_inside_a_larger_one():
    labels = uneven_labels()
    subsets = [set(split_rows(labels, "any", held_out=0.2, kept=kept)[0].tolist()) for kept in (10, 50, 200, None)]
    assert all(small < large for small, large in zip(subsets, subsets[1:], strict=False))


def test_another_name_gives_another_split_and_labels_stay_as_they_were():
    labels = uneven_labels()
    before = labels.copy()
    assert stratified_order(labels, "one").tolist() != stratified_order(labels, "two").tolist()
    assert np.array_equal(labels, before)


def test_the_digits_fall_into_three_disjoint_splits_of_all_images():
    data = load(DataConfig())
    images = [image.tobytes() for split in (data.train, data.validation, data.test) for image in split.inputs.numpy()]
    assert (len(data.train), len(data.validation), len(data.test)) == (1294, 144, 359)
    assert len(set(images)) == len(images) == 1797


def test_more_training_images_than_there_are_is_an_error_that_says_how_many_there_are():
    with pytest.raises(UserError, match="at most 1294.*got 1295"):
        load(DataConfig(train_images=1295))


@pytest.mark.parametrize("folded", FOLDED)
@pytest.mark.parametrize("folds", [2, 5, 7])
def test_folds_never_overlap_and_cover_the_training_data(folds, folded):
    found = [load(DataConfig(folds=folds, fold=fold, folded=folded, normalise="unit")) for fold in range(folds)]
    whole = images(load(DataConfig(holdout=0.0)).train)
    assert sorted(image for one in found for image in images(one.validation)) == sorted(whole)
    for one in found:
        assert sorted([*images(one.train), *images(one.validation)]) == sorted(whole)
        assert abs(len(one.validation) - len(whole) / folds) < 1
        assert images(one.test) == images(found[0].test)


def images(split):
    return [image.tobytes() for image in split.inputs.numpy()]


def test_stratified_folds_have_the_classes_in_their_shares_and_contiguous_ones_are_slices():
    labels = uneven_labels()
    for fold in range(5):
        rest, held = fold_rows(labels, "any", folds=5, fold=fold)
        assert np.abs(np.bincount(labels[held], minlength=3) - np.bincount(labels) / 5).max() <= 1.5
        assert sorted([*rest, *held]) == list(range(len(labels)))
        assert fold_rows(labels, "any", folds=5, fold=fold, stratified=False)[1].tolist() == list(
            range(60 * fold, 60 * (fold + 1))
        )


def test_the_first_of_ten_folds_is_a_tenth_held_out():
    labels = uneven_labels()
    for part, other in zip(
        split_rows(labels, "any", held_out=0.1), fold_rows(labels, "any", folds=10, fold=0), strict=True
    ):
        assert part.tolist() == other.tolist()


@pytest.mark.parametrize("stratified", [True, False])
def test_subsets_of_folds_are_nested_and_have_the_classes_in_their_shares(stratified):
    labels = np.sort(uneven_labels())  # contiguous slices have one class or two
    words = {"folds": 5, "fold": 1, "stratified": stratified}
    whole, held = fold_rows(labels, "any", **words)
    before = set()
    for kept in (12, 60, 240):
        rest, few = fold_rows(labels, "any", **words, kept=kept, held_kept=kept // 12)
        assert len(rest) == kept and before <= set(rest) <= set(whole) and set(few) <= set(held)
        shares = np.bincount(labels[whole], minlength=3) * kept / len(whole)
        assert np.abs(np.bincount(labels[rest], minlength=3) - shares).max() <= 6
        before = set(rest)


@pytest.mark.parametrize(
    "words,message",
    [
        ({"folds": 1}, "folds must be a whole number of at least 2 or None, got 1"),
        ({"folds": 5, "fold": 5}, "fold must be a whole number from 0 to 4, got 5"),
        ({"folds": 5, "folded": "random"}, "unknown value of folded 'random'"),
        ({"fold": 2}, "a number of folds with fold 2, got none"),
    ],
)
def test_folds_that_make_no_sense_are_refused(words, message):
    with pytest.raises(UserError, match=message):
        DataConfig(**words)


def test_more_folds_or_training_images_than_there_are_is_an_error():
    with pytest.raises(UserError, match="folds must be at most 1438"):
        load(DataConfig(folds=2000))
    with pytest.raises(UserError, match="train_images must be at most 1150"):
        load(DataConfig(folds=5, train_images=1151))
