"""Published weights of trained networks: arrays are checked, renamed to this package's layers, kept beside the data.

Nothing is unpickled: an archive of NumPy arrays is read, and a safetensors file is written.
"""

import hashlib
import math
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from pruneproxy.data.guards import SPARE, printable, regular, said
from pruneproxy.data.importing import local_copy, new_folder
from pruneproxy.data.stored import data_root, file_digest
from pruneproxy.errors import UserError, choose
from pruneproxy.models import ModelConfig, build

FILE = "weights.safetensors"


@dataclass(frozen=True, kw_only=True)
class Published:
    """Weights that somebody has published: what they are, the network that they fit, and how arrays are named here."""

    title: str
    arrays: int
    network: ModelConfig
    shape: tuple[int, ...]
    classes: int
    renamed: Callable[[Mapping[str, np.ndarray]], dict[str, Tensor]]


def _of_tensorflow(arrays: Mapping[str, np.ndarray]) -> dict[str, Tensor]:
    """The arrays of 004's released ResNet by the names of `models.ResNet`; kernels come as height, width, in, out."""
    found = {}
    for name, values in arrays.items():
        *block, layer, what = name.split("/")
        at = re.fullmatch(r"BasicBlock(\d)\.(\d+)", block[0]) if block else None
        if what not in _PARAMETERS or len(block) > 1 or (block and not at):
            raise KeyError(name)
        tensor = torch.from_numpy(values)
        place = f"layer{int(at[1]) + 1}.{at[2]}.{_SHORTCUT.get(layer, layer)}" if at else _ENDS[layer]
        dense = place == "fc"
        turned = tensor.flatten()
        if what == "kernel":
            turned = tensor.permute(1, 0) if dense else tensor.permute(3, 2, 0, 1)
        found[f"{place}.{_PARAMETERS[what]}"] = turned.contiguous()
    return found


_PARAMETERS = {
    "kernel": "weight",
    "biases": "bias",
    "gamma": "weight",
    "beta": "bias",
    "moving_mean": "running_mean",
    "moving_variance": "running_var",
}
_SHORTCUT = {"conv3": "downsample.0", "bn3": "downsample.1"}
_ENDS = {"conv": "conv1", "bn": "bn1", "fc": "fc"}
WEIGHTS = {
    "ekg-resnet56": Published(
        title="ResNet-56 trained on CIFAR-10, published with paper 004",
        arrays=287,
        network=ModelConfig(name="resnet56", shortcut="B", padding="end"),
        shape=(3, 32, 32),
        classes=10,
        renamed=_of_tensorflow,
    )
}


def import_weights(name: str, path, root=None) -> str:
    """A sentence about the weights that were taken from an npz file into the data folder."""
    entry, root = choose(name, WEIGHTS, "published weights"), data_root(root)
    path = local_copy(name, path)
    arrays = _arrays(path, entry)
    wrong = len(arrays) != entry.arrays and f"{len(arrays)} arrays"
    wrong = wrong or next(
        (f"{key} of {value.dtype}" for key, value in arrays.items() if value.dtype != np.float32), None
    )
    wrong = wrong or next(
        (f"{key} with NaN or infinity" for key, v in arrays.items() if not np.isfinite(v).all()), None
    )
    if wrong:
        raise UserError(
            f"expected {entry.arrays} finite float32 arrays in {path.name}, got {wrong}: is it another file?"
        )
    try:
        tensors = entry.renamed(arrays)
    except (KeyError, RuntimeError) as error:
        raise UserError(
            f"expected the arrays of {name} in {path.name}, got one that no layer is named after ({error}): is it "
            "another file?"
        ) from error
    _check_fit(name, entry, tensors)
    facts = {"origin": printable(path.name), "sha256": file_digest(path), "content": _content(tensors)}
    with new_folder(root, name) as (_, folder):
        save_file(tensors, folder / FILE, metadata=facts)
    return f"{name}: import of {facts['origin']}, {len(tensors)} arrays"


def _content(tensors: Mapping[str, Tensor]) -> str:
    """The sha256 of all names, shapes and values."""
    found = hashlib.sha256()
    for name in sorted(tensors):
        found.update(repr((name, str(tensors[name].dtype), tuple(tensors[name].shape))).encode())
        found.update(tensors[name].numpy())
    return found.hexdigest()


def _wanted(entry: Published) -> dict[str, torch.Size]:
    """The shapes of a network's arrays by their names."""
    with torch.device("meta"):
        state = build(entry.network, shape=entry.shape, classes=entry.classes).state_dict()
    return {key: value.shape for key, value in state.items() if not key.endswith("num_batches_tracked")}


def _check_fit(name: str, entry: Published, tensors: Mapping[str, Tensor]) -> None:
    """Refuses tensors that are not those of the network, one for one."""
    wanted = _wanted(entry)
    wrong = next((key for key in wanted if key not in tensors or tensors[key].shape != wanted[key]), None)
    if wrong is not None:  # as many tensors as are wanted, so that none is too many
        found = "none" if wrong not in tensors else " x ".join(map(str, tensors[wrong].shape))
        raise UserError(
            f"expected {wrong} of {name} to be {' x '.join(map(str, wanted[wrong]))}, got {found}: is it another file?"
        )


def _arrays(path: Path, entry: Published) -> dict[str, np.ndarray]:
    """The arrays of an npz file that, by its own list, has no more of them than the network."""
    most = SPARE + 4 * sum(map(math.prod, _wanted(entry).values()))
    try:
        with zipfile.ZipFile(regular(path)) as archive:
            sizes = [member.file_size for member in archive.infolist()]
        if len(sizes) != entry.arrays or sum(sizes) > most:
            raise UserError(f"expected {entry.arrays} arrays in {path.name}, got {len(sizes)} or too large ones")
        with np.load(path, allow_pickle=False) as found:
            return {name: _array(found[name]) for name in found.files}
    except UserError:
        raise
    except Exception as error:  # parsers of foreign bytes raise everything
        raise UserError(
            f"expected an npz file of plain arrays, got {path.name} ({said(error)}): export the arrays anew"
        ) from error


def _array(found) -> np.ndarray:
    """The member of an npz file, which numpy gives as bytes if it is something else."""
    if not isinstance(found, np.ndarray):
        raise ValueError("one of its files is no array")
    return found


def weights(name: str, root=None) -> dict[str, Tensor]:
    """Published weights by the names of a network's state; those that have changed since are an error."""
    choose(name, WEIGHTS, "published weights")
    path = data_root(root) / name / FILE
    if not path.exists():
        raise UserError(f"{name} is not in {path.parent.parent}: run `pruneproxy data import {name} FILE` first")
    try:
        tensors = load_file(regular(path))
        same = _facts(path).get("content") == _content(tensors)
    except UserError:
        raise
    except Exception as error:  # a damaged header makes anything of a tensor
        raise UserError(f"{path} is damaged ({said(error)}): import it again") from error
    if not same:
        raise UserError(f"{path} is damaged (expected the sha256 of its import, got another): import it again")
    return tensors


def _facts(path: Path) -> dict[str, str]:
    """What was written beside the tensors."""
    with safe_open(path, framework="pt") as file:
        return file.metadata() or {}


def weights_state(name: str, root=None) -> str:
    """Where a copy came from, "missing", or how it is damaged."""
    path = data_root(root) / name / FILE
    if not path.exists():
        return "missing"
    try:
        weights(name, root)
        return f"import of {_facts(path)['origin']}"
    except (UserError, KeyError) as error:
        return f"damaged: {error}"
