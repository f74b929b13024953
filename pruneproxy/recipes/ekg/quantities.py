"""Every quantity that the claims speak of, as effects over paired seeds, from the frames of records.

All that is found in one unpruned network is compared seed by seed.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
import scipy

from pruneproxy.evidence.effects import Effect, from_draws, from_seeds, generator_of
from pruneproxy.published import read
from pruneproxy.recipes.ekg.experiments import SCORES

WORDS = {"l1": "L1", "geometric-median": "FPGM", "gbn": "GBN", "taylor": "EKG"}  # as in Table 1
NEAR = 3.0  # points of reduction within which other methods are compared with (EK-10)
MILD, MILDEST = 0.5, 0.7  # of the multiplications, left: up to half, or at most 30 percent, are removed (EK-09)
REPLICATES = 4000
OTHERS = {"resnet18-imagenet": "ResNet-18", "resnet34-imagenet": "ResNet-34", "resnet50-imagenet": "ResNet-50"}


@dataclass(frozen=True, eq=False)
class Quantities:
    """Each method lists effects, none where not run."""

    frames: object

    def effect(self, label: str, values) -> Effect:
        """The mean of one value per seed."""
        return from_seeds(label, values)

    @cached_property
    def _trainings(self) -> dict[tuple[str, str], pd.DataFrame]:
        return dict(iter(self.frames.trainings.groupby(["case", "experiment"], sort=False)))

    def cases(self, experiment: str) -> list[str]:
        """The cases that have run an experiment."""
        return [case for case, name in self._trainings if name == experiment]

    def rows(self, case: str, experiment: str, **values) -> pd.DataFrame:
        """The trainings of an experiment that have these values."""
        return _having(self._trainings.get((case, experiment), self.frames.trainings.iloc[:0]), values)

    def label(self, case: str, more: str = "") -> str:
        """What was really trained, and on what."""
        tables = (self.frames.trainings, self.frames.searches)
        found = next(rows for table in tables if len(rows := table[table["case"] == case]))
        name = f"{found.iloc[0]['title']} on {found.iloc[0]['data']}"
        return f"{name}, {more}" if more else name

    def arm(self, case: str, experiment: str, value: str = "top1", **values) -> pd.Series:
        """What an arm gives, by seed."""
        return self.rows(case, experiment, **values).groupby("seed")[value].mean()

    def gaps(self, experiment: str, arms: Callable[[str], tuple[pd.Series, pd.Series]]) -> list[Effect]:
        """The difference of two arms in every case that has run an experiment."""
        return [one for case in self.cases(experiment) for one in self.gap(self.label(case), *arms(case))]

    def gap(self, label: str, one: pd.Series, other: pd.Series) -> list[Effect]:
        """The difference over the seeds that both have; none where there are no such seeds."""
        apart = (one - other).dropna()
        return [self.effect(label, apart.to_numpy())] if len(apart) else []

    # EK-01: what foretells the loss after fine-tuning

    def foretold(self, measure: str = "mean_ratio") -> list[Effect]:
        """|correlation| with the loss after fine-tuning: of the condition number minus of the validation loss."""
        found = []
        for case, table in self.drawn().groupby("case"):
            gains = table.groupby("seed")[[measure, "val_loss", "potential"]].apply(
                lambda rows: abs(_pearson(rows, measure)) - abs(_pearson(rows, "val_loss"))
            )
            found.append(self.effect(self.label(case), gains.dropna().to_numpy()))
        return found

    def drawn(self) -> pd.DataFrame:
        """A row per random sub-network: what is known before fine-tuning, and its test loss after it."""
        key = ["case", "seed", "draw"]
        trained, bent, searched = (
            table[table["experiment"] == "random"].astype({"draw": float})
            for table in (self.frames.trainings, self.frames.bends, self.frames.searches)
        )
        found = trained[[*key, "score", "loss", "top1"]].rename(columns={"loss": "potential"})
        found = found.merge(bent[[*key, "ratio", "mean_ratio"]], on=key)
        return found.merge(searched[[*key, "loss"]].rename(columns={"loss": "val_loss"}), on=key)

    # EK-02, EK-03 and EK-15: four scores

    def scored(self, value: str) -> dict[str, pd.DataFrame]:
        """By case, a row per seed and a column per score, of one of the measures."""
        table = {"top1": self.frames.trainings, "loss": self.frames.searches}.get(value, self.frames.bends)
        rows = table[table["experiment"] == "scores"]
        wide = {
            case: part.pivot_table(index="seed", columns="score", values=value) for case, part in rows.groupby("case")
        }
        return {case: part[list(SCORES)].dropna() for case, part in wide.items() if set(SCORES) <= set(part)}

    def condition_correlations(self) -> list[Effect]:
        """Rank correlation of condition number and accuracy over the four scores, of means over seeds."""
        ratios, accuracies = self.scored("mean_ratio"), self.scored("top1")
        return [self._ranked(self.label(case), ratios[case], accuracies[case]) for case in ratios if case in accuracies]

    def _ranked(self, label: str, one: pd.DataFrame, other: pd.DataFrame) -> Effect:
        seeds = one.index.intersection(other.index)
        tables = [table.loc[seeds].to_numpy() for table in (one, other)]
        picks = generator_of(0, label).integers(len(seeds), size=(REPLICATES, len(seeds)))
        means = [np.vstack([table.mean(axis=0), table[picks].mean(axis=1)]) for table in tables]
        ranks = [scipy.stats.rankdata(values, axis=1) for values in means]
        return from_draws(label, _correlations(*ranks), seeds=len(seeds), mirrored=True)

    def loss_over_gbn(self) -> list[Effect]:
        return self._over("loss", "gbn")

    def condition_over_gbn(self) -> list[Effect]:
        return self._over("mean_ratio", "gbn")

    def accuracy_over_gbn(self) -> list[Effect]:
        return self._over("top1", "gbn")

    def _over(self, value: str, other: str) -> list[Effect]:
        tables = self.scored(value)
        return [
            self.effect(self.label(case), (table["taylor"] - table[other]).to_numpy()) for case, table in tables.items()
        ]

    def fluctuation_steps(self) -> list[Effect]:
        """Fluctuation of each score's surface minus that of the next one in the paper's order."""
        names = list(SCORES)
        return self._fluctuations(list(zip(names, names[1:], strict=False)))

    def fluctuation_margins(self) -> list[Effect]:
        """Fluctuation of every other score's surface minus that of EKG's."""
        return self._fluctuations([(name, "taylor") for name in SCORES if name != "taylor"])

    def _fluctuations(self, pairs: Iterable[tuple[str, str]]) -> list[Effect]:
        return [
            self.effect(self.label(case, f"{WORDS[one]} over {WORDS[other]}"), (table[one] - table[other]).to_numpy())
            for case, table in self.scored("fluctuation").items()
            for one, other in pairs
        ]

    # EK-04 to EK-08 and EK-16: the ablation

    def ablated(self, case: str, search: str, knowledge: str, value: str = "top1") -> pd.Series:
        """What a kind of search and a kind of fine-tuning give, by seed."""
        return self.arm(case, "ablation", value, search=search, knowledge=knowledge)

    def single_search_gains(self) -> list[Effect]:
        return self.gaps(
            "ablation", lambda case: (self.ablated(case, "single", "none"), self.ablated(case, "none", "none"))
        )

    def ensemble_search_gains(self) -> list[Effect]:
        return self.gaps(
            "ablation", lambda case: (self.ablated(case, "ensemble", "none"), self.ablated(case, "none", "none"))
        )

    def over_unpruned(self) -> list[Effect]:
        """The whole method minus the unpruned network."""
        return self.gaps(
            "ablation",
            lambda case: (self.ablated(case, "ensemble", "ensemble"), self.arm(case, "ablation", knowledge="unpruned")),
        )

    def finetuning_over_search(self) -> list[Effect]:
        """What knowledge in fine-tuning adds minus what it adds in the search."""
        return self.gaps(
            "ablation",
            lambda case: (
                self.ablated(case, "ensemble", "ensemble") - self.ablated(case, "ensemble", "none"),
                self.ablated(case, "ensemble", "none") - self.ablated(case, "none", "none"),
            ),
        )

    def bank_times(self) -> list[Effect]:
        return self._times("ensemble", "none")

    def single_times(self) -> list[Effect]:
        return self._times("single", "none")

    def bank_over_single_times(self) -> list[Effect]:
        return self._times("ensemble", "single")

    def _times(self, one: str, other: str) -> list[Effect]:
        """Seconds of fine-tuning with one kind of knowledge over those with another."""
        found = []
        for case in self.cases("ablation"):
            ratio = self.ablated(case, "ensemble", one, "seconds") / self.ablated(case, "ensemble", other, "seconds")
            found += [self.effect(self.label(case), ratio.dropna().to_numpy())] if ratio.notna().any() else []
        return found

    def search_times(self) -> list[Effect]:
        """Seconds for each step of the search, guided by the ensemble over unguided."""
        rows, found = self.frames.searches[self.frames.searches["experiment"] == "ablation"], []
        for case, part in rows.assign(pace=rows["paced"] / rows["steps"]).groupby("case"):
            wide = part.pivot_table(index="seed", columns="search", values="pace")
            if {"ensemble", "none"} <= set(wide):
                found.append(self.effect(self.label(case), (wide["ensemble"] / wide["none"]).dropna().to_numpy()))
        return found

    # EK-09 to EK-14: accuracy against what is left

    def mild_curve_gains(self) -> list[Effect]:
        """The whole method minus the unpruned network, for every target that leaves half or more."""
        return [gain for case in self.cases("curve") for left, gain in self.curve(case) if left >= MILD]

    def mildest_curve_gains(self) -> list[Effect]:
        """The same where most is left: 70 percent or more (75 in the paper)."""
        first = [(left, gain) for case in self.cases("curve") for left, gain in list(self.curve(case))[:1]]
        return [gain for left, gain in first if left >= MILDEST]

    def curve(self, case: str) -> Iterable[tuple[float, Effect]]:
        """(target, gain over the unpruned network) from the largest target on."""
        if case in OTHERS:  # of which other claims speak
            return
        unpruned = self.arm(case, "curve", knowledge="unpruned")
        for left in sorted(self.rows(case, "curve")["target"].dropna().unique(), reverse=True):
            found = self.arm(case, "curve", knowledge="ensemble", target=left)
            yield from ((left, one) for one in self.gap(self.label(case, f"{100 * left:.0f} % left"), found, unpruned))

    def over_others(self) -> list[Effect]:
        """ResNet-56 on CIFAR-10 minus the best method in Table 3 within 3 points of reduction, at 55 and 65 percent."""
        others = read("ekg", "table-3").query("method != 'EKG'")
        found = []
        for case in (case for case in self.cases("curve") if self._is_the_papers(case, "ResNet-56", "cifar10")):
            for left in (0.45, 0.35):
                near = others[(others["flops_reduction_pct"] - 100 * (1 - left)).abs() <= NEAR]
                own = self.arm(case, "curve", knowledge="ensemble", target=left)
                label = self.label(case, f"{100 * left:.0f} % left")
                found += [self.effect(label, (own - near["accuracy_pct"].max()).to_numpy())] if len(own) else []
        return found

    def _is_the_papers(self, case: str, title: str, dataset: str) -> bool:
        rows = self.frames.trainings[self.frames.trainings["case"] == case]
        return (rows.iloc[0]["title"], rows.iloc[0]["data"].lower().replace("-", "")) == (title, dataset)

    def resnet50_changes(self) -> list[Effect]:
        """Top-1 of ResNet-50 at 45 percent reduction minus that of the unpruned one."""
        own = self.on_imagenet("resnet50-imagenet", 0.55)
        return self.gap("ResNet-50", own, self.arm("resnet50-imagenet", "curve", knowledge="unpruned"))

    def over_smaller_others(self) -> list[Effect]:
        """Top-1 of ResNet-18 and ResNet-34 minus that of the best other method in Table 4."""
        return [
            effect
            for case, left in (("resnet18-imagenet", 0.499), ("resnet34-imagenet", 0.549))
            for effect in self._over_printed(case, left, read("ekg", "table-4")["method"].unique())
        ]

    def over_resnet50_others(self) -> list[Effect]:
        """Top-1 of ResNet-50 at 55 percent reduction minus ResRep's and NPPM's."""
        return self._over_printed("resnet50-imagenet", 0.45, ("ResRep", "NPPM"))

    def better_start_over_others(self) -> list[Effect]:
        """The same from weights trained without labels first, minus CafeNet and BCNet: not run here."""
        return []

    def over_autoslim(self) -> list[Effect]:
        return self._over_printed("resnet50-imagenet", 0.45, ("Autoslim",))

    def further_than_autoslim(self) -> list[Effect]:
        """Points of reduction beyond Autoslim's, whose greedy search it is plugged into."""
        case = "resnet50-imagenet"
        own = self.arm(case, "curve", "multiplications", knowledge="ensemble", target=0.45)
        whole = self.arm(case, "curve", "multiplications", knowledge="unpruned")
        printed = read("ekg", "table-4").query("method == 'Autoslim'")["flops_reduction_pct"].iloc[0]
        return self.gap("ResNet-50", 100 * (1 - own / whole), 0 * whole + printed)

    def on_imagenet(self, case: str, left: float) -> pd.Series:
        """Top-1 accuracies of the whole method by seed."""
        return self.arm(case, "curve", knowledge="ensemble", target=left)

    def _over_printed(self, case: str, left: float, methods: Iterable[str]) -> list[Effect]:
        rows = read("ekg", "table-4").query("network == @OTHERS[@case] and not method.str.startswith('EKG')")
        best = rows.loc[rows["method"].isin(list(methods)), "top1_accuracy_pct"].max()
        own = self.on_imagenet(case, left)
        return [self.effect(OTHERS[case], (own - best).to_numpy())] if len(own) else []


def _having(rows: pd.DataFrame, values: dict) -> pd.DataFrame:
    for name, value in values.items():
        rows = (
            rows[np.isclose(rows[name].astype(float), value)] if isinstance(value, float) else rows[rows[name] == value]
        )
    return rows


def _pearson(rows: pd.DataFrame, measure: str) -> float:
    """Correlation with the loss after fine-tuning over the networks where both are numbers."""
    both = rows[[measure, "potential"]].replace([np.inf, -np.inf], np.nan).dropna()
    return float(both.corr().iloc[0, 1]) if len(both) > 2 else np.nan


def _correlations(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Row by row; NaN where one of them does not vary."""
    one, other = (values - values.mean(axis=1, keepdims=True) for values in (one, other))
    with np.errstate(invalid="ignore"):
        return (one * other).sum(axis=1) / np.sqrt((one**2).sum(axis=1) * (other**2).sum(axis=1))
