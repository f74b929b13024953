"""Every table of the paper from records, beside the published one, and what it has no table for."""

import numpy as np
import pandas as pd

from pruneproxy.evidence.effects import Effect, from_seeds
from pruneproxy.evidence.tables import MEASURED, beside
from pruneproxy.published import read
from pruneproxy.recipes.ekg.frames import PHASES, Frames
from pruneproxy.recipes.ekg.printed import Printed
from pruneproxy.recipes.ekg.quantities import WORDS, Quantities
from pruneproxy.recipes.ekg.retuning import losses

OWN = "EKG"  # methods that the paper did not only quote start so


def scores(frames: Frames) -> pd.DataFrame:
    """Table 1: validation loss and condition number before, and accuracy after plain fine-tuning, by score."""
    names = {"loss": "validation loss", "mean_ratio": "condition number", "top1": "accuracy (%)"}
    return _beside(frames, lambda quantities: _scores(quantities, names), ["case", "score", "quantity"])


def _scores(quantities: Quantities, names: dict[str, str]) -> list[dict]:
    return [
        {"case": case, "score": WORDS[score], "quantity": words} | _number(quantities.effect("", table[score]))
        for value, words in names.items()
        for case, table in quantities.scored(value).items()
        for score in table
    ]


def ablation(frames: Frames) -> pd.DataFrame:
    """Table 2: accuracy in percent, by what teaches in the search and in fine-tuning."""
    return _beside(frames, _ablation, ["case", "search", "fine-tuning"])


def _ablation(quantities: Quantities) -> list[dict]:
    found = []
    for case in quantities.cases("ablation"):
        rows = quantities.rows(case, "ablation")
        for (search, knowledge), part in rows.fillna({"search": "-"}).groupby(["search", "knowledge"], sort=False):
            arm = {"case": case, "search": "-" if knowledge == "unpruned" else search, "fine-tuning": knowledge}
            found.append(arm | _number(quantities.effect("", part.groupby("seed")["top1"].mean())))
    return found


def times(frames: Frames) -> pd.DataFrame:
    """Table 2: time of fine-tuning over that without knowledge, and of a step of the search over an unguided one."""
    return _beside(frames, _times, ["case", "quantity"])


def _times(quantities: Quantities) -> list[dict]:
    cases = {quantities.label(case): case for case in quantities.cases("ablation")}
    names = {
        "fine-tuning, bank / none": quantities.bank_times(),
        "fine-tuning, single / none": quantities.single_times(),
        "fine-tuning, bank / single": quantities.bank_over_single_times(),
        "step of the search, ensemble / none": quantities.search_times(),
    }
    return [
        {"case": cases[effect.label], "quantity": name} | _number(effect)
        for name, effects in names.items()
        for effect in effects
    ]


def curve(frames: Frames) -> pd.DataFrame:
    """Table 5 and Fig. 5: accuracy of the whole method minus that of the unpruned network, by what is left."""
    return _beside(frames, _curve, ["case", "multiplications left"])


def _curve(quantities: Quantities) -> list[dict]:
    return [
        {"case": case, "multiplications left": left} | _number(gain)
        for case in quantities.cases("curve")
        for left, gain in quantities.curve(case)
    ]


def parameters(frames: Frames) -> pd.DataFrame:
    """Table 5: percent of the multiplications and of the parameters that are gone, mean over seeds."""
    found = []
    for case in Quantities(frames).cases("curve"):
        rows = Quantities(frames).rows(case, "curve")
        unpruned = rows[rows["knowledge"] == "unpruned"].set_index("seed")
        for left, part in rows.dropna(subset="target").groupby("target"):
            whole = unpruned.loc[part["seed"], ["multiplications", "parameters"]].to_numpy(dtype=float)
            gone = 100 * (1 - part[["multiplications", "parameters"]].to_numpy(dtype=float) / whole).mean(axis=0)
            found.append(
                {"case": case, "target": left, "multiplications gone (%)": gone[0], "parameters gone (%)": gone[1]}
            )
    return pd.DataFrame(found).sort_values(["case", "target"], ascending=[True, False]).set_index(["case", "target"])


def _beside(frames: Frames, rows, keys: list[str]) -> pd.DataFrame:
    """Rows of our quantities beside the same of the printed ones, of the cases that were run."""
    ours = pd.DataFrame(rows(Quantities(frames)), columns=[*keys, *MEASURED])
    printed = pd.DataFrame(rows(Printed()), columns=[*keys, *MEASURED]).rename(columns={"ours": "published"})
    if "case" in keys:
        printed = printed[printed["case"].isin(set(ours["case"]))]
    return beside(ours, printed, keys=keys)


