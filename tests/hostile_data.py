"""Copies of data sets as they arrive: torn, altered, mistaken for others, or made to do harm. All are tiny.

`cases` draws any number of them, `CRAFTED` are those that each reader has to refuse, `SMALL_HIGGS` is the catalogue's
entry under which a few rows of HIGGS are a copy of it.
"""

import functools
import gzip
import io
import lzma
import os
import pickle
import random
import socket
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from scipy.io import savemat

from pruneproxy.data import CATALOGUE

Files = Mapping[str, bytes]  # path inside the copy -> contents
Build = Callable[[Path], Path]  # builds a copy inside an empty folder and returns the path to import
SMALL_HIGGS = replace(CATALOGUE["higgs"], test_rows=3)
MIB = 1 << 20
IDX = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")


def noise(*shape: int) -> np.ndarray:
    """The same bytes for the same shape."""
    return np.random.default_rng(shape).integers(0, 256, shape, dtype=np.uint8)


def idx(array: np.ndarray, kind: int = 8) -> bytes:
    """An idx file."""
    return struct.pack(f">HBB{array.ndim}I", 0, kind, array.ndim, *array.shape) + array.tobytes()


def idx_files(**changed: np.ndarray) -> Files:
    """MNIST's files, with arrays for train_images, train_labels, test_images or test_labels."""
    labels = np.arange(10, dtype=np.uint8)
    arrays = {"train_images": noise(10, 28, 28), "train_labels": labels}
    arrays |= {"test_images": noise(5, 28, 28), "test_labels": labels[:5]} | changed
    return {name: idx(array) for name, array in zip(IDX, arrays.values(), strict=True)}


def batch(images, labels, key=b"labels") -> bytes:
    """A batch of CIFAR."""
    return pickle.dumps({b"data": images, key: labels}, protocol=4)


def cifar_files(classes: int = 10, **changed: bytes) -> Files:
    """CIFAR's files; `first` is the first training file, `names` that of the classes."""
    images, labels = noise(4, 3072), [0, 1, 2, 3]
    key = b"labels" if classes == 10 else b"fine_labels"
    names = pickle.dumps({key[:-1].replace(b"label", b"label_names"): [b"c%d" % i for i in range(classes)]}, protocol=4)
    train = [f"data_batch_{i}" for i in range(1, 6)] if classes == 10 else ["train"]
    files = {name: batch(images, labels, key) for name in train}
    files |= {"test_batch" if classes == 10 else "test": batch(images, labels, key)}
    files[train[0]] = changed.get("first", files[train[0]])
    return files | {"batches.meta" if classes == 10 else "meta": changed.get("names", names)}


def mat(packed: bool = True, **arrays) -> bytes:
    """A MATLAB file."""
    content = io.BytesIO()
    savemat(content, arrays, do_compression=packed)
    return content.getvalue()


def mat_files(packed: bool = True, **changed) -> Files:
    """SVHN's files, with other arrays X or y for training."""
    good = {"X": noise(32, 32, 3, 6), "y": np.arange(1, 7, dtype=np.uint8)[:, None]}
    return {"train_32x32.mat": mat(packed, **good | changed), "test_32x32.mat": mat(packed, **good)}


@functools.cache
def picture(side: int = 8, form: str = "PNG") -> bytes:
    """An image file."""
    content = io.BytesIO()
    Image.fromarray(noise(side, side, 3)).save(content, form)
    return content.getvalue()


TINY_ROWS = "val_0.JPEG\tn01\t0\t0\t1\t1\nval_1.JPEG\tn00\t0\t0\t1\t1\n"


def tiny_files(rows: str = TINY_ROWS, image: bytes | None = None) -> Files:
    """Tiny-ImageNet's files, two classes of it."""
    good = picture(64, "JPEG")
    files = {f"t/train/n0{i}/images/n0{i}_{j}.JPEG": good for i in range(2) for j in range(2)}
    files |= {f"t/val/images/val_{i}.JPEG": good for i in range(2)} | {"t/words.txt": b"n00\tgold fish, carp\n"}
    files |= {"t/train/n00/images/n00_0.JPEG": good if image is None else image}
    return files | {"t/val/val_annotations.txt": rows.encode()}


