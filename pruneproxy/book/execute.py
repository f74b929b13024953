"""Notebooks run by papermill, several at once, each into a file of its own; the source notebooks are not changed."""

import hashlib
import json
import logging
import multiprocessing
import os
import re
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

import nbformat
import papermill

from pruneproxy import stopping
from pruneproxy.cache import cached
from pruneproxy.errors import UserError

INJECTED = "injected-parameters"


@dataclass(frozen=True, kw_only=True)
class Job:
    """One notebook to run: `source` with `parameters`, into `output`; a cell may take `timeout` seconds.

    `rests_on` names what its page rests on beside the package, itself and the parameters, such as a digest of records:
    while all of it stays, the page that was made before is taken. None has it run in any case.
    """

    source: Path
    output: Path
    parameters: Mapping[str, object] = field(default_factory=dict)
    timeout: int = 600
    rests_on: tuple[str, ...] | None = None


def run(job: Job) -> float:
    """Seconds that the notebook took; an error in a cell is a UserError, and the partial notebook is kept."""
    job.output.parent.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    if job.rests_on is None:
        _execute(job)
    else:
        digest = hashlib.sha256(job.source.read_bytes()).hexdigest()
        words = (job.source.name, digest, sorted(job.parameters.items()), *job.rests_on)
        page = cached("page", words, lambda: _execute(job))
        job.output.write_text(json.dumps(page, ensure_ascii=False, indent=1), encoding="utf-8")
    return time.perf_counter() - start


def _execute(job: Job) -> dict:
    """Runs a notebook into its output, and returns what is in there."""
    # papermill warns about names whose annotation it cannot read, and sets them all the same.
    logging.getLogger("papermill").setLevel(logging.ERROR)
    try:
        papermill.execute_notebook(
            str(job.source),
            str(job.output),
            parameters=dict(job.parameters),
            cwd=str(job.source.parent),
            execution_timeout=job.timeout,
            progress_bar=False,
            # A kernel that is told to stop while it stops logs an error that is none.
            extra_arguments=["--IPKernelApp.log_level=CRITICAL"],
        )
    except papermill.PapermillExecutionError as error:
        raise UserError(
            f"{job.source.name} stopped in cell {error.cell_index}: {error.ename}: {error.evalue}; see {job.output}"
        ) from None
    hide_injected_parameters(job.output)
    show_scale(job.output, job.parameters.get("scale"))
    return json.loads(job.output.read_text(encoding="utf-8"))


def run_all(jobs: Iterable[Job], *, workers: int = 2, report: Callable[[Job, float], None] | None = None) -> None:
    """Runs the jobs in `workers` processes of one thread each; `report` is called with each job and its seconds."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, context, stopping.end_with_parent) as pool:
        futures = {pool.submit(run, job): job for job in jobs}
        for future in as_completed(futures):
            seconds = future.result()
            if report:
                report(futures[future], seconds)


def hide_injected_parameters(notebook: Path) -> None:
    """Leaves papermill's cell of parameters, which holds paths of this machine, out of the page."""
    content = nbformat.read(notebook, as_version=4)
    for cell in content.cells:
        tags = cell.metadata.get("tags", [])
        if INJECTED in tags and "remove-cell" not in tags:
            cell.metadata["tags"] = [*tags, "remove-cell"]
    nbformat.write(content, notebook)


def show_scale(notebook: Path, scale: str | None) -> None:
    """Writes the scale that a page was run at into its visible cell of parameters."""
    content = nbformat.read(notebook, as_version=4)
    for cell in content.cells:
        if scale and "parameters" in cell.metadata.get("tags", []):
            cell.source = re.sub(r'^(scale.*= )"\w+"', rf'\1"{scale}"', cell.source, flags=re.MULTILINE)
    nbformat.write(content, notebook)
