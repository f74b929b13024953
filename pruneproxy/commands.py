"""What the commands of the command line do; they return text and leave the printing to it."""

import contextlib
import sys
import warnings
from dataclasses import asdict
from pathlib import Path

from tqdm import tqdm

from pruneproxy import data, durable, environment, stopping, workers
from pruneproxy.errors import UserError, choose
from pruneproxy.evidence.verdicts import GRADES
from pruneproxy.limits import MANY, named_folder
from pruneproxy.models.listing import listings
from pruneproxy.recipes import RECIPES, deciding, standing
from pruneproxy.runs import Conditions, auditing, verifying
from pruneproxy.runs.estimates import seconds_left
from pruneproxy.runs.together import ENGINES
from pruneproxy.search import storages
from pruneproxy.stopping import duration, seconds
from pruneproxy.store import Damaged, Store, project_folder, records_folder
from pruneproxy.store import export as exporting
from pruneproxy.workers.remote import Scheduler


def overrides(assignments: list[str]) -> dict[str, str]:
    """`["epochs=2"]` as `{"epochs": "2"}`."""
    for text in assignments:
        if "=" not in text:
            raise UserError(f"expected --set name=value, got {text!r}")
    return dict(text.split("=", 1) for text in assignments)


def run(options, say) -> int:
    """Runs what is missing; 3 if the budget ended before the work, 1 if runs failed, else 0."""
    recipe = choose(options.recipe, RECIPES, "recipe")
    specs = recipe.specs(options.scale, **overrides(options.set))
    store = Store(records_folder(options.recipe, options.records))
    # Dask's workers have devices of their own, and look for them when they run.
    device = options.device if options.dask is not None else _device(options.device)
    budget = seconds(options.budget)
    storages.check(options.storage)
    choose(options.engine, ENGINES, "engine")
    _check_workers(options.workers)
    todo = len(workers.plan(specs, store))
    if todo and (differing := environment.changed()):
        say(
            f"warning: {len(differing)} files of the package differ from the commit ({', '.join(differing[:3])}); the "
            "records will say so, and no book should show them: commit first"
        )
    say(f"{options.recipe} at scale {options.scale}: {len(specs)} runs, {todo} to do, records in {store.folder}")
    with (
        Scheduler(options.dask) if options.dask is not None else contextlib.nullcontext() as scheduler,
        tqdm(total=todo, unit="run", file=sys.stderr, disable=not todo) as bar,
    ):
        outcome = workers.run_all(
            specs,
            store,
            workers=options.workers,
            device=device,
            budget=budget,
            scheduler=scheduler,
            storage=options.storage,
            engine=options.engine,
            on_record=lambda *_: bar.update(),
            on_epoch=lambda spec, row: bar.set_postfix(epoch=row["epoch"], refresh=False),
        )
    code = _ended(outcome, store, say)
    if not code and recipe.claims:
        where = "" if options.records is None else f" --records {options.records}"
        say(f"what it shows of the claims: pruneproxy claims {options.recipe} --scale {options.scale}{where}")
    return code


def _ended(outcome: workers.Outcome, store: Store, say) -> int:
    """Says what was done and what is left, and returns the exit code."""
    records = [record for record in map(store.get, outcome.made) if record is not None]
    failed = [record for record in records if record["status"] == "failed"]
    for record in failed[:3]:
        say(f"failed: {record['id']}: {record['error']}")
    left = len(set(outcome.missing) - {record["id"] for record in failed})
    why = f"; {outcome.trouble}" if outcome.trouble else ""
    say(
        f"{len(records) - len(failed)} runs done, {len(failed)} failed, {left} left{why}"
        + (": the same command goes on" if left or failed else "")
    )
    if signal := stopping.heard():
        return 128 + signal
    return 3 if left else 1 if failed else 0


def _check_workers(workers: int):
    if not 1 <= workers <= MANY:
        raise UserError(f"expected --workers of at least 1 and at most {MANY:,}, got {workers}")


def _device(name: str) -> str:
    from pruneproxy.environment import resolve_device

    return str(resolve_device(name))


def status(options) -> list[str]:
    """One line per recipe and scale: runs done, failed and missing, and the time that the missing ones will take."""
    lines = []
    for name in _stems(options.recipe):
        recipe = RECIPES[name]
        store = Store(records_folder(name, options.records))
        for scale in recipe.scales if options.scale is None else [options.scale]:
            lines.append(_status_line(name, scale, recipe.specs(scale, **overrides(options.set)), store))
    return lines


def _stems(recipe: str | None) -> list[str]:
    """The recipe that is named, all of them where none is."""
    return list(RECIPES) if recipe is None else [choose(recipe, RECIPES, "recipe") and recipe]


def _status_line(name, scale, specs, store) -> str:
    missing = [spec for spec in specs if spec.id not in store or spec.lost(store)]
    failed = sum((store.get(spec.id) or {}).get("status") == "failed" for spec in missing)
    text = f"{name:18} {scale:6} {len(specs) - len(missing):6} done {len(missing):6} missing"
    text += f" ({failed} failed)" if failed else ""
    return text + (f"   about {duration(seconds_left(missing, specs, store))} of one worker" if missing else "")


