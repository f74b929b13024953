"""Published weights of trained networks: arrays are checked, renamed to this package's layers, kept beside the data.

Nothing is unpickled: an archive of NumPy arrays is read, and a safetensors file is written.
"""

import os
import re
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from pruneproxy.data.importing import new_folder
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
    entry, path, root = choose(name, WEIGHTS, "published weights"), Path(os.path.expanduser(path)), data_root(root)
    arrays = _arrays(path)
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
    with new_folder(root, name) as (_, folder):
        save_file(tensors, folder / FILE, metadata={"origin": path.name, "sha256": file_digest(path)})
    return f"{name}: import of {path.name}, {len(tensors)} arrays"


def _check_fit(name: str, entry: Published, tensors: Mapping[str, Tensor]) -> None:
    """Refuses tensors that are not those of the network, one for one."""
    with torch.device("meta"):
        state = build(entry.network, shape=entry.shape, classes=entry.classes).state_dict()
    wanted = {key: value.shape for key, value in state.items() if not key.endswith("num_batches_tracked")}
    wrong = next((key for key in wanted if key not in tensors or tensors[key].shape != wanted[key]), None)
    if wrong is not None:  # as many tensors as are wanted, so that none is too many
        found = "none" if wrong not in tensors else " x ".join(map(str, tensors[wrong].shape))
        raise UserError(
            f"expected {wrong} of {name} to be {' x '.join(map(str, wanted[wrong]))}, got {found}: is it another file?"
        )


def _arrays(path: Path) -> dict[str, np.ndarray]:
    if not path.is_file():
        raise UserError(f"{path} is no file: give the npz file that holds the arrays")
    try:
        with np.load(path, allow_pickle=False) as found:
            return {name: found[name] for name in found.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, AttributeError) as error:
        raise UserError(
            f"expected an npz file of plain arrays, got {path.name} ({error}): export the arrays anew"
        ) from error


def weights(name: str, root=None) -> dict[str, Tensor]:
    """Published weights by the names of a network's state."""
    choose(name, WEIGHTS, "published weights")
    path = data_root(root) / name / FILE
    if not path.exists():
        raise UserError(f"{name} is not in {path.parent.parent}: run `pruneproxy data import {name} FILE` first")
    try:
        return load_file(path)
    except SafetensorError as error:
        raise UserError(f"{path} is damaged ({error}): import it again") from error


def weights_state(name: str, root=None) -> str:
    """Where a copy came from, or "missing"."""
    path = data_root(root) / name / FILE
    if not path.exists():
        return "missing"
    try:
        with safe_open(path, framework="pt") as file:
            return f"import of {file.metadata()['origin']}"
    except (SafetensorError, TypeError, KeyError) as error:
        return f"damaged: {error}"