def _number(effect: Effect) -> dict[str, float]:
    low, high = effect.interval or (np.nan, np.nan)
    return {"ours": effect.value, "low": low, "high": high}


def correlations(frames: Frames) -> pd.DataFrame:
    """Fig. 2: how what is known before fine-tuning goes with the loss after it, mean over unpruned networks."""
    names = {"val_loss": "validation loss", "mean_ratio": "condition number (A.3)", "ratio": "condition number (eq. 6)"}
    found = []
    for case, table in Quantities(frames).drawn().groupby("case"):
        for measure, words in names.items():
            for kind in ("pearson", "spearman"):
                by_seed = [
                    rows[[measure, "potential"]].corr(method=kind).iloc[0, 1] for _, rows in table.groupby("seed")
                ]
                row = {"case": case, "known before": words, "correlation": kind}
                found.append(row | _number(from_seeds("", by_seed)) | {"networks": len(table)})
    columns = ["case", "known before", "correlation", *MEASURED, "networks"]
    return pd.DataFrame(found, columns=columns).rename(columns={"ours": "r"}).set_index(columns[:3])


def accuracies(frames: Frames) -> pd.DataFrame:
    """The released network on the test images: under both statistics of batch normalisation, and as printed."""
    printed = (
        read("ekg", "table-2").query("network == 'ResNet-56' and dataset == 'CIFAR10'")["test_accuracy_pct"].iloc[0]
    )
    words = {"moving": "moving averages", "batch": "statistics of batches of 256"}
    rows = frames.accuracies.assign(statistics=frames.accuracies["statistics"].map(words), printed=printed)
    columns = {"top1": "accuracy (%)", "loss": "loss", "printed": "printed baseline (%)"}
    return rows.set_index("statistics")[list(columns)].rename(columns=columns)


def phases(frames: Frames) -> pd.DataFrame:
    """Seconds of a search, and the shares of its phases, mean over searches of a kind.

    Shares are of what was timed by phase: of a search that was stopped in between, of the steps after that.
    """
    searches = frames.searches[frames.searches["experiment"].isin(("published", "ablation", "scores"))]
    searches = searches.drop_duplicates("id")
    means = searches.groupby(["title", "data", "score", "search"], sort=False)[
        ["steps", "reached", "seconds", *PHASES]
    ].mean()
    shares = 100 * means[PHASES].div(means[PHASES].sum(axis=1), axis=0)
    return means.drop(columns=PHASES).join(shares.add_suffix(" (%)"))


def quoted(table: str) -> pd.DataFrame:
    """A table of the paper in which most rows are other papers' numbers, said of each row."""
    rows = read("ekg", table)
    said = np.where(rows["method"].str.startswith(OWN), "this paper", "quoted")
    dropped = [name for name in rows if name in ("row", "note", "paper_reference") or name.startswith("derived")]
    return rows.assign(source=said).drop(columns=dropped).set_index("method").astype(object).fillna("")


def retuning(frames: Frames) -> pd.DataFrame:
    """Must what was found be tuned again? Points lost by settings that are good, or best, for the unpruned network.

    `risk` is the mean loss over the unpruned network's 0.5-ROI (paper 001, eq. 3.5), `by the best` that of its best
    setting; both against the network's own best one, chosen on other seeds.
    """
    rows = []
    for case, arms in losses(Quantities(frames)).items():
        for start, effects in arms.items():
            words = {"unpruned": "the unpruned network itself", "fresh": "found, trained from scratch"}
            row = {"case": case, "network": words.get(start, "found, fine-tuned")}
            for name, effect in zip(("risk", "by the best"), effects, strict=False):
                row |= {
                    f"{name}{end}": value
                    for end, value in zip(("", " low", " high"), _number(effect).values(), strict=True)
                }
            rows.append(row | _best_setting(frames, case, start))
    return pd.DataFrame(rows).set_index(["case", "network"])


def _best_setting(frames: Frames, case: str, start: str) -> dict[str, float]:
    about = {"knowledge": "unpruned"} if start == "unpruned" else {"knowledge": "none", "start": start}
    means = Quantities(frames).rows(case, "retune", **about).groupby(["lr", "weight_decay"])["top1"].mean()
    return dict(zip(("best lr", "best weight_decay"), means.idxmax(), strict=True)) | {"best accuracy (%)": means.max()}


def said(*ids: str) -> pd.DataFrame:
    """Numbers of the paper's text, by the words that they start with."""
    rows = read("ekg", "text_numbers")
    chosen = rows[rows["quantity"].str.startswith(tuple(ids))] if ids else rows
    return chosen.set_index("where")[["quantity", "value", "unit", "compared_with_tables"]]
