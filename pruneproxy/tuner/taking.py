"""On what to search: a cheaper copy of the network, or the network itself because no copy is safe or worth it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd
from torch import nn

from pruneproxy.asking.copies import ALL, COPIES, ITSELF, Copy
from pruneproxy.asking.paying import counted, too_short
from pruneproxy.asking.piloting import DIRECTLY, Pilot, Plan, pilot
from pruneproxy.asking.subject import Subject
from pruneproxy.errors import UserError, choose
from pruneproxy.search import Trial
from pruneproxy.space import Dimension, active
from pruneproxy.surgery import foreign
from pruneproxy.tuning import Proxy, Pruned

WAYS = {
    "auto": "a pilot says on which copy the search is safe, if one can pay at all",
    "none": "the network itself",
    **dict.fromkeys(COPIES, "this copy, unasked"),
}
Way = str | Plan | Pilot | Pruned


@dataclass(frozen=True, kw_only=True, eq=False)
class Taken:
    """What the settings are searched on, and why.

    `copy` is "network" or the name of a copy, `proxy` the pruned network with its costs where `pruned`
    describes one, and `share` says what a training costs, in multiplications of one of the network.
    """

    copy: str
    why: str
    subject: Subject
    seed: int
    pruned: Pruned | None = None
    proxy: Proxy | None = None
    pilot: Pilot | None = None

    @property
    def said(self) -> list:
        """What tells it from others."""
        return [self.copy, *([] if self.pruned is None else [self.pruned.said, self.proxy.kept])]

    @property
    def direct(self) -> bool:
        """Whether it is the network itself."""
        return self.copy == ITSELF

    @cached_property
    def made(self) -> Copy:
        """The network that is searched on, and its training."""
        if self.proxy is not None:
            return Copy(network=self.proxy.network, train=self.subject.train)
        return ALL[self.copy](self.subject, self.seed)

    @cached_property
    def full(self) -> nn.Module:
        """The network itself."""
        if self.proxy is not None:
            return self.proxy.full
        return foreign.made_alike(self.subject.factory, self.seed, self.subject.example)

    @cached_property
    def share(self) -> float:
        """The multiplications of a training, as a share of one of the network."""
        whole = Copy(network=self.full, train=self.subject.train)
        return counted(self.subject, self.made) / max(counted(self.subject, whole), 1)

    def known(self, copy: str) -> list[Trial]:
        """The pilot's own trainings of a copy with this seed, as trials."""
        if self.pilot is None or self.proxy is not None:
            return []
        rows = self.pilot.scores
        rows = rows[(rows["copy"] == copy) & (rows["seed"] == self.seed)]
        return [_trial(number, row, self.subject.space) for number, (_, row) in enumerate(rows.iterrows())]

    @property
    def steadiest(self) -> dict | None:
        """Of the settings that the pilot tried on the network with further seeds, the one with the best mean."""
        if self.pilot is None:
            return None
        rows = self.pilot.scores
        rows = rows[(rows["copy"] == ITSELF) & (rows["seed"] != self.seed)]
        means = rows.groupby("config")["score"].agg(lambda scores: scores.mean(skipna=False)).dropna()
        if means.empty:
            return None
        return _settings(rows[rows["config"] == means.idxmax()].iloc[0], self.subject.space)


def take(
    way: Way,
    subject: Subject,
    *,
    trials: int,
    finish: int,
    seed: int,
    margin: float | None,
    ask: Callable[[Subject, Plan], Pilot] = pilot,
) -> Taken:
    """What `way` says: a pruned proxy, a copy by its name, or the advice of a pilot."""
    if isinstance(way, Pruned):
        proxy = way.of(subject.factory, subject.example, seed)
        return Taken(copy="pruned", why="as was asked", subject=subject, seed=seed, pruned=way, proxy=proxy)
    if isinstance(way, Pilot):
        _check_pilot(way, subject)
        return _advised(way, subject, trials, finish, seed)
    if isinstance(way, Plan) or way == "auto":
        plan = replace(way if isinstance(way, Plan) else Plan(), seed=seed)
        plan = plan if plan.margin is not None else replace(plan, margin=margin)
        why = too_short(subject, plan, trials, finish)
        if why:
            return Taken(copy=ITSELF, why=f"{DIRECTLY}; {why}", subject=subject, seed=seed)
        return _advised(ask(subject, plan), subject, trials, finish, seed)
    choose(way, WAYS, "proxy")
    return Taken(copy=ITSELF if way == "none" else way, why="as was asked", subject=subject, seed=seed)


def _advised(found: Pilot, subject: Subject, trials: int, finish: int, seed: int) -> Taken:
    """The cheapest safe copy, unless what is left of the direct search costs less than the detour."""
    why = found.sentence.removeprefix(f"{DIRECTLY.capitalize()}; ")
    direct = Taken(copy=ITSELF, why=f"{DIRECTLY}; {why}", subject=subject, seed=seed, pilot=found)
    if found.advice is None:
        return direct
    share = next(one.share for one in found.answers if one.copy == found.advice)
    left = [trials - len(direct.known(name)) for name in (found.advice, ITSELF)]
    if share * max(left[0], 0) + finish < left[1]:
        return replace(direct, copy=found.advice, why=found.sentence)
    why = (
        f"{DIRECTLY}; the pilot has made so many of the trials that {max(left[1], 0)} are left, and the detour over "
        f"the copy {found.advice!r} takes as long as {share * max(left[0], 0) + finish:.1f}"
    )
    return replace(direct, why=why)


def _check_pilot(found: Pilot, subject: Subject) -> None:
    fields = [dimension.field for dimension in subject.space]
    rows = found.scores
    unknown = [field for field in fields if field not in rows]
    outside = [
        dimension.field
        for dimension in subject.space
        if dimension.field in rows
        and not all(dimension.holds(_plain(value, dimension)) for value in rows[dimension.field].dropna())
    ]
    if unknown or outside:
        raise UserError(
            f"expected a pilot of the space {', '.join(fields)}, got one of other values of "
            f"{', '.join([*unknown, *outside])}: give both the same space"
        )


def _trial(number: int, row: pd.Series, space: tuple[Dimension, ...]) -> Trial:
    diverged = pd.isna(row["score"])
    return Trial(
        number=number,
        settings=_settings(row, space),
        value=None if diverged else float(row["score"]),
        state="diverged" if diverged else "complete",
        epochs=0,
        seconds=float(row["seconds"]),
        multiplications=None,
        run=None,
    )


def _settings(row: pd.Series, space: tuple[Dimension, ...]) -> dict:
    found: dict = {}
    for dimension in space:
        if active(dimension, found):
            found[dimension.field] = _plain(row[dimension.field], dimension)
    return found


def _plain(value, dimension: Dimension):
    """A value as the dimension has it, from a frame, which knows other numbers."""
    if dimension.choices:
        missing = None if pd.isna(value) else value
        return next((choice for choice in dimension.choices if choice == missing), value)
    return round(value) if dimension.integer else float(value)
