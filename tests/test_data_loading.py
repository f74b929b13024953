"""Loading, normalising and batching."""

import dataclasses

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torchvision.transforms import functional as vision

from pruneproxy.data import CATALOGUE, NORMALISATIONS, DataConfig, Split, batches, load, loading, prepare
from pruneproxy.data.resize import resized
from pruneproxy.data.stored import Copy, data_root, part, write_copy
from pruneproxy.errors import UserError


@pytest.fixture
def root(tmp_path):
    """A data folder with a CIFAR-10 of 40 training and 20 test images and an Elec2 of 60 rows."""
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 256, (count, 3, 32, 32), dtype=np.uint8) for count in (40, 20)]
    train, test = (part(array, np.arange(len(array)) % 10) for array in images)
    rows = part(rng.normal(3, 2, (60, 6)).astype(np.float32), np.arange(60) % 2)
    classes = CATALOGUE["cifar10"].names
    put(tmp_path / "cifar10", Copy(train=train, test=test, classes=classes, form="x", lossy={"train": (3, 4)}))
    put(tmp_path / "elec2", Copy(train=rows, test=None, classes=("DOWN", "UP"), form="table"))
    return tmp_path


def put(folder, copy):
    folder.mkdir()
    write_copy(copy, folder, {"origin": "made by a test"}, lambda done, total: None)


def everything(split):
    return torch.arange(len(split))


def test_the_digits_are_scikit_learns_spread_over_all_grey_levels():
    data, bunch = load(DataConfig(holdout=0.0)), load_digits()
    assert data.shape == (1, 8, 8) and data.classes == tuple("0123456789") and data.source == "scikit-learn"
    ours = {(image.tobytes(), label) for split in (data.train, data.test) for image, label in pairs(split)}
    theirs = np.rint(bunch.images * 15.9375 + 1e-9).astype(np.uint8)
    assert ours == {(image.tobytes(), label) for image, label in zip(theirs, bunch.target.tolist(), strict=True)}


def pairs(split):
    return zip(split.inputs.numpy()[:, 0], split.labels.tolist(), strict=True)


def test_training_constants_are_numpys_and_training_batches_have_mean_0_and_deviation_1(root):
    data = load(DataConfig(name="cifar10"), root=root)
    pixels = data.train.inputs.numpy().astype(np.float64)
    assert np.allclose(data.mean, pixels.mean((0, 2, 3))) and np.allclose(data.std, pixels.std((0, 2, 3)))
    batch = prepare(data.train, everything(data.train), data)
    assert batch.dtype == torch.float32
    assert batch.mean((0, 2, 3)).abs().max() < 1e-5 and (batch.std((0, 2, 3), correction=0) - 1).abs().max() < 1e-5


@pytest.mark.parametrize("normalise", NORMALISATIONS)
def test_every_normalisation_equals_torchvisions(root, normalise):
    data = load(DataConfig(name="cifar10", normalise=normalise), root=root)
    shares = data.test.inputs / 255
    trained = data.train.inputs / 255
    mean, std = trained.mean((0, 2, 3)).tolist(), trained.std((0, 2, 3), correction=0).tolist()
    constants = {
        "train": (mean, std),
        "train-reversed": (mean[::-1], std[::-1]),
        "imagenet": ([0.485, 0.456, 0.406], [0.229, 0.224, 0.225]),
        "unit": ([0.0] * 3, [1.0] * 3),
    }[normalise]
    batch = prepare(data.test, everything(data.test), data)
    assert torch.allclose(batch, vision.normalize(shares, *constants), atol=1e-5)


def test_validation_and_test_are_normalised_by_the_training_split(root):
    data = load(DataConfig(name="elec2"), root=root)
    expected = (data.test.inputs - data.train.inputs.mean(0)) / data.train.inputs.std(0, correction=0)
    assert torch.allclose(prepare(data.test, everything(data.test), data), expected, atol=1e-5)
    assert data.shape == (6,) and (len(data.train), len(data.validation), len(data.test)) == (38, 4, 18)


