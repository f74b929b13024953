"""Running records again: which of them repeat bit by bit, and which only within the noise of seeds."""

import random
import statistics
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, replace

from pruneproxy.runs.ensuring import DEFAULTS, BudgetSpent, Conditions, ensure
from pruneproxy.runs.spec import RunSpec
from pruneproxy.runs.together import ensure_together
from pruneproxy.specs import from_dict, to_dict
from pruneproxy.store import Store

METRIC = "top1"
DEVIATIONS = 3.0  # between two runs of one setting, in deviations of their difference


@dataclass(frozen=True, kw_only=True)
class Repeated:
    """A record beside the run that was made again: `identical`, `within the noise`, `different` or `not comparable`."""

    id: str
    outcome: str
    before: float | None
    after: float | None
    noise: float | None
    devices: tuple[str, str]


def verified(store: Store, *, sample: int, seed: int = 0, conditions: Conditions = DEFAULTS) -> Iterator[Repeated]:
    """A random sample of the store's single trainings, each run again in a store of its own, one after the other,
    until a signal comes.

    A pruned network keeps the channels that are stored. The noise is the deviation over other seeds of the setting.
    """
    known = [record for record in store if record.get("kind", "run") == "run" and record["status"] == "ok"]
    known = [record for record in known if "train" in record["spec"]]
    for record in random.Random(seed).sample(known, min(sample, len(known))):
        try:
            again = _again(record, store, conditions)
        except BudgetSpent:
            return
        yield _compared(record, again, _noise(record, known))


def _again(record: dict, store: Store, conditions: Conditions) -> dict:
    spec = from_dict(RunSpec, record["spec"])
    with tempfile.TemporaryDirectory() as folder:
        fresh = Store(folder)
        if spec.channels is not None and spec.channels.id in store:
            fresh.append(store.get(spec.channels.id))
        if record["environment"].get("engine") == "batched":  # a group of one: who else was in it changes no bit
            ensure_together([spec], fresh, conditions, wait=True)
        return ensure(spec, fresh, conditions)


def _compared(record: dict, again: dict, noise: float | None) -> Repeated:
    before, after = (one.get("metrics", {}).get(METRIC) for one in (record, again))
    devices = record["environment"]["device"], again["environment"]["device"]
    if record["weights"] == again.get("weights"):
        outcome = "identical"
    elif noise is None or before is None or after is None:
        outcome = "not comparable"
    else:
        outcome = "within the noise" if abs(before - after) <= DEVIATIONS * 2**0.5 * noise else "different"
    return Repeated(id=record["id"], outcome=outcome, before=before, after=after, noise=noise, devices=devices)


def _noise(record: dict, known: list[dict]) -> float | None:
    """The deviation between seeds of the record's setting; None with fewer than two runs of it."""
    setting = _setting(record)
    values = [other["metrics"][METRIC] for other in known if _setting(other) == setting]
    return statistics.stdev(values) if len(values) > 1 else None


def _setting(record: dict) -> dict:
    return to_dict(replace(from_dict(RunSpec, record["spec"]), seed=0))
