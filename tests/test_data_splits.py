"""Splits: fixed by hash, disjoint, stratified, nested."""

import hashlib

import numpy as np
import pytest
import torch

from pruneproxy.data import CATALOGUE, FOLDED, DataConfig, batches, load, loading
from pruneproxy.data.splits import fold_rows, hash_keys, split_rows, stratified_order
from pruneproxy.data.stored import Copy, Part, part, write_copy
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


def numbered(name: str, first: int, count: int) -> Part:
    """Inputs of a set that all differ: each has its number in its first values."""
    entry = CATALOGUE[name]
    shape = (entry.shape[0], 8, 8) if entry.form == "folder" else entry.shape
    inputs = np.zeros((count, *shape), np.float32 if entry.kind == "tabular" else np.uint8)
    flat, numbers = inputs.reshape(count, -1), np.arange(first, first + count)
    flat[:, 0], flat[:, 1] = numbers // 256, numbers % 256
    return part(inputs, numbers % entry.classes)


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    """A data folder with every set: 400 training and 100 test examples, or 500 where the test split is a share."""
    root = tmp_path_factory.mktemp("every")
    for name, entry in CATALOGUE.items():
        if entry.form != "builtin":
            test = None if entry.test_share else numbered(name, 400, 100)
            train = numbered(name, 0, 400 if test else 500)
            (root / name).mkdir()
            classes = tuple(map(str, range(entry.classes)))
            copy = Copy(train=train, test=test, classes=classes, form="x")
            write_copy(copy, root / name, {"origin": "made by a test"}, lambda *_: None)
    return root


def seen(split, passes=3):
    """The examples that `passes` over a split give, shuffled anew each time, by what is in them."""
    draw = torch.Generator().manual_seed(0)
    found = []
    for _ in range(passes):
        index = torch.cat(list(batches(len(split), 7, generator=draw))) if len(split) else torch.arange(0)
        found.append([tuple(row[:2]) for row in split.take(index).flatten(1).tolist()])
        assert len(set(found[-1])) == len(found[-1]) == len(split)
    assert all(set(one) == set(found[0]) for one in found)
    return set(found[0])


CUT = {
    "as it is": {},
    "nothing held out": {"holdout": 0.0},
    "half held out": {"holdout": 0.5},
    "subsets": {"train_images": 50, "eval_images": 20},
    "a stratified fold": {"folds": 5, "fold": 3},
    "a contiguous fold": {"folds": 4, "fold": 1, "folded": "contiguous", "train_images": 30},
}


@pytest.mark.parametrize("mapped", [False, True])
@pytest.mark.parametrize("cut", CUT)
@pytest.mark.parametrize("name", [name for name in CATALOGUE if name != "digits"])
def test_no_example_is_in_two_splits_of_any_set_however_often_they_are_read(monkeypatch, root, name, cut, mapped):
    monkeypatch.setattr(loading, "MAPPED_BYTES", 0 if mapped else 2**32)
    loading._load.cache_clear()
    found = load(DataConfig(name=name, **CUT[cut]), root=root)
    assert (found.train.rows is not None) == mapped
    train, validation, test = (seen(split) for split in (found.train, found.validation, found.test))
    assert not train & validation and not train & test and not validation & test
    assert train and test and len(train | validation | test) == 500 or cut in ("subsets", "a contiguous fold")
    if not CATALOGUE[name].test_share:
        assert test <= {divmod(number, 256) for number in range(400, 500)}
        assert train | validation <= {divmod(number, 256) for number in range(400)}


@pytest.mark.parametrize("name", CATALOGUE)
def test_the_test_split_is_the_same_for_every_share_and_fold_and_grows_with_its_size(root, name):
    def test(**words):
        loading._load.cache_clear()
        found = load(DataConfig(name=name, **words), root=root)
        return {row.numpy().tobytes() for row in found.test.take(torch.arange(len(found.test)))}

    whole = test()
    assert all(test(**words) == whole for words in ({"holdout": 0.4}, {"folds": 3}, {"folds": 3, "fold": 2}))
    assert test(eval_images=10) < test(eval_images=30) < whole


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
    for one, other in zip(
        split_rows(labels, "any", held_out=0.1), fold_rows(labels, "any", folds=10, fold=0), strict=True
    ):
        assert one.tolist() == other.tolist()


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