def test_tabular_features_stay_as_they_are_with_unit(root):
    data = load(DataConfig(name="elec2", normalise="unit"), root=root)
    assert torch.equal(prepare(data.test, everything(data.test), data), data.test.inputs)


def test_a_constant_feature_is_divided_by_one():
    split = Split(torch.full((5, 2), 3.0), torch.zeros(5, dtype=torch.int64))
    assert [values.tolist() for values in loading.constants(split, "train")] == [[3.0, 3.0], [1.0, 1.0]]


def test_subsets_are_stratified_and_inside_the_full_splits(root):
    full = load(DataConfig(name="cifar10", holdout=0.25), root=root)
    few = load(DataConfig(name="cifar10", holdout=0.25, train_images=20, eval_images=10), root=root)
    assert few.train.labels.bincount().tolist() == [2] * 10
    for name, count in (("train", 20), ("validation", 10), ("test", 10)):
        small, large = getattr(few, name), getattr(full, name)
        assert len(small) == count
        assert {image.tobytes() for image in small.inputs.numpy()} <= {
            image.tobytes() for image in large.inputs.numpy()
        }


def test_no_holdout_gives_an_empty_validation_split(root):
    data = load(DataConfig(name="cifar10", holdout=0.0), root=root)
    assert (len(data.train), len(data.validation)) == (40, 0)
    assert list(batches(len(data.validation), 8)) == []


@pytest.mark.parametrize(("native", "size"), [(8, 4), (8, 3), (5, 7), (8, 8), (6, 1), (4, 8)])
def test_resizing_is_the_mean_over_the_covered_area(native, size):
    images = np.random.default_rng(0).integers(0, 256, (3, 2, native, native), dtype=np.uint8)
    fine = images.repeat(size, axis=2).repeat(size, axis=3).astype(np.float64)
    means = fine.reshape(3, 2, size, native, size, native).mean((3, 5))
    ours = resized(images, np.array([2, 0]), size)
    assert ours.dtype == np.uint8
    assert np.array_equal(ours, np.floor(means[[2, 0]] + 0.5 + 1e-9))


def test_a_size_changes_the_shape_and_the_fingerprint():
    small, native = load(DataConfig(size=4)), load(DataConfig())
    assert small.shape == (1, 4, 4) and small.fingerprint != native.fingerprint


def test_the_fingerprint_of_the_digits_never_changes():
    assert load(DataConfig()).fingerprint == "a0193711b3c0501531e3513a20d6b4f154e8275974753efe9349f09503c24a3b"


def test_the_fingerprint_depends_on_the_arrays_and_not_on_how_they_are_shown(root):
    shown = load(DataConfig(name="cifar10", augment="flip", normalise="unit"), root=root)
    plain, fewer = (load(DataConfig(name="cifar10", train_images=count), root=root) for count in (None, 30))
    assert shown.fingerprint == plain.fingerprint != fewer.fingerprint


def test_the_source_says_that_a_copy_is_lossy(root):
    assert load(DataConfig(name="cifar10"), root=root).source == "made by a test (x), 2 lossy images"


def test_large_inputs_are_mapped_and_give_the_same_batches(root, monkeypatch):
    config = DataConfig(name="cifar10", train_images=25, augment="crop-flip", normalise="unit")
    memory = load(config, root=root)
    monkeypatch.setattr(loading, "MAPPED_BYTES", 0)
    loading._load.cache_clear()
    mapped = load(config, root=root)
    assert mapped.train.rows is not None and mapped.train.inputs.shape[0] == 40
    index = torch.tensor([24, 3, 3])
    for name in ("train", "validation", "test"):
        index = torch.arange(len(getattr(memory, name))).flip(0)
        ours, theirs = (prepare(getattr(data, name), index, data) for data in (mapped, memory))
        assert torch.equal(ours, theirs)
    loading._load.cache_clear()


def test_mapped_training_constants_come_from_a_sample_of_the_split(root, monkeypatch):
    monkeypatch.setattr(loading, "MAPPED_BYTES", 0)
    loading._load.cache_clear()
    data = load(DataConfig(name="cifar10"), root=root)
    pixels = data.train.inputs.numpy()[data.train.rows.numpy()].astype(np.float64)
    assert np.allclose(data.mean, pixels.mean((0, 2, 3)))
    loading._load.cache_clear()


