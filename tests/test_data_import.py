"""Importing local copies, each form made small by hand."""

import gzip
import io
import json
import lzma
import pickle
import struct
import sys
import tarfile
import zipfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from scipy.io import loadmat, savemat
from torchvision.transforms import functional as vision

from pruneproxy.data import CATALOGUE, DataConfig, check, import_set, list_sets, load, readers
from pruneproxy.data.stored import read_stored
from pruneproxy.errors import UserError

sys.path.append(str(Path(__file__).parents[1] / "tools"))
import npz_copies  # noqa: E402


def import_npz(*given, **choices):
    return import_set(*given, read=npz_copies.read_copy, **choices)


RNG = np.random.default_rng(0)


def noise(count, side, channels=3):
    """Images (N, H, W, C), or (N, H, W) for one channel."""
    images = np.random.default_rng(count).integers(0, 256, (count, side, side, channels), dtype=np.uint8)
    return images[..., 0] if channels == 1 else images


def labels_of(count, classes=10):
    return np.arange(count) % classes


def encoded(image, form, **choices):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, form, **choices)
    return buffer.getvalue()


def montage(path, images, *, form="WEBP", tile=4, columns=2, lossy=(), classes=10):
    """Writes images as sheets of `tile`, `columns` per row, the last sheet filled up with black."""
    count, side = images.shape[:2]
    padded = np.concatenate([images, np.zeros((-count % tile, *images.shape[1:]), np.uint8)])
    sheets = padded.reshape(-1, tile // columns, columns, side, side, 3).swapaxes(2, 3)
    choices = {"lossless": True} if form == "WEBP" else {"quality": 95, "subsampling": 0}
    blobs = [encoded(sheet.reshape(-1, columns * side, 3), form, **choices) for sheet in sheets]
    extra = {"jpeg_filled_idx": np.array(lossy)} if lossy else {}
    np.savez(
        path,
        **blob_arrays(blobs, f"{form.lower()}-montage"),
        tile=tile,
        cols=columns,
        shape=np.array(images.shape),
        labels=labels_of(count, classes),
        classes=np.array(CATALOGUE["cifar10"].names[:classes]),
        **extra,
    )


def blob_arrays(blobs, codec):
    offsets = np.cumsum([0, *map(len, blobs)])
    return {"blob": np.frombuffer(b"".join(blobs), np.uint8), "offsets": offsets, "codec": np.array(codec)}


def cifar_folder(tmp_path, **choices):
    folder = tmp_path / "copy"
    folder.mkdir()
    montage(folder / "train.npz", noise(22, 32), **choices)
    montage(folder / "test.npz", noise(10, 32))
    return folder


def stored(name, root):
    return read_stored(name, root)


def same_images(arrays, images):
    expected = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    return np.array_equal(arrays, expected)


def test_lossless_montages_come_out_bit_for_bit_and_lossy_positions_are_recorded(tmp_path):
    said = import_npz("cifar10", cifar_folder(tmp_path, lossy=(2, 5)), tmp_path)
    assert said == "cifar10: import of copy (webp-montage), 2 lossy images"
    arrays = stored("cifar10", tmp_path)
    assert same_images(arrays.train_inputs, noise(22, 32)) and same_images(arrays.test_inputs, noise(10, 32))
    assert arrays.train_labels.tolist() == labels_of(22).tolist()
    facts = json.loads((tmp_path / "cifar10" / "source.json").read_text())
    assert facts["lossy"] == {"train": [2, 5], "test": []} and set(facts["files"]) == {"train.npz", "test.npz"}


def test_jpeg_montages_count_as_lossy(tmp_path):
    folder = cifar_folder(tmp_path, form="JPEG")
    assert "22 lossy images" in import_npz("cifar10", folder, tmp_path)
    error = stored("cifar10", tmp_path).train_inputs.astype(int) - noise(22, 32).transpose(0, 3, 1, 2)
    assert 0 < np.abs(error).mean() < 10


@pytest.mark.parametrize("packed", [False, True])
def test_plain_arrays_are_read_with_and_without_xz(tmp_path, packed):
    for split, count in (("train", 20), ("val", 10)):
        buffer = io.BytesIO()
        np.savez(buffer, images=noise(count, 28, 1), labels=labels_of(count), classes=np.arange(10).astype(str))
        path = tmp_path / f"{split}.npz{'.xz' if packed else ''}"
        path.write_bytes(lzma.compress(buffer.getvalue()) if packed else buffer.getvalue())
    said = import_npz("mnist", tmp_path, tmp_path / "root")
    assert said.endswith("NOT identical to the original")
    assert same_images(stored("mnist", tmp_path / "root").train_inputs, noise(20, 28, 1))


def test_single_jpegs_of_a_set_published_as_jpeg_are_not_lossy_and_missing_classes_are_told(tmp_path):
    grey = encoded(noise(1, 64, 1)[0], "JPEG")
    for split, count in (("train", 6), ("val", 4)):
        blobs = [grey, *(encoded(image, "JPEG") for image in noise(count - 1, 64))]
        arrays = blob_arrays(blobs, "jpeg-each")
        np.savez(tmp_path / f"{split}.npz", **arrays, labels=labels_of(count, 2), classes=np.array(["cat", "dog"]))
    root = tmp_path / "root"
    said = import_npz("tiny_imagenet", tmp_path, root)
    assert said == f"tiny_imagenet: import of {tmp_path.name} (jpeg-each), 2 of 200 classes"
    decoded = np.asarray(Image.open(io.BytesIO(encoded(noise(5, 64)[4], "JPEG"))))
    assert np.array_equal(stored("tiny_imagenet", root).train_inputs[5], decoded.transpose(2, 0, 1))
    data = load(DataConfig(name="tiny_imagenet", holdout=0.0), root=root)
    assert data.classes == ("cat", "dog") and data.shape == (3, 64, 64) and "2 of 200 classes" in data.source


def write_idx(path, array):
    data = struct.pack(f">HBB{array.ndim}I", 0, 8, array.ndim, *array.shape) + array.astype(np.uint8).tobytes()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


@pytest.mark.parametrize("ending", ["", ".gz"])
def test_idx_files_are_read_packed_or_not_in_any_subfolder(tmp_path, ending):
    folder = tmp_path / "MNIST" / "raw"
    folder.mkdir(parents=True)
    for stem, count in (("train", 20), ("t10k", 10)):
        write_idx(folder / f"{stem}-images-idx3-ubyte{ending}", noise(count, 28, 1))
        write_idx(folder / f"{stem}-labels-idx1-ubyte{ending}", labels_of(count))
    import_set("fashion_mnist", tmp_path, tmp_path / "root")
    arrays = stored("fashion_mnist", tmp_path / "root")
    assert same_images(arrays.test_inputs, noise(10, 28, 1)) and arrays.classes[1] == "Trouser"


def cifar_files(classes):
    """File name -> bytes, as the python version has them."""

    def batch(images, key, count):
        rows = images.transpose(0, 3, 1, 2).reshape(len(images), -1)
        return pickle.dumps({b"data": rows, key: labels_of(len(images), count).tolist()})

    if classes == 10:
        files = {f"data_batch_{i}": batch(noise(10, 32), b"labels", 10) for i in range(1, 6)}
        names = pickle.dumps({b"label_names": [b"c%d" % i for i in range(10)]})
        return {**files, "test_batch": batch(noise(20, 32), b"labels", 10), "batches.meta": names}
    names = pickle.dumps({b"fine_label_names": [b"c%d" % i for i in range(100)]})
    train, test = (batch(noise(count, 32), b"fine_labels", 100) for count in (100, 200))
    return {"train": train, "test": test, "meta": names}


def tar_of(path, files):
    with tarfile.open(path, "w:gz") as tar:
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize(("name", "classes", "count", "tested"), [("cifar10", 10, 50, 20), ("cifar100", 100, 100, 200)])
def test_the_python_version_of_cifar_is_read_packed_or_not(tmp_path, name, classes, count, tested, packed):
    files = {f"cifar-py/{file}": data for file, data in cifar_files(classes).items()}
    if packed:
        tar_of(tmp_path / f"cifar-{classes}-python.tar.gz", files)
    else:
        (tmp_path / "cifar-py").mkdir()
        [(tmp_path / file).write_bytes(data) for file, data in files.items()]
    assert import_set(name, tmp_path, tmp_path / "root") == f"{name}: import of {tmp_path.name} (python version)"
    arrays = stored(name, tmp_path / "root")
    assert len(arrays.train_labels) == count and arrays.classes[3] == "c3"
    assert same_images(arrays.test_inputs, noise(tested, 32))


def test_a_pickle_that_would_run_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ("ran",))

    files = {**cifar_files(100), "train": pickle.dumps(Evil())}
    tar_of(tmp_path / "cifar-100-python.tar.gz", files)
    with pytest.raises(UserError, match="asks for builtins.print"):
        import_set("cifar100", tmp_path, tmp_path / "root")


