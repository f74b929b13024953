"""What a chapter of the book shows of a study: what was found, the paper beside it, why it may differ, figures."""

import html
import re
from collections.abc import Callable, Sequence

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd

from pruneproxy.book import exporting
from pruneproxy.evidence import sentences, shown, tables, words
from pruneproxy.evidence.figures import legible
from pruneproxy.evidence.shown import Shown, folded, table
from pruneproxy.recipes.recipe import Case, data_title, train_set

Named = Callable[[pd.DataFrame], pd.DataFrame]
FIRST = ("model", "width", "widths", "blocks", "data", "train_images", "size", "epochs", "seeds", "trials", "rounds")
CUTS = 8  # lines that are shown without a click


class Chapter:
    """The parts of a page that follow from its study; every sentence and number is computed from its records."""

    def answers(self, *ids: str, first: Sequence[str] = ()) -> Shown:
        """What was found: what the first two claims come to, how all of them stand, and what that rests on.

        Sentences on what no claim says go `first`.
        """
        verdicts = self.verdicts(ids)
        said = [*first] + [sentences.answer(self.recipe.claims[one.claim], one) for one in verdicts[:2]]
        said += [sentences.tally(verdicts)] if len(verdicts) > 1 else []
        lines = "".join(f"<p>{_bold(line)}</p>" for line in said)
        basis = f'<p class="basis">{html.escape(self.basis())}</p>'
        return Shown(f'<div class="found">{lines}{basis}</div>', "\n".join([*said, self.basis()]))

    def take_away(self, claim: str) -> Shown:
        """One line that closes a page."""
        (verdict,) = self.verdicts([claim])
        return self.closing(sentences.take_away(self.recipe.claims[claim], verdict))

    def closing(self, line: str) -> Shown:
        """The same where no claim says it."""
        return Shown(f'<p class="take-away"><strong>Take-away.</strong> {html.escape(line)}</p>', f"Take-away. {line}")

    def beside(self, *ids: str) -> Shown:
        """The paper's numbers beside ours: what was measured, ours with its interval, printed, compatible or not."""
        rows = []
        for name in ids:
            ours, interval, paper, answer = self.compared[name]
            measured = f"{name}: {self.recipe.claims[name].first_measured}"
            rows.append((measured, ours, words.interval(interval), paper, answer))
        columns = ["measured", "ours", "95 % interval", "paper", "together"]
        frame = pd.DataFrame(rows, columns=columns).set_index("measured")
        return table(frame, f"Means over networks and variants: {self.networks()}, beside the printed ones.")

    def why(self) -> Shown:
        """What this scale cuts of the paper's protocol: the eight lines that matter most, the rest folded."""
        cuts = self.cuts(together=True)
        if cuts.empty:
            return Shown("<p>Nothing is cut: this is the paper's protocol.</p>", "Nothing is cut.")
        order = cuts["value"].map(lambda name: FIRST.index(name) if name in FIRST else len(FIRST))
        frame = cuts.iloc[order.argsort(kind="stable")].set_index("value").rename_axis("setting")
        frame.index = [words.name(name) for name in frame.index]
        frame.iloc[:, 0] = frame.iloc[:, 0].map(self._networks)
        return table(frame.rename_axis("setting"), f"What scale {self.scale} cuts of the paper's protocol.", rows=CUTS)

    def _networks(self, keys: str) -> str:
        """The networks or data sets of the paper, as `cuts` names them, by what ran in their place."""
        named: dict[str, list[str]] = {}
        for case in self.cases:
            named.setdefault(getattr(case, "network", None) or case.dataset, []).append(self.recipe.ran(case))
        found = [title for key in keys.split(", ") for title in named.get(key, [key])]
        return ", ".join(dict.fromkeys(found))

    def networks(self) -> str:
        """What ran, and for what it stands in."""
        return ", ".join(dict.fromkeys(self.recipe.ran(case) for case in self.shown)) or "no network"

    def basis(self) -> str:
        """What the numbers of a page rest on, in one sentence."""
        if not self.found:
            return f"Nothing has been run at scale {self.scale}."
        parts: dict[str, list[str]] = {}
        for case in self.shown:
            parts.setdefault(train_set(case, self.recipe.protocol.paper[case.key]), []).append(self.recipe.ran(case))
        trained = "; ".join(f"{', '.join(dict.fromkeys(names))} on {data}" for data, names in parts.items())
        return f"Rests on {trained}; {self.about.seeds}, {self.done:,} runs at scale {self.scale}."

    def changes(self, **hints: tuple[float, str]) -> Shown:
        """What to change at the scale that is shown: by protocol value, how many times as much, and what to expect."""
        items = []
        for name, (factor, expected) in hints.items():
            now = self.recipe.protocol.values(self.cases[0])[name]
            items.append((f"-p {name} {max(1, round(now * factor))}", f"(instead of {now}): expect {expected}"))
        lines = "".join(f"<li><code>{code}</code> {html.escape(text)}</li>" for code, text in items)
        return Shown(f"<ul>{lines}</ul>", "\n".join(f"{code} {text}" for code, text in items))

    def claims(self, *ids: str) -> Shown:
        """The verdicts on some claims: grade, what was found, what the paper's own numbers say, what would close it."""
        rows = [
            (f"{one.claim}: {self.recipe.claims[one.claim].text}", one.grade)
            + (_effect(one), words.number(one.p) if one.p is not None else words.DASH)
            + (one.printed or words.DASH, one.closes or words.DASH)
            for one in self.verdicts(ids)
        ]
        columns = ["claim", "grade here", "found", "corrected p", "by the paper's own numbers", "what would close it"]
        frame = pd.DataFrame(rows, columns=columns).set_index("claim")
        return table(frame, "The paper's claims, judged from our records.")

    def printed(self, *ids: str) -> Shown:
        """What the paper's printed numbers alone say of some claims, without any run."""
        frame = self.recipe.judge.printed_verdicts(*ids)
        return table(frame, "The same claims, judged from the numbers that the paper prints.")

    def table(self, frame: pd.DataFrame, caption: str, **size: int) -> Shown:
        """A frame with a caption, as all pages show theirs."""
        return table(frame, caption, **size)

    def published(
        self, frame: pd.DataFrame, caption: str, *, named: Named = lambda rows: rows, digits: int | None = None
    ) -> Shown:
        """Our numbers beside the printed ones (`tables.beside`); what has no counterpart here is folded.

        A row is named after the network that ran, `named` where a title does not say it. Where that or its data is
        another than the paper's, no difference is shown: it would measure what the scale cuts.
        """
        frame = frame.replace({"method": {"none": "unpruned"}})
        mine, others = tables.measured(frame), tables.unmeasured(frame)
        parts = [tables.show(one, digits=digits, differences=self.as_published) for one in (named(mine), others)]
        keys = [name for name in frame if name not in tables.NUMBERS]
        ours, rest = (_few_keys(one, keys) for one in parts)
        found = table(ours.rename(index=self._ran), caption) if len(ours) else Shown(f"<p>{caption} Not run here.</p>")
        if rest.empty:
            return found
        title = f"{len(rest)} published numbers without a counterpart at this scale"
        more = table(rest[["published"]], caption, rows=len(rest))
        return found + Shown(folded(title, more.html), frames=more.frames)

    @property
    def as_published(self) -> bool:
        """Whether every network and data set that ran is the paper's own."""
        return not any(
            {"model", "data", "width", "size", "train_images"} & set(self.recipe.cut(case)) for case in self.cases
        )

    @property
    def _ran(self) -> dict[str, str]:
        """What ran, by the title of the paper's network and by the key of a case."""
        papers = {self.recipe.protocol.paper[case.key].title: self.recipe.ran(case) for case in self.shown}
        keys = {case.key: f"{self.recipe.ran(case)} on {data_title(case.base.data.name)}" for case in self.shown}
        return papers | keys

    def named(self, text: str) -> str:
        """A text in which the paper's networks are called what ran in their place."""
        titles = {case.network: case.title for case in self.cases if hasattr(case, "network")}
        for key, title in sorted(titles.items(), key=lambda pair: -len(pair[0])):
            text = re.sub(rf"\b{re.escape(key)}\b", title, text)
        return text

    def show(self, drawn, caption: str = "", *, case: Case | None = None, printed: bool = False) -> None:
        """Shows a figure, given as its axes or an array of them, with its caption and what it rests on below it.

        One of a `case` is named after what ran; one that shows what is printed, or follows from the protocol, rests on
        no records.
        """
        if case is not None:
            caption = f"{self.recipe.ran(case)} on {data_title(case.base.data.name)}. {caption}"
        figure = np.ravel(drawn)[0].figure
        legible(figure)
        exporting.display(figure)
        plt.close(figure)
        plain = Shown(f'<div class="figure-caption"><p>{caption}</p></div>', caption)
        exporting.display(plain if printed else self.caption(caption))

    def caption(self, text: str) -> Shown:
        """The caption of a figure, with the facts of the records behind it folded."""
        short = f"{self.about.seeds}, scale {self.scale}" if self.found else f"scale {self.scale}"
        facts = folded("What it rests on", f"<p>{html.escape(self.basis())} {html.escape(self.provenance())}.</p>")
        return Shown(f'<div class="figure-caption"><p>{html.escape(text)} ({short}.)</p>{facts}</div>', text)


def _few_keys(rows: pd.DataFrame, keys: list[str], most: int = 3) -> pd.DataFrame:
    """Rows by their keys, of which those in the middle share a column where there are more than three."""
    if len(keys) <= most:
        return rows.set_index(keys)
    inner = keys[1:-1]
    together = [", ".join(map(shown.cell, values)) for values in rows[inner].itertuples(index=False)]
    name = ", ".join(map(words.name, inner))
    return rows.drop(columns=inner).assign(**{name: together}).set_index([keys[0], name, keys[-1]])


def _effect(one) -> str:
    if one.grade in sentences.SEEN:
        return one.note or words.DASH
    interval = f" ({words.interval(one.interval)})" if one.interval else ""
    return words.label(one.effect) + interval


def _bold(line: str) -> str:
    return re.sub(r"\*\*(.+?)\*\*", r"<strong>\1</strong>", html.escape(line))