def test_loading_twice_shares_memory_and_a_new_import_is_noticed(root):
    config = DataConfig(name="elec2")
    first = load(config, root=root)
    assert load(config, root=root) is first
    (root / "elec2").rename(root / "old")
    rows = part(np.ones((60, 6), np.float32), np.arange(60) % 2)
    put(root / "elec2", Copy(train=rows, test=None, classes=("DOWN", "UP"), form="table"))
    assert load(config, root=root).fingerprint != first.fingerprint


@pytest.mark.parametrize("shuffled", [False, True])
def test_batches_show_every_example_once(shuffled):
    found = list(batches(10, 4, generator=torch.Generator().manual_seed(0) if shuffled else None))
    assert [len(index) for index in found] == [4, 4, 2]
    assert sorted(torch.cat(found).tolist()) == list(range(10))
    assert (torch.cat(found).tolist() == list(range(10))) is not shuffled


def test_batches_repeat_with_the_generator_and_can_drop_the_last():
    first, second = ([*batches(10, 4, generator=torch.Generator().manual_seed(1), drop_last=True)] for _ in range(2))
    assert [len(index) for index in first] == [4, 4]
    assert all(torch.equal(one, two) for one, two in zip(first, second, strict=True))


def test_the_folder_is_the_argument_or_the_variable_or_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("PRUNEPROXY_DATA", str(tmp_path / "variable"))
    assert data_root(tmp_path) == tmp_path and data_root() == tmp_path / "variable"
    monkeypatch.delenv("PRUNEPROXY_DATA")
    assert data_root().parts[-2:] == ("pruneproxy", "data")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_batch_is_the_same_on_the_gpu():
    config = DataConfig(augment="crop-flip")
    there, here = load(config, device="cuda"), load(config)
    pair = [
        prepare(data.train, torch.arange(64), data, generator=torch.Generator().manual_seed(0))
        for data in (there, here)
    ]
    assert pair[0].device.type == "cuda" and torch.allclose(pair[0].cpu(), pair[1], atol=1e-6)


@pytest.mark.parametrize(
    ("choices", "message"),
    [
        ({"name": "cifar11"}, "unknown data set 'cifar11'.*did you mean 'cifar10'"),
        ({"normalise": "none"}, "unknown normalisation 'none'.*train, train-reversed, imagenet, unit"),
        ({"train_images": 0}, "train_images must be a positive whole number"),
        ({"size": 2.5}, "size must be a positive whole number"),
        ({"holdout": 1.0}, "holdout must be a share"),
        ({"name": "elec2", "augment": "flip"}, "elec2 is tabular"),
        ({"name": "elec2", "size": 4}, "elec2 is tabular"),
        ({"normalise": "imagenet"}, "normalise='imagenet' needs colour images, and those of digits"),
        ({"name": "higgs", "normalise": "imagenet"}, "normalise='imagenet' needs colour images"),
    ],
)
def test_a_bad_choice_is_an_error_that_says_what_is_valid(choices, message):
    with pytest.raises(UserError, match=message):
        DataConfig(**choices)


def test_missing_data_is_an_error_that_says_how_to_get_it(tmp_path):
    with pytest.raises(UserError, match="data get svhn` or `pruneproxy data import svhn PATH"):
        load(DataConfig(name="svhn"), root=tmp_path)


def test_damaged_arrays_are_an_error(root):
    (root / "cifar10" / "train_inputs.npy").write_bytes(b"nothing")
    with pytest.raises(UserError, match="train_inputs.npy is damaged"):
        load(DataConfig(name="cifar10"), root=root)
    (root / "cifar10" / "train_inputs.npy").unlink()
    with pytest.raises(UserError, match="lacks train_inputs"):
        load(DataConfig(name="cifar10", augment="flip"), root=root)


def test_the_configuration_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        DataConfig().name = "mnist"


def test_a_batch_size_below_one_is_an_error():
    with pytest.raises(UserError, match="batch_size"):
        batches(10, 0)
