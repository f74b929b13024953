"""What the claims rest on, and the rules of those that need more than a line."""

import numpy as np
import pandas as pd

from pruneproxy.errors import choose
from pruneproxy.evidence.claims import Ruling
from pruneproxy.evidence.effects import flat
from pruneproxy.evidence.statements import above, at_most, both, every, some
from pruneproxy.evidence.verdicts import Basis, Judge
from pruneproxy.recipes.frames import check_tables
from pruneproxy.recipes.sparse_tradeoff import arithmetic, exact
from pruneproxy.recipes.sparse_tradeoff.frames import COLUMNS
from pruneproxy.recipes.sparse_tradeoff.importances import SPACE
from pruneproxy.recipes.sparse_tradeoff.printed import Printed, cautions, remarks
from pruneproxy.recipes.sparse_tradeoff.quantities import Quantities

SEEDS = "the runs of each configuration are resampled"
SHARES = "the share is that of the number of configurations"
CONFIGURATIONS = "configurations are resampled"
COUNTED = "computed, so nothing is resampled"
REFITTED = "forests are fitted to resampled configurations"
ENOUGH_SEARCHES = 3
EXTREME, ENOUGH_INPUTS = 0.98, 5  # inputs of a neuron: below, the width makes an MLP collapse
FIXED, SEARCHED, DRAWN = ("reproduction",), ("optimization", "reproduction"), ("importance",)
SWEPT = ("evaluation", *SEARCHED)


RESTS = {  # claim -> the experiments that it rests on, and what is resampled
    **dict.fromkeys(("ST-01", "ST-02", "ST-04"), (FIXED, SEEDS)),
    "ST-03": (FIXED, COUNTED),
    **dict.fromkeys(("ST-05", "ST-06", "ST-07", "ST-19"), (SEARCHED, SEEDS)),
    **dict.fromkeys(("ST-08", "ST-11"), (SEARCHED, CONFIGURATIONS)),
    **dict.fromkeys(("ST-09", "ST-13"), (SEARCHED, SHARES)),
    "ST-10": (SEARCHED, f"{SHARES}; for the hypervolume {SEEDS}"),
    "ST-12": (SWEPT, SEEDS),
    "ST-14": (SWEPT, SHARES),
    **dict.fromkeys(("ST-15", "ST-17", "ST-18"), (DRAWN, REFITTED)),
    "ST-16": (DRAWN, COUNTED),
    "ST-20": (SEARCHED, f"{CONFIGURATIONS}; {SHARES}; a front is monotone by construction, which raises R2"),
}


def set_collapses_more(found) -> Ruling | None:
    """ST-02: the milder of the two sparsities counts where it was run."""
    extreme, high = (flat(found.collapses(sparsity)) for sparsity in (0.99, 0.975))
    if not extreme:
        return None
    stated = [every(above(1), extreme), *([every(above(0), high)] if high else [])]
    return Ruling(supported=both(*stated), contradicted=some(at_most(0), extreme), effects=[*extreme, *high])


def measured(frames) -> Quantities:
    """The quantities of the part's `Frames`, kept with them: each is computed once."""
    check_tables(frames, COLUMNS)
    if "quantities" not in frames.known:
        frames.known["quantities"] = Quantities(frames)
    return frames.known["quantities"]


def quantity(frames, name: str) -> pd.DataFrame:
    """A quantity of the claims, such as `sweep_gains`: a row per effect with its 95 % interval, and as printed."""
    choose(name, {key: value for key, value in vars(Printed).items() if not key.startswith("_")}, "quantity")
    here, printed = (
        {effect.label.replace("_", " "): effect for effect in flat(getattr(source, name)())}
        for source in (measured(frames), Printed())
    )
    order, columns = dict.fromkeys([*printed, *here]), ["here", "low", "high"]
    rows = {label: (one.value, *(one.interval or (np.nan, np.nan))) for label, one in here.items()}
    found = pd.DataFrame.from_dict(rows, orient="index", columns=columns, dtype=float).reindex(order)
    said = pd.Series({label: one.value for label, one in printed.items()}, dtype=float)
    return found.assign(printed=said.reindex(order)).rename_axis(name.replace("_", " "))