PLACES_ROWS = "train/a/abbey/1.jpg 0\ntrain/y/yard/1.jpg 1\n"


def places_files(rows: str | bytes = PLACES_ROWS, image: bytes | None = None) -> Files:
    """MiniPlaces' files, two classes of it."""
    names = ("train/a/abbey/1.jpg", "train/y/yard/1.jpg", "val/1.jpg", "val/2.jpg")
    files = {f"images/{name}": picture(128, "JPEG") for name in names}
    files |= {"images/train/a/abbey/1.jpg": image} if image is not None else {}
    rows = rows if isinstance(rows, bytes) else rows.encode()
    return files | {"train.txt": rows, "val.txt": b"val/1.jpg 1\nval/2.jpg 0\n"}


def folder_files(image: bytes | None = None) -> Files:
    """A folder of images by class."""
    files = {f"{split}/{name}/x.png": picture() for split in ("train", "val") for name in "ab"}
    return files | ({"train/a/x.png": image} if image is not None else {})


ELEC2_HEADER = "period,nswprice,nswdemand,vicprice,vicdemand,transfer,class\n"


def elec2_files(*rows: str, header: str = ELEC2_HEADER) -> Files:
    """Elec2's table with some rows more."""
    good = [f"{i},{i / 7},0.5,0.25,0.125,{i % 3},{('UP', 'DOWN')[i % 2]}" for i in range(12)]
    return {"elec2.csv": (header + "\n".join([*good, *rows]) + "\n").encode()}


def higgs_files(*rows: str) -> Files:
    """HIGGS's table with some rows more."""
    good = [",".join([f"{i % 2}.0", *(f"{i / (j + 1):.18e}" for j in range(28))]) for i in range(10)]
    return {"HIGGS.csv": ("\n".join([*good, *rows]) + "\n").encode()}


GOOD: dict[str, Callable[[], Files]] = {
    "mnist": idx_files,
    "fashion_mnist": idx_files,
    "cifar10": cifar_files,
    "cifar100": lambda: cifar_files(100),
    "svhn": lambda: mat_files(False),
    "tiny_imagenet": tiny_files,
    "miniplaces": places_files,
    "imagenet": folder_files,
    "elec2": elec2_files,
    "higgs": higgs_files,
}
good = functools.cache(lambda name: GOOD[name]())  # the files of a copy in order


def zipped(files: Files) -> bytes:
    """A zip file."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


def tarred(files: Files, *members: tarfile.TarInfo, form: int = tarfile.PAX_FORMAT) -> bytes:
    """A tar file, packed, with some members more."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w:gz", format=form, compresslevel=1) as tar:
        for member in members:
            tar.addfile(member)
        for name, data in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return content.getvalue()


def mat_packed(data: bytes) -> bytes:
    """A MATLAB file with its elements packed."""
    found, at = data[:128], 128
    while at + 8 <= len(data):
        end = at + 8 + struct.unpack_from("<I", data, at + 4)[0]
        body = zlib.compress(data[at:end], 1)
        found, at = found + struct.pack("<2I", 15, len(body)) + body, end
    return found + data[at:]


def pack(name: str, files: Files) -> Files:
    """The files as they are published."""
    if name in ("mnist", "fashion_mnist", "higgs"):
        return {f"{path}.gz": gzip.compress(data, 1) for path, data in files.items()}
    if name == "svhn":
        return {path: mat_packed(data) for path, data in files.items()}
    if name == "elec2":
        return {f"{path}.xz": lzma.compress(data, preset=0) for path, data in files.items()}
    if name.startswith("cifar"):
        return {f"cifar-{name[5:]}-python.tar.gz": tarred({f"c/{path}": data for path, data in files.items()})}
    if name == "tiny_imagenet":
        return {"tiny-imagenet-200.zip": zipped(files)}
    if name == "miniplaces":
        images = {path: data for path, data in files.items() if path.startswith("images")}
        return {"data.tar.gz": tarred(images)} | {path: data for path, data in files.items() if path not in images}
    return files


def write(files: Files, folder: Path) -> Path:
    """The folder, with the files in it."""
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def cut(data: bytes, at: int, amount: int) -> bytes:
    """The beginning."""
    return data[:at]