def show(options, say) -> int:
    """Runs one page of the book with changed parameters; says where its HTML and what was taken out of it lie."""
    root = project_folder()
    try:
        from pruneproxy.book import showing
        from pruneproxy.book.__main__ import assignment
    except ImportError as error:
        raise UserError(f"pages need the extra: pip install 'pruneproxy[book]' ({error})") from error
    wanted = showing.Shown(
        page=options.page,
        root=root,
        output=Path(options.output),
        parameters=dict(map(assignment, options.set)),
        take=None if options.take is None else Path(options.take),
        figures=options.figures,
    )
    page, files = showing.show(wanted)
    if files:
        say(f"{len(files)} tables and figures in {wanted.take}")
    say(f"open {page.resolve()}")
    if options.open:
        showing.browse(page)
    return 0


def verify(options, say) -> int:
    """Runs a sample of records again; 1 if one is different beyond the noise of seeds, else 0."""
    choose(options.recipe, RECIPES, "recipe")
    if options.sample < 1:
        raise UserError(f"expected --sample of at least 1, got {options.sample}")
    store = Store(records_folder(options.recipe, options.records))
    counts: dict[str, int] = {}
    for one in verifying.verified(
        store, sample=options.sample, seed=options.seed, conditions=Conditions(device=_device(options.device))
    ):
        counts[one.outcome] = counts.get(one.outcome, 0) + 1
        say(f"{one.id} {one.outcome:17} {_figure(one.before)} before, {_figure(one.after)} now; {one.devices[0]}")
        if one.devices[0] != one.devices[1]:
            say(f"{'':16} made again on {one.devices[1]}")
    if number := stopping.heard():
        say(f"interrupted after {sum(counts.values())} of them")
        return 128 + number
    if not counts:
        raise UserError(f"expected records of trainings in {store.folder}, found none: run the recipe first")
    say(", ".join(f"{count} {outcome}" for outcome, count in counts.items()))
    return 1 if counts.get("different") else 0


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def decide(options, say) -> int:
    """Spends a budget where it closes most open claims; 3 if blocks are left that would close more, else 0."""
    stems = [choose(options.recipe, RECIPES, "recipe") and options.recipe] if options.recipe else list(RECIPES)
    made, left = deciding.decide(
        stems,
        budget=seconds(options.budget),
        records=options.records,
        say=say,
        workers=options.workers,
        device=_device(options.device),
        engine=choose(options.engine, ENGINES, "engine") and options.engine,
    )
    for block in left[:5]:
        say(
            f"left: {block.stem}, {block.title} up to {block.seeds} seeds, about {duration(block.seconds)} of one "
            f"worker, for {', '.join(block.claims)}"
        )
    say(f"{made} runs done; `pruneproxy claims` shows what they decide")
    return 128 + stopping.heard() if stopping.heard() else 3 if left else 0


def ask(options, say) -> int:
    """Answers one of the two questions in a report; 3 if the budget ended before the work, else 0."""
    from pruneproxy.asking import naming, questions, report, retune_report
    from pruneproxy.asking.trials import Unfinished

    _check_workers(options.workers)
    folder = records_folder("", options.records)
    about = (naming.named(options.network), naming.trainer(options), naming.space(options.space))
    try:
        with _trainings(options.budget) as heard:
            shared = naming.plan(options) | {"records": folder, "on_record": heard}
            if options.retune:
                name, form = "retune", retune_report
                setting = naming.setting(options.setting) or None
                found = questions.retune(*about, setting, keep=options.keep, method=options.method, **shared)
            else:
                name, form = "pilot", report
                found = questions.pilot(*about, **shared)
    except UserError as error:
        if stopping.heard():
            say(f"pruneproxy: interrupted; {stopping.KEPT}")
            return 128 + stopping.heard()
        if not isinstance(error, Unfinished):
            raise
        say(f"pruneproxy: {error}")
        return 3
    for path, text in ((folder / f"{name}.html", form.as_html(found)), (folder / f"{name}.json", form.as_json(found))):
        durable.write(path, text)
    for line in (*str(found).splitlines(), f"report: {folder / name}.html"):
        say(line)
    return 128 + stopping.heard() if stopping.heard() else 0 if found.complete else 3


@contextlib.contextmanager
def _trainings(budget: str):
    """A bar of trainings, with the time that those in sight will take and that which the budget leaves."""
    deadline = stopping.Deadline.after(seconds(budget))
    with tqdm(unit="training", file=sys.stderr) as bar:

        def heard(_, done, total):
            if done == 1:
                bar.total = bar.n + total
            bar.set_postfix_str(f"budget: {duration(max(0.0, deadline.left))} left", refresh=False)
            bar.update()

        yield heard


