"""What the claims rest on, and the rules of those that need more than a line."""

from itertools import combinations, permutations

import pandas as pd

from pruneproxy.evidence.claims import Ruling
from pruneproxy.evidence.effects import Effect, combined, difference, grouped, mean
from pruneproxy.evidence.statements import above, at_least, below, both, either, every, some, within
from pruneproxy.evidence.verdicts import Basis, Judge
from pruneproxy.recipes.frames import check_tables
from pruneproxy.recipes.proxy_hpo.printed import REMARKS, Printed
from pruneproxy.recipes.proxy_hpo.quantities import CASE, FIVE, IMPORTANT, UNIMPORTANT, Quantities, means

NEAREST = ("resnet56", "vgg16_bn")
WORST = ("mobilenet_v2", "resnet56")
SEARCH = ["experiment", "source", "search_seed"]
COLUMNS = {  # what is read of each table
    "winners": [*CASE, *SEARCH, "optimizer", "seed", "top1", *FIVE, "id", "status"],
    "trials": [*CASE, *SEARCH, "value", "state", *FIVE],
    "curves": [*CASE, "arm", "seed", "epoch", "train_loss", "id"],
    "timings": [*CASE, "arm", "batch_size", "samples", "parameters", "id"],
    "widths": [*CASE, "source", "place", "share"],
}
MAIN, FIVE_ONLY, CROSS = (("winners", name) for name in ("main", "five", "cross"))
TABLES = {  # what the verdict on a claim rests on: tables and, of winners, experiments
    **dict.fromkeys(("PH-01", "PH-02", "PH-03"), (MAIN,)),
    **dict.fromkeys(("PH-04", "PH-05"), (("timings", ""),)),
    "PH-06": (("winners", "feasibility"), MAIN),
    "PH-07": (("curves", ""),),
    "PH-08": (("winners", "family"), MAIN),
    **dict.fromkeys(("PH-09", "PH-10", "PH-11"), (CROSS,)),
    **dict.fromkeys(("PH-12", "PH-14", "PH-15"), (FIVE_ONLY,)),
    "PH-13": (FIVE_ONLY, MAIN),
}


def same_on_every_dataset(found) -> Ruling | None:
    """PH-02; needs two data sets."""
    of_sets = means(found.cells(), lambda cell: cell.dataset)
    if len(of_sets) < 2:
        return None
    pairs = list(permutations(of_sets, 2))
    gaps = [difference(f"{a.label} - {b.label}", a, b) for a, b in pairs]
    apart = [
        both(every(above(0), [a]), every(below(0), [b]), every(above(0.5), [gap]))
        for (a, b), gap in zip(pairs, gaps, strict=True)
    ]
    return Ruling(
        supported=either(every(within(-0.5, 0.5), gaps), every(above(0), of_sets), every(below(0), of_sets)),
        contradicted=either(*apart),
        effects=of_sets,
    )


def alike_networks_exchange(found) -> Ruling | None:
    """PH-09."""
    losses = _exchanges(found, by_dataset=True)
    effects = [
        combined(f"{_named(pair)}, {dataset}", (loss, losses[NEAREST, dataset]), lambda a, b: abs(a) - abs(b))
        for (pair, dataset), loss in losses.items()
        if pair != NEAREST and (NEAREST, dataset) in losses
    ]
    return _all_above(effects)


def worst_pair(found) -> Ruling | None:
    """PH-10."""
    losses = _exchanges(found, by_dataset=False)
    worst = losses.pop(WORST, None)
    if worst is None:
        return None
    return _all_above([difference(f"over {_named(pair)}", worst, loss) for pair, loss in losses.items()])


def _all_above(effects: list[Effect]) -> Ruling | None:
    if not effects:
        return None
    return Ruling(supported=every(above(0), effects), contradicted=some(below(0), effects), effects=effects)


def _exchanges(quantities, *, by_dataset: bool) -> dict:
    """Mean loss over both directions per pair of networks, and per data set if asked; pairs run one way are left."""
    cells = quantities.sources("cross")
    both = {(cell.network, cell.source, cell.dataset) for cell in cells}
    whole = [cell for cell in cells if (cell.source, cell.network, cell.dataset) in both]
    found = {}
    for pair in combinations(sorted({cell.network for cell in whole}), 2):
        of_pair = [cell for cell in whole if {cell.network, cell.source} == set(pair)]
        for key, effects in grouped(of_pair, lambda cell: cell.dataset if by_dataset else "").items():
            found[(pair, key) if by_dataset else pair] = mean(_named(pair), effects)
    return found


def _named(pair) -> str:
    return "/".join(pair)


def selected_values(found) -> Ruling | None:
    """PH-14."""
    distances = found.selected_distances()
    if not distances["lr"]:
        return None
    alike, unlike = ([effect for name in names for effect in distances[name]] for names in (IMPORTANT, UNIMPORTANT))
    contrasts = [
        difference("", *(mean("", [distances[name][place] for name in names]) for names in (IMPORTANT, UNIMPORTANT)))
        for place in range(len(distances["lr"]))
    ]
    return Ruling(
        supported=both(every(below(1), alike), every(above(1), unlike)),
        contradicted=some(at_least(0), contrasts),
        effects=[*alike, *unlike],
        text=", ".join(f"{effect.label} {effect.value:.2g}" for effect in (*alike, *unlike)),
    )


RULES = {
    "PH-02": same_on_every_dataset,
    "PH-09": alike_networks_exchange,
    "PH-10": worst_pair,
    "PH-14": selected_values,
}


def measured(frames) -> Quantities:
    """The quantities of the part's `Frames`."""
    check_tables(frames, COLUMNS)
    return Quantities(frames)


def basis(quantities: Quantities, claim: str) -> Basis:
    """What a verdict rests on: the fewest seeds of a setting, record ids, what diverged, and the time of a seed."""
    parts = [_part(quantities.frames, table, experiment) for table, experiment in TABLES[claim]]
    rows, seconds = parts[0], None
    if "search_seed" in rows:
        counts = rows.groupby([*CASE, "optimizer", "source"])["search_seed"].nunique()
        diverged = rows.loc[rows["status"] == "diverged", "id"].nunique()
        note = f"{diverged} trainings diverged and count as guessing" if diverged else ""
        searches = pd.concat(parts).drop_duplicates("search_id") if "search_id" in rows else rows.iloc[:0]
        seconds = float(searches["search_seconds"].sum() / counts.max()) if len(searches) else None
    elif "seed" in rows:
        counts, note = rows.groupby([*CASE, "arm"])["seed"].nunique(), ""
    else:
        counts = rows.groupby(CASE)["id"].nunique().clip(upper=1)  # a timed network is one draw, however often timed
        note = f"{rows['samples'].map(len).min()} timing passes of one network each are resampled"
    records = tuple(sorted({record for part in parts for record in part["id"]}))
    return Basis(seeds=int(counts.min()), records=records, note=note, seconds=seconds)


def _part(frames, table: str, experiment: str) -> pd.DataFrame:
    rows = getattr(frames, table)
    return rows[rows["experiment"] == experiment] if experiment else rows


JUDGE = Judge(stem="proxy_hpo", measured=measured, printed=Printed, basis=basis, rules=RULES, remarks=lambda: REMARKS)