def flip(data: bytes, at: int, amount: int) -> bytes:
    """One bit changed."""
    return data[:at] + bytes([data[at] ^ 1 << amount % 8]) + data[at + 1 :] if data else b"x"


def drop(data: bytes, at: int, amount: int) -> bytes:
    """Some bytes left out."""
    return data[:at] + data[at + amount :]


def repeat(data: bytes, at: int, amount: int) -> bytes:
    """Some bytes twice."""
    return data[: at + amount] + data[at:]


def insert(data: bytes, at: int, amount: int) -> bytes:
    """Other bytes in between."""
    return data[:at] + noise(amount).tobytes() + data[at:]


def ones(data: bytes, at: int, amount: int) -> bytes:
    """The largest numbers in the place of others, as in a header."""
    return data[:at] + b"\xff" * min(amount, 8) + data[at + min(amount, 8) :]


def digits(data: bytes, at: int, amount: int) -> bytes:
    """A long number in between, as in a text."""
    return data[:at] + b"9" * amount + data[at:]


def words(data: bytes, at: int, amount: int) -> bytes:
    """One of some words in between that a table may have."""
    found = (b"nan", b"inf", b"1e400", b"-1", b"0.5", b"\n", b",", b'"', b"\t", b"\0", b"../", b"/", b"UP", b"\xff")
    return data[:at] + found[amount % len(found)] + data[at:]


def nothing(data: bytes, at: int, amount: int) -> bytes:
    """An empty file."""
    return b""


def twice(data: bytes, at: int, amount: int) -> bytes:
    """The whole file two times."""
    return data + data


CHANGES = (cut, flip, drop, repeat, insert, ones, digits, words, nothing, twice)


def pipe(path: Path) -> None:
    """A pipe into which nobody writes."""
    os.mkfifo(path)


def loop(path: Path) -> None:
    """A link to itself."""
    path.symlink_to(path)


def endless(path: Path) -> None:
    """A link to a device that never ends."""
    path.symlink_to("/dev/zero")


def dangling(path: Path) -> None:
    """A link to nothing."""
    path.symlink_to(path.with_name("nowhere"))


def plug(path: Path) -> None:
    """A socket."""
    with socket.socket(socket.AF_UNIX) as found:
        here = os.getcwd()
        os.chdir(path.parent)  # a socket's address is short
        try:
            found.bind(path.name)
        finally:
            os.chdir(here)


SPECIAL = (pipe, loop, endless, dangling, plug, Path.mkdir)


def changed(
    name: str, change: Callable, *, file: int = 0, at: float = 0.5, amount: int = 1, packed: bool = False, late=False
) -> Build:
    """A copy one of whose files is changed in one place: before or after (`late`) they are packed."""

    def build(folder: Path) -> Path:
        files = dict(good(name))
        files = dict(pack(name, files)) if packed and late else files
        path = sorted(files)[file % len(files)]
        files[path] = change(files[path], min(int(at * len(files[path])), max(len(files[path]) - 1, 0)), amount)
        return write(pack(name, files) if packed and not late else files, folder)

    return build


def special(name: str, make: Callable[[Path], None], *, file: int = 0, packed: bool = False) -> Build:
    """A copy with something that is no file in the place of one."""

    def build(folder: Path) -> Path:
        files = pack(name, good(name)) if packed else good(name)
        path = write(files, folder) / sorted(files)[file % len(files)]
        path.unlink()
        make(path)
        return folder

    return build


def swapped(name: str, other: str, *, file: int = 0, from_file: int = 0) -> Build:
    """A copy with a file of another set in the place of one of its own."""

    def build(folder: Path) -> Path:
        files, others = good(name), good(other)
        path = sorted(files)[file % len(files)]
        return write({**files, path: others[sorted(others)[from_file % len(others)]]}, folder)

    return build


