"""Published weights: taken from plain arrays, never unpickled, and the network that they fit."""

import io
import pickle
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

import hostile_data
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from pruneproxy import data, models, surgery
from pruneproxy.__main__ import main
from pruneproxy.errors import UserError
from pruneproxy.models.resnet import EndPadded
from pruneproxy.runs import Pruning, RunSpec, execution
from pruneproxy.store import Store
from pruneproxy.train import TrainConfig

NAME = "ekg-resnet56"
CONFIG = models.ModelConfig(name="resnet56", shortcut="B", padding="end")
SPEC = RunSpec(
    data=data.DataConfig(name="cifar10", holdout=0.0, normalise="train-reversed"),
    model=CONFIG,
    train=TrainConfig(epochs=0),
    start=NAME,
)
NORM = {"weight": "gamma", "bias": "beta", "running_mean": "moving_mean", "running_var": "moving_variance"}


def network(seed: int = 0) -> nn.Module:
    found = models.build(CONFIG, shape=(3, 32, 32), classes=10, generator=torch.Generator().manual_seed(seed))
    for module in found.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.normal_(generator=torch.Generator().manual_seed(1))
    return found


@pytest.fixture(scope="module")
def arrays() -> dict[str, np.ndarray]:
    """A network's weights as the authors name and shape theirs, written out by hand for each kind of layer."""
    found = {}
    for name, value in network().state_dict().items():
        *path, what = name.split(".")
        values = value.numpy()
        if what == "num_batches_tracked":
            continue
        layer = path[-1]
        if path[0] == "fc":
            found[f"fc/{'kernel' if what == 'weight' else 'biases'}"] = values.T if what == "weight" else values[None]
            continue
        if "downsample" in path:
            layer = {"0": "conv3", "1": "bn3"}[layer]
        at = f"BasicBlock{int(path[0][-1]) - 1}.{path[1]}/" if path[0].startswith("layer") else ""
        layer = layer if at else layer.rstrip("1")
        if layer.startswith("conv"):
            found[f"{at}{layer}/kernel"] = values.transpose(2, 3, 1, 0)
        else:
            found[f"{at}{layer}/{NORM[what]}"] = values.reshape(1, 1, 1, -1)
    return {name: np.ascontiguousarray(values) for name, values in found.items()}


def saved(folder, arrays, name="copy.npz"):
    np.savez(folder / name, **arrays)
    return folder / name


def test_every_array_comes_back_under_its_layer(arrays, tmp_path):
    said = data.import_weights(NAME, saved(tmp_path, arrays), tmp_path / "data")
    assert said == "ekg-resnet56: import of copy.npz, 287 arrays"
    loaded, wanted = data.weights(NAME, tmp_path / "data"), network().state_dict()
    assert set(loaded) == {name for name in wanted if not name.endswith("num_batches_tracked")}
    assert all(torch.equal(value, wanted[name]) for name, value in loaded.items())
    assert data.weights_state(NAME, tmp_path / "data") == "import of copy.npz"


def test_a_run_starts_from_published_weights(arrays, tmp_path, monkeypatch):
    monkeypatch.setenv("PRUNEPROXY_DATA", str(tmp_path))
    data.import_weights(NAME, saved(tmp_path, arrays))
    dataset = type("Shapes", (), {"shape": (3, 32, 32), "num_classes": 10})
    found = execution.network(SPEC, dataset, Store(tmp_path / "store"))
    assert all(torch.equal(value, network().state_dict()[name]) for name, value in found.state_dict().items())
    other = replace(SPEC, model=models.ModelConfig(name="resnet20", shortcut="B"))
    with pytest.raises(UserError, match="expected a network that the published weights ekg-resnet56 fit, got resnet20"):
        execution.network(other, dataset, Store(tmp_path / "store"))


