"""What every notebook does first: check its parameters, get its records, say what was cut and where it ran."""

import ast
import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import pandas as pd

from pruneproxy import workers
from pruneproxy.book import exporting
from pruneproxy.cache import cached, folders_hash
from pruneproxy.chapter import Chapter
from pruneproxy.errors import UserError, choose
from pruneproxy.evidence.verdicts import Verdict
from pruneproxy.recipes import RECIPES, standing
from pruneproxy.runs.about import About
from pruneproxy.runs.records import Records, select
from pruneproxy.specs import check_names, from_dict, to_dict
from pruneproxy.store import Store, records_folder

MISSING = {"run": "train what is missing", "error": "stop and say how to run it", "skip": "show what there is"}
LITERALS = (bool, int, float, str, tuple, list)
COMMON = ("scale", "device", "records", "missing")


def assigned(source: str) -> list[str]:
    """The names that a cell assigns at its top level; none if it is not plain Python (a magic, say)."""
    try:
        body = ast.parse(source).body
    except SyntaxError:
        return []
    names = []
    for node in body:
        targets = (
            node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
        )
        names += [target.id for target in targets if isinstance(target, ast.Name)]
    return names


def declared(history: list[str]) -> list[str] | None:
    """The names of a notebook's parameters: those of the first cell that assigns all of COMMON, None if there is none.

    `history` is the notebook's `In`. Papermill puts the values that it was given into a cell that starts with
    `# Parameters`; a name in there that the notebook does not have is an error, which papermill itself only logs.
    """
    cells = [cell for cell in history if set(COMMON) <= set(assigned(cell))]
    if not cells:
        return None
    valid = assigned(cells[0])
    for cell in history:
        if cell.startswith("# Parameters"):
            check_names(assigned(cell), valid, what="parameter of this notebook")
    return valid


@dataclass(frozen=True, eq=False)
class Study(Chapter):
    """One recipe at one scale, as a notebook sees it."""

    recipe: object
    scale: str
    cases: tuple
    found: Records  # the records that were asked for, and those of runs that these name
    asked: int
    done: int
    store: Store
    overrides: dict

    @cached_property
    def shown(self) -> tuple:
        """The cases that can be shown: all, or where records are missing those with whole seeds and experiments."""
        return self.cases if self.complete else standing.complete_cases(self.recipe, self.cases, self.store)

    @cached_property
    def frame(self) -> pd.DataFrame:
        """The records of these cases as the recipe's table."""
        return self.recipe.frame(self.found, self.shown)

    @cached_property
    def judged(self) -> pd.DataFrame:
        """The same of whole seeds of all that a verdict rests on, which must not depend on the page that shows it."""
        specs = [spec for case in self._judged_cases for spec in self.recipe.grid(case)]
        return self.recipe.frame(select(self.store, specs), self._judged_cases)

    @cached_property
    def _judged_cases(self) -> tuple:
        """The scale's own cases where the page shows a part of them, else those of its parameters."""
        whole = self.recipe.cases(self.scale)
        others = {name: value for name, value in self.overrides.items() if name != "experiments"}
        own = {spec.id for case in whole for spec in self.recipe.grid(case)}
        asked = {spec.id for case in self.cases for spec in self.recipe.grid(case)}
        cases = whole if asked <= own else self.recipe.cases(self.scale, **others)
        return standing.complete_cases(self.recipe, cases, self.store, growing=self.scale in standing.GROWING)

    @property
    def complete(self) -> bool:
        """Whether every run of the scale is there."""
        return self.done == self.asked

    def plan(self) -> pd.DataFrame:
        """What is asked of every case, and which of its experiments have no whole seed yet."""
        run = {case.key: case.experiments for case in self.shown}
        rows = [
            (case.key, case.title, case.seeds, ", ".join(case.experiments))
            + (", ".join(name for name in case.experiments if name not in run.get(case.key, ())),)
            for case in self.cases
        ]
        columns = ["stands for", "network", "seeds", "experiments", "not run yet"]
        return pd.DataFrame(rows, columns=columns).set_index("stands for")

    def cuts(self, *, together: bool = False) -> pd.DataFrame:
        """What this scale changes against the paper's protocol, value by value.

        With `together`, cases that make the same change share a row.
        """
        named = "network" if hasattr(self.cases[0], "network") else "dataset"
        rows = [
            {named: getattr(case, named), "value": name, "paper": _show(full), "here": _show(here)}
            for case in self.cases
            for name, (full, here) in self.recipe.cut(case).items()
        ]
        table = pd.DataFrame(rows, columns=[named, "value", "paper", "here"])
        return self._together(table, named) if together else table

    def _together(self, table: pd.DataFrame, named: str) -> pd.DataFrame:
        cases = table.groupby(["value", "paper", "here"], sort=False)[named]
        shared = cases.agg(", ".join).where(cases.size() < len(self.cases), "all").reset_index()
        order = shared["value"].map(list(table["value"].unique()).index)
        return shared.iloc[order.argsort(kind="stable")][["value", named, "paper", "here"]]

    def __str__(self) -> str:
        return "\n".join(self._facts)

    def provenance(self) -> str:
        """Scale, data, device, seeds and date of what is shown, in one line."""
        return "; ".join(self._facts)

    @cached_property
    def _facts(self) -> list[str]:
        if not self.found:
            return [f"scale {self.scale}: none of {self.asked} runs has been made"]
        about = self.about
        return [
            f"scale {self.scale}: {self.done} of {self.asked} runs",
            f"data {', '.join(sorted(about.data))}",
            f"on {', '.join(sorted(about.devices))}",
            about.seeds,
            " to ".join(dict.fromkeys((min(about.days), max(about.days)))),
        ]

    @cached_property
    def about(self) -> About:
        """Where the records come from."""
        return About(self.found.values())

    def verdicts(self, ids: Sequence[str]) -> list[Verdict]:
        """The verdicts on some claims at this scale."""
        found = [self._verdicts[name] for name in ids]
        return [replace(one, effect=self.named(one.effect), note=self.named(one.note)) for one in found]

    @cached_property
    def _verdicts(self) -> dict[str, Verdict]:
        return {one["claim"]: from_dict(Verdict, one) for one in self._answers["verdicts"]}

    @property
    def compared(self) -> dict[str, Sequence]:
        """The number of every claim in these records beside the printed one (`Compared.row`)."""
        return self._answers["compared"]

    @cached_property
    def _answers(self) -> dict:
        """What is said of all claims, made once for all pages that show the same records at the same scale."""
        folder, stem = self.store.folder, self.recipe.stem
        near = [folder, *(folder.parent / other for other in RECIPES if folder.name == stem)]
        cases = [sorted(to_dict(case).items()) for case in self._judged_cases]
        return cached("page-claims", (stem, self.scale, cases, folders_hash(near)), self._judge)

    def _judge(self) -> dict:
        judge = self.recipe.judge
        tested = judge.tested(self.judged)
        others = [p for values in standing.beside(self.store.folder, self.recipe.stem).values() for p in values]
        look = standing.look_at(self.recipe, self.scale, self._judged_cases)
        verdicts = judge.graded(tested, scale=self.scale, others=others, look=look)
        return {
            "verdicts": [to_dict(one) for one in verdicts],
            "compared": {name: one.row for name, one in judge.compared(tested).items()},
        }


