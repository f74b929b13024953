"""Whether a detour over a cheaper copy pays: what a pilot costs, and from how many trials on it saves more."""

import math

from pruneproxy.asking.answers import AGAIN
from pruneproxy.asking.copies import ALL, ITSELF, Copy, possible
from pruneproxy.asking.piloting import LOOKS, Plan
from pruneproxy.asking.subject import Subject
from pruneproxy.surgery import foreign

ENDED = 2 / 3  # of its trials that a search with a margin makes before it ends, about, where it was tried out


def too_short(subject: Subject, plan: Plan, trials: int, finish: int) -> str | None:
    """Why a pilot cannot pay for a search of so many trials; None where it may.

    It trains every setting on the network and on every copy, and with fresh seeds what each of them likes best and the
    network's runners-up. A search with a margin, which a pilot states if nobody does, ends early.
    """
    names, refused = possible(subject, plan.copies)
    if not names:
        return f"no copy of {subject.name} can be made: {'; '.join(dict.fromkeys(refused.values()))}"
    whole = counted(subject, ALL[ITSELF](subject, plan.seed))
    shares = [counted(subject, ALL[name](subject, plan.seed)) / max(whole, 1) for name in names]
    again = min(AGAIN + len(names), plan.settings)
    asked = plan.settings * (1 + sum(shares)) + LOOKS[0] * again
    after = ENDED * trials * min(shares) + finish
    direct = trials if plan.margin is None else ENDED * trials
    if asked + after < direct:
        return None
    return (
        f"a pilot takes about as long as {math.ceil(asked)} trainings of {subject.name}, and the search on its "
        f"cheapest copy {math.ceil(after)}, against {math.ceil(direct)} of the search itself"
    )


def counted(subject: Subject, copy: Copy) -> float:
    """The multiplications of a step, times the share of steps."""
    example = getattr(copy.train, "example", lambda _: subject.example)(2)
    return foreign.multiplications(copy.network, example) * copy.steps