def drawn(draw: random.Random, name: str) -> tuple[str, Build]:
    """One copy of a set, chosen by `draw`, with what was done to it."""
    where = {"file": draw.randrange(12)}
    packed = draw.random() < 0.5
    match draw.choices(("change", "special", "swap", "crafted"), (20, 2, 1, 2))[0]:
        case "special":
            make = draw.choice(SPECIAL)
            return f"{make.__name__} {where} {packed=}", special(name, make, packed=packed, **where)
        case "swap":
            other, where["from_file"] = draw.choice(list(GOOD)), draw.randrange(12)
            return f"a file of {other} {where}", swapped(name, other, **where)
        case "crafted":
            what = draw.choice([what for of, what in CRAFTED if of == name])
            return what, CRAFTED[name, what]
    where |= {"at": draw.choice((0.0, 0.01, 0.999, draw.random())), "amount": draw.choice((1, 2, 8, 100, 5000))}
    change = draw.choice(CHANGES)
    where |= {"packed": packed, "late": draw.random() < 0.3}
    return f"{change.__name__} {where}", changed(name, change, **where)


def cases(seed: int, count: int) -> Iterator[tuple[str, str, Build]]:
    """Name of the set, what was done to its copy, and the function that builds that inside an empty folder."""
    draw = random.Random(seed)
    for _ in range(count):
        name = draw.choice(list(GOOD))
        yield name, *drawn(draw, name)


CRAFTED: dict[tuple[str, str], Build] = {}


def crafted(name: str, what: str, files: Callable[[], Files], *, packed: bool = False) -> None:
    """Adds a copy that has to be refused."""
    CRAFTED[name, what] = lambda folder: write(pack(name, files()) if packed else files(), folder)


def placed(name: str, what: str, build: Build) -> None:
    """Adds a copy that is more than its files."""
    CRAFTED[name, what] = build


class Loud:
    """What runs code when it is unpickled carelessly."""

    def __reduce__(self):
        return print, ("this ran",)


def nested(depth: int) -> bytes:
    """A pickle of tuples within tuples, as the key of a dictionary."""
    return b"\x80\x02})" + b"\x85" * depth + b"K\x01s."


def references(depth: int) -> bytes:
    """A batch whose labels are lists of the same lists: as an array they would fill the memory."""
    labels = [0]
    for _ in range(depth):
        labels = [labels] * 10
    return batch(noise(10, 3072), labels)


def reconstructed(count: int) -> bytes:
    """A batch whose images ask for `count` bytes and get none of them."""
    return (
        b"\x80\x02}(U\x04datacnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n"
        + b"(\x8a\x08" + struct.pack("<q", count) + b"tU\x01b\x87RU\x06labels]u."
    )  # fmt: skip


def bombed(count: int = 20 * MIB) -> bytes:
    """Bytes that pack well."""
    return bytes(count)


def sparse(size: int) -> bytes:
    """A tar file with a member that is a hole of `size` bytes."""
    member = tarfile.TarInfo("c/data_batch_1")
    member.pax_headers = {"GNU.sparse.major": "0", "GNU.sparse.minor": "1", "GNU.sparse.size": str(size)}
    member.pax_headers |= {"GNU.sparse.realsize": str(size), "GNU.sparse.map": f"{size},0", "GNU.sparse.numblocks": "1"}
    return tarred({}, member)


def tar_member(name: str, **facts) -> tarfile.TarInfo:
    """A member of a tar file that is no file."""
    member = tarfile.TarInfo(name)
    for key, value in facts.items():
        setattr(member, key, value)
    return member


def mat_bomb() -> bytes:
    """A MATLAB file whose packed element unpacks to far more."""
    body = zlib.compress(struct.pack("<2I", 14, 40 * MIB) + bytes(40 * MIB), 1)
    return mat_files()["train_32x32.mat"][:128] + struct.pack("<2I", 15, len(body)) + body


def claiming(files: Files, path: str, data: bytes) -> Files:
    """The files with other contents of one."""
    return {**files, path: data}


def declared(count: int) -> bytes:
    """A PNG that says it is `count` pixels wide and high."""
    head = b"IHDR" + struct.pack(">2I5B", count, count, 8, 2, 0, 0, 0)
    chunk = struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head))
    return b"\x89PNG\r\n\x1a\n" + chunk + picture()[33:]


def secret(folder: Path, rows: str) -> Path:
    """MiniPlaces whose list names an image beside the copy."""
    (folder / "secret.jpg").write_bytes(picture(128, "JPEG"))
    return write(places_files(PLACES_ROWS + rows.format(folder=folder)), folder / "copy")


