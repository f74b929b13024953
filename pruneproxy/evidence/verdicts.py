"""From rulings to grades: one judge for all papers, corrected over all claims of the book."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from functools import cached_property

import pandas as pd
import scipy

from pruneproxy.errors import UserError
from pruneproxy.evidence import claims as claims_of
from pruneproxy.evidence.claims import Claim, Rule, Ruling
from pruneproxy.evidence.closing import what_would_close
from pruneproxy.evidence.compared import Compared, compared
from pruneproxy.evidence.effects import Effect
from pruneproxy.evidence.quantities import Deciding, Known

GRADES = {
    "supported": "one-sided p, corrected over all claims of the book, at most 0.05",
    "leaning for": "uncorrected one-sided p at most 0.1: a lean, not a result",
    "open": "neither; what would close it is said",
    "leaning against": "uncorrected one-sided p against it at most 0.1: a lean, not a result",
    "contradicted": "one-sided p against it, corrected over all claims of the book, at most 0.05",
    "in between": "the interval excludes what would support the claim and what would contradict it",
    "not testable": "this scale cannot show it, for the reason given",
    "not run": "its experiments have not been run at this scale",
}
COMPUTED = "computed"  # the scale of what follows from a protocol without any run
UNDECIDED = ("open", "leaning for", "leaning against")
DECIDES, LEANS, EXCLUDES = 0.05, 0.1, 0.025
LOOKS = (0.5, 0.25, 0.25)  # the shares of the error that the looks at growing evidence spend


@dataclass(frozen=True, kw_only=True)
class Basis:
    """What a verdict rests on: the fewest runs of a setting, record ids, remarks, and why it may not be testable.

    `seconds` is what one more seed of everything would take.
    """

    seeds: int = 0
    records: tuple[str, ...] = ()
    note: str = ""
    obstacle: str = ""
    seconds: float | None = None


@dataclass(frozen=True, kw_only=True)
class Unit:
    """One unit of a claim: a network on a data set, a variant, a search."""

    label: str
    value: float
    interval: tuple[float, float] | None
    decides: bool


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """The judgement of one claim.

    `effect` says in words what was found; `value` and `interval` are the effect that decides, with its unadjusted 95
    % interval (None where nothing was resampled); it holds in `holding` of `of` units. `p` is that of the side to
    which it tends, corrected over the claims of the book. `closes` says what would close an open claim, `paper`
    whether the printed number is compatible with ours, `printed` what the paper's own numbers say.
    """

    claim: str
    grade: str
    effect: str = ""
    value: float | None = None
    interval: tuple[float, float] | None = None
    p: float | None = None
    holding: int = 0
    of: int = 0
    seeds: int = 0
    scale: str = ""
    records: tuple[str, ...] = ()
    note: str = ""
    closes: str = ""
    paper: str = ""
    printed: str = ""
    units: tuple[Unit, ...] = ()

    def __post_init__(self):
        if self.grade not in GRADES:
            raise UserError(f"expected a grade out of {', '.join(GRADES)}, got {self.grade!r}")


@dataclass(frozen=True, kw_only=True)
class Tested:
    """A claim with its ruling (None where it was not run), all its units and what it rests on."""

    claim: Claim
    ruling: Ruling | None
    units: tuple[Effect, ...] = ()
    basis: Basis = field(default_factory=Basis)

    @property
    def testable(self) -> bool:
        """Whether it was run, at a scale that can show it."""
        return self.ruling is not None and not self.basis.obstacle

    @property
    def graded(self) -> bool:
        """Whether its p-values belong to the family that is corrected."""
        return self.testable and not self.ruling.supported.shown.exact

    @property
    def exact(self) -> bool:
        """Whether it follows from the protocol alone, whatever has been run."""
        return self.testable and self.ruling.supported.shown.exact


@dataclass(frozen=True, kw_only=True)
class Judge:
    """How a part's claims are judged.

    `measured(frames)` and `printed()` give the part's quantities, from records and from the paper's tables: objects
    with one method per quantity that lists `Effect`s. `rules` are those of the claims whose rule is code, and
    `basis(quantities, id)` says what a verdict rests on. `remarks` are words on claims of which too little is printed.
    """

    stem: str
    measured: Callable[[object], object]
    printed: Callable[[], object]
    basis: Callable[[object, str], Basis]
    rules: Mapping[str, Rule] = field(default_factory=dict)
    remarks: Callable[[], Mapping[str, str]] = dict

    @cached_property
    def claims(self) -> dict[str, Claim]:
        """The part's claims by id."""
        return claims_of.read(self.stem)

    @cached_property
    def _rules(self) -> dict[str, Rule]:
        plain = {name: claims_of.plain_rule(one) for name, one in self.claims.items() if one.rule != "code"}
        return {name: plain.get(name) or self.rules[name] for name in self.claims}

    def tested(self, frames) -> dict[str, Tested]:
        """Every claim with what the records say of it."""
        measured = self.measured(frames)
        quantities = Known(measured)
        return {name: self._tested(claim, measured, quantities) for name, claim in self.claims.items()}

    def _tested(self, claim: Claim, measured, quantities) -> Tested:
        everything = self._rules[claim.id](quantities)
        if everything is None:
            return Tested(claim=claim, ruling=None)
        basis, ruling = self.basis(measured, claim.id), self._rules[claim.id](Deciding(quantities))
        if ruling is None and not basis.obstacle:
            basis = replace(basis, obstacle="no unit has three seeds")
        return Tested(claim=claim, ruling=ruling or everything, units=tuple(everything.effects), basis=basis)

    def evaluate(self, frames, *, scale: str, others: Sequence[float] = (), look: int | None = None) -> list[Verdict]:
        """The verdicts on the part's claims, corrected over them and over the p-values of `others`."""
        return self.graded(self.tested(frames), scale=scale, others=others, look=look)

    def graded(
        self, tested: Mapping[str, Tested], *, scale: str, others: Sequence[float] = (), look: int | None = None
    ) -> list[Verdict]:
        """The same from claims that were tested before."""
        corrected = corrections(tested, others=others, look=look)
        found = {name: _verdict(one, corrected.get(name), scale) for name, one in tested.items()}
        paper = {name: str(one) for name, one in self.compared(tested).items()}
        return [replace(one, printed=self._checked[name].grade, paper=paper[name]) for name, one in found.items()]

    def compared(self, tested: Mapping[str, Tested]) -> dict[str, Compared]:
        """The number of every claim in the records beside the printed one."""
        shown = {name: one.ruling if one.testable else None for name, one in tested.items()}
        return {name: compared(one.claim, shown[name], self._printed_rulings[name]) for name, one in tested.items()}

    @cached_property
    def _printed_rulings(self) -> dict[str, Ruling | None]:
        quantities = Known(self.printed())
        return {name: rule(quantities) for name, rule in self._rules.items()}

    def check(self) -> list[Verdict]:
        """What the paper's printed numbers alone say: `not testable` where too little is printed.

        Numbers printed without deviations are taken as exact; the others are corrected over the part's claims.
        """
        return list(self._checked.values())

    @cached_property
    def _checked(self) -> dict[str, Verdict]:
        lacking, remarks = Basis(obstacle="too little is printed"), self.remarks()
        tested = {
            name: Tested(claim=self.claims[name], ruling=ruling, basis=Basis() if ruling else lacking)
            for name, ruling in self._printed_rulings.items()
        }
        corrected = corrections(tested)
        notes = {name: "; ".join(filter(None, ("printed numbers", remarks.get(name)))) for name in tested}
        return {
            name: replace(
                _verdict(one, corrected.get(name), "published"), note=notes[name], scale="published", closes=""
            )
            for name, one in tested.items()
        }

    def printed_verdicts(self, *ids: str) -> pd.DataFrame:
        """What the paper's printed numbers say of some claims, for showing beside ours."""
        found = [(self.claims[name].text, self._checked[name]) for name in ids]
        rows = [(one.claim, text, one.grade, one.effect or one.note) for text, one in found]
        return pd.DataFrame(rows, columns=["claim", "text", "grade", "effect"]).set_index("claim")


