"""From records to the one table that figures and answers are computed from."""

import pandas as pd

from pruneproxy.recipes.density_drift.protocol import Case, entries
from pruneproxy.recipes.frames import belonging
from pruneproxy.runs.records import Records, accuracy

LABELS = ("mask", "density", "parametrisation", "exponent", "seed")
COLUMNS = ("network", *LABELS, "top1", "status", "id")


def frame(records: Records | list[dict], cases: tuple[Case, ...]) -> pd.DataFrame:
    """One row per record of `cases`; `exponent` is log2 of the learning rate, and a run that diverged has guessed."""
    rows = [
        {"network": case.network}
        | {name: entry.labels[name] for name in LABELS}
        | {"top1": accuracy(record), "status": record["status"], "id": record["id"]}
        for case, entry, record in belonging(records, cases, entries)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))