def test_weights_that_are_not_there_say_how_to_get_them(tmp_path):
    with pytest.raises(UserError, match="run `pruneproxy data import ekg-resnet56 FILE` first"):
        data.weights(NAME, tmp_path)
    assert data.weights_state(NAME, tmp_path) == "missing"
    with pytest.raises(UserError, match="expected neither prune nor a ticket with published weights"):
        replace(SPEC, prune=Pruning(channels=surgery.PruneConfig(target=0.5)))
    with pytest.raises(UserError, match="unknown published weights 'ekg-resnet5'"):
        RunSpec(start="ekg-resnet5")


class Loud:
    def __reduce__(self):
        return print, ("this ran",)


def spoiled(arrays, what):
    first = next(iter(arrays))
    return {
        "one too few": {name: values for name, values in arrays.items() if name != first},
        "another type": arrays | {first: arrays[first].astype(np.float64)},
        "no numbers": arrays | {first: np.full_like(arrays[first], np.nan)},
        "another name": {name.replace("fc/", "head/"): values for name, values in arrays.items()},
        "another shape": arrays | {"BasicBlock0.0/conv1/kernel": np.zeros((3, 3, 16, 8), dtype=np.float32)},
        "a flat kernel": arrays | {"fc/kernel": np.zeros(640, dtype=np.float32)},
        "one twice": {("BasicBlock0.0/bn2/beta" if n == "BasicBlock0.0/bn1/beta" else n): v for n, v in arrays.items()}
        | {"BasicBlock0.99/bn1/beta": arrays[first]},
        "a pickle": arrays | {first: np.array([Loud()], dtype=object)},
    }[what]


WRONG = (
    "one too few",
    "another type",
    "no numbers",
    "another name",
    "another shape",
    "a flat kernel",
    "one twice",
    "a pickle",
)


@pytest.mark.parametrize("what", WRONG)
def test_other_arrays_are_refused_and_nothing_is_stored_or_run(arrays, tmp_path, capsys, what):
    data.import_weights(NAME, saved(tmp_path, arrays), tmp_path / "data")
    before = data.weights(NAME, tmp_path / "data")
    path = saved(tmp_path, spoiled(arrays, what), "wrong.npz")
    assert main(["data", "import", NAME, str(path), "--root", str(tmp_path / "data")]) == 2
    said = capsys.readouterr()
    assert said.err.startswith("pruneproxy: expected") and said.err.count("\n") == 1 and "this ran" not in said.out
    after = data.weights(NAME, tmp_path / "data")
    assert all(torch.equal(value, after[name]) for name, value in before.items())


@pytest.mark.parametrize("content", [b"", b"no archive", pickle.dumps(Loud())])
def test_files_that_are_no_archive_are_refused(tmp_path, capsys, content):
    (tmp_path / "copy.npz").write_bytes(content)
    assert main(["data", "import", NAME, str(tmp_path / "copy.npz"), "--root", str(tmp_path / "data")]) == 2
    assert "expected an npz file of plain arrays" in capsys.readouterr().err


def test_a_damaged_copy_says_so(arrays, tmp_path):
    data.import_weights(NAME, saved(tmp_path, arrays), tmp_path)
    path = tmp_path / NAME / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:1000])
    with pytest.raises(UserError, match="is damaged"):
        data.weights(NAME, tmp_path)
    assert data.weights_state(NAME, tmp_path).startswith("damaged")


@pytest.mark.parametrize("at", [*range(0, 4000, 97), -1, -1_000_000])
def test_a_flipped_bit_in_a_stored_copy_is_an_error(arrays, stored_weights, tmp_path, at):
    content = bytearray(stored_weights.read_bytes())
    content[at] ^= 4
    (tmp_path / NAME).mkdir()
    (tmp_path / NAME / "weights.safetensors").write_bytes(content)
    try:
        found = data.weights(NAME, tmp_path)
    except UserError as error:
        assert "is damaged" in str(error) and "import it again" in str(error)
        assert data.weights_state(NAME, tmp_path).startswith("damaged")
        return
    good = data.weights(NAME, stored_weights.parents[1])  # the bit says where the copy came from
    assert found.keys() == good.keys() and all(torch.equal(found[name], good[name]) for name in good)