def _craft():
    for of in ("mnist", "fashion_mnist"):
        for packed in (False, True):
            told = "packed" if packed else "plain"
            none = {"train_images": noise(0, 28, 28), "train_labels": noise(0)}
            crafted(of, f"no training images, {told}", lambda none=none: idx_files(**none), packed=packed)
            floats = claiming(idx_files(), IDX[0], idx(noise(10, 28, 28).astype(">f4"), 13))
            crafted(of, f"float images, {told}", lambda floats=floats: floats, packed=packed)
        crafted(of, "label 10", lambda: idx_files(train_labels=np.full(10, 10, np.uint8)))
        crafted(of, "more labels than images", lambda: idx_files(train_labels=noise(11) % 10))
        crafted(of, "other sides", lambda: idx_files(test_images=noise(5, 28, 27)))
        crafted(of, "images of no dimension", lambda: idx_files(train_images=np.uint8(3)))
        crafted(of, "labels of two dimensions", lambda: idx_files(train_labels=noise(10, 1) % 10))
        for count in (2**31, 2**32 - 1):
            header = struct.pack(">HBB3I", 0, 8, 3, count, count, count)
            crafted(of, f"{count} images claimed", lambda header=header: claiming(idx_files(), IDX[0], header))
        wrapped = struct.pack(">HBB4I", 0, 8, 4, *[2**16] * 4)  # the product is 0 in 64 bits
        crafted(of, "a product that overflows", lambda wrapped=wrapped: claiming(idx_files(), IDX[0], wrapped))
        crafted(of, "255 dimensions", lambda: claiming(idx_files(), IDX[0], b"\0\0\x08\xff" + b"\0\0\0\1" * 255 + b"x"))
        crafted(of, "a bomb", lambda: claiming(idx_files(), IDX[0], bombed()), packed=True)
    _craft_cifar()
    _craft_svhn()
    _craft_folders()
    _craft_tables()
    for of in GOOD:
        for make in SPECIAL:
            placed(of, f"{make.__name__} as the copy", functools.partial(_alone, make))
            for packed in (False, True):
                placed(of, f"{make.__name__} as a file, {packed=}", special(of, make, packed=packed))


def _alone(make: Callable[[Path], None], folder: Path) -> Path:
    make(folder / "copy")
    return folder / "copy"


def _craft_cifar():
    for count in (10, 100):
        of, key, first = f"cifar{count}", b"labels" if count == 10 else b"fine_labels", "data_batch_1"
        first = first if count == 10 else "train"
        images = noise(4, 3072)
        batches = {
            "float images": batch(images.astype(np.float64), [0] * 4, key),
            "images of objects": batch(images.astype(object), [0] * 4, key),
            "labels of 0.5": batch(images, [0.5] * 4, key),
            "labels that are texts": batch(images, ["0"] * 4, key),
            "a label of 99999999999": batch(images, [99999999999] * 4, key),
            "a label of 10 ** 400": batch(images, [10**400] * 4, key),
            "a negative label": batch(images, [-1] * 4, key),
            "NaN labels": batch(images, np.full(4, np.nan), key),
            "fewer labels": batch(images, [0] * 3, key),
            "images of other sides": batch(noise(4, 3071), [0] * 4, key),
            "images without a size": batch(np.zeros((2**40, 0), np.uint8), [0] * 4, key),
            "values without a size": batch(np.zeros(4, "V0"), [0] * 4, key),
            "images that are a list": batch([1, 2], [0] * 2, key),
            "labels that are a number": batch(images, 4, key),
            "no images": pickle.dumps({key: [0] * 4}),
            "a list": pickle.dumps([1, 2, 3]),
            "code": pickle.dumps(Loud()),
            "code in the labels": batch(images, [Loud()], key),
            "nested tuples": nested(1_000_000),
            "lists of the same lists": references(12).replace(b"labels", key),
            "a vast array": reconstructed(2**36).replace(b"labels", key),
            "a vast note": b"\x80\x02]r\xff\xff\xff\x7f.",
            "a vast text": b"\x80\x04\x8e" + struct.pack("<Q", 2**60) + b"x.",
            "a vast row of bytes": b"\x80\x05\x96" + struct.pack("<Q", 2**40) + b"x.",
            "nothing on the stack": b"\x80\x02.",
            "a number of the extension registry": b"\x80\x02\x82\x01.",
        }
        for what, data in batches.items():
            files = claiming(cifar_files(count), first, data)
            crafted(of, what, lambda files=files: files)
            crafted(of, f"{what}, packed", lambda files=files: files, packed=True)
        train = [name for name in cifar_files(count) if name.startswith(("data_batch", "train"))]
        none = {name: batch(noise(0, 3072), [], key) for name in train}
        crafted(of, "no training images", lambda none=none, count=count: {**cifar_files(count), **none})
        wrong = {"numbers": [1, 2], "no names": [], "a text": "abc", "twice as many": [b"c"] * 2 * count}
        for what, names in wrong.items():
            told = pickle.dumps({b"label_names": names, b"fine_label_names": names})
            crafted(of, f"{what} as classes", lambda count=count, told=told: cifar_files(count, names=told))
        archive = f"cifar-{count}-python.tar.gz"
        bomb = claiming(cifar_files(count), first, bombed())
        crafted(of, "a bomb", lambda bomb=bomb: bomb, packed=True)
        crafted(of, "a hole of a terabyte", lambda archive=archive: {archive: sparse(2**40)})
        link = tar_member(f"c/{first}", type=tarfile.SYMTYPE, linkname="/etc/passwd")
        crafted(of, "a link in the archive", lambda archive=archive, link=link: {archive: tarred({}, link)})


