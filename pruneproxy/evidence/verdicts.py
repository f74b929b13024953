"""From effects to verdicts: how every part weighs the effects of its claims and corrects over them."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from pruneproxy.evidence.claims import Claim, Effect, Verdict, statuses


@dataclass(frozen=True, kw_only=True)
class Weighed:
    """One-sided p-values for and against a claim, the effect nearest to failing, and the words for it."""

    confirm: float
    refute: float
    decisive: Effect
    text: str

    @property
    def exact(self) -> bool:
        """Whether nothing was resampled: the numbers are counted or printed, and p is 0 or 1."""
        return not self.decisive.samples.size


def weigh(what: str, effects: Iterable[Effect], pick: Callable, confirm: float, refute: float) -> Weighed | None:
    """None when no effect is defined, so that the claim counts as not run."""
    effects = tuple(effects)
    known = [effect for effect in effects if np.isfinite(effect.value)]
    if not known:
        return None
    decisive = pick(known)
    missing = f", {len(effects) - len(known)} undefined" if len(known) < len(effects) else ""
    text = f"{what} {decisive.value:.3g} ({decisive.label}; {len(known)} compared{missing})"
    return Weighed(confirm=confirm, refute=refute, decisive=decisive, text=text)


def either(*p: float) -> float:
    """p of one of some statements holding (Bonferroni)."""
    return min(1.0, len(p) * min(p)) if p else 1.0


def lowest(effects: Iterable[Effect]) -> Effect:
    """The effect with the smallest value."""
    return min(effects, key=lambda effect: effect.value)


def highest(effects: Iterable[Effect]) -> Effect:
    """The effect with the largest value."""
    return max(effects, key=lambda effect: effect.value)


def farthest(effects: Iterable[Effect]) -> Effect:
    """The effect farthest from 0."""
    return farthest_from(0)(effects)


def farthest_from(value: float) -> Callable[[Iterable[Effect]], Effect]:
    """Picks the effect farthest from a value."""
    return lambda effects: max(effects, key=lambda effect: abs(effect.value - value))


def judged(
    weighed: Mapping[str, Weighed | None], *, scale: str, evidence: Mapping[str, Mapping], apart: bool = False
) -> dict[str, Verdict]:
    """The verdicts on the claims that were tested, corrected over each other; `evidence` are their other fields.

    With `apart`, claims in which nothing was resampled are no part of the family of the others.
    """
    tested = {name: result for name, result in weighed.items() if result is not None}
    families = [[name for name in tested if tested[name].exact == exact] for exact in (False, True)]
    found = {}
    for family in families if apart else [list(tested)]:
        sides = ([getattr(tested[name], side) for name in family] for side in ("confirm", "refute"))
        found |= dict(zip(family, zip(*statuses(*sides), strict=True), strict=True))
    return {
        name: Verdict(
            claim=name,
            status=found[name][0],
            effect=result.text,
            value=result.decisive.value,
            interval=result.decisive.interval,
            p=float(found[name][1]),
            scale=scale,
            **evidence.get(name, {}),
        )
        for name, result in tested.items()
    }


def status_by_part(verdicts: Mapping[str, Iterable[Verdict]]) -> dict[str, dict[str, str]]:
    """Claim -> part (a network, a data set) -> status, from the verdicts on each part alone."""
    found: dict[str, dict[str, str]] = {}
    for part, judgements in verdicts.items():
        for verdict in judgements:
            found.setdefault(verdict.claim, {})[part] = verdict.status
    return found


def beside(claims: Mapping[str, Claim], verdicts: Iterable[Verdict], ids: Iterable[str]) -> pd.DataFrame:
    """The verdicts on some claims, one row each, for showing beside others."""
    found = {verdict.claim: verdict for verdict in verdicts}
    return pd.DataFrame(
        [
            {"claim": name, "text": claims[name].text, "verdict": found[name].status, "effect": found[name].effect}
            for name in ids
        ]
    ).set_index("claim")
