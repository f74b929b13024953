"""Claims of the papers, as `published/<stem>/claims.toml` states them: words, and the rules that decide most of them.

A plain rule is a line such as `mean best_gaps within -0.2 to 0.2`: a quantifier (one of `statements.QUANTIFIERS`), a
quantity (a method of the part's quantities) and where its effects must lie. Of several lines all must hold for
`supported`, and one is enough for `contradicted`. A claim that needs more is decided by a function of the part; its
lines are then sentences, and its entry says `rule = "code"`.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pruneproxy import published
from pruneproxy.errors import UserError
from pruneproxy.evidence.effects import Effect, flat
from pruneproxy.evidence.statements import (
    QUANTIFIERS,
    Region,
    Statement,
    above,
    at_least,
    at_most,
    below,
    both,
    either,
    outside,
    within,
)

RELATIONS: dict[str, Callable[..., Region]] = {
    ">=": at_least,
    "<=": at_most,
    ">": above,
    "<": below,
    "within": within,
    "outside": outside,
}
NUMBER = r"[-+]?\d+(?:\.\d+)?"
LINE = re.compile(
    rf"(?P<quantifier>{'|'.join(QUANTIFIERS)}) (?P<quantity>\w+) "
    rf"(?:(?P<one>>=|<=|>|<) (?P<edge>{NUMBER})|(?P<two>within|outside) (?P<low>{NUMBER}) to (?P<high>{NUMBER}))"
)


@dataclass(frozen=True, kw_only=True)
class Plain:
    """One line of a rule: a quantity, over which of its effects, and where they must lie."""

    quantifier: str
    quantity: str
    region: Region

    def __str__(self) -> str:
        over = {"mean": "in the mean", "half": "for half of the units", "most": "for most units"}
        where = over.get(
            self.quantifier, f"for {self.quantifier} {'of the units' if ' ' in self.quantifier else 'unit'}"
        )
        return f"{self.region} {where}"

    def state(self, effects: Sequence[Effect]) -> Statement:
        """The statement about these effects."""
        return QUANTIFIERS[self.quantifier](self.region, effects)


def parse(line: str) -> Plain:
    """A line of a rule."""
    match = LINE.fullmatch(line)
    if match is None:
        raise UserError(
            f"expected a rule such as 'mean best_gaps within -0.2 to 0.2' or 'every risks < 1', got {line!r}"
        )
    edges = [float(match[name]) for name in ("edge", "low", "high") if match[name] is not None]
    region = RELATIONS[match["one"] or match["two"]](*edges)
    return Plain(quantifier=match["quantifier"], quantity=match["quantity"], region=region)


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A claim in our own words, its place in the paper, what is measured, and what supports or contradicts it.

    `asks` says whether it speaks of the typical case ("usually"), of all cases ("always") or of something else
    ("once"). `needs` names what must have been run. `comparable` says that the size of the printed number can be
    expected at any scale.
    """

    id: str
    text: str
    place: str
    measures: str
    asks: str
    supported: tuple[str, ...]
    contradicted: tuple[str, ...]
    needs: str
    rule: str = "plain"
    comparable: bool = False

    def __post_init__(self):
        if self.asks not in ASKS:
            raise UserError(f"expected {self.id} to ask one of {', '.join(ASKS)}, got {self.asks!r}")
        if self.rule not in ("plain", "code"):
            raise UserError(f"expected the rule of {self.id} to be plain or code, got {self.rule!r}")
        if self.rule == "plain":
            for line in (*self.supported, *self.contradicted):
                parse(line)

    @property
    def first_measured(self) -> str:
        """What its first quantity is, in words."""
        plain = [] if self.rule == "code" else list(map(parse, (*self.supported, *self.contradicted)))
        names = dict.fromkeys(one.quantity for one in plain)
        return next(iter(names)).replace("_", " ") if len(names) > 1 else self.measures.split(";")[0]

    def words(self, side: str) -> str:
        """What supports or contradicts it, in words."""
        lines = getattr(self, side)
        if self.rule == "code":
            return "; ".join(lines)
        plain = [parse(line) for line in lines]
        several = len({one.quantity for one in plain}) > 1
        named = [f"{one.quantity.replace('_', ' ')} {one}" if several else str(one) for one in plain]
        return (" and " if side == "supported" else ", or ").join(named)


ASKS = {
    "usually": "the typical case: the mean over units",
    "always": "every case: the worst unit",
    "once": "one comparison over all units",
}


def read(stem: str) -> dict[str, Claim]:
    """The claims of a paper by id."""
    rows = published.toml(stem, "claims")
    tuples = ("supported", "contradicted")
    return {
        name: Claim(id=name, **{key: _lines(value) if key in tuples else value for key, value in row.items()})
        for name, row in rows.items()
    }


def _lines(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


@dataclass(frozen=True, kw_only=True)
class Ruling:
    """What a rule finds: statements for and against a claim, the units' effects, and words where those need more."""

    supported: Statement
    contradicted: Statement
    effects: Sequence[Effect]
    text: str = ""


def said(statement: Statement) -> str:
    """What a statement shows: its effect, and in how many units it holds."""
    shown = statement.shown
    value = f"mean {shown.value:.3g}" if shown.label == "mean" else f"{shown.value:.3g} ({shown.label})"
    return value + (f"; so in {statement.holding} of {statement.units}" if statement.units > 1 else "")


def _together(quantities: Sequence[str], stated: Sequence[Statement]) -> str:
    pairs = zip(quantities, stated, strict=True)
    return "; ".join(f"{name.replace('_', ' ')} {said(one).replace('; so', ', so')}" for name, one in pairs)


Rule = Callable[[object], Ruling | None]


def plain_rule(claim: Claim) -> Rule:
    """The rule that a claim's lines state; None where one of its quantities is missing."""
    sides = {side: [parse(line) for line in getattr(claim, side)] for side in ("supported", "contradicted")}
    names = dict.fromkeys(one.quantity for side in sides.values() for one in side)

    def rule(quantities):
        effects = {name: flat(getattr(quantities, name)()) for name in names}
        if not all(effects.values()):
            return None
        stated = {side: [one.state(effects[one.quantity]) for one in lines] for side, lines in sides.items()}
        wanted = [line.quantity for line in sides["supported"]]
        return Ruling(
            supported=both(*stated["supported"]),
            contradicted=either(*stated["contradicted"]),
            effects=effects[next(iter(names))],
            text=_together(wanted, stated["supported"]) if len(wanted) > 1 else "",
        )

    return rule