def _craft_svhn():
    images, labels = noise(32, 32, 3, 6), np.arange(1, 7)[:, None]
    arrays = {
        "float images": {"X": images.astype(np.float64)},
        "signed images": {"X": images.astype(np.int8)},
        "images of other sides": {"X": noise(32, 31, 3, 6)},
        "images in another order": {"X": noise(6, 32, 32, 3)},
        "a single image": {"X": noise(32, 32, 3)},
        "no images": {"X": noise(32, 32, 3, 0), "y": labels[:0]},
        "labels of 0.5": {"y": labels + 0.5},
        "NaN labels": {"y": labels * np.nan},
        "infinite labels": {"y": labels * np.inf},
        "label 11": {"y": labels + 5},
        "a negative label": {"y": labels - 2},
        "a label of 99999999999": {"y": labels + 99999999999},
        "fewer labels": {"y": labels[:-1]},
        "texts as labels": {"y": np.array(["one"] * 6)},
        "cells as images": {"X": np.array([images, labels], dtype=object)},
        "a structure as images": {"X": {"deep": {"deeper": images}}},
    }
    for what, changes in arrays.items():
        for packed in (False, True):
            files = mat_files(packed, **changes)
            crafted("svhn", f"{what}, {packed=}", lambda files=files: files)
    train = mat_files(False)["train_32x32.mat"]
    for what, data in {
        "a bomb": mat_bomb(),
        "no variables": train[:128],
        "another format": b"\x89HDF\r\n\x1a\n" + bytes(600),
        "an element of 4 GB": train[:128] + struct.pack("<2I", 14, 2**32 - 8) + train[136:],
        "images of 4 GB": train.replace(struct.pack("<2I", 2, images.nbytes), struct.pack("<2I", 2, 2**32 - 8)),
        "numbers of an unknown type": train.replace(
            struct.pack("<2I", 2, images.nbytes), struct.pack("<2I", 200, images.nbytes)
        ),
        "dimensions of 2 ** 31": train.replace(struct.pack("<I", 6), struct.pack("<I", 2**31 - 1)),
        "MATLAB 4": struct.pack("<5I", 0, 2**31 - 1, 2**31 - 1, 0, 2) + b"X\0" + bytes(200),
    }.items():
        crafted("svhn", what, lambda data=data: claiming(mat_files(), "train_32x32.mat", data))


