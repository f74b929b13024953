"""What would close an open claim: how many more seeds, or units, and the time that they take."""

import math

from pruneproxy.evidence.effects import ENOUGH_UNITS, Effect
from pruneproxy.evidence.statements import Statement

DEVIATIONS = 3.3  # standard errors from a threshold at which four of five studies decide, corrected over many claims
PAYABLE = 20  # times the seeds, or units, that there are


def what_would_close(
    supported: Statement, contradicted: Statement, *, asks: str, units: list[Effect], seeds: int, seconds: float | None
) -> str:
    """In words, from the measured effect and its spread; empty where no such sum can be done."""
    gap, error = _gap(supported, contradicted), _error(supported.shown)
    if error is None or not seeds:
        return ""
    wanted = (DEVIATIONS * error / gap) ** 2 if gap else math.inf
    noise = 1.0  # the part of the squared error that more seeds reduce
    if asks == "usually" and len(units) >= ENOUGH_UNITS:
        noise = min(1.0, _noise(units) / error**2)
    if wanted * (1 - noise) < 1:
        factor = wanted * noise / (1 - wanted * (1 - noise))
        if factor <= PAYABLE:
            return _seeds(max(1, math.ceil((factor - 1) * seeds)), seconds)
    if noise < 1 and wanted <= PAYABLE:
        return f"about {math.ceil(wanted * len(units))} units like these instead of {len(units)}"
    return f"more than {PAYABLE} times the evidence that there is"


def _seeds(more: int, seconds: float | None) -> str:
    time = "" if seconds is None else f", about {max(1, round(more * seconds / 60))} minutes of one core"
    return f"about {more} more seed{'s' * (more > 1)} of everything it rests on{time}"


def _gap(supported: Statement, contradicted: Statement) -> float:
    """How far the effect is from the threshold that it has to leave behind; from the nearer one between two."""
    regions = (supported.region, contradicted.region)
    inside = [region for region in regions if region.holds(supported.shown)]
    edges = [edge for region in inside or regions for edge in (region.low, region.high) if math.isfinite(edge)]
    return min(abs(supported.shown.value - edge) for edge in edges)


def _error(shown: Effect) -> float | None:
    if shown.interval is None:
        return None
    low, high = shown.interval
    return (high - low) / 3.92


def _noise(units: list[Effect]) -> float:
    """The squared error of a mean over units that is noise of their runs."""
    found = [_error(effect) for effect in units]
    known = [error**2 for error in found if error is not None]
    return sum(known) / len(units) ** 2 if len(known) == len(units) else 0.0