def test_svhn_is_read_and_its_label_10_is_the_digit_0(tmp_path):
    for split, count in (("train", 20), ("test", 10)):
        content = {"X": noise(count, 32).transpose(1, 2, 3, 0), "y": labels_of(count)[:, None] + 1}
        savemat(tmp_path / f"{split}_32x32.mat", content)
    import_set("svhn", tmp_path, tmp_path / "root")
    arrays = stored("svhn", tmp_path / "root")
    assert same_images(arrays.train_inputs, noise(20, 32))
    assert arrays.test_labels.tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("kind", ["u1", "i1", "u2", "i2", "u4", "i4", "u8", "i8", "f4", "f8"])
@pytest.mark.parametrize("shape", [(1, 1), (3, 1), (2, 3, 4), (5, 7)])
def test_arrays_of_matlab_files_are_those_that_scipy_reads(tmp_path, kind, packed, shape):
    arrays = {name: (RNG.integers(0, 100, shape)).astype(kind) for name in ("y", "a_longer_name")}
    arrays |= {"words": np.array(["text"]), "cells": np.array([1, "a"], dtype=object), "imaginary": np.ones(2) * 1j}
    savemat(tmp_path / "x.mat", arrays, do_compression=packed)
    theirs = loadmat(tmp_path / "x.mat")
    ours = readers.mat_variables((tmp_path / "x.mat").read_bytes(), tmp_path, 10_000)
    assert set(ours) == {"y", "a_longer_name"}
    assert all(np.array_equal(ours[name], theirs[name]) and ours[name].dtype == theirs[name].dtype for name in ours)