def _craft_folders():
    gif = io.BytesIO()
    Image.fromarray(noise(64, 64)).save(gif, "GIF")
    pictures = {
        "a script of PostScript": b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 64\n%%EndComments\nshowpage\n",
        "another form": gif.getvalue(),
        "half an image": picture(64, "JPEG")[:700],
        "an image of 30000 x 30000": declared(30_000),
        "an image of 11000 x 11000": declared(11_000),
        "no image": b"no image",
        "an image of nothing": declared(0),
    }
    for what, data in pictures.items():
        for packed in (False, True):
            told = f"{what}, {packed=}"
            crafted("tiny_imagenet", told, lambda data=data: tiny_files(image=data), packed=packed)
            crafted("miniplaces", told, lambda data=data: places_files(image=data), packed=packed)
        crafted("imagenet", what, lambda data=data: folder_files(image=data))
    _craft_lists()
    _craft_archives()
    crafted("imagenet", "no training images", lambda: {k: v for k, v in folder_files().items() if "train/b" not in k}
            | {"train/a/x.png": b""})  # fmt: skip
    strange = {f"val/{'c' * 200}/x.png": picture()}
    crafted("imagenet", "a class of its own", lambda: {**folder_files(), **strange})


def _craft_lists():
    rows = {
        "a label of 99999999999": "val/1.jpg 99999999999\n",
        "a negative label": "val/1.jpg -1\n",
        "a label of 0.5": "val/1.jpg 0.5\n",
        "a label of 5000 digits": f"val/1.jpg {'9' * 5000}\n",
        "no label": "val/1.jpg\n",
        "a file that is not there": "val/3.jpg 0\n",
        "a folder": "val 0\n",
        "NUL in a name": "val/\0.jpg 0\n",
        "a long name": f"val/{'x' * 5000}.jpg 0\n",
    }
    for what, text in rows.items():
        crafted("miniplaces", what, lambda text=text: places_files(PLACES_ROWS + text))
    crafted("miniplaces", "a list that is no text", lambda: places_files(b"\xff\xfe" + noise(99).tobytes()))
    crafted("miniplaces", "an empty list", lambda: places_files(""))
    for what, text in {"upwards": "../../secret.jpg 1\n", "absolute": "{folder}/secret.jpg 1\n"}.items():
        placed("miniplaces", f"a name that leads {what}", lambda folder, text=text: secret(folder, text))
    for what, text in {
        "a name that leads upwards": TINY_ROWS + "../../train/n00/images/n00_0.JPEG\tn00\n",
        "an absolute name": TINY_ROWS + "/etc/passwd\tn00\n",
        "one column": TINY_ROWS + "val_0.JPEG\n",
        "no rows": "",
        "a file that is not there": TINY_ROWS + "val_7.JPEG\tn00\n",
        "other classes": TINY_ROWS.replace("n0", "m0"),
    }.items():
        crafted("tiny_imagenet", what, lambda text=text: tiny_files(text))


def _craft_archives():
    big = {"t/val/x.JPEG": bombed()}
    crafted("tiny_imagenet", "a bomb", lambda: {**tiny_files(), **big}, packed=True)
    crafted("miniplaces", "a bomb", lambda: {**places_files(), "images/x.jpg": bombed()}, packed=True)
    locked = bytearray(zipped(tiny_files()))
    for at in _found(bytes(locked), b"PK\x01\x02"):
        locked[at + 8] |= 1
    crafted("tiny_imagenet", "an archive that asks for a password", lambda: {"tiny-imagenet-200.zip": bytes(locked)})
    lying = bytearray(zipped(tiny_files()))
    for at in _found(bytes(lying), b"PK\x01\x02"):
        lying[at + 24 : at + 28] = struct.pack("<I", 2**32 - 2)
    crafted("tiny_imagenet", "files of 4 GB claimed", lambda: {"tiny-imagenet-200.zip": bytes(lying)})
    for depth in (100, 990, 1900):
        deep = {"a/" * depth + "x.JPEG": b"x"}
        crafted("tiny_imagenet", f"{depth} folders", lambda deep=deep: {**tiny_files(), **deep}, packed=True)
        deep = {"images/" + "a/" * depth + "x.jpg": b"x"}
        files = pack("miniplaces", {**places_files(), **deep})
        crafted("miniplaces", f"{depth} folders", lambda files=files: files)
    images = {path: data for path, data in places_files().items() if path.startswith("images")}
    lists = {path: data for path, data in places_files().items() if path not in images}
    missing = {path: data for path, data in images.items() if "abbey" not in path}
    wanted = "images/train/a/abbey/1.jpg"
    members = {
        "a link": tar_member(wanted, type=tarfile.SYMTYPE, linkname="/dev/zero"),
        "a hard link": tar_member(wanted, type=tarfile.LNKTYPE, linkname="/etc/passwd"),
        "a pipe": tar_member(wanted, type=tarfile.FIFOTYPE),
        "a device": tar_member(wanted, type=tarfile.CHRTYPE, devmajor=1, devminor=5),
        "a linked folder": tar_member("images/train/a/abbey", type=tarfile.SYMTYPE, linkname="/tmp"),
    }
    for what, member in members.items():
        data = tarred(missing, member)
        crafted("miniplaces", f"{what} in the archive", lambda data=data: {"data.tar.gz": data, **lists})
    for what, name in {"absolute": "/tmp/pruneproxy-escaped.jpg", "upward": "../../../escaped.jpg"}.items():
        data = tarred({**missing, name: b"x"})
        crafted("miniplaces", f"an {what} name in the archive", lambda data=data: {"data.tar.gz": data, **lists})