@pytest.fixture(scope="module")
def stored_weights(arrays, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stored")
    data.import_weights(NAME, saved(folder, arrays), folder)
    return folder / NAME / "weights.safetensors"


@pytest.mark.parametrize("make", hostile_data.SPECIAL)
def test_what_is_no_file_is_refused(tmp_path, make):
    make(tmp_path / "copy.npz")
    with pytest.raises(UserError, match="expected a file at|does not exist|cannot be read"):
        data.import_weights(NAME, tmp_path / "copy.npz", tmp_path / "data")
    assert not (tmp_path / "data").exists()


@given(
    change=st.sampled_from(hostile_data.CHANGES),
    at=st.one_of(st.floats(0, 1), st.floats(0, 0.001), st.floats(0.99, 1)),
    amount=st.one_of(st.integers(1, 16), st.sampled_from([100, 5000])),
)
def test_an_npz_that_was_changed_somewhere_is_refused_or_good(original_npz, change, at, amount):
    with tempfile.TemporaryDirectory() as folder:
        path, root = Path(folder) / "copy.npz", Path(folder) / "data"
        path.write_bytes(change(original_npz, int(at * (len(original_npz) - 1)), amount))
        try:
            data.import_weights(NAME, path, root)
        except UserError as error:
            assert "\n" not in str(error) and not list(root.glob("*"))
        else:
            assert data.weights(NAME, root) and [path.name for path in root.iterdir()] == [NAME]


@pytest.fixture(scope="module")
def original_npz(arrays, tmp_path_factory):
    return saved(tmp_path_factory.mktemp("original"), arrays).read_bytes()


def npz(path, members):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def headed(shape):
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return header.getvalue()


@pytest.mark.parametrize(
    "content",
    {
        "a bomb": bytes(40 << 20),
        "a vast array": headed((2**40,)),
        "a shape that overflows": headed((2**32, 2**32)),
        "no array": b"x",
        "a header without end": b"\x93NUMPY\x02\0\xff\xff\xff\xff" + b"[" * 5000,
    }.items(),
)
def test_archives_that_ask_for_more_than_the_network_has_are_refused(arrays, tmp_path, content):
    members = {f"{name}.npy": content[1] for name in list(arrays)[:2]}
    members |= {f"{name}.npy": headed((0,)) for name in list(arrays)[2:]}
    with pytest.raises(UserError, match="expected"):
        data.import_weights(NAME, npz(tmp_path / "copy.npz", members), tmp_path / "data")
    assert not (tmp_path / "data").exists() or not list((tmp_path / "data").iterdir())


def test_padding_at_the_end_reads_two_rows_down_from_every_second_one():
    """TensorFlow's SAME for stride 2 on an even side: output (i, j) reads rows 2i to 2i + 2, and zeros beyond."""
    layer = EndPadded(2, 3, 3, stride=2, padding=1, bias=False)
    image = torch.randn(1, 2, 6, 6)
    padded = nn.functional.pad(image, (0, 3, 0, 3))
    for i in range(3):
        for j in range(3):
            patch = padded[0, :, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
            expected = (layer.weight * patch).sum((1, 2, 3))
            assert torch.allclose(layer(image)[0, :, i, j], expected, atol=1e-5)


def test_padding_is_of_residual_blocks_and_narrow_networks_keep_it():
    padded = [name for name, module in network().named_modules() if isinstance(module, EndPadded)]
    assert padded == ["layer2.0.conv1", "layer3.0.conv1"]
    with pytest.raises(UserError, match="expected a ResNet for padding='end', got vgg16_bn"):
        models.ModelConfig(name="vgg16_bn", padding="end")


def test_constants_in_reverse_order_are_those_of_the_other_channels():
    split = data.Split(
        torch.randint(256, (20, 3, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)),
        torch.zeros(20, dtype=torch.long),
    )
    own, turned = (data.loading.constants(split, name) for name in ("train", "train-reversed"))
    assert all(torch.equal(one, other.flip(0)) for one, other in zip(own, turned, strict=True))
    with pytest.raises(UserError, match="normalise='train-reversed' needs colour images"):
        data.DataConfig(name="mnist", normalise="train-reversed")