def tiny_folder(top):
    """Tiny-ImageNet's layout with two classes, as path -> bytes."""
    pictures = [encoded(image, "JPEG") for image in noise(6, 64)]
    files = {f"{top}/train/n0{i % 2}/images/n0{i % 2}_{i}.JPEG": picture for i, picture in enumerate(pictures)}
    files |= {f"{top}/val/images/val_{i}.JPEG": picture for i, picture in enumerate(pictures[:2])}
    rows = "val_0.JPEG\tn01\t0\t0\t1\t1\nval_1.JPEG\tn00\t0\t0\t1\t1\n"
    return {**files, f"{top}/val/val_annotations.txt": rows.encode(), f"{top}/words.txt": b"n00\tgold fish, carp\n"}


def unpack(folder, files):
    for file, data in files.items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(data)


@pytest.mark.parametrize("packed", [False, True])
def test_tiny_imagenet_is_read_packed_or_not(tmp_path, packed):
    files = tiny_folder("tiny-imagenet-200")
    if packed:
        with zipfile.ZipFile(tmp_path / "tiny-imagenet-200.zip", "w") as archive:
            [archive.writestr(file, data) for file, data in files.items()]
    else:
        unpack(tmp_path, files)
    import_set("tiny_imagenet", tmp_path, tmp_path / "root")
    arrays = stored("tiny_imagenet", tmp_path / "root")
    assert arrays.classes == ("gold fish", "n01")
    assert arrays.train_labels.tolist() == [0, 0, 0, 1, 1, 1] and arrays.test_labels.tolist() == [1, 0]
    assert np.array_equal(arrays.test_inputs[0], arrays.train_inputs[0])