def _found(data: bytes, mark: bytes) -> list[int]:
    places, at = [], data.find(mark)
    while at >= 0:
        places.append(at)
        at = data.find(mark, at + 1)
    return places


def _craft_tables():
    cells = ("nan", "inf", "-inf", "1e400", "1e39", "", "word", "0x10", "1e")
    for cell in cells:
        crafted("elec2", f"{cell!r} as a feature", lambda cell=cell: elec2_files(f"1,{cell},0.5,0.25,0.125,0,UP"))
        row = ",".join(["1.0", cell, *["0.5"] * 27])
        crafted("higgs", f"{cell!r} as a feature", lambda row=row: higgs_files(row))
    for label in ("0.5", "nan", "inf", "", "2", "-1", "99999999999", "9" * 400, "SIDEWAYS", "1e400"):
        crafted("elec2", f"{label!r} as a label", lambda label=label: elec2_files(f"1,2,0.5,0.25,0.125,0,{label}"))
        row = ",".join([label, *["0.5"] * 28])
        crafted("higgs", f"{label!r} as a label", lambda row=row: higgs_files(row))
    crafted("elec2", "no rows", lambda: {"elec2.csv": ELEC2_HEADER.encode()})
    crafted("elec2", "no class", lambda: elec2_files(header=ELEC2_HEADER.replace("class", "close")))
    crafted("elec2", "an open quote", lambda: elec2_files('1,"2,0.5,0.25,0.125,0,UP'))
    crafted("elec2", "a long row", lambda: elec2_files("1,2,0.5,0.25,0.125,0,UP" + ",1" * 9))
    crafted("elec2", "another encoding", lambda: {"elec2.csv": elec2_files()["elec2.csv"].decode().encode("utf-16")})
    crafted("elec2", "too many rows", lambda: elec2_files(*["1,2,3,4,5,6,UP"] * 64_000))
    crafted("higgs", "a long row", lambda: higgs_files(",".join(["1.0"] * 30)))
    crafted("higgs", "a short row", lambda: higgs_files(",".join(["1.0"] * 28)))
    crafted("higgs", "too few rows", lambda: {"HIGGS.csv": b"\n".join(higgs_files()["HIGGS.csv"].splitlines()[:3])})
    for of, name in (("elec2", "elec2.csv"), ("higgs", "HIGGS.csv")):
        for packed in (False, True):
            crafted(of, f"nothing, {packed=}", lambda name=name: {name: b""}, packed=packed)
            crafted(of, f"zeros, {packed=}", lambda name=name: {name: bytes(10_000)}, packed=packed)
        crafted(of, "a bomb", lambda name=name: {name: bombed()}, packed=True)
        wide = b"1," * 500_000 + b"1\n" + b"1\n" * 100_000
        crafted(of, "a million columns", lambda name=name, wide=wide: {name: wide})
        crafted(of, "a bomb of lines", lambda name=name: {name: b"\n" * (20 * MIB)}, packed=True)
        quoted = (elec2_files() if of == "elec2" else higgs_files())[name] + b'"' + b"1\n" * 100_000
        crafted(of, "an endless quote", lambda name=name, quoted=quoted: {name: quoted})
        line = b"1" * (20 * MIB)
        crafted(of, "an endless line", lambda name=name, line=line: {name: line}, packed=True)


_craft()