def pack(options) -> list[str]:
    """Merges the parts of a recipe's records, each of which is held against its id."""
    choose(options.recipe, RECIPES, "recipe")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Damaged)  # said below
        store = Store(records_folder(options.recipe, options.records))
    if not store.lines_read:
        raise UserError(f"expected records in {store.folder}, found none: run the recipe first")
    packed = store.pack(fits=auditing.fits, adopt=options.adopt)
    lines = [f"{packed.records} records in {store.folder / 'records.jsonl'}"]
    if packed.adopted:
        lines.append(f"{packed.adopted} records without checksums were believed and have theirs now")
    lines += [f"put aside in {store.folder / 'aside.txt'}: {reason}" for reason in packed.aside]
    return lines


def export(options) -> str:
    """Writes the records of a recipe, of all of them or of a folder as a table, and says what is in it."""
    if options.parquet:
        exporting.check_parquet()
    if options.source is None or options.source in RECIPES:
        folders = {name: records_folder(name) for name in _stems(options.source)}
    elif (folder := records_folder("", options.source)).is_dir():
        folders = {folder.name: folder}
    else:
        raise UserError(
            f"expected a recipe ({', '.join(RECIPES)}) or a folder of records, got {options.source!r}: there is none"
        )
    table = exporting.frame({name: Store(folder) for name, folder in folders.items()})
    path = Path(options.parquet or options.csv)
    (exporting.write_parquet if options.parquet else exporting.write_csv)(table, path)
    return f"{len(table)} records, {len(table.columns)} columns in {path}"


def claims(options) -> list[dict]:
    """The verdicts of one or all recipes as plain dictionaries, each with the claim's own words and place."""
    if options.records is not None and not named_folder(options.records, "records").is_dir():
        raise UserError(f"expected a folder of records, found none at {options.records}: run the recipe first")
    found = standing.verdicts(_stems(options.recipe), scale=options.scale, records=options.records)
    return [
        asdict(RECIPES[stem].claims[verdict.claim]) | asdict(verdict)
        for stem, verdicts in found.items()
        for verdict in verdicts
    ]


def claims_table(rows: list[dict]) -> str:
    """The verdicts as lines of text: the claim, what was found, what it rests on, and what would close an open one."""
    lines = [line for row in rows for line in _claim_lines(row)]
    counts = {name: sum(row["grade"] == name for row in rows) for name in GRADES}
    return "\n".join([*lines, ", ".join(f"{count} {name}" for name, count in counts.items() if count)])


def _claim_lines(row: dict) -> list[str]:
    indent = " " * 6
    first = f"{row['claim']:6}{row['grade']}: {row['text']}"
    if not row["records"]:
        return [first, f"{indent}{row['note']}"]
    interval = f", 95 % interval {row['interval'][0]:.3g} to {row['interval'][1]:.3g}" if row["interval"] else ""
    p = "" if row["p"] is None else f"; corrected p {row['p']:.2g}"
    base = f"scale {row['scale']}, {row['seeds']} seed{'s' * (row['seeds'] != 1)}, {len(row['records'])} records"
    more = [row["note"] if row["grade"] == "not testable" else "", row["paper"], row["closes"]]
    return [first, f"{indent}{row['effect']}{interval}{p}; {base}", *(f"{indent}{line}" for line in more if line)]


def models_table() -> str:
    """All networks at their published input, with parameters and multiplications per image."""
    lines = [
        f"{'name':14} {'input':12} {'smallest':>8} {'groups':>6} {'parameters':>12} {'multiplications':>16}  title"
    ]
    for row in listings():
        size = "x".join(map(str, row.shape))
        lines.append(
            f"{row.name:14} {size:12} {row.smallest:8} {row.groups:6} {row.parameters:12,} "
            f"{row.multiplications:16,}  {row.title}"
        )
    return "\n".join(lines)


def data_command(options) -> list[str]:
    """The lines of `pruneproxy data list|get|import|check`."""
    if options.action == "list":
        return [_set_line(row) for row in data.list_sets(options.root)] + _weights_lines(options.root)
    if options.name in data.WEIGHTS and options.action == "import":
        return [data.import_weights(options.name, options.path, options.root)]
    if options.action == "check":
        return [data.check(options.name, options.root)]
    with tqdm(unit="B", unit_scale=True, file=sys.stderr, disable=None) as bar:

        def progress(done, total):
            bar.total = total
            bar.update(done - bar.n)

        if options.action == "get":
            return [data.get(options.name, options.root, progress)]
        return [data.import_set(options.name, options.path, options.root, progress)]


def _weights_lines(root) -> list[str]:
    return [
        f"{name:37} import         {one.title}: {data.weights_state(name, root)}" for name, one in data.WEIGHTS.items()
    ]


def _set_line(row: dict[str, str]) -> str:
    facts = f"{row['name']:15} {row['shape']:13} {row['classes']:>5} classes  {row['how']:14}"
    return f"{facts} {row['title']}: {row['state']}"
