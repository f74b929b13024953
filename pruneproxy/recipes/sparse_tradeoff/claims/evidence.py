"""What the verdict on each claim rests on: which records, how many seeds, and what was resampled."""

from dataclasses import dataclass

import pandas as pd

from pruneproxy.recipes.sparse_tradeoff.claims.study import SPACE

SEEDS = "the runs of each configuration are resampled"
SHARES = "the share is that of the number of configurations"
CONFIGURATIONS = "configurations are resampled"
COUNTED = "counted, so nothing is resampled"
REFITTED = "forests are fitted to resampled configurations"
FIXED = "the fixed configuration, dense and sparse (experiment reproduction)"
SEARCHED = "a search and its front trained anew beside the fixed configuration (experiments optimization, reproduction)"
SWEPT = "the sweep over the best configurations beside the search (experiments evaluation, optimization, reproduction)"
DRAWN = "a Latin hypercube over the thesis's space (experiment importance)"


@dataclass(frozen=True, kw_only=True)
class Base:
    """The experiments of a claim, what is resampled, and what must have been run."""

    experiments: tuple[str, ...]
    unit: str
    need: str


def _of(need: str, unit: str, more: str = "") -> Base:
    experiments = {
        FIXED: ("reproduction",),
        SEARCHED: ("optimization", "reproduction"),
        SWEPT: ("evaluation", "optimization", "reproduction"),
        DRAWN: ("importance",),
    }
    return Base(experiments=experiments[need], unit=unit, need=need + more)


BASES = {
    "ST-01": _of(FIXED, SEEDS),
    "ST-02": _of(FIXED, SEEDS, " at sparsity 0.99 on an MLP data set"),
    "ST-03": _of(FIXED, COUNTED, " with equal sparsity in all layers"),
    "ST-04": _of(FIXED, SEEDS, " on two data sets"),
    "ST-05": _of(SEARCHED, SEEDS),
    "ST-06": _of(SEARCHED, SEEDS, " on both data sets of a pair"),
    "ST-07": _of(SEARCHED, SEEDS),
    "ST-08": _of(SEARCHED, CONFIGURATIONS),
    "ST-09": _of(SEARCHED, SHARES),
    "ST-10": _of(SEARCHED, f"{SHARES}; for the hypervolume {SEEDS}"),
    "ST-11": _of(SEARCHED, CONFIGURATIONS, " on a ResNet and an MLP data set"),
    "ST-12": _of(SWEPT, SEEDS),
    "ST-13": _of(SEARCHED, SHARES, " with twenty configurations"),
    "ST-14": _of(SWEPT, SHARES),
    "ST-15": _of(DRAWN, REFITTED),
    "ST-16": _of(DRAWN, REFITTED),
    "ST-17": _of(DRAWN, REFITTED, " on a ResNet data set"),
    "ST-18": _of(DRAWN, REFITTED, " on an MLP data set"),
    "ST-19": _of(SEARCHED, SEEDS),
    "ST-20": _of(SEARCHED, f"{CONFIGURATIONS}; {SHARES}; a front is monotone by construction, which raises R2"),
}


def evidence(frames, claim: str) -> dict:
    """Seeds, record ids and a note, as a `Verdict` wants them; `seeds` is the fewest of a configuration."""
    base = BASES[claim]
    if base.experiments == ("importance",):
        return _of_random(frames.random, base)
    runs = frames.runs[frames.runs["experiment"].isin(base.experiments)]
    seeds = runs.groupby(["dataset", "experiment", "config"])["seed"].nunique()
    diverged = runs.loc[runs["status"] == "diverged", "id"].nunique()
    notes = [base.unit, _data(runs)]
    notes += ["a single seed decides nothing"] if seeds.min() < 2 and base.unit != COUNTED else []
    notes += ["a single search decides nothing"] if _one_search(frames, base) else []
    notes += [f"{diverged} trainings diverged and count as guessing"] if diverged else []
    return {"seeds": int(seeds.min()), "records": tuple(sorted(set(runs["id"]))), "note": "; ".join(notes)}


def _of_random(rows: pd.DataFrame, base: Base) -> dict:
    rows = rows[rows["space"] == SPACE]
    counts = rows.groupby("dataset").size()
    spread = f"{counts.min()} to {counts.max()}" if counts.nunique() > 1 else f"{counts.min()}"
    note = f"{base.unit}; {_data(rows)}; {spread} configurations, each trained once"
    return {"seeds": 1, "records": tuple(sorted(set(rows["id"]))), "note": note}


def _data(rows: pd.DataFrame) -> str:
    return "data " + ", ".join(dict.fromkeys(rows["data"].astype(str)))


def decided_by_one_seed(frames, claim: str) -> bool:
    """Whether the claim rests on accuracies of configurations that were trained once, or on one search a data set."""
    base = BASES[claim]
    runs = frames.runs[frames.runs["experiment"].isin(base.experiments)]
    if base.unit == COUNTED or runs.empty:
        return False
    once = runs.groupby(["dataset", "experiment", "config"])["seed"].nunique().min() < 2
    return bool(once or _one_search(frames, base))


def _one_search(frames, base: Base) -> bool:
    """Whether what a search has found is judged, and a data set has been searched only once."""
    found = frames.searched.groupby("dataset")["search_seed"].nunique()
    return "optimization" in base.experiments and len(found) > 0 and bool(found.min() < 2)
