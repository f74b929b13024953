"""What the claims rest on; all their rules are plain."""

import pandas as pd

from pruneproxy.evidence.verdicts import Basis, Judge
from pruneproxy.recipes.ekg.printed import REMARKS, Printed
from pruneproxy.recipes.ekg.protocol import PAPER
from pruneproxy.recipes.ekg.quantities import OTHERS, Quantities

SMALL = tuple(name for name in PAPER if name not in OTHERS)
RESTS_ON = {  # experiments, and the cases that they are of
    "EK-01": ("random", SMALL),
    "EK-02": ("scores", SMALL),
    "EK-03": ("scores", SMALL),
    "EK-04": ("ablation", SMALL),
    "EK-05": ("ablation", SMALL),
    "EK-06": ("ablation", SMALL),
    "EK-07": ("ablation", SMALL),
    "EK-08": ("ablation", SMALL),
    "EK-09": ("curve", SMALL),
    "EK-10": ("curve", SMALL),
    "EK-11": ("curve", ("resnet50-imagenet",)),
    "EK-12": ("curve", ("resnet18-imagenet", "resnet34-imagenet")),
    "EK-13": ("curve", ("resnet50-imagenet",)),
    "EK-14": ("curve", ("resnet50-imagenet",)),
    "EK-15": ("scores", SMALL),
    "EK-16": ("ablation", SMALL),
}
RATE = "fine-tuned at the paper's learning rate; the landscape of chapter 4 shows whether that is the best one here"
NOTES = {
    "EK-06": f"the unpruned network saw one view of every image; {RATE}",
    "EK-09": RATE,
    "EK-08": "processor seconds of the training; plain fine-tuning has two views too, as the hours of Table 2 imply",
    "EK-16": "seconds for each step: searches differ in their number",
}


def basis(quantities: Quantities, claim: str) -> Basis:
    """What the verdict on a claim rests on: fewest seeds of a case, record ids, and the time of one more seed."""
    experiment, cases = RESTS_ON[claim]
    tables = (quantities.frames.trainings, quantities.frames.searches, quantities.frames.bends)
    found = [table[(table["experiment"] == experiment) & table["case"].isin(cases)] for table in tables]
    rows = pd.concat([table[["case", "seed", "seconds", "id"]] for table in found if len(table)] or [found[0]])
    if not len(rows):
        return Basis()
    return Basis(
        seeds=int(rows.groupby("case")["seed"].nunique().min()),
        records=tuple(sorted(set(rows["id"]))),
        note=NOTES.get(claim, ""),
        seconds=rows.drop_duplicates("id")["seconds"].sum() / rows["seed"].nunique(),
    )


JUDGE = Judge(stem="ekg", measured=Quantities, printed=Printed, basis=basis, remarks=lambda: REMARKS)
