"""What `tune` found, as numbers, as a frame and in words."""

import html
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pruneproxy import stats
from pruneproxy.search import Trial
from pruneproxy.stats import Equivalence, transfer
from pruneproxy.tuner.taking import Taken
from pruneproxy.tuning import Proxy

WIDEST = 8  # groups whose channels the summary lists


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Result:
    """The outcome of `tune`; printing it says in words what was found, saved and not measured.

    `taken` says what was searched on and why. `best` is the trial that was chosen, on the network itself where the
    copy's best were tried again there, and `scores` are the network's scores with its settings by seed; `direct` and
    `direct_scores` are the same for a search on the network that knew nothing of the copy, if there was one. `trials`
    holds every trial under "proxy", "again" (those on the network that followed), "full", "proxy, drawn" and "full,
    drawn", those of the pilot with them; `planned` is how many were asked for. `tested` says whether the scores come
    from data that no search looked at.
    """

    taken: Taken
    best: Trial
    scores: dict[int, float]
    direct: Trial | None
    direct_scores: dict[int, float]
    trials: dict[str, list[Trial]]
    planned: int
    margin: float | None
    tested: bool
    study: str

    @property
    def settings(self) -> dict:
        """The settings that were chosen."""
        return self.best.settings

    @property
    def proxy(self) -> Proxy | None:
        """The pruned network that `tuning.Pruned` described."""
        return self.taken.proxy

    @property
    def share(self) -> float:
        """The multiplications of a training on the copy as a share of the network's."""
        return self.taken.share

    @property
    def seconds(self) -> dict[str, float]:
        """The seconds that each search, or set of drawn configurations, took."""
        return {what: sum(trial.seconds for trial in trials) for what, trials in self.trials.items()}

    @property
    def regret(self) -> float | None:
        """The mean score that is lost against settings searched on the full network itself; None if not compared.

        Below 0 the proxy's settings did better. It is exactly 0 where both searches found the same settings.
        """
        if self.direct is None:
            return None
        return float(np.mean(list(self.direct_scores.values()))) - float(np.mean(list(self.scores.values())))

    @property
    def equivalence(self) -> Equivalence | None:
        """Two one-sided t tests over seeds, paired, of the full network with the proxy's and with its own settings.

        None without a comparison, where a training diverged, and where both searches found the same settings, so that
        nothing is left to test. Without a margin only the interval has a meaning.
        """
        ours, theirs = list(self.scores.values()), list(self.direct_scores.values())
        if self.direct is None or self.direct.settings == self.settings or not np.isfinite([*ours, *theirs]).all():
            return None
        return stats.tost(ours, theirs, margin=self.margin or math.inf, paired=True)

    @property
    def correlation(self) -> float | None:
        """Spearman's correlation of proxy and full network over the drawn configurations; None if none were drawn.

        NaN where the scores of one of them are all equal.
        """
        pair = self._drawn()
        return None if pair is None else transfer.rank_correlation(*pair)

    @property
    def drawn_regret(self) -> float | None:
        """The best drawn configuration's score on the full network minus that of the one that the proxy likes best."""
        pair = self._drawn()
        return None if pair is None else max(transfer.regret(*pair), 0.0)  # a mean of ties may round up

    def frame(self) -> pd.DataFrame:
        """One row per trial: what was trained, its number, settings, value, state, epochs and seconds."""
        rows = [
            {"trained": what, "number": trial.number, **trial.settings}
            | {name: getattr(trial, name) for name in ("value", "state", "epochs", "seconds")}
            for what, trials in self.trials.items()
            for trial in trials
        ]
        return pd.DataFrame(rows)

    def kept(self) -> pd.DataFrame:
        """One row per group of coupled channels, named by its first layer: its width, and what the proxy keeps."""
        groups = {} if self.proxy is None else self.proxy.kept
        rows = [(name, width, kept, kept / width) for name, (width, kept) in groups.items()]
        return pd.DataFrame(rows, columns=["group", "width", "kept", "share"]).set_index("group")

    def _drawn(self) -> tuple[np.ndarray, np.ndarray] | None:
        """The values of the drawn configurations on both networks; one that diverged counts as the worst."""
        if "full, drawn" not in self.trials:
            return None
        found = []
        for what in ("proxy, drawn", "full, drawn"):
            values = np.array([trial.value for trial in self.trials[what]], dtype=float)
            found.append(np.where(np.isnan(values), np.nanmin(values) if np.isfinite(values).any() else 0.0, values))
        return tuple(found)

    def lines(self) -> list[tuple[str, str]]:
        """The summary as pairs of a title and a sentence."""
        found = [
            ("best settings", _settings(self.settings)),
            ("searched on", self._taken_line()),
            *([] if self.proxy is None else [("proxy", self._proxy_line()), ("training step", self._step_line())]),
            ("search", self._search_line()),
        ]
        if self.scores:
            where = "data that no search looked at" if self.tested else "the scores that train returned"
            found.append(("full network", f"{_scores(self.scores)} ({where})"))
        found.append(("regret", self._regret_line()))
        if "full, drawn" in self.trials:
            found.append(("drawn settings", self._drawn_line()))
        return found

    def __str__(self) -> str:
        return "\n".join(f"{title + ':':16}{text}" for title, text in self.lines())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        rows = (
            f"<tr><th style='text-align:left'>{html.escape(title)}</th>"
            f"<td style='text-align:left'>{html.escape(text)}</td></tr>"
            for title, text in self.lines()
        )
        return f"<table>{''.join(rows)}</table>"

    def _proxy_line(self) -> str:
        one = self.proxy
        if not one.kept:
            return "the full network itself (percentile 0)"
        kept = [f"{name or 'network'} {kept} of {width}" for name, (width, kept) in one.kept.items()]
        more = f" and {len(kept) - WIDEST} more groups" if len(kept) > WIDEST else ""
        share = one.multiplications / max(one.full_multiplications, 1)
        return (
            f"{share:.1%} of {one.full_multiplications:,} multiplications, "
            f"{one.parameters / max(one.full_parameters, 1):.1%} of {one.full_parameters:,} parameters; channels kept: "
            f"{', '.join(kept[:WIDEST])}{more}"
        )

    def _step_line(self) -> str:
        one = self.proxy
        return (
            f"{1000 * one.seconds:.3g} ms on the proxy, {1000 * one.full_seconds:.3g} ms on the full network "
            f"(ratio {one.seconds / one.full_seconds:.2f})"
        )

    def _taken_line(self) -> str:
        if self.taken.direct:
            return f"the network itself ({self.taken.why})"
        return f"its copy {self.taken.copy!r}, {self.share:.1%} of the multiplications ({self.taken.why})"

    def _search_line(self) -> str:
        places = {"proxy": "on the copy", "again": "on the network after it", "full": "on the network"}
        return ", ".join(self._trials_line(what, place) for what, place in places.items() if what in self.trials)

    def _trials_line(self, what: str, place: str) -> str:
        trials, more = self.trials[what], []
        known = len(self.taken.known(self.taken.copy if what == "proxy" else "network"))
        if known and not self._cold(what):
            more.append(f"{known} of them the pilot's")
        if what != "again" and len(trials) < self.planned:
            why = f"the rest could hardly change the choice by more than {self.margin:.3g}"
            more.append(f"ended before {self.planned}: {why}")
        text = f"{len(trials)} trials {place} in {self.seconds[what]:.1f} s"
        return f"{text} ({'; '.join(more)})" if more else text

    def _cold(self, what: str) -> bool:
        """Whether a search knew nothing of the pilot."""
        return what == "full" and not self.taken.direct

    def _regret_line(self) -> str:
        if self.taken.direct:
            return "none to measure, for the search was on the network itself"
        if self.direct is None:
            return "not measured, for nothing was searched on the full network (compare='search' does it)"
        if self.direct.settings == self.settings and math.isfinite(self.regret):
            return f"{self.regret:.4g}: both searches found the same settings"
        test = self.equivalence
        if test is None:
            return "not a number: a training of the full network diverged"
        text = (
            f"{self.regret:.4g} in units of the score over {len(self.scores)} seeds against "
            f"{_settings(self.direct.settings)}, 90 % interval {-test.high:.3g} to {-test.low:.3g}; "
        )
        if self.margin is None:
            return text + "no margin was stated, so nothing is said about equivalence"
        verdict = "equivalent" if test.equivalent else "not shown to be equivalent"
        return text + f"{verdict} within {self.margin:g} (two one-sided t tests, p {test.p:.2g})"

    def _drawn_line(self) -> str:
        equal = [
            what for what, values in zip(("proxy", "full network"), self._drawn(), strict=True) if np.ptp(values) == 0
        ]
        correlation = f"undefined (all scores of the {equal[0]} are equal)" if equal else f"{self.correlation:.2f}"
        return (
            f"over {len(self.trials['full, drawn'])} configurations trained on both, rank correlation {correlation}, "
            f"regret of the proxy's favourite {self.drawn_regret:.4g}"
        )


def _settings(settings: dict) -> str:
    values = (f"{value:.4g}" if isinstance(value, float) else str(value) for value in settings.values())
    return ", ".join(f"{name} {value}" for name, value in zip(settings, values, strict=True))


def _scores(scores: dict[int, float]) -> str:
    values = np.array(list(scores.values()))
    shown = ", ".join(f"{value:.4g}" for value in values)
    spread = f", deviation {values.std(ddof=1):.2g}" if len(values) > 1 else ""
    return f"mean {values.mean():.4g}{spread} over seeds {min(scores)} to {max(scores)}: {shown}"
