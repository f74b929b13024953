"""Every quantity that the claims speak of, as effects over paired seeds, from the frames of records.

What is best is chosen on some seeds and measured on the others (`stats.crossfit`).
"""

from collections.abc import Callable, Iterable

import numpy as np

from pruneproxy.evidence.effects import Effect, from_seeds
from pruneproxy.magnitude import remaining_share
from pruneproxy.recipes.find_eval.mechanisms import Mechanisms
from pruneproxy.recipes.find_eval.protocol import PAPER
from pruneproxy.recipes.find_eval.rows import WORDS, gap, mean_of, wide
from pruneproxy.stats import crossfit

SPARSE = (80.0, 100.0)  # percent; claims about pruned networks speak of these (Sec. 3.2)
EXTREME = (95.0, 98.5)  # where the paper's tickets fail and the best settings move
MIDDLE = (70.0, 90.0)  # where decoupling gains most
MODERATE, HIGH = (30.0, 70.0), (70.0, 100.0)  # percent of the channels


class Quantities(Mechanisms):
    """Each method lists effects, none where not run."""

    # FV-01 to FV-03: failing tickets

    def large_rate_gains(self) -> list[Effect]:
        """Unpruned accuracy at the largest learning rate minus that at the default one."""
        found = []
        for case in self.cases("baselines"):
            rates = self.values(case, "baselines", "lr")
            dense = self.rows(case, "baselines", hyperparameter="lr", round=0)
            found += gap(self.label(case), *self.ends(dense, rates[-1], rates[0]))
        return found

    def harsh_ticket_deficits(self) -> list[Effect]:
        return self._baseline_gaps(lambda case: self.values(case, "baselines", "lr")[-1], "random", "found", EXTREME)

    def gentle_over_random(self) -> list[Effect]:
        return self._baseline_gaps(self._default_rate, "found", "random", SPARSE)

    def gentle_over_shuffled(self) -> list[Effect]:
        return self._baseline_gaps(self._default_rate, "found", "shuffled", SPARSE)

    def shuffled_over_random(self) -> list[Effect]:
        return self._baseline_gaps(self._default_rate, "shuffled", "random", SPARSE)

    def _default_rate(self, case: str) -> float:
        return self.values(case, "baselines", "lr")[0]

    def _baseline_gaps(self, rate: Callable[[str], float], one: str, other: str, between) -> list[Effect]:
        found = []
        for case in self.cases("baselines"):
            rows = self.rows(case, "baselines", hyperparameter="lr", find=rate(case), between=between)
            found += gap(self.label(case), *(mean_of(rows[rows["mask"] == mask]) for mask in (one, other)))
        return found

    # FV-04 to FV-07: decoupling

    def gentle_find_gains(self) -> list[Effect]:
        """Pruned accuracy with masks found gently minus harshly, over all settings to train with."""
        found = []
        for case, name in self.grids():
            harsh = self.values(case, name, name)[-1]
            found += self._find_gain(case, name, name, self.gentle(case, name, name), harsh)
        return found

    def _find_gain(self, case: str, experiment: str, name: str, one: float, other: float) -> list[Effect]:
        rows = self.rows(case, experiment, hyperparameter=name, between=SPARSE)
        return gap(self.label(case, WORDS[name]), *self.ends(rows, one, other))

    def low_harsh_eval_gains(self) -> list[Effect]:
        """Accuracy at the lowest sparsity, masks trained harshly minus gently."""
        return [gain for case, name in self.grids() for gain in self._eval_gain(case, name, "low")]

    def high_middle_eval_gains(self) -> list[Effect]:
        """Accuracy at the highest sparsity, masks trained with the middle value minus harshly."""
        return [gain for case, name in self.grids() for gain in self._eval_gain(case, name, "high")]

    def _eval_gain(self, case: str, name: str, where: str) -> list[Effect]:
        rows = self.rows(case, name, find=self.gentle(case, name, name), between=(0, 100))
        values = self.values(case, name, name, "eval")
        if len(values) < 3 or not len(rows):
            return []
        at = rows[rows["sparsity"] == (rows["sparsity"].min() if where == "low" else rows["sparsity"].max())]
        one, other = (values[-1], values[0]) if where == "low" else (values[-2], values[-1])
        return gap(self.label(case, WORDS[name]), mean_of(at[at["eval"] == one]), mean_of(at[at["eval"] == other]))

    def decoupling_gains(self) -> list[Effect]:
        """Best decoupled minus best coupled setting, mean over the sparsities where the paper finds most."""
        found = []
        for case, name in self.grids():
            gains = list(self._decoupling(case, name, name, MIDDLE).values())
            if gains:
                found.append(from_seeds(self.label(case, WORDS[name]), np.mean(gains, axis=0), crossfitted=True))
        return found

    def _decoupling(self, case: str, experiment: str, name: str, between) -> dict[float, np.ndarray]:
        """By sparsity, what the best decoupled setting gains on each seed, chosen on the others."""
        rows, found = self.rows(case, experiment, hyperparameter=name, between=between), {}
        shared = set(rows["find"]) & set(rows["eval"])  # a value that only finds, or only trains, is never coupled
        rows = rows[rows["find"].isin(shared) & rows["eval"].isin(shared)]
        for percent, at in rows.groupby("sparsity"):
            tables = [wide(at[(at["find"] == at["eval"]) == same], ["find", "eval"]) for same in (False, True)]
            if all(len(table) for table in tables):
                decoupled, coupled = (crossfit.best(table.to_numpy()) for table in tables)
                found[percent] = decoupled - coupled
        return found

    def other_networks_find_gains(self) -> list[Effect]:
        """Pruned accuracy with masks from smaller learning rates than the dense network's best, minus from that."""
        return [gain for case in self.cases("lr") if PAPER[case].experiments == ("lr",) for gain in self._smaller(case)]

    def _smaller(self, case: str) -> list[Effect]:
        dense = wide(self.rows(case, "lr", round=0), ["find"])
        best = dense.mean(axis=1).idxmax()
        smaller = [value for value in self.values(case, "lr", "lr") if value < best]
        if not smaller:
            return []
        rows = self.rows(case, "lr", between=SPARSE)
        table = wide(rows[rows["find"].isin(smaller)], ["find"])
        at_best = mean_of(rows[rows["find"] == best])
        label = self.label(case, f"below {best:g}")
        return [
            from_seeds(label, crossfit.best(table.to_numpy()) - at_best[table.columns].to_numpy(), crossfitted=True)
        ]

    # FV-08 to FV-10: variants and structured pruning

    def variant_find_gains(self) -> list[Effect]:
        """Masks of the smaller minus the larger learning rate with late rewinding and with warm-up; both are needed."""
        names = {"late": "late rewinding", "warmup": "warm-up"}
        cases = [case for case in self.cases("late") if case in self.cases("warmup")]
        found = []
        for case in cases:
            for experiment, words in names.items():
                rows = self.rows(case, experiment, variant="", between=SPARSE)
                found += gap(self.label(case, words), *self.ends(rows, rows["find"].min(), rows["find"].max()))
        return found

    def continued_gains(self) -> list[Effect]:
        """Learning-rate rewinding minus weight rewinding: masks of the smaller rate trained with the larger one."""
        found = []
        for case in self.cases("continued"):
            rows = self.rows(case, "continued", between=(0, 100))
            pair = {"find": rows["find"].min(), "eval": rows["eval"].max()}
            rewound = self.rows(case, "lr", between=(0, 100), **pair)
            own = rows[(rows["find"] == pair["find"]) & (rows["eval"] == pair["eval"])]
            found += gap(self.label(case), mean_of(own), mean_of(rewound))
        return found

    def moderate_structured_gains(self) -> list[Effect]:
        return self._structured(MODERATE)

    def high_structured_gains(self) -> list[Effect]:
        return self._structured(HIGH)

    def structured_gains(self) -> list[Effect]:
        return self._structured((0, 100))

    def _structured(self, between) -> list[Effect]:
        return [
            from_seeds(self.label(case, f"{WORDS[name]} at {percent:.0f} %"), gains, crossfitted=True)
            for case in self.cases("structured")
            for name in self.hyperparameters(case, "structured")
            for percent, gains in self._decoupling(case, "structured", name, between).items()
        ]

    def donor_gains(self) -> list[Effect]:
        """Bad settings with good ratios minus good settings with bad ratios."""
        return self._donated("harsh with good", "gentle with bad")

    def repaired_gains(self) -> list[Effect]:
        """Bad settings with good ratios minus good settings with their own."""
        return self._donated("harsh with good", "gentle with good")

    def ruined_gains(self) -> list[Effect]:
        """Good settings with their own ratios minus the same with bad ratios."""
        return self._donated("gentle with good", "gentle with bad")

    def _donated(self, *arms: str) -> list[Effect]:
        found = []
        for case in self.cases("donors"):
            for name in self.hyperparameters(case, "donors"):
                rows = self.rows(case, "donors", hyperparameter=name, between=SPARSE)
                values = dict(zip(("gentle", "harsh"), self.values(case, "donors", name), strict=True))
                chosen = []
                for arm in arms:
                    own, _, ratios = arm.split()
                    kept = (rows["find"] == values[own]) & (rows["variant"] == f"{ratios} ratios")
                    chosen.append(mean_of(rows[kept]))
                found += gap(self.label(case, WORDS[name]), *chosen)
        return found

    def local_harsh_gains(self) -> list[Effect]:
        """Masks found harshly minus gently when every layer loses the same share."""
        found = []
        for case in self.cases("local"):
            for name in self.hyperparameters(case, "local"):
                values = self.values(case, "local", name)
                found += self._find_gain(case, "local", name, values[-1], values[0])
        return found

    def undecayed_large_gains(self) -> list[Effect]:
        """Without weight decay, masks of the largest learning rate minus those of the default one."""
        found = []
        for case in self.cases("undecayed"):
            rows = self.rows(case, "undecayed", variant="no decay", between=SPARSE)
            values = sorted(rows["find"].unique())
            found += gap(self.label(case), *self.ends(rows, values[-1], values[-2])) if len(values) > 1 else []
        return found

    def half_way_gains(self) -> list[Effect]:
        """Masks from the middle and later early epochs minus those from the end."""
        return [gain for case in self.cases("early") for gain in self._early(case, lambda epochs: epochs[1:])]

    def too_early_losses(self) -> list[Effect]:
        """Masks from the end minus those from the first early epoch."""
        return [gain for case in self.cases("early") for gain in self._early(case, lambda epochs: epochs[:1], sign=-1)]

    def _early(self, case: str, chosen: Callable[[list], Iterable[int]], sign: int = 1) -> list[Effect]:
        rows = self.rows(case, "early", between=SPARSE)
        rows = rows[rows["find"] == rows["find"].max()]
        by_epoch = {int(name.split()[1]): mean_of(part) for name, part in rows.groupby("variant")}
        *early, last = sorted(by_epoch) or [0]
        found = []
        for epoch in chosen(early):
            found += gap(self.label(case, f"epoch {epoch} of {last}"), *(by_epoch[epoch], by_epoch[last])[::sign])
        return found

    def final_sparsity(self) -> list[Effect]:
        """Percent of the weights that are gone after all rounds of the paper: arithmetic."""
        case = next(iter(PAPER.values()))
        return [Effect(label="30 rounds", value=100 * (1 - remaining_share(case.share, case.rounds)))]
