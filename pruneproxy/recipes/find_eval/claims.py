"""What the claims rest on; all their rules are plain."""

import pandas as pd

from pruneproxy.evidence.verdicts import Basis, Judge
from pruneproxy.recipes.find_eval.printed import REMARKS, Printed
from pruneproxy.recipes.find_eval.protocol import HARSH, PAPER
from pruneproxy.recipes.find_eval.quantities import Quantities

GRIDS = tuple(HARSH)
RESTS_ON = {  # experiments
    "FV-01": ("baselines",),
    "FV-02": ("baselines",),
    "FV-03": ("baselines",),
    "FV-04": GRIDS,
    "FV-05": GRIDS,
    "FV-06": GRIDS,
    "FV-07": ("lr",),
    "FV-08": ("late", "warmup"),
    "FV-09": ("continued", "lr"),
    "FV-10": ("structured",),
    "FV-11": GRIDS,
    "FV-12": ("donors",),
    "FV-13": ("local",),
    "FV-14": ("undecayed",),
    "FV-15": ("early",),
    "FV-16": ("drift",),
    "FV-17": ("stability",),
    "FV-18": (),
}
ABOVE = "the largest learning rate lies above the best one of the unpruned network here; in the paper it is that one"
CHOSEN = "the learning rates of this scale were chosen about the best one of the unpruned network"


def basis(quantities: Quantities, claim: str) -> Basis:
    """What the verdict on a claim rests on: fewest seeds of an arm, record ids, and the time of one more seed."""
    tables = [_rows(quantities.frames, name) for name in RESTS_ON[claim]]
    rows = pd.concat(tables) if tables else pd.DataFrame(columns=["case", "seed", "id"])
    if not len(rows):
        return Basis()
    seconds = rows.drop_duplicates("id")["seconds"].sum() / rows["seed"].nunique() if "seconds" in rows else None
    elsewhere = set(rows["data"]).isdisjoint(case.base.data.name for case in PAPER.values())
    return Basis(
        seeds=int(rows.groupby("case")["seed"].nunique().min()),
        records=tuple(sorted(set(rows["id"]))),
        obstacle=CHOSEN if claim == "FV-01" and elsewhere else "",
        note=ABOVE if claim in ("FV-02", "FV-05") and elsewhere else "",
        seconds=seconds,
    )


def _rows(frames, experiment: str) -> pd.DataFrame:
    if experiment in ("drift", "stability"):
        return {"drift": frames.drift, "stability": frames.lines}[experiment]
    return frames.accuracies[frames.accuracies["experiment"] == experiment]


JUDGE = Judge(stem="find_eval", measured=Quantities, printed=Printed, basis=basis, remarks=lambda: REMARKS)