def p_values(tested: Mapping[str, Tested]) -> list[float]:
    """Both one-sided p-values of every claim that was tested by resampling: its part of the book's family."""
    return [p for one in tested.values() if one.graded for p in (one.ruling.supported.p, one.ruling.contradicted.p)]


def corrections(
    tested: Mapping[str, Tested], *, others: Sequence[float] = (), look: int | None = None
) -> dict[str, tuple[float, float]]:
    """The corrected p for and against every claim, over these and the p-values of `others`.

    At look number `look` at growing evidence a p-value is divided by the share of the error that this look may spend.
    """
    spent = 1.0 if look is None else LOOKS[look]
    own = [min(1.0, p / spent) for p in p_values(tested)]
    adjusted = scipy.stats.false_discovery_control([*own, *others])[: len(own)] if own else []
    names = [name for name, one in tested.items() if one.graded]
    return {name: (float(adjusted[2 * k]), float(adjusted[2 * k + 1])) for k, name in enumerate(names)}


def _verdict(one: Tested, corrected: tuple[float, float] | None, scale: str) -> Verdict:
    if one.ruling is None:
        reason = one.basis.obstacle
        grade, note = ("not testable", reason) if reason else ("not run", f"needs {one.claim.needs}")
        return Verdict(claim=one.claim.id, grade=grade, scale=scale, note=note)
    grade, p = _grade(one, corrected)
    shown = one.ruling.supported
    units = (Unit(label=u.label, value=u.value, interval=u.interval, decides=u.decides) for u in one.units)
    return Verdict(
        claim=one.claim.id,
        grade=grade,
        effect=one.ruling.text or claims_of.said(shown),
        value=shown.shown.value,
        interval=shown.shown.interval,
        p=p,
        holding=shown.holding,
        of=shown.units,
        seeds=one.basis.seeds,
        scale=COMPUTED if one.exact else scale,
        records=one.basis.records,
        note="; ".join(filter(None, (one.basis.obstacle, one.basis.note))),
        closes=_closes(one) if grade in UNDECIDED else "",
        units=tuple(units),
    )