def display(width: int = 160):
    """Sets how frames are shown: as tables of words and short numbers, whole texts, no broken lines as text."""
    pd.set_option(
        "display.max_colwidth",
        None,
        "display.width",
        width,
        "display.max_rows",
        200,
        "display.max_columns",
        30,
        "display.float_format",
        "{:.4g}".format,
    )
    exporting.show_frames()
    if kind := os.environ.get(exporting.EXPORTED):
        exporting.export(kind)


def open_study(stem: str, names: dict) -> Study:
    """The study that a notebook's parameters ask for; `names` are its `globals()`.

    Every parameter that is a protocol value overrides the scale's own unless it is None. Missing runs are trained,
    refused or skipped, as the parameter `missing` says.
    """
    recipe = choose(stem, RECIPES, "recipe")
    given = declared(names.get("In", [])) or [name for name, value in names.items() if isinstance(value, LITERALS)]
    overrides = {name: names[name] for name in recipe.parameters if name in given and names.get(name) is not None}
    scale = names.get("scale")
    cases = recipe.cases(scale, **overrides)
    specs = [spec for case in cases for spec in recipe.grid(case)]
    store = Store(records_folder(stem, names.get("records")))
    _complete(stem, specs, store, names)
    return Study(
        recipe=recipe,
        scale=scale,
        cases=cases,
        asked=len(specs),
        done=sum(spec.id in store for spec in specs),
        found=select(store, specs),
        store=store,
        overrides=overrides,
    )


def _complete(stem: str, specs: list, store: Store, names: dict):
    missing = names.get("missing", "run")
    choose(missing, MISSING, "value of missing")
    lacking = sum(spec.id not in store for spec in specs)
    if not lacking or missing == "skip":
        return
    if missing == "error":
        raise UserError(
            f"{lacking} of {len(specs)} runs are missing in {store.folder}: run `pruneproxy run {stem} --scale "
            f"{names['scale']} --records {store.folder}`, or set missing to 'run' or 'skip'"
        )
    from pruneproxy.environment import resolve_device

    outcome = workers.run_all(specs, store, device=str(resolve_device(names.get("device", "cpu"))))
    failed = [record for record in map(store.get, outcome.missing) if record is not None]
    if failed:
        raise UserError(f"{len(failed)} of {len(specs)} runs failed, the first with {failed[0]['error']}")


def _show(value) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else "as published" if value is None else str(value)