@pytest.mark.parametrize("packed", [False, True])
def test_miniplaces_is_read_packed_or_not(tmp_path, packed):
    pictures = [encoded(image, "JPEG") for image in noise(4, 128)]
    train = ["train/a/abbey/1.jpg", "train/y/yard/1.jpg"]
    files = {
        f"images/{file}": picture for file, picture in zip([*train, "val/1.jpg", "val/2.jpg"], pictures, strict=True)
    }
    if packed:
        tar_of(tmp_path / "data.tar.gz", files)
    else:
        unpack(tmp_path, files)
    (tmp_path / "train.txt").write_text("".join(f"{file} {label}\n" for label, file in enumerate(train)))
    (tmp_path / "val.txt").write_text("val/1.jpg 1\nval/2.jpg 0\n")
    import_set("miniplaces", tmp_path, tmp_path / "root")
    arrays = stored("miniplaces", tmp_path / "root")
    assert arrays.classes == ("abbey", "yard") and arrays.test_labels.tolist() == [1, 0]


def test_an_image_folder_is_stored_as_torchvision_scales_and_crops(tmp_path):
    wide = np.linspace(0, 255, 40 * 80 * 3).reshape(40, 80, 3).astype(np.uint8)
    unpack(tmp_path, {f"{split}/{name}/x.png": encoded(wide, "PNG") for split in ("train", "val") for name in "ab"})
    import_set("imagenet", tmp_path, tmp_path / "root", size=10)
    arrays = stored("imagenet", tmp_path / "root")
    expected = vision.center_crop(vision.resize(Image.fromarray(wide), 10), 10)
    error = arrays.train_inputs.astype(int) - np.asarray(expected).transpose(2, 0, 1)
    assert arrays.train_inputs.shape == (2, 3, 10, 10) and np.abs(error).max() <= 1
    assert arrays.classes == ("a", "b") and arrays.test_labels.tolist() == [0, 1]


@pytest.mark.parametrize("ending", ["", ".gz", ".xz"])
@pytest.mark.parametrize("single", [False, True])
def test_elec2_is_read_from_a_table_or_its_folder(tmp_path, ending, single):
    features = RNG.random((8, 6))
    lines = ["period,nswprice,nswdemand,vicprice,vicdemand,transfer,class"]
    lines += [",".join(map(str, [*row, i % 2])) for i, row in enumerate(features)]
    data = "\n".join(lines).encode()
    path = tmp_path / f"elec2.csv{ending}"
    path.write_bytes({"": bytes, ".gz": gzip.compress, ".xz": lzma.compress}[ending](data))
    import_set("elec2", path if single else tmp_path, tmp_path / "root")
    arrays = stored("elec2", tmp_path / "root")
    assert np.array_equal(arrays.train_inputs, features.astype(np.float32)) and arrays.test_inputs is None
    assert arrays.train_labels.tolist() == [0, 1] * 4 and arrays.classes == ("DOWN", "UP")


def test_the_last_rows_of_higgs_are_its_test_split(tmp_path, monkeypatch):
    monkeypatch.setitem(CATALOGUE, "higgs", replace(CATALOGUE["higgs"], test_rows=3))
    rows = np.concatenate([labels_of(10, 2)[:, None], RNG.normal(size=(10, 28))], axis=1)
    with gzip.open(tmp_path / "HIGGS.csv.gz", "wt") as file:
        np.savetxt(file, rows, delimiter=",")
    import_set("higgs", tmp_path, tmp_path / "root")
    arrays = stored("higgs", tmp_path / "root")
    assert np.array_equal(arrays.test_inputs, rows[7:, 1:].astype(np.float32))
    assert arrays.train_labels.tolist() == [0, 1, 0, 1, 0, 1, 0]


def test_a_later_import_replaces_the_earlier_and_leaves_nothing_else(tmp_path):
    folder, root = cifar_folder(tmp_path), tmp_path / "root"
    import_npz("cifar10", folder, root)
    montage(folder / "train.npz", noise(30, 32))
    import_npz("cifar10", folder, root)
    assert len(stored("cifar10", root).train_labels) == 30
    assert [path.name for path in root.iterdir()] == ["cifar10"]