def _closes(one: Tested) -> str:
    ruling, cost = one.ruling, {"seeds": one.basis.seeds, "seconds": one.basis.seconds}
    sides = (ruling.supported, ruling.contradicted)
    return what_would_close(*sides, asks=one.claim.asks, units=list(ruling.effects), **cost)


def _grade(one: Tested, corrected: tuple[float, float] | None) -> tuple[str, float | None]:
    """The grade of a claim, and the corrected p of the side to which it tends."""
    if one.basis.obstacle:
        return "not testable", None
    supported, contradicted = one.ruling.supported, one.ruling.contradicted
    if corrected is None:  # exact
        return ("supported" if supported.p == 0 else "contradicted" if contradicted.p == 0 else "in between"), None
    tends = supported.p <= contradicted.p
    p = corrected[0] if tends else corrected[1]
    if p <= DECIDES + 1e-12:
        return ("supported" if tends else "contradicted"), p
    if supported.opposite <= EXCLUDES and contradicted.opposite <= EXCLUDES:
        return "in between", p
    if min(supported.p, contradicted.p) <= LEANS:
        return ("leaning for" if tends else "leaning against"), p
    return "open", p


def table(verdicts: Iterable[Verdict]) -> pd.DataFrame:
    """The verdicts as a frame, record ids counted; `dataclasses.asdict` keeps them all."""
    frame = pd.DataFrame([asdict(verdict) for verdict in verdicts], columns=[item.name for item in fields(Verdict)])
    return frame.assign(records=frame["records"].map(len)).drop(columns="units")
