"""The two questions as a reader asks them, of a network, its data and a space: `pruneproxy.pilot` and `retune`."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from torch import Tensor, nn

from pruneproxy import asking, environment
from pruneproxy.asking import naming
from pruneproxy.asking.copies import COPIES, ITSELF
from pruneproxy.asking.piloting import Pilot, Plan
from pruneproxy.asking.retuning import Retuning
from pruneproxy.asking.subject import Subject, Train
from pruneproxy.data import DataConfig, Dataset, ImageFolder
from pruneproxy.errors import UserError
from pruneproxy.examples import Example
from pruneproxy.space import Dimension, Range, written
from pruneproxy.specs import check_names
from pruneproxy.stopping import seconds
from pruneproxy.store import Store
from pruneproxy.tuning import Trainer

Data = str | Path | DataConfig | ImageFolder | Dataset | tuple[Tensor, Tensor] | Trainer | Train
Space = Mapping[str, Range | list | Dimension]
Heard = Callable[[str, int, int], None]
GIVEN = ("copies", "settings", "budget")  # fields of a plan that are arguments of their own
EXAMPLE = 32  # inputs


def pilot(
    factory: Callable[[], nn.Module],
    data: Data,
    space: Space,
    *,
    proxies: Sequence[str] = tuple(COPIES),
    settings: int = 12,
    budget: str | float | None = "20m",
    example: Example | None = None,
    records: str | Path | None = None,
    on_record: Heard | None = None,
    **plan,
) -> Pilot:
    """May I tune on a cheaper copy of my network? Tries `settings` settings on it and on its `proxies`: a `Pilot`.

    `factory()` makes the network. `data` is the name of a data set, a folder of images, a `DataConfig`, a `Dataset`,
    a pair of inputs and labels, or a `tuning.Trainer` (which also says epochs and device); or else a function
    `train(network, settings, *, seed, report)` that returns a score, larger is better, with an `example`: a mini-batch
    of the network's inputs; if it also takes `epochs`, by default a number, it can be tried with fewer. `space` is that
    of `tune`.

    `proxies` are keys of `asking.COPIES`. The pilot stops when the answer is clear, and when `budget` ("20m", or
    seconds; None: no end) is spent. Every training is kept in the folder `records`, where the same call goes on.
    `on_record(id, done, total)` hears of each. Further words are fields of `asking.Plan`: margin, workers, device,
    dask, seed.

    >>> print(pruneproxy.pilot(build, "digits", {"lr": tuning.log(1e-3, 1)}, budget="5m"))
    """
    about = subject(factory, data, space, example)
    chosen = _plan(about, plan, copies=tuple(proxies), settings=settings, budget=budget)
    return asking.pilot(about, chosen, records=records, on_record=on_record)


def retune(
    factory: Callable[[], nn.Module],
    data: Data,
    space: Space,
    setting: Mapping[str, object] | None = None,
    *,
    keep: float = 0.5,
    method: str = "l1",
    settings: int = 8,
    budget: str | float | None = "20m",
    example: Example | None = None,
    records: str | Path | None = None,
    on_record: Heard | None = None,
    **plan,
) -> Retuning:
    """Must I tune again after pruning? Tries `setting`, and others near it, on the pruned network: a `Retuning`.

    The network is trained with `setting`, keeps the share `keep` of its channels by the score `method` (a key of
    `scores.SCORES`), and is trained on with `settings` settings. Without a `setting` it is the best one of the pilot
    whose trainings lie in `records`. Everything else is as in `pilot`.

    >>> print(pruneproxy.retune(build, "digits", {"lr": tuning.log(1e-3, 1)}, {"lr": 0.1}, keep=0.3))
    """
    about = subject(factory, data, space, example)
    chosen = _plan(about, plan, settings=settings, budget=budget)
    kept = best_of_pilot(about, records, chosen.seed) if setting is None else setting
    return asking.retune(about, kept, keep=keep, method=method, plan=chosen, records=records, on_record=on_record)


def subject(factory: Callable[[], nn.Module], data: Data, space: Space, example: Example | None = None) -> Subject:
    """What is asked about; a space in which nothing can be chosen is an error."""
    train, dimensions = trained_on(data), written(space)
    if all(len(set(one.choices or (one.low, one.high))) == 1 for one in dimensions):
        raise UserError(f"expected a space with something to choose, got one point, {space}: widen a range")
    if example is None and not isinstance(train, Trainer):
        raise UserError("expected an example with a training function, got none: give a mini-batch of inputs")
    name = getattr(factory, "__name__", type(factory).__name__)
    return Subject(
        name="the network" if name == "<lambda>" else name,
        factory=factory,
        train=train,
        space=dimensions,
        example=train.example(EXAMPLE) if example is None else example,
    )


def best_of_pilot(subject: Subject, records: str | Path | None, seed: int = 0) -> dict:
    """The setting with the network's best mean over most seeds in the pilot whose trainings lie in a folder."""
    if records is None:
        raise UserError("expected a setting to keep, got none: give one, or the folder of a pilot as records=")
    scores: dict[tuple, list[float]] = {}  # those of the pilot's own seed chose, so the others alone measure
    explored: dict[tuple, float] = {}
    for record in Store(records):
        if _of_network(record, subject):
            spec, score = record["spec"], -math.inf if record["score"] is None else record["score"]
            setting = tuple((name, value) for name, value in spec["settings"])
            if spec["seed"] == seed:
                explored[setting] = score
            else:
                scores.setdefault(setting, []).append(score)
    most = max(map(len, scores.values()), default=0)
    means = {setting: sum(found) / most for setting, found in scores.items() if len(found) == most} or explored
    if not any(map(math.isfinite, means.values())):
        raise UserError(
            f"expected a pilot of {subject.name}, trained as now and with this space, in {records}, found none: make "
            "one there first, or give the setting to keep"
        )
    return dict(max(means, key=means.get))


def _of_network(record: dict, subject: Subject) -> bool:
    spec = record["spec"]
    known = (record["kind"], spec.get("subject"), spec.get("copy"))
    return known == ("asked", subject.digest, ITSELF) and record["status"] != "failed"


def trained_on(data: Data) -> Train:
    """The training that some data stand for: that of our trainer, or the function itself."""
    if isinstance(data, str | Path):
        data = naming.source(data)
    if isinstance(data, tuple) and len(data) == 2:
        return Trainer(*data)
    if isinstance(data, DataConfig | ImageFolder | Dataset):
        return Trainer(data)
    if callable(data):
        return data
    raise UserError(
        "expected a data set's name, a folder of images, a DataConfig, a Dataset, a pair (inputs, labels), a "
        f"tuning.Trainer or a function train(network, settings, *, seed, report), got {type(data).__name__}"
    )


def _plan(subject: Subject, more: Mapping, *, budget: str | float | None, **given) -> Plan:
    """The plan of these words; a trainer says where it works, unless they do."""
    check_names(more, {field.name for field in dataclasses.fields(Plan)} - set(GIVEN), what="word")
    device = more.get("device", getattr(subject.train, "device", "auto"))
    limit = seconds(budget) if isinstance(budget, str) else budget
    return Plan(**given, **{**more, "device": str(environment.resolve_device(device)), "budget": limit})