def check_npz_fails(tmp_path, message):
    check_import_fails(tmp_path, message, read=npz_copies.read_copy)


def check_import_fails(tmp_path, message, name="cifar10", **choices):
    """Asserts that the import fails with the message and leaves no trace."""
    root = tmp_path / "root"
    with pytest.raises(UserError, match=message):
        import_set(name, tmp_path / "copy", root, **choices)
    assert not root.exists() or not list(root.iterdir())


def test_a_path_that_does_not_exist_is_an_error(tmp_path):
    check_import_fails(tmp_path, "copy does not exist")


def test_a_folder_without_the_files_is_an_error_that_names_them(tmp_path):
    (tmp_path / "copy").mkdir()
    check_import_fails(tmp_path, "expected cifar-10-python.tar.gz in .*copy, found none")
    check_import_fails(tmp_path, "expected train_32x32.mat", name="svhn")
    check_import_fails(tmp_path, "expected train/CLASS or val/CLASS", name="imagenet")


def test_digits_cannot_be_imported(tmp_path):
    check_import_fails(tmp_path, "comes with scikit-learn", name="digits")


def test_an_unknown_set_is_an_error_that_suggests_one(tmp_path):
    check_import_fails(tmp_path, "unknown data set 'cifar-10'.*did you mean 'cifar10'", name="cifar-10")


@pytest.mark.parametrize("kept", [0.0, 0.5, 0.999])
def test_a_truncated_npz_is_an_error(tmp_path, kept):
    path = cifar_folder(tmp_path) / "train.npz"
    path.write_bytes(path.read_bytes()[: int(kept * path.stat().st_size)])
    check_npz_fails(tmp_path, "train.npz is not a readable npz file")


def test_a_missing_half_is_an_error(tmp_path):
    (cifar_folder(tmp_path) / "test.npz").unlink()
    check_npz_fails(tmp_path, "expected test.npz")


def test_a_foreign_npz_is_an_error_that_names_the_arrays(tmp_path):
    cifar_folder(tmp_path)
    np.savez(tmp_path / "copy" / "train.npz", x=np.zeros(3))
    check_npz_fails(tmp_path, "expected arrays classes, images, labels in .*train.npz, got x")


def test_images_of_another_shape_are_an_error(tmp_path):
    montage(cifar_folder(tmp_path) / "train.npz", noise(8, 16))
    check_npz_fails(tmp_path, r"expected uint8 images of shape \(3, 32, 32\).*got uint8 of \(3, 16, 16\)")


def test_a_label_without_a_class_is_an_error(tmp_path):
    folder = cifar_folder(tmp_path)
    arrays = dict(np.load(folder / "test.npz"))
    np.savez(folder / "test.npz", **{**arrays, "labels": arrays["labels"] + 1})
    check_npz_fails(tmp_path, "expected labels 0 to 9, got 0 to 10")


@pytest.mark.parametrize("label", [0.5, np.nan, np.inf, 1e30])
def test_labels_that_are_no_whole_numbers_are_an_error(tmp_path, label):
    folder = cifar_folder(tmp_path)
    arrays = dict(np.load(folder / "train.npz"))
    np.savez(folder / "train.npz", **{**arrays, "labels": np.where(labels_of(22) == 3, label, labels_of(22))})
    check_npz_fails(tmp_path, "expected whole numbers as labels, got")


def test_a_copy_that_cannot_be_decoded_in_the_end_is_an_error(tmp_path):
    folder = cifar_folder(tmp_path)
    arrays = dict(np.load(folder / "train.npz"))
    np.savez(folder / "train.npz", **{**arrays, "cols": np.array(3)})
    check_npz_fails(tmp_path, "the copy is damaged")


@pytest.mark.parametrize("count", [21, 23])
def test_more_or_fewer_labels_than_images_are_an_error(tmp_path, count):
    folder = cifar_folder(tmp_path)
    arrays = dict(np.load(folder / "train.npz"))
    np.savez(folder / "train.npz", **{**arrays, "labels": labels_of(count)})
    check_npz_fails(tmp_path, f"expected as many inputs as labels, got 22 and {count}")


