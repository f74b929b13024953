"""What the paper's text says in numbers, what the trainings cost, and what its question means for tuning."""

from collections.abc import Iterable
from dataclasses import replace

import numpy as np
import pandas as pd

from pruneproxy.evidence.effects import Effect, from_seeds
from pruneproxy.published import read
from pruneproxy.recipes.find_eval.experiments import entries
from pruneproxy.recipes.find_eval.frames import Frames, epochs
from pruneproxy.recipes.find_eval.protocol import Case
from pruneproxy.recipes.find_eval.quantities import Quantities
from pruneproxy.recipes.find_eval.rows import WORDS, mean_of, wide
from pruneproxy.stats import crossfit


def printed(*ids: str) -> pd.DataFrame:
    """Numbers of the paper's text and captions, which has no tables."""
    rows = read("find_eval", "text_numbers").set_index("id").loc[list(ids)]
    return rows[["where", "quantity", "value", "unit", "condition"]].fillna("")


def accuracies(frames: Frames, case: str, experiment: str, **values) -> pd.DataFrame:
    """Mean accuracy and its t interval: a row per arm, a column per sparsity."""
    rows = Quantities(frames).rows(case, experiment, **values)
    arms = [name for name in ("hyperparameter", "find", "eval", "variant", "mask") if rows[name].nunique() > 1]
    means = rows.groupby([*arms, "sparsity"])["top1"].apply(lambda values: _said(from_seeds("", values)))
    table = means.unstack("sparsity").fillna("") if arms else means.to_frame().T
    return table.rename(columns=lambda percent: f"{percent:.1f} %")


def _said(effect: Effect) -> str:
    low, high = effect.interval or (np.nan, np.nan)
    return f"{effect.value:.1f}" + (f" [{low:.1f}, {high:.1f}]" if effect.interval else "")


def early_layers(frames: Frames) -> pd.DataFrame:
    """The share of the first third of the layers that is pruned, harsh minus gentle settings, at about 67 percent."""
    rows = [
        {"network and hyperparameter": effect.label, "harsh - gentle": effect.value}
        | dict(zip(("low", "high"), effect.interval or (np.nan, np.nan), strict=True))
        for effect in Quantities(frames).early_layer_excess()
    ]
    return pd.DataFrame(rows, columns=["network and hyperparameter", "harsh - gentle", "low", "high"]).set_index(
        "network and hyperparameter"
    )


def costs(cases: Iterable[Case]) -> pd.DataFrame:
    """Training epochs of one seed of each experiment, and what sharing saves.

    `arms` counts what is measured; `alone` are the epochs if each arm trained its own chain, `shared` those of distinct
    trainings, `new` those that no experiment above has made.
    """
    rows, seen = [], set()
    for case in cases:
        for name in case.experiments:
            found = list(entries(replace(case, experiments=(name,), seeds=1)))
            distinct, alone = {}, 0
            for entry in found:
                chain = list(_trainings(entry.spec))
                alone += 0 if entry.spec.kind == "round" else sum(length for _, length in chain)
                distinct |= dict(chain)
            new = sum(length for key, length in distinct.items() if key not in seen)
            seen |= set(distinct)
            arms = sum(entry.spec.kind != "round" for entry in found)
            shared = sum(distinct.values())
            counts = {"arms": arms, "alone": alone, "shared": shared, "new": new}
            rows.append({"case": case.key, "experiment": name} | counts)
    return pd.DataFrame(rows)


def _trainings(spec) -> Iterable[tuple[str, int]]:
    """The trainings behind a spec, chains and scoring runs included, with their epochs."""
    for need in spec.needs:
        yield from _trainings(need)
    if spec.scoring_run is not None:
        yield spec.scoring_run.id, epochs(spec.scoring_run.train)
    recorded = spec.kind in ("run", "round")  # other kinds train for themselves
    for run, count in spec.trainings:
        for copy in range(count):
            yield run.id if recorded else f"{spec.id} {copy}", epochs(run.train)


def kept_setting(frames: Frames, case: str) -> pd.DataFrame:
    """Must one tune again? What a sparse network loses by the best value of the dense one, chosen on other seeds.

    Masks are found with the default settings.
    """
    quantities, rows = Quantities(frames), []
    for name in WORDS:
        if case in quantities.cases(name):
            dense = _shared(quantities, case, name)
            found = quantities.rows(case, name, find=quantities.gentle(case, name, name), between=(0, 100))
            for percent, at in found.groupby("sparsity"):
                sparse = wide(at, ["eval"]).reindex(dense.index)
                lost = crossfit.best(sparse.to_numpy()) - crossfit.at_best(dense.to_numpy(), sparse.to_numpy())
                row = {"hyperparameter": WORDS[name], "pruned (%)": round(percent, 1)}
                rows.append(row | _chosen(dense, sparse, "dense", "sparse") | _shown(lost))
    return pd.DataFrame(rows).set_index(["hyperparameter", "pruned (%)"])


def as_proxy(frames: Frames, case: str) -> pd.DataFrame:
    """May one tune on the pruned network? What the dense one loses by the best value of a sparse one.

    A row for each value that finds the mask of the proxy, over all sparsities.
    """
    quantities, rows = Quantities(frames), []
    for name in WORDS:
        if case in quantities.cases(name):
            dense = _shared(quantities, case, name)
            for value in quantities.values(case, name, name):
                found = quantities.rows(case, name, find=value, between=(0, 100))
                lost, chosen = [], []
                for _, at in found.groupby("sparsity"):
                    sparse = wide(at, ["eval"]).reindex(dense.index)
                    lost.append(crossfit.best(dense.to_numpy()) - crossfit.at_best(sparse.to_numpy(), dense.to_numpy()))
                    chosen.append(sparse.mean(axis=1).idxmax())
                row = {"hyperparameter": WORDS[name], "mask found with": value}
                row["accuracy of its masks"] = mean_of(found).mean()
                row["best for dense"] = dense.mean(axis=1).idxmax()
                row["best for sparse"] = ", ".join(f"{one:g}" for one in chosen)
                rows.append(row | _shown(np.mean(lost, axis=0)))
    return pd.DataFrame(rows).set_index(["hyperparameter", "mask found with"])


def _shared(quantities: Quantities, case: str, name: str) -> pd.DataFrame:
    """The dense network's accuracies by value and seed, of values that train sparse networks too."""
    trained = set(quantities.rows(case, name, between=(0, 100))["eval"])
    dense = quantities.rows(case, name, round=0)
    return wide(dense[dense["find"].isin(trained)], ["find"])


def _chosen(one: pd.DataFrame, other: pd.DataFrame, *names: str) -> dict:
    return {f"best for {name}": table.mean(axis=1).idxmax() for name, table in zip(names, (one, other), strict=True)}


def _shown(lost: np.ndarray) -> dict:
    effect = from_seeds("", lost, crossfitted=True)
    low, high = effect.interval or (np.nan, np.nan)
    return {"points lost": effect.value, "low": low, "high": high}
