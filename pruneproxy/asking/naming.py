"""From words on a command line to what is asked about: a network in a module, a data set by name, a space."""

import importlib
import os
import sys
from collections.abc import Callable, Iterable

from torch import nn

from pruneproxy.asking.subject import Subject
from pruneproxy.data import CATALOGUE, DataConfig
from pruneproxy.errors import UserError, choose
from pruneproxy.space import Dimension
from pruneproxy.tuning import Trainer

SPACE = ("lr=1e-3:1:log", "weight_decay=1e-5:1e-2:log")
HOLDOUT = 0.15  # of the training images, for validation
WAYS = "name=LOW:HIGH, name=LOW:HIGH:log or name=A,B,C"


def subject(
    network: str, dataset: str, *, space: Iterable[str] = (), epochs: int = 5, images: int | None = None
) -> Subject:
    """The network `module:function`, trained by our trainer on a data set of the catalogue."""
    choose(dataset, CATALOGUE, "data set")
    trainer = Trainer(DataConfig(name=dataset, holdout=HOLDOUT, train_images=images), epochs=epochs)
    return Subject(
        name=network.rpartition(":")[2],
        factory=named(network),
        train=trainer,
        space=tuple(dimension(text) for text in (tuple(space) or SPACE)),
        example=trainer.example(32),
    )


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


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