def test_a_damaged_idx_file_is_an_error(tmp_path):
    (tmp_path / "copy").mkdir()
    for stem in ("train-images-idx3", "train-labels-idx1", "t10k-images-idx3", "t10k-labels-idx1"):
        (tmp_path / "copy" / f"{stem}-ubyte.gz").write_bytes(gzip.compress(b"\0\0\x08\x01\0\0\0\x05abc"))
    check_import_fails(tmp_path, "train-images-idx3-ubyte.gz is not a complete idx file", name="mnist")
    (tmp_path / "copy" / "train-images-idx3-ubyte.gz").write_bytes(gzip.compress(bytes(5000))[:-9])
    check_import_fails(tmp_path, "train-images-idx3-ubyte.gz is damaged", name="mnist")


def test_an_image_that_cannot_be_decoded_is_an_error_that_names_it(tmp_path):
    unpack(tmp_path / "copy", {f"{split}/a/broken.jpg": b"no image" for split in ("train", "val")})
    check_import_fails(tmp_path, "broken.jpg is not a readable image", name="imagenet")


def test_a_table_without_its_columns_is_an_error(tmp_path):
    (tmp_path / "copy").mkdir()
    (tmp_path / "copy" / "elec.csv").write_text("date,class\n1,UP\n")
    check_import_fails(tmp_path, "expected columns period, .* in .*elec.csv, got date, class", name="elec2")


def test_a_write_that_fails_is_an_error_and_keeps_the_earlier_copy(tmp_path):
    resource = pytest.importorskip("resource", reason="file sizes cannot be limited on this system")
    folder, root = cifar_folder(tmp_path), tmp_path / "root"
    import_npz("cifar10", folder, root)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, limits[1]))
    try:
        with pytest.raises(UserError, match="cifar10 was not stored.*too large.*nothing was changed"):
            import_npz("cifar10", folder, root)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert check("cifar10", root).startswith("cifar10: import of copy")
    assert [path.name for path in root.iterdir()] == ["cifar10"]


def test_a_root_that_cannot_be_made_is_an_error(tmp_path):
    (tmp_path / "root").write_text("a file")
    with pytest.raises(UserError, match="expected a folder of data, got .*root.*which is none"):
        import_npz("cifar10", cifar_folder(tmp_path), tmp_path / "root")


def test_progress_counts_the_bytes_that_are_stored(tmp_path):
    seen = []
    import_npz("cifar10", cifar_folder(tmp_path), tmp_path, progress=lambda *facts: seen.append(facts))
    assert seen[0] == (4 * 3072, 22 * 3072) and seen[5] == (22 * 3072, 22 * 3072)


def test_check_finds_a_changed_array(tmp_path):
    import_npz("cifar10", cifar_folder(tmp_path), tmp_path)
    assert check("cifar10", tmp_path).endswith("all 4 arrays have their recorded sha256")
    array = np.load(tmp_path / "cifar10" / "test_inputs.npy", mmap_mode="r+")
    array[3, 1, 2, 2] ^= 1
    array.flush()
    with pytest.raises(UserError, match=r"cifar10 has changed since it was stored \(test_inputs\)"):
        check("cifar10", tmp_path)
    assert "nothing to check" in check("digits", tmp_path)


def test_the_list_says_what_is_there_and_how_to_get_the_rest(tmp_path):
    import_npz("cifar10", cifar_folder(tmp_path), tmp_path)
    (tmp_path / "mnist").mkdir()
    (tmp_path / "mnist" / "source.json").write_text("{")
    rows = {row["name"]: row for row in list_sets(tmp_path)}
    assert list(rows) == list(CATALOGUE)
    assert rows["digits"]["state"] == "built in" and rows["cifar10"]["state"] == "import of copy (webp-montage)"
    assert rows["svhn"]["state"] == "missing" and rows["svhn"]["how"] == "get or import"
    assert rows["imagenet"]["how"] == "import" and rows["mnist"]["state"].startswith("damaged")
