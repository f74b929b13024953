"""What happens inside the networks: which layers are pruned, how that drifts, and whether noise parts two copies."""

from functools import cached_property

import numpy as np
import pandas as pd

from pruneproxy.evidence.effects import Effect, from_seeds
from pruneproxy.magnitude import distance
from pruneproxy.recipes.find_eval.protocol import PAPER
from pruneproxy.recipes.find_eval.rows import WORDS, Rows, gap, mean_of

EARLY_LAYERS = 1 / 3  # of the layers
RATIOS_AT = (67.0, 89.0)  # percent: Figs. 6 and 8


class Mechanisms(Rows):
    """Quantities of ratios and of lines between copies; each method lists effects, none where not run."""

    @cached_property
    def ratios(self) -> pd.DataFrame:
        """Ratios of the layers with the number of layers of each network."""
        return self.frames.ratios.assign(layers=self.frames.ratios.groupby("case")["place"].transform("max") + 1)

    def ratio_rows(self, case: str, experiment: str, sparsity: float = RATIOS_AT[0], **values) -> pd.DataFrame:
        """The ratios after the round whose sparsity is nearest to a percentage."""
        rows = self.ratios
        for name, value in {"case": case, "experiment": experiment, **values}.items():
            rows = rows[rows[name] == value]
        if not len(rows):
            return rows
        percents = rows["sparsity"].unique()
        return rows[rows["sparsity"] == percents[np.abs(percents - sparsity).argmin()]]

    def early_layer_excess(self) -> list[Effect]:
        """Share of the early layers that is pruned, masks found harshly minus gently."""
        found = []
        for case, name in self.grids():
            rows, values = self.ratio_rows(case, name), self.values(case, name, name)
            early = rows[rows["place"] < EARLY_LAYERS * rows["layers"]]
            ends = self.ends(early, values[-1], self.gentle(case, name, name), "ratio")
            found += gap(self.label(case, WORDS[name]), *ends)
        return found

    def undecayed_share(self) -> list[Effect]:
        """Distance of ratios between both ends of the learning rates without weight decay, as a share of that with."""
        found = []
        for case in self.cases("undecayed"):
            for percent in RATIOS_AT:
                distances = [self._distances(case, variant, percent) for variant in ("no decay", "decay")]
                if all(len(distance) for distance in distances):
                    share = (distances[0] / distances[1]).dropna()
                    found.append(from_seeds(self.label(case, f"{percent:.0f} %"), share.to_numpy()))
        return found

    def _distances(self, case: str, variant: str, percent: float) -> pd.Series:
        rows = self.ratio_rows(case, "undecayed", percent, variant=variant)
        if not len(rows):
            return pd.Series(dtype=float)
        ends = [rows[rows["find"] == value] for value in (rows["find"].min(), rows["find"].max())]
        small, large = (end.pivot_table(index="seed", columns="layer", values="ratio") for end in ends)
        both = small.index.intersection(large.index)
        return pd.Series({seed: distance(small.loc[seed].to_dict(), large.loc[seed].to_dict()) for seed in both})

    @cached_property
    def distances(self) -> pd.DataFrame:
        """Mean absolute difference of the ratios of every epoch to those of the last one."""
        drift = self.frames.drift
        key = ["case", "lr", "seed"]
        last = drift[drift["epoch"] == drift.groupby(key)["epoch"].transform("max")]
        both = drift.merge(last[[*key, "layer", "ratio"]], on=[*key, "layer"], suffixes=("", "_end"))
        both["distance"] = (both["ratio"] - both["ratio_end"]).abs()
        return both.groupby([*key, "epoch"], as_index=False)["distance"].mean()

    def initial_distance_gains(self) -> list[Effect]:
        """Distance after the first epoch, at the largest learning rate minus at the smallest."""
        found = []
        for case, rows in self.distances.groupby("case"):
            first = rows[rows["epoch"] == 1]
            ends = [first[first["lr"] == value] for value in (first["lr"].max(), first["lr"].min())]
            found += gap(self.label(case), *(mean_of(end, "distance") for end in ends))
        return found

    def settled_shares(self) -> list[Effect]:
        """The distance left where the learning rate first decays, over that of ratios that drift evenly to the end.

        Of the largest learning rate; both as shares of the distance after the first epoch.
        """
        found = []
        for case, rows in self.distances.groupby("case"):
            rows = rows[rows["lr"] == rows["lr"].max()]
            wide = rows.pivot_table(index="seed", columns="epoch", values="distance")
            last = wide.columns.max()
            decay = round(PAPER[case].base.train.milestones[0] * last)
            if 1 < decay < last:
                evenly = (last - decay) / (last - 1)
                found.append(from_seeds(self.label(case), (wide[decay] / wide[1] / evenly).to_numpy()))
        return found

    def late_small_barriers(self) -> list[Effect]:
        """Barriers from an early epoch at the smallest learning rate."""
        return self._barriers(stable=True)

    def other_barriers(self) -> list[Effect]:
        """Barriers from the start, or at a larger learning rate."""
        return self._barriers(stable=False)

    def barrier_gaps(self) -> list[Effect]:
        """The smaller of the other barriers minus that of the smallest learning rate from an early epoch."""
        found = []
        for (case, percent), arms in self._arms().items():
            stable = [barriers for is_stable, _, barriers in arms if is_stable]
            others = [barriers for is_stable, _, barriers in arms if not is_stable]
            if stable and others:
                lowest = pd.concat(others, axis=1).min(axis=1)
                found += gap(self.label(case, f"{percent:.0f} %"), lowest, stable[0])
        return found

    def _barriers(self, *, stable: bool) -> list[Effect]:
        return [
            from_seeds(self.label(case, f"{words} at {percent:.0f} %"), barriers.to_numpy())
            for (case, percent), arms in self._arms().items()
            for is_stable, words, barriers in arms
            if is_stable == stable
        ]

    def _arms(self) -> dict[tuple[str, float], list[tuple[bool, str, pd.Series]]]:
        lines = self.frames.lines.drop_duplicates("id")
        found: dict[tuple, list] = {}
        for (case, percent, lr, start), rows in lines.groupby(["case", "sparsity", "lr", "start"]):
            smallest = lines.loc[lines["case"] == case, "lr"].min()
            arm = (lr == smallest and "epoch" in start, f"lr {lr:g} {start}", rows.set_index("seed")["barrier"])
            found.setdefault((case, percent), []).append(arm)
        return found