def basis(quantities: Quantities, claim: str) -> Basis:
    """What a verdict rests on: the fewest seeds of a configuration, record ids, remarks, and what forbids a verdict."""
    (experiments, unit), frames = RESTS[claim], quantities.frames
    if claim in ARITHMETIC:
        return Basis(note=ARITHMETIC[claim]())
    if experiments == DRAWN:
        return _of_random(quantities, unit, claim)
    runs = frames.runs[frames.runs["experiment"].isin(experiments)]
    seeds = runs.groupby(["dataset", "experiment", "config"])["seed"].nunique()
    diverged = runs.loc[runs["status"] == "diverged", "id"].nunique()
    notes = [unit, _data(runs)]
    notes += [f"{diverged} trainings diverged and count as guessing"] if diverged else []
    return Basis(
        seeds=int(seeds.min()) if len(seeds) else 0,
        records=tuple(sorted(set(runs["id"]))),
        note="; ".join(notes),
        obstacle=_starved(runs) if claim == "ST-02" else _obstacle(frames, experiments),
        seconds=float(runs.drop_duplicates("id")["seconds"].sum() / seeds.max()) if len(seeds) else None,
    )


def _obstacle(frames, experiments: tuple[str, ...]) -> str:
    """Why what a search has found says nothing of searches: a data set has been searched too few times."""
    found = frames.searched.groupby("dataset")["search_seed"].nunique()
    fewest = int(found.min()) if len(found) else ENOUGH_SEARCHES
    if "optimization" not in experiments or fewest >= ENOUGH_SEARCHES:
        return ""
    return f"a data set was searched {'once' if fewest == 1 else 'twice'}, three searches are needed"


def _starved(runs: pd.DataFrame) -> str:
    """Why a collapse says nothing of a method: hardly an input is left to a neuron of a network so narrow."""
    collapsed = runs[(runs["architecture"] == "MLP") & (runs["sparsity"].astype(float) > EXTREME)]
    inputs = (collapsed["first"].astype(float) * (1 - collapsed["sparsity"].astype(float))).min()
    if not inputs < ENOUGH_INPUTS:
        return ""
    return f"at the largest sparsity a neuron here keeps {inputs:.2g} of its inputs, in the thesis 10"


def _of_ratios() -> str:
    found = [effect.value for effect in flat(arithmetic.kept_ratios("algorithm-1"))]
    return f"computed for the thesis's own protocol; by Algorithm 1 the ratios are {min(found):.3f} to {max(found):.3f}"


def _of_space() -> str:
    return f"computed for the thesis's own space on its six data sets, from {exact.DRAWS} draws of each"


ARITHMETIC = {"ST-03": _of_ratios, "ST-16": _of_space}  # costs are functions of the settings: no record is needed


def _of_random(quantities: Quantities, unit: str, claim: str) -> Basis:
    drawn = quantities.frames.random
    rows = drawn[drawn["space"] == SPACE]
    counts = rows.groupby("dataset").size()
    spread = f"{counts.min()} to {counts.max()}" if counts.nunique() > 1 else f"{counts.min()}"
    note = f"{unit}; {_data(rows)}; {spread} configurations, each trained once"
    if claim == "ST-15":
        note = "; ".join([f"the costs are {_of_space()}", *([note, *_asides(quantities)] if len(rows) else [])])
    return Basis(seeds=1, records=tuple(sorted(set(rows["id"]))), note=note)


def _asides(quantities: Quantities) -> list[str]:
    asides = list(quantities.algorithm_asides().values())
    largest = {words: max(aside.get(words, 0.0) for aside in asides) for aside in asides for words in aside}
    return [f"{value:.3g} {words}" for words, value in largest.items()]


def _data(rows: pd.DataFrame) -> str:
    return "data " + ", ".join(dict.fromkeys(rows["data"].astype(str)))


JUDGE = Judge(
    stem="sparse_tradeoff",
    measured=measured,
    printed=Printed,
    basis=basis,
    rules={"ST-02": set_collapses_more},
    remarks=lambda: remarks() | cautions(),
)
