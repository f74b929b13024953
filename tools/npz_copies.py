"""Takes compact copies in npz files into the data folder: `python tools/npz_copies.py NAME FOLDER`.

Their images are arrays (optionally inside xz), montages, or single images.

An npz has `labels` and `classes` and either `images` (N, H, W[, C]) or a `blob` of bytes cut at `offsets` with a
`codec`: webp-montage and jpeg-montage (sheets of `tile` images, `cols` per row, `shape` = N, H, W, C) or jpeg-each.
`jpeg_filled_idx` lists images whose pixels come from a JPEG although the set was published without loss.
"""

import argparse
import io
import lzma
import sys
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

from pruneproxy.data.catalogue import Entry
from pruneproxy.data.guards import whole
from pruneproxy.data.importing import import_set
from pruneproxy.data.stored import Copy, Part
from pruneproxy.errors import UserError

ENDINGS = (".npz", ".npz.xz")
JPEG_FORMS = ("tiny", "places", "folder")  # sets that are published as JPEG


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name")
    parser.add_argument("folder")
    parser.add_argument("--root", help="the data folder (default: PRUNEPROXY_DATA)")
    options = parser.parse_args()
    try:
        print(import_set(options.name, options.folder, options.root, read=read_copy))
    except UserError as error:
        print(f"npz_copies: {error}", file=sys.stderr)
        return 2
    return 0


def npz_file(folder: Path, *splits: str) -> Path | None:
    """The npz file of the first of `splits` that the folder has."""
    paths = (folder / f"{split}{ending}" for split in splits for ending in ENDINGS)
    return next((path for path in paths if path.is_file()), None)


def read_copy(folder: Path, entry: Entry, *_) -> Copy:
    """A copy of the set from train.npz and test.npz (or val.npz), each optionally with .xz."""
    paths = {"train": npz_file(folder, "train"), "test": npz_file(folder, "test", "val")}
    missing = [split for split, path in paths.items() if path is None]
    if missing:
        raise UserError(f"expected {' and '.join(missing)}.npz or .npz.xz in {folder}, found none: give its folder")
    files = {split: open_npz(path) for split, path in paths.items()}
    forms = {str(file.get("codec", paths[split].name.partition(".")[2])) for split, file in files.items()}
    classes = tuple(str(name) for name in files["train"]["classes"])
    return Copy(
        **{split: read_part(file, entry, paths[split]) for split, file in files.items()},
        classes=classes,
        form=" and ".join(sorted(forms)),
        files=tuple(paths.values()),
        lossy={split: lossy_positions(file, entry) for split, file in files.items()},
    )


def open_npz(path: Path) -> Mapping[str, np.ndarray]:
    """The arrays of an npz file, which must have those of one of the two forms."""
    try:
        with (lzma.open if path.suffix == ".xz" else open)(path, "rb") as file:
            archive = np.load(io.BytesIO(file.read()), allow_pickle=False)
        arrays = {key: archive[key] for key in archive.files}
    except (OSError, EOFError, ValueError, lzma.LZMAError, zipfile.BadZipFile, zlib.error) as error:
        raise UserError(f"{path} is not a readable npz file ({error}): fetch the copy again") from error
    needed = {"labels", "classes"} | ({"blob", "offsets", "codec"} if "blob" in arrays else {"images"})
    if lacking := needed - set(arrays):
        raise UserError(f"expected arrays {', '.join(sorted(lacking))} in {path}, got {', '.join(arrays)}")
    return arrays


def read_part(file: Mapping[str, np.ndarray], entry: Entry, path: Path) -> Part:
    """The split of one npz file, its images decoded sheet by sheet."""
    raw = image_chunks(file, path) if "blob" in file else [file["images"]]
    chunks = (channels_first(chunk, entry.shape, path) for chunk in raw)
    return Part(shape=entry.shape, dtype="uint8", chunks=chunks, labels=whole(file["labels"]))


def channels_first(images: np.ndarray, shape: tuple[int, ...], path: Path) -> np.ndarray:
    """(N, H, W[, C]) images as (N, C, H, W), checked against the set's shape."""
    images = images[:, None] if images.ndim == 3 else images.transpose(0, 3, 1, 2)
    if images.shape[1:] != shape or images.dtype != np.uint8:
        raise UserError(f"expected uint8 images of shape {shape} in {path}, got {images.dtype} of {images.shape[1:]}")
    return images


def image_chunks(file: Mapping[str, np.ndarray], path: Path) -> Iterator[np.ndarray]:
    """Arrays (n, H, W, C), one for each sheet, or for each image of a jpeg-each file."""
    blob, offsets, codec = file["blob"], file["offsets"], str(file["codec"])
    if codec not in ("jpeg-each", "webp-montage", "jpeg-montage"):
        raise UserError(f"{path} has codec {codec!r}: expected webp-montage, jpeg-montage or jpeg-each")
    left = None if codec == "jpeg-each" else int(file["shape"][0])
    for start, end in zip(offsets[:-1], offsets[1:], strict=True):
        picture = decode(blob[start:end].tobytes(), path)
        if left is None:
            yield picture[None]
        else:
            tiles = cut_tiles(picture, file)[:left]
            left -= len(tiles)
            yield tiles


def decode(data: bytes, path: Path) -> np.ndarray:
    """The RGB pixels (H, W, 3) of an encoded image."""
    try:
        return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    except (OSError, SyntaxError) as error:
        raise UserError(f"{path} holds an image that cannot be decoded ({error}): fetch the copy again") from error


def cut_tiles(sheet: np.ndarray, file: Mapping[str, np.ndarray]) -> np.ndarray:
    """The images of a sheet, row by row."""
    _, height, width, channels = (int(value) for value in file["shape"])
    columns, tile = int(file["cols"]), int(file["tile"])
    grid = sheet.reshape(-1, height, columns, width, sheet.shape[-1]).swapaxes(1, 2)
    return grid.reshape(-1, height, width, sheet.shape[-1])[:tile, ..., :channels]


def lossy_positions(file: Mapping[str, np.ndarray], entry: Entry) -> tuple[int, ...]:
    """Positions of the images that are not the published pixels."""
    codec = str(file.get("codec", ""))
    if codec == "jpeg-montage" or (codec == "jpeg-each" and entry.form not in JPEG_FORMS):
        return tuple(range(len(file["labels"])))
    return tuple(int(position) for position in file.get("jpeg_filled_idx", ()))


if __name__ == "__main__":
    sys.exit(main())
