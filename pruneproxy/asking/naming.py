"""From words on a command line to what is asked about: a network in a module, data by name, a space, a setting."""

import importlib
import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from torch import nn

from pruneproxy.data import CATALOGUE, DataConfig, ImageFolder
from pruneproxy.errors import UserError
from pruneproxy.space import Dimension
from pruneproxy.tuning import Trainer

SPACE = ("lr=1e-3:1:log", "weight_decay=1e-5:1e-2:log")
HOLDOUT = 0.15  # of the training images, for validation
WAYS = "name=LOW:HIGH, name=LOW:HIGH:log or name=A,B,C"


def source(text: str | Path, *, images: int | None = None, size: int | None = None) -> DataConfig | ImageFolder:
    """A data set of the catalogue by its name, or a folder of images by its path."""
    if str(text) in CATALOGUE:
        return DataConfig(name=str(text), holdout=HOLDOUT, train_images=images, size=size)
    if Path(text).expanduser().is_dir():
        sized = {} if size is None else {"size": size}
        return ImageFolder(path=str(Path(text).expanduser().resolve()), holdout=HOLDOUT, train_images=images, **sized)
    raise UserError(
        f"expected a data set of `pruneproxy data list` or a folder of images, got {str(text)!r}: there is none"
    )


def trainer(options) -> Trainer:
    """Our trainer on the data that the options of `pruneproxy ask` name."""
    return Trainer(source(options.data, images=options.images, size=options.size), epochs=options.epochs)


def plan(options) -> dict:
    """What the options say of the plan, None left out where a question has a default of its own."""
    said = {name: getattr(options, name) for name in ("budget", "margin", "workers", "device", "dask")}
    return said if options.settings is None else said | {"settings": options.settings}


def named(reference: str) -> Callable[[], nn.Module]:
    """The function at `module:function`; modules in the current folder are found, too."""
    module, colon, name = reference.partition(":")
    if not (module and colon and name):
        raise UserError(f"expected a network as MODULE:FUNCTION, such as my_networks:build, got {reference!r}")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    try:
        found = getattr(importlib.import_module(module), name)
    except Exception as error:  # whatever the user's own module does when it is imported
        raise UserError(
            f"expected the function {name} in the module {module}, got {type(error).__name__}: {error}"
        ) from error
    if not callable(found):
        raise UserError(f"expected {reference} to be a function that makes a network, got {type(found).__name__}")
    return found


def space(texts: Iterable[str]) -> dict[str, Dimension]:
    """Dimensions by name; SPACE where none is given."""
    return {one.field: one for one in map(dimension, tuple(texts) or SPACE)}


def dimension(text: str) -> Dimension:
    """`lr=1e-3:1:log` as a dimension."""
    name, _, said = text.partition("=")
    try:
        if not name.strip():
            raise ValueError(text)
        if ":" in said:
            low, high, *more = said.split(":")
            if more not in ([], ["log"]):
                raise ValueError(said)
            return Dimension(field=name, low=float(low), high=float(high), log=bool(more))
        return Dimension(field=name, choices=tuple(_number(one) for one in said.split(",") if one))
    except ValueError as error:
        raise UserError(f"expected a dimension of the space as {WAYS}, got {text!r}") from error


def setting(texts: Iterable[str]) -> dict[str, int | float | str]:
    """`["lr=0.1", "batch_size=32"]` as a setting."""
    pairs = [text.partition("=") for text in texts]
    if wrong := [text for text, (name, _, value) in zip(texts, pairs, strict=True) if not (name and value)]:
        raise UserError(f"expected a setting as name=value, got {wrong[0]!r}")
    return {name: _number(value) for name, _, value in pairs}


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
